"""What happens in a run, as values: whoever wants to show a run draws from these alone."""

from __future__ import annotations

from dataclasses import dataclass

from codecstudy.results import QualityResults
from codecstudy.types import Failure, Outcome, Setting


@dataclass(frozen=True, slots=True)
class Started:
    """The work is planned; the workers are about to start."""

    study_id: str
    images: int
    settings: int
    tasks: int
    known: int
    """Tasks among them that the store knows already: they are not measured again."""
    workers: int
    time_budget: float | None
    megapixels: float
    estimated_seconds: float


@dataclass(frozen=True, slots=True)
class StoreMigrated:
    """The measurement store was written by an older codecstudy, and has been brought to the present schema."""

    path: str
    backup: str
    """Where the file as it was is kept."""


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
    """Wall seconds that the worker spent on it, opening the source included."""
    tasks_done: int
    images_done: int
    megapixels: float
    """Encoded by this task."""
    seconds_left: float
    """Estimate for the rest of the run."""


@dataclass(frozen=True, slots=True)
class Failed:
    """A task ended as a failure; the run goes on."""

    image: str
    setting: Setting
    failure: Failure
    tasks_done: int
    images_done: int


@dataclass(frozen=True, slots=True)
class Helped:
    """A worker that has nothing of its own takes a task of an image that another one has open."""

    worker: int
    image: str


@dataclass(frozen=True, slots=True)
class WorkerReplaced:
    """A worker process died or was ended, and a new one has taken its place."""

    worker: int
    reason: str
    """For people: ``killed by SIGKILL``, ``ran over its deadline of 60 s``."""


@dataclass(frozen=True, slots=True)
class BudgetSpent:
    """No further image starts; what is in flight completes."""

    seconds: float
    images_open: int
    images_left: int


@dataclass(frozen=True, slots=True)
class Interrupted:
    """The user asked to stop. ``at_once``: for the second time, so nothing in flight is waited for."""

    at_once: bool


@dataclass(frozen=True, slots=True)
class Done:
    """The results are saved."""

    results: QualityResults
    path: str
    failures: int
    wall_seconds: float
    cpu_seconds: float
    """Encode, decode and metric CPU seconds of the tasks that this run measured."""
    workers: int
    open_cpu_seconds: float
    """CPU seconds that went into decoding sources, resizing, and preparing the metrics' reference sides."""


Event = (
    Started
    | StoreMigrated
    | Compiling
    | Finished
    | Failed
    | Helped
    | WorkerReplaced
    | BudgetSpent
    | Interrupted
    | Done
)
