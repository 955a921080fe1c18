"""Ctrl-C, SIGTERM and SIGHUP as a count that a run checks, instead of an exception at any point."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any, Self

from codecstudy import signals

_SIGHUP = getattr(signal, "SIGHUP", None)


class Interrupts:
    """Counts the requests to stop that arrive while the ``with`` block runs.

    Until :meth:`defer` is called, no work is in progress that would be worth completing, and a signal raises
    ``KeyboardInterrupt``, after calling the program's own handler; from then on signals are only counted. Only the
    main thread can have signal handlers: in another thread, only :meth:`request` counts, and signals keep their
    effect. A signal that is ignored (as by the shell for background jobs) stays ignored. The previous handlers are
    restored at the end.

    A terminal that is closed sends more than one SIGHUP, so all of them count as one request.
    """

    def __init__(self) -> None:
        self.count = 0
        self.signal: int | None = None
        """The first signal that asked to stop; None without one."""
        self._handled = self._arrived = 0
        self._hung_up = False
        self._deferred = False
        self._raise_second = False
        self._before: dict[int, Any] = {}
        self._pipe: tuple[int, int] | None = None

    def request(self, number: int | None = None) -> None:
        """Ask to stop; called a second time, to stop at once."""
        self.count += 1
        self.signal = self.signal or number

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
            before = self._before[number]
            if callable(before):
                before(number, frame)
            signals.raise_interrupt(number, frame)
        for _ in range(self._new(number)):
            self.request(number)
        if self._raise_second and self.count > 1:
            self._raise_second = False  # it may arrive while the block is being left
            raise KeyboardInterrupt

    def _new(self, number: int) -> int:
        """Number of requests since the last call."""
        if number == _SIGHUP:
            first, self._hung_up = not self._hung_up, True
            return int(first)
        # While C code runs, such as an encoder, any number of equal signals leads to one call of the handler. The
        # pipe gets a byte for each of them; it may come after the call, if another thread received the signal.
        before = max(self._handled, self._arrived)
        self._handled += 1
        if self._pipe is not None:
            with contextlib.suppress(BlockingIOError):
                numbers = os.read(self._pipe[0], 1 << 12)
                self._arrived += sum(n in self._before and n != _SIGHUP for n in numbers)
        return max(self._handled, self._arrived) - before

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._handle) for number in signals.heeded()}
            self._open_pipe()
        return self

    def _open_pipe(self) -> None:
        if not hasattr(os, "set_blocking"):  # Windows, up to Python 3.11
            return
        pipe = os.pipe()
        for end in pipe:
            os.set_blocking(end, False)
        other = signal.set_wakeup_fd(pipe[1], warn_on_full_buffer=False)
        if other == -1:
            self._pipe = pipe
            return
        # An event loop listens to signals; it goes on to do so.
        signal.set_wakeup_fd(other, warn_on_full_buffer=False)
        for end in pipe:
            os.close(end)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pipe is not None:
            signal.set_wakeup_fd(-1)
            for end in self._pipe:
                os.close(end)
            self._pipe = None
        for number, handler in self._before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
