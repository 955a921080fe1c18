"""Means, ratios of totals and medians over images, each with its interval.

The unit is the cluster of :class:`codecstudy.analysis.sample.Sample`: one image, or several that are nearly equal.
Copies of one file are one image with a weight. A mean and a ratio of totals are both ratios of two sums over
clusters, A / B, so both have the same interval:

- Standard error: the delete-one jackknife over clusters, within strata (B. Efron, "The Jackknife, the Bootstrap
  and Other Resampling Plans", 1982, chapter 3; K. M. Wolter, "Introduction to Variance Estimation", 2nd edition,
  2007, section 4.5, for strata). For the plain mean of n images, it is s / sqrt(n).
- Student's t with n_e - H degrees of freedom: H is the number of strata, and n_e = (sum of w)^2 / (sum of w^2) the
  effective number of clusters (L. Kish, "Survey Sampling", 1965, section 11.7), w their shares of the sum: n for a
  mean of equally weighted images, fewer if few large files make up most of a total.
- Skewness: the same quantiles after Hall's cubic transformation, which removes the skewness of the statistic
  (P. Hall, "On the Removal of Skewness by Transformation", Journal of the Royal Statistical Society B 54:1, 1992).

Each end of the interval is the outer one of the two. ``tests/analysis/test_coverage.py`` simulates its coverage,
docs/decisions/0014-intervals-without-resampling.md compares it with bootstrap intervals.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from codecstudy.analysis.sample import Sample
from codecstudy.types import Floats

Transform = Callable[[Floats], Floats]

CONFIDENCE = 0.95
FEW_IMAGES = 10
"""With fewer images, an answer carries a warning."""
MIN_MEDIAN = 6
"""A median has an interval from this number of clusters on: even the full range of five covers it with a
probability of only 1 - 2 / 2^5 = 94 %."""
MAX_SKEW = 2.0
"""Hall's transformation moves an end of an interval to at most this multiple of Student's t. Without a limit, the
skewness of three images, which says next to nothing, could triple an interval."""

_BLOCK = 512
"""Statistics computed at once; limits memory to clusters x 512 numbers per array."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value over images with its 95 % intervals."""

    value: float
    low: float | None
    """Interval for other images like these, which includes :attr:`interpolation`. None, like ``high``, if there
    are too few images for an interval."""
    high: float | None
    images: int
    """Number of images with a value; copies count once."""
    folder: tuple[float, float] | None = None
    """Interval for the dataset itself, of which these images are a sample: narrower than the other by the finite
    population correction. Both ends equal the value if every image of the dataset has a value; this says nothing
    about interpolation. None if there is no interval."""
    interpolation: float = 0.0
    """Upper bound on the error by interpolation between measured levels, on the scale on which the mean is
    formed: for a geometric mean, in units of the natural logarithm (0.003 is 0.3 %)."""

    @property
    def complete(self) -> bool:
        """Whether every image of the dataset has a value."""
        return self.folder == (self.value, self.value)

    def map(self, function: Callable[[float], float]) -> Estimate:
        """The estimate of a monotone function of the value; the interval ends are sorted."""

        def ends(low: float, high: float) -> tuple[float, float]:
            one, other = function(low), function(high)
            return min(one, other), max(one, other)

        value = function(self.value)
        low, high = (None, None) if self.low is None or self.high is None else ends(self.low, self.high)
        folder = None if self.folder is None else ends(*self.folder)
        return Estimate(value, low, high, self.images, folder, self.interpolation)


def mean_estimates(
    values: Floats, sample: Sample, transform: Transform = np.positive, bounds: Floats | None = None
) -> list[Estimate | None]:
    """Mean over images of each column, with its intervals.

    Args:
        values: Shape (images, statistics). NaN if an image has no value.
        sample: How the images represent others.
        transform: Increasing function, applied to the mean and to the ends of the intervals. ``np.exp`` turns
            means of logarithms into geometric means.
        bounds: Upper bounds on the interpolation errors of ``values``, at least 0, same shape.

    Returns:
        One estimate per column; None if no image has a value.
    """
    found: list[Estimate | None] = []
    for block in _blocks(values):
        here = ~np.isnan(values[:, block])
        weights = sample.weights[:, None] * here
        sums = np.where(here, values[:, block], 0.0) * weights
        errors = np.zeros(here.shape) if bounds is None else np.where(here, bounds[:, block], 0.0)
        found += _estimates(
            jackknife(sums, weights, here, sample),
            here,
            sample,
            transform,
            (errors * _shares(weights)).sum(axis=0),
        )
    return found


