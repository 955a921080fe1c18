"""Smaller versions of an image, never larger ones."""

from __future__ import annotations

import numpy as np
from PIL import Image

from codecstudy.types import Pixels


def fitted_size(width: int, height: int, longest_edge: int) -> tuple[int, int] | None:
    """Width and height with the longer one ``longest_edge`` and the aspect ratio kept, or None if smaller.

    The shorter edge is rounded half up and is at least one pixel.
    """
    if longest_edge < 1:
        raise ValueError(f"longest_edge must be at least 1 pixel, not {longest_edge}")
    longest = max(width, height)
    if longest < longest_edge:
        return None
    return _scaled(width, longest_edge, longest), _scaled(height, longest_edge, longest)


def _scaled(edge: int, numerator: int, denominator: int) -> int:
    return max(1, (2 * edge * numerator + denominator) // (2 * denominator))


def resize(pixels: Pixels, longest_edge: int) -> Pixels | None:
    """``pixels`` (uint8, height x width x 3) scaled down so that the longest edge is ``longest_edge`` pixels.

    Lanczos with three lobes, on the sRGB-coded values as image viewers and web services do it. An image that
    has that size already comes back as it is. None for a smaller one: images are never enlarged.
    """
    height, width = pixels.shape[:2]
    size = fitted_size(width, height, longest_edge)
    if size is None:
        return None
    if size == (width, height):
        return pixels
    return np.array(Image.fromarray(np.ascontiguousarray(pixels)).resize(size, Image.Resampling.LANCZOS))
