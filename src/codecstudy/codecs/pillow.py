"""Canonical pixels to Pillow and back, for the codecs whose libraries come inside Pillow's wheel.

Files are opened through a plugin's own class, not ``PIL.Image.open``: that one guesses among all formats
and warns or refuses by a process-wide pixel limit, which is the caller's to decide, not ours.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import AvifImagePlugin, Image, JpegImagePlugin, WebPImagePlugin

from codecstudy.errors import CodecError
from codecstudy.types import Pixels

WRITERS = (AvifImagePlugin, JpegImagePlugin, WebPImagePlugin)
"""Imported so that they are registered: the first save would load all of Pillow's plugins otherwise, within
the time that is measured."""


def save(pixels: Pixels, pillow_format: str, title: str, **options: Any) -> bytes:
    """Encode uint8, height x width x 3, with Pillow's writer of ``pillow_format``, in memory.

    Raises :class:`CodecError` naming ``title`` and the image's size when the library refuses.
    """
    image = to_image(pixels)
    buffer = io.BytesIO()
    try:
        image.save(buffer, pillow_format, **options)
    except (OSError, ValueError, RuntimeError, MemoryError) as error:
        raise CodecError(f"{title} could not encode {image.width}x{image.height} pixels: {error}") from error
    return buffer.getvalue()


def to_image(pixels: Pixels) -> Image.Image:
    """A Pillow image in mode RGB; ``ValueError`` for anything but uint8, height x width x 3."""
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
        raise ValueError(
            f"a codec takes uint8 pixels of shape (height, width, 3), not {pixels.dtype} {pixels.shape}"
        )
    return Image.fromarray(np.ascontiguousarray(pixels))


def to_pixels(image: Image.Image) -> Pixels:
    """uint8, height x width x 3, C-contiguous and writable; grey is expanded to three equal channels."""
    return np.array(image if image.mode == "RGB" else image.convert("RGB"))
