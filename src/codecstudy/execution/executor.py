"""The executor protocol: workers that run tasks and report events.

An executor runs a *handler*, named as ``"package.module:factory"``: ``factory(config)`` returns a callable that
takes the payload of a task and returns its value. A handler that has an attribute ``on_stage`` gets a function
there that takes a short text: what it calls it with last is the ``stage`` of a ``Died`` event, so that a task's
death can be attributed to a part of it. Workers are numbered from 0. A worker takes its tasks in the
order in which they were submitted. Everything that happens to a task is an event: ``Done`` with its value or the
error that it raised, or ``Died`` with the worker that had it.

Every executor passes ``tests/execution/test_conformance.py``.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from typing import Protocol

from codecstudy.execution.events import Event


class Executor(Protocol):
    """Runs tasks on workers. An executor is used by one thread, and reports only through :meth:`poll`."""

    @property
    def capacity(self) -> int:
        """Number of workers."""
        ...

    @property
    def ends_tasks(self) -> bool:
        """Whether it can end a running task, at its deadline and on :meth:`stop`."""
        ...

    def start(self, handler: str, config: object) -> None:
        """Start all workers. A ``Ready`` event reports each one; tasks may be submitted before.

        Args:
            handler: ``"package.module:factory"``; importable where the workers run.
            config: Argument of the factory; must be picklable.

        Raises:
            ValueError: ``handler`` does not have that form.
            RuntimeError: The executor is already running.
            OSError: The workers cannot be started.
        """
        ...

    def submit(self, worker: int, task: Hashable, payload: object, deadline: float) -> None:
        """Queue a task for a worker, without blocking.

        Args:
            worker: Number of the worker.
            task: Any name; it is part of the task's events.
            payload: Argument of the handler; must be picklable.
            deadline: Seconds that the task may run, counted from its start; ``math.inf`` for no limit.

        Raises:
            RuntimeError: The worker is not running: it was not started, or has died.
            ValueError: ``deadline`` is not positive.
        """
        ...

    def poll(self, timeout: float) -> list[Event]:
        """Return what has happened, each worker's events in order.

        A death never comes with other events of the same worker, so that each event may be answered by a
        :meth:`submit`.

        Args:
            timeout: Seconds to wait for the first event.

        Raises:
            RuntimeError: The executor is not running.
        """
        ...

    def replace(self, worker: int) -> None:
        """Start a new worker under the number of one that has died; ``Ready`` reports when it takes tasks.

        Raises:
            RuntimeError: That worker has not died.
        """
        ...

    def stop(self, now: bool = False) -> None:
        """End all workers and wait until they are gone; unfinished tasks are dropped.

        Does nothing if the executor is not running. It can be started again afterwards.

        Args:
            now: Do not give running tasks time to clean up.
        """
        ...


@contextmanager
def running(executor: Executor, handler: str, config: object) -> Iterator[None]:
    """Start ``executor``, and stop it at the end of the block, without delay if the block raises."""
    try:
        executor.start(handler, config)
        yield
    except BaseException:
        executor.stop(now=True)
        raise
    executor.stop()


def check_handler(handler: str) -> None:
    """Check the form of a handler's name.

    Raises:
        ValueError: It is not ``package.module:factory``.
    """
    if not all(handler.partition(":")):
        raise ValueError(f"The handler {handler!r} is not of the form 'package.module:factory'.")


def check_deadline(task: Hashable, deadline: float) -> None:
    """Check the deadline of a task.

    Raises:
        ValueError: It is not positive.
    """
    if not deadline > 0:
        raise ValueError(f"The deadline of task {task!r} is {deadline} s; it must be more than 0.")
