"""What the pipeline knows of an executor: workers that run tasks and report events.

An executor runs a *handler*, named as ``"package.module:factory"``: ``factory(config)`` gives a callable that
turns the payload of a task into its value. Workers are numbered from 0. A worker takes its tasks in the order in
which they were submitted. Everything that happens to a task is an event: ``Done`` with its value or the error that
it raised, or ``Died`` with the worker that had it.

Every executor passes ``tests/execution/test_conformance.py``.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from typing import Protocol

from codecstudy.execution.events import Event


class Executor(Protocol):
    """Runs tasks on workers. One thread uses an executor, and nothing is reported but by :meth:`poll`."""

    @property
    def capacity(self) -> int:
        """Number of workers."""
        ...

    @property
    def ends_tasks(self) -> bool:
        """Whether it can end a running task: at its deadline, and on :meth:`stop`."""
        ...

    def start(self, handler: str, config: object) -> None:
        """Start all workers. A ``Ready`` event tells when each one takes tasks; they may be submitted before.

        Args:
            handler: ``"package.module:factory"``; importable where the workers run.
            config: Argument of the factory; must be picklable.

        Raises:
            ValueError: ``handler`` does not have that form.
            RuntimeError: The executor is running already.
            OSError: No worker can be started.
        """
        ...

    def submit(self, worker: int, task: Hashable, payload: object, deadline: float) -> None:
        """Queue a task at a worker. Never waits.

        Args:
            worker: Number of the worker.
            task: Any name; events carry it.
            payload: Argument of the handler; must be picklable.
            deadline: Seconds that the task may run, counted from its own start; ``math.inf`` for no limit.

        Raises:
            RuntimeError: The worker is not running: it was not started, or has died.
            ValueError: ``deadline`` is not positive.
        """
        ...

    def poll(self, timeout: float) -> list[Event]:
        """What has happened, each worker's events in order; waits up to ``timeout`` seconds for the first one.

        A death never comes with other events of the same worker, so that each event may be answered by a
        :meth:`submit`.

        Raises:
            RuntimeError: The executor is not running.
        """
        ...

    def replace(self, worker: int) -> None:
        """Start a new worker under the number of one that has died; ``Ready`` tells when it takes tasks.

        Raises:
            RuntimeError: That worker has not died.
        """
        ...

    def stop(self, now: bool = False) -> None:
        """End all workers and wait until they are gone; tasks that are not done are dropped.

        Does nothing if the executor is not running. It can be started again afterwards.

        Args:
            now: Do not give running tasks time to clean up.
        """
        ...


@contextmanager
def running(executor: Executor, handler: str, config: object) -> Iterator[None]:
    """Start ``executor``, and stop it at the end of the block: at once if that is an error."""
    try:
        executor.start(handler, config)
        yield
    except BaseException:
        executor.stop(now=True)
        raise
    executor.stop()


def check_handler(handler: str) -> None:
    """Raise ``ValueError`` unless ``handler`` has the form ``package.module:factory``."""
    if not all(handler.partition(":")):
        raise ValueError(f"The handler {handler!r} is not of the form 'package.module:factory'.")


def check_deadline(task: Hashable, deadline: float) -> None:
    """Raise ``ValueError`` unless ``deadline`` is positive."""
    if not deadline > 0:
        raise ValueError(f"The deadline of task {task!r} is {deadline} s: give more than 0.")
