"""One worker process that is called like a function."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Self

from codecstudy.errors import CodecstudyError
from codecstudy.execution.events import Died, Done
from codecstudy.execution.local.executor import LocalExecutor

_POLL_SECONDS = 60.0
"""Seconds to wait for the worker at a time; an event or a deadline ends the wait at once."""
_STARTS = 3
"""Consecutive failed starts, as in a run, after which the installation is considered broken."""
_KILLED_STARTS = 20
"""Consecutive starts that are killed from outside, after which the call is given up."""


class Caller:
    """Runs ``handler`` on one payload after the other in a process of its own.

    The process is started by the first call, and again after a call that it did not survive. Use it in a ``with``
    block; the process is gone at its end.

    Args:
        handler: As for :meth:`Executor.start`.
        config: As for :meth:`Executor.start`.
        memory_limit: As for :class:`LocalExecutor`.
        environment: As for :class:`LocalExecutor`.
    """

    def __init__(
        self,
        handler: str,
        config: object = None,
        *,
        memory_limit: int | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._handler, self._config = handler, config
        self._executor = LocalExecutor(1, memory_limit=memory_limit, environment=environment)
        self._started = False
        self._dead = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._executor.stop(now=kind is not None)

    def call(self, payload: object, deadline: float) -> object:
        """Run the handler on ``payload``, for at most ``deadline`` seconds.

        Returns:
            The handler's value, a ``HandlerError`` if it raised, or a ``Died`` if the process ended. If processes
            are killed again and again before they are ready, the last one's ``Died``; its ``was_ready`` is False.

        Raises:
            CodecstudyError: The process does not start.
        """
        failed_starts = killed_starts = 0
        while True:
            event = self._try(payload, deadline)
            if isinstance(event, Done):
                return event.value
            if event.running is not None or event.reason != "crash":
                return event
            # It had not started on this payload, so another process may take it.
            killed = event.killed_by_others
            killed_starts += killed
            failed_starts += not killed
            if killed_starts >= _KILLED_STARTS:
                return event
            if failed_starts >= _STARTS:
                said = f" The last one reported:\n{event.detail}" if event.detail else ""
                raise CodecstudyError(
                    f"The worker processes exit before they are ready: {event.how()}. 'codecstudy doctor' tests "
                    f"the installation.{said}"
                )

    def _try(self, payload: object, deadline: float) -> Done | Died:
        if not self._started:
            self._executor.start(self._handler, self._config)
            self._started = True
        elif self._dead:
            self._executor.replace(0)
        self._dead = False
        self._executor.submit(0, "call", payload, deadline)
        answer: Done | Died | None = None
        while answer is None:
            for event in self._executor.poll(_POLL_SECONDS):
                # A process may answer and then die before the next poll.
                self._dead |= isinstance(event, Died)
                if answer is None and isinstance(event, Done | Died):
                    answer = event
        return answer
