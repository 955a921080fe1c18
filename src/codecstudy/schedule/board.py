"""All sources in flight, their figures side by side in arrays, so that a thousand are compared at once. Pure."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from codecstudy.schedule.costs import CostModel
from codecstudy.schedule.flight import Flight
from codecstudy.schedule.words import Source


class Board:
    """The flights that have not ended. Each has a slot in the arrays, which is used again after its end."""

    def __init__(self) -> None:
        self._flights: list[Flight | None] = []
        self._free: list[int] = []
        self._count = 0
        self._work = np.zeros(0)
        self._longest = np.zeros(0)
        self._left = np.zeros(0)
        self._crew = np.ones(0)

    def __len__(self) -> int:
        return self._count

    def open(self, source: Source, costs: CostModel) -> Flight:
        """Start the flight of ``source``."""
        if not self._free:
            self._grow()
        flight = Flight(source, costs, self._free.pop())
        self._flights[flight.slot] = flight
        self._count += 1
        self.renew(flight)
        return flight

    def renew(self, flight: Flight) -> None:
        """Renew all figures of ``flight`` after one of its tasks ended or came back; forget it after the last."""
        slot = flight.slot
        if flight.undone:
            flight.estimate()
            self._work[slot] = flight.work()
            self._longest[slot] = flight.longest()
            self.count(flight)
            return
        self._work[slot] = self._longest[slot] = self._left[slot] = 0.0
        self._flights[slot] = None
        self._free.append(slot)
        self._count -= 1

    def count(self, flight: Flight) -> None:
        """Renew the counts of ``flight`` after a task was given or a worker came or went."""
        if flight.undone:
            self._left[flight.slot] = flight.left
            self._crew[flight.slot] = max(1, flight.crew)

    def work(self) -> float:
        """Estimated seconds of all that is in flight, running tasks counted in full."""
        return float(self._work.sum())

    def longest(self) -> float:
        """Estimated seconds of the longest task in flight that nobody has taken."""
        return float(self._longest.max(initial=0.0))

    def work_of(self, flight: Flight) -> float:
        """Estimated seconds of one flight."""
        return float(self._work[flight.slot])

    def neediest(self, count: int) -> Iterator[Flight]:
        """At most ``count`` flights that have tasks left, the one with most work per worker first."""
        if not self._count:
            return
        share = (self._work / self._crew) * (self._left > 0)
        for _ in range(count):
            slot = int(share.argmax())
            flight = self._flights[slot]
            if flight is None or not share[slot]:
                return
            yield flight
            share[slot] = 0.0

    def _grow(self) -> None:
        more = max(8, len(self._flights))
        self._free = list(range(len(self._flights), len(self._flights) + more))[::-1]
        self._flights += [None] * more
        self._work = np.concatenate([self._work, np.zeros(more)])
        self._longest = np.concatenate([self._longest, np.zeros(more)])
        self._left = np.concatenate([self._left, np.zeros(more)])
        self._crew = np.concatenate([self._crew, np.ones(more)])
