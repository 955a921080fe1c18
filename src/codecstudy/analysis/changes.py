"""What changed from BASE to HEAD on each image: sizes and times at the same score, all else at a setting."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from codecstudy.analysis.alignment import SharedImages, Side, VariantPair
from codecstudy.analysis.curves import INTERPOLATION_BOUND, Curve, fit
from codecstudy.analysis.matched import MIN_REACHED, match
from codecstudy.analysis.points import VariantPoints
from codecstudy.analysis.problems import Problem
from codecstudy.types import Floats, MetricColumn

Quantity = Literal["size", "score", "encode_cpu", "decode_cpu"]
TIMES: tuple[Quantity, ...] = ("encode_cpu", "decode_cpu")


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """One quantity of one variant on all shared images. Arrays have shape (images,), NaN without a value."""

    pair: VariantPair
    quantity: Quantity
    base: Floats
    """BASE's bytes, seconds or score."""
    head: Floats
    target: float | None = None
    """The score at which it is compared; None if compared at a setting."""
    level: float | None = None
    """Value of the rate parameter of the setting, if it has one."""
    bound: Floats | None = None
    """Upper bound on the interpolation error of log(HEAD / BASE); None if nothing is interpolated."""

    @property
    def label(self) -> str:
        """The setting, or the variants if compared at a target."""
        return self.pair.label if self.level is None else self.pair.head.at(self.level).label()

    def growth(self, scale: MetricColumn) -> Floats:
        """log(HEAD / BASE) of sizes and times, BASE - HEAD of scores that are better if higher: growth is worse."""
        if self.quantity == "score":
            with np.errstate(invalid="ignore"):
                loss = (self.base - self.head) * (1 if scale.higher_is_better else -1)
            same = np.isinf(self.base) & (self.base == self.head)  # lossless on both sides
            return np.where(same, 0.0, np.where(np.isfinite(loss), loss, np.nan))
        with np.errstate(divide="ignore", invalid="ignore"):
            logs = np.log(self.head / self.base)
        return np.where(np.isfinite(logs), logs, np.nan)


class AtTargets:
    """Sizes and times of both sides at the same scores, interpolated between measured levels."""

    def __init__(
        self, base: Side, head: Side, images: SharedImages, scale: MetricColumn, targets: Sequence[float]
    ) -> None:
        self.scale = scale
        self.images = images
        self._base, self._head = (match(fit(side.points, scale.name), targets) for side in (base, head))
        self.targets = self._base.targets

    def reached_by_both(self, pair: VariantPair) -> list[int]:
        """Indices of the targets that at least 90 % of the images reach on both sides."""
        before, after = self._sizes(pair)
        both = ~np.isnan(before) & ~np.isnan(after)
        return np.flatnonzero(both.sum(axis=0) >= max(MIN_REACHED * self._measured(pair), 1)).tolist()

    def reached_by_base(self, pair: VariantPair) -> list[int]:
        """Indices of the targets that at least 90 % of the images reach in BASE."""
        before, _ = self._sizes(pair)
        return np.flatnonzero(
            (~np.isnan(before)).sum(axis=0) >= max(MIN_REACHED * self._measured(pair), 1)
        ).tolist()

    def size(self, pair: VariantPair, t: int) -> Change:
        """Sizes at target ``t``."""
        before, after = self._sizes(pair)
        bound = self._bound(pair)[:, t]
        return Change(pair, "size", np.exp(before[:, t]), np.exp(after[:, t]), self.targets[t], bound=bound)

    def time(self, pair: VariantPair, name: Quantity, t: int) -> Change:
        """CPU seconds at target ``t``."""
        b, h = self._indices(pair)
        before = self._base.times[name][b, self.images.base_rows, t]
        after = self._head.times[name][h, self.images.head_rows, t]
        return Change(pair, name, before, after, self.targets[t])

    def lost(self, pair: VariantPair, t: int, slack: float, *, too_good: bool) -> list[Problem]:
        """Images that reach target ``t`` in BASE but not in HEAD, and miss it there by more than ``slack``.

        ``too_good``: whether that includes images of which even HEAD's coarsest level scores better.
        """
        before, after = self._sizes(pair)
        wanted = self.scale.goodness(self.targets[t])
        title = f"{self.scale.title} {self.targets[t]:g}"
        problems = []
        for i in np.flatnonzero(~np.isnan(before[:, t]) & np.isnan(after[:, t])):
            curve = self._head.curves.of_variant(self._indices(pair)[1])[self.images.head_rows[i]]
            if curve is None:
                continue  # each of its records is a problem
            missed_by = max(wanted - curve.high, curve.low - wanted if too_good else -math.inf)
            if missed_by > slack and (too_good or curve.high < wanted):
                detail = f"{title} is within BASE's measured scores, but outside HEAD's"
                problems.append(Problem("not-reached", "head", self.images.names[i], pair.label, detail))
        return problems

    def _indices(self, pair: VariantPair) -> tuple[int, int]:
        return self._base.points.variants.index(pair.base), self._head.points.variants.index(pair.head)

    def _sizes(self, pair: VariantPair) -> tuple[Floats, Floats]:
        """Logarithms of bytes, images x targets."""
        b, h = self._indices(pair)
        return self._base.log_size[b][self.images.base_rows], self._head.log_size[h][self.images.head_rows]

    def _measured(self, pair: VariantPair) -> int:
        """Images on which either side has a score."""
        b, h = self._indices(pair)
        return sum(
            self._base.curves.of_variant(b)[i] is not None or self._head.curves.of_variant(h)[j] is not None
            for i, j in zip(self.images.base_rows, self.images.head_rows, strict=True)
        )

    def _bound(self, pair: VariantPair) -> Floats:
        """Upper bound on the interpolation error of the ratio, images x targets.

        It is the sum of both errors, unless both sides have the same levels of the same variant: see
        :func:`_remainder`.
        """
        b, h = self._indices(pair)
        rows = self.images.base_rows, self.images.head_rows
        found: Floats = self._base.bound[b][rows[0]] + self._head.bound[h][rows[1]]
        if pair.same:
            goodness = np.array([self.scale.goodness(t) for t in self.targets])
            for image, (i, j) in enumerate(zip(*rows, strict=True)):
                one, other = self._base.curves.of_variant(b)[i], self._head.curves.of_variant(h)[j]
                if one and other and len(one) > 1 and np.array_equal(one.level, other.level):
                    found[image] = np.minimum(found[image], _remainder(one, other, goodness))
        return found


