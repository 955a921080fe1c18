"""Downscaling; images are never enlarged."""

from __future__ import annotations

import numpy as np
from PIL import Image

from codecstudy.types import Pixels


def fitted_size(width: int, height: int, longest_edge: int) -> tuple[int, int] | None:
    """Size of an image after scaling its longer edge down to ``longest_edge``, keeping the aspect ratio.

    Args:
        width: Width in pixels.
        height: Height in pixels.
        longest_edge: Length of the longer edge in pixels, at least 1.

    Returns:
        Width and height, or None if the image is smaller than that. The shorter edge is rounded half up and is
        at least one pixel.

    Raises:
        ValueError: ``longest_edge`` is less than 1.
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
    """Scale an image down with a three-lobed Lanczos filter.

    The filter works on the sRGB-coded values, as image viewers and web services do.

    Args:
        pixels: uint8, height x width x 3.
        longest_edge: Length of the longer edge in pixels.

    Returns:
        The scaled image; ``pixels`` itself if it has that size already; None if it is smaller.
    """
    height, width = pixels.shape[:2]
    size = fitted_size(width, height, longest_edge)
    if size is None:
        return None
    if size == (width, height):
        return pixels
    return np.array(Image.fromarray(np.ascontiguousarray(pixels)).resize(size, Image.Resampling.LANCZOS))