def total_ratio_estimates(
    values: Floats, base: Floats, sample: Sample, bounds: Floats | None = None
) -> list[Estimate | None]:
    """Sum of ``values`` / sum of ``base`` over images, for each column: the ratio of the totals.

    Args:
        values: Positive numbers, shape (images, statistics); NaN if an image has no value.
        base: The same for the denominator. Only images with both count.
        sample: How the images represent others.
        bounds: Upper bounds on the interpolation errors of log(values / base), at least 0, same shape.
    """
    found: list[Estimate | None] = []
    for block in _blocks(values):
        here = ~np.isnan(values[:, block]) & ~np.isnan(base[:, block])
        weights = sample.weights[:, None] * here
        over = np.where(here, values[:, block], 0.0) * weights
        under = np.where(here, base[:, block], 0.0) * weights
        # The error of the logarithm of a total is at most the mean of the errors, weighted by size.
        errors = np.zeros(here.shape) if bounds is None else np.where(here, bounds[:, block], 0.0)
        bound = (errors * np.maximum(_shares(over), _shares(under))).sum(axis=0)
        found += _estimates(jackknife(over, under, here, sample, totals=True), here, sample, np.exp, bound)
    return found


def median_estimate(values: Floats, sample: Sample) -> Estimate | None:
    """Median over clusters of ``values`` (one per image, NaN if an image has none) with its interval.

    A cluster counts once, with the mean of its images. The interval is that between two order statistics, and
    covers the median with at least 95 %, for any distribution (H. A. David and H. N. Nagaraja, "Order
    Statistics", 3rd edition, 2003, section 7.1). None if no image has a value.
    """
    here = ~np.isnan(values)
    if not here.any():
        return None
    sums = np.bincount(sample.clusters[here], values[here])
    counts = np.bincount(sample.clusters[here])
    ordered = np.sort(sums[counts > 0] / counts[counts > 0])
    value, images = float(np.median(ordered)), int(here.sum())
    folder = (value, value) if _fraction(here, sample) >= 1 else None
    if ordered.size < MIN_MEDIAN:
        return Estimate(value, None, None, images, folder)
    # The largest k with P(fewer than k values below the median) <= 2.5 %.
    k = int(stats.binom.ppf((1 - CONFIDENCE) / 2, ordered.size, 0.5))
    if stats.binom.cdf(k, ordered.size, 0.5) > (1 - CONFIDENCE) / 2:
        k -= 1
    return Estimate(value, float(ordered[k]), float(ordered[-k - 1]), images, folder)


