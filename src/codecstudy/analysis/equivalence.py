"""Which quality number of each codec matches, say, JPEG 80?

For each image: the baseline's score at its level (PCHIP of score over level, between measured levels only), then
the level at which the variant has that score on the same image. The reported value is the median of these levels
over images: every codec has its own scale of levels, and a few images near the ends of that scale would distort
a mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from codecstudy.analysis.baseline import baselines
from codecstudy.analysis.curves import CurveSet
from codecstudy.analysis.estimates import Estimate, mean_estimates, median_estimate
from codecstudy.analysis.levels import LevelCurves
from codecstudy.analysis.percentiles import spread
from codecstudy.analysis.variants import Variant
from codecstudy.types import Floats

USUAL_LEVELS = (60.0, 70.0, 75.0, 80.0, 85.0, 90.0, 95.0)
"""JPEG qualities in common use."""


@dataclass(frozen=True, slots=True)
class Equivalent:
    """The level of a variant that matches one level of the baseline."""

    variant: Variant
    baseline: Variant | None
    metric: str
    baseline_level: float
    score: Estimate | None
    """Median score of the baseline at its level, over the images with measured levels around it."""
    level: Estimate | None
    """Median over images of the variant's level at the same score; if None, ``reason`` is set."""
    lowest: float | None
    """Lowest and highest of single images: 5th and 95th percentile from 20 images on."""
    highest: float | None
    size_ratio: Estimate | None
    """Geometric mean over images of size / baseline's size at that score."""
    images: int
    left_out: int
    """Images on which the baseline has a score at its level, but the variant does not reach that score."""
    reason: str | None = None


def equivalence(
    curves: CurveSet,
    baseline: str | None = None,
    levels: Sequence[float] = USUAL_LEVELS,
) -> tuple[Equivalent, ...]:
    """Every variant except the baseline against ``levels`` of its scope's baseline.

    For levels outside the baseline's measured range, the entries have a ``reason``.
    """
    of_scope = baselines(curves.points, baseline)
    at = np.array(levels, dtype=np.float64)
    blocks = curves.points.blocks
    goodness = {
        base: _finite(LevelCurves.of(blocks[base], curves.scale).goodness_at(at))
        for base in of_scope.values()
        if base is not None
    }
    entries: list[Equivalent] = []
    for v, variant in enumerate(curves.points.variants):
        base = of_scope[variant.scope]
        if v == base:
            continue
        if base is None:
            reason = f"the baseline was not measured at {variant.scope.label}"
            entries += [_nothing(curves, v, None, level, None, 0, reason) for level in at.tolist()]
        else:
            entries += _against(curves, v, base, at, goodness[base])
    return tuple(entries)


def _finite(goodness: Floats) -> Floats:
    """``goodness`` with NaN for infinite values: no finite score on another curve equals a lossless PSNR."""
    return np.where(np.isfinite(goodness), goodness, np.nan)


def _against(curves: CurveSet, v: int, base: int, at: Floats, goodness: Floats) -> list[Equivalent]:
    """``goodness`` is the baseline's, images x levels ``at``."""
    found, ratio = np.full(goodness.shape, np.nan), np.full(goodness.shape, np.nan)
    for i, (mine, theirs) in enumerate(zip(curves.of_variant(v), curves.of_variant(base), strict=True)):
        if mine is not None and theirs is not None:
            found[i] = mine.level_at(goodness[i])
            ratio[i] = mine.log_size_at(goodness[i]) - theirs.log_size_at(goodness[i])
    ratios = mean_estimates(np.where(np.isnan(found), np.nan, ratio), curves.points.sample, np.exp)
    return [
        _entry(curves, v, base, level, goodness[:, k], found[:, k], ratios[k])
        for k, level in enumerate(at.tolist())
    ]


def _entry(
    curves: CurveSet,
    v: int,
    base: int,
    level: float,
    goodness: Floats,
    found: Floats,
    ratio: Estimate | None,
) -> Equivalent:
    variants, scale = curves.points.variants, curves.scale
    sign = 1 if scale.higher_is_better else -1
    score = median_estimate(sign * goodness, curves.points.sample)
    name = f"{variants[base].label} at {variants[base].axis.name} {level:g}"
    if score is None:
        return _nothing(
            curves, v, base, level, None, 0, f"{name} is outside the measured levels, or is lossless"
        )
    left_out = int(np.sum(~np.isnan(goodness) & np.isnan(found)))
    estimate = median_estimate(found, curves.points.sample)
    if estimate is None:
        swept = bool(variants[v].axis.name)
        reason = f"no image reaches the score of {name}" if swept else "no parameter is swept"
        return _nothing(curves, v, base, level, score, left_out, reason)
    lowest, _, highest = spread(found)
    return Equivalent(
        variants[v],
        variants[base],
        scale.name,
        level,
        score,
        estimate,
        lowest,
        highest,
        ratio,
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
        curves.scale.name,
        float(level),
        score,
        level=None,
        lowest=None,
        highest=None,
        size_ratio=None,
        images=0,
        left_out=left_out,
        reason=reason,
    )
