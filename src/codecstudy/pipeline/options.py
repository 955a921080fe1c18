"""Options of a run, in addition to the study itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from codecstudy import host
from codecstudy.pipeline.events import Event
from codecstudy.results import MAX_SHARDS


def _ignore(event: Event) -> None:
    """The default ``on_event``: ignores all events."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """Options of :meth:`PipelineRunner.run`.

    Raises:
        ValueError: An option is out of range.
    """

    images: Path | str | None = None
    """Folder of images to use instead of the study's dataset."""
    only_images: frozenset[str] | None = None
    """Measure only these images of the study's sample, given by their paths in the dataset; None: all of them."""
    shard: tuple[int, int] | None = None
    """``(3, 8)``: measure only the third of eight parts of the study's sample; see
    :func:`codecstudy.sampling.shard_of`. The results of all parts can be merged. None: all of the sample."""
    on_event: Callable[[Event], None] = _ignore
    """Called with each event of the run, in order; an error that it raises ends the run."""
    fresh: bool = False
    """Measure again what the store already knows."""
    task_timeout: float | None = None
    """Seconds that one task may take; None: 20 times its estimate, at least 60. Refused if the executor cannot
    end a running task."""
    max_memory: int | None = None
    """Bytes that all workers together may use, also the hard limit of each of them; None: 80 % of the available
    memory, and a hard limit of at least 1 GiB."""
    strict_order: bool = False
    """Never pass over an image that does not fit into the time budget or the free memory in favour of a later one
    that does. The run then ends at the first image that does not fit into the budget, and may leave a part of the
    budget unused."""
    max_pixels: int | None = None
    """Larger images are not measured, and their records say so; None: 500 megapixels."""
    command: str | None = None
    """Command line, stored in the results."""
    study_file: str | None = None
    """Path or id of the study, stored in the results."""

    def __post_init__(self) -> None:
        check_positive("task_timeout", self.task_timeout)
        check_positive("max_memory", self.max_memory)
        if self.max_memory is not None and self.max_memory < host.SMALLEST_WORKER:
            raise ValueError(
                f"max_memory is {self.max_memory / 2**20:,.0f} MiB; a worker needs at least "
                f"{host.SMALLEST_WORKER / 2**20:,.0f} MiB to load its libraries, and more for images of some "
                "megapixels. Give 1 GiB or more"
            )
        check_positive("max_pixels", self.max_pixels)
        if self.shard is not None:
            number, of = self.shard
            if not 1 <= number <= of <= MAX_SHARDS:
                raise ValueError(
                    f"shard {number}/{of}: shards are numbered from 1 to their number, as in 3/8, and there are at "
                    f"most {MAX_SHARDS:,}"
                )


def check_positive(name: str, value: float | None) -> None:
    """Check an optional number.

    Raises:
        ValueError: ``value`` is given and not positive, or so large that it must be a mistake.
    """
    if value is not None and not 0 < value < 1e18:
        raise ValueError(f"{name} is {value}; it must be more than 0 and less than 1e18")
