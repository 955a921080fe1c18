"""Which task a free worker takes next. Pure: the time is passed in, and nothing here runs anything.

A free worker is given, in this order:

1. the next task of the source that it has open, in the source's own order;
2. a task of a source whose worker has left or died;
3. a new source, the next in order, if it is expected to end within the budget and its memory has room;
4. *help*: one task of a source that another worker has open, from the one with most work left per worker,
   where the helper will have opened the source and done the task before the others would have come to its end.

**Budget.** The first batch fills all workers whatever the budget. After it a source is opened only if all that is
in flight then, shared by all workers, is expected to end in time. What is in flight always completes. The order
is kept, so that what was measured is an unbiased sample; only where too much of the budget would be
lost is a source that does not fit passed over for one of the next few that does (:mod:`codecstudy.budget`).

**Memory.** A new source without room waits while others overtake it; once as many as there are workers have, the
next free worker waits for it and claims its room (see :mod:`codecstudy.admission`). So neither do small sources
wait for a large one, nor does the large one wait for ever. A worker whose own source needs more room than there
is claims it at once. The limit counts tasks that workers were given, not what idle workers keep.

**Ahead.** A worker may hold a second task while it runs the first. It gets one only where nobody else would have
taken it sooner, so that in the finish no task waits behind another while a worker idles.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field

from codecstudy.admission import Admission
from codecstudy.backlog import Backlog
from codecstudy.budget import UNUSED, Budget, Outlook
from codecstudy.costs import CostModel
from codecstudy.flight import Board, Flight, Source

__all__ = ["Assignment", "Progress", "Scheduler", "Source", "Task"]

_HOLD = 2
"""Tasks that one worker holds at most: one running, one ahead."""
_CRASHES = 2
"""A task that has killed its worker this often is not tried again."""
_LOOK = 3
"""How many sources in flight a helper looks at."""


@dataclass(frozen=True, slots=True)
class Task:
    """One source (``Source.index``) and one setting (its index)."""

    source: int
    setting: int


@dataclass(frozen=True, slots=True)
class Assignment:
    """What a worker does next. ``opens``: it must first open the source at this size; ``helping``: another
    worker has the source open.
    """

    task: Task
    helping: bool
    opens: bool


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run stands; ``remaining_seconds`` is an estimate of wall time."""

    tasks: int
    tasks_done: int
    sources: int
    sources_opened: int
    sources_done: int
    remaining_seconds: float


@dataclass(slots=True)
class _Held:
    task: Task
    flight: Flight
    position: int
    seconds: float
    memory: int


@dataclass(slots=True)
class _Worker:
    name: Hashable
    held: list[_Held] = field(default_factory=list)
    since: float = 0.0
    """When the first held task began."""
    flight: Flight | None = None
    size: int | None = None
    reserved: Source | None = None
    """An unopened source that this worker waits for room for."""

    @property
    def helping(self) -> bool:
        return self.flight is not None and self.flight.owner not in (None, self.name)


