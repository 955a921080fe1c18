"""Decides which task a free worker runs next, within a time budget and a memory limit.

Pure: the clock is passed in. ``docs/explanation/scheduling.md`` describes the states and their transitions.
"""

from codecstudy.schedule.budget import BudgetPolicy, TimeBudget
from codecstudy.schedule.cost_model import WORKER_BYTES, CostModel, SettingCost
from codecstudy.schedule.memory import MemoryLimit, MemoryPolicy
from codecstudy.schedule.order import OrderPolicy
from codecstudy.schedule.scheduler import Scheduler
from codecstudy.schedule.types import Dispatch, Progress, SourceWork, Task

__all__ = [
    "WORKER_BYTES",
    "BudgetPolicy",
    "CostModel",
    "Dispatch",
    "MemoryLimit",
    "MemoryPolicy",
    "OrderPolicy",
    "Progress",
    "Scheduler",
    "SettingCost",
    "SourceWork",
    "Task",
    "TimeBudget",
]
