"""Pictures embedded in the page: unchanged files, lossless crops, heat maps and thumbnails."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from codecstudy.types import Box, Pixels

WHOLE_FILE_LIMIT = 200_000
"""Encoded files of up to this many bytes are embedded unchanged; of larger ones, a crop."""
_HEAT_LEVELS = 48
_THUMBNAIL = (168, 112)

# Dark to bright in even steps of lightness: a few colours of matplotlib's inferno (CC0, van der Walt and Smith).
_HEAT = np.array(
    [(0, 0, 4), (40, 11, 84), (101, 21, 110), (159, 42, 99), (212, 72, 66), (245, 125, 21), (250, 193, 39),
     (252, 255, 164)],
    dtype=np.float64,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture in the page."""

    uri: str
    """``data:`` URI."""
    width: int
    height: int
    left: int
    """Position of the shown region, in pixels of this picture."""
    top: int

    def __len__(self) -> int:
        return len(self.uri)


def data_uri(data: bytes, mime: str) -> str:
    """``data`` as a ``data:`` URI."""
    return f"data:{mime};base64,{base64.b64encode(data).decode('ascii')}"


def as_is(data: bytes, mime: str, size: tuple[int, int], region: Box) -> Picture:
    """An unchanged encoded file, of which ``region`` is shown. ``size`` is its width and height."""
    return Picture(data_uri(data, mime), *size, region.left, region.top)


def lossless_crop(pixels: Pixels, region: Box) -> Picture:
    """``region`` of ``pixels`` as lossless WebP."""
    return Picture(_webp(region.of(pixels), lossless=True), region.width, region.height, 0, 0)


def thumbnail(pixels: Pixels) -> Picture:
    """The whole image at a small size as lossy WebP, for choosing an image, not for judging it."""
    image = Image.fromarray(pixels)
    image.thumbnail(_THUMBNAIL, Image.Resampling.LANCZOS, reducing_gap=2.0)
    return Picture(_webp(np.asarray(image), lossless=False), *image.size, 0, 0)


def heat_map(distances: NDArray[np.float32], region: Box, top: float) -> Picture:
    """``region`` of a distance map in colours from 0 (black) to ``top`` (bright), as lossless WebP.

    The resolution is halved by taking the maximum of each 2 x 2 pixels, which is still finer than the metric's own
    blur.
    """
    part = region.of(distances)
    height, width = (max(2, n - n % 2) for n in part.shape)
    part = np.pad(
        part, [(0, max(0, height - part.shape[0])), (0, max(0, width - part.shape[1]))], mode="edge"
    )
    small = part[:height, :width].reshape(height // 2, 2, width // 2, 2).max(axis=(1, 3))
    level = np.rint(np.clip(small / max(top, 1e-6), 0, 1) * (_HEAT_LEVELS - 1)) / (_HEAT_LEVELS - 1)
    place = np.linspace(0, 1, len(_HEAT))
    colours = np.stack([np.interp(level, place, channel) for channel in _HEAT.T], axis=-1)
    image = np.rint(colours).astype(np.uint8)
    return Picture(_webp(image, lossless=True), image.shape[1], image.shape[0], 0, 0)


def _webp(pixels: Pixels, *, lossless: bool) -> str:
    buffer = io.BytesIO()
    options = {"lossless": True, "quality": 75, "method": 4} if lossless else {"quality": 72, "method": 4}
    Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, "WEBP", **options)
    return data_uri(buffer.getvalue(), "image/webp")
