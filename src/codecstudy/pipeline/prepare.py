"""What comes before a run: what was asked for, checked; and the work that it means, less what is known."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from codecstudy import host
from codecstudy.datasets import Dataset, open_dataset, open_folder
from codecstudy.execution import Executor, InlineExecutor
from codecstudy.pipeline import events
from codecstudy.pipeline.options import RunOptions, check_positive
from codecstudy.pipeline.places import disk_bytes
from codecstudy.pipeline.plan import Outcomes, Plan, make_plan
from codecstudy.pipeline.work import cost_model, estimated_seconds, refused, remaining_work, streaming_limit
from codecstudy.schedule import CostModel, SourceWork
from codecstudy.store import Store
from codecstudy.study import StudyConfig
from codecstudy.types import Failure


@dataclass(frozen=True, slots=True)
class Request:
    """The arguments of :meth:`PipelineRunner.run` and :meth:`PipelineRunner.preview`."""

    config: StudyConfig
    time_budget: float | None
    save_artifacts: bool
    num_workers: int | None
    options: RunOptions
    executor: Executor | None
    """The one that the runner was given; None: the pipeline chooses."""

    @property
    def budget(self) -> float | None:
        """Wall seconds for the run; None for no limit."""
        return self.config.time_budget if self.time_budget is None else self.time_budget

    @property
    def in_this_process(self) -> bool:
        """Whether nothing may be run in another process."""
        if self.executor is None:
            return self.num_workers == 0
        return isinstance(self.executor, InlineExecutor)

    @property
    def workers(self) -> int:
        """Number of workers that may be used."""
        if self.executor is not None:
            return self.executor.capacity
        return host.usable_cpus() if self.num_workers is None else max(1, self.num_workers)

    def check(self) -> None:
        """Raise ``ValueError`` for arguments that are out of range, or do not go together."""
        check_positive("time_budget", self.time_budget)
        if self.num_workers is not None and self.num_workers < 0:
            raise ValueError(
                f"num_workers is {self.num_workers}; give 1 or more, or 0 to run in this process"
            )
        if self.executor is not None and self.num_workers not in (None, self.executor.capacity):
            raise ValueError(
                f"num_workers is {self.num_workers}, but the given executor has {self.executor.capacity} workers; "
                "omit num_workers"
            )
        ends_tasks = not self.in_this_process if self.executor is None else self.executor.ends_tasks
        if self.options.task_timeout is not None and not ends_tasks:
            raise ValueError(
                "task_timeout cannot be enforced, because the executor cannot end a running task; "
                "omit it, or use worker processes"
            )

    def open_dataset(self, root: Path) -> Dataset:
        """The images to measure; raises as :meth:`PipelineRunner.run` does."""
        if self.options.images is None:
            return open_dataset(root, self.config.dataset.id)
        return open_folder(Path(self.options.images))


@dataclass(frozen=True, slots=True)
class Prepared:
    """A run that has not started: what is to be done, what is known, and what is left."""

    request: Request
    plan: Plan
    outcomes: Outcomes
    """The known outcomes; a run adds its own."""
    phashes: dict[str, str]
    """Known perceptual hashes of the sources by SHA-256; a run adds its own."""
    work: list[SourceWork]
    costs: CostModel
    workers: int
    """Number of workers that are used: not more than there are tasks, unless the executor was given."""
    memory: int
    """Bytes that all workers together may use."""
    worker_memory: int
    """Bytes that one worker may use."""
    streamed_above: float
    """Metrics stream images of more pixels."""
    refused: dict[tuple[int, int], Failure]
    """Tasks that would not fit into the memory of one worker even alone, and which are therefore not run."""

    def started(self, root: Path) -> events.Started:
        """The run, in the workspace ``root``, as its first event describes it."""
        plan = self.plan
        tasks = sum(len(source.settings) for source in self.work) + len(self.refused)
        return events.Started(
            study_id=plan.config.id,
            shard=None if plan.shard is None else plan.shard.label,
            images=len(plan.sources),
            copies=len(plan.copies),
            settings=len(plan.settings),
            tasks=tasks,
            known=len(self.outcomes),
            workers=self.workers,
            time_budget=self.request.budget,
            megapixels=sum(source.width * source.height for source in plan.sources) / 1e6,
            estimated_seconds=estimated_seconds(self.work, self.costs) / self.workers,
            disk_bytes=disk_bytes(plan, tasks),
            disk_free=host.disk_free(root),
        )


def prepare(request: Request, dataset: Dataset, store: Store, artifact_root: Path) -> Prepared:
    """Plan a study's work and subtract what the store knows; nothing is encoded or decoded.

    Args:
        request: What was asked for.
        dataset: The images.
        store: Measurements of earlier runs; learns the hashes of the images.
        artifact_root: Folder of the study's encoded files.
    """
    plan = make_plan(
        request.config,
        dataset,
        store,
        host.fingerprint(),
        artifact_root=artifact_root,
        save_artifacts=request.save_artifacts,
        in_this_process=request.in_this_process,
        only_images=request.options.only_images,
        shard=request.options.shard,
    )
    outcomes = plan.nothing_known() if request.options.fresh else plan.known(store)
    memory = request.options.max_memory or host.default_memory()
    worker_memory = request.options.max_memory or host.worker_limit(memory)
    streamed_above = streaming_limit(plan, memory // request.workers)
    too_large = refused(plan, outcomes, worker_memory, streamed_above)
    work = remaining_work(plan, outcomes, too_large)
    workers = request.workers
    if request.executor is None:
        workers = max(1, min(workers, sum(len(source.settings) for source in work)))
    costs = cost_model(plan, streamed_above)
    return Prepared(
        request,
        plan,
        outcomes,
        plan.phashes(store),
        work,
        costs,
        workers,
        memory=memory,
        worker_memory=worker_memory,
        streamed_above=streamed_above,
        refused=too_large,
    )
