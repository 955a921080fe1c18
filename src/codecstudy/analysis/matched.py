"""Matched quality: the size and times that each variant needs, per image, to reach the same score."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from codecstudy.analysis.baseline import baselines
from codecstudy.analysis.curves import CurveSet
from codecstudy.analysis.estimates import Estimate, mean_estimates, median_estimate, total_ratio_estimates
from codecstudy.analysis.percentiles import spread
from codecstudy.analysis.points import Points
from codecstudy.analysis.variants import Variant
from codecstudy.errors import ResultsError
from codecstudy.types import Floats, MetricColumn


@dataclass(frozen=True, slots=True, eq=False)
class Matched:
    """Every image at given scores. Arrays are float64, variants x images x targets, NaN if not reached.

    "Not reached" means that the target is above or below the measured scores of that image and variant: nothing
    is extrapolated.
    """

    curves: CurveSet
    targets: tuple[float, ...]
    log_size: Floats
    """Natural logarithm of encoded bytes."""
    bound: Floats
    """Upper bound on the interpolation error of ``log_size``."""
    level: Floats
    """Value of the swept parameter, interpolated between measured levels."""
    times: dict[str, Floats]
    """Seconds, by ``encode_cpu``, ``encode_wall``, ``decode_cpu`` and ``decode_wall``."""

    @property
    def points(self) -> Points:
        """The measured points."""
        return self.curves.points

    @property
    def scale(self) -> MetricColumn:
        """The metric of the targets."""
        return self.curves.scale

    @property
    def bits_per_pixel(self) -> Floats:
        """Bits per pixel, variants x images x targets."""
        return np.exp(self.log_size) * 8e-6 / self.megapixels[:, :, None]

    @property
    def megapixels(self) -> Floats:
        """Megapixels of the encoded images, variants x images."""
        return np.stack([block.megapixels for block in self.points.blocks])

    def seconds_per_megapixel(self, time: str) -> Floats:
        """``times[time]`` divided by megapixels, variants x images x targets."""
        return np.asarray(self.times[time] / self.megapixels[:, :, None], dtype=np.float64)


MIN_REACHED = 0.9
"""Share of the images that must reach the score with both variants for an estimate to be given. Below it, the
images that reach the score would be a selection of the easy ones."""


@dataclass(frozen=True, slots=True)
class SizeRatio:
    """A variant's size relative to the baseline's at the same score on each image."""

    variant: Variant
    baseline: Variant | None
    metric: str
    target: float
    ratio: Estimate | None
    """Geometric mean over images of size / baseline's size: 0.7 is 30 % smaller. If None, ``reason`` is set."""
    total_ratio: Estimate | None
    """Sum of sizes / sum of the baseline's sizes: what the bytes of all files together change by. Copies of a file
    count as often as they occur."""
    median: Estimate | None
    lowest: float | None
    """Lowest and highest ratio of single images: 5th and 95th percentile from 20 images on. They say how much
    images differ, not how uncertain the mean is."""
    highest: float | None
    images: int
    """Images on which both reach the score."""
    only_variant: int
    """Images left out because only the variant reaches the score."""
    only_baseline: int
    neither: int
    unmeasured: int
    """Of the images left out, those without a single score on one side, because of failures or skipped tasks."""
    at_least: float | None = None
    """Lower bound of the geometric mean over all images that one of the two reaches the score on: where a variant
    does not reach it, its file would have been larger than that of its finest level (or smaller than that of its
    coarsest one). It does not include interpolation and sampling errors. None if no such bound exists."""
    at_most: float | None = None
    """Upper bound likewise."""
    levels_to_add: tuple[int | float, ...] = ()
    """Levels of the variant that would at least halve the interpolation error on most images: in the middle of the
    brackets of the target. Empty if the rate parameter has no step between."""
    baseline_levels_to_add: tuple[int | float, ...] = ()
    reason: str | None = None
    """Why there is no ratio."""

    @property
    def all_images(self) -> int:
        """Images of the comparison, including those left out."""
        return self.images + self.only_variant + self.only_baseline + self.neither


