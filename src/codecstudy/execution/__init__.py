"""Executors: they run the tasks that the schedule hands out.

``executor.Executor`` is the protocol. ``local`` runs tasks in processes of this machine, ``inline`` in this one.
"""

from codecstudy.execution.events import DeathReason, Died, Done, Event, HandlerError, Ready
from codecstudy.execution.executor import Executor, running
from codecstudy.execution.inline import InlineExecutor

__all__ = [
    "DeathReason",
    "Died",
    "Done",
    "Event",
    "Executor",
    "HandlerError",
    "InlineExecutor",
    "Ready",
    "running",
]
