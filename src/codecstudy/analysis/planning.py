"""How many images a study needs, planned from a pilot.

The interval of a saving at the same score has the half-width

    w(n) = t(0.975, n - 1) x s / sqrt(n) + b

on the logarithmic scale: s is the standard deviation of the logarithms of the size ratios over images, t a quantile
of Student's t, and b the bound on the error by interpolation, which does not depend on the number of images n. For
the dataset itself, of N images, the first part is multiplied by sqrt(1 - n / N), the finite population correction
(W. G. Cochran, "Sampling Techniques", 3rd edition, 1977, section 2.6).

A pilot of m images knows s only roughly, and the images that are planned will have an s of their own. If logarithms
are normally distributed, the ratio of the two variances has an F distribution, so that the s of n images is at most
s(pilot) x sqrt(F(0.8; n - 1, m - 1)) with a probability of 80 % (G. J. Hahn and W. Q. Meeker, "Statistical
Intervals", 1991, chapter 4: prediction intervals for the standard deviation of a future sample).
This is the s that is planned with: **with a probability of 80 %, as many images as planned have an interval of the
wanted half-width or less.** ``tests/analysis/test_planning.py`` simulates it.

Whether the order of two encoders would be decided is a question of power: Student's t test of the difference of the
logarithms, two-sided at 5 %, has a statistic with the noncentral t distribution (N. L. Johnson, S. Kotz and
N. Balakrishnan, "Continuous Univariate Distributions", volume 2, 2nd edition, 1995, chapter 31). The true
difference is taken to be that of the pilot, less the bound on the interpolation error, and s that of the pilot.

Not covered: skewness, which makes intervals of few images wider than Student's t; and images of another kind than
those of the pilot.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from codecstudy.analysis.baseline import baselines
from codecstudy.analysis.curves import fit
from codecstudy.analysis.estimates import CONFIDENCE, Estimate, jackknife
from codecstudy.analysis.matched import Matched, match, size_ratio
from codecstudy.analysis.points import Points
from codecstudy.analysis.variants import Variant
from codecstudy.errors import ResultsError
from codecstudy.results import QualityResults
from codecstudy.types import Floats

ASSURANCE = 0.8
"""Probability with which the planned number of images is enough."""
POWER = 0.8
"""Probability with which an order must be found to count as decided."""
MIN_PLANNED = 20
"""Fewer images are never planned: with 19, an expected share of 95 % of images can be stated, and the skewness of
ratios still widens the intervals of fewer."""
MIN_PILOT = 6
"""Smallest number of images with a ratio that a plan can be made from."""
MAX_IMAGES = 1_000_000
"""Larger numbers of images are not searched for."""


@dataclass(frozen=True, slots=True)
class PlannedSaving:
    """How many images the saving of one variant needs."""

    variant: Variant
    baseline: Variant
    ratio: Estimate | None
    """Size relative to the baseline's at the same score, from the pilot. None if there is no estimate; ``reason``
    says why."""
    pilot: int
    """Images of the pilot with a ratio; nearly equal images count once."""
    deviation: float
    """Standard deviation of the logarithm of the ratio over images; NaN without a ratio."""
    degrees: float
    """Its degrees of freedom."""
    interpolation: float
    """Bound on the error by interpolation, in units of the natural logarithm."""
    images: int | None
    """Images needed for other images like these; None if no number is enough, because of ``interpolation`` or
    :data:`MAX_IMAGES`."""
    images_without_interpolation: int | None
    """The same if the levels below were measured, and interpolation added nothing."""
    images_for_dataset: int | None
    """Images needed for the dataset itself: the finite population correction makes it fewer."""
    levels_to_add: tuple[int | float, ...]
    """Levels of the variant that reduce ``interpolation``."""
    baseline_levels_to_add: tuple[int | float, ...]
    reason: str | None = None

    def half_width(self, images: int, population: int | None = None) -> float:
        """Half-width of the 95 % interval that ``images`` images keep with a probability of :data:`ASSURANCE`.

        Args:
            images: Number of images, at least 2.
            population: Images of the dataset, for an interval for the dataset itself; None: for other images.

        Returns:
            As a share of the baseline's size: 0.02 for a saving of 30 % +- 2 %. NaN without a ratio.
        """
        if self.ratio is None:
            return math.nan
        wide = _log_half_width(images, self.deviation, self.degrees, population)
        complete = population is not None and images >= population
        return self.ratio.value * math.sinh(wide + (0.0 if complete else self.interpolation))


@dataclass(frozen=True, slots=True)
class PlannedOrder:
    """Whether it would be decided which of two encoders makes smaller files at the same score."""

    smaller: Variant
    """The one with smaller files in the pilot."""
    larger: Variant
    ratio: float
    """Size of the smaller one relative to the larger one at the same score, in the pilot."""
    deviation: float
    """Standard deviation of its logarithm over images."""
    interpolation: float
    """Bound on the error by interpolation, in units of the natural logarithm."""
    images: int | None
    """Images needed to decide it with a probability of :data:`POWER`; None if no number is enough."""

    def power(self, images: int) -> float:
        """Probability that ``images`` images decide it, if the difference is that of the pilot."""
        return _power(images, -math.log(self.ratio) - self.interpolation, self.deviation)


@dataclass(frozen=True, slots=True)
class Costs:
    """What one image of a study takes, on average over the pilot."""

    cpu_seconds: float
    """Encoding, decoding and measuring at all settings, on one thread. Opening the image is not included."""
    encoded_bytes: float
    """Encoded files of all settings, if they are kept."""


@dataclass(frozen=True, slots=True)
class Planning:
    """A plan."""

    metric: str
    target: float
    precision: float
    """Wanted half-width of the 95 % interval of a saving, as a share of the baseline's size."""
    pilot: int
    """Images that the plan was made from."""
    population: int
    """Images of the dataset, each content counted once."""
    savings: tuple[PlannedSaving, ...]
    """For every variant but the baselines."""
    orders: tuple[PlannedOrder, ...]
    """For the encoders of each scope, each with its variant of smallest files, the baseline among them: pairs that
    are neighbours in the order of the pilot."""
    costs: Costs

    @property
    def images(self) -> int | None:
        """Images with which every saving that has an estimate is precise enough; None if no number is, or if there
        is no estimate.
        """
        return _most(saving.images for saving in self._estimated)

    @property
    def images_without_interpolation(self) -> int | None:
        """The same if interpolation added nothing."""
        return _most(saving.images_without_interpolation for saving in self._estimated)

    @property
    def images_for_dataset(self) -> int | None:
        """The same as :attr:`images` for the dataset itself."""
        return _most(saving.images_for_dataset for saving in self._estimated)

    @property
    def _estimated(self) -> list[PlannedSaving]:
        return [saving for saving in self.savings if saving.ratio is not None]


