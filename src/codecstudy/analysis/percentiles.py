"""The range of single images: percentiles, or the lowest and the highest value of few images.

It needs no SciPy, so that the summary of a run can use it.
"""

from __future__ import annotations

import numpy as np

from codecstudy.types import Floats

MIN_PERCENTILES = 20
"""With fewer images, none is below the 5th percentile, so the lowest and the highest value are given instead."""


def spread(values: Floats) -> tuple[float, float, float]:
    """5th percentile, median and 95th percentile over images, ignoring NaN. Needs at least one value.

    With fewer than :data:`MIN_PERCENTILES` values, lowest value, median and highest value; see
    :func:`spread_names`. Interpolates linearly. If any value is infinite (a lossless PSNR), it takes the next
    lower value instead, since there is nothing between a finite and an infinite number.
    """
    present = values[~np.isnan(values)]
    tails = (5, 50, 95) if present.size >= MIN_PERCENTILES else (0, 50, 100)
    low, middle, high = np.percentile(
        present, tails, method="lower" if np.isinf(present).any() else "linear"
    ).tolist()
    return low, middle, high


def spread_names(images: int) -> tuple[str, str]:
    """What the ends of :func:`spread` over ``images`` values are called."""
    return ("p5", "p95") if images >= MIN_PERCENTILES else ("lowest", "highest")
