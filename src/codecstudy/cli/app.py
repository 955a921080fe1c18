"""The basis of the command line: the app, two consoles, and error handling."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import signal
import sys
from collections.abc import Callable
from functools import wraps
from types import FrameType
from typing import IO, Annotated, Any, NoReturn, ParamSpec, TypeVar, cast

import typer
from rich.console import Console
from rich.markup import escape
from rich.text import Text

from codecstudy import signals
from codecstudy.errors import CodecstudyError
from codecstudy.visible import visible

P = ParamSpec("P")
T = TypeVar("T")

EXIT_OK = 0
EXIT_FAILURES = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130
"""128 + SIGINT; other signals accordingly."""

UNBOUNDED = 100_000
"""Line width if the output is not a terminal."""


def _discard(stream: IO[str]) -> None:
    """Let everything that is written to ``stream`` vanish, even what is already in its buffer."""
    # Flushing the rest of the buffer would fail again when the program ends.
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


class _Console(Console):
    """A console that stops printing if its reader has exited, while the command continues.

    Control characters and invisible characters in text are escaped, whoever wrote it.
    """

    def on_broken_pipe(self) -> None:
        self.quiet = True
        _discard(self.file)

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(visible(text, keep="\n"), **options)


class _Stream:
    """The current standard output or standard error, even after it has been replaced."""

    def __init__(self, name: str) -> None:
        self._name = name

    def write(self, text: str) -> int:
        return self._attempt(lambda stream: stream.write(text)) or 0

    def flush(self) -> None:
        self._attempt(lambda stream: stream.flush())

    def __getattr__(self, name: str) -> Any:
        return getattr(getattr(sys, self._name), name)

    def _attempt(self, action: Callable[[IO[str]], T]) -> T | None:
        stream = getattr(sys, self._name)
        if stream is None:  # the program was started without it
            return None
        try:
            return action(stream)
        except BrokenPipeError:
            raise
        except OSError as error:
            with contextlib.suppress(OSError):
                _discard(stream)
            if self._name == "stderr":
                return None  # a full disk or a closed terminal does not end a command
            raise CodecstudyError(f"standard output cannot be written: {error.strerror}") from None


def _stream(name: str) -> IO[str]:
    return cast("IO[str]", _Stream(name))


def _width() -> int | None:
    """None for the terminal's width. In a pipe, tables are as wide as necessary, so that nothing is cut off."""
    return None if "COLUMNS" in os.environ or (sys.stdout and sys.stdout.isatty()) else UNBOUNDED


# File names may contain :colons: that are not emoji codes.
out = _Console(emoji=False, file=_stream("stdout"), width=_width())
"""For answers: tables, JSON, paths."""
err = _Console(emoji=False, file=_stream("stderr"))
"""For progress and messages, so that standard output can be piped."""

app = typer.Typer(
    name="codecstudy",
    help="Which image format and which settings? Evidence from your own images.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def print_line(console: Console, text: str, *, style: str | None = None) -> None:
    """Print one line as it is: without markup, without wrapping, and with line breaks escaped."""
    console.print(visible(text), style=style, markup=False, highlight=False, soft_wrap=True)


def cell(text: str) -> str:
    """Text of others for a cell or a heading of a table: without markup, in one line."""
    return escape(visible(text))


def print_json(document: Any) -> None:
    """Print only JSON, without colours, regardless of the terminal and the environment."""
    text = json.dumps(document, indent=2, allow_nan=False)
    out.print(text, markup=False, highlight=False, soft_wrap=True)


def print_error(message: str) -> None:
    """Print an error message."""
    _print_message("error", message, "red")


def print_warning(message: str) -> None:
    """Print a warning."""
    _print_message("warning", message, "yellow")


def _print_message(kind: str, message: str, style: str) -> None:
    # A name with a line break in it cannot look like a message of its own.
    lines = "\n  ".join(message.splitlines())
    err.print(f"{kind}: {lines}", style=style, markup=False, highlight=False, soft_wrap=True)


def fail(message: str, code: int = EXIT_USAGE) -> NoReturn:
    """Print an error message, without a traceback, and exit with ``code``."""
    print_error(message)
    raise typer.Exit(code)


def user_errors(function: Callable[P, T]) -> Callable[P, T]:
    """Turn errors that the user can fix into a message and exit code 2."""

    @wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
        global _running
        try:
            _running = True
            return function(*args, **kwargs)
        except CodecstudyError as error:
            fail(str(error))
        except BrokenPipeError:
            # The reader of the output (head, less) has exited: print nothing more, not even at exit.
            sys.stdout = None
            raise typer.Exit(EXIT_OK) from None
        except KeyboardInterrupt as error:
            fail("interrupted", 128 + signals.number_of(error))
        except (OSError, ValueError) as error:
            fail(str(error))
        finally:
            _running = False

    return wrapped


_running = False
"""Whether a command runs, so that an exception for a signal is turned into a message."""


def _on_signal(number: int, frame: FrameType | None) -> None:
    # Exceptions in the middle of an import may be swallowed, or leave half of a module behind.
    if not _running or signals.is_importing(frame):
        signals.exit_at_once(number, frame)
    signals.raise_interrupt(number, frame)


@user_errors
def _print_version(asked: bool) -> None:
    if asked:
        from codecstudy import __version__

        out.print(f"codecstudy {__version__}", highlight=False)
        raise typer.Exit(EXIT_OK)


@app.callback()
def frame(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Which image format and which settings? Evidence from your own images."""


def main() -> None:
    """Entry point of the ``codecstudy`` command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A file name may contain characters that the terminal's encoding does not support.
            stream.reconfigure(errors="backslashreplace")
    for number in signals.heeded():
        signal.signal(number, _on_signal)
    # Every warning of codecstudy is also an event, which the displays show.
    logging.getLogger("codecstudy").addHandler(logging.NullHandler())
    try:
        app()
    except OSError as error:  # of the help, which is not printed by a command
        print_error(f"standard output cannot be written: {error.strerror}")
        with contextlib.suppress(OSError):
            _discard(sys.stdout)
        sys.exit(EXIT_USAGE)
