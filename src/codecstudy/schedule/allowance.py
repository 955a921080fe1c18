"""When a run with a time budget may still open a source. Pure.

All that is in flight is shared by all workers in the end, so a run is expected to end when the work left has been
done by all of them together, and not before the longest task has.
"""

from __future__ import annotations

from dataclasses import dataclass

OVER = 0.02
"""Part of the budget by which a run may end late."""
UNUSED = 0.04
"""Part of the budget that may stay unused for the sake of ending in time or of the order of sources."""
SURPRISE = 1.5
"""How many times its estimate a source may cost on top of it. What images cost at one setting is log-normal with a
spread of 0.43 (libaom 3.14 at speed 6, 31 photographs): one in a hundred costs more than 2.5 times the mean."""
CLEAR = 1.5
"""A source that fits even if everything takes so many times longer fits without a closer look."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is in flight: seconds of work left for one worker, the longest single task, and how many workers."""

    work: float
    longest: float
    workers: int

    def end(self, now: float) -> float:
        """When all is expected to be done."""
        return now + max(self.work / self.workers, self.longest)

    def plus(self, work: float, longest: float) -> Outlook:
        """The outlook once a source of so much work is opened too."""
        return Outlook(self.work + work, max(self.longest, longest), self.workers)


@dataclass(frozen=True, slots=True)
class Allowance:
    """``seconds`` of wall time from ``start``."""

    seconds: float
    start: float

    @property
    def end(self) -> float:
        """The time at which the budget is spent."""
        return self.start + self.seconds

    def admits(self, outlook: Outlook, work: float, longest: float, now: float) -> bool:
        """Whether a source of so much ``work`` for one worker may be opened beside what is in flight.

        It must be expected to end in time. If it may well be late by more than :data:`OVER` because the image
        is a dear one, it must also be that a good part of the budget would stay unused without it.
        """
        then = outlook.plus(work, longest).end(now)
        if then > self.end:
            return False
        late = then + SURPRISE * work / outlook.workers - self.end
        return late <= OVER * self.seconds or self.unused(outlook, now) > UNUSED

    def clearly_admits(self, outlook: Outlook, work: float, longest: float, now: float) -> bool:
        """Whether there is no doubt about it, even with what is already done of running tasks left out."""
        then = outlook.plus(work, longest)
        return now + CLEAR * (then.work / then.workers + then.longest) <= self.end

    def unused(self, outlook: Outlook, now: float) -> float:
        """Part of the budget that stays unused if nothing more is opened."""
        return (self.end - outlook.end(now)) / self.seconds
