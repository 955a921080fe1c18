"""The sources that are open but not done: their tasks, and how much work is left in each. Pure."""

from __future__ import annotations

from collections.abc import Container, Hashable, Iterator

import numpy as np

from codecstudy.schedule.cost_model import CostModel
from codecstudy.schedule.types import SourceWork

_UNASSIGNED, _ASSIGNED, _DONE = 0, 1, 2

_PRIOR_TASKS = 1.0
"""Weight, in observed tasks, of the prior "this image costs as much as an average image"."""


class SourceState:
    """The tasks of one source, from its opening until its last task has ended.

    A task is unassigned, assigned to a worker, or done. Positions are indices into ``source.settings``.
    Instances are created by :meth:`ActiveSources.open`; every change also updates the figures kept there.

    Attributes:
        unassigned: Number of tasks that no worker has.
        undone: Number of tasks that have not ended.
        owner: The worker that takes the tasks in order; other workers on the source are helpers.
        workers: Number of workers that have the source open.
    """

    def __init__(self, source: SourceWork, costs: CostModel, figures: _Figures) -> None:
        self.source = source
        self.owner: Hashable | None = None
        self.workers = 0
        self._costs = costs
        self._figures = figures
        self._row = figures.add(self)
        self._settings = np.array(source.settings, dtype=np.intp)
        self._sizes = costs.sizes[self._settings]
        self._area = np.array(source.megapixels, dtype=np.float64)[self._sizes]
        self._observed_area = np.zeros(len(self._area))
        self._observed_seconds = 0.0
        self._observed_tasks = 0
        self._state = np.full(len(self._area), _UNASSIGNED, dtype=np.uint8)
        self._unopened_sizes = set(self._sizes.tolist())
        self.unassigned = len(self._area)
        self.undone = len(self._area)
        self._estimate()

    # -- estimates, as of the last change of a task

    def work(self) -> float:
        """Estimated seconds that one worker needs for the rest; running tasks are counted in full."""
        return float(self._figures.work[self._row])

    def seconds(self, position: int) -> float:
        """Estimated seconds of one task."""
        return float(self._seconds[position])

    # -- tasks

    def setting(self, position: int) -> int:
        """Index of the setting at ``position``."""
        return self.source.settings[position]

    def size(self, position: int) -> int:
        """Size (:attr:`SettingCost.size`) at which the task at ``position`` runs."""
        return int(self._sizes[position])

    def megapixels(self, position: int) -> float:
        """Megapixels of the task at ``position``."""
        return float(self._area[position])

    def longest_at(self, size: int | None) -> int:
        """The longest unassigned task at ``size``, or at the first size that has one.

        There must be an unassigned task.
        """
        unassigned = self._state == _UNASSIGNED
        if size is None or not (unassigned & (self._sizes == size)).any():
            size = self.size(int(unassigned.argmax()))
        return int((self._seconds * (unassigned & (self._sizes == size))).argmax())

    def longest_within(self, ceiling: float, size: int) -> int | None:
        """The longest unassigned task of at most ``ceiling`` seconds, preferably at ``size``; None without one."""
        seconds = self._seconds * (self._state == _UNASSIGNED)
        seconds[seconds > ceiling] = 0.0
        same_size = seconds * (self._sizes == size)
        position = int(same_size.argmax())
        if not same_size[position]:
            position = int(seconds.argmax())
        return position if seconds[position] else None

    def last_size(self) -> int:
        """The last size with an unassigned task: helpers start there, away from the owner.

        There must be an unassigned task.
        """
        return self.size(int(np.flatnonzero(self._state == _UNASSIGNED)[-1]))

    # -- changes

    def assign(self, position: int) -> None:
        """Record that the task was given to a worker."""
        self._state[position] = _ASSIGNED
        self._unopened_sizes.discard(self.size(position))
        self.unassigned -= 1
        self._update_counts()

    def unassign(self, position: int) -> None:
        """Record that the task was given to a worker but did not end, so that another worker may run it."""
        self._state[position] = _UNASSIGNED
        self.unassigned += 1
        self._estimate()

    def end(self, position: int, seconds: float | None) -> None:
        """Record that the task ended.

        Args:
            position: The task.
            seconds: Its duration, if it indicates the cost of the image's other tasks; else None.
        """
        self._state[position] = _DONE
        self.undone -= 1
        if seconds is not None:
            self._observed_area[position] = self._area[position]
            self._observed_seconds += seconds
            self._observed_tasks += 1
        if self.undone:
            self._estimate()
        else:
            self._figures.remove(self._row)

    def drop(self, settings: Container[int]) -> list[int]:
        """Record that the unassigned tasks of these settings will not be run; returns their settings."""
        dropped = [
            p for p in np.flatnonzero(self._state == _UNASSIGNED).tolist() if self.setting(p) in settings
        ]
        for position in dropped:
            self.unassigned -= 1
            self.end(position, None)
        return [self.setting(position) for position in dropped]

    def join(self, worker: Hashable, *, own: bool) -> None:
        """Record that a worker opens the source, as its owner or as a helper."""
        self.workers += 1
        if own:
            self.owner = worker
        self._update_counts()

    def leave(self, worker: Hashable) -> None:
        """Record that a worker has turned to another source or is gone."""
        self.workers -= 1
        if self.owner == worker:
            self.owner = None
        self._update_counts()

    def _estimate(self) -> None:
        """Update the estimates with what the run and this image have shown so far."""
        rates = self._costs.rates[self._settings]
        factor = 1.0
        if self._observed_tasks:
            observed = self._observed_seconds / float(self._observed_area @ rates)
            factor = (self._observed_tasks * observed + _PRIOR_TASKS) / (self._observed_tasks + _PRIOR_TASKS)
        self._seconds = self._area * rates * factor
        opening = sum(self._costs.open_seconds(self.source.megapixels[size]) for size in self._unopened_sizes)
        work = float(self._seconds @ (self._state != _DONE)) + opening
        longest = float((self._seconds * (self._state == _UNASSIGNED)).max()) if self.unassigned else 0.0
        self._figures.set_estimates(self._row, work, longest)
        self._update_counts()

    def _update_counts(self) -> None:
        if self.undone:
            self._figures.set_counts(self._row, self.unassigned, self.workers)