def student_t(degrees: Floats, confidence: float = CONFIDENCE) -> Floats:
    """Two-sided quantile of Student's t; ``degrees`` of freedom are at least 1."""
    return np.asarray(stats.t.ppf((1 + confidence) / 2, np.maximum(degrees, 1.0)), dtype=np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class Spread:
    """The statistic over all images, and how it varies with them. Arrays have shape (statistics,)."""

    value: Floats
    """On the scale of the interval: logarithmic for geometric means and for ratios of totals."""
    standard_error: Floats
    skewness: Floats
    """Of the influence of single clusters on the statistic."""
    clusters: NDArray[np.int_]
    """Clusters with a value."""
    degrees: Floats
    """Degrees of freedom of Student's t, at least 1."""

    def ends(self, confidence: float = CONFIDENCE) -> tuple[Floats, Floats]:
        """Ends of the two-sided interval for other images like these."""
        t = student_t(self.degrees, confidence)
        most = MAX_SKEW * t
        low = self.value - self.standard_error * np.clip(self._untransformed(t), t, most)
        high = self.value - self.standard_error * np.clip(self._untransformed(-t), -most, -t)
        return low, high

    def _untransformed(self, t: Floats) -> Floats:
        """The value of (estimate - truth) / standard error that Hall's transformation maps to ``t``."""
        root = np.sqrt(np.maximum(self.clusters, 1))
        bend = self.skewness / (3 * root)
        straight = t - self.skewness / (6 * root)
        with np.errstate(divide="ignore", invalid="ignore"):
            bent = (np.cbrt(1 + 3 * bend * straight) - 1) / bend
        return np.asarray(np.where(np.abs(bend) < 1e-6, t, bent), dtype=np.float64)


def jackknife(
    over: Floats, under: Floats, present: NDArray[np.bool_], sample: Sample, *, totals: bool = False
) -> Spread:
    """Sum of ``over`` / sum of ``under`` for each column, and its spread by the delete-one jackknife.

    Args:
        over: Weighted numerators, images x statistics; 0 if an image has no value.
        under: Weighted denominators, likewise.
        present: Whether each image has a value.
        sample: How the images represent others.
        totals: Whether both sums are totals of positive numbers; the value is then the logarithm of their ratio.
    """
    here = _by_cluster(present.astype(np.float64), sample) > 0
    above, below = _by_cluster(over, sample), _by_cluster(under, sample)
    strata = sample.pooled_strata()
    whole = _jackknife(above, below, here, np.zeros(len(here), dtype=np.intp), totals)
    if strata.size and strata.max() > 0:
        split = _jackknife(above, below, here, strata, totals)
        counts = np.array([here[strata == h].sum(axis=0) for h in range(strata.max() + 1)])
        # A stratum of a single cluster has no variance of its own: such columns do without strata.
        usable = ((counts != 1).all(axis=0)) & (counts.sum(axis=0) > 0)
        whole = Spread(
            whole.value,
            np.where(usable, split.standard_error, whole.standard_error),
            np.where(usable, split.skewness, whole.skewness),
            whole.clusters,
            np.where(usable, split.degrees, whole.degrees),
        )
    return whole


def _jackknife(
    above: Floats, below: Floats, here: NDArray[np.bool_], strata: NDArray[np.intp], totals: bool
) -> Spread:
    scale: Transform = np.log if totals else np.positive
    with np.errstate(divide="ignore", invalid="ignore"):
        value = scale(above.sum(axis=0) / below.sum(axis=0))
        influence = np.zeros(above.shape)
        variance = np.zeros(above.shape[1])
        occupied = np.zeros(above.shape[1])
        for h in range(int(strata.max()) + 1 if strata.size else 0):
            rows = strata == h
            inside = here[rows]
            n = inside.sum(axis=0)
            occupied += n > 0
            grow = np.where(n > 1, n / np.maximum(n - 1, 1), np.nan)
            rest = [
                (part.sum(axis=0) - part[rows].sum(axis=0)) + (part[rows].sum(axis=0) - part[rows]) * grow
                for part in (above, below)
            ]
            without = np.where(inside, scale(rest[0] / rest[1]), np.nan)
            centred = np.where(inside, without - np.nansum(without, axis=0) / np.maximum(n, 1), 0.0)
            influence[rows] = -np.where(n > 1, n - 1, 0) * np.nan_to_num(centred)
            variance += np.where(n > 1, (n - 1) / np.maximum(n, 1), 0.0) * np.nansum(centred**2, axis=0)
        clusters = here.sum(axis=0)
        second = (influence**2).sum(axis=0) / np.maximum(clusters, 1)
        third = (influence**3).sum(axis=0) / np.maximum(clusters, 1)
        # Equal values differ by rounding only, and have no skewness.
        tiny = np.sqrt(second) <= 1e-12 * np.maximum(np.abs(value), 1e-300)
        skewness = np.where(tiny | (second == 0), 0.0, third / second**1.5)
        effective = np.minimum(_kish(above), _kish(below)) if totals else _kish(below)
    degrees = np.maximum(np.nan_to_num(effective) - np.maximum(occupied, 1), 1.0)
    return Spread(value, np.sqrt(variance), skewness, clusters, degrees)


def _kish(sums: Floats) -> Floats:
    return np.asarray(sums.sum(axis=0) ** 2 / (sums**2).sum(axis=0), dtype=np.float64)


def _estimates(
    spread: Spread, here: NDArray[np.bool_], sample: Sample, transform: Transform, bounds: Floats
) -> list[Estimate | None]:
    low, high = spread.ends()
    found: list[Estimate | None] = []
    for k, images in enumerate(here.sum(axis=0).tolist()):
        if not images:
            found.append(None)
            continue
        value, bound = float(spread.value[k]), float(bounds[k])
        below, above = value - float(low[k]), float(high[k]) - value
        unmeasured = float(np.sqrt(max(0.0, 1 - _fraction(here[:, k], sample))))
        rest = (below * unmeasured + bound, above * unmeasured + bound) if unmeasured else (0.0, 0.0)
        ends = [value, value - below - bound, value + above + bound, value - rest[0], value + rest[1]]
        shown, outer, upper, inner, inner_upper = transform(np.array(ends)).tolist()
        several = spread.clusters[k] > 1
        found.append(
            Estimate(
                shown,
                outer if several else None,
                upper if several else None,
                int(images),
                (inner, inner_upper) if several or not unmeasured else None,
                bound,
            )
        )
    return found


def _fraction(here: NDArray[np.bool_], sample: Sample) -> float:
    """Share of the dataset's images that have a value."""
    return float(here.sum()) / max(sample.population, 1)


def _shares(sums: Floats) -> Floats:
    total = sums.sum(axis=0)
    shares: Floats = np.divide(sums, total, out=np.zeros_like(sums), where=total > 0)
    return shares


def _by_cluster(values: Floats, sample: Sample) -> Floats:
    """Sums over the images of each cluster, clusters x statistics."""
    clusters = sample.clusters
    if len(clusters) == sample.clusters_count and (clusters == np.arange(len(clusters))).all():
        return values
    sums = np.zeros((sample.clusters_count, values.shape[1]))
    np.add.at(sums, clusters, values)
    return sums


def _blocks(values: Floats) -> list[slice]:
    return [slice(start, start + _BLOCK) for start in range(0, values.shape[1], _BLOCK)]
