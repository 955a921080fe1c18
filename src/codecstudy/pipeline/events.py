"""The events of a run, as values: everything that displays a run uses only these."""

from __future__ import annotations

from dataclasses import dataclass

from codecstudy.results import QualityResults
from codecstudy.types import Failure, Outcome, Setting


@dataclass(frozen=True, slots=True)
class Started:
    """The work is planned; the workers are about to start."""

    study_id: str
    images: int
    copies: int
    """Images with the same content as another one: they are measured with it."""
    settings: int
    tasks: int
    known: int
    """Tasks that the store already knows: they are not measured again."""
    workers: int
    time_budget: float | None
    megapixels: float
    estimated_seconds: float
    disk_bytes: int = 0
    """Estimated bytes that the run adds to the workspace."""
    disk_free: int | None = None
    """Free bytes there; None if unknown."""
    shard: str | None = None
    """The part of the study's sample that is measured, as ``shard 3/8``; None: all of it."""


@dataclass(frozen=True, slots=True)
class StoreMigrated:
    """The measurement store was written by an older codecstudy, and has been migrated to the current schema."""

    path: str
    backup: str
    """Copy of the file from before the migration."""


@dataclass(frozen=True, slots=True)
class StoreDamaged:
    """Rows of the measurement store have wrong checksums: they count as unknown, and are measured again."""

    path: str
    rows: int


@dataclass(frozen=True, slots=True)
class Compiling:
    """Metric kernels are compiled, once per machine."""

    done: int
    total: int
    seconds: float
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Finished:
    """A task ended with a measurement, or was skipped because it does not apply to its source."""

    worker: int
    image: str
    setting: Setting
    outcome: Outcome
    seconds: float
    """Wall-clock seconds that the worker spent on it, including opening the source."""
    tasks_done: int
    images_done: int
    megapixels: float
    """Megapixels encoded by this task."""
    seconds_left: float
    """Estimated time of the rest of the run."""


@dataclass(frozen=True, slots=True)
class Failed:
    """A task failed; the run continues."""

    image: str
    setting: Setting
    failure: Failure
    tasks_done: int
    images_done: int


@dataclass(frozen=True, slots=True)
class Helped:
    """A worker without a source of its own takes a task of an image that another worker has open."""

    worker: int
    image: str


@dataclass(frozen=True, slots=True)
class WorkerReplaced:
    """A worker process died or was ended, and a new one has replaced it."""

    worker: int
    reason: str
    """Reason for display: ``killed by SIGKILL``, ``ran over its deadline of 60 s``."""


@dataclass(frozen=True, slots=True)
class BudgetSpent:
    """No further image is started; tasks of started images are completed."""

    seconds: float
    images_open: int
    images_left: int


@dataclass(frozen=True, slots=True)
class Interrupted:
    """The user asked to stop. ``at_once``: for the second time, so running tasks are not awaited."""

    at_once: bool
    signal: int | None = None
    """The first signal that asked for it; None if it was not a signal."""


@dataclass(frozen=True, slots=True)
class Done:
    """The results have been saved."""

    results: QualityResults
    path: str
    failures: int
    wall_seconds: float
    cpu_seconds: float
    """Encode, decode and metric CPU seconds of the tasks that this run measured."""
    workers: int
    open_cpu_seconds: float
    """CPU seconds for decoding sources, resizing, and preparing the metrics' reference sides."""


Event = (
    Started
    | StoreMigrated
    | StoreDamaged
    | Compiling
    | Finished
    | Failed
    | Helped
    | WorkerReplaced
    | BudgetSpent
    | Interrupted
    | Done
)
