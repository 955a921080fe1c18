"""Score, size and times of one variant as functions of its swept parameter, between the measured levels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from codecstudy.analysis.curves import INTERPOLATION_BOUND
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
        goodness = _along_all(self.block.levels, self.goodness, levels)
        # A failed encode has no score, even if its neighbours do.
        for k, level in enumerate(self.block.levels):
            goodness[np.ix_(self.block.failed[:, k], levels == level)] = np.nan
        return goodness

    def measured_at(self, level: float) -> NDArray[np.bool_]:
        """Whether each image was measured at exactly ``level``."""
        if not self._swept:
            return np.asarray(~np.isnan(self.goodness[:, 0]))
        here = self.block.levels == level
        return np.asarray((~np.isnan(self.goodness[:, here])).any(axis=1))

    def log_sizes_at(self, levels: Floats) -> Floats:
        """Natural logarithm of bytes, images x ``levels``, PCHIP; NaN outside the measured levels."""
        size = self._log_size()
        if not self._swept:
            return np.repeat(size, len(levels), axis=1)
        return _along_all(self.block.levels, size, levels)

    def size_bound_at(self, level: float) -> Floats:
        """Upper bound on the error of :meth:`log_sizes_at` for each image, 0 where it was measured at ``level``.

        A share of the width of the bracket, as for curves: see
        :data:`codecstudy.analysis.curves.INTERPOLATION_BOUND`.
        """
        size = self._log_size()
        if not self._swept:
            return np.where(np.isnan(size[:, 0]), np.nan, 0.0)
        bounds = np.full(len(size), np.nan)
        for i, row in enumerate(size):
            known = ~np.isnan(row)
            x, y = _rising(self.block.levels[known], row[known])
            if x.size and x[0] <= level <= x[-1]:
                right = int(np.searchsorted(x, level))
                width = 0.0 if x[right] == level else abs(y[right] - y[right - 1])
                bounds[i] = INTERPOLATION_BOUND * width
        return bounds

    def _log_size(self) -> Floats:
        return np.log(np.where(self.block.size > 0, self.block.size, np.nan))

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
