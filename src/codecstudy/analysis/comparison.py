"""The verdict on each change from BASE to HEAD, and whether it fails the gate."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from codecstudy.analysis.alignment import SharedImages
from codecstudy.analysis.changes import TIMES, Change, Quantity
from codecstudy.analysis.estimates import Estimate, Spread, mean_estimates, total_ratio_estimates
from codecstudy.analysis.percentiles import spread
from codecstudy.analysis.variants import Variant
from codecstudy.analysis.verdicts import (
    MIN_IMAGES,
    Changes,
    Verdict,
    detectable,
    exact_verdict,
    images_needed,
    significance,
)
from codecstudy.types import Floats, MetricColumn

Gate = Literal["corpus", "population", "equivalence"]

HIDDEN = "interpolation between the measured levels could hide a change; measure more levels"
"""Why the verdict on an exact change is inconclusive: more images would not help."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """HEAD compared with BASE for one quantity of one variant, at one score or at one setting."""

    at: Literal["matched", "fixed"]
    quantity: Quantity
    """``encode_cpu`` and ``decode_cpu`` are CPU seconds per megapixel."""
    label: str
    """The setting, if fixed; else the variant, or both variants."""
    base: Variant
    head: Variant
    target: float | None
    """The score, if matched."""
    level: float | None
    """Value of the rate parameter, if fixed; None if there is none."""
    verdict: Verdict
    reason: str | None
    """Why the verdict is ``inconclusive``; None for the others."""
    fails: bool
    """Whether this comparison fails the gate."""
    change: Estimate | None
    """Geometric mean over images of HEAD / BASE; of scores, the mean of HEAD - BASE. None if no image has both. The
    interval is for other images like these."""
    growth: float | None
    """The change on the scale of the tolerance, where more is worse: log(HEAD / BASE), or the loss of score."""
    total: Estimate | None
    """Sum of HEAD's sizes / sum of BASE's sizes; None for scores and times."""
    lowest: float | None
    """Lowest and highest change of single images: 5th and 95th percentile from 20 images on."""
    highest: float | None
    worst_image: str | None
    """The image with the worst change."""
    images: int
    only_base: int
    """Images with a value in BASE only."""
    only_head: int
    neither: int
    smallest_effect: float | None
    """The smallest growth that this many images would show with a probability of 80 %, in a gate for other images
    like these: 0.03 is 3 %. Of scores, the smallest loss. None with too few images."""
    images_needed: int | None
    """About how many images would show, with a probability of 80 %, that an unchanged quantity is within the
    tolerance. None if it cannot be estimated, or if no number of images is enough."""


@dataclass(frozen=True, slots=True)
class Margins:
    """The largest changes that are tolerated."""

    size: float
    """Share of size, 0 to 1."""
    score: float
    """In units of the metric."""
    time: float | None
    """Share of CPU time; None if times are not compared."""

    def of(self, quantity: Quantity) -> tuple[float, float]:
        """The ends of the margin on the scale of :meth:`codecstudy.analysis.changes.Change.growth`."""
        if quantity == "size":
            return math.log1p(-self.size), math.log1p(self.size)
        if quantity == "score":
            return -self.score, self.score
        growth = math.log1p(self.time or 0.0)
        return -growth, growth


def compare(
    changes: Sequence[Change], images: SharedImages, scale: MetricColumn, margins: Margins, gate: Gate
) -> tuple[Comparison, ...]:
    """A comparison for every change.

    In the gate ``corpus``, sizes and scores are exact; everything else is tested, as one family.
    """
    if not changes:
        return ()
    judged = _Judged(changes, images, scale, margins, gate)
    return tuple(judged.comparison(k) for k in range(len(changes)))


class _Judged:
    """The statistics of all changes, one column each."""

    def __init__(
        self,
        changes: Sequence[Change],
        images: SharedImages,
        scale: MetricColumn,
        margins: Margins,
        gate: Gate,
    ) -> None:
        self.changes, self.images, self.scale, self.gate = changes, images, scale, gate
        sample = images.sample
        growth = np.column_stack([change.growth(scale) for change in changes])
        bounds = np.column_stack(
            [np.zeros(len(growth)) if c.bound is None else np.nan_to_num(c.bound) for c in changes]
        )
        low, high = np.array([margins.of(change.quantity) for change in changes]).T
        self.columns = Changes(growth, bounds, low, high)
        self.means = mean_estimates(growth, sample, np.positive, bounds)
        self.totals = self._totals(bounds)
        self.spread: Spread = self.columns.spread(sample)
        self.bound = self.columns.mean_bound(sample)
        present = ~np.isnan(growth).all(axis=0)
        exact = np.array([gate == "corpus" and change.quantity not in TIMES for change in changes])
        self.tested: NDArray[np.bool_] = present & ~exact
        self.verdicts: dict[int, Verdict] = dict(
            zip(
                np.flatnonzero(self.tested).tolist(),
                significance(self.columns.only(self.tested), sample).verdicts(),
                strict=True,
            )
        )
        # What it would take to judge exact changes for other images, where all comparisons are one family.
        families = {True: max(int(self.tested.sum()), 1), False: max(int(present.sum()), 1)}
        self.families = [families[tested] for tested in self.tested.tolist()]
        effects = {size: detectable(self.spread, size) for size in set(self.families)}
        self.effects = [float(effects[size][k]) for k, size in enumerate(self.families)]

    def _totals(self, bounds: Floats) -> dict[int, Estimate | None]:
        sizes = [k for k, change in enumerate(self.changes) if change.quantity == "size"]
        if not sizes:
            return {}
        head, base = (
            np.column_stack([side[k] for k in sizes])
            for side in ([c.head for c in self.changes], [c.base for c in self.changes])
        )
        found = total_ratio_estimates(head, base, self.images.sample, bounds[:, sizes])
        return dict(zip(sizes, found, strict=True))

    def comparison(self, k: int) -> Comparison:
        """The comparison of column ``k``."""
        change, mean, total = self.changes[k], self.means[k], self.totals.get(k)
        verdict, reason, fails = self._verdict(k)
        ours, theirs = ~np.isnan(change.base), ~np.isnan(change.head)
        lowest, highest, worst = self._range(k)
        return Comparison(
            at="fixed" if change.target is None else "matched",
            quantity=change.quantity,
            label=change.label,
            base=change.pair.base,
            head=change.pair.head,
            target=change.target,
            level=change.level,
            verdict=verdict,
            reason=reason,
            fails=fails,
            change=None if mean is None else mean.map(self._unit(change.quantity)),
            growth=None if mean is None else mean.value,
            total=total,
            lowest=lowest,
            highest=highest,
            worst_image=worst,
            images=0 if mean is None else mean.images,
            only_base=int(np.sum(ours & ~theirs)),
            only_head=int(np.sum(theirs & ~ours)),
            neither=int(np.sum(~ours & ~theirs)),
            smallest_effect=self._smallest_effect(k),
            images_needed=self._images_needed(k),
        )

    def _unit(self, quantity: Quantity) -> Callable[[float], float]:
        """From the scale of growth to that of :attr:`Comparison.change`."""
        if quantity != "score":
            return lambda growth: float(np.exp(growth))
        sign = -1 if self.scale.higher_is_better else 1
        return lambda loss: sign * loss + 0.0  # no -0.0

    def _verdict(self, k: int) -> tuple[Verdict, str | None, bool]:
        """The verdict, why it is inconclusive, and whether it fails the gate."""
        mean, total = self.means[k], self.totals.get(k)
        if mean is None:
            return "inconclusive", self._why_none(self.changes[k]), True
        if k in self.verdicts:
            verdict = self.verdicts[k]
            undecided = verdict == "inconclusive"
            fails = verdict == "worse" or (undecided and self.gate == "equivalence")
            return verdict, self._why_undecided(k) if undecided else None, fails
        low, high = float(self.columns.low[k]), float(self.columns.high[k])
        values = [(mean.value, mean.interpolation)]
        if total is not None:
            values.append((math.log(total.value), total.interpolation))
        found = {exact_verdict(value, bound, low, high) for value, bound in values}
        order: tuple[Verdict, ...] = ("worse", "inconclusive", "better", "equivalent")
        verdict = next(one for one in order if one in found)
        if verdict == "inconclusive":
            # Growth beyond the tolerance fails even if interpolation may have made it.
            return verdict, HIDDEN, max(value for value, _ in values) > high
        return verdict, None, verdict == "worse"

    def _why_none(self, change: Change) -> str:
        if change.target is not None and change.quantity == "size":
            return f"no image reaches {self.scale.title} {change.target:g} on both sides"
        return "no image has a value on both sides"

    def _why_undecided(self, k: int) -> str:
        if self.spread.clusters[k] < MIN_IMAGES:
            return f"a verdict on other images needs at least {MIN_IMAGES} images"
        return "too few images for their spread"

    def _range(self, k: int) -> tuple[float | None, float | None, str | None]:
        growth = self.columns.values[:, k]
        if np.isnan(growth).all():
            return None, None, None
        unit = self._unit(self.changes[k].quantity)
        lowest, _, highest = spread(growth)
        ends = sorted((unit(lowest), unit(highest)))
        return ends[0], ends[1], self.images.names[int(np.nanargmax(growth))]

    def _smallest_effect(self, k: int) -> float | None:
        if self.spread.clusters[k] < MIN_IMAGES:
            return None
        growth = float(self.columns.high[k] + self.bound[k]) + self.effects[k]
        return growth if self.changes[k].quantity == "score" else math.expm1(growth)

    def _images_needed(self, k: int) -> int | None:
        clusters = int(self.spread.clusters[k])
        if clusters < 2:
            return None
        deviation = float(self.spread.standard_error[k]) * math.sqrt(clusters)
        margin = float(min(self.columns.high[k], -self.columns.low[k]) - self.bound[k])
        return images_needed(deviation, margin, self.families[k])
