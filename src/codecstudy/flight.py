"""Sources in flight: which of their tasks are left, which one is best taken next, how much work it is. Pure."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from codecstudy.costs import CostModel

_LEFT, _HELD, _DONE = 0, 1, 2

_BORROWED = 1.0
"""Tasks that the expectation "as dear as any other image" counts for, against what this image has shown."""


@dataclass(frozen=True, slots=True)
class Source:
    """One source image with work to do.

    ``settings`` are the indices of the settings still to be run, in order: settings of one size stand together,
    so that one prepared reference is alive at a time. ``megapixels`` holds the image's size for each value of
    :attr:`codecstudy.costs.SettingCost.size`. ``opening_bytes`` is a worker's resident peak while it decodes and
    resizes the file, where that may be more than what its tasks need. Sources should share one ``settings``
    tuple where they can: a million tasks then take no memory of their own.
    """

    index: int
    settings: Sequence[int]
    megapixels: Sequence[float]
    opening_bytes: int = 0


class Flight:
    """The open tasks of one source, from its opening until the last one has ended.

    Positions are indices into ``source.settings``.
    """

    def __init__(self, source: Source, costs: CostModel, slot: int) -> None:
        self.source = source
        self.slot = slot
        self.owner: Hashable | None = None
        self.crew = 0
        self._costs = costs
        self._settings = np.array(source.settings, dtype=np.intp)
        self._sizes = costs.sizes[self._settings]
        self._area = np.array(source.megapixels, dtype=np.float64)[self._sizes]
        self._pending = self._area.copy()
        self._seen = np.zeros(len(self._area))
        self._spent = 0.0
        self._count = 0
        self._state = bytearray(len(self._area))
        self._head = 0
        self._unopened = set(self._sizes.tolist())
        self.left = len(self._area)
        self.undone = len(self._area)

    # -- what is left

    def work(self) -> float:
        """Estimated seconds until all is done, tasks that are running counted in full."""
        opening = sum(self._costs.open_seconds(self.source.megapixels[size]) for size in self._unopened)
        return self._factor() * float(self._pending @ self._costs.rates[self._settings]) + opening

    def longest(self) -> float:
        """Estimated seconds of the longest task that nobody has taken."""
        return float(self._seconds_left().max()) if self.left else 0.0

    def seconds(self, position: int) -> float:
        """Estimated seconds of one task, corrected by what this image has shown so far."""
        return self._factor() * self._costs.seconds(self.setting(position), self.megapixels(position))

    def setting(self, position: int) -> int:
        """Index of the setting at ``position``."""
        return self.source.settings[position]

    def size(self, position: int) -> int:
        """Size at which the task at ``position`` runs."""
        return int(self._sizes[position])

    def megapixels(self, position: int) -> float:
        """Megapixels of the task at ``position``."""
        return float(self._area[position])

    # -- which one next

    def first(self) -> int:
        """The next task in the source's own order; there must be one."""
        while self._state[self._head] != _LEFT:
            self._head += 1
        return self._head

    def last_size(self) -> int:
        """The size that the owner comes to last: helpers start there, out of its way."""
        position = self._state.rindex(_LEFT)
        return self.size(position)

    def longest_within(self, size: int | None, ceiling: float) -> int | None:
        """The longest task of at most ``ceiling`` seconds, of ``size`` where that has one.

        Longest first keeps the short ones for the end, where they even out who ends when.
        """
        seconds = self._seconds_left()
        seconds[seconds > ceiling] = 0.0
        if size is not None:
            same = np.where(self._sizes == size, seconds, 0.0)
            if same.any():
                seconds = same
        position = int(seconds.argmax())
        return position if seconds[position] > 0 else None

    # -- what happens to it

    def take(self, position: int) -> None:
        """A worker has been given the task."""
        self._state[position] = _HELD
        self._unopened.discard(self.size(position))
        self.left -= 1

    def put_back(self, position: int) -> None:
        """The task was given but not ended: it is left again."""
        self._state[position] = _LEFT
        self._head = min(self._head, position)
        self.left += 1

    def end(self, position: int, seconds: float | None) -> None:
        """The task ended, after ``seconds`` where that says what such tasks cost."""
        self._state[position] = _DONE
        self._pending[position] = 0.0
        self.undone -= 1
        if seconds is not None:
            self._seen[position] = self._area[position]
            self._spent += seconds
            self._count += 1

    def _factor(self) -> float:
        """How much dearer this image is than others of its size, by the tasks that have ended."""
        if not self._count:
            return 1.0
        expected = float(self._seen @ self._costs.rates[self._settings])
        return (self._count * self._spent / expected + _BORROWED) / (self._count + _BORROWED)

    def _seconds_left(self) -> NDArray[np.float64]:
        rates = self._costs.rates[self._settings]
        left = np.frombuffer(self._state, dtype=np.uint8) == _LEFT
        seconds: NDArray[np.float64] = np.where(left, self._area * rates, 0.0) * self._factor()
        return seconds


