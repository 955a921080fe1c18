"""What goes into the schedule and what comes out of it, as frozen dataclasses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Source:
    """One source image with work to do.

    ``settings`` are the indices of the settings still to be run, in order: settings of one size stand together,
    so that one prepared reference is alive at a time. ``megapixels`` holds the image's size for each value of
    :attr:`codecstudy.schedule.costs.SettingCost.size`. ``opening_bytes`` is a worker's resident peak while it
    decodes and resizes the file, where that may be more than what its tasks need. Sources should share one
    ``settings`` tuple where they can: a million tasks then take no memory of their own.
    """

    index: int
    settings: Sequence[int]
    megapixels: Sequence[float]
    opening_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Task:
    """One source (:attr:`Source.index`) and one setting (its index)."""

    source: int
    setting: int


@dataclass(frozen=True, slots=True)
class Assignment:
    """What a worker does next.

    ``opens``: the worker's task before was one of another source or size, so it must open this one first;
    ``helping``: another worker has the source.
    """

    task: Task
    helping: bool
    opens: bool


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run stands; ``remaining_seconds`` is an estimate of wall time."""

    tasks: int
    tasks_done: int
    sources: int
    sources_opened: int
    sources_done: int
    remaining_seconds: float
