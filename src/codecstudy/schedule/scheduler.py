"""Which task a free worker runs next. Pure: the time is passed in, and nothing here runs anything.

A free worker is given, in this order of preference:

1. the next task of the source that it has open: sizes in order, and the longest task of a size first, so that
   short tasks are left to balance the workers at the end;
2. a task of a source whose worker was removed or died;
3. a new source, the next one in order, if the budget admits it and there is enough memory;
4. *help*: one task of a source that another worker owns, the one with the most work per worker, if the helper
   could open the source and finish the task before the others reach the end of the source.

**Budget.** The first batch gives every worker a source regardless of the budget; it is over when the first source
is done. After that a source is opened only if the budget policy admits it (:mod:`codecstudy.schedule.budget`).
Open sources are always completed. Sources are opened in order; a source that does not fit is skipped in favour of
one of the next few only if a large part of the budget would otherwise stay unused
(:mod:`codecstudy.schedule.order`).

**Memory.** A new source for which there is not enough memory is overtaken by others; once it has been overtaken as
many times as there are workers, the next free worker waits for it and claims the memory
(:mod:`codecstudy.schedule.memory`). So small sources do not wait for a large one, and the large one does not wait
forever. A worker whose own source needs more memory than is free claims it at once. The limit counts the tasks
that workers were given, not what idle workers keep in memory.

**Ahead.** A worker may be given a second task while it runs the first, but only if no other worker could have
started that task sooner, so that at the end of a run no task waits behind another while a worker is idle.
"""

from __future__ import annotations

from collections.abc import Container, Hashable, Iterator, Sequence

from codecstudy.schedule.active_sources import ActiveSources, SourceState
from codecstudy.schedule.budget import BudgetPolicy, Unlimited
from codecstudy.schedule.cost_model import CostModel
from codecstudy.schedule.memory import MemoryPolicy, NoMemoryLimit
from codecstudy.schedule.order import OrderPolicy
from codecstudy.schedule.pending_sources import PendingSources
from codecstudy.schedule.types import Dispatch, Progress, SourceWork, Task
from codecstudy.schedule.worker_states import AssignedTask, Workers, WorkerState

_MAX_ASSIGNED = 2
"""Largest number of tasks of one worker: one running, one ahead."""
_AHEAD_SHARE = 0.5
"""A second task must be expected to end within this fraction of the time for which all workers have work. The rest
is a reserve in case the image turns out to be expensive."""
_MAX_CRASHES = 2
"""A task that has killed its worker this many times is not tried again."""
_HELP_CANDIDATES = 3
"""Number of active sources that a helper considers."""


