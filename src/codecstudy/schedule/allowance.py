"""When a run with a time budget may still open a source. Pure.

All that is in flight is shared by all workers in the end, so a run is expected to end when the work left has been
done by all of them together, and not before the longest task has.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

OVER = 0.02
"""Part of the budget by which a run may end late."""
UNUSED = 0.04
"""Part of the budget that may stay unused for the sake of ending in time or of the order of sources."""
SPREAD = 0.43
"""What images cost at one setting is log-normal; this is the standard deviation of its logarithm for libaom 3.14 at
speed 6, quality 30 to 90, on 31 photographs (Kodak, gb82 and CLIC sets)."""
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

        It must be expected to end in time. And if it should turn out to be a dear one it must not make the run
        late by more than :data:`OVER`, unless a good part of the budget would stay unused without it.
        """
        if outlook.plus(work, longest).end(now) > self.end:
            return False
        dear = dearest(outlook.workers)
        late = outlook.plus(work * dear, longest * dear).end(now) - self.end
        return late <= OVER * self.seconds or self.unused(outlook, now) > UNUSED

    def clearly_admits(self, outlook: Outlook, work: float, longest: float, now: float) -> bool:
        """Whether there is no doubt about it, even with what is already done of running tasks left out."""
        then = outlook.plus(work, longest)
        return now + CLEAR * (then.work / then.workers + then.longest) <= self.end

    def unused(self, outlook: Outlook, now: float) -> float:
        """Part of the budget that stays unused if nothing more is opened."""
        return (self.end - outlook.end(now)) / self.seconds


def dearest(images: int) -> float:
    """How many times the mean the dearest of so many images is likely to cost at most.

    The quantile is that of the usual bound for the maximum of normal variables, sqrt(2 ln n), at n = 8 per image:
    2.5 for one image, 4.6 for 64.
    """
    return math.exp(SPREAD * math.sqrt(2.0 * math.log(1.0 + 8.0 * images)))