class _Figures:
    """The figures of all active sources in arrays, so that a thousand sources are compared at once.

    Each source has a row, which is reused after its end.
    """

    def __init__(self) -> None:
        self.count = 0
        self.states: list[SourceState | None] = []
        self.work = np.zeros(0)
        self.longest = np.zeros(0)
        self.unassigned = np.zeros(0)
        self.workers = np.ones(0)
        self._free: list[int] = []

    def add(self, state: SourceState) -> int:
        if not self._free:
            self._grow()
        row = self._free.pop()
        self.states[row] = state
        self.count += 1
        return row

    def set_estimates(self, row: int, work: float, longest: float) -> None:
        self.work[row] = work
        self.longest[row] = longest

    def set_counts(self, row: int, unassigned: int, workers: int) -> None:
        self.unassigned[row] = unassigned
        self.workers[row] = max(1, workers)

    def remove(self, row: int) -> None:
        self.work[row] = self.longest[row] = self.unassigned[row] = 0.0
        self.states[row] = None
        self._free.append(row)
        self.count -= 1

    def _grow(self) -> None:
        more = max(8, len(self.states))
        self._free = list(range(len(self.states), len(self.states) + more))[::-1]
        self.states += [None] * more
        self.work = np.concatenate([self.work, np.zeros(more)])
        self.longest = np.concatenate([self.longest, np.zeros(more)])
        self.unassigned = np.concatenate([self.unassigned, np.zeros(more)])
        self.workers = np.concatenate([self.workers, np.ones(more)])


class ActiveSources:
    """All sources that are open but not done."""

    def __init__(self, costs: CostModel) -> None:
        self._costs = costs
        self._figures = _Figures()

    def __len__(self) -> int:
        return self._figures.count

    def find(self, index: int) -> SourceState | None:
        """The source with this index; None if it is not active."""
        return next((s for s in self._figures.states if s is not None and s.source.index == index), None)

    def open(self, source: SourceWork) -> SourceState:
        """Add ``source``; it removes itself when its last task ends."""
        return SourceState(source, self._costs, self._figures)

    def work(self) -> float:
        """Estimated seconds that one worker needs for all of them; running tasks are counted in full."""
        return float(self._figures.work.sum())

    def longest(self) -> float:
        """Estimated seconds of the longest unassigned task."""
        return float(self._figures.longest.max(initial=0.0))

    def most_work_per_worker(self, count: int) -> Iterator[SourceState]:
        """At most ``count`` sources with unassigned tasks, those with the most work per worker first."""
        figures = self._figures
        if not figures.count:
            return
        share = (figures.work / figures.workers) * (figures.unassigned > 0)
        for _ in range(count):
            row = int(share.argmax())
            state = figures.states[row]
            if state is None or not share[row]:
                return
            yield state
            share[row] = 0.0
