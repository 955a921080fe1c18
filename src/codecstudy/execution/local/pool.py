"""The pool: many workers, one thread that talks to them."""

from __future__ import annotations

import pickle
import selectors
import shutil
import sys
import tempfile
import time
import uuid
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from codecstudy.execution.events import Event
from codecstudy.execution.local.guardian import Guardian, kill_marked
from codecstudy.execution.local.process import OomKills, WorkerProcess
from codecstudy.execution.local.slot import Slot

SWEEP_SECONDS = 0.2
"""How often workers are looked at whose pipe stays open after their death (a child of theirs may hold it)."""
ENDING_SECONDS = 0.005
"""How often workers are looked at that are on their way out."""
_STOPPED = "The pool has been stopped: make another one."


class WorkerPool:
    """``workers`` processes, numbered from 0, that each run ``handler`` on the payloads given to them.

    ``handler`` is ``"package.module:factory"``: in the worker, ``factory(config)`` gives a callable that
    turns a payload into a value. Config, payloads and values are pickled; their types live in importable
    modules, never in the program's main module, which workers do not import. ``sys_path`` (default: this
    process's) is where they look; ``environment`` holds variables that they have beyond this process's.

    ``memory_limit`` in bytes becomes each worker's RLIMIT_DATA: its private writable memory. (RLIMIT_AS
    would count what libraries merely map.) Linux enforces it, macOS does not. Children get the same limit
    each. A worker that has not made its handler after ``start_limit`` seconds is ended as a ``timeout``.

    Deadlines and ``stop`` send SIGTERM to the process tree and, ``term_grace`` seconds later, SIGKILL.
    """

    def __init__(
        self,
        handler: str,
        config: object,
        workers: int,
        *,
        memory_limit: int | None = None,
        sys_path: Sequence[str] | None = None,
        environment: Mapping[str, str] | None = None,
        term_grace: float = 2.0,
        start_limit: float = 600.0,
    ) -> None:
        if not all(handler.partition(":")):
            raise ValueError(f"The handler {handler!r} is not of the form 'package.module:factory'.")
        if workers < 1:
            raise ValueError(f"A pool needs at least one worker, not {workers}.")
        path = [entry or str(Path.cwd()) for entry in (sys.path if sys_path is None else sys_path)]
        self._hello = pickle.dumps((path, handler, pickle.dumps(config), memory_limit))
        self._environment = dict(environment or {})
        self._workers = workers
        self._term_grace = term_grace
        self._start_limit = start_limit
        self._name = uuid.uuid4().hex
        self._folder: Path | None = None
        self._guardian: Guardian | None = None
        self._oom_kills = OomKills()
        self._selector = selectors.DefaultSelector()
        self._slots: dict[int, Slot] = {}
        self._new = set(range(workers))
        self._events: list[Event] = []
        self._spawned = 0
        self._submitted = 0
        self._swept = 0.0
        self._stopping = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop(now=kind is not None)

    def start(self, *workers: int) -> None:
        """Start these workers, by default all that never were; ``Ready`` tells when each takes tasks.

        They may be given tasks at once. Raises ``OSError`` where no process can be started.
        """
        for worker in sorted(self._new.intersection(workers) if workers else self._new):
            self._spawn(worker)

    def replace(self, worker: int) -> None:
        """Start a new process under the number of a worker that has died."""
        if worker in self._slots or worker in self._new or not 0 <= worker < self._workers:
            raise RuntimeError(f"Worker {worker} cannot be replaced: it has not died.")
        self._spawn(worker)

    def submit(self, worker: int, task: Hashable, payload: object, deadline: float) -> None:
        """Queue a task at a worker. It may run for ``deadline`` seconds from its own start (inf: for ever).

        ``task`` is any name, given back in events. Never waits. Raises what pickling the payload raises.
        """
        if not deadline > 0:
            raise ValueError(f"The deadline of task {task!r} is {deadline} s: give more than 0.")
        slot = self._living(worker)
        body = pickle.dumps(payload, pickle.HIGHEST_PROTOCOL)
        self._submitted += 1
        slot.submit(self._submitted, task, deadline, body)
        self._watch(slot)

    def recall(self, worker: int) -> None:
        """Ask for the tasks back that the worker has not started; a ``Recalled`` event answers.

        ``Died`` comes instead where the worker dies first.
        """
        slot = self._living(worker)
        slot.recall()
        self._watch(slot)

    def poll(self, timeout: float) -> list[Event]:
        """What has happened, each worker's events in order; waits up to ``timeout`` seconds for the first."""
        if self._stopping:
            raise RuntimeError(_STOPPED)
        until = time.monotonic() + timeout
        self._step(0.0)
        while not self._events and (left := until - time.monotonic()) > 0:
            self._step(left)
        happened, self._events = self._events, []
        return happened

    def stop(self, now: bool = False) -> None:
        """End all workers and wait until they are gone; what they have not done is dropped.

        Idle ones leave by themselves, busy ones get SIGTERM, and SIGKILL after the grace; with ``now`` all
        get SIGKILL. A stopped pool cannot be used again.
        """
        self._stopping = True
        self._new.clear()
        for slot in self._slots.values():
            if now:
                slot.end("crash", "", grace=0.0)
            elif slot.idle:
                slot.quit()
                self._watch(slot)
            elif not slot.ending:
                slot.end("crash", "")
        while self._slots:
            self._step(ENDING_SECONDS)
        self._events.clear()
        self._selector.close()
        if self._guardian is not None:
            kill_marked(f"{self._name}.", prefix=True)
            self._guardian.close()
            self._guardian = None
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def _living(self, worker: int) -> Slot:
        slot = self._slots.get(worker)
        if slot is None or self._stopping:
            raise RuntimeError(f"Worker {worker} is not running: start() or replace() it first.")
        return slot

    def _spawn(self, worker: int) -> None:
        if self._stopping:
            raise RuntimeError(_STOPPED)
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="codecstudy-"))
        if self._guardian is None:
            self._guardian = Guardian(f"{self._name}.", self._folder)
        self._spawned += 1
        mark = f"{self._name}.{self._spawned}"
        process = WorkerProcess(self._hello, mark, self._folder / str(self._spawned), self._environment)
        self._guardian.add(process.pid)
        slot = Slot(worker, process, self._start_limit, self._term_grace)
        self._slots[worker] = slot
        self._new.discard(worker)
        self._selector.register(process, selectors.EVENT_READ, slot)
        self._watch(slot)

    def _watch(self, slot: Slot) -> None:
        """Listen to a worker's pipe, and for room in it while something waits to be sent."""
        if slot.process.at_end:
            if slot.process in self._selector.get_map():
                self._selector.unregister(slot.process)
            return
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if slot.process.unsent else 0)
        if self._selector.get_key(slot.process).events != wanted:
            self._selector.modify(slot.process, wanted, slot)

    def _step(self, wait: float) -> None:
        """One round: move bytes, see to deadlines and deaths; waits only where nothing is due."""
        now = time.monotonic()
        wait = min(wait, self._swept + SWEEP_SECONDS - now)
        for slot in self._slots.values():
            wait = min(wait, ENDING_SECONDS if slot.ending else slot.due() - now)
        for key, ready in self._selector.select(max(0.0, wait)):
            slot = key.data
            if ready & selectors.EVENT_READ:
                self._events.extend(slot.read())
            if ready & selectors.EVENT_WRITE:
                slot.flush()
            self._watch(slot)
        now = time.monotonic()
        if now - self._swept >= SWEEP_SECONDS:
            self._swept = now
            if self._guardian is not None:
                self._guardian.check()
            for slot in self._slots.values():
                self._events.extend(slot.look())
        for slot in list(self._slots.values()):
            slot.enforce(now)
            if slot.gone(now):
                self._bury(slot)

    def _bury(self, slot: Slot) -> None:
        # What it had said before it died counts.
        self._events.extend(slot.read(drain=True))
        slot.process.at_end = True
        self._watch(slot)
        slot.process.kill_tree()
        if not self._stopping:  # stop() looks once for the strays of all
            slot.process.kill_strays()
        assert self._guardian is not None
        self._guardian.remove(slot.process.pid)
        self._events.append(slot.bury(self._oom_kills))
        del self._slots[slot.number]