def match(
    curves: CurveSet, targets: Sequence[float] | None = None, variants: Sequence[int] | None = None
) -> Matched:
    """Look up every curve at ``targets``.

    Args:
        curves: The curves of one metric.
        targets: Scores of that metric. The default is the metric's usual targets.
        variants: Indices of the blocks that are needed, others reach nothing; the default is all.

    Raises:
        ResultsError: If ``targets`` is empty, or if one of them is not a finite number.
    """
    wanted = tuple(float(t) for t in (curves.scale.targets if targets is None else targets))
    if not wanted or not all(np.isfinite(wanted)):
        raise ResultsError(f"targets must be finite {curves.scale.title} scores, not {list(wanted)}")
    goodness = np.array([curves.scale.goodness(t) for t in wanted])
    shape = (len(curves.points.blocks), len(curves.points.images), len(wanted))
    names = tuple(curves.points.blocks[0].times)
    size, bound, level = (np.full(shape, np.nan) for _ in range(3))
    times = {name: np.full(shape, np.nan) for name in names}
    for v in range(len(curves.points.blocks)) if variants is None else variants:
        for i, curve in enumerate(curves.of_variant(v)):
            if curve is not None:
                size[v, i] = curve.log_size_at(goodness)
                bound[v, i] = curve.bound_at(goodness)
                level[v, i] = curve.level_at(goodness)
                for name in names:
                    times[name][v, i] = curve.time_at(name, goodness)
    return Matched(curves, wanted, size, bound, level, times)


def log_ratios(matched: Matched, variant: int, baseline: int) -> Floats:
    """Natural logarithm of size / baseline's size, images x targets; NaN unless both reach the score."""
    return np.asarray(matched.log_size[variant] - matched.log_size[baseline], dtype=np.float64)


def size_ratios(matched: Matched, baseline: str | None = None) -> tuple[SizeRatio, ...]:
    """Every variant against its scope's baseline (see :func:`baselines`) at every target.

    Variants and targets keep their order; the baseline itself is included, with ratio 1. In a scope without the
    baseline, the entries have a ``reason``.
    """
    of_scope = baselines(matched.points, baseline)
    ratios: list[SizeRatio] = []
    for v, variant in enumerate(matched.points.variants):
        base = of_scope[variant.scope]
        if base is None:
            reason = f"the baseline was not measured at {variant.scope.label}"
            ratios += [_nothing(matched, v, t, reason) for t in range(len(matched.targets))]
        else:
            ratios += [size_ratio(matched, v, base, t) for t in range(len(matched.targets))]
    return tuple(ratios)


def size_ratio(matched: Matched, v: int, base: int, t: int) -> SizeRatio:
    """Block ``v`` against block ``base`` at target number ``t``."""
    sample = matched.points.sample
    sizes = matched.log_size[[v, base], :, t]
    logs = sizes[0] - sizes[1]
    # A variant does not differ from itself by an interpolation error.
    errors = np.zeros(logs.shape) if v == base else matched.bound[[v, base], :, t].sum(axis=0)
    entry = _nothing(matched, v, t, _why_none(matched, v, base, t), base)
    both = ~np.isnan(logs)
    if not both.any():
        return entry
    lowest, _, highest = spread(np.exp(logs))
    entry = dataclasses.replace(entry, images=int(both.sum()), lowest=lowest, highest=highest)
    if both.sum() < MIN_REACHED * entry.all_images:
        title, target = matched.scale.title, matched.targets[t]
        return dataclasses.replace(
            entry,
            reason=f"only {entry.images} of {entry.all_images} images reach {title} {target:g} with both, less "
            f"than {MIN_REACHED:.0%}",
        )
    median = median_estimate(logs, sample)
    mine, theirs = (np.exp(part)[:, None] for part in sizes)
    return dataclasses.replace(
        entry,
        ratio=mean_estimates(logs[:, None], sample, np.exp, errors[:, None])[0],
        total_ratio=total_ratio_estimates(mine, theirs, sample, errors[:, None])[0],
        median=None if median is None else median.map(lambda x: float(np.exp(x))),
        levels_to_add=_levels_to_add(matched, v, t),
        baseline_levels_to_add=_levels_to_add(matched, base, t),
        reason=None,
    )


