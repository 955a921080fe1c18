"""Matched quality: the size and times that each variant needs, per image, to reach the same score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from codecstudy.analysis.baseline import baselines
from codecstudy.analysis.bootstrap import Estimate, Resamples, spread
from codecstudy.analysis.curves import CurveSet
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

    points: Points
    scale: MetricColumn
    targets: tuple[float, ...]
    log_size: Floats
    """Natural logarithm of encoded bytes."""
    level: Floats
    """Value of the swept parameter, interpolated between measured levels."""
    times: dict[str, Floats]
    """Seconds, by ``encode_cpu``, ``encode_wall``, ``decode_cpu`` and ``decode_wall``."""

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


@dataclass(frozen=True, slots=True)
class SizeRatio:
    """A variant's size relative to the baseline's at one score, over images."""

    variant: Variant
    baseline: Variant | None
    metric: str
    target: float
    ratio: Estimate | None
    """Geometric mean over images of size / baseline's size: 0.7 is 30 % smaller. If None, ``reason`` is set."""
    median: Estimate | None
    p5: float | None
    """5th and 95th percentile over images: how much single images differ, not how uncertain the mean is."""
    p95: float | None
    smaller_share: float | None
    """Share of resamples, 0 to 1, in which the variant is smaller than the baseline on average; 0 for the
    baseline itself, None for a single image."""
    images: int
    """Images on which both reach the score."""
    only_variant: int
    """Images left out because only the variant reaches the score."""
    only_baseline: int
    neither: int
    reason: str | None = None
    """Why there is no ratio."""


def match(curves: CurveSet, targets: Sequence[float] | None = None) -> Matched:
    """Look up every curve at ``targets``.

    Args:
        curves: The curves of one metric.
        targets: Scores of that metric. The default is the metric's usual targets.

    Raises:
        ResultsError: If ``targets`` is empty, or if one of them is not a finite number.
    """
    wanted = tuple(float(t) for t in (curves.scale.targets if targets is None else targets))
    if not wanted or not all(np.isfinite(wanted)):
        raise ResultsError(f"targets must be finite {curves.scale.title} scores, not {list(wanted)}")
    goodness = np.array([curves.scale.goodness(t) for t in wanted])
    shape = (len(curves.curves), len(curves.points.images), len(wanted))
    names = tuple(curves.points.blocks[0].times)
    size, level = np.full(shape, np.nan), np.full(shape, np.nan)
    times = {name: np.full(shape, np.nan) for name in names}
    for v, row in enumerate(curves.curves):
        for i, curve in enumerate(row):
            if curve is not None:
                size[v, i] = curve.log_size_at(goodness)
                level[v, i] = curve.level_at(goodness)
                for name in names:
                    times[name][v, i] = curve.time_at(name, goodness)
    return Matched(curves.points, curves.scale, wanted, size, level, times)


def log_ratios(matched: Matched, variant: int, baseline: int) -> Floats:
    """Natural logarithm of size / baseline's size, images x targets; NaN unless both reach the score."""
    return np.asarray(matched.log_size[variant] - matched.log_size[baseline], dtype=np.float64)


def size_ratios(matched: Matched, resamples: Resamples, baseline: str | None = None) -> tuple[SizeRatio, ...]:
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
            ratios += _against(matched, resamples, v, base)
    return tuple(ratios)


def _against(matched: Matched, resamples: Resamples, v: int, base: int) -> list[SizeRatio]:
    logs = log_ratios(matched, v, base)
    means = resamples.mean_estimates(logs, np.exp)
    shares = resamples.share(logs)
    variants = matched.points.variants
    entries = []
    for t, target in enumerate(matched.targets):
        here, there = ~np.isnan(matched.log_size[v, :, t]), ~np.isnan(matched.log_size[base, :, t])
        both = int(np.sum(here & there))
        entry = _nothing(matched, v, t, _why_none(matched, v, base, t), base)
        if both:
            median = resamples.median_estimate(logs[:, t])
            p5, _, p95 = spread(np.exp(logs[:, t]))
            entry = SizeRatio(
                variants[v],
                variants[base],
                matched.scale.name,
                target,
                ratio=means[t],
                median=None if median is None else median.map(lambda x: float(np.exp(x))),
                p5=p5,
                p95=p95,
                smaller_share=shares[t],
                images=both,
                only_variant=int(np.sum(here & ~there)),
                only_baseline=int(np.sum(there & ~here)),
                neither=int(np.sum(~here & ~there)),
            )
        entries.append(entry)
    return entries


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
    here = ~np.isnan(matched.log_size[v, :, t])
    there = np.zeros_like(here) if base is None else ~np.isnan(matched.log_size[base, :, t])
    return SizeRatio(
        matched.points.variants[v],
        None if base is None else matched.points.variants[base],
        matched.scale.name,
        matched.targets[t],
        ratio=None,
        median=None,
        p5=None,
        p95=None,
        smaller_share=None,
        images=0,
        only_variant=int(np.sum(here & ~there)),
        only_baseline=int(np.sum(there & ~here)),
        neither=int(np.sum(~here & ~there)),
        reason=reason,
    )
