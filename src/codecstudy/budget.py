"""When a run with a time budget may still open a source. Pure.

All that is in flight is shared by all workers in the end, so a run is expected to end when the work left has been
done by all of them together, and not before the longest task has.
"""

from __future__ import annotations

import math
import re
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
class Budget:
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


_DURATION = re.compile(r"(?:([0-9]+)h)?(?:([0-9]+)m)?(?:([0-9]+)s)?")
_SECONDS = re.compile(r"[0-9]+(?:\.[0-9]+)?")


def parse_time_budget(value: str) -> float:
    """Seconds from ``"3600"``, ``"1h"``, ``"30m"``, ``"90s"``, ``"1h30m"`` or ``"2h15m30s"``.

    Raises ``ValueError``, showing the accepted forms, for anything else: also for nothing, zero, and what is
    negative or not finite.
    """
    text = value.strip() if isinstance(value, str) else ""
    seconds = 0.0
    if _SECONDS.fullmatch(text):
        seconds = float(text)
    elif text and (match := _DURATION.fullmatch(text)):
        hours, minutes, rest = (float(part or 0) for part in match.groups())
        seconds = hours * 3600 + minutes * 60 + rest
    if not 0 < seconds < math.inf:
        raise ValueError(
            f"{value!r} is no time budget. Give seconds (3600) or hours, minutes and seconds in that order: "
            "1h, 30m, 90s, 1h30m, 2h15m30s; more than zero."
        )
    return seconds
