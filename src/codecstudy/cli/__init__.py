"""The command line: the only room that prints and exits."""

from __future__ import annotations

# Importing a module of commands adds them to the app.
from codecstudy.cli import answers, catalog, doctor, measure, report, run
from codecstudy.cli.app import app, main

_ORDER = ("run", "recommend", "report", "diff", "export", "measure", "demo", "schema", "doctor")
"""Commands as the help lists them: in the order in which people need them."""

app.registered_commands.sort(key=lambda command: _ORDER.index(getattr(command.callback, "__name__", "")))

__all__ = ["answers", "app", "catalog", "doctor", "main", "measure", "report", "run"]
