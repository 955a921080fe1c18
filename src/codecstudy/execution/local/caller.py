"""One worker process that is called like a function."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Self

from codecstudy.errors import CodecstudyError
from codecstudy.execution.events import Died, Done
from codecstudy.execution.local.executor import LocalExecutor

_POLL_SECONDS = 60.0
"""How long one look at the worker waits; an event or a deadline ends it at once."""
_STARTS = 3
"""Starts in a row that may fail, as in a run, until the installation counts as broken."""


class Caller:
    """Runs ``handler`` on one payload after the other in a process of its own.

    The process starts with the first call, and anew after one that it has not survived. ``handler`` and ``config``
    are those of :meth:`Executor.start`, the rest those of :class:`LocalExecutor`. Use it in a ``with`` block, at
    whose end the process is gone.
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
        """What the handler makes of ``payload``, within ``deadline`` seconds.

        Returns:
            The handler's value, a ``HandlerError`` where it raised, or a ``Died`` where the process ended.

        Raises:
            CodecstudyError: The process does not start.
        """
        failed_starts = 0
        while True:
            event = self._try(payload, deadline)
            if isinstance(event, Done):
                return event.value
            if event.running is not None or event.reason != "crash":
                return event
            # It had not begun with this payload, so that another process may do it.
            failed_starts += 1
            if failed_starts >= _STARTS:
                said = f" The last one said:\n{event.detail}" if event.detail else ""
                raise CodecstudyError(
                    f"Workers end before they are ready: {event.how()}. 'codecstudy doctor' tests the "
                    f"installation.{said}"
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
                # A process may answer and die before anybody looks.
                self._dead |= isinstance(event, Died)
                if answer is None and isinstance(event, Done | Died):
                    answer = event
        return answer
