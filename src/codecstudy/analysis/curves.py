"""Rate-distortion curves: PCHIP of log size over a metric, per image and variant, never extrapolated.

PCHIP (F. N. Fritsch and J. Butland, 1984; SciPy's ``PchipInterpolator``) passes through every measured point
and does not overshoot between them: where the points rise, the curve rises. A point that breaks the order (a
finer level that scores lower, or a higher score in a smaller file) stays on the curve and is listed in
:attr:`CurveSet.irregularities`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from scipy.interpolate import PchipInterpolator

from codecstudy.analysis.points import Points, VariantPoints
from codecstudy.analysis.variants import Variant
from codecstudy.types import Floats, MetricColumn

INTERPOLATION_BOUND = 0.2
"""Upper bound on the error of PCHIP curves between measured points in a mean over images, as a share of the points'
distance in log size. ``benchmarks/interpolation.py`` finds at most 0.15 on dense sweeps of photographs; a single
irregular curve can deviate further."""

Kind = Literal["score-falls", "size-falls", "tied", "infinite"]


@dataclass(frozen=True, slots=True)
class Irregularity:
    """A measured point that breaks the order of its curve."""

    image: str
    variant: Variant
    level: float
    """Value of the swept parameter."""
    kind: Kind
    """``score-falls``: scores lower than the next coarser level. ``size-falls``: is smaller than the next coarser
    level. Both stay on the curve. ``tied``: scores exactly the same as a smaller file; the curve uses the smaller
    file. ``infinite``: a lossless PSNR, which is not on the curve."""


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """One image, one variant, one metric. Arrays are float64 of shape (points,), worst score first."""

    goodness: Floats
    """The score, negated if lower is better: strictly rising."""
    log_size: Floats
    """Natural logarithm of encoded bytes."""
    level: Floats
    """Value of the swept parameter; NaN if nothing is swept."""
    times: dict[str, Floats]
    """Seconds, by name; NaN if unknown."""
    _pchip: PchipInterpolator | None
    """Interpolates log size and, if a parameter is swept, level, as columns; None for a single point."""

    def __len__(self) -> int:
        return len(self.goodness)

    @property
    def low(self) -> float:
        """Worst goodness measured."""
        return float(self.goodness[0])

    @property
    def high(self) -> float:
        """Best goodness measured."""
        return float(self.goodness[-1])

    def without(self, points: slice) -> Curve:
        """The curve through the other points."""
        kept = np.ones(len(self), dtype=bool)
        kept[points] = False
        swept = np.column_stack([self.log_size, self.level])[kept]
        return Curve(
            self.goodness[kept],
            self.log_size[kept],
            self.level[kept],
            {name: times[kept] for name, times in self.times.items()},
            PchipInterpolator(self.goodness[kept], swept[:, :1]) if kept.sum() > 1 else None,
        )

    def log_size_at(self, goodness: Floats) -> Floats:
        """Natural logarithm of bytes at ``goodness``; NaN outside the measured range."""
        return self._at(goodness, 0)

    def bound_at(self, goodness: Floats) -> Floats:
        """Upper bound on the error of :meth:`log_size_at`: :data:`INTERPOLATION_BOUND` of the bracket's width.

        The bracket of a goodness is the interval between the measured points around it, its width the difference
        of their logarithms of size; at a measured point it is 0. NaN outside the measured range.
        """
        inside = (goodness >= self.low) & (goodness <= self.high)
        right = np.clip(np.searchsorted(self.goodness, goodness), 0, len(self) - 1)
        left = np.where(self.goodness[right] == goodness, right, np.maximum(right - 1, 0))
        width = np.abs(self.log_size[right] - self.log_size[left])
        return np.where(inside, INTERPOLATION_BOUND * width, np.nan)

    def level_at(self, goodness: Floats) -> Floats:
        """Value of the swept parameter at ``goodness``; NaN outside the measured range."""
        return self._at(goodness, 1)

    def time_at(self, name: str, goodness: Floats) -> Floats:
        """Seconds at ``goodness``, interpolated linearly because times are noisy; NaN outside the range."""
        return np.interp(goodness, self.goodness, self.times[name], left=np.nan, right=np.nan)

    def mean_log_size(self, low: Floats, high: Floats) -> Floats:
        """Mean of the natural logarithm of bytes over intervals of goodness: the exact integral of the curve.

        Args:
            low: Lower ends of the intervals, within the measured range.
            high: Upper ends, each above its lower end.

        Raises:
            ValueError: If the curve has a single point.
        """
        if self._pchip is None:
            raise ValueError("a curve of one point has no mean over an interval")
        area = self._pchip.antiderivative()(np.stack([low, high]))[..., 0]
        return np.asarray((area[1] - area[0]) / (high - low), dtype=np.float64)

    def _at(self, goodness: Floats, column: int) -> Floats:
        if self._pchip is None:  # known only at the measured point
            values = (self.log_size, self.level)[column]
            return np.where(goodness == self.goodness[0], values[0], np.nan)
        values = np.asarray(self._pchip(goodness, extrapolate=False), dtype=np.float64)
        return values[..., column] if column < values.shape[-1] else np.full(goodness.shape, np.nan)


class CurveSet:
    """The curves of all images and variants for one metric. Those of a variant are made when they are first needed.

    Args:
        points: The measured points.
        scale: The metric.
    """

    def __init__(self, points: Points, scale: MetricColumn) -> None:
        self.points, self.scale = points, scale
        self._rows: dict[int, tuple[Curve | None, ...]] = {}

    def of_variant(self, variant: int) -> tuple[Curve | None, ...]:
        """The curves of one variant, by image; None if the image has no score of this metric."""
        if variant not in self._rows:
            block, images = self.points.blocks[variant], range(len(self.points.images))
            self._rows[variant] = tuple(_curve(block, image, self.scale) for image in images)
        return self._rows[variant]

    @cached_property
    def irregularities(self) -> tuple[Irregularity, ...]:
        """All measured points that break the order of their curve."""
        return tuple(
            found
            for block in self.points.blocks
            for image, name in enumerate(self.points.images)
            for found in _irregularities(block, image, name, self.scale)
        )

    def ends(self, variant: int) -> tuple[Floats, Floats]:
        """Worst and best goodness of each image, shape (images,); NaN without a curve."""
        row = self.of_variant(variant)
        low = [np.nan if c is None else c.low for c in row]
        high = [np.nan if c is None else c.high for c in row]
        return np.array(low), np.array(high)


def fit(points: Points, metric: str) -> CurveSet:
    """Curves of ``metric`` (a column of a record) for all images and variants.

    Raises:
        ResultsError: If the metric is unknown, or if no record has a score of it.
    """
    return CurveSet(points, points.require(metric))


def _curve(block: VariantPoints, image: int, scale: MetricColumn) -> Curve | None:
    goodness = _goodness(block, image, scale)
    usable = np.flatnonzero(np.isfinite(goodness) & (block.size[image] > 0))
    if not usable.size:
        return None
    # Of points with equal goodness keep the smallest file; of those with equal size too, the coarsest level.
    usable = usable[np.lexsort((usable, block.size[image, usable], goodness[usable]))]
    _, first = np.unique(goodness[usable], return_index=True)
    usable = usable[first]
    x, log_size, level = goodness[usable], np.log(block.size[image, usable]), block.levels[usable]
    swept = np.column_stack([log_size, level]) if block.variant.axis.name else log_size[:, None]
    return Curve(
        goodness=x,
        log_size=log_size,
        level=level,
        times={name: times[image, usable] for name, times in block.times.items()},
        _pchip=PchipInterpolator(x, swept) if usable.size > 1 else None,
    )


def _goodness(block: VariantPoints, image: int, scale: MetricColumn) -> Floats:
    score: Floats = block.scores[scale.name][image]
    return score if scale.higher_is_better else -score


def _irregularities(
    block: VariantPoints, image: int, name: str, scale: MetricColumn
) -> Iterator[Irregularity]:
    goodness, size = _goodness(block, image, scale), block.size[image]
    for k in np.flatnonzero(np.isinf(goodness)):
        yield Irregularity(name, block.variant, float(block.levels[k]), "infinite")
    finite = np.flatnonzero(np.isfinite(goodness))
    seen: dict[float, float] = {}
    for k in finite[np.argsort(size[finite], kind="stable")]:
        if seen.setdefault(float(goodness[k]), float(k)) != float(k):
            yield Irregularity(name, block.variant, float(block.levels[k]), "tied")
    for kind, values in (("score-falls", goodness), ("size-falls", size)):
        for k in finite[1:][np.diff(values[finite]) < 0]:
            yield Irregularity(name, block.variant, float(block.levels[k]), kind)  # type: ignore[arg-type]
