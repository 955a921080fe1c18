"""BD-rate: the mean size difference between two rate-distortion curves over a fixed range of scores.

G. Bjontegaard, "Calculation of average PSNR differences between RD-curves", ITU-T VCEG-M33, 2001, but with PCHIP
curves instead of that paper's cubic polynomials, and over a stated range instead of the scores that two curves
happen to have in common: so the numbers of different pairs and studies are about the same scores. For one image it
is exp(mean over the range of (log size of the variant - log size of the baseline)) - 1.

Both curves must have measured points on both sides of the range: nothing is extrapolated. The error by
interpolation is estimated by leaving alternate points out: the larger difference of the two coarser curves (every
second inner point removed) from the whole curve.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from codecstudy.analysis.curves import Curve, CurveSet
from codecstudy.analysis.estimates import Estimate, mean_estimates, median_estimate
from codecstudy.analysis.matched import MIN_REACHED
from codecstudy.analysis.percentiles import spread
from codecstudy.analysis.variants import Scope, Variant
from codecstudy.errors import ResultsError
from codecstudy.types import Floats, MetricColumn

MIN_POINTS = 4
"""Minimum number of measured points on a curve: with fewer, the interpolation would dominate the result."""

Range = tuple[float, float]
"""Two scores, worst first."""


@dataclass(frozen=True, slots=True, eq=False)
class ImageRates:
    """The mean log size of every variant of one scope on every image over the range. Arrays: images x variants."""

    variants: tuple[int, ...]
    """Indices of the blocks, in the order of the arrays."""
    log_size: Floats
    """NaN if it was not computed."""
    error: Floats
    """Leave-alternate-points-out error of ``log_size``."""
    low: Floats
    """Ends of each curve, as goodness; NaN without a curve."""
    high: Floats
    refusals: NDArray[np.str_]
    """Why there is no number; empty if there is one."""


@dataclass(frozen=True, slots=True)
class BDRate:
    """BD-rate of one variant against another over images."""

    variant: Variant
    baseline: Variant
    metric: str
    range: Range
    percent: Estimate | None
    """Geometric mean over images of the rate ratio, in percent: -30 is 30 % smaller at equal score. If None,
    ``reason`` is set. The geometric mean makes A against B the exact inverse of B against A."""
    error: float | None
    """Mean over images of the leave-alternate-points-out errors of both curves, in percent; ``percent`` includes it
    in its interval."""
    median: Estimate | None
    lowest: float | None
    """Lowest and highest BD-rate of single images, in percent: 5th and 95th percentile from 20 images on."""
    highest: float | None
    images: int
    refused: dict[str, int]
    """Number of images without a BD-rate, by reason."""
    covered: Range | None
    """Scores that both curves cover on nine tenths of the images; None if there are none."""
    reason: str | None = None


def usual_range(scale: MetricColumn) -> Range:
    """The range unless another one is requested: SSIMULACRA2 50 to 90; the ends of the usual targets."""
    return scale.targets[0], scale.targets[-1]


def bd_matrix(curves: CurveSet, scope: Scope, over: Range | None = None) -> tuple[tuple[BDRate, ...], ...]:
    """Every variant of ``scope`` (rows) against every one (columns); the diagonal is 0 %.

    Args:
        curves: The curves of one metric.
        scope: Resolution and crop.
        over: Two scores; the default is :func:`usual_range`.

    Raises:
        ResultsError: If the two scores of ``over`` are equal or not finite.
    """
    ends = usual_range(curves.scale) if over is None else over
    worst, best = sorted(ends, key=curves.scale.goodness)
    if not (np.isfinite(worst) and np.isfinite(best)) or worst == best:
        raise ResultsError(
            f"a BD-rate needs a range of two different {curves.scale.title} scores, not {ends[0]:g} to {ends[1]:g}"
        )
    rates = image_rates(curves, scope, (worst, best))
    n = len(rates.variants)
    flat = _aggregate(curves, rates, (worst, best), [(a, b) for a in range(n) for b in range(n)])
    return tuple(tuple(flat[row * n : (row + 1) * n]) for row in range(n))


def image_rates(curves: CurveSet, scope: Scope, over: Range) -> ImageRates:
    """Mean log sizes per image of all variants of ``scope`` over two scores, worst first."""
    variants = curves.points.in_scope(scope)
    shape = (len(curves.points.images), len(variants))
    log_size, error, low_end, high_end = (np.full(shape, np.nan) for _ in range(4))
    refusals = np.full(shape, "no scores", dtype="U64")
    rates = ImageRates(variants, log_size, error, low_end, high_end, refusals)
    low, high = (curves.scale.goodness(end) for end in over)
    for k, v in enumerate(variants):
        for i, curve in enumerate(curves.of_variant(v)):
            if curve is None:
                continue
            rates.low[i, k], rates.high[i, k] = curve.low, curve.high
            rates.refusals[i, k] = _why_not(curve, low, high, over)
            if not rates.refusals[i, k]:
                rates.log_size[i, k] = _mean(curve, low, high)
                rates.error[i, k] = max(
                    abs(_mean(curve.without(slice(start, -1, 2)), low, high) - rates.log_size[i, k])
                    for start in (1, 2)
                )
    return rates


def _why_not(curve: Curve, low: float, high: float, over: Range) -> str:
    if len(curve) < MIN_POINTS:
        return f"fewer than {MIN_POINTS} points"
    if curve.low > low or curve.high < high:
        return f"no points on both sides of {over[0]:g} to {over[1]:g}"
    return ""


def _mean(curve: Curve, low: float, high: float) -> float:
    return float(curve.mean_log_size(np.array([low]), np.array([high]))[0])


def _aggregate(
    curves: CurveSet, rates: ImageRates, over: Range, pairs: list[tuple[int, int]]
) -> list[BDRate]:
    rows, columns = (np.array(side, dtype=np.intp) for side in zip(*pairs, strict=True))
    logs = rates.log_size[:, rows] - rates.log_size[:, columns]
    errors = np.where(rows == columns, 0.0, rates.error[:, rows] + rates.error[:, columns])
    sample, variants, scale = curves.points.sample, curves.points.variants, curves.scale
    means = mean_estimates(logs, sample, _percent, errors)
    counted = curves.points.counted(variants[rates.variants[0]].scope)
    entries = []
    for k, (a, b) in enumerate(pairs):
        why = np.where(rates.refusals[:, a] != "", rates.refusals[:, a], rates.refusals[:, b])[counted]
        refused = {str(reason): n for reason, n in Counter(why.tolist()).most_common() if reason}
        mean, reason = means[k], None
        if mean is None or mean.images < MIN_REACHED * counted.sum():
            mean = None
            reason = "; ".join(f"{text} ({n} image{'' if n == 1 else 's'})" for text, n in refused.items())
        median = lowest = highest = error = None
        if mean is not None:
            median = median_estimate(logs[:, k], sample)
            lowest, _, highest = spread(_percent(logs[:, k]))
            error = float(np.expm1(mean.interpolation) * 100)
        entries.append(
            BDRate(
                variants[rates.variants[a]],
                variants[rates.variants[b]],
                scale.name,
                over,
                mean,
                error,
                None if median is None else median.map(lambda x: float(np.expm1(x) * 100)),
                lowest,
                highest,
                0 if mean is None else mean.images,
                refused,
                _covered(rates, a, b, scale),
                reason,
            )
        )
    return entries


def _covered(rates: ImageRates, a: int, b: int, scale: MetricColumn) -> Range | None:
    low, high = np.fmax(rates.low[:, a], rates.low[:, b]), np.fmin(rates.high[:, a], rates.high[:, b])
    known = ~np.isnan(low) & ~np.isnan(high)
    if not known.any():
        return None
    worst = float(np.quantile(low[known], 0.9, method="higher"))
    best = float(np.quantile(high[known], 0.1, method="lower"))
    return (scale.score(worst), scale.score(best)) if worst < best else None


def _percent(logs: Floats) -> Floats:
    return np.expm1(logs) * 100
