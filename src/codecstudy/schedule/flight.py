"""A source in flight: which of its tasks are left, which one is best taken next, how much work it is. Pure."""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np

from codecstudy.schedule.costs import CostModel
from codecstudy.schedule.words import Source

_LEFT, _HELD, _DONE = 0, 1, 2

_BORROWED = 1.0
"""Tasks that the expectation "as dear as any other image" counts for, against what this image has shown."""


class Flight:
    """The tasks of one source, from its opening until the last one has ended.

    Positions are indices into ``source.settings``. ``left`` counts the tasks that nobody has taken, ``undone``
    those that have not ended. ``owner`` is the worker that takes them in order, ``crew`` counts all workers that
    have the source open. Estimates are those of the last :meth:`estimate`.
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
        self._seen = np.zeros(len(self._area))
        self._spent = 0.0
        self._count = 0
        self._state = np.full(len(self._area), _LEFT, dtype=np.uint8)
        self._unopened = set(self._sizes.tolist())
        self.left = len(self._area)
        self.undone = len(self._area)
        self.estimate()

    # -- what is left

    def estimate(self) -> None:
        """Renew the estimates from what the run and this image have shown so far."""
        rates = self._costs.rates[self._settings]
        factor = 1.0
        if self._count:
            shown = self._spent / float(self._seen @ rates)
            factor = (self._count * shown + _BORROWED) / (self._count + _BORROWED)
        self._seconds = self._area * rates * factor

    def work(self) -> float:
        """Estimated seconds until all is done, tasks that are running counted in full."""
        opening = sum(self._costs.open_seconds(self.source.megapixels[size]) for size in self._unopened)
        return float(self._seconds @ (self._state != _DONE)) + opening

    def longest(self) -> float:
        """Estimated seconds of the longest task that nobody has taken."""
        return float((self._seconds * (self._state == _LEFT)).max()) if self.left else 0.0

    def seconds(self, position: int) -> float:
        """Estimated seconds of one task."""
        return float(self._seconds[position])

    def setting(self, position: int) -> int:
        """Index of the setting at ``position``."""
        return self.source.settings[position]

    def size(self, position: int) -> int:
        """Size at which the task at ``position`` runs."""
        return int(self._sizes[position])

    def megapixels(self, position: int) -> float:
        """Megapixels of the task at ``position``."""
        return float(self._area[position])

    # -- which one next; there must be one left

    def longest_at(self, size: int | None) -> int:
        """The longest task at ``size``, or at the first size in the source's order that has one left."""
        left = self._state == _LEFT
        if size is None or not (left & (self._sizes == size)).any():
            size = self.size(int(left.argmax()))
        return int((self._seconds * (left & (self._sizes == size))).argmax())

    def longest_within(self, ceiling: float, size: int) -> int | None:
        """The longest task of at most ``ceiling`` seconds, at ``size`` if that has one; None if there is none."""
        seconds = self._seconds * (self._state == _LEFT)
        seconds[seconds > ceiling] = 0.0
        same = seconds * (self._sizes == size)
        position = int(same.argmax())
        if not same[position]:
            position = int(seconds.argmax())
        return position if seconds[position] else None

    def last_size(self) -> int:
        """The last size that has a task left: helpers begin there, out of the owner's way."""
        return self.size(int(np.flatnonzero(self._state == _LEFT)[-1]))

    # -- what happens to it

    def take(self, position: int) -> None:
        """A worker has been given the task."""
        self._state[position] = _HELD
        self._unopened.discard(self.size(position))
        self.left -= 1

    def put_back(self, position: int) -> None:
        """The task was given but not ended: it is left again."""
        self._state[position] = _LEFT
        self.left += 1

    def end(self, position: int, seconds: float | None) -> None:
        """The task ended, after ``seconds`` where that says what such tasks cost."""
        self._state[position] = _DONE
        self.undone -= 1
        if seconds is not None:
            self._seen[position] = self._area[position]
            self._spent += seconds
            self._count += 1
