"""Paired bootstrap over images: every statistic of a study is resampled with the same images.

The sampling unit is the image. One matrix of resampling counts is used for all variants, targets and metrics, so
that two statistics of one resample are always based on the same images: differences are paired.

Intervals are expanded percentile intervals: with few images, the plain percentile interval is too narrow (its
width lacks the factor sqrt(n / (n - 1)) and Student's t), so wider percentiles are used to compensate
(T. Hesterberg, "What Teachers Should Know About the Bootstrap", The American Statistician 69:4, 2015,
section 3.3).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from codecstudy.types import Floats

Transform = Callable[[Floats], Floats]

DEFAULT_RESAMPLES = 2000
DEFAULT_SEED = 0
CONFIDENCE = 0.95
FEW_IMAGES = 6
"""With fewer images, an answer carries a warning. Even the full range of five independent values covers the
median with a probability of only 1 - 2 / 2^5 = 94 %, less than :data:`CONFIDENCE`; that of six covers it with
97 %."""

_BLOCK = 512
"""Statistics resampled at once; limits memory to resamples x 512 numbers."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value over images with its 95 % interval."""

    value: float
    low: float | None
    """None, like ``high``, if fewer than two images have a value: one image says nothing about others."""
    high: float | None
    images: int
    """Number of images with a value."""

    def map(self, function: Callable[[float], float]) -> Estimate:
        """The estimate of a monotone function of the value; the interval ends are sorted."""
        if self.low is None or self.high is None:
            return Estimate(function(self.value), None, None, self.images)
        low, high = sorted((function(self.low), function(self.high)))
        return Estimate(function(self.value), low, high, self.images)


@dataclass(frozen=True, slots=True, eq=False)
class Resamples:
    """How often each resample contains each image."""

    counts: NDArray[np.uint16]
    """Shape (resamples, images); every row sums to the number of images."""
    seed: int = DEFAULT_SEED
    _weights: Floats = field(init=False, repr=False)
    _by_image: NDArray[np.int32] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_weights", self.counts.astype(np.float64))
        object.__setattr__(self, "_by_image", np.ascontiguousarray(self.counts.T, dtype=np.int32))

    @classmethod
    def draw(cls, images: int, *, seed: int = DEFAULT_SEED, resamples: int = DEFAULT_RESAMPLES) -> Resamples:
        """Draw ``images`` images with replacement, ``resamples`` times.

        The same arguments return the same draw.

        Raises:
            ValueError: If ``images`` or ``resamples`` is less than one.
        """
        if images < 1 or resamples < 1:
            raise ValueError(f"cannot draw {resamples} resamples of {images} images")
        rng = np.random.default_rng(seed)
        counts = rng.multinomial(images, np.full(images, 1.0 / images), size=resamples)
        return cls(counts.astype(np.uint16), seed)

    def means(self, values: Floats) -> Floats:
        """Mean of each column over the images of each resample.

        Args:
            values: Shape (images, statistics). NaN if an image has no value; the means of that column ignore it.

        Returns:
            Shape (resamples, statistics). NaN if a resample contains no image with a value.
        """
        present = ~np.isnan(values)
        sums = self._weights @ np.where(present, values, 0.0)
        weights = self._weights @ present.astype(np.float64)
        return np.divide(sums, weights, out=np.full_like(sums, np.nan), where=weights > 0)

    def mean_estimates(self, values: Floats, transform: Transform = np.positive) -> list[Estimate | None]:
        """Mean over images of each column, with its interval.

        Args:
            values: Shape (images, statistics). NaN if an image has no value.
            transform: Increasing function, applied to the mean and to the ends of the interval. ``np.exp`` turns
                means of logarithms into geometric means.

        Returns:
            One estimate per column; None if no image has a value.
        """
        estimates: list[Estimate | None] = []
        for start in range(0, values.shape[1], _BLOCK):
            block = values[:, start : start + _BLOCK]
            estimates += intervals(_column_means(block), self.means(block), _present(block), transform)
        return estimates

    def medians(self, values: Floats) -> Floats:
        """Median of ``values`` (one per image, NaN if an image has none) in each resample."""
        rows = np.flatnonzero(~np.isnan(values))
        rows = rows[np.argsort(values[rows], kind="stable")]
        if not rows.size:
            return np.full(len(self.counts), np.nan)
        ordered = values[rows]
        reached = np.cumsum(self._by_image[rows], axis=0, dtype=np.int32)
        total = reached[-1]
        # The mean of the lower and the upper median, which differ only if exactly half of the values are below.
        lower = ordered[np.sum(2 * reached < total, axis=0)]
        upper = ordered[np.minimum(np.sum(2 * reached <= total, axis=0), rows.size - 1)]
        return np.where(total > 0, (lower + upper) / 2, np.nan)

    def median_estimate(self, values: Floats) -> Estimate | None:
        """Median over images with its interval; None if no image has a value."""
        present = values[~np.isnan(values)]
        if not present.size:
            return None
        resampled = self.medians(values) if present.size > 1 else np.full(len(self.counts), np.nan)
        return intervals(np.array([np.median(present)]), resampled[:, None], np.array([present.size]))[0]

    def share(self, values: Floats) -> list[float | None]:
        """Share of resamples, 0 to 1, in which the mean of each column is below zero.

        With logarithms of size ratios A / B: how often A is smaller than B. None if fewer than two images have
        a value.
        """
        means, present = self.means(values), _present(values)
        drawn = np.maximum(np.sum(~np.isnan(means), axis=0), 1)
        below = np.sum(means < 0, axis=0) / drawn
        return [float(s) if n >= 2 else None for s, n in zip(below, present, strict=True)]


