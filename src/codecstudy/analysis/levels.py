"""Score, size and times of one variant as functions of its swept parameter, between the measured levels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import PchipInterpolator

from codecstudy.analysis.points import VariantPoints
from codecstudy.types import Floats, MetricColumn


@dataclass(frozen=True, slots=True, eq=False)
class LevelCurves:
    """Per image: goodness, log size and times as functions of the level. Never extrapolated.

    A variant that is not swept has one level, NaN, with the measured values.
    """

    block: VariantPoints
    goodness: Floats
    """Images x levels; NaN without a score, infinite for a lossless PSNR."""

    @classmethod
    def of(cls, block: VariantPoints, scale: MetricColumn) -> LevelCurves:
        """The curves of ``block`` for the metric of ``scale``."""
        score = block.scores[scale.name]
        return cls(block, score if scale.higher_is_better else -score)

    @property
    def _swept(self) -> bool:
        return bool(self.block.variant.axis.name)

    def goodness_at(self, levels: Floats) -> Floats:
        """Images x ``levels``, PCHIP between measured levels; NaN outside them.

        Between a finite and an infinite goodness the curve stays at the finite value: a lower bound, provided
        that finer levels do not score worse.
        """
        if not self._swept:
            return np.repeat(self.goodness, len(levels), axis=1)
        return _along_all(self.block.levels, self.goodness, levels)

    def log_size_at(self, level: float) -> Floats:
        """Natural logarithm of bytes of each image at ``level``, PCHIP; NaN outside the measured levels."""
        size = np.log(np.where(self.block.size > 0, self.block.size, np.nan))
        if not self._swept:
            return size[:, 0]
        return _along_all(self.block.levels, size, np.array([level]))[:, 0]

    def time_at(self, name: str, level: float) -> Floats:
        """Seconds of each image at ``level``, interpolated linearly; NaN outside the levels with a time."""
        if not self._swept:
            return self.block.times[name][:, 0]
        out = np.full(len(self.goodness), np.nan)
        for i, row in enumerate(self.block.times[name]):
            known = ~np.isnan(row)
            x, y = _rising(self.block.levels[known], row[known])
            if x.size:
                out[i] = np.interp(level, x, y, left=np.nan, right=np.nan)
        return out


def _along_all(levels: Floats, values: Floats, at: Floats) -> Floats:
    """PCHIP of each row of ``values``; all rows without gaps (usually most of them) at once."""
    out = np.empty((len(values), len(at)))
    complete = np.asarray(np.isfinite(values).all(axis=1))
    if len(levels) > 1 and complete.any():
        x, y = _rising(levels, values[complete].T)
        out[complete] = PchipInterpolator(x, y)(at, extrapolate=False).T
    else:
        complete[:] = False
    for row in np.flatnonzero(~complete):
        out[row] = _along(levels, values[row], at)
    return out


def _along(levels: Floats, values: Floats, at: Floats) -> Floats:
    known = ~np.isnan(values)
    x, y = _rising(levels[known], values[known])
    if x.size < 2:
        return np.where(at == x[0], y[0], np.nan) if x.size else np.full(at.shape, np.nan)
    left = np.clip(np.searchsorted(x, at, side="right") - 1, 0, x.size - 2)
    ends = y[left], y[left + 1]
    bound = np.where(at == x[left], ends[0], np.where(at == x[left + 1], ends[1], np.minimum(*ends)))
    finite = np.isfinite(y)
    smooth = PchipInterpolator(x[finite], y[finite])(at) if finite.sum() > 1 else bound
    inside = (at >= x[0]) & (at <= x[-1])
    return np.where(inside, np.where(np.isfinite(ends[0] + ends[1]), smooth, bound), np.nan)


def _rising(levels: Floats, values: Floats) -> tuple[Floats, Floats]:
    order = np.argsort(levels)
    return levels[order], values[order]