def _levels_to_add(matched: Matched, v: int, t: int) -> tuple[int | float, ...]:
    block = matched.points.blocks[v]
    axis = block.variant.axis
    between = matched.level[v, :, t][matched.bound[v, :, t] > 0]
    if not axis.name or not between.size:
        return ()
    measured = np.sort(block.levels)
    right = np.clip(np.searchsorted(measured, between), 1, len(measured) - 1)
    brackets, images = np.unique(right, return_counts=True)
    # The brackets of most images, most frequent first, until they cover nine tenths of the images.
    order = np.argsort(-images, kind="stable")
    enough = int(np.searchsorted(np.cumsum(images[order]), 0.9 * between.size)) + 1
    found = []
    for k in sorted(brackets[order[:enough]].tolist()):
        low, high = float(measured[k - 1]), float(measured[k])
        middle = axis.plain(round((low + high) / 2 / axis.step) * axis.step)
        if low < middle < high:
            found.append(middle)
    return tuple(found)


def _bounds(matched: Matched, v: int, base: int, t: int) -> tuple[float | None, float | None]:
    """Bounds of the geometric mean over the images that at least one of the two reaches the score on."""
    sizes = matched.log_size[v, :, t], matched.log_size[base, :, t]
    wanted = matched.scale.goodness(matched.targets[t])
    one_of_both = ~np.isnan(sizes[0]) | ~np.isnan(sizes[1])
    low, high = (np.where(one_of_both, sizes[0] - sizes[1], np.nan) for _ in range(2))
    for index, size, other, sign in ((v, sizes[0], sizes[1], 1), (base, sizes[1], sizes[0], -1)):
        for i in np.flatnonzero(np.isnan(size) & ~np.isnan(other)):
            curve = matched.curves.of_variant(index)[i]
            ends = (-np.inf, np.inf)
            if curve is not None and curve.high < wanted:
                ends = float(curve.log_size[-1]), np.inf
            elif curve is not None and curve.low > wanted:
                ends = -np.inf, float(curve.log_size[0])
            low[i], high[i] = sorted(sign * (end - other[i]) for end in ends)
    weights = matched.points.sample.weights[one_of_both]
    if not one_of_both.any():
        return None, None
    bounds = (float(np.exp(np.average(side[one_of_both], weights=weights))) for side in (low, high))
    at_least, at_most = bounds
    return at_least if at_least > 0 else None, at_most if np.isfinite(at_most) else None


def _why_none(matched: Matched, v: int, base: int, t: int) -> str:
    target = f"{matched.scale.title} {matched.targets[t]:g}"
    lacking = [
        matched.points.variants[index].label
        for index in dict.fromkeys((v, base))
        if np.isnan(matched.log_size[index, :, t]).all()
    ]
    if lacking:
        return f"no image has measured scores on both sides of {target} with {' or '.join(lacking)}"
    return f"no image has measured scores on both sides of {target} with both variants"


def _nothing(matched: Matched, v: int, t: int, reason: str, base: int | None = None) -> SizeRatio:
    """The entry without a ratio; the counts do not include the images that both reach the score on."""
    curves = matched.curves
    in_scope = matched.points.counted(matched.points.variants[v].scope)
    here = ~np.isnan(matched.log_size[v, :, t])
    there = np.zeros_like(here) if base is None else ~np.isnan(matched.log_size[base, :, t])
    sides = (v,) if base is None else (v, base)
    without = np.array([any(curves.of_variant(s)[i] is None for s in sides) for i in range(len(here))])
    at_least, at_most = (None, None) if base is None else _bounds(matched, v, base, t)
    return SizeRatio(
        matched.points.variants[v],
        None if base is None else matched.points.variants[base],
        matched.scale.name,
        matched.targets[t],
        ratio=None,
        total_ratio=None,
        median=None,
        lowest=None,
        highest=None,
        images=0,
        only_variant=int(np.sum(in_scope & here & ~there)),
        only_baseline=int(np.sum(in_scope & there & ~here)),
        neither=int(np.sum(in_scope & ~here & ~there)),
        unmeasured=int(np.sum(in_scope & without)),
        at_least=at_least,
        at_most=at_most,
        reason=reason,
    )