def plan(
    results: QualityResults,
    points: Points,
    *,
    precision: float = 0.02,
    metric: str | None = None,
    target: float | None = None,
    baseline: str | None = None,
) -> Planning:
    """Plan a study from the results of a pilot.

    Args:
        results: The pilot.
        points: Its points.
        precision: Wanted half-width of the 95 % interval of a saving at the same score, as a share of the
            baseline's size.
        metric: Column of the results; the default is SSIMULACRA2, or the first one if that was not measured.
        target: Score to compare at; the default is the metric's usual target.
        baseline: As for :func:`codecstudy.analysis.baseline.baselines`.

    Raises:
        ResultsError: ``precision`` or ``target`` is out of range, or the metric or the baseline is unknown.
    """
    if not 0 < precision < 1:
        raise ResultsError(
            f"precision must be above 0 and below 1 (0.02 or 2% for a saving of 30 % +- 2 %), not {precision}"
        )
    scale = points.require(metric)
    matched = match(fit(points, scale.name), [scale.usual_target if target is None else target])
    of_scope = baselines(points, baseline)
    savings: list[PlannedSaving] = []
    orders: list[PlannedOrder] = []
    for scope in points.scopes:
        base = of_scope[scope]
        if base is None:
            continue
        here = [_saving(matched, v, base, precision) for v in points.in_scope(scope) if v != base]
        savings += here
        orders += _orders(matched, base, here)
    return Planning(
        scale.name,
        matched.targets[0],
        precision,
        len(points.images),
        points.sample.population,
        tuple(savings),
        tuple(orders),
        costs(results, points),
    )


def costs(results: QualityResults, points: Points) -> Costs:
    """Mean costs of the measured images, copies left out."""
    frame = results.to_frame()
    frame = frame.filter(frame["source_image"].is_in(list(points.images)))
    images = len(points.images)

    def total(*columns: str) -> float:
        return float(sum(frame[column].sum() for column in columns)) / images

    return Costs(total("encoding_cpu_time", "decoding_cpu_time", "metrics_cpu_time"), total("file_size"))


