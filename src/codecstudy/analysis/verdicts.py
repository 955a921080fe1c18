"""Whether a mean change is beyond a tolerance or within it, and how many images it takes to tell.

A change is measured per image on a scale on which growth is worse: the logarithm of HEAD / BASE for sizes and
times, BASE - HEAD for scores (with the sign changed if lower scores are better). Its mean over images is compared
with a margin around 0:

- *worse*: a one-sided test rejects that the mean is at most the margin's upper end. *Better*: likewise at the lower
  end.
- *equivalent*: two one-sided tests reject that the mean is above the upper end and that it is below the lower end
  (D. J. Schuirmann, "A comparison of the two one-sided tests procedure and the power approach for assessing the
  equivalence of average bioavailability", Journal of Pharmacokinetics and Biopharmaceutics 15:6, 1987). At 5 %,
  this is the same as a 90 % interval within the margin.
- *inconclusive*: none of these.

Each test uses Student's t and Hall's transformation of it, which removes skewness (see
:mod:`codecstudy.analysis.estimates`); the less significant of the two counts. A few images show their skewness
badly, and one-sided tests suffer more from that than intervals with two ends. So the skewness is taken one standard
error, sqrt(6 / n), less favourable than estimated, too (D. N. Joanes and C. A. Gill, "Comparing measures of sample
skewness and kurtosis", The Statistician 47:1, 1998), and fewer than :data:`MIN_IMAGES` images give no verdict.

Over the comparisons of one diff, each kind of verdict is a family whose error rate Holm's procedure limits to 5 %
(S. Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6:2, 1979).
``tests/analysis/test_verdicts.py`` simulates error rates and power.
"""

from __future__ import annotations

import bisect
import functools
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special, stats

from codecstudy.analysis.estimates import Spread, jackknife
from codecstudy.analysis.sample import Sample
from codecstudy.types import Floats

Verdict = Literal["worse", "better", "equivalent", "inconclusive"]

ALPHA = 0.05
"""Probability of a false verdict of one kind, over all comparisons of a diff."""
POWER = 0.8
"""Probability with which the smallest visible change is seen, and with which the images needed are enough."""
MIN_IMAGES = 6
"""Fewer images (clusters) give no verdict on others like them: their skewness cannot be judged, and in simulation
more than 5 % of the verdicts on skewed changes would be wrong."""
MAX_IMAGES = 1_000_000
"""Larger numbers of images are not searched for."""
_LADDER = sorted({round(n) for n in np.geomspace(MIN_IMAGES, MAX_IMAGES, 408).tolist()})
"""Numbers of images that are tried: every one up to 33, then in steps of 3 %, so that comparisons share them."""


