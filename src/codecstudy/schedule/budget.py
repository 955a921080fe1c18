"""When a run may still open a source. Pure.

At the end all workers share the open sources, so a run is expected to end when they have done the remaining work
together, but not before the longest single task has ended.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

LATE_SHARE = 0.02
"""Fraction of the budget by which a run may end late."""
UNUSED_SHARE = 0.04
"""Fraction of the budget that may stay unused in order to end in time and to keep the order of sources."""
COST_SPREAD = 0.43
"""The cost of images at one setting is log-normal; this is the standard deviation of the logarithm for libaom
3.14 at speed 6, quality 30 to 90, on 31 photographs (Kodak, gb82 and CLIC sets)."""
CLEAR_MARGIN = 1.5
"""A source that would fit even if everything took this many times longer is admitted without further checks."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """The work that has been opened but not done."""

    work: float
    """Seconds that one worker needs for all of it."""
    longest: float
    """Seconds of the longest single task."""
    workers: int

    def end(self, now: float) -> float:
        """The time at which all of it is expected to be done."""
        return now + max(self.work / self.workers, self.longest)

    def plus(self, work: float, longest: float) -> Forecast:
        """The forecast after opening another source with this much work."""
        return Forecast(self.work + work, max(self.longest, longest), self.workers)


class BudgetPolicy(Protocol):
    """Decides whether another source may be opened.

    In all methods, ``work`` is the estimate for the source in seconds of one worker, ``longest`` the number of
    seconds until its longest task could end, and ``now`` the time in seconds.
    """

    def admits(self, forecast: Forecast, work: float, longest: float, now: float) -> bool:
        """Whether the source may be opened in addition to the work in ``forecast``."""
        ...

    def clearly_admits(self, forecast: Forecast, work: float, longest: float, now: float) -> bool:
        """Whether it certainly may be opened, even if ``forecast`` counts running tasks in full.

        This is a cheap first check.
        """
        ...

    def may_pass_over(self, forecast: Forecast, now: float) -> bool:
        """Whether a source that is not admitted may be skipped in favour of a later one that is."""
        ...

    def remaining(self, now: float) -> float:
        """Seconds until the budget is spent; infinite without one."""
        ...


class Unlimited:
    """No budget: every source may be opened."""

    def admits(self, forecast: Forecast, work: float, longest: float, now: float) -> bool:
        """Always."""
        return True

    def clearly_admits(self, forecast: Forecast, work: float, longest: float, now: float) -> bool:
        """Always."""
        return True

    def may_pass_over(self, forecast: Forecast, now: float) -> bool:
        """Never: no source is refused."""
        return False

    def remaining(self, now: float) -> float:
        """Infinite."""
        return math.inf


@dataclass(frozen=True, slots=True)
class TimeBudget:
    """``seconds`` of wall-clock time from ``start``."""

    seconds: float
    start: float = 0.0

    def admits(self, forecast: Forecast, work: float, longest: float, now: float) -> bool:
        """Whether the source is expected to end in time.

        If it turns out to be expensive, the run may end late by at most :data:`LATE_SHARE`, unless a large part
        of the budget would stay unused without the source.
        """
        if forecast.plus(work, longest).end(now) > self._end:
            return False
        worst = expensive_ratio(forecast.workers)
        late = forecast.plus(work * worst, longest * worst).end(now) - self._end
        return late <= LATE_SHARE * self.seconds or self.may_pass_over(forecast, now)

    def clearly_admits(self, forecast: Forecast, work: float, longest: float, now: float) -> bool:
        """Whether the source fits even if everything takes :data:`CLEAR_MARGIN` times longer."""
        then = forecast.plus(work, longest)
        return now + CLEAR_MARGIN * (then.work / then.workers + then.longest) <= self._end

    def may_pass_over(self, forecast: Forecast, now: float) -> bool:
        """Whether more than :data:`UNUSED_SHARE` of the budget stays unused if nothing more is opened."""
        return self.unused(forecast, now) > UNUSED_SHARE

    def unused(self, forecast: Forecast, now: float) -> float:
        """Fraction of the budget that stays unused if nothing more is opened."""
        return (self._end - forecast.end(now)) / self.seconds

    def remaining(self, now: float) -> float:
        """Seconds until the budget is spent; negative afterwards."""
        return self._end - now

    @property
    def _end(self) -> float:
        return self.start + self.seconds


def expensive_ratio(images: int) -> float:
    """Upper bound on the cost of the most expensive of ``images`` images, relative to the mean.

    The quantile is taken from the usual bound for the maximum of n normal variables, sqrt(2 ln n), with n = 8
    per image: the result is 2.5 for one image and 4.6 for 64.
    """
    return math.exp(COST_SPREAD * math.sqrt(2.0 * math.log(1.0 + 8.0 * images)))
