"""The part of an image with the strongest artifacts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from codecstudy.types import Box

REGION = (480, 320)
"""Width and height of the shown region, in pixels of the image."""
_PEAK = 64
"""Side of the square to search for: smaller than the region, so that small artifacts count too."""


def worst_region(maps: Sequence[NDArray[np.float32]], size: tuple[int, int] = REGION) -> Box:
    """The window around the square with the strongest artifacts over all ``maps``.

    Sums the cubes of the distances, like the 3-norm: strong artifacts in one map count more than weak artifacts in
    all of them. Of equal squares, the first one from the top is used.

    Args:
        maps: Butteraugli distances of the same image with several codecs, float32, shape (height, width).
        size: Width and height of the window in pixels; the window is smaller if the image is.
    """
    height, width = maps[0].shape
    damage = np.zeros((height, width), dtype=np.float64)
    for distances in maps:
        damage += distances.astype(np.float64) ** 3
    side_x, side_y = min(_PEAK, width), min(_PEAK, height)
    total = np.zeros((height + 1, width + 1))
    np.cumsum(np.cumsum(damage, axis=0), axis=1, out=total[1:, 1:])
    sums = (
        total[side_y:, side_x:]
        - total[:-side_y, side_x:]
        - total[side_y:, :-side_x]
        + total[:-side_y, :-side_x]
    )
    top, left = (int(k) for k in np.unravel_index(int(np.argmax(sums)), sums.shape))
    window_width, window_height = min(size[0], width), min(size[1], height)
    return Box(
        _clamp(left + side_x // 2 - window_width // 2, width - window_width),
        _clamp(top + side_y // 2 - window_height // 2, height - window_height),
        window_width,
        window_height,
    )


def _clamp(value: int, most: int) -> int:
    return max(0, min(value, most))
