"""What a task is expected to cost in seconds and memory: priors, corrected by what the run observes. Pure.

Seconds are a rate per megapixel and setting. Each level borrows from the one above while it has seen little::

    prior of the codec -> speed of this machine -> group (codec variant) -> single setting

so the first few tasks of one codec already correct the estimates of all the others. A level's ratio is the sum
of seconds over the sum of expected seconds, because what the budget needs are right *totals*.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Rates = NDArray[np.float64]
"""Seconds per megapixel of each setting, float64, one dimension."""

_BORROWED = 2.0
"""Observations that a level's parent counts for."""
_STANDARD = 0.2
"""Groups that the expectation "this machine is like the one of the priors" counts for."""
_OUTLIER = 10.0
"""A task slower than this many estimates is a hiccup of the machine: it counts as just that many."""
_TRUSTED = 8
"""Observations of a group from which on an outlier can be told."""
_REPRICE = 64
"""Rates are renewed when the observations have grown by one part in this many, so that their price stays small."""
_MEMORY_MARGIN = 1.15
_DEADLINE_ESTIMATES = 20.0
_DEADLINE_MINIMUM = 60.0

WORKER_BYTES = 250_000_000
"""Resident memory of a worker before it holds any image: interpreter, libraries, compiled kernels."""


@dataclass(frozen=True, slots=True)
class SettingCost:
    """What is known beforehand about the cost of one setting.

    ``group`` is equal for settings that differ in quality only. ``encode_seconds`` and ``metric_seconds``
    (decoding and all metrics) are per megapixel, ``bytes_per_pixel`` is the peak of encoder, decoder and
    metrics together. ``size`` says at which of a source's sizes the setting runs: an index into
    :attr:`codecstudy.schedule.Source.megapixels`.
    """

    group: Hashable
    encode_seconds: float
    metric_seconds: float = 0.15
    bytes_per_pixel: float = 200.0
    size: int = 0


