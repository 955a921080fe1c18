"""The basis of the command line: the app, two consoles, and error handling."""

from __future__ import annotations

import io
import json
import logging
import os
import sys
import unicodedata
from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any, NoReturn, ParamSpec, TypeVar

import typer
from rich.console import Console

from codecstudy.errors import CodecstudyError

P = ParamSpec("P")
T = TypeVar("T")

EXIT_OK = 0
EXIT_FAILURES = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130

UNBOUNDED = 100_000
"""Line width if the output is not a terminal."""


class _Console(Console):
    """A console that stops printing if its reader has exited, while the command continues."""

    def on_broken_pipe(self) -> None:
        self.quiet = True
        # Flushing the rest of the stream's buffer would fail again when the program ends.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.file.fileno())
        os.close(nowhere)


def _width() -> int | None:
    """None for the terminal's width. In a pipe, tables are as wide as necessary, so that nothing is cut off."""
    return None if "COLUMNS" in os.environ or (sys.stdout and sys.stdout.isatty()) else UNBOUNDED


# File names may contain :colons: that are not emoji codes.
out = _Console(emoji=False, width=_width())
"""For answers: tables, JSON, paths."""
err = _Console(emoji=False, stderr=True)
"""For progress and messages, so that standard output can be piped."""

app = typer.Typer(
    name="codecstudy",
    help="Which image format and which settings? Evidence from your own images.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def visible(text: str, keep: str = "") -> str:
    """``text`` with control characters escaped, except those in ``keep``.

    File names must not be able to control the terminal or break lines.
    """
    return "".join(
        c.encode("unicode_escape").decode()
        if unicodedata.category(c) in {"Cc", "Cs"} and c not in keep
        else c
        for c in text
    )


def print_json(document: Any) -> None:
    """Print only JSON, without colours, regardless of the terminal and the environment."""
    text = json.dumps(document, indent=2, allow_nan=False)
    out.print(text, markup=False, highlight=False, soft_wrap=True)


def print_error(message: str) -> None:
    """Print an error message."""
    text = visible(message, keep="\n")
    err.print(f"error: {text}", style="red", markup=False, highlight=False, soft_wrap=True)


def fail(message: str, code: int = EXIT_USAGE) -> NoReturn:
    """Print an error message, without a traceback, and exit with ``code``."""
    print_error(message)
    raise typer.Exit(code)


def user_errors(function: Callable[P, T]) -> Callable[P, T]:
    """Turn errors that the user can fix into a message and exit code 2."""

    @wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        except CodecstudyError as error:
            fail(str(error))
        except BrokenPipeError:
            # The reader of the output (head, less) has exited: print nothing more, not even at exit.
            sys.stdout = None
            raise typer.Exit(EXIT_OK) from None
        except KeyboardInterrupt:
            fail("interrupted", EXIT_INTERRUPTED)
        except (OSError, ValueError) as error:
            fail(str(error))

    return wrapped


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
    # Every warning of codecstudy is also an event, which the displays show.
    logging.getLogger("codecstudy").addHandler(logging.NullHandler())
    app()
