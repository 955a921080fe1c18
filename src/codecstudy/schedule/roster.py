"""Who is there, who holds which tasks and has which source open: the books that decisions are made from. Pure."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field

from codecstudy.schedule.admission import Admission
from codecstudy.schedule.allowance import Outlook
from codecstudy.schedule.board import Board
from codecstudy.schedule.costs import CostModel
from codecstudy.schedule.flight import Flight
from codecstudy.schedule.words import Assignment, Source, Task


@dataclass(slots=True)
class Held:
    """A task that a worker was given and has not ended, with what it was expected to cost then."""

    task: Task
    flight: Flight
    position: int
    seconds: float
    memory: int


@dataclass(slots=True)
class Member:
    """One worker; of the tasks that it holds, the first one runs since ``since``."""

    name: Hashable
    held: list[Held] = field(default_factory=list)
    since: float = 0.0
    flight: Flight | None = None
    """The source that it has open once it gets to the last task that it holds."""
    size: int | None = None
    reserved: Source | None = None
    """An unopened source that this worker waits for room for."""

    @property
    def helping(self) -> bool:
        """Whether another worker owns the source that this one has open."""
        return self.flight is not None and self.flight.owner not in (None, self.name)

    @property
    def own(self) -> Flight | None:
        """The source that it has open, if tasks of it are left and nobody else owns it."""
        return self.flight if self.flight is not None and self.flight.left and not self.helping else None


class Roster:
    """Workers and the sources in flight. Every change keeps board and admission in step."""

    def __init__(self, costs: CostModel, memory_limit: int | None) -> None:
        self.board = Board()
        self.admission = Admission(memory_limit)
        self.members: dict[Hashable, Member] = {}
        self.held_seconds = 0.0
        """Estimated seconds of all tasks that workers hold."""
        self._costs = costs
        self._adrift: list[Flight] = []

    def __len__(self) -> int:
        return len(self.members)

    def member(self, worker: Hashable) -> Member:
        """The worker of that name; ``ValueError`` where there is none."""
        member = self.members.get(worker)
        if member is None:
            raise ValueError(f"no worker {worker!r}: it never joined, or has left")
        return member

    def add(self, worker: Hashable) -> None:
        """A worker comes, with nothing open."""
        if worker in self.members:
            raise ValueError(f"worker {worker!r} is there already")
        self.members[worker] = Member(worker)

    def remove(self, member: Member, now: float) -> None:
        """A worker goes; the tasks that it holds are left again."""
        for held in list(member.held):
            self.release(member, held.task, now)
            held.flight.put_back(held.position)
            self.board.renew(held.flight)
            if held.flight.owner is None:
                self._adrift.append(held.flight)
        self._leave(member)
        self.admission.drop_claim(member.name)
        del self.members[member.name]

    # -- tasks

    def give(self, member: Member, flight: Flight, position: int, now: float) -> Assignment:
        """The worker, which has joined ``flight``, gets the task at ``position``; there must be room for it."""
        size = flight.size(position)
        task = Task(flight.source.index, flight.setting(position))
        held = Held(task, flight, position, flight.seconds(position), self.memory(member, flight, position))
        opens, helping = size != member.size, member.helping
        if not member.held:
            member.since = now
        member.held.append(held)
        member.size = size
        flight.take(position)
        self.held_seconds += held.seconds
        self._hold(member)
        if helping and not flight.left:
            # Its owner may have waited for room for this very task.
            self.admission.drop_claim(flight.owner)
        self.board.count(flight)
        return Assignment(task, helping=helping, opens=opens)

    def release(self, member: Member, task: Task, now: float) -> Held:
        """The worker does not hold ``task`` any more; ``ValueError`` where it never did."""
        held = next((held for held in member.held if held.task == task), None)
        if held is None:
            raise ValueError(f"worker {member.name!r} does not hold {task}")
        member.held.remove(held)
        member.since = now
        self.held_seconds -= held.seconds
        self._hold(member)
        return held

    # -- sources

    def join(self, member: Member, flight: Flight, *, own: bool) -> None:
        """The worker turns to ``flight``, as its owner or to help."""
        if member.flight is not flight:
            self._leave(member)
            member.flight = flight
            flight.crew += 1
        if own:
            flight.owner = member.name

    def adopt(self, member: Member) -> None:
        """Give the worker a source whose owner has gone, if there is one."""
        while self._adrift:
            flight = self._adrift.pop()
            if flight.left and flight.owner is None:
                self.join(member, flight, own=True)
                return

    def _leave(self, member: Member) -> None:
        flight, member.flight, member.size = member.flight, None, None
        if flight is None:
            return
        flight.crew -= 1
        if flight.owner == member.name:
            flight.owner = None
            if flight.left:
                self._adrift.append(flight)
        self.board.count(flight)

    # -- memory and time

    def memory(self, member: Member, flight: Flight, position: int) -> int:
        """Upper estimate of the bytes that the worker needs for a task."""
        opens = member.flight is not flight or member.size != flight.size(position)
        return self.memory_of(flight.source, flight.setting(position), opens=opens)

    def memory_of(self, source: Source, setting: int, *, opens: bool) -> int:
        """Upper estimate of the bytes for a task, and for opening its source where that comes first."""
        if self.admission.limit is None:
            return 0
        area = source.megapixels[self._costs.sizes[setting]]
        return max(self._costs.memory(setting, area), source.opening_bytes if opens else 0)

    def has_room(self, member: Member, flight: Flight, position: int) -> bool:
        """Whether the worker may be given a task."""
        return self.admission.fits(member.name, self.memory(member, flight, position))

    def outlook(self, now: float) -> Outlook:
        """What is in flight, less what is already done of the running tasks."""
        running = [(member.held[0].seconds, member.since) for member in self.members.values() if member.held]
        left = [max(0.0, seconds - (now - since)) for seconds, since in running]
        work = self.board.work() - sum(seconds for seconds, _ in running) + sum(left)
        longest = max(self.board.longest(), max(left, default=0.0))
        return Outlook(max(0.0, work), longest, max(1, len(self)))

    def full_outlook(self) -> Outlook:
        """The same with running tasks counted in full: at once, however many workers there are."""
        return Outlook(self.board.work(), self.board.longest(), max(1, len(self)))

    def _hold(self, member: Member) -> None:
        self.admission.hold(member.name, max((held.memory for held in member.held), default=0))