def _remainder(base: Curve, head: Curve, goodness: Floats) -> Floats:
    """Upper bound on the interpolation error of the ratio of two curves with the same levels.

    Both deviate from their interpolation in the same way, so that the errors cancel as far as the widths of the
    brackets are equal: those around ``goodness``, and their neighbours, which determine the slopes of PCHIP.
    """
    apart = np.abs(np.diff(base.log_size) - np.diff(head.log_size))
    padded = np.concatenate([[0.0], apart, [0.0]])
    largest = np.maximum(np.maximum(padded[:-2], padded[1:-1]), padded[2:])
    brackets = [
        largest[np.clip(np.searchsorted(curve.goodness, goodness) - 1, 0, len(apart) - 1)]
        for curve in (base, head)
    ]
    return np.asarray(INTERPOLATION_BOUND * np.maximum(*brackets), dtype=np.float64)


def at_settings(
    base: VariantPoints,
    head: VariantPoints,
    images: SharedImages,
    scale: MetricColumn,
    quantities: Sequence[Quantity],
) -> Iterator[Change]:
    """Every quantity at every level that both sides have, on the images that were measured at it.

    Levels at which no image was measured on both sides have none: their records are problems.
    """
    pair = VariantPair(base.variant, head.variant)
    swept = bool(base.variant.axis.name)
    for k, level in enumerate(base.levels):
        others = np.flatnonzero(head.levels == level) if swept else np.array([0])
        if not others.size:
            continue
        for quantity in quantities:
            before = _column(base, quantity, scale, k)[images.base_rows]
            after = _column(head, quantity, scale, int(others[0]))[images.head_rows]
            if not np.any(~np.isnan(before) & ~np.isnan(after)) and quantity not in TIMES:
                continue
            yield Change(pair, quantity, before, after, level=float(level) if swept else None)


def _column(block: VariantPoints, quantity: Quantity, scale: MetricColumn, k: int) -> Floats:
    values: Floats
    if quantity == "size":
        values = block.size
    elif quantity == "score":
        values = block.scores[scale.name]
    else:
        values = block.times[quantity]
    return values[:, k]


def lossless_problems(change: Change, images: SharedImages) -> list[Problem]:
    """Images that were lossless in BASE and are not in HEAD: no finite difference of scores says so."""
    lost: NDArray[np.bool_] = np.isinf(change.base) & np.isfinite(change.head)
    return [
        Problem("not-lossless", "head", images.names[i], change.label, "lossless in BASE, but not in HEAD")
        for i in np.flatnonzero(lost)
    ]
