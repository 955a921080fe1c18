"""Inputs and outputs of the scheduler, as frozen dataclasses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SourceWork:
    """One source image and the settings that it still has to be measured at.

    Sources should share one ``settings`` tuple where possible: a million tasks then take no memory of their own.
    """

    index: int
    """Position of the source in the study's plan; unique."""
    settings: Sequence[int]
    """Indices of the settings still to be run, in order. Settings of one size are adjacent, so that only one
    prepared reference is in memory at a time."""
    megapixels: Sequence[float]
    """Size of the image for each value of :attr:`SettingCost.size`."""
    opening_bytes: int = 0
    """Peak resident bytes of a worker while it decodes and resizes the file, if that may exceed what its tasks
    need."""
    held_bytes: int = 0
    """Bytes of the decoded source, which its tasks need in addition to their own."""


@dataclass(frozen=True, slots=True)
class Task:
    """One source image at one setting."""

    source: int
    """:attr:`SourceWork.index` of the source."""
    setting: int
    """Index of the setting."""


@dataclass(frozen=True, slots=True)
class Dispatch:
    """The decision that a worker runs a task next."""

    task: Task
    helping: bool
    """Another worker owns the source."""
    opens: bool
    """The worker has to open the source first: its previous task was of another source or size."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Progress of a run."""

    tasks: int
    tasks_done: int
    sources: int
    sources_opened: int
    sources_done: int
    remaining_seconds: float
    """Estimated, in wall-clock seconds."""
