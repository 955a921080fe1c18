"""The executor that runs tasks in this process, one after the other, whenever it is polled.

For debugging, notebooks, and platforms without the local executor. It provides no isolation: a task that crashes
ends this process too, a task that hangs is not ended, and no memory limit is enforced.
"""

from __future__ import annotations

import importlib
import time
import traceback
from collections import deque
from collections.abc import Callable, Hashable

from codecstudy.execution.events import Died, Done, Event, HandlerError, Ready
from codecstudy.execution.executor import check_deadline, check_handler

_WORKER = 0


class InlineExecutor:
    """One worker, in this process; see :class:`codecstudy.execution.executor.Executor`."""

    capacity = 1
    ends_tasks = False

    def __init__(self) -> None:
        self._make: Callable[[], Callable[[object], object]] | None = None
        self._handler: Callable[[object], object] | None = None
        self._alive = False
        self._tasks: deque[tuple[Hashable, object]] = deque()

    def start(self, handler: str, config: object) -> None:
        """Store the handler; the next :meth:`poll` creates it."""
        check_handler(handler)
        if self._make is not None:
            raise RuntimeError("The executor is already running: stop() it first.")

        def make() -> Callable[[object], object]:
            module, _, factory = handler.partition(":")
            made: Callable[[object], object] = getattr(importlib.import_module(module), factory)(config)
            return made

        self._make = make
        self._alive = True

    def submit(self, worker: int, task: Hashable, payload: object, deadline: float) -> None:
        """Queue a task. Its deadline must be positive, but is not enforced."""
        check_deadline(task, deadline)
        if worker != _WORKER or not self._alive:
            raise RuntimeError(f"Worker {worker} is not running: start() or replace() it first.")
        self._tasks.append((task, payload))

    def poll(self, timeout: float) -> list[Event]:
        """Create the handler, or run the next task; sleep for ``timeout`` seconds if there is nothing to do."""
        if self._make is None:
            raise RuntimeError("The executor is not running: start() it first.")
        if self._alive and self._handler is None:
            return [self._prepare(self._make)]
        if self._handler is not None and self._tasks:
            return [self._run(self._handler, *self._tasks.popleft())]
        time.sleep(timeout)
        return []

    def replace(self, worker: int) -> None:
        """Create the handler again, after creating it has failed."""
        if worker != _WORKER or self._alive or self._make is None:
            raise RuntimeError(f"Worker {worker} cannot be replaced: it has not died.")
        self._alive = True

    def stop(self, now: bool = False) -> None:
        """Forget the handler and all tasks."""
        self._make = self._handler = None
        self._alive = False
        self._tasks.clear()

    def _prepare(self, make: Callable[[], Callable[[object], object]]) -> Event:
        started = time.monotonic()
        try:
            self._handler = make()
        except Exception:
            self._alive = False
            queued = tuple(task for task, _ in self._tasks)
            self._tasks.clear()
            detail = traceback.format_exc()
            return Died(_WORKER, None, queued, "crash", None, None, detail, was_ready=False)
        return Ready(_WORKER, time.monotonic() - started)

    def _run(self, handler: Callable[[object], object], task: Hashable, payload: object) -> Event:
        started = time.monotonic()
        value: object
        try:
            value = handler(payload)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a panic in a Rust extension is not an Exception
            value = HandlerError(*describe(error))
        return Done(_WORKER, task, value, time.monotonic() - started, None)


def describe(error: BaseException) -> tuple[str, str, str]:
    """Type name, message and traceback of an exception, even if its own methods fail."""
    try:
        message = str(error)
    except Exception:
        message = "(the exception has no readable message)"
    try:
        trace = "".join(traceback.format_exception(error))
    except Exception:
        trace = ""
    return type(error).__name__, message, trace
