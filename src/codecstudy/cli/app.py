"""The command line's frame: one app, two consoles, and what becomes of errors."""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Callable
from functools import wraps
from typing import NoReturn, ParamSpec, TypeVar

import typer
from rich.console import Console

from codecstudy.errors import CodecstudyError

P = ParamSpec("P")
T = TypeVar("T")

EXIT_OK = 0
EXIT_FAILURES = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130

out = Console()
"""For answers: tables, JSON, paths."""
err = Console(stderr=True)
"""For progress and messages, so that standard output can be piped."""

app = typer.Typer(
    name="codecstudy",
    help="Which image format and which settings? Evidence from your own images.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def fail(message: str, code: int = EXIT_USAGE) -> NoReturn:
    """Print what went wrong, without a traceback, and leave with ``code``."""
    err.print(f"error: {message}", style="red", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(code)


def user_errors(function: Callable[P, T]) -> Callable[P, T]:
    """Turn the errors that a user can mend into a message and exit code 2."""

    @wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        except CodecstudyError as error:
            fail(str(error))
        except BrokenPipeError:
            # The reader of our output (head, less) has gone: nothing is left to say, also not at exit.
            sys.stdout = None
            raise typer.Exit(EXIT_OK) from None
        except KeyboardInterrupt:
            fail("interrupted", EXIT_INTERRUPTED)
        except (OSError, ValueError) as error:
            fail(str(error))

    return wrapped


def main() -> None:
    """Entry point of the ``codecstudy`` command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A file name may hold what the terminal's encoding does not.
            stream.reconfigure(errors="backslashreplace")
    # Every warning of ours is an event, too; the displays show those.
    logging.getLogger("codecstudy").addHandler(logging.NullHandler())
    app()