def intervals(
    values: Floats, resampled: Floats, images: NDArray[np.int_], transform: Transform = np.positive
) -> list[Estimate | None]:
    """Estimates from statistics over all images and over resamples.

    Args:
        values: The statistics over all images, shape (statistics,).
        resampled: The statistics of each resample, shape (resamples, statistics). NaN if a resample has no value.
        images: Number of images with a value for each statistic, shape (statistics,).
        transform: Increasing function, applied to the values and to the ends of the intervals.

    Returns:
        One estimate per statistic; None if no image has a value.
    """
    ordered = np.sort(resampled, axis=0)  # NaN sorts last
    drawn = np.sum(~np.isnan(resampled), axis=0)
    tails = np.array([expanded_tail(int(n)) for n in images])
    ends = [_quantile(ordered, drawn, share) for share in (tails, 1 - tails)]
    shown, low, high = (transform(part) for part in (values, *ends))
    return [
        None
        if n == 0
        else Estimate(float(v), None, None, int(n))
        if n == 1
        else Estimate(float(v), float(a), float(b), int(n))
        for v, a, b, n in zip(shown, low, high, images, strict=True)
    ]


@functools.cache
def expanded_tail(images: int, confidence: float = CONFIDENCE) -> float:
    """Share of resamples to cut off at each end, so that the interval covers a mean with ``confidence``.

    Hesterberg 2015: Phi(-sqrt(n / (n - 1)) * t), where t is the quantile of Student's t with n - 1 degrees of
    freedom. It tends to (1 - confidence) / 2 for many images, and is zero for one.
    """
    if images < 2:
        return 0.0
    t = stats.t.ppf((1 + confidence) / 2, images - 1)
    return float(stats.norm.cdf(-math.sqrt(images / (images - 1)) * t))


def _quantile(ordered: Floats, drawn: NDArray[np.int_], share: Floats) -> Floats:
    """Linearly interpolated quantile of the first ``drawn`` rows of each sorted column."""
    position = np.maximum(drawn - 1, 0) * share
    below = np.floor(position).astype(np.intp)
    above = np.minimum(below + 1, np.maximum(drawn - 1, 0))
    columns = np.arange(ordered.shape[1])
    low, high = ordered[below, columns], ordered[above, columns]
    # Equal neighbours must be returned exactly, so that a variant differs from itself by exactly zero.
    return np.where(low == high, low, low + (position - below) * (high - low))


def _present(values: Floats) -> NDArray[np.int_]:
    return np.asarray(np.sum(~np.isnan(values), axis=0), dtype=np.int_)


def _column_means(values: Floats) -> Floats:
    present = ~np.isnan(values)
    sums = np.sum(np.where(present, values, 0.0), axis=0)
    count = np.sum(present, axis=0)
    means: Floats = np.divide(sums, count, out=np.full_like(sums, np.nan), where=count > 0)
    return means


def spread(values: Floats, percentiles: Sequence[float] = (5, 50, 95)) -> tuple[float, ...]:
    """Percentiles over images, ignoring NaN. Needs at least one value.

    Interpolates linearly. If any value is infinite (a lossless PSNR), it takes the next lower value instead, since
    there is nothing between a finite and an infinite number.
    """
    present = values[~np.isnan(values)]
    method: Literal["linear", "lower"] = "lower" if np.isinf(present).any() else "linear"
    return tuple(float(p) for p in np.percentile(present, percentiles, method=method))