class Scheduler:
    """Hands out every task of ``sources`` exactly once, whatever completes, fails, dies or joins.

    ``workers`` are names of any hashable kind. ``budget`` is in seconds from ``start``, ``memory_limit`` in
    bytes, both None for no limit. ``costs`` learns from what :meth:`finished` is told. After every call other
    than :meth:`next`, ask :meth:`next` for each worker that holds less than it may: first for the one that the
    call was about, so that it keeps its room. Raises ``ValueError`` for a worker or task that it does not know.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        costs: CostModel,
        workers: Sequence[Hashable],
        *,
        start: float,
        budget: float | None = None,
        memory_limit: int | None = None,
    ) -> None:
        self._costs = costs
        self._backlog = Backlog(sources, costs)
        self._board = Board()
        self._admission = Admission(memory_limit)
        self._workers: dict[Hashable, _Worker] = {}
        for worker in workers:
            self.add_worker(worker)
        self._budget = None if budget is None else Budget(budget, start)
        self._first_batch = len(workers)
        self._stopped = False
        self._refused = False
        self._refused_until = 0
        self._adrift: list[Flight] = []
        self._blocked_at: dict[int, int] = {}
        self._crashes: dict[Task, int] = {}
        self._held_seconds = 0.0
        self._sources = len(sources)
        self._tasks = sum(len(source.settings) for source in sources)
        self._opened = self._tasks_done = self._sources_done = 0

    # -- decisions

    def next(self, worker: Hashable, now: float) -> Assignment | None:
        """What ``worker`` does next (or, while it runs a task, after that one); None: nothing for now."""
        member = self._member(worker)
        if len(member.held) >= _HOLD:
            return None
        if member.held:
            return self._ahead(member, now)
        if not self._waits(member):
            self._adopt(member)
        if (assignment := self._own(member, now)) or self._waits(member):
            return assignment
        return self._open(member, now) or (None if member.reserved else self._help(member, now))

    def closing(self) -> bool:
        """Whether no new source is opened any more, as far as can be told."""
        return self._stopped or self._refused or not len(self._backlog)

    def done(self, now: float) -> bool:
        """Whether all is over: nothing in flight, and nothing that may still be opened."""
        if len(self._board):
            return False
        if self._stopped:
            return True
        reserved = any(worker.reserved for worker in self._workers.values())
        return not reserved and not any(True for _ in self._affordable(now))

    def progress(self, now: float) -> Progress:
        """Counts, and how long the run will still take."""
        return Progress(
            tasks=self._tasks,
            tasks_done=self._tasks_done,
            sources=self._sources,
            sources_opened=self._opened,
            sources_done=self._sources_done,
            remaining_seconds=self.remaining_seconds(now),
        )

    def remaining_seconds(self, now: float) -> float:
        """Estimated wall seconds until all is over: work left, shared by all workers, or the budget's end."""
        outlook = self._outlook(now)
        share = outlook.work / outlook.workers
        if self.closing():
            return share
        total = share + self._backlog.work() / outlook.workers
        return total if self._budget is None else max(share, min(total, self._budget.end - now))

    # -- what has happened

    def finished(self, worker: Hashable, task: Task, now: float, seconds: float | None = None) -> None:
        """``worker`` ended ``task``; ``seconds`` (its own, without opening the source) is learned from."""
        held = self._release(self._member(worker), task, now)
        flight = held.flight
        if seconds is not None:
            self._costs.observe(task.setting, flight.megapixels(held.position), seconds)
        self._end_task(held, seconds)

    def failed(self, worker: Hashable, task: Task, now: float) -> None:
        """``task`` ended as a failure; it counts as done, and nothing is learned from it.

        Where it cost the worker its life (a timeout), :meth:`remove_worker` follows.
        """
        self.finished(worker, task, now)

    def lost(self, worker: Hashable, running: Task | None, queued: Sequence[Task], now: float) -> Task | None:
        """``worker`` died while it ran ``running``. Its tasks go back to be run by others.

        Returns ``running`` if it has now killed as many workers as a task may: it counts as done and is never
        given again. The worker is removed; its replacement joins by :meth:`add_worker`.
        """
        member = self._member(worker)
        if {held.task for held in member.held} != {*queued, *([running] if running else [])}:
            raise ValueError(
                f"worker {worker!r} holds {[held.task for held in member.held]}, not what it lost"
            )
        quarantined = None
        if running is not None:
            self._crashes[running] = self._crashes.get(running, 0) + 1
            if self._crashes[running] >= _CRASHES:
                self._end_task(self._release(member, running, now), None)
                quarantined = running
        self.remove_worker(worker, now)
        return quarantined

    def add_worker(self, worker: Hashable) -> None:
        """``worker`` is there and holds nothing."""
        if worker in self._workers:
            raise ValueError(f"worker {worker!r} is there already")
        self._workers[worker] = _Worker(worker)

    def remove_worker(self, worker: Hashable, now: float) -> None:
        """``worker`` is gone; what it held and did not end goes back, and nothing counts as a crash."""
        member = self._member(worker)
        for held in list(member.held):
            self._release(member, held.task, now)
            held.flight.put_back(held.position)
            self._board.update(held.flight)
            if held.flight.owner is None:
                self._adrift.append(held.flight)
        self._unreserve(member)
        self._leave(member)
        self._admission.drop_claim(worker)
        del self._workers[worker]

    def stop(self) -> None:
        """From now on as if the budget were spent: nothing new is opened, what is in flight completes."""
        self._stopped = True
        for member in self._workers.values():
            self._unreserve(member)

    # -- steps of a decision

    def _own(self, member: _Worker, now: float) -> Assignment | None:
        """The next task of what the worker has open, or of the source that it waits for room for."""
        if source := member.reserved:
            memory = self._memory(source, source.settings[0], opens=True)
            if not self._admission.fits(member.name, memory):
                self._admission.claim(member.name, memory)
                return None
            self._unreserve(member)
            return self._begin(member, source, now)
        flight = member.flight
        if flight is None or not flight.left or member.helping:
            return None
        flight.owner = member.name
        position = self._position(member, flight)
        if not self._room(member, flight, position):
            self._admission.claim(member.name, self._task_memory(member, flight, position))
            return None
        return self._give(member, flight, position, now)

    def _waits(self, member: _Worker) -> bool:
        """Whether the worker has a source to go on with, or to begin with; it then may wait for room."""
        own = member.flight is not None and member.flight.left > 0 and not member.helping
        return own or member.reserved is not None

    def _adopt(self, member: _Worker) -> None:
        """Make the worker the owner of a source whose own worker has left."""
        while self._adrift:
            flight = self._adrift.pop()
            if flight.left and flight.owner is None:
                self._join(member, flight)
                flight.owner = member.name
                return

    def _open(self, member: _Worker, now: float) -> Assignment | None:
        if not self._may_look():
            return None
        self._refused = True
        for source in self._affordable(now):
            self._refused = False
            memory = self._memory(source, source.settings[0], opens=True)
            if self._admission.fits(member.name, memory):
                return self._begin(member, source, now)
            overtaken = self._opened - self._blocked_at.setdefault(source.index, self._opened)
            if overtaken >= len(self._workers):
                self._backlog.take(source)
                member.reserved = source
                self._admission.claim(member.name, memory)
                return None
        if self._refused:
            # Nothing changes before more work has ended; a thousand idle workers need not each look again.
            self._refused_until = self._tasks_done + max(1, len(self._workers) // 16)
        return None

    def _help(self, member: _Worker, now: float) -> Assignment | None:
        flights = self._board.neediest(_LOOK)
        if member.flight is not None and member.flight.left:
            flights = [member.flight, *(flight for flight in flights if flight is not member.flight)]
        for flight in flights:
            here = flight is member.flight
            size = member.size if here and member.size is not None else flight.last_size()
            opening = 0.0 if here else self._costs.open_seconds(flight.source.megapixels[size])
            others = flight.crew - here
            ceiling = self._board.work_of(flight) / others - opening if others else float("inf")
            position = flight.longest_within(size, ceiling)
            if position is not None and self._room(member, flight, position):
                self._join(member, flight)
                return self._give(member, flight, position, now)
        return None

    def _ahead(self, member: _Worker, now: float) -> Assignment | None:
        """A second task for a worker that runs one."""
        flight = member.flight
        if flight is None or self._admission.contested(member.name):
            return None
        if not flight.left:
            return self._open_ahead(member, now)
        if member.helping and not self.closing():
            return None
        position = self._position(member, flight)
        if self.closing():
            # Left to the others, when would it have begun? Not later than their queue lasts.
            queue = (self._board.work() - self._held_seconds) / len(self._workers)
            if member.held[0].seconds + flight.seconds(position) > queue:
                return None
        return self._give(member, flight, position, now) if self._room(member, flight, position) else None

    def _open_ahead(self, member: _Worker, now: float) -> Assignment | None:
        """Open the next source early, where there is no doubt that it will be opened and by no other worker."""
        if self.closing() or len(self._backlog) <= len(self._workers) or self._opened < self._first_batch:
            return None
        source = self._backlog.window[0]
        memory = self._memory(source, source.settings[0], opens=True)
        if not self._clearly_affordable(source, now) or not self._admission.fits(member.name, memory):
            return None
        return self._begin(member, source, now)

    def _position(self, member: _Worker, flight: Flight) -> int:
        """Which task of its open source a worker takes: in order, but the longest first in the finish."""
        first = flight.first()
        if not self.closing():
            return first
        size = member.size if member.flight is flight and member.size is not None else flight.size(first)
        longest = flight.longest_within(size, float("inf"))
        return first if longest is None else longest

    # -- the budget

    def _may_look(self) -> bool:
        if self._stopped or not len(self._backlog):
            return False
        return not (self._refused and len(self._board) and self._tasks_done < self._refused_until)

    def _affordable(self, now: float) -> Iterator[Source]:
        """The sources that may be opened, in order."""
        if self._budget is None or self._opened < self._first_batch:
            yield from list(self._backlog.window)
            return
        outlook = None
        for source in list(self._backlog.window):
            if self._clearly_affordable(source, now):
                yield source
                continue
            outlook = outlook or self._outlook(now)
            if self._budget.admits(outlook, *self._backlog.price(source), now):
                yield source
            elif self._budget.unused(outlook, now) <= UNUSED:
                return

    def _clearly_affordable(self, source: Source, now: float) -> bool:
        if self._budget is None:
            return True
        outlook = Outlook(self._board.work(), self._board.longest(), max(1, len(self._workers)))
        return self._budget.clearly_admits(outlook, *self._backlog.price(source), now)

    def _outlook(self, now: float) -> Outlook:
        """What is in flight, less what is already done of the running tasks."""
        running = [(member.held[0], member.since) for member in self._workers.values() if member.held]
        left = [max(0.0, held.seconds - (now - since)) for held, since in running]
        work = self._board.work() - sum(held.seconds for held, _ in running) + sum(left)
        return Outlook(max(0.0, work), max(left, default=0.0), max(1, len(self._workers))).plus(
            0.0, self._board.longest()
        )

    # -- bookkeeping

    def _begin(self, member: _Worker, source: Source, now: float) -> Assignment:
        self._backlog.take(source)
        self._blocked_at.pop(source.index, None)
        self._opened += 1
        flight = self._board.open(source, self._costs)
        self._join(member, flight)
        flight.owner = member.name
        return self._give(member, flight, self._position(member, flight), now)

    def _give(self, member: _Worker, flight: Flight, position: int, now: float) -> Assignment:
        size = flight.size(position)
        task = Task(flight.source.index, flight.setting(position))
        memory = self._task_memory(member, flight, position)
        seconds = flight.seconds(position)
        helping = member.helping
        assignment = Assignment(task, helping=helping, opens=size != member.size)
        if not member.held:
            member.since = now
        member.held.append(_Held(task, flight, position, seconds, memory))
        member.size = size
        flight.take(position)
        self._held_seconds += seconds
        self._admission.hold(member.name, max(held.memory for held in member.held))
        if helping and not flight.left:
            # Its owner may have waited for room for this very task.
            self._admission.drop_claim(flight.owner)
        self._board.count(flight)
        return assignment

    def _release(self, member: _Worker, task: Task, now: float) -> _Held:
        held = next((held for held in member.held if held.task == task), None)
        if held is None:
            raise ValueError(f"worker {member.name!r} does not hold {task}")
        member.held.remove(held)
        member.since = now
        self._held_seconds -= held.seconds
        self._admission.hold(member.name, max((other.memory for other in member.held), default=0))
        return held

    def _end_task(self, held: _Held, seconds: float | None) -> None:
        held.flight.end(held.position, seconds)
        self._board.update(held.flight)
        self._tasks_done += 1
        self._sources_done += not held.flight.undone

    def _join(self, member: _Worker, flight: Flight) -> None:
        if member.flight is flight:
            return
        self._leave(member)
        member.flight = flight
        flight.crew += 1

    def _leave(self, member: _Worker) -> None:
        flight, member.flight, member.size = member.flight, None, None
        if flight is None:
            return
        flight.crew -= 1
        if flight.owner == member.name:
            flight.owner = None
            if flight.left:
                self._adrift.append(flight)
        if flight.undone:
            self._board.count(flight)

    def _unreserve(self, member: _Worker) -> None:
        if member.reserved:
            self._backlog.give_back(member.reserved)
            self._admission.drop_claim(member.name)
            member.reserved = None

    def _room(self, member: _Worker, flight: Flight, position: int) -> bool:
        return self._admission.fits(member.name, self._task_memory(member, flight, position))

    def _task_memory(self, member: _Worker, flight: Flight, position: int) -> int:
        opens = member.flight is not flight or member.size != flight.size(position)
        return self._memory(flight.source, flight.setting(position), opens)

    def _memory(self, source: Source, setting: int, opens: bool) -> int:
        """Upper estimate of the bytes that a task needs, with the opening of its source where it comes first."""
        if self._admission.limit is None:
            return 0
        area = source.megapixels[self._costs.sizes[setting]]
        return max(self._costs.memory(setting, area), source.opening_bytes if opens else 0)

    def _member(self, worker: Hashable) -> _Worker:
        member = self._workers.get(worker)
        if member is None:
            raise ValueError(f"no worker {worker!r}: it never joined, or has left")
        return member