@dataclass(frozen=True, slots=True, eq=False)
class Changes:
    """Changes of several quantities, one column each; growth is worse."""

    values: Floats
    """Shape (images, comparisons); NaN if an image has no value."""
    bounds: Floats
    """Upper bounds on the interpolation errors of ``values``, same shape."""
    low: Floats
    """Lower end of each comparison's margin, at most 0, shape (comparisons,)."""
    high: Floats
    """Upper end, at least 0."""

    def only(self, columns: NDArray[np.bool_]) -> Changes:
        """The ``columns`` of this."""
        return Changes(
            self.values[:, columns], self.bounds[:, columns], self.low[columns], self.high[columns]
        )

    def spread(self, sample: Sample) -> Spread:
        """Mean of each column, and how it varies with the images."""
        here = ~np.isnan(self.values)
        weights = sample.weights[:, None] * here
        return jackknife(np.where(here, self.values, 0.0) * weights, weights, here, sample)

    def mean_bound(self, sample: Sample) -> Floats:
        """Upper bound on the interpolation error of each mean."""
        here = ~np.isnan(self.values)
        weights = sample.weights[:, None] * here
        sums = (np.where(here, self.bounds, 0.0) * weights).sum(axis=0)
        return np.asarray(sums / np.maximum(weights.sum(axis=0), 1e-300), dtype=np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class Significance:
    """p-values of each comparison, shape (comparisons,); 1 with fewer than :data:`MIN_IMAGES` images."""

    worse: Floats
    better: Floats
    equivalent: Floats

    def verdicts(self) -> list[Verdict]:
        """The verdict of each comparison, with Holm's procedure over all comparisons of each kind of verdict."""
        kinds: tuple[tuple[Verdict, Floats], ...] = (
            ("worse", self.worse),
            ("better", self.better),
            ("equivalent", self.equivalent),
        )
        found: list[Verdict] = ["inconclusive"] * len(self.worse)
        for kind, p in kinds:
            for k in np.flatnonzero(holm(p) <= ALPHA):
                found[k] = kind
        return found


def significance(changes: Changes, sample: Sample) -> Significance:
    """Test every column of ``changes``, as if the interpolation errors were as unfavourable as possible."""
    spread, bound = changes.spread(sample), changes.mean_bound(sample)
    above, below = changes.high, changes.low
    inside = np.maximum(_p_less(spread, above - bound), _p_greater(spread, below + bound))
    return Significance(_p_greater(spread, above + bound), _p_less(spread, below - bound), inside)


def exact_verdict(change: float, bound: float, low: float, high: float) -> Verdict:
    """The verdict on a change without sampling error: which side of the margin it lies on.

    Args:
        change: The change itself; growth is worse.
        bound: Upper bound on its interpolation error. If the error could move it across an end of the margin, the
            verdict is ``inconclusive``.
        low: Lower end of the margin.
        high: Upper end.
    """
    slack = 1e-12  # rounding of logarithms
    if change - bound > high + slack:
        return "worse"
    if change + bound < low - slack:
        return "better"
    if low - slack <= change - bound and change + bound <= high + slack:
        return "equivalent"
    return "inconclusive"


def holm(p: Floats) -> Floats:
    """p-values adjusted by Holm's procedure along the last axis: each counts as significant at its own level."""
    order = np.argsort(p, axis=-1)
    ordered = np.take_along_axis(p, order, axis=-1)
    factors = np.arange(p.shape[-1], 0, -1)
    adjusted = np.maximum.accumulate(np.minimum(ordered * factors, 1.0), axis=-1)
    found = np.empty_like(adjusted)
    np.put_along_axis(found, order, adjusted, axis=-1)
    return found


def _p_greater(spread: Spread, limit: Floats) -> Floats:
    """p-values of the hypotheses that the truth is at most ``limit``."""
    return _p(spread, spread.value - limit, spread.skewness)


def _p_less(spread: Spread, limit: Floats) -> Floats:
    """p-values of the hypotheses that the truth is at least ``limit``."""
    return _p(spread, limit - spread.value, -spread.skewness)


def _p(spread: Spread, distance: Floats, skewness: Floats) -> Floats:
    """p-values of the hypotheses that the mean of ``distance`` is at most 0."""
    # Equal values differ by rounding only; without a spread, they are at the limit or they are not.
    x = distance / np.maximum(spread.standard_error, 1e-12)
    count = np.maximum(spread.clusters, 1)
    t = x
    for less_favourable in (0.0, np.sqrt(6 / count)):
        bend = (skewness - less_favourable) / (3 * np.sqrt(count))
        t = np.minimum(t, x + bend * x**2 + bend**2 * x**3 / 3 + bend / 2)
    p = stats.t.sf(t, spread.degrees)
    return np.where(spread.clusters >= MIN_IMAGES, p, 1.0)


# ------------------------------------------------------------------------------------------------ power


def detectable(spread: Spread, comparisons: int = 1) -> Floats:
    """The smallest excess over the margin that is found to be worse with a probability of :data:`POWER`.

    If changes are normally distributed and of equal weight, (mean - margin) / standard error has Student's
    noncentral t distribution; its noncentrality is the excess / standard error (N. L. Johnson, S. Kotz and N.
    Balakrishnan, "Continuous Univariate Distributions", volume 2, 2nd edition, 1995, chapter 31). The critical
    value is that of the tests, averaged over the skewness that normal samples have by chance.

    Args:
        spread: The means and how they vary.
        comparisons: Number of comparisons in the diff. Holm's procedure tests at ALPHA / comparisons or above.

    Returns:
        Shape (comparisons,), on the scale of the changes; NaN with fewer than :data:`MIN_IMAGES` images.
    """
    alpha = ALPHA / max(comparisons, 1)
    factors = [
        _noncentrality(count, round(degrees, 2), alpha) if count >= MIN_IMAGES else np.nan
        for count, degrees in zip(spread.clusters.tolist(), spread.degrees.tolist(), strict=True)
    ]
    return np.asarray(spread.standard_error * np.array(factors), dtype=np.float64)


def images_needed(deviation: float, margin: float, comparisons: int = 1) -> int | None:
    """Number of images with which an unchanged quantity is found to be equivalent with a probability of POWER.

    The power of two one-sided tests, from the exact joint distribution of both (D. B. Owen, "A special case of a
    bivariate non-central t-distribution", Biometrika 52:3/4, 1965).

    Args:
        deviation: Standard deviation of the change between images.
        margin: Half-width of the margin, less the bound on the interpolation error.
        comparisons: Number of comparisons in the diff.

    Returns:
        At least :data:`MIN_IMAGES`, and up to 3 % more than necessary; None if :data:`MAX_IMAGES` are not enough.
    """
    alpha = ALPHA / max(comparisons, 1)
    if not margin >= 0:
        return None
    found = bisect.bisect_left(
        _LADDER,
        True,
        key=lambda images: deviation * _equivalence_width(images, alpha) <= margin * np.sqrt(images),
    )
    return _LADDER[found] if found < len(_LADDER) else None


@functools.lru_cache(maxsize=4096)
def _noncentrality(images: int, degrees: float, alpha: float) -> float:
    """The noncentrality at which a one-sided test has a power of :data:`POWER`."""
    limits = _limits(images, degrees, alpha)

    def lack(noncentrality: float) -> float:
        return float(np.mean(special.ndtr(noncentrality - limits))) - POWER

    return float(optimize.brentq(lack, -10.0, float(limits.max()) + 10.0, xtol=1e-6))


@functools.lru_cache(maxsize=4096)
def _equivalence_width(images: int, alpha: float) -> float:
    """Half-width of the margin, in standard errors, at which two one-sided tests have a power of :data:`POWER`."""
    limits = _limits(images, images - 1, alpha)
    # Skewness that hinders one of the tests helps the other: the points of skewness are symmetric.
    others = limits[::-1]

    def lack(width: float) -> float:
        both = special.ndtr(width - limits) - special.ndtr(others - width)
        return float(np.mean(np.maximum(both, 0.0))) - POWER

    return float(optimize.brentq(lack, 0.0, float(limits.max()) + 10.0, xtol=1e-6))


def _limits(images: int, degrees: float, alpha: float) -> Floats:
    """How many true standard errors from the margin a mean is significant.

    This is the critical value, which depends on the skewness of the sample, times estimated / true standard
    deviation, at equally probable points of skewness (rows) and deviation (columns). In normally distributed
    samples these two are independent of each other and of the mean; the skewness is taken as normally distributed,
    with its exact variance (R. A. Fisher, "The moments of the distribution for normal samples of measures of
    departure from normality", Proceedings of the Royal Society A 130, 1930).
    """
    deviation = np.sqrt(stats.chi2.ppf((np.arange(100) + 0.5) / 100, degrees) / degrees)
    variance = 6 * (images - 2) / ((images + 1) * (images + 3))
    skewness = np.sqrt(variance) * special.ndtri((np.arange(20) + 0.5) / 20)
    t = float(stats.t.isf(alpha, degrees))
    critical = np.full(skewness.shape, t)
    for less_favourable in (0.0, np.sqrt(6 / images)):
        bend = (skewness - less_favourable) / (3 * np.sqrt(images))
        bend = np.where(np.abs(bend) < 1e-6, 1e-6, bend)
        # The inverse of Hall's transformation.
        critical = np.maximum(critical, (np.cbrt(1 + 3 * bend * (t - bend / 2)) - 1) / bend)
    return np.asarray(np.outer(critical, deviation), dtype=np.float64)
