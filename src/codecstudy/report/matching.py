"""The level of a rate parameter at which one image has a wanted score or size: a search over few encodes."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import numpy as np
from scipy.interpolate import PchipInterpolator

from codecstudy.types import MetricColumn

STEPS = 8
"""Most encodes of one search. Interpolation usually needs one or two."""
SIZE_SHARE = 0.02
"""A size matches within this share of it."""


def tolerance(scale: MetricColumn | None, target: float) -> float:
    """How far from ``target`` a score still matches: a twentieth of the usual distance between targets.

    The usual distance is the median of those between the metric's own targets: 0.5 points for SSIMULACRA2, 0.25 dB
    for PSNR. A metric with a single target has none, so that only the nearest level matches.

    Args:
        scale: The metric, or None for bits per pixel.
        target: The wanted score, or bits per pixel.
    """
    if scale is None:
        return SIZE_SHARE * target
    if len(scale.targets) < 2:
        return 0.0
    return float(np.median(np.abs(np.diff(scale.targets)))) / 20


def closest(
    grid: Sequence[float],
    known: dict[float, float],
    target: float,
    tolerance: float,
    measure: Callable[[float], float | None],
) -> tuple[float | None, bool]:
    """The level of ``grid`` whose value is closest to ``target``, as far as a few measurements can tell.

    Between two neighbouring known levels with values on both sides of the target, the level is interpolated (PCHIP
    through all known values) and measured, until a value is within ``tolerance`` or no level is left between them.

    Args:
        grid: Levels, coarsest first.
        known: Finite values of some of them; measured values are added.
        target: Wanted value.
        tolerance: Distance from ``target`` that is close enough.
        measure: Measures a level; None if that is not possible, which ends the search.

    Returns:
        The level, None if no value is known; and whether the search is complete: the value is close enough, or no
        other level between measured ones can be closer, if values rise or fall steadily.
    """
    at = {level: k for k, level in enumerate(grid)}
    for _ in range(STEPS):
        best = nearest(known, target)
        if best is None or abs(known[best] - target) <= tolerance:
            return best, True
        step = _between(sorted((at[level], value - target) for level, value in known.items() if level in at))
        if step is None:
            return best, True
        value = measure(grid[step])
        if value is None or not np.isfinite(value):
            return best, False
        known[grid[step]] = value
    return nearest(known, target), False


def nearest(known: dict[float, float], target: float) -> float | None:
    """The known level whose value is closest to ``target``; None if there is none."""
    return min(known, key=lambda level: abs(known[level] - target), default=None)


def _between(known: list[tuple[int, float]]) -> int | None:
    """Position to measure next, between two neighbours of which one value is below 0 and the other above.

    Of several such neighbours, those with the smallest values are chosen. None if there are none, or if nothing
    is left between any of them.
    """
    crossings = [
        (min(abs(a), abs(b)), left, right)
        for (left, a), (right, b) in itertools.pairwise(known)
        if a * b < 0 and right - left > 1
    ]
    if not crossings:
        return None
    _, left, right = min(crossings)
    inside = np.arange(left + 1, right)
    curve = PchipInterpolator([k for k, _ in known], [value for _, value in known])
    return int(inside[np.argmin(np.abs(curve(inside)))])
