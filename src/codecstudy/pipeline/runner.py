"""Runs studies: plan the work, skip what is known, schedule and measure the rest, save."""

from __future__ import annotations

import dataclasses
import io
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from codecstudy import codecs, host, metrics
from codecstudy.datasets import Dataset, open_dataset, open_folder
from codecstudy.execution import Executor, InlineExecutor, running
from codecstudy.files import write_atomically
from codecstudy.measurement import selftest
from codecstudy.measurement.measurer import MeasurerConfig
from codecstudy.metrics import kernels
from codecstudy.pipeline import events
from codecstudy.pipeline.interrupts import Interrupts
from codecstudy.pipeline.loop import Loop
from codecstudy.pipeline.options import RunOptions, check_positive
from codecstudy.pipeline.plan import Known, Plan, make_plan
from codecstudy.pipeline.work import cost_model, estimated_seconds, remaining_work
from codecstudy.results import DatasetInfo, QualityResults, RunInfo, StopReason
from codecstudy.schedule import CostModel, MemoryLimit, Scheduler, SourceWork, TimeBudget
from codecstudy.store import IN_MEMORY, Store
from codecstudy.study import StudyConfig
from codecstudy.types import Measurement, Outcome

MEASURER = "codecstudy.measurement.measurer:make_measurer"
"""Handler that executors run."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A run that has not started: the whole work, the known part, and the rest."""

    plan: Plan
    outcomes: dict[tuple[int, int], Outcome]
    """Known outcomes by (source, setting) index; a run adds its own."""
    parts: dict[tuple[int, int], Measurement]
    """Known measurements that lack scores, or an encoded file."""
    work: list[SourceWork]
    costs: CostModel
    workers: int
    budget: float | None

    def started(self) -> events.Started:
        """The first event of the run."""
        plan = self.plan
        return events.Started(
            study_id=plan.config.id,
            images=len(plan.sources),
            settings=len(plan.settings),
            tasks=sum(len(source.settings) for source in self.work),
            known=len(self.outcomes),
            workers=self.workers,
            time_budget=self.budget,
            megapixels=sum(source.width * source.height for source in plan.sources) / 1e6,
            estimated_seconds=estimated_seconds(self.work, self.costs) / self.workers,
        )