def _saving(matched: Matched, v: int, base: int, precision: float) -> PlannedSaving:
    found = size_ratio(matched, v, base, 0)
    variants = matched.points.variants
    logs = matched.log_size[v, :, 0] - matched.log_size[base, :, 0]
    pilot, deviation, degrees = _spread(logs, matched)
    ratio, reason = found.ratio, found.reason
    if ratio is not None and pilot < MIN_PILOT:
        ratio, reason = None, f"only {pilot} images reach the score with both; a plan needs {MIN_PILOT}"
    bound = 0.0 if ratio is None else ratio.interpolation
    wanted = None if ratio is None else math.asinh(precision / ratio.value)
    population = matched.points.sample.population
    # Levels are worth naming where interpolation takes more than half of the wanted half-width.
    much = wanted is not None and bound > wanted / 2
    return PlannedSaving(
        variant=variants[v],
        baseline=variants[base],
        ratio=ratio,
        pilot=pilot,
        deviation=deviation,
        degrees=degrees,
        interpolation=bound,
        images=_images(wanted, bound, deviation, degrees),
        images_without_interpolation=_images(wanted, 0.0, deviation, degrees),
        images_for_dataset=None
        if wanted is None
        else _images(wanted, bound, deviation, degrees, population) or population,
        levels_to_add=found.levels_to_add if much else (),
        baseline_levels_to_add=found.baseline_levels_to_add if much else (),
        reason=reason,
    )


def _spread(logs: Floats, matched: Matched) -> tuple[int, float, float]:
    """Clusters with a value, standard deviation between them, and its degrees of freedom."""
    sample = matched.points.sample
    here = ~np.isnan(logs)[:, None]
    weights = sample.weights[:, None] * here
    found = jackknife(np.where(here, logs[:, None], 0.0) * weights, weights, here, sample)
    clusters = int(found.clusters[0])
    if clusters < 2:
        return clusters, math.nan, math.nan
    return clusters, float(found.standard_error[0]) * math.sqrt(clusters), float(found.degrees[0])


def _orders(matched: Matched, base: int, savings: Sequence[PlannedSaving]) -> list[PlannedOrder]:
    variants = matched.points.variants
    smallest: dict[str, tuple[float, int]] = {variants[base].encoder: (1.0, base)}
    for saving in savings:
        if saving.ratio is not None:
            entry = saving.ratio.value, variants.index(saving.variant)
            known = smallest.get(saving.variant.encoder)
            smallest[saving.variant.encoder] = entry if known is None else min(known, entry)
    ranked = sorted(smallest.values())
    found = []
    for (_, v), (_, w) in itertools.pairwise(ranked):
        pair = size_ratio(matched, v, w, 0)
        _, deviation, _ = _spread(matched.log_size[v, :, 0] - matched.log_size[w, :, 0], matched)
        if pair.ratio is None or math.isnan(deviation):
            continue
        # Neighbours by their ratios to the baseline may be the other way round on their common images.
        ratio, one, other = pair.ratio.value, variants[v], variants[w]
        if ratio > 1:
            ratio, one, other = 1 / ratio, other, one
        bound = pair.ratio.interpolation
        difference = -math.log(ratio) - bound
        needed = _images_to_decide(difference, deviation)
        found.append(PlannedOrder(one, other, ratio, deviation, bound, needed))
    return found


def _log_half_width(images: int, deviation: float, degrees: float, population: int | None = None) -> float:
    t = stats.t.ppf((1 + CONFIDENCE) / 2, images - 1)
    allowance = stats.f.ppf(ASSURANCE, images - 1, degrees)
    left_out = 1.0 if population is None else max(0.0, 1 - images / population)
    return float(t * deviation * math.sqrt(allowance / images * left_out))


def _images(
    wanted: float | None, bound: float, deviation: float, degrees: float, population: int | None = None
) -> int | None:
    if wanted is None or bound >= wanted:
        return None
    return _smallest(lambda n: _log_half_width(n, deviation, degrees, population) + bound <= wanted)


def _images_to_decide(difference: float, deviation: float) -> int | None:
    return _smallest(lambda n: _power(n, difference, deviation) >= POWER)


def _power(images: int, difference: float, deviation: float) -> float:
    """Power of Student's t test, two-sided at 5 %, to find a true ``difference`` above 0."""
    if difference <= 0:
        return 0.0
    if deviation == 0:
        return 1.0
    shift = min(difference / deviation * math.sqrt(images), 1e3)
    if shift > 30:  # beyond what the noncentral t distribution is computed for, and certain
        return 1.0
    return float(stats.nct.sf(stats.t.ppf((1 + CONFIDENCE) / 2, images - 1), images - 1, shift))


def _smallest(enough: Callable[[int], bool]) -> int | None:
    """The smallest number of images from :data:`MIN_PLANNED` on that is ``enough``; more of them are enough too."""
    low, high = MIN_PLANNED - 1, MIN_PLANNED
    while not enough(high):
        if high >= MAX_IMAGES:
            return None
        low, high = high, min(2 * high, MAX_IMAGES)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def _most(numbers: Iterable[int | None]) -> int | None:
    found = list(numbers)
    known = [number for number in found if number is not None]
    return max(known) if known and len(known) == len(found) else None
