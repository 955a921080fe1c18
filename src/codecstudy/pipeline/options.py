"""How a study is run, beside the study itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from codecstudy.pipeline.events import Event


def _ignore(event: Event) -> None:
    """What happens to the events of a run without ``on_event``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """Options of :meth:`PipelineRunner.run`.

    Raises:
        ValueError: An option is out of range.
    """

    images: Path | str | None = None
    """Folder that takes the place of the study's dataset."""
    on_event: Callable[[Event], None] = _ignore
    """Called with each event of the run, in order; an error that it raises ends the run."""
    fresh: bool = False
    """Measure again what the store knows."""
    task_timeout: float | None = None
    """Seconds one task may take; None: 20 times its estimate, at least 60. Refused if the executor cannot
    end a running task."""
    max_memory: int | None = None
    """Bytes that all workers may use together, and a hard limit for each of them; None: 80 % of what is available,
    and a hard limit of at least 1 GiB."""
    command: str | None = None
    """Command line, noted in the results."""
    study_file: str | None = None
    """Where the study came from, noted in the results."""

    def __post_init__(self) -> None:
        check_positive("task_timeout", self.task_timeout)
        check_positive("max_memory", self.max_memory)


def check_positive(name: str, value: float | None) -> None:
    """Raise ``ValueError`` for a value that is given and not positive, or so large that it is a mistake."""
    if value is not None and not 0 < value < 1e18:
        raise ValueError(f"{name} is {value}; it must be more than 0 and less than 1e18")
