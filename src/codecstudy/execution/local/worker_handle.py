"""One worker while its process lives: its tasks, its reports, and when it must end."""

from __future__ import annotations

import math
import pickle
import signal
import struct
import time
from collections.abc import Hashable, Iterator
from dataclasses import dataclass

from codecstudy.execution.events import DeathReason, Died, Done, Event, HandlerError, Ready
from codecstudy.execution.local import child
from codecstudy.execution.local.process import OomKills, WorkerProcess, tells_of_memory

UNKILLABLE_SECONDS = 30.0
"""Seconds after SIGKILL until a process that does not die (it may hang in the kernel) is given up."""
ARRIVING_SECONDS = 1.0
"""Seconds that a deadline is extended for the rest of a message that has arrived in part."""


@dataclass(frozen=True, slots=True)
class _Task:
    name: Hashable
    deadline: float


@dataclass(slots=True)
class _Ending:
    """Why a worker is being ended, and its time limit."""

    reason: DeathReason
    note: str
    kill_at: float
    blamed: int | None = None
    """The task whose deadline has passed."""
    killed_at: float | None = None


class WorkerHandle:
    """A worker's number and its current process."""

    def __init__(self, number: int, process: WorkerProcess, start_limit: float, grace: float) -> None:
        """Start to track a process.

        Args:
            number: Number of the worker.
            process: The process.
            start_limit: Seconds to become ready.
            grace: Seconds from SIGTERM to SIGKILL.
        """
        self.number = number
        self.process = process
        self._start_limit = start_limit
        self._grace = grace
        self._tasks: dict[int, _Task] = {}
        self._running: int | None = None
        self._stage: str | None = None
        # Start of the running task; if none is running, the last time that the worker received or sent something.
        self._since = process.started
        self._ready = False
        self._ignore_input = False
        self._broken = ""
        self._stderr_start = 0
        self._ending: _Ending | None = None

    @property
    def idle(self) -> bool:
        """Whether it is ready and has no task, so that it would exit immediately if asked to."""
        return self._ready and not self._tasks and self._ending is None

    @property
    def ending(self) -> bool:
        """Whether it is being ended."""
        return self._ending is not None

    def submit(self, sequence: int, task: Hashable, deadline: float, payload: bytes) -> None:
        """Send a task. If the worker is being ended, the task counts as never started."""
        if self._ending is None:
            self.process.send(child.TASK, child.SEQUENCE.pack(sequence) + payload)
        if not self._tasks:
            self._since = time.monotonic()
        self._tasks[sequence] = _Task(task, deadline)

    def quit(self) -> None:
        """Ask an idle worker to exit."""
        self.process.send(child.QUIT)
        self._ending = _Ending("crash", "", time.monotonic() + self._grace)

    def flush(self) -> None:
        """Send what has been waiting for space in the pipe."""
        if self.process.flush() and self._running is None:
            self._since = time.monotonic()

    def read(self, drain: bool = False) -> Iterator[Event]:
        """Events from the messages that have arrived."""
        try:
            for kind, body in [] if self._ignore_input else self.process.receive(drain):
                event = self._message(kind, body)
                if event is not None:
                    yield event
        except (child.CorruptStreamError, struct.error, KeyError) as error:
            self._ignore_input = True
            if self._ending is None:
                self.end("crash", f"The worker sent bytes that are not a message: {error}.", grace=0.0)
        if self.process.at_end and self._ending is None:
            # The process is dying, or a task has closed the pipe.
            self._ending = _Ending("crash", "", time.monotonic() + self._grace)

    def look(self) -> Iterator[Event]:
        """Detect a death that the pipe does not show because a child of the worker keeps it open."""
        if self._ending is None and self.process.exited():
            yield from self.read(drain=True)
            if self._ending is None:
                self._ending = _Ending("crash", "", time.monotonic() + self._grace)

    def end(self, reason: DeathReason, note: str, grace: float | None = None) -> None:
        """Start to end the process tree: SIGTERM now and SIGKILL after the grace period, or SIGKILL at once."""
        grace = self._grace if grace is None else grace
        blamed = self._running if reason == "timeout" else None
        self._ending = _Ending(reason, note, time.monotonic() + grace, blamed)
        if grace > 0:
            self.process.terminate_tree()

    def due(self) -> float:
        """The time (``time.monotonic``) at which it must be checked next, unless it sends something first."""
        if self._ending is not None:
            return 0.0
        if not self._ready:
            due = self.process.started + self._start_limit
        elif self._tasks:  # if it has not started the next one, it hangs between two tasks
            due = self._since + self._next().deadline
        else:
            return math.inf
        return max(due, self.process.heard + ARRIVING_SECONDS) if self.process.receiving else due

    def enforce(self, now: float) -> None:
        """End it if its deadline has passed; kill it if its grace period has."""
        if self._ending is not None:
            if self._ending.killed_at is None and now >= self._ending.kill_at:
                self._ending.killed_at = now
                self.process.kill_tree()
        elif now >= self.due():
            if not self._ready:
                note = f"The worker was not ready after {self._start_limit:g} s."
            elif self._running is not None:
                note = f"The task ran longer than its deadline of {self._next().deadline:g} s."
            else:
                note = f"The worker did not start its next task for {self._next().deadline:g} s."
            self.end("timeout", note)

    def gone(self, now: float) -> bool:
        """Whether its whole process tree is dead, or cannot be killed."""
        if self._ending is None:
            return False
        if not self.process.tree_lives():
            return True
        killed_at = self._ending.killed_at
        return killed_at is not None and now - killed_at > UNKILLABLE_SECONDS

    def reap(self, oom_kills: OomKills) -> Died:
        """Reap the process, release its resources, and report its tasks. It must be ``gone``."""
        assert self._ending is not None
        ending, running = self._ending, self._running
        if ending.reason == "timeout":
            running = ending.blamed
        if running not in self._tasks:  # the task ended while the worker was being ended
            running = None
        stderr = self.process.stderr_tail(self._stderr_start)
        notes = [ending.note, self._broken or stderr]
        status = self.process.reap() if self.process.exited() else None
        if status is None:
            notes.insert(
                0, f"Process {self.process.pid} is still alive {UNKILLABLE_SECONDS:g} s after SIGKILL."
            )
        self.process.close()
        reason = ending.reason
        if reason == "crash" and ending.killed_at is None and status is not None:
            killed = status == -signal.SIGKILL
            if oom_kills.take() if killed else status != 0 and tells_of_memory(stderr):
                reason = "memory"
        return Died(
            worker=self.number,
            running=None if running is None else self._tasks[running].name,
            queued=tuple(task.name for sequence, task in self._tasks.items() if sequence != running),
            reason=reason,
            signal_name=_signal_name(-status) if status is not None and status < 0 else None,
            exit_code=status if status is not None and status >= 0 else None,
            detail="\n".join(note for note in notes if note),
            was_ready=self._ready,
            stage=None if running is None else self._stage,
        )

    def _next(self) -> _Task:
        """The running task, or the one that it must start next."""
        return next(iter(self._tasks.values()))

    def _message(self, kind: bytes, body: bytes) -> Event | None:
        if kind == child.STARTED:
            sequence, started, self._stderr_start = child.STARTED_BODY.unpack(body)
            if self._running is not None or sequence != next(iter(self._tasks), None):
                raise child.CorruptStreamError(f"task number {sequence} cannot have started")
            self._running, self._stage = sequence, None
            # The worker uses the same clock; the message may have waited for a poll.
            self._since = max(self.process.started, min(started, time.monotonic()))
            return None
        if kind == child.DONE:
            return self._done(body)
        if kind == child.STAGE:
            self._stage = body.decode(errors="replace")
            return None
        if kind == child.READY:
            (ready,) = child.CLOCK.unpack(body)
            self._ready, self._since = True, time.monotonic()
            return Ready(self.number, ready - self.process.started)
        if kind == child.BROKEN:
            self._broken = body.decode(errors="replace").strip()
            return None
        raise child.CorruptStreamError(f"there is no message of kind {kind!r}")

    def _done(self, body: bytes) -> Done:
        sequence, seconds, peak, is_error = child.DONE_BODY.unpack_from(body)
        if sequence != self._running:
            raise child.CorruptStreamError(f"task number {sequence} cannot have ended")
        task = self._tasks.pop(sequence)
        self._running, self._since = None, time.monotonic()
        value: object
        try:
            pickled = pickle.loads(memoryview(body)[child.DONE_BODY.size :])
            value = HandlerError(*pickled) if is_error else pickled
        except Exception as error:  # a class may support pickling but not unpickling
            value = HandlerError(type(error).__name__, f"The task's value cannot be unpickled: {error}", "")
        return Done(self.number, task.name, value, seconds, peak if peak >= 0 else None)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal
        return f"signal {number}"
