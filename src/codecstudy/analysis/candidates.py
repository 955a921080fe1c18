"""The levels of each variant that a recommendation may name, and the coarsest that is good enough."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from codecstudy.analysis.attainment import by_cluster
from codecstudy.analysis.levels import LevelCurves
from codecstudy.analysis.points import Points, VariantPoints
from codecstudy.analysis.variants import Variant
from codecstudy.types import Floats, MetricColumn, RateParameter


@dataclass(frozen=True, slots=True, eq=False)
class Ladder:
    """Every level of a variant that a recommendation may name, for one target."""

    variant: Variant
    levels: Floats
    """Coarsest first, shape (levels,); a single NaN if nothing is swept."""
    counted: NDArray[np.bool_]
    """The images of the scope: those on which any of its variants was measured, shape (images,)."""
    goodness: Floats
    """Images x levels; NaN where an image has no measured levels around a level, or failed at it."""
    log_size: Floats
    """Natural logarithm of bytes, images x levels."""
    reached: NDArray[np.bool_]
    """Whether each image reaches the target at a level and at every finer one with a known score: images x levels.
    A local peak of a curve is not counted. An image without a score at a level does not reach the target there."""
    clusters: NDArray[np.bool_]
    """The same for the clusters of the images that are counted: clusters x levels."""

    @classmethod
    def of(cls, points: Points, block: VariantPoints, scale: MetricColumn, target: float) -> Ladder:
        """The measured levels of ``block``, and the steps of its rate parameter between them."""
        curves = LevelCurves.of(block, scale)
        levels = level_grid(block.variant.axis, block.levels)
        goodness = curves.goodness_at(levels)
        ok = goodness >= scale.goodness(target)
        fails = ~ok & ~np.isnan(goodness)
        reached = ok & ~np.logical_or.accumulate(fails[:, ::-1], axis=1)[:, ::-1]
        counted = points.counted(block.variant.scope)
        return cls(
            block.variant,
            levels,
            counted,
            goodness,
            curves.log_sizes_at(levels),
            reached,
            by_cluster(reached, counted, points.sample),
        )

    def coarsest(self, required: int) -> int | None:
        """Index of the coarsest level at which ``required`` clusters reach the target; None if there is none."""
        enough = np.flatnonzero(self.clusters.sum(axis=0) >= required)
        return int(enough[0]) if enough.size else None

    def nearest(self) -> int:
        """Index of the level at which most clusters reach the target; the finest level if none does at any."""
        counts = self.clusters.sum(axis=0)
        return int(np.argmax(counts)) if counts.any() else len(counts) - 1


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """One variant at one level. Arrays have shape (images,)."""

    ladder: Ladder
    index: int
    """Of the level in the ladder."""
    enough: bool
    """Whether enough images reach the target; if not, this is the level at which most images reach it."""
    interpolated: NDArray[np.bool_]
    """Whether each image of the scope was measured around the level, but not at it."""
    encode_seconds_per_mp: Floats
    decode_seconds_per_mp: Floats
    size_bound: Floats
    """Upper bound on the interpolation error of the logarithm of size."""

    @classmethod
    def of(cls, ladder: Ladder, block: VariantPoints, scale: MetricColumn, required: int) -> Candidate:
        """The coarsest level of ``ladder`` at which ``required`` clusters reach the target."""
        index = ladder.coarsest(required)
        return cls.at(ladder, block, scale, ladder.nearest() if index is None else index, index is not None)

    @classmethod
    def at(
        cls, ladder: Ladder, block: VariantPoints, scale: MetricColumn, index: int, enough: bool
    ) -> Candidate:
        """The level with ``index`` in ``ladder``."""
        curves, level = LevelCurves.of(block, scale), float(ladder.levels[index])
        return cls(
            ladder=ladder,
            index=index,
            enough=enough,
            interpolated=ladder.counted & ~np.isnan(ladder.goodness[:, index]) & ~curves.measured_at(level),
            encode_seconds_per_mp=curves.time_at("encode_cpu", level) / block.megapixels,
            decode_seconds_per_mp=curves.time_at("decode_cpu", level) / block.megapixels,
            size_bound=curves.size_bound_at(level),
        )

    @property
    def variant(self) -> Variant:
        """The variant."""
        return self.ladder.variant

    @property
    def level(self) -> float:
        """NaN if nothing is swept."""
        return float(self.ladder.levels[self.index])

    @property
    def reached(self) -> NDArray[np.bool_]:
        """Whether each image reaches the target."""
        return np.asarray(self.ladder.reached[:, self.index])

    @property
    def clusters_reached(self) -> int:
        """Clusters that reach the target."""
        return int(self.ladder.clusters[:, self.index].sum())

    @property
    def goodness(self) -> Floats:
        """Goodness of each image."""
        return np.asarray(self.ladder.goodness[:, self.index], dtype=np.float64)

    @property
    def log_size(self) -> Floats:
        """Natural logarithm of the bytes of each image."""
        return np.asarray(self.ladder.log_size[:, self.index], dtype=np.float64)

    @property
    def mean_encode_seconds(self) -> float:
        """Mean encode CPU seconds per megapixel; NaN if none was recorded."""
        known = self.encode_seconds_per_mp[~np.isnan(self.encode_seconds_per_mp)]
        return float(known.mean()) if known.size else float("nan")


def level_grid(axis: RateParameter, measured: Floats) -> Floats:
    """The levels that a recommendation may name, coarsest first."""
    if not axis.name:
        return measured
    return np.array(axis.grid(measured.tolist()), dtype=np.float64)