class CostModel:
    """Estimates for each setting (by its index) and for opening a source, learned from observations.

    ``sizes`` is :attr:`SettingCost.size` of every setting.
    All seconds are wall seconds of one worker, all sizes megapixels of the image as it is encoded. Opening is
    all that happens once per worker, source and size: decode the file, resize, prepare the metrics' references.

    Raises ``ValueError`` for priors that are not positive.
    """

    def __init__(self, settings: Sequence[SettingCost], opening_seconds: float = 0.25) -> None:
        if opening_seconds <= 0 or any(s.encode_seconds + s.metric_seconds <= 0 for s in settings):
            raise ValueError("seconds per megapixel must be positive for opening and for every setting")
        groups = {group: number for number, group in enumerate(dict.fromkeys(s.group for s in settings))}
        self._group = np.array([groups[s.group] for s in settings], dtype=np.intp)
        self.sizes: NDArray[np.intp] = np.array([s.size for s in settings], dtype=np.intp)
        self._prior = np.array([s.encode_seconds + s.metric_seconds for s in settings], dtype=np.float64)
        self._spent = np.zeros(len(settings))
        self._expected = np.zeros(len(settings))
        self._seen = np.zeros(len(settings))
        self._group_seen = [0] * len(groups)
        self._opening_prior = opening_seconds
        self._opening = [0.0, 0.0, 0]
        self._observations = 0
        self._reprice_at = 0
        self._machine = 1.0
        self._rates = self._prior.copy()
        self._pixel_bytes = [s.bytes_per_pixel for s in settings]
        self._memory_ratio: list[float | None] = [None] * len(groups)
        self._memory_largest = [0.0] * len(groups)

    @property
    def rates(self) -> Rates:
        """Estimated seconds per megapixel of every setting; read only, and renewed now and then."""
        if self._observations >= self._reprice_at and self._observations:
            self._reprice()
        return self._rates

    def seconds(self, setting: int, megapixels: float) -> float:
        """Estimated seconds of one task: encode, decode, score."""
        return float(self.rates[setting]) * megapixels

    def open_seconds(self, megapixels: float) -> float:
        """Estimated seconds to open a source at one size of ``megapixels``."""
        spent, expected, count = self._opening
        raw = spent / expected if count else 0.0
        ratio = (count * raw + _BORROWED * self._machine) / (count + _BORROWED)
        return self._opening_prior * megapixels * ratio

    def deadline_seconds(self, setting: int, megapixels: float, opening: float = 0.0) -> float:
        """After how many seconds a task is to be taken for hung: 20 estimates, and at least a minute.

        ``opening`` is the size in megapixels of the source that the task opens first, 0 where it is open.
        """
        estimate = self.seconds(setting, megapixels) + self.open_seconds(opening)
        return max(_DEADLINE_MINIMUM, _DEADLINE_ESTIMATES * estimate)

    def memory(self, setting: int, megapixels: float) -> int:
        """Upper estimate of a worker's peak resident bytes while it runs one task.

        The prior is scaled by the worst ratio that its group has shown. A ratio below one is not carried over
        to images twice as large as any seen, where what small ones could not show may dominate.
        """
        group = self._group[setting]
        ratio = self._memory_ratio[group]
        if ratio is None:
            known = [r for r in self._memory_ratio if r is not None]
            ratio = max([1.0, *known])
        elif megapixels > 2 * self._memory_largest[group]:
            ratio = max(1.0, ratio)
        return int(self._memory_prior(setting, megapixels) * ratio * _MEMORY_MARGIN)

    def observe(self, setting: int, megapixels: float, seconds: float) -> None:
        """Learn from one task that ran to its end; a failed or killed one says nothing about the cost."""
        _check_observation(megapixels, seconds)
        group = self._group[setting]
        if self._group_seen[group] >= _TRUSTED:
            seconds = min(seconds, _OUTLIER * float(self._rates[setting]) * megapixels)
        self._group_seen[group] += 1
        self._seen[setting] += 1
        self._spent[setting] += seconds
        self._expected[setting] += self._prior[setting] * megapixels
        self._observations += 1

    def observe_open(self, megapixels: float, seconds: float) -> None:
        """Learn from one opening of a source at one size of ``megapixels``."""
        _check_observation(megapixels, seconds)
        self._opening[0] += seconds
        self._opening[1] += self._opening_prior * megapixels
        self._opening[2] += 1

    def observe_memory(self, setting: int, megapixels: float, peak_bytes: int) -> None:
        """Learn the peak resident bytes of a worker during one task.

        A peak that an earlier, larger task left behind (``ru_maxrss`` never falls) only makes the estimate
        more careful.
        """
        _check_observation(megapixels, peak_bytes)
        group = self._group[setting]
        ratio = peak_bytes / self._memory_prior(setting, megapixels)
        self._memory_ratio[group] = max(ratio, self._memory_ratio[group] or 0.0)
        self._memory_largest[group] = max(megapixels, self._memory_largest[group])

    def _memory_prior(self, setting: int, megapixels: float) -> float:
        return WORKER_BYTES + self._pixel_bytes[setting] * megapixels * 1e6

    def _reprice(self) -> None:
        """Bring the rates up to date: each level a mean of its own ratio and its parent's, by evidence."""
        self._reprice_at = self._observations + 1 + self._observations // _REPRICE
        seen = np.bincount(self._group, weights=self._seen)
        expected = np.bincount(self._group, weights=self._expected)
        spent = np.bincount(self._group, weights=self._spent)
        raw = np.where(seen > 0, spent / np.maximum(expected, 1e-300), 1.0)
        # A geometric mean over groups: the slowest codec must not decide alone how fast the machine is.
        weight = seen / (seen + _BORROWED)
        log_ratio = np.log(np.maximum(raw, 1e-9))
        self._machine = float(np.exp((weight * log_ratio).sum() / (weight.sum() + _STANDARD)))
        group = ((seen * raw + _BORROWED * self._machine) / (seen + _BORROWED))[self._group]
        raw = np.where(self._seen > 0, self._spent / np.maximum(self._expected, 1e-300), 1.0)
        self._rates = self._prior * (self._seen * raw + _BORROWED * group) / (self._seen + _BORROWED)


def _check_observation(megapixels: float, amount: float) -> None:
    if not megapixels > 0 or not 0 <= amount < float("inf"):
        raise ValueError(
            f"cannot learn from {amount!r} at {megapixels!r} megapixels: need 0 <= amount, 0 < size"
        )
