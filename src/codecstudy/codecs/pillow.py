"""Canonical pixels to Pillow and back, for the codecs whose libraries are part of Pillow's wheel.

Files are opened through a plugin's own class instead of ``PIL.Image.open``, which tries all formats, and warns or
refuses by a process-wide pixel limit that is the caller's to set.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import AvifImagePlugin, Image, JpegImagePlugin, WebPImagePlugin

from codecstudy.errors import CodecError
from codecstudy.types import Pixels

WRITERS = (AvifImagePlugin, JpegImagePlugin, WebPImagePlugin)
"""Imported so that they are registered: otherwise the first save would load all of Pillow's plugins within the time
that is measured."""


def save(pixels: Pixels, pillow_format: str, title: str, **options: Any) -> bytes:
    """Encode an image in memory with one of Pillow's writers.

    Args:
        pixels: uint8, height x width x 3.
        pillow_format: Pillow's name of the format.
        title: Name of the format for messages.
        **options: Options of the writer.

    Raises:
        CodecError: The library refuses; the message contains ``title`` and the image's size.
        MemoryError: There is not enough memory.
    """
    image = to_image(pixels)
    buffer = io.BytesIO()
    try:
        image.save(buffer, pillow_format, **options)
    except (OSError, ValueError, RuntimeError) as error:
        raise CodecError(f"{title} could not encode {image.width}x{image.height} pixels: {error}") from error
    return buffer.getvalue()


def to_image(pixels: Pixels) -> Image.Image:
    """Convert to a Pillow image in mode RGB.

    Args:
        pixels: uint8, height x width x 3.

    Raises:
        ValueError: ``pixels`` has another dtype or shape.
    """
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
        raise ValueError(
            f"a codec takes uint8 pixels of shape (height, width, 3), not {pixels.dtype} {pixels.shape}"
        )
    return Image.fromarray(np.ascontiguousarray(pixels))


def to_pixels(image: Image.Image) -> Pixels:
    """Convert to uint8, height x width x 3, C-contiguous and writable; grey becomes three equal channels."""
    return np.array(image if image.mode == "RGB" else image.convert("RGB"))
