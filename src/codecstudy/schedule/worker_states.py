"""The workers, the tasks each one has, and the source it has open. Pure."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field

from codecstudy.schedule.active_sources import ActiveSources, SourceState
from codecstudy.schedule.budget import Forecast
from codecstudy.schedule.cost_model import CostModel
from codecstudy.schedule.memory import MemoryPolicy
from codecstudy.schedule.types import Dispatch, SourceWork, Task


@dataclass(frozen=True, slots=True)
class AssignedTask:
    """A task that a worker has not ended yet, with the estimates made when it was assigned."""

    task: Task
    source: SourceState
    position: int
    seconds: float
    memory: int


@dataclass(slots=True)
class WorkerState:
    """One worker."""

    name: Hashable
    tasks: list[AssignedTask] = field(default_factory=list)
    """The first one is running, the others wait."""
    since: float = 0.0
    """When the first task started to run."""
    source: SourceState | None = None
    """The source that it has open once it reaches the last of its tasks."""
    size: int | None = None
    """The size at which that source is open."""
    waiting_for: SourceWork | None = None
    """An unopened source that this worker opens as soon as there is enough memory."""

    @property
    def helping(self) -> bool:
        """Whether another worker owns the source that this one has open."""
        return self.source is not None and self.source.owner not in (None, self.name)

    @property
    def own(self) -> SourceState | None:
        """The source that it has open, if that has unassigned tasks and no other worker owns it."""
        return (
            self.source if self.source is not None and self.source.unassigned and not self.helping else None
        )


class Workers:
    """All workers. Every change keeps the active sources and the memory policy consistent."""

    def __init__(self, costs: CostModel, memory: MemoryPolicy, active: ActiveSources) -> None:
        self.assigned_seconds = 0.0
        """Estimated seconds of all tasks that workers have."""
        self._costs = costs
        self._memory = memory
        self._active = active
        self._workers: dict[Hashable, WorkerState] = {}
        self._without_owner: list[SourceState] = []

    def __len__(self) -> int:
        return len(self._workers)

    def __iter__(self) -> Iterator[WorkerState]:
        return iter(self._workers.values())

    def __getitem__(self, name: Hashable) -> WorkerState:
        worker = self._workers.get(name)
        if worker is None:
            raise ValueError(f"unknown worker {name!r}: it was never added, or was removed")
        return worker

    def add(self, name: Hashable) -> None:
        """Add a worker with nothing open; ``ValueError`` if there is one of that name."""
        if name in self._workers:
            raise ValueError(f"worker {name!r} already exists")
        self._workers[name] = WorkerState(name)

    def remove(self, worker: WorkerState, now: float) -> None:
        """Remove a worker; its tasks become unassigned."""
        for assigned in list(worker.tasks):
            self.release(worker, assigned.task, now)
            assigned.source.unassign(assigned.position)
            if assigned.source.owner is None:
                self._without_owner.append(assigned.source)
        self._leave(worker)
        self._memory.drop_claim(worker.name)
        del self._workers[worker.name]

    # -- tasks

    def assign(self, worker: WorkerState, source: SourceState, position: int, now: float) -> Dispatch:
        """Give a worker that has joined ``source`` the task at ``position``; there must be enough memory for it."""
        task = Task(source.source.index, source.setting(position))
        memory = self.memory(worker, source, position)
        assigned = AssignedTask(task, source, position, source.seconds(position), memory)
        opens, helping = source.size(position) != worker.size, worker.helping
        if not worker.tasks:
            worker.since = now
        worker.tasks.append(assigned)
        worker.size = source.size(position)
        source.assign(position)
        self.assigned_seconds += assigned.seconds
        self._reserve(worker)
        if helping and not source.unassigned:
            # The owner may have waited for memory for exactly this task.
            self._memory.drop_claim(source.owner)
        return Dispatch(task, helping=helping, opens=opens)

    def release(self, worker: WorkerState, task: Task, now: float) -> AssignedTask:
        """Take ``task`` from the worker; ``ValueError`` if it does not have it."""
        assigned = next((assigned for assigned in worker.tasks if assigned.task == task), None)
        if assigned is None:
            raise ValueError(f"worker {worker.name!r} does not have {task}")
        worker.tasks.remove(assigned)
        worker.since = now
        self.assigned_seconds -= assigned.seconds
        self._reserve(worker)
        return assigned

    # -- sources

    def join(self, worker: WorkerState, source: SourceState, *, own: bool) -> None:
        """The worker turns to ``source``, as its owner or as a helper."""
        if worker.source is not source:
            self._leave(worker)
            worker.source = source
            source.join(worker.name, own=own)
        elif own:
            source.owner = worker.name

    def adopt(self, worker: WorkerState) -> None:
        """Make the worker the owner of a source without an owner, if there is one."""
        while self._without_owner:
            source = self._without_owner.pop()
            if source.unassigned and source.owner is None:
                self.join(worker, source, own=True)
                return

    def _leave(self, worker: WorkerState) -> None:
        source, worker.source, worker.size = worker.source, None, None
        if source is None:
            return
        was_owner = source.owner == worker.name
        source.leave(worker.name)
        if was_owner and source.unassigned:
            self._without_owner.append(source)

    # -- memory and time

    def memory(self, worker: WorkerState, source: SourceState, position: int) -> int:
        """Upper estimate of the bytes that the worker needs for a task."""
        opens = worker.source is not source or worker.size != source.size(position)
        return self.memory_of(source.source, source.setting(position), opens=opens)

    def memory_of(self, source: SourceWork, setting: int, *, opens: bool) -> int:
        """Upper estimate of the bytes for a task, and for opening its source if that comes first."""
        if not self._memory.limited:
            return 0
        area = source.megapixels[self._costs.sizes[setting]]
        needed = source.held_bytes + self._costs.memory(setting, area)
        return max(needed, source.opening_bytes if opens else 0)

    def has_room(self, worker: WorkerState, source: SourceState, position: int) -> bool:
        """Whether there is enough memory for the worker to be given a task."""
        return self._memory.fits(worker.name, self.memory(worker, source, position))

    def forecast(self, now: float) -> Forecast:
        """The work in the active sources, minus what is already done of the running tasks."""
        running = [(worker.tasks[0].seconds, worker.since) for worker in self if worker.tasks]
        left = [max(0.0, seconds - (now - since)) for seconds, since in running]
        work = self._active.work() - sum(seconds for seconds, _ in running) + sum(left)
        longest = max(self._active.longest(), max(left, default=0.0))
        return Forecast(max(0.0, work), longest, max(1, len(self)))

    def full_forecast(self) -> Forecast:
        """The same with running tasks counted in full: takes constant time regardless of the number of workers."""
        return Forecast(self._active.work(), self._active.longest(), max(1, len(self)))

    def _reserve(self, worker: WorkerState) -> None:
        self._memory.reserve(worker.name, max((assigned.memory for assigned in worker.tasks), default=0))
