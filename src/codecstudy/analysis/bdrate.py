"""BD-rate: the mean size difference between two rate-distortion curves over their common scores.

G. Bjontegaard, "Calculation of average PSNR differences between RD-curves", ITU-T VCEG-M33, 2001, but with PCHIP
curves instead of that paper's cubic polynomials. For one image it is
exp(mean over the common scores of (log size of the variant - log size of the baseline)) - 1.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from codecstudy.analysis.curves import Curve, CurveSet
from codecstudy.analysis.estimates import Estimate, mean_estimates, median_estimate, spread
from codecstudy.analysis.variants import Scope, Variant
from codecstudy.types import Floats

MIN_POINTS = 4
"""Minimum number of measured points on a curve: with fewer, the interpolation would dominate the result."""
MIN_OVERLAP = 0.25
"""Minimum overlap: the length of the common score range over the length of the union of both ranges."""


@dataclass(frozen=True, slots=True, eq=False)
class ImageRates:
    """BD-rates of every ordered pair of variants of one scope on every image.

    Arrays are float64, images x variants x variants; [i, a, b] compares a with b.
    """

    variants: tuple[int, ...]
    """Indices of the blocks, in the order of the arrays."""
    log_rate: Floats
    """log(1 + BD-rate); NaN if it was not computed."""
    low: Floats
    """Ends of the common score range, as goodness; NaN without a curve."""
    high: Floats
    overlap: Floats
    """Common score range / union of both ranges, 0 to 1; NaN without a curve."""
    refusals: NDArray[np.str_]
    """Why there is no number; empty if there is one."""


@dataclass(frozen=True, slots=True)
class BDRate:
    """BD-rate of one variant against another over images."""

    variant: Variant
    baseline: Variant | None
    metric: str
    percent: Estimate | None
    """Geometric mean over images of the rate ratio, in percent: -30 is 30 % smaller at equal score. If None,
    ``reason`` is set. The geometric mean makes A against B the exact inverse of B against A."""
    median: Estimate | None
    lowest: float | None
    """Lowest and highest BD-rate of single images, in percent: 5th and 95th percentile from 20 images on."""
    highest: float | None
    images: int
    refused: dict[str, int]
    """Number of images without a BD-rate, by reason."""
    overlap: tuple[float, float] | None
    """Median over images of the two ends of the common score range, worst first."""
    overlap_share: float | None
    """Median over images of common score range / union of both ranges, 0 to 1."""
    reason: str | None = None


def bd_matrix(curves: CurveSet, scope: Scope) -> tuple[tuple[BDRate, ...], ...]:
    """Every variant of ``scope`` (rows) against every one (columns); the diagonal is 0 %."""
    rates = image_rates(curves, scope)
    n = len(rates.variants)
    flat = _aggregate(curves, rates, [(a, b) for a in range(n) for b in range(n)])
    return tuple(tuple(flat[row * n : (row + 1) * n]) for row in range(n))


def image_rates(curves: CurveSet, scope: Scope) -> ImageRates:
    """BD-rates per image of all pairs of variants of ``scope``."""
    variants = curves.points.in_scope(scope)
    n, images = len(variants), len(curves.points.images)
    shape = (images, n, n)
    rates = ImageRates(
        variants,
        np.full(shape, np.nan),
        np.full(shape, np.nan),
        np.full(shape, np.nan),
        np.full(shape, np.nan),
        np.full(shape, "", dtype="U64"),
    )
    for image in range(images):
        _fill(rates, image, [curves.curves[v][image] for v in variants])
    return rates


def _fill(rates: ImageRates, image: int, row: list[Curve | None]) -> None:
    low = np.array([np.nan if c is None else c.low for c in row])
    high = np.array([np.nan if c is None else c.high for c in row])
    count = np.array([0 if c is None else len(c) for c in row])
    from_, to = np.maximum.outer(low, low), np.minimum.outer(high, high)
    union = np.maximum.outer(high, high) - np.minimum.outer(low, low)
    with np.errstate(invalid="ignore"):  # two curves of the same single point: no common range
        share = np.maximum(to - from_, 0.0) / np.where(union > 0, union, np.nan)
    fewest = np.minimum.outer(count, count)
    why = np.select(
        [fewest == 0, fewest < MIN_POINTS, ~(share > 0), share < MIN_OVERLAP],
        [
            "no scores on one side",
            f"fewer than {MIN_POINTS} points",
            "no common scores",
            f"common scores under {MIN_OVERLAP:.0%} of the range",
        ],
        "",
    )
    means = np.full(share.shape, np.nan)
    for a, curve in enumerate(row):
        usable = why[a] == ""
        if curve is not None and usable.any():
            means[a, usable] = curve.mean_log_size(from_[a, usable], to[a, usable])
    rates.log_rate[image] = means - means.T
    rates.low[image], rates.high[image], rates.overlap[image] = from_, to, share
    rates.refusals[image] = why


def _aggregate(curves: CurveSet, rates: ImageRates, pairs: list[tuple[int, int]]) -> list[BDRate]:
    rows, columns = (np.array(side, dtype=np.intp) for side in zip(*pairs, strict=True))
    logs = rates.log_rate[:, rows, columns]
    sample = curves.points.sample
    means = mean_estimates(logs, sample, _percent)
    variants = curves.points.variants
    entries = []
    for k, (a, b) in enumerate(pairs):
        refused = {str(w): n for w, n in Counter(rates.refusals[:, a, b].tolist()).most_common() if w}
        mean, v, base = means[k], rates.variants[a], rates.variants[b]
        if mean is None:
            reason = "; ".join(f"{why} ({n} image{'' if n == 1 else 's'})" for why, n in refused.items())
            entries.append(_nothing(curves, v, base, reason, refused))
            continue
        used = ~np.isnan(logs[:, k])
        median = median_estimate(logs[:, k], sample)
        lowest, _, highest = spread(_percent(logs[:, k]))
        ends = np.median(rates.low[used, a, b]), np.median(rates.high[used, a, b])
        entries.append(
            BDRate(
                variants[v],
                variants[base],
                curves.scale.name,
                mean,
                median=None if median is None else median.map(lambda x: float(np.expm1(x) * 100)),
                lowest=lowest,
                highest=highest,
                images=mean.images,
                refused=refused,
                overlap=(curves.scale.score(float(ends[0])), curves.scale.score(float(ends[1]))),
                overlap_share=float(np.median(rates.overlap[used, a, b])),
            )
        )
    return entries


def _percent(logs: Floats) -> Floats:
    return np.expm1(logs) * 100


def _nothing(curves: CurveSet, v: int, base: int | None, reason: str, refused: dict[str, int]) -> BDRate:
    variants = curves.points.variants
    return BDRate(
        variants[v],
        None if base is None else variants[base],
        curves.scale.name,
        None,
        None,
        None,
        None,
        0,
        refused,
        None,
        None,
        reason,
    )
