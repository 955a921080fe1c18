"""Whether metrics agree on the order of formats: the same comparison under each of them, at corresponding targets.

A target of one metric is translated into the others through the baseline: at the level at which the baseline's
median score is the target, the target of every other metric is the baseline's median score. So all metrics compare
at the quality of the same baseline files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from codecstudy.analysis.curves import CurveSet, fit
from codecstudy.analysis.levels import LevelCurves
from codecstudy.analysis.matched import SizeRatio, match, size_ratio
from codecstudy.analysis.points import Points, VariantPoints
from codecstudy.types import Floats, MetricColumn

OPINIONS = ("ssimulacra2", "butteraugli_3norm", "butteraugli")
"""Columns that are compared where they were measured, besides that of the answer. PSNR and SSIM are left out: they
predict people's judgements worse (Sneyers et al., CID22), and their orders mostly measure that."""

EQUAL = 0.01
"""Formats whose sizes differ by less than this share are not in an order."""


@dataclass(frozen=True, slots=True)
class Opinion:
    """The savings at the same score under one metric."""

    metric: str
    title: str
    target: float
    """Score at which sizes are compared."""
    ratios: tuple[SizeRatio, ...]
    """One for each of the compared variants, in their order."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """The same comparison under several metrics."""

    baseline_level: float | None
    """Level of the baseline at which its median score is the target; None if it is not within the measured ones."""
    opinions: tuple[Opinion, ...]
    """The answer's own metric first."""
    disputed: tuple[tuple[str, str], ...]
    """Labels of the pairs of variants (the baseline included) that two metrics put in opposite orders."""


def agreement(
    points: Points,
    metric: str,
    target: float,
    variants: Sequence[int],
    baseline: int,
    curves: dict[str, CurveSet] | None = None,
) -> Agreement:
    """Compare ``variants`` with ``baseline`` under the answer's metric and under those of :data:`OPINIONS`.

    Args:
        points: The measured points.
        metric: Column of the answer's metric.
        target: Target of the answer.
        variants: Indices of blocks, without the baseline.
        baseline: Index of the baseline's block.
        curves: Curves by metric, if they are already known.
    """
    scale = points.require(metric)
    block = points.blocks[baseline]
    level = _level_at_median(block, scale, target)
    opinions = []
    for name in dict.fromkeys((metric, *OPINIONS)):
        if name not in points.columns:
            continue
        column = points.columns[name]
        wanted = target if name == metric else _median_at(block, column, level)
        if wanted is None:
            continue
        fitted = curves[name] if curves and name in curves else fit(points, name)
        matched = match(fitted, [wanted], [*variants, baseline])
        ratios = tuple(size_ratio(matched, v, baseline, 0) for v in variants)
        opinions.append(Opinion(name, column.title, wanted, ratios))
    return Agreement(level, tuple(opinions), _disputed(points, variants, baseline, opinions))


def _level_at_median(block: VariantPoints, scale: MetricColumn, target: float) -> float | None:
    """The level at which the median score over the images that have one at every level is ``target``."""
    levels, median = _medians(block, scale)
    if not block.variant.axis.name or levels.size < 2:
        return None
    rising = np.maximum.accumulate(median)
    wanted = scale.goodness(target)
    if not rising[0] <= wanted <= rising[-1]:
        return None
    fineness = [block.variant.axis.fineness(level) for level in levels.tolist()]
    keep = np.append(True, np.diff(rising) > 0)
    found = float(np.interp(wanted, rising[keep], np.array(fineness)[keep]))
    return block.variant.axis.fineness(found)  # its own inverse


def _medians(block: VariantPoints, scale: MetricColumn) -> tuple[Floats, Floats]:
    goodness = LevelCurves.of(block, scale).goodness
    complete = np.asarray(np.isfinite(goodness).all(axis=1))
    if not complete.any():
        return np.empty(0), np.empty(0)
    return block.levels, np.median(goodness[complete], axis=0)


def _median_at(block: VariantPoints, column: MetricColumn, level: float | None) -> float | None:
    if level is None:
        return None
    goodness = LevelCurves.of(block, column).goodness_at(np.array([level]))[:, 0]
    known = goodness[np.isfinite(goodness)]
    return column.score(float(np.median(known))) if known.size else None


def _disputed(
    points: Points, variants: Sequence[int], baseline: int, opinions: Sequence[Opinion]
) -> tuple[tuple[str, str], ...]:
    labels = [points.variants[v].label for v in (*variants, baseline)]
    orders = []
    for opinion in opinions:
        logs = [np.nan if r.ratio is None else float(np.log(r.ratio.value)) for r in opinion.ratios]
        orders.append(np.array([*logs, 0.0]))
    found = []
    for one, other in combinations(range(len(labels)), 2):
        gaps = [order[one] - order[other] for order in orders]
        signs = {np.sign(gap) for gap in gaps if abs(gap) > np.log1p(EQUAL)}
        if len(signs - {0.0}) > 1:
            found.append((labels[one], labels[other]))
    return tuple(found)