class PipelineRunner:
    """Runs studies in one workspace.

    Args:
        project_root: Folder of the workspace, which contains datasets, results and the measurement store;
            ``docs/reference/workspace.md`` lists them. It is created if it does not exist.
        executor: Runs the tasks. Default: worker processes on this machine, or this process if ``num_workers`` is
            0.
    """

    def __init__(self, project_root: Path | str, executor: Executor | None = None) -> None:
        self.root = Path(project_root).resolve()
        self._executor = executor

    def results_path(self, study_id: str) -> Path:
        """Path of a study's results file."""
        return self.root / "data" / "metrics" / study_id / "quality.json"

    def run(
        self,
        config: StudyConfig,
        time_budget: float | None = None,
        save_artifacts: bool = False,
        num_workers: int | None = None,
        *,
        options: RunOptions | None = None,
        **further: Any,
    ) -> QualityResults:
        """Measure a study and save its results.

        Every image is encoded with every setting, decoded once and scored. After ``time_budget`` seconds no further
        image is started, and started images are completed. What the store already knows is not measured again.
        Ctrl-C or SIGTERM ends a run like a spent budget does, the second one at once; before the first image has
        started there is nothing to complete, and ``KeyboardInterrupt`` is raised.

        A task that fails becomes a record with the reason, and the run continues. An error that ends the whole run
        (workers that cannot start, a full disk, an ``on_event`` that raises) is raised after the measurements made
        so far have been saved as incomplete results.

        Args:
            config: The study.
            time_budget: Wall-clock seconds; None: the study's own, or no limit.
            save_artifacts: Keep the encoded files under ``data/encoded/<study_id>/``.
            num_workers: Number of worker processes; None: the CPUs that this process may use, or the capacity of
                the given executor. 0: run in this process, where a task that crashes ends the run, and a task that
                hangs is ended only by the second Ctrl-C.
            options: Further options.
            **further: Fields of :class:`RunOptions`, given directly: ``images=folder``.

        Returns:
            The records of all complete images.

        Raises:
            ValueError: The dataset is not configured, or an option is out of range.
            FileNotFoundError: The dataset is not downloaded or contains no images.
            codecstudy.errors.StoreError: The store cannot be used.
        """
        started = time.monotonic()
        options = dataclasses.replace(options or RunOptions(), **further)
        workers = self._workers(num_workers, options.task_timeout)
        dataset = self._dataset(config, time_budget, options)
        # Encoders from plugins run only in workers, which test them too and where they can do no harm.
        used = dict.fromkeys(s.encoder for s in config.settings())
        selftest.check_chain(name for name in used if name in codecs.BUILT_IN)
        with Store(self.root / "data" / "store.sqlite") as store, Interrupts() as interrupts:
            if store.backup is not None:
                options.on_event(events.StoreMigrated(str(store.path), str(store.backup)))
            prepared = self._prepare(
                config,
                dataset,
                store,
                time_budget,
                workers,
                options.fresh,
                save_artifacts,
                self._in_this_process(num_workers),
            )
            store.commit()
            memory = options.max_memory or host.default_memory()
            worker_limit = options.max_memory or host.worker_limit(memory)
            executor = self._executor or _default_executor(num_workers, prepared.workers, worker_limit)
            options.on_event(prepared.started())
            loop = Loop(
                plan=prepared.plan,
                scheduler=_scheduler(prepared, memory),
                costs=prepared.costs,
                executor=executor,
                store=store,
                emit=options.on_event,
                interrupts=interrupts,
                outcomes=prepared.outcomes,
                parts=prepared.parts,
                started=started,
                task_timeout=options.task_timeout,
                max_memory=options.max_memory,
            )
            if prepared.work:
                try:
                    _compile_kernels(prepared.plan, options.on_event)
                except KeyboardInterrupt:
                    interrupts.request()
            # From here on there is work to lose: signals wait until it is saved.
            interrupts.defer()
            if prepared.work and not interrupts.count:
                try:
                    with running(executor, MEASURER, _measurer_config(prepared.plan)):
                        loop.run()
                except Exception as error:
                    # Even if the run as a whole has failed, its measurements are worth saving.
                    if loop.totals.tasks_done:
                        self._save(prepared, loop, options, error)
                    raise
            results = self._save(prepared, loop, options)
        options.on_event(
            events.Done(
                results=results,
                path=str(self.results_path(config.id)),
                failures=sum(record.status == "failed" for record in results.measurements),
                wall_seconds=results.run.wall_seconds,
                cpu_seconds=loop.totals.work,
                workers=prepared.workers,
                open_cpu_seconds=loop.totals.opening,
            )
        )
        return results

    def preview(
        self,
        config: StudyConfig,
        time_budget: float | None = None,
        num_workers: int | None = None,
        *,
        save_artifacts: bool = False,
        options: RunOptions | None = None,
        **further: Any,
    ) -> events.Started:
        """What :meth:`run` would do, without doing it: images, settings, tasks, and an estimate of the time.

        Takes the arguments of :meth:`run`, and raises as it does.
        """
        options = dataclasses.replace(options or RunOptions(), **further)
        workers = self._workers(num_workers, options.task_timeout)
        dataset = self._dataset(config, time_budget, options)
        path = self.root / "data" / "store.sqlite"
        with Store(path if path.exists() else IN_MEMORY) as store:
            return self._prepare(
                config,
                dataset,
                store,
                time_budget,
                workers,
                options.fresh,
                save_artifacts,
                self._in_this_process(num_workers),
            ).started()

    def _workers(self, num_workers: int | None, task_timeout: float | None) -> int:
        """Number of workers to plan with, after checking the options that depend on the kind of executor."""
        if num_workers is not None and num_workers < 0:
            raise ValueError(f"num_workers is {num_workers}; give 1 or more, or 0 to run in this process")
        ends_tasks = num_workers != 0 if self._executor is None else self._executor.ends_tasks
        if task_timeout is not None and not ends_tasks:
            raise ValueError(
                "task_timeout cannot be enforced, because the executor cannot end a running task; "
                "leave it out, or use worker processes"
            )
        if self._executor is None:
            return host.usable_cpus() if num_workers is None else max(1, num_workers)
        if num_workers not in (None, self._executor.capacity):
            raise ValueError(
                f"num_workers is {num_workers}, but the given executor has {self._executor.capacity} workers; "
                "leave num_workers out"
            )
        return self._executor.capacity

    def _in_this_process(self, num_workers: int | None) -> bool:
        if self._executor is None:
            return num_workers == 0
        return isinstance(self._executor, InlineExecutor)

    def _dataset(self, config: StudyConfig, time_budget: float | None, options: RunOptions) -> Dataset:
        check_positive("time_budget", time_budget)
        if options.images is None:
            return open_dataset(self.root, config.dataset.id)
        return open_folder(Path(options.images))

    def _prepare(
        self,
        config: StudyConfig,
        dataset: Dataset,
        store: Store,
        time_budget: float | None,
        workers: int,
        fresh: bool,
        save_artifacts: bool,
        in_this_process: bool,
    ) -> Prepared:
        plan = make_plan(
            config,
            dataset,
            store,
            host.fingerprint(),
            artifact_root=self.root / "data" / "encoded" / config.id,
            save_artifacts=save_artifacts,
            in_this_process=in_this_process,
        )
        known = Known() if fresh else plan.known(store)
        outcomes: dict[tuple[int, int], Outcome] = dict(known.outcomes)
        budget = time_budget if time_budget is not None else config.time_budget
        work = remaining_work(plan, outcomes)
        if self._executor is None:
            workers = max(1, min(workers, sum(len(source.settings) for source in work)))
        return Prepared(plan, outcomes, known.parts, work, cost_model(plan), workers, budget)

    def _save(
        self, prepared: Prepared, loop: Loop, options: RunOptions, error: Exception | None = None
    ) -> QualityResults:
        """Write the results so far; ``error`` is the error that ended the run, if any."""
        plan = prepared.plan
        config, dataset = plan.config, plan.dataset
        records = plan.records(loop.outcomes, self.root)
        measured, planned = len(records) // len(plan.settings), len(plan.sources)
        stop_reason, sentence = _why_stopped(prepared, loop, measured, error)
        results = QualityResults(
            study_id=config.id,
            study_name=config.name or config.id,
            dataset=DatasetInfo(dataset.id, str(dataset.folder), len(dataset.images)),
            timestamp=datetime.now(UTC).isoformat(timespec="seconds"),
            tool_versions=plan.tool_versions(),
            measurements=records,
            run=RunInfo(
                workers=prepared.workers,
                time_budget=prepared.budget,
                wall_seconds=round(time.monotonic() - loop.started, 3),
                images_planned=planned,
                images_measured=measured,
                order=config.dataset.order,
                seed=config.dataset.seed,
                cpu=host.cpu_model(),
                os=host.operating_system(),
                command=options.command,
                study_file=options.study_file,
            ),
            study=config.to_dict(),
            metrics=plan.metrics,
            complete=stop_reason is StopReason.COMPLETED,
            incomplete_reason=sentence,
            stop_reason=stop_reason,
            encoders=codecs.facts_of(plan.settings, plan.tool_versions()),
            commands=plan.commands,
        )
        path = self.results_path(config.id)
        results.save(path)
        frame = io.BytesIO()
        results.to_frame().write_parquet(frame)
        write_atomically(path.with_suffix(".parquet"), frame.getvalue())
        return results


