"""What a task is expected to cost in seconds and memory: priors, corrected by observations. Pure.

Seconds are a rate per megapixel and setting. Each level relies on the one above while it has few observations::

    prior of the encoder -> speed of this machine -> group (encoder variant) -> single setting

so the first few tasks of one encoder already correct the estimates of all the others. A level's ratio is the sum
of seconds divided by the sum of expected seconds, because the budget needs accurate *totals*.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Rates = NDArray[np.float64]
"""Seconds per megapixel of each setting, float64, one dimension."""

_PARENT_WEIGHT = 2.0
"""Weight of a level's parent, in observations."""
_PRIOR_MACHINE_WEIGHT = 0.2
"""Weight, in groups, of the prior "this machine is as fast as the one that the priors come from"."""
_OUTLIER_RATIO = 10.0
"""A task that takes longer than this many estimates was disturbed; it is counted as exactly this many."""
_OUTLIER_MINIMUM = 8
"""Number of observations of a group from which on outliers are recognised."""
_UPDATE_FRACTION = 64
"""Rates are recomputed when the number of observations has grown by one part in this many, which keeps the cost of
recomputing small."""
_MEMORY_MARGIN = 1.15
_DEADLINE_ESTIMATES = 20.0
_DEADLINE_MINIMUM = 60.0

WORKER_BYTES = 250_000_000
"""Resident memory of a worker before it has loaded any image: interpreter, libraries, compiled kernels."""


def _unknown_peak(megapixels: float) -> float:
    return 200e6 * megapixels


@dataclass(frozen=True, slots=True)
class SettingCost:
    """What is known in advance about the cost of one setting."""

    group: Hashable
    """Equal for settings that differ only in the rate parameter."""
    encode_seconds: float
    """Seconds per megapixel for encoding."""
    metric_seconds: float = 0.15
    """Seconds per megapixel for decoding and all metrics."""
    peak_bytes: Callable[[float], float] = _unknown_peak
    """Peak of encoder, decoder and metrics together in bytes, given the size in megapixels; without the decoded
    source."""
    size: int = 0
    """Index of the size at which the setting runs, into :attr:`SourceWork.megapixels`."""


class CostModel:
    """Estimates for each setting (by index) and for opening a source, learned from observations.

    All seconds are wall-clock seconds of one worker, all sizes are megapixels of the image as it is encoded.
    Opening is everything that happens once per worker, source and size: decode the file, resize, prepare the
    metrics' references.

    Args:
        settings: Priors, one for each setting.
        opening_seconds: Prior for opening a source, seconds per megapixel.

    Raises:
        ValueError: A prior is not positive.

    Attributes:
        sizes: :attr:`SettingCost.size` of every setting.
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
        self._update_at = 0
        self._machine = 1.0
        self._rates = self._prior.copy()
        self._peak_bytes = [s.peak_bytes for s in settings]
        self._memory_ratio: list[float | None] = [None] * len(groups)
        self._memory_largest = [0.0] * len(groups)

    @property
    def rates(self) -> Rates:
        """Estimated seconds per megapixel of every setting; read-only, and recomputed occasionally."""
        if self._observations >= self._update_at and self._observations:
            self._update_rates()
        return self._rates

    def seconds(self, setting: int, megapixels: float) -> float:
        """Estimated seconds of one task: encode, decode, score."""
        return float(self.rates[setting]) * megapixels

    def open_seconds(self, megapixels: float) -> float:
        """Estimated seconds to open a source at a size of ``megapixels``."""
        spent, expected, count = self._opening
        raw = spent / expected if count else 0.0
        ratio = (count * raw + _PARENT_WEIGHT * self._machine) / (count + _PARENT_WEIGHT)
        return self._opening_prior * megapixels * ratio

    def deadline_seconds(self, setting: int, megapixels: float, opening: float = 0.0) -> float:
        """Seconds after which a task is considered hung: 20 times its estimate, and at least 60.

        Args:
            setting: Index of the setting.
            megapixels: Size of the task.
            opening: Size in megapixels of the source if the task opens it first, 0 if it is already open.
        """
        estimate = self.seconds(setting, megapixels) + self.open_seconds(opening)
        return max(_DEADLINE_MINIMUM, _DEADLINE_ESTIMATES * estimate)

    def memory(self, setting: int, megapixels: float) -> int:
        """Upper estimate of a worker's peak resident bytes while it runs one task, without the decoded source.

        The prior is multiplied by the largest ratio observed in its group. A ratio below 1 is not applied to
        images more than twice as large as any measured, because other parts of memory use may dominate there.
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
        """Learn from one task that ran to its end; failed and killed tasks do not show the cost."""
        _check_observation(megapixels, seconds)
        group = self._group[setting]
        if self._group_seen[group] >= _OUTLIER_MINIMUM:
            seconds = min(seconds, _OUTLIER_RATIO * float(self._rates[setting]) * megapixels)
        self._group_seen[group] += 1
        self._seen[setting] += 1
        self._spent[setting] += seconds
        self._expected[setting] += self._prior[setting] * megapixels
        self._observations += 1

    def observe_open(self, megapixels: float, seconds: float) -> None:
        """Learn from one opening of a source at a size of ``megapixels``."""
        _check_observation(megapixels, seconds)
        self._opening[0] += seconds
        self._opening[1] += self._opening_prior * megapixels
        self._opening[2] += 1

    def observe_memory(self, setting: int, megapixels: float, peak_bytes: int) -> None:
        """Learn the peak resident bytes of a worker during one task, without the decoded source.

        A peak left over from an earlier, larger task (``ru_maxrss`` never falls) only makes the estimate more
        conservative.
        """
        _check_observation(megapixels, peak_bytes)
        group = self._group[setting]
        ratio = peak_bytes / self._memory_prior(setting, megapixels)
        self._memory_ratio[group] = max(ratio, self._memory_ratio[group] or 0.0)
        self._memory_largest[group] = max(megapixels, self._memory_largest[group])

    def _memory_prior(self, setting: int, megapixels: float) -> float:
        return WORKER_BYTES + self._peak_bytes[setting](megapixels)

    def _update_rates(self) -> None:
        """Recompute the rates: each is the mean of its own and its parent's ratio, weighted by observations."""
        self._update_at = self._observations + 1 + self._observations // _UPDATE_FRACTION
        seen = np.bincount(self._group, weights=self._seen)
        expected = np.bincount(self._group, weights=self._expected)
        spent = np.bincount(self._group, weights=self._spent)
        raw = np.where(seen > 0, spent / np.maximum(expected, 1e-300), 1.0)
        # A geometric mean over groups: the slowest encoder alone must not determine the speed of the machine.
        weight = seen / (seen + _PARENT_WEIGHT)
        log_ratio = np.log(np.maximum(raw, 1e-9))
        self._machine = float(np.exp((weight * log_ratio).sum() / (weight.sum() + _PRIOR_MACHINE_WEIGHT)))
        group = ((seen * raw + _PARENT_WEIGHT * self._machine) / (seen + _PARENT_WEIGHT))[self._group]
        raw = np.where(self._seen > 0, self._spent / np.maximum(self._expected, 1e-300), 1.0)
        self._rates = (
            self._prior * (self._seen * raw + _PARENT_WEIGHT * group) / (self._seen + _PARENT_WEIGHT)
        )


def _check_observation(megapixels: float, amount: float) -> None:
    if not megapixels > 0 or not 0 <= amount < float("inf"):
        raise ValueError(
            f"cannot learn from {amount!r} at {megapixels!r} megapixels: need 0 <= amount, 0 < size"
        )
