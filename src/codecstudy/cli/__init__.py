"""The command line: the only room that prints and exits."""

from __future__ import annotations

# Importing a module of commands adds them to the app.
from codecstudy.cli import answers, catalog, doctor, measure, report, run
from codecstudy.cli.app import app, main

__all__ = ["answers", "app", "catalog", "doctor", "main", "measure", "report", "run"]