def _default_executor(num_workers: int | None, workers: int, worker_limit: int) -> Executor:
    if num_workers == 0:
        return InlineExecutor()
    # Imported here because it exists only on POSIX systems.
    from codecstudy.execution.local import LocalExecutor

    return LocalExecutor(workers, memory_limit=worker_limit, environment=kernels.cache_environment())


def _scheduler(prepared: Prepared, memory: int) -> Scheduler:
    return Scheduler(
        prepared.work,
        prepared.costs,
        range(prepared.workers),
        budget=None if prepared.budget is None else TimeBudget(prepared.budget),
        # With less memory than one worker needs, workers take turns.
        memory=MemoryLimit(memory),
    )


def _measurer_config(plan: Plan) -> MeasurerConfig:
    return MeasurerConfig(
        folder=str(plan.dataset.folder),
        settings=plan.settings,
        metrics=plan.config.metric_names,
        plugins=codecs.registered(),
        metric_plugins=metrics.registered(),
        crops=plan.crops,
    )


def _compile_kernels(plan: Plan, emit: Callable[[events.Event], None]) -> None:
    """Compile what the study needs; kernels of plugins are compiled in the workers."""
    names = [name for name in plan.config.metric_names if name in metrics.BUILT_IN]
    if kernels.is_compiled(names):
        return
    kernels.compile_all(
        names,
        on_progress=lambda progress: emit(
            events.Compiling(progress.done, progress.total, progress.elapsed, kernels.cache_note())
        ),
    )


def _why_stopped(
    prepared: Prepared, loop: Loop, measured: int, error: Exception | None
) -> tuple[StopReason, str | None]:
    """Why the run ended, and the same as a sentence if images are missing."""
    planned = len(prepared.plan.sources)
    if measured == planned:
        return StopReason.COMPLETED, None
    if error is not None:
        reason, why = StopReason.ERROR, f"stopped by an error ({' '.join(str(error).split())})"
    elif loop.interrupts.count:
        reason, why = StopReason.INTERRUPTED, "interrupted"
    else:
        reason, why = StopReason.TIME_BUDGET, f"the time budget of {prepared.budget:g} s was spent"
    return reason, f"{why}: {measured} of {planned} images"
