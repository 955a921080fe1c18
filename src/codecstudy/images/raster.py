"""Decoded samples as the file stores them, and their conversion to canonical pixels."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from codecstudy.images import colour
from codecstudy.images.colour import Encoding, Samples, Space
from codecstudy.types import Pixels

_TO_8_BIT = ((np.arange(65536, dtype=np.uint32) * 255 + 32767) // 65535).astype(np.uint8)
"""16-bit samples to 8 bits, rounded to nearest."""


@dataclass(slots=True)
class Raster:
    """Samples of one image as its file stores them."""

    samples: Samples
    """Height x width x channels: the channels of the colour space, then alpha."""
    space: Space
    has_alpha: bool = False
    premultiplied: bool = False
    """Whether the colour is already multiplied by alpha."""
    maximum: int = 255
    """The full-scale sample value: 255 in uint8; 65535 or less (1023 for 10 bits) in uint16."""
    icc: bytes | None = None
    encoding: Encoding | None = None
    """Colour that the file states by number, if it has no ICC profile; None is sRGB."""
    orientation: int = 1
    """EXIF orientation that still has to be applied, 1 to 8."""
    notes: list[str] = field(default_factory=list)


def to_canonical(raster: Raster) -> tuple[Pixels, tuple[str, ...]]:
    """Convert to uint8, height x width x 3, sRGB, C-contiguous and writable; with a note on every change.

    Every step but the orientation treats each pixel by itself, so a large image is converted a few rows at a time,
    and the intermediate results take little memory.
    """
    samples = raster.samples
    height, width = samples.shape[:2]
    has_alpha = raster.has_alpha and int(samples[:, :, -1].min()) < raster.maximum
    if raster.orientation == 1 and _is_canonical(raster):
        # Some decoders return views of memory that they own, which a kernel cannot take.
        pixels = np.ascontiguousarray(samples)
        return pixels if pixels.flags.writeable else pixels.copy(), tuple(raster.notes)
    turned = raster.orientation >= 5
    pixels = np.empty((width, height, 3) if turned else (height, width, 3), np.uint8)
    # The array as it would be with the orientation of the file.
    target = oriented(pixels, _INVERSE.get(raster.orientation, raster.orientation))
    note = None
    rows = max(1, _BLOCK_PIXELS // width)
    for start in range(0, height, rows):
        block, note = _converted(samples[start : start + rows], raster, has_alpha)
        target[start : start + rows] = block
    notes = [*raster.notes, *([note] if note else [])]
    if raster.space == "GRAY":
        notes.append("grey expanded")
    if has_alpha:
        notes.append("alpha flattened on white")
    if samples.dtype == np.uint16 and raster.maximum > 255:
        notes.append(f"{raster.maximum.bit_length()} bit rounded to 8")
    if raster.orientation != 1:
        notes.append(f"EXIF orientation {raster.orientation} applied")
    return pixels, tuple(notes)


_BLOCK_PIXELS = 1 << 19
_INVERSE = {6: 8, 8: 6}
"""The orientation that undoes another one, if it is not the same."""


def _is_canonical(raster: Raster) -> bool:
    """Whether the samples are the pixels already."""
    plain = raster.space == "RGB" and not raster.has_alpha and raster.samples.shape[2] == 3
    return plain and raster.samples.dtype == np.uint8 and not raster.icc and raster.encoding is None


def _converted(stored: Samples, raster: Raster, has_alpha: bool) -> tuple[Pixels, str | None]:
    """Some rows, 8-bit sRGB with one or three channels; and the note on their colours."""
    samples = _full_range(stored, raster.maximum)
    alpha = samples[:, :, -1] if raster.has_alpha else None
    if alpha is not None:
        samples = samples[:, :, :-1]
        if raster.premultiplied:
            samples = _divided(samples, alpha)
    samples, note = colour.to_srgb(samples, raster.space, raster.icc, raster.encoding)
    if samples.shape[2] == 1:
        samples = np.repeat(samples, 3, axis=2)
    if alpha is not None and has_alpha:
        samples = _flatten(samples, alpha, int(np.iinfo(samples.dtype).max))
    return _TO_8_BIT[samples] if samples.dtype == np.uint16 else samples.astype(np.uint8, copy=False), note


def oriented(samples: Samples, orientation: int) -> Samples:
    """Samples rotated and mirrored for display as EXIF orientation 1 to 8 says."""
    if orientation >= 5:
        samples = samples.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        samples = samples[:, ::-1]
    if orientation in (3, 4, 7, 8):
        samples = samples[::-1]
    return samples


def _full_range(samples: Samples, maximum: int) -> Samples:
    """Samples of 10 or 12 bits stretched to 16; others unchanged."""
    if maximum == np.iinfo(samples.dtype).max:
        return samples
    table = (np.arange(maximum + 1, dtype=np.uint64) * 65535 + maximum // 2) // maximum
    return table.astype(np.uint16)[np.minimum(samples, maximum)]


def _divided(samples: Samples, alpha: Samples) -> Samples:
    """Colour divided by the alpha that it was multiplied by, rounded to nearest; 0 where alpha is 0."""
    full = int(np.iinfo(samples.dtype).max)
    over = np.maximum(alpha, 1)[:, :, np.newaxis].astype(np.uint64)
    divided: Samples = np.minimum((samples * np.uint64(full) + over // 2) // over, full).astype(samples.dtype)
    return divided


def _flatten(samples: Samples, alpha: Samples, full: int) -> Samples:
    """Composite over white: colour x alpha + white x (1 - alpha), rounded to nearest."""
    # The largest sum is full * full + full // 2, which fits in twice the bits.
    wide = np.dtype(np.uint16 if full == 255 else np.uint32)
    one = wide.type(full)
    over = alpha.astype(wide)
    white = (one - over) * one + one // wide.type(2)
    out = np.empty_like(samples)
    for channel in range(samples.shape[2]):
        out[:, :, channel] = (samples[:, :, channel] * over + white) // one
    return out
