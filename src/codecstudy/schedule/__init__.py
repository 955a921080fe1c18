"""Which task a free worker takes next, within a time budget and a memory limit. Pure: the clock is passed in."""

from codecstudy.schedule.scheduler import Scheduler
from codecstudy.schedule.words import Assignment, Progress, Source, Task

__all__ = ["Assignment", "Progress", "Scheduler", "Source", "Task"]
