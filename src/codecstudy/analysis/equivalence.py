"""Which quality number of each codec looks like JPEG 80?

Per image first: the baseline's score at its level (PCHIP of the score over the level, between measured levels
only), then the level at which the variant has that score on the same image. What is reported is the median of
those levels over images: a level is a number on a scale of the codec's own making, of which a mean would be
moved by single images at the ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from codecstudy.analysis.baseline import baselines
from codecstudy.analysis.bootstrap import Estimate, Resamples, spread
from codecstudy.analysis.curves import CurveSet
from codecstudy.analysis.levels import LevelCurves
from codecstudy.analysis.variants import Variant

Floats = NDArray[np.float64]

USUAL_LEVELS = (60.0, 70.0, 75.0, 80.0, 85.0, 90.0, 95.0)
"""JPEG qualities in common use."""


@dataclass(frozen=True, slots=True)
class Equivalent:
    """The level of a variant that looks like one level of the baseline."""

    variant: Variant
    baseline: Variant | None
    metric: str
    baseline_level: float
    score: Estimate | None
    """Median score of the baseline at its level, over the images it was measured around."""
    level: Estimate | None
    """Median over images of the variant's level at the same score; None with a ``reason``."""
    p5: float | None
    """5th and 95th percentile over images."""
    p95: float | None
    size_ratio: Estimate | None
    """Geometric mean over images of size / baseline's size at that score."""
    images: int
    left_out: int
    """Images on which the baseline has the level, but the variant never that score."""
    reason: str | None = None


def equivalence(
    curves: CurveSet,
    resamples: Resamples,
    baseline: str | None = None,
    levels: Sequence[float] = USUAL_LEVELS,
) -> tuple[Equivalent, ...]:
    """Every variant (but the baseline) against ``levels`` of its scope's baseline.

    Levels outside the baseline's measured ones give entries with a ``reason``.
    """
    of_scope = baselines(curves.points, baseline)
    at = np.array(levels, dtype=np.float64)
    blocks = curves.points.blocks
    goodness = {
        base: LevelCurves.of(blocks[base], curves.scale).goodness_at(at)
        for base in of_scope.values()
        if base is not None
    }
    entries: list[Equivalent] = []
    for v, variant in enumerate(curves.points.variants):
        base = of_scope[variant.scope]
        if v == base:
            continue
        for k, level in enumerate(at.tolist()):
            if base is None:
                reason = f"the baseline was not measured at {variant.scope.label}"
                entries.append(_nothing(curves, v, None, level, None, 0, reason))
            else:
                entries.append(_entry(curves, resamples, v, base, level, goodness[base][:, k]))
    return tuple(entries)


def _entry(
    curves: CurveSet, resamples: Resamples, v: int, base: int, level: float, goodness: Floats
) -> Equivalent:
    """``goodness`` is that of the baseline at ``level``, one an image."""
    variants, scale = curves.points.variants, curves.scale
    sign = 1 if scale.higher_is_better else -1
    score = resamples.median_estimate(sign * goodness)
    name = f"{variants[base].label} at {variants[base].axis.name} {level:g}"
    if score is None:
        reason = f"{name} lies outside the measured levels"
        return _nothing(curves, v, base, level, None, 0, reason)
    found, ratio = np.full(len(goodness), np.nan), np.full(len(goodness), np.nan)
    for i, g in enumerate(goodness):
        mine, theirs = curves.curves[v][i], curves.curves[base][i]
        if mine is not None and theirs is not None and not np.isnan(g):
            found[i] = mine.level_at(np.array([g]))[0]
            ratio[i] = mine.log_size_at(np.array([g]))[0] - theirs.log_size_at(np.array([g]))[0]
    left_out = int(np.sum(~np.isnan(goodness) & np.isnan(found)))
    estimate = resamples.median_estimate(found)
    if estimate is None:
        swept = bool(variants[v].axis.name)
        reason = f"no image has the score of {name}" if swept else "nothing is swept"
        return _nothing(curves, v, base, level, score, left_out, reason)
    p5, _, p95 = spread(found)
    return Equivalent(
        variants[v],
        variants[base],
        scale.column,
        level,
        score,
        estimate,
        p5,
        p95,
        resamples.mean_estimates(ratio[:, None], np.exp)[0],
        estimate.images,
        left_out,
    )


def _nothing(
    curves: CurveSet,
    v: int,
    base: int | None,
    level: float,
    score: Estimate | None,
    left_out: int,
    reason: str,
) -> Equivalent:
    variants = curves.points.variants
    return Equivalent(
        variants[v],
        None if base is None else variants[base],
        curves.scale.column,
        float(level),
        score,
        level=None,
        p5=None,
        p95=None,
        size_ratio=None,
        images=0,
        left_out=left_out,
        reason=reason,
    )
