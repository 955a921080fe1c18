"""Which task a free worker takes next. Pure: the time is passed in, and nothing here runs anything.

A free worker is given, in this order:

1. the next task of the source that it has open: sizes in order, and the longest task of a size first, so that the
   short ones are left to even out who ends when;
2. a task of a source whose worker has left or died;
3. a new source, the next in order, if it is expected to end within the budget and its memory has room;
4. *help*: one task of a source that another worker has open, from the one with most work left per worker,
   where the helper will have opened the source and done the task before the others would have come to its end.

**Budget.** The first batch fills all workers whatever the budget; it is over when the first source is done. After
it a source is opened only if all that is in flight then, shared by all workers, is expected to end in time. What is
in flight always completes. The order is kept, so that what was measured is an unbiased sample; only where too much
of the budget would be lost is a source that does not fit passed over for one of the next few that does
(:mod:`codecstudy.schedule.allowance`).

**Memory.** A new source without room waits while others overtake it; once as many as there are workers have, the
next free worker waits for it and claims its room (:mod:`codecstudy.schedule.admission`). So neither do small
sources wait for a large one, nor does the large one wait for ever. A worker whose own source needs more room than
there is claims it at once. The limit counts tasks that workers were given, not what idle workers keep.

**Ahead.** A worker may hold a second task while it runs the first. It gets one only where nobody else would have
taken it sooner, so that in the finish no task waits behind another while a worker idles.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence

from codecstudy.schedule.allowance import UNUSED, Allowance
from codecstudy.schedule.backlog import Backlog
from codecstudy.schedule.costs import CostModel
from codecstudy.schedule.flight import Flight
from codecstudy.schedule.roster import Held, Member, Roster
from codecstudy.schedule.words import Assignment, Progress, Source, Task

_HOLD = 2
"""Tasks that one worker holds at most: one running, one ahead."""
_AHEAD = 0.5
"""A second task must be expected to end in this part of the time for which all workers have work: what is left for
the image to turn out dear."""
_CRASHES = 2
"""A task that has killed its worker this often is not tried again."""
_LOOK = 3
"""How many sources in flight a helper looks at."""


class Scheduler:
    """Hands out every task of ``sources`` exactly once, whatever completes, fails, dies or joins.

    ``workers`` are names of any hashable kind. ``budget`` is in seconds from ``start``, ``memory_limit`` in
    bytes, both None for no limit. ``costs`` learns from what :meth:`finished` is told. After every call other
    than :meth:`next`, ask :meth:`next` first for the worker that the call was about, so that it keeps its room,
    then for each one that holds nothing. Raises ``ValueError`` for a worker or task that it does not know.
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
        self._roster = Roster(costs, memory_limit)
        self._board, self._admission = self._roster.board, self._roster.admission
        for worker in workers:
            self._roster.add(worker)
        self._budget = None if budget is None else Allowance(budget, start)
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

    def next(self, worker: Hashable, now: float) -> Assignment | None:
        """What ``worker`` does next (or, while it runs a task, after that one); None: nothing for now."""
        member = self._roster.member(worker)
        if len(member.held) >= _HOLD:
            return None
        if member.held:
            return self._ahead(member, now)
        if not member.own and not member.reserved:
            self._roster.adopt(member)
        if member.own:
            return self._go_on(member, member.own, now)
        if member.reserved:
            return self._begin_reserved(member, member.reserved, now)
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
        reserved = any(member.reserved for member in self._roster.members.values())
        return not reserved and next(self._affordable(now), None) is None

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
        outlook = self._roster.outlook(now)
        share = outlook.end(0.0)
        if self.closing():
            return share
        total = max(share, (outlook.work + self._backlog.work()) / outlook.workers)
        return total if self._budget is None else max(share, min(total, self._budget.end - now))

    # -- what has happened

    def finished(self, worker: Hashable, task: Task, now: float, seconds: float | None = None) -> None:
        """``worker`` ended ``task``; ``seconds`` (its own, without opening the source) is learned from."""
        held = self._roster.release(self._roster.member(worker), task, now)
        if seconds is not None:
            self._costs.observe(task.setting, held.flight.megapixels(held.position), seconds)
        self._end(held, seconds)

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
        member = self._roster.member(worker)
        told = [*([] if running is None else [running]), *queued]
        if [held.task for held in member.held] != told:
            raise ValueError(f"worker {worker!r} was lost with {told}, but holds {member.held}")
        quarantined = None
        if running is not None:
            self._crashes[running] = self._crashes.get(running, 0) + 1
            if self._crashes[running] >= _CRASHES:
                self._end(self._roster.release(member, running, now), None)
                quarantined = running
        self.remove_worker(worker, now)
        return quarantined

    def add_worker(self, worker: Hashable) -> None:
        """``worker`` is there and holds nothing."""
        self._roster.add(worker)

    def remove_worker(self, worker: Hashable, now: float) -> None:
        """``worker`` is gone; what it held and did not end goes back, and nothing counts as a crash."""
        member = self._roster.member(worker)
        self._unreserve(member)
        self._roster.remove(member, now)

    def stop(self) -> None:
        """From now on as if the budget were spent: nothing new is opened, what is in flight completes."""
        self._stopped = True
        for member in self._roster.members.values():
            self._unreserve(member)

    # -- steps of a decision

    def _go_on(self, member: Member, flight: Flight, now: float) -> Assignment | None:
        """The next task of a source that is the worker's own."""
        self._roster.join(member, flight, own=True)
        position = flight.longest_at(member.size)
        if not self._roster.has_room(member, flight, position):
            self._admission.claim(member.name, self._roster.memory(member, flight, position))
            return None
        return self._roster.give(member, flight, position, now)

    def _begin_reserved(self, member: Member, source: Source, now: float) -> Assignment | None:
        """The first task of the source that the worker waits for room for."""
        memory = self._opening_memory(source)
        if not self._admission.fits(member.name, memory):
            self._admission.claim(member.name, memory)
            return None
        self._unreserve(member)
        return self._begin(member, source, now)

    def _open(self, member: Member, now: float) -> Assignment | None:
        """The first task of a new source; or None, perhaps with a source reserved that needs room."""
        if not self._may_look():
            return None
        self._refused = True
        for source in self._affordable(now):
            self._refused = False
            memory = self._opening_memory(source)
            if self._admission.fits(member.name, memory):
                return self._begin(member, source, now)
            overtaken = self._opened - self._blocked_at.setdefault(source.index, self._opened)
            if overtaken >= len(self._roster):
                self._backlog.take(source)
                member.reserved = source
                self._admission.claim(member.name, memory)
                return None
        if self._refused:
            # Nothing changes before more work has ended; a thousand idle workers need not each look again.
            self._refused_until = self._tasks_done + max(1, len(self._roster) // 16)
        return None

    def _help(self, member: Member, now: float) -> Assignment | None:
        """A task of a source that another worker owns, of the one that is already open if that has any left."""
        here = member.flight if member.flight is not None and member.flight.left else None
        if here is not None and (assignment := self._help_with(member, here, now)):
            return assignment
        for flight in self._board.neediest(_LOOK):
            if flight is not here and (assignment := self._help_with(member, flight, now)):
                return assignment
        return None

    def _help_with(self, member: Member, flight: Flight, now: float) -> Assignment | None:
        """The longest task that the helper would have done before the others could have come to its end."""
        here = flight is member.flight
        size = member.size if here and member.size is not None else flight.last_size()
        opening = 0.0 if here else self._costs.open_seconds(flight.source.megapixels[size])
        others = flight.crew - here
        ceiling = self._board.work_of(flight) / others - opening if others else float("inf")
        position = flight.longest_within(ceiling, size)
        if position is None or not self._roster.has_room(member, flight, position):
            return None
        self._roster.join(member, flight, own=False)
        return self._roster.give(member, flight, position, now)

    def _ahead(self, member: Member, now: float) -> Assignment | None:
        """A second task for a worker that runs one."""
        flight = member.flight
        if flight is None:
            return None
        if not flight.left:
            return self._open_ahead(member, now)
        if member.helping and not self.closing():
            return None
        position = flight.longest_at(member.size)
        if self._wanted_sooner(member, flight.seconds(position), now):
            return None
        if not self._roster.has_room(member, flight, position):
            return None
        return self._roster.give(member, flight, position, now)

    def _wanted_sooner(self, member: Member, seconds: float, now: float) -> bool:
        """Whether others might idle before the worker had ended a second task so long."""
        if len(self._roster) == 1:
            return False
        lasts = (self._board.work() - self._roster.held_seconds) / len(self._roster)
        if not self.closing():
            lasts += self._backlog.work() / len(self._roster)
            if self._budget is not None:
                lasts = min(lasts, self._budget.end - now)
        return member.held[0].seconds + seconds > _AHEAD * lasts

    def _open_ahead(self, member: Member, now: float) -> Assignment | None:
        """Open the next source early, where there is no doubt that it will be opened and by no other worker."""
        if self.closing() or len(self._backlog) <= len(self._roster) or self._in_first_batch():
            return None
        source = self._backlog.window[0]
        if self._clearly_affordable(source, now) and self._admission.fits(
            member.name, self._opening_memory(source)
        ):
            return self._begin(member, source, now)
        return None

    def _begin(self, member: Member, source: Source, now: float) -> Assignment:
        self._backlog.take(source)
        self._blocked_at.pop(source.index, None)
        self._opened += 1
        flight = self._board.open(source, self._costs)
        self._roster.join(member, flight, own=True)
        return self._roster.give(member, flight, flight.longest_at(None), now)

    # -- the budget

    def _may_look(self) -> bool:
        if self._stopped or not len(self._backlog):
            return False
        return not (self._refused and len(self._board) and self._tasks_done < self._refused_until)

    def _affordable(self, now: float) -> Iterator[Source]:
        """The sources that may be opened, in order."""
        outlook = None
        for source in list(self._backlog.window):
            if self._in_first_batch() or self._clearly_affordable(source, now):
                yield source
                continue
            assert self._budget is not None
            outlook = outlook or self._roster.outlook(now)
            if self._budget.admits(outlook, *self._backlog.price(source), now):
                yield source
            elif self._budget.unused(outlook, now) <= UNUSED:
                return

    def _in_first_batch(self) -> bool:
        # Where memory lets only some workers begin, the rest of the batch must not come after the budget.
        return self._opened < self._first_batch and not self._sources_done

    def _clearly_affordable(self, source: Source, now: float) -> bool:
        return self._budget is None or self._budget.clearly_admits(
            self._roster.full_outlook(), *self._backlog.price(source), now
        )

    # -- bookkeeping

    def _end(self, held: Held, seconds: float | None) -> None:
        held.flight.end(held.position, seconds)
        self._board.renew(held.flight)
        self._tasks_done += 1
        self._sources_done += not held.flight.undone

    def _unreserve(self, member: Member) -> None:
        if member.reserved:
            self._backlog.give_back(member.reserved)
            self._admission.drop_claim(member.name)
            member.reserved = None

    def _opening_memory(self, source: Source) -> int:
        if self._admission.limit is None:
            return 0
        return self._roster.memory_of(source, self._backlog.first_setting(source), opens=True)