class Scheduler:
    """Hands out every task of ``sources`` exactly once, even if tasks fail or workers die or are added.

    After every call other than :meth:`next`, call :meth:`next` first for the worker that the call was about, so
    that it keeps its memory, and then for each worker that has no task.

    Args:
        sources: The work, in the order in which sources are to be opened.
        costs: Estimates; learns from :meth:`finished`.
        workers: Names of the workers, any hashable values.
        budget: Decides whether another source may be opened.
        memory: How much memory the workers may use.
        order: How strictly the order of sources is kept.

    Raises:
        ValueError: The sources are inconsistent (see :class:`PendingSources`); also raised by methods for an
            unknown worker or task.
    """

    def __init__(
        self,
        sources: Sequence[SourceWork],
        costs: CostModel,
        workers: Sequence[Hashable],
        *,
        budget: BudgetPolicy | None = None,
        memory: MemoryPolicy | None = None,
        order: OrderPolicy | None = None,
    ) -> None:
        self._costs = costs
        self._budget = budget or Unlimited()
        self._memory = memory or NoMemoryLimit()
        self._pending = PendingSources(sources, costs, order or OrderPolicy())
        self._active = ActiveSources(costs)
        self._workers = Workers(costs, self._memory, self._active)
        for worker in workers:
            self._workers.add(worker)
        self._first_batch = len(workers)
        self._stopped = False
        self._refused = False
        self._refused_until = 0
        self._blocked_at: dict[int, int] = {}
        self._crashes: dict[Task, int] = {}
        self._sources = len(sources)
        self._tasks = sum(len(source.settings) for source in sources)
        self._opened = self._tasks_done = self._sources_done = 0

    # -- decisions

    def next(self, worker: Hashable, now: float) -> Dispatch | None:
        """What ``worker`` runs next (or, while it runs a task, after that one); None: nothing at present."""
        state = self._workers[worker]
        if len(state.tasks) >= _MAX_ASSIGNED:
            return None
        if state.tasks:
            return self._ahead(state, now)
        if not state.own and not state.waiting_for:
            self._workers.adopt(state)
        if state.own:
            return self._continue(state, state.own, now)
        if state.waiting_for:
            return self._open_waiting(state, state.waiting_for, now)
        return self._open_next(state, now) or (None if state.waiting_for else self._help(state, now))

    def closing(self) -> bool:
        """Whether no new source will be opened, as far as is known now."""
        return self._stopped or self._refused or not len(self._pending)

    def done(self, now: float) -> bool:
        """Whether nothing is open and nothing more may be opened."""
        if len(self._active):
            return False
        if self._stopped:
            return True
        waiting = any(worker.waiting_for for worker in self._workers)
        return not waiting and next(self._affordable(now), None) is None

    def progress(self, now: float) -> Progress:
        """Counts, and an estimate of the remaining time."""
        return Progress(
            tasks=self._tasks,
            tasks_done=self._tasks_done,
            sources=self._sources,
            sources_opened=self._opened,
            sources_done=self._sources_done,
            remaining_seconds=self.remaining_seconds(now),
        )

    def remaining_seconds(self, now: float) -> float:
        """Estimated wall seconds until the end: remaining work shared by all workers, at most the budget."""
        forecast = self._workers.forecast(now)
        active = forecast.end(0.0)
        if self.closing():
            return active
        everything = (forecast.work + self._pending.work()) / forecast.workers
        return max(active, min(everything, self._budget.remaining(now)))

    # -- what has happened

    def finished(self, worker: Hashable, task: Task, now: float, seconds: float | None = None) -> None:
        """Record that ``worker`` has ended ``task``.

        Args:
            worker: Name of the worker.
            task: The task.
            now: The time, in seconds.
            seconds: Duration of the task itself, without opening its source. Estimates learn from it; None if it
                does not show the cost.
        """
        assigned = self._workers.release(self._workers[worker], task, now)
        if seconds is not None:
            self._costs.observe(task.setting, assigned.source.megapixels(assigned.position), seconds)
        self._end(assigned, seconds)

    def failed(self, worker: Hashable, task: Task, now: float) -> None:
        """Record that ``task`` ended as a failure; it counts as done, and nothing is learned from it.

        If its worker was terminated as well (a timeout), :meth:`remove_worker` follows.
        """
        self.finished(worker, task, now)

    def lost(self, worker: Hashable, running: Task | None, queued: Sequence[Task], now: float) -> Task | None:
        """Record that ``worker`` died while it ran ``running``; its tasks become available to others.

        The worker is removed; its replacement is added by :meth:`add_worker`.

        Returns:
            ``running``, if it has now killed as many workers as a task may: it counts as done and is not given to
            a worker again. Otherwise None.
        """
        state = self._workers[worker]
        reported = [*([] if running is None else [running]), *queued]
        if [assigned.task for assigned in state.tasks] != reported:
            raise ValueError(f"worker {worker!r} was lost with {reported}, but has {state.tasks}")
        given_up = None
        if running is not None:
            self._crashes[running] = self._crashes.get(running, 0) + 1
            if self._crashes[running] >= _MAX_CRASHES:
                self._end(self._workers.release(state, running, now), None)
                given_up = running
        self.remove_worker(worker, now)
        return given_up

    def drop(self, source: int, settings: Container[int]) -> list[Task]:
        """Give up the tasks of an open source that no worker has, at these settings; they count as done.

        Returns:
            Those tasks.
        """
        state = self._active.find(source)
        if state is None:
            return []
        dropped = [Task(source, setting) for setting in state.drop(settings)]
        self._tasks_done += len(dropped)
        self._sources_done += bool(dropped) and not state.undone
        if not state.unassigned:
            # The owner may have waited for memory for one of these tasks.
            self._memory.drop_claim(state.owner)
        return dropped

    def add_worker(self, worker: Hashable) -> None:
        """Add a worker that has no task."""
        self._workers.add(worker)

    def remove_worker(self, worker: Hashable, now: float) -> None:
        """Remove a worker; its tasks become available, and none of them counts as a crash."""
        state = self._workers[worker]
        self._stop_waiting(state)
        self._workers.remove(state, now)

    def stop(self) -> None:
        """Open nothing more, as if the budget were spent; open sources are completed."""
        self._stopped = True
        for worker in self._workers:
            self._stop_waiting(worker)

    # -- steps of a decision

    def _continue(self, worker: WorkerState, source: SourceState, now: float) -> Dispatch | None:
        """The next task of the worker's own source."""
        self._workers.join(worker, source, own=True)
        position = source.longest_at(worker.size)
        if not self._workers.has_room(worker, source, position):
            self._memory.claim(worker.name, self._workers.memory(worker, source, position))
            return None
        return self._workers.assign(worker, source, position, now)

    def _open_waiting(self, worker: WorkerState, source: SourceWork, now: float) -> Dispatch | None:
        """The first task of the source that the worker waits to open."""
        memory = self._opening_memory(source)
        if not self._memory.fits(worker.name, memory):
            self._memory.claim(worker.name, memory)
            return None
        self._stop_waiting(worker)
        return self._open(worker, source, now)

    def _open_next(self, worker: WorkerState, now: float) -> Dispatch | None:
        """The first task of a new source; or None, and the worker may wait for memory to open one."""
        if not self._may_look():
            return None
        self._refused = True
        for source in self._affordable(now):
            self._refused = False
            memory = self._opening_memory(source)
            if self._memory.fits(worker.name, memory):
                return self._open(worker, source, now)
            overtaken = self._opened - self._blocked_at.setdefault(source.index, self._opened)
            if overtaken >= len(self._workers):
                self._pending.take(source)
                worker.waiting_for = source
                self._memory.claim(worker.name, memory)
                return None
        if self._refused:
            # Nothing changes until more work has ended, so a thousand idle workers need not all look again.
            self._refused_until = self._tasks_done + max(1, len(self._workers) // 16)
        return None

    def _help(self, worker: WorkerState, now: float) -> Dispatch | None:
        """A task of a source that another worker owns; preferably the one that this worker has open."""
        here = worker.source if worker.source is not None and worker.source.unassigned else None
        if here is not None and (dispatch := self._help_with(worker, here, now)):
            return dispatch
        for source in self._active.most_work_per_worker(_HELP_CANDIDATES):
            if source is not here and (dispatch := self._help_with(worker, source, now)):
                return dispatch
        return None

    def _help_with(self, worker: WorkerState, source: SourceState, now: float) -> Dispatch | None:
        """The longest task that the helper could finish before the others reach the end of the source."""
        here = source is worker.source
        size = worker.size if here and worker.size is not None else source.last_size()
        opening = 0.0 if here else self._costs.open_seconds(source.source.megapixels[size])
        others = source.workers - here
        ceiling = source.work() / others - opening if others else float("inf")
        position = source.longest_within(ceiling, size)
        if position is None or not self._workers.has_room(worker, source, position):
            return None
        self._workers.join(worker, source, own=False)
        return self._workers.assign(worker, source, position, now)

    def _ahead(self, worker: WorkerState, now: float) -> Dispatch | None:
        """A second task for a worker that runs one."""
        source = worker.source
        if source is None:
            return None
        if not source.unassigned:
            return self._open_ahead(worker, now)
        if worker.helping and not self.closing():
            return None
        position = source.longest_at(worker.size)
        if self._wanted_sooner(worker, source.seconds(position), now):
            return None
        if not self._workers.has_room(worker, source, position):
            return None
        return self._workers.assign(worker, source, position, now)

    def _wanted_sooner(self, worker: WorkerState, seconds: float, now: float) -> bool:
        """Whether other workers might be idle before the worker has ended a second task of ``seconds``."""
        if len(self._workers) == 1:
            return False
        lasts = (self._active.work() - self._workers.assigned_seconds) / len(self._workers)
        if not self.closing():
            lasts += self._pending.work() / len(self._workers)
            lasts = min(lasts, self._budget.remaining(now))
        return worker.tasks[0].seconds + seconds > _AHEAD_SHARE * lasts

    def _open_ahead(self, worker: WorkerState, now: float) -> Dispatch | None:
        """Open the next source early, if it will certainly be opened and no other worker would open it."""
        if self.closing() or len(self._pending) <= len(self._workers) or self._in_first_batch():
            return None
        source = self._pending.window[0]
        if self._clearly_affordable(source, now) and self._memory.fits(
            worker.name, self._opening_memory(source)
        ):
            return self._open(worker, source, now)
        return None

    def _open(self, worker: WorkerState, source: SourceWork, now: float) -> Dispatch:
        self._pending.take(source)
        self._blocked_at.pop(source.index, None)
        self._opened += 1
        state = self._active.open(source)
        self._workers.join(worker, state, own=True)
        return self._workers.assign(worker, state, state.longest_at(None), now)

    # -- the budget

    def _may_look(self) -> bool:
        """Whether to look for a source to open: not soon after all of them were refused."""
        if self._stopped or not len(self._pending):
            return False
        return not (self._refused and len(self._active) and self._tasks_done < self._refused_until)

    def _affordable(self, now: float) -> Iterator[SourceWork]:
        """The sources that may be opened, in order."""
        forecast = None
        for source in list(self._pending.window):
            if self._in_first_batch() or self._clearly_affordable(source, now):
                yield source
                continue
            forecast = forecast or self._workers.forecast(now)
            if self._budget.admits(forecast, *self._pending.estimate(source), now):
                yield source
            elif not self._budget.may_pass_over(forecast, now):
                return

    def _in_first_batch(self) -> bool:
        # If memory lets only some workers start, the rest of the batch must not start after the budget has ended.
        return self._opened < self._first_batch and not self._sources_done

    def _clearly_affordable(self, source: SourceWork, now: float) -> bool:
        estimate = self._pending.estimate(source)
        return self._budget.clearly_admits(self._workers.full_forecast(), *estimate, now)

    # -- bookkeeping

    def _end(self, assigned: AssignedTask, seconds: float | None) -> None:
        assigned.source.end(assigned.position, seconds)
        self._tasks_done += 1
        self._sources_done += not assigned.source.undone

    def _stop_waiting(self, worker: WorkerState) -> None:
        if worker.waiting_for:
            self._pending.give_back(worker.waiting_for)
            self._memory.drop_claim(worker.name)
            worker.waiting_for = None

    def _opening_memory(self, source: SourceWork) -> int:
        if not self._memory.limited:
            return 0
        return self._workers.memory_of(source, self._pending.first_setting(source), opens=True)
