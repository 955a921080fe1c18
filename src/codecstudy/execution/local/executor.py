"""Worker processes, and the single thread that communicates with them."""

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

from codecstudy import host
from codecstudy.execution.events import Event
from codecstudy.execution.executor import check_deadline, check_handler
from codecstudy.execution.local.process import OomKills, WorkerProcess
from codecstudy.execution.local.reaper import Reaper, kill_marked
from codecstudy.execution.local.worker_handle import WorkerHandle

SWEEP_SECONDS = 0.2
"""Seconds between checks for workers whose pipe stays open after their death (a child may hold it)."""
ENDING_SECONDS = 0.005
"""Seconds between checks of workers that are being ended."""
_NOT_RUNNING = "The executor is not running: start() it first."


class LocalExecutor:
    """Worker processes on this machine; see :class:`codecstudy.execution.executor.Executor`.

    Payloads, values and the handler's config are pickled; their types must be in importable modules, not in the
    program's main module, which workers do not import. Deadlines and ``stop`` send SIGTERM to the process tree
    and, ``term_grace`` seconds later, SIGKILL.

    Args:
        workers: Number of worker processes.
        memory_limit: Bytes; becomes each worker's RLIMIT_DATA, its private writable memory (RLIMIT_AS would count
            what libraries merely map). Each child of a worker gets the same limit. Enforced on Linux, but not on
            macOS.
        sys_path: Module search path of the workers; default: this process's ``sys.path``.
        environment: Variables added to the workers' environment.
        term_grace: Seconds between SIGTERM and SIGKILL.
        start_limit: Seconds after which a worker that has not created its handler is ended as a ``timeout``.

    Raises:
        ValueError: ``workers`` is less than 1.
    """

    ends_tasks = True

    def __init__(
        self,
        workers: int,
        *,
        memory_limit: int | None = None,
        sys_path: Sequence[str] | None = None,
        environment: Mapping[str, str] | None = None,
        term_grace: float = 2.0,
        start_limit: float = 600.0,
    ) -> None:
        if workers < 1:
            raise ValueError(f"An executor needs at least one worker, not {workers}.")
        self.capacity = workers
        self._memory_limit = memory_limit
        self._sys_path = sys_path
        self._environment = dict(environment or {})
        self._term_grace = term_grace
        self._start_limit = start_limit
        self._hello: bytes | None = None
        self._name = ""
        self._folder: Path | None = None
        self._reaper: Reaper | None = None
        self._oom_kills = OomKills()
        self._selector: selectors.BaseSelector  # made by start()
        self._handles: dict[int, WorkerHandle] = {}
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

    def start(self, handler: str, config: object) -> None:
        """Start all workers; see :meth:`Executor.start`."""
        check_handler(handler)
        if self._hello is not None:
            raise RuntimeError("The executor is already running: stop() it first.")
        path = [entry or str(Path.cwd()) for entry in (self._sys_path or sys.path)]
        self._hello = pickle.dumps((path, handler, pickle.dumps(config), self._memory_limit))
        self._name = uuid.uuid4().hex
        self._oom_kills = OomKills()
        self._selector = selectors.DefaultSelector()
        self._stopping = False
        for worker in range(self.capacity):
            self._spawn(worker)

    def replace(self, worker: int) -> None:
        """Start a new process under the number of a worker that has died."""
        if self._hello is None or worker in self._handles or not 0 <= worker < self.capacity:
            raise RuntimeError(f"Worker {worker} cannot be replaced: it has not died.")
        self._spawn(worker)

    def submit(self, worker: int, task: Hashable, payload: object, deadline: float) -> None:
        """Queue a task for a worker; see :meth:`Executor.submit`. Errors of pickling the payload propagate."""
        check_deadline(task, deadline)
        handle = self._living(worker)
        body = pickle.dumps(payload, pickle.HIGHEST_PROTOCOL)
        self._submitted += 1
        handle.submit(self._submitted, task, deadline, body)
        self._watch(handle)

    def poll(self, timeout: float) -> list[Event]:
        """Return what has happened; see :meth:`Executor.poll`."""
        if self._hello is None:
            raise RuntimeError(_NOT_RUNNING)
        until = time.monotonic() + timeout
        self._step(0.0)
        while not self._events and (left := until - time.monotonic()) > 0:
            self._step(left)
        happened, self._events = self._events, []
        return happened

    def stop(self, now: bool = False) -> None:
        """End all workers and wait until they are gone; unfinished tasks are dropped.

        Idle workers exit by themselves, busy ones get SIGTERM and, after the grace period, SIGKILL; with ``now``,
        all get SIGKILL.
        """
        if self._hello is None:
            return
        self._stopping = True
        for handle in self._handles.values():
            if now:
                handle.end("crash", "", grace=0.0)
            elif handle.idle:
                handle.quit()
                self._watch(handle)
            elif not handle.ending:
                handle.end("crash", "")
        while self._handles:
            self._step(ENDING_SECONDS)
        self._events.clear()
        self._selector.close()
        self._hello = None
        if self._reaper is not None:
            kill_marked(f"{self._name}.", prefix=True)
            self._reaper.close()
            self._reaper = None
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def _living(self, worker: int) -> WorkerHandle:
        handle = self._handles.get(worker)
        if handle is None or self._stopping:
            raise RuntimeError(f"Worker {worker} is not running: start() or replace() it first.")
        return handle

    def _spawn(self, worker: int) -> None:
        assert self._hello is not None
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="codecstudy-"))
        memory = host.memory_folder() or self._folder
        scratch = memory / f"codecstudy-{self._name}."
        if self._reaper is None:
            self._reaper = Reaper(f"{self._name}.", self._folder, scratch)
        self._spawned += 1
        mark = f"{self._name}.{self._spawned}"
        process = WorkerProcess(
            self._hello,
            mark,
            self._folder / str(self._spawned),
            scratch.with_name(f"codecstudy-{mark}"),
            self._environment,
        )
        self._reaper.add(process.pid)
        handle = WorkerHandle(worker, process, self._start_limit, self._term_grace)
        self._handles[worker] = handle
        self._selector.register(process, selectors.EVENT_READ, handle)
        self._watch(handle)

    def _watch(self, handle: WorkerHandle) -> None:
        """Wait for a worker's messages, and for space in its pipe while something is unsent."""
        if handle.process.at_end:
            if handle.process in self._selector.get_map():
                self._selector.unregister(handle.process)
            return
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if handle.process.unsent else 0)
        if self._selector.get_key(handle.process).events != wanted:
            self._selector.modify(handle.process, wanted, handle)

    def _step(self, wait: float) -> None:
        """One round: transfer bytes, enforce deadlines, notice deaths; waits only if nothing is due."""
        now = time.monotonic()
        wait = min(wait, self._swept + SWEEP_SECONDS - now)
        for handle in self._handles.values():
            wait = min(wait, ENDING_SECONDS if handle.ending else handle.due() - now)
        for key, ready in self._selector.select(max(0.0, wait)):
            handle = key.data
            if ready & selectors.EVENT_READ:
                self._events.extend(handle.read())
            if ready & selectors.EVENT_WRITE:
                handle.flush()
            self._watch(handle)
        now = time.monotonic()
        if now - self._swept >= SWEEP_SECONDS:
            self._swept = now
            if self._reaper is not None:
                self._reaper.check()
            for handle in self._handles.values():
                self._events.extend(handle.look())
        for handle in list(self._handles.values()):
            handle.enforce(now)
            if handle.gone(now):
                # What it reported before it died counts.
                self._events.extend(handle.read(drain=True))
                handle.process.at_end = True
                self._watch(handle)
                # Its death is left to the next poll(): until it is reported, tasks may be submitted.
                if self._stopping or all(event.worker != handle.number for event in self._events):
                    self._reap(handle)

    def _reap(self, handle: WorkerHandle) -> None:
        handle.process.kill_tree()
        if not self._stopping:  # stop() searches once for the orphans of all workers
            handle.process.kill_orphans()
        assert self._reaper is not None
        self._reaper.remove(handle.process.pid)
        self._events.append(handle.reap(self._oom_kills))
        del self._handles[handle.number]
