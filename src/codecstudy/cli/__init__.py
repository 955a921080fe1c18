"""The command line: the only package that prints and exits."""

from __future__ import annotations

from typer.models import CommandInfo

# Importing a module of commands adds them to the app.
from codecstudy.cli import answers, catalog, diff, doctor, measure, merge, plan, recover, report, run
from codecstudy.cli.app import app, main

_ORDER = (
    "run",
    "plan",
    "merge",
    "recommend",
    "report",
    "diff",
    "export",
    "measure",
    "demo",
    "schema",
    "doctor",
    "recover",
)
"""Order of the commands in the help; commands that are not listed here come last."""


def _position(command: CommandInfo) -> int:
    name = getattr(command.callback, "__name__", "")
    return _ORDER.index(name) if name in _ORDER else len(_ORDER)


app.registered_commands.sort(key=_position)

__all__ = [
    "answers",
    "app",
    "catalog",
    "diff",
    "doctor",
    "main",
    "measure",
    "merge",
    "plan",
    "recover",
    "report",
    "run",
]