class Board:
    """All flights, and their figures side by side in arrays, so that a thousand are compared at once."""

    def __init__(self) -> None:
        self.flights: dict[int, Flight] = {}
        self._free: list[int] = []
        self._slots: list[Flight | None] = []
        self._work = np.zeros(0)
        self._longest = np.zeros(0)
        self._left = np.zeros(0, dtype=np.intp)
        self._crew = np.ones(0)

    def __len__(self) -> int:
        return len(self.flights)

    def open(self, source: Source, costs: CostModel) -> Flight:
        """Start the flight of ``source``."""
        if not self._free:
            more = max(8, len(self._slots))
            self._free = list(range(len(self._slots), len(self._slots) + more))[::-1]
            self._slots += [None] * more
            self._work = np.concatenate([self._work, np.zeros(more)])
            self._longest = np.concatenate([self._longest, np.zeros(more)])
            self._left = np.concatenate([self._left, np.zeros(more, dtype=np.intp)])
            self._crew = np.concatenate([self._crew, np.ones(more)])
        flight = Flight(source, costs, self._free.pop())
        self._slots[flight.slot] = self.flights[source.index] = flight
        self.update(flight)
        return flight

    def update(self, flight: Flight) -> None:
        """Renew the figures of ``flight`` after one of its tasks ended or came back; close it after the last."""
        if flight.undone:
            self._work[flight.slot] = flight.work()
            self._longest[flight.slot] = flight.longest()
            self.count(flight)
            return
        del self.flights[flight.source.index]
        self._work[flight.slot] = self._longest[flight.slot] = self._left[flight.slot] = 0
        self._slots[flight.slot] = None
        self._free.append(flight.slot)

    def count(self, flight: Flight) -> None:
        """Renew the counts of ``flight`` after a task was given or a worker came or went."""
        self._left[flight.slot] = flight.left
        self._crew[flight.slot] = max(1, flight.crew)

    def work(self) -> float:
        """Estimated seconds of all that is in flight, running tasks counted in full."""
        return float(self._work.sum())

    def longest(self) -> float:
        """Estimated seconds of the longest task in flight that nobody has taken."""
        return float(self._longest.max(initial=0.0))

    def work_of(self, flight: Flight) -> float:
        """Estimated seconds of one flight, as of its last :meth:`update`."""
        return float(self._work[flight.slot])

    def neediest(self, count: int) -> list[Flight]:
        """At most ``count`` flights with tasks left, most work per worker on it first."""
        share = np.where(self._left > 0, self._work / self._crew, 0.0)
        if len(share) > count:
            slots = np.argpartition(share, -count)[-count:]
        else:
            slots = np.arange(len(share))
        best = [int(slot) for slot in slots[np.argsort(-share[slots], kind="stable")] if share[slot] > 0]
        return [flight for slot in best if (flight := self._slots[slot]) is not None]
