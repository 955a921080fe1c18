"""The signals that ask a program to end, and what they raise. Standard library only: it is imported first."""

from __future__ import annotations

import contextlib
import os
import signal
from types import FrameType
from typing import NoReturn

ENDING = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
"""Ctrl-C, a request by another program, and a terminal that is gone (which Windows does not have)."""


class SignalInterrupt(KeyboardInterrupt):
    """A signal other than SIGINT asked the program to end.

    Args:
        number: The signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


def number_of(error: KeyboardInterrupt) -> int:
    """The signal that raised ``error``."""
    return error.number if isinstance(error, SignalInterrupt) else int(signal.SIGINT)


def heeded() -> list[int]:
    """The signals of :data:`ENDING` that are not ignored, as nohup and shells do for background jobs."""
    return [number for number in ENDING if signal.getsignal(number) is not signal.SIG_IGN]


def raise_interrupt(number: int, frame: FrameType | None) -> NoReturn:
    """A signal handler: raise ``KeyboardInterrupt`` for SIGINT, and its subclass for other signals."""
    raise KeyboardInterrupt if number == signal.SIGINT else SignalInterrupt(number)


def exit_at_once(number: int, frame: FrameType | None) -> NoReturn:
    """A signal handler of the command line: one line, and exit code 128 + ``number``, as shells have it.

    For moments at which there is nothing to lose, and an exception would be swallowed or shown with its traceback,
    such as while libraries are imported.
    """
    with contextlib.suppress(OSError):
        # A progress display may have hidden the cursor.
        shown = b"\x1b[?25h" if os.isatty(2) else b""
        os.write(2, shown + b"error: interrupted\n")
    os._exit(128 + number)


def is_importing(frame: FrameType | None) -> bool:
    """Whether ``frame`` belongs to an import."""
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False
