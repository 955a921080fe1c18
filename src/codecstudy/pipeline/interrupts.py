"""Ctrl-C and SIGTERM as a count that a run checks, instead of an exception at any point."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any, Self

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupts:
    """Counts the requests to stop that arrive while the ``with`` block runs.

    Until :meth:`defer` is called, no work is in progress that would be worth completing, and a signal raises
    ``KeyboardInterrupt``; from then on signals are only counted. Only the main thread can have signal handlers: in
    another thread, only :meth:`request` counts, and signals keep their effect. A signal that is ignored (as by
    the shell for background jobs) stays ignored. The previous handlers are restored at the end.
    """

    def __init__(self) -> None:
        self.count = 0
        self._deferred = False
        self._raise_second = False
        self._before: dict[signal.Signals, Any] = {}

    def request(self) -> None:
        """Ask to stop; called a second time, to stop at once."""
        self.count += 1

    def defer(self) -> None:
        """Stop raising exceptions for signals: the run checks :attr:`count` from now on."""
        self._deferred = True

    @contextmanager
    def raising_second(self) -> Iterator[None]:
        """Within the block, the second signal raises ``KeyboardInterrupt``, even if it has already arrived."""
        self._raise_second = True
        try:
            if self.count > 1:
                raise KeyboardInterrupt
            yield
        finally:
            self._raise_second = False

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if not self._deferred:
            raise KeyboardInterrupt
        self.request()
        if self._raise_second and self.count > 1:
            self._raise_second = False  # it may arrive while the block is being left
            raise KeyboardInterrupt

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            heeded = [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
            self._before = {number: signal.signal(number, self._handle) for number in heeded}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
