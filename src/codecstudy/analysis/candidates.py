"""The coarsest level of each variant that is good enough, with its size and times."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from codecstudy.analysis.levels import LevelCurves
from codecstudy.analysis.points import Points, VariantPoints
from codecstudy.analysis.variants import Variant
from codecstudy.types import Floats, MetricColumn, RateParameter


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """One variant at one level, over the images of its scope. Arrays have shape (images of the study,)."""

    variant: Variant
    level: float
    """NaN if nothing is swept."""
    enough: bool
    """Whether enough images reach the target; if not, this is the level at which most images reach it."""
    reached: NDArray[np.bool_]
    images: int
    """Images of the scope: those on which any of its variants was measured."""
    goodness: Floats
    log_size: Floats
    encode_seconds_per_mp: Floats
    decode_seconds_per_mp: Floats
    measured: bool
    """Whether the level itself was measured; if not, it is between two measured ones."""

    @property
    def share(self) -> float:
        """Share of images that reach the target, 0 to 1."""
        return float(self.reached.sum()) / self.images

    @property
    def mean_encode_seconds(self) -> float:
        """Mean encode CPU seconds per megapixel; NaN if none was recorded."""
        known = self.encode_seconds_per_mp[~np.isnan(self.encode_seconds_per_mp)]
        return float(known.mean()) if known.size else float("nan")


def candidate(
    points: Points, block: VariantPoints, scale: MetricColumn, target: float, coverage: float
) -> Candidate:
    """The coarsest level at which at least ``coverage`` of the scope's images reach ``target``.

    The levels are the measured ones and the steps between them (integers for quality); the score of each image at
    a level between is interpolated with PCHIP. An image counts at a level only if it also reaches the target at
    every finer level with a known score, so that a local peak of the curve is not counted. An image without
    measured levels around a level does not reach the target there.

    Args:
        points: All measured points, to find the images of the scope.
        block: The points of the variant.
        scale: The metric.
        target: Score to reach.
        coverage: Share of images, 0 to 1, that must reach it.
    """
    curves = LevelCurves.of(block, scale)
    levels = level_grid(block.variant.axis, block.levels)
    goodness = curves.goodness_at(levels)
    ok = goodness >= scale.goodness(target)
    fails = ~ok & ~np.isnan(goodness)
    fails_finer = np.logical_or.accumulate(fails[:, ::-1], axis=1)[:, ::-1]
    reached = ok & ~fails_finer
    images = int(_in_scope(points, block.variant).sum())
    shares = reached.sum(axis=0) / images
    enough = np.flatnonzero(shares >= coverage - 1e-12)
    if enough.size:
        k = int(enough[0])
    else:
        # The level at which most images reach the target, or the finest level if none does at any.
        k = int(np.argmax(shares)) if shares.any() else len(shares) - 1
    level = float(levels[k])
    return Candidate(
        variant=block.variant,
        level=level,
        enough=bool(enough.size),
        reached=reached[:, k],
        images=images,
        goodness=goodness[:, k],
        log_size=curves.log_size_at(level),
        encode_seconds_per_mp=curves.time_at("encode_cpu", level) / block.megapixels,
        decode_seconds_per_mp=curves.time_at("decode_cpu", level) / block.megapixels,
        measured=bool(np.isnan(level) or level in block.levels),
    )


def level_grid(axis: RateParameter, measured: Floats) -> Floats:
    """The levels that a recommendation may name, coarsest first."""
    if not axis.name:
        return measured
    return np.array(axis.grid(measured.tolist()), dtype=np.float64)


def _in_scope(points: Points, variant: Variant) -> NDArray[np.bool_]:
    present = [~np.isnan(points.blocks[v].megapixels) for v in points.in_scope(variant.scope)]
    return np.asarray(np.any(present, axis=0))
