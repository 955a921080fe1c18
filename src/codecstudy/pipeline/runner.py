"""Runs studies: plan the work, skip what is known, schedule and measure the rest, save."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from codecstudy import codecs, host, images, metrics, signals
from codecstudy.execution import Executor, InlineExecutor, running
from codecstudy.measurement import selftest
from codecstudy.measurement.measurer import MeasurerConfig
from codecstudy.metrics import kernels
from codecstudy.pipeline import events
from codecstudy.pipeline.interrupts import Interrupts
from codecstudy.pipeline.loop import Loop
from codecstudy.pipeline.options import RunOptions
from codecstudy.pipeline.places import check_places
from codecstudy.pipeline.plan import Plan
from codecstudy.pipeline.prepare import Prepared, Request, prepare
from codecstudy.results import (
    RECORDS_IN_JSON,
    SCORE_COLUMNS,
    DatasetInfo,
    QualityRecord,
    QualityResults,
    Records,
    RunInfo,
    StopReason,
    parameter_type,
)
from codecstudy.schedule import MemoryLimit, OrderPolicy, Scheduler, TimeBudget
from codecstudy.store import Store, private_copy
from codecstudy.study import StudyConfig
from codecstudy.types import SHORT_NAMES

MEASURER = "codecstudy.measurement.measurer:make_measurer"
"""Handler that executors run."""


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

    def results_path(self, study_id: str, shard: tuple[int, int] | None = None) -> Path:
        """Path of a study's results file, or of that of a shard, given by its number and the number of shards."""
        folder = self.root / "data" / "metrics" / study_id
        if shard is not None:
            folder /= "shard-{}-of-{}".format(*shard)
        return folder / "quality.json"

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
        The first Ctrl-C, SIGTERM or SIGHUP ends a run as if its time budget had run out; the second one stops it at
        once. Before the first image has started there is nothing to complete, and ``KeyboardInterrupt`` is raised.

        A task that fails becomes a record with the reason, and the run continues. An error that ends the whole run
        (workers that cannot start, a full disk, an ``on_event`` that raises) is raised after all complete images
        have been saved as incomplete results, those of earlier runs included.

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
            ValueError: The dataset is not configured, an option is out of range, or a name cannot be stored.
            FileNotFoundError: The dataset is not downloaded or contains no images.
            OSError: The results, or the encoded files that are to be kept, cannot be written.
            codecstudy.errors.StoreError: The store cannot be used.
        """
        started = time.monotonic()
        options = dataclasses.replace(options or RunOptions(), **further)
        request = Request(config, time_budget, save_artifacts, num_workers, options, self._executor)
        request.check()
        dataset = request.open_dataset(self.root)
        # Encoders from plugins and studies run only in workers, which test them too and where they can do no harm.
        used = dict.fromkeys(s.encoder for s in config.settings())
        selftest.check_chain(name for name in used if name in codecs.BUILT_IN)
        with (
            codecs.defined(config.definitions),
            Store(self.root / "data" / "store.sqlite") as store,
            Interrupts() as interrupts,
        ):
            if store.backup is not None:
                options.on_event(events.StoreMigrated(str(store.path), str(store.backup)))
            prepared = prepare(request, dataset, store, self._artifact_root(config))
            store.commit()
            if store.damaged:
                options.on_event(events.StoreDamaged(str(store.path), store.damaged))
            check_places(prepared.plan, self.results_path(config.id, options.shard))
            options.on_event(prepared.started(self.root))
            loop = _loop(prepared, store, interrupts, started)
            try:
                if prepared.work:
                    _compile_kernels(prepared.plan, options.on_event, interrupts)
                # From here on there is work to lose: signals wait until it is saved.
                interrupts.defer()
                loop.record_refused(prepared.refused)
                if interrupts.count:
                    options.on_event(events.Interrupted(at_once=True, signal=interrupts.signal))
                elif prepared.work:
                    with running(loop.executor, MEASURER, _measurer_config(prepared)):
                        loop.run()
            except BaseException as error:
                # Even if the run as a whole has failed, what is known is worth saving.
                if loop.totals.tasks_done or loop.totals.images_done:
                    interrupts.defer()
                    self._save(prepared, loop, store, error)
                raise
            results = self._save(prepared, loop, store)
        options.on_event(_done(results, self.results_path(config.id, options.shard), loop))
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

        Takes the arguments of :meth:`run`, and raises as it does. Nothing is written to the workspace, not even to
        convert a store of an older codecstudy, and another run may be using it.
        """
        options = dataclasses.replace(options or RunOptions(), **further)
        request = Request(config, time_budget, save_artifacts, num_workers, options, self._executor)
        request.check()
        dataset = request.open_dataset(self.root)
        path = self.root / "data" / "store.sqlite"
        with (
            codecs.defined(config.definitions),
            private_copy(path) as copy,
            Store(copy, named=path) as store,
        ):
            prepared = prepare(request, dataset, store, self._artifact_root(config))
            return prepared.started(self.root)

    def _artifact_root(self, config: StudyConfig) -> Path:
        return self.root / "data" / "encoded" / config.id

    def _save(
        self, prepared: Prepared, loop: Loop, store: Store, error: BaseException | None = None
    ) -> QualityResults:
        """Write the results so far; ``error`` is the error that ended the run, if any."""
        plan, options = prepared.plan, prepared.request.options
        config, dataset = plan.config, plan.dataset
        records = _records(plan, loop, store, self.root)
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
                time_budget=prepared.request.budget,
                wall_seconds=round(time.monotonic() - loop.started, 3),
                images_planned=planned,
                images_measured=measured,
                order=config.dataset.order,
                seed=config.dataset.seed,
                cpu=host.cpu_model(),
                os=host.operating_system(),
                command=options.command,
                study_file=options.study_file,
                strata=plan.strata,
                passed_over=plan.passed_over(loop.outcomes),
                shard=plan.shard,
            ),
            study=config.to_dict(),
            metrics=plan.metrics,
            complete=stop_reason is StopReason.COMPLETED,
            incomplete_reason=sentence,
            stop_reason=stop_reason,
            encoders=codecs.facts_of(plan.settings, plan.tool_versions()),
            commands=plan.commands,
        )
        self.save(results)
        return results

    def save(self, results: QualityResults) -> None:
        """Write results to the places where a run of their study has them, and replace those that are there."""
        shard = results.run.shard
        path = self.results_path(results.study_id, None if shard is None else (shard.numbers[0], shard.of))
        results.save(path, with_parquet=True)


def _records(plan: Plan, loop: Loop, store: Store, root: Path) -> Sequence[QualityRecord]:
    """The records of all complete images: a list, or so many that they are kept in the form of a Parquet file."""
    records = plan.records(loop.outcomes, store, loop.phashes, root)
    if len(plan.complete(loop.outcomes)) * len(plan.settings) <= RECORDS_IN_JSON:
        return list(records)
    names = dict.fromkeys(n for s in plan.settings for n, _ in s.parameters if n not in SHORT_NAMES)
    parameters = {name: parameter_type(s.get(name) for s in plan.settings) for name in names}
    scores = [column.name for column in metrics.columns(plan.metric_versions)]
    return Records.of(records, parameters, [name for name in scores if name not in SCORE_COLUMNS])


def _loop(prepared: Prepared, store: Store, interrupts: Interrupts, started: float) -> Loop:
    request = prepared.request
    options = request.options
    return Loop(
        plan=prepared.plan,
        scheduler=Scheduler(
            prepared.work,
            prepared.costs,
            range(prepared.workers),
            budget=None if request.budget is None else TimeBudget(request.budget),
            # With less memory than one worker needs, workers take turns.
            memory=MemoryLimit(prepared.memory),
            order=OrderPolicy(window=1) if options.strict_order else None,
        ),
        costs=prepared.costs,
        executor=request.executor or _default_executor(prepared),
        store=store,
        emit=options.on_event,
        interrupts=interrupts,
        outcomes=prepared.outcomes,
        phashes=prepared.phashes,
        started=started,
        task_timeout=options.task_timeout,
        max_memory=options.max_memory,
    )


def _default_executor(prepared: Prepared) -> Executor:
    if prepared.request.in_this_process:
        return InlineExecutor()
    # Imported here because it exists only on POSIX systems.
    from codecstudy.execution.local import LocalExecutor

    return LocalExecutor(
        prepared.workers,
        memory_limit=prepared.worker_memory,
        environment=kernels.cache_environment(),
    )


def _measurer_config(prepared: Prepared) -> MeasurerConfig:
    plan, options = prepared.plan, prepared.request.options
    return MeasurerConfig(
        folder=str(plan.dataset.folder),
        settings=plan.settings,
        metrics=plan.config.metric_names,
        plugins=codecs.registered(),
        definitions=codecs.definitions(),
        metric_plugins=metrics.registered(),
        max_pixels=options.max_pixels or images.MAX_PIXELS,
        crops=plan.crops,
        streamed_above=prepared.streamed_above,
    )


def _compile_kernels(plan: Plan, emit: Callable[[events.Event], None], interrupts: Interrupts) -> None:
    """Compile what the study needs, or count the interrupt that ends it.

    Kernels of plugins are compiled in the workers.
    """
    names = metrics.packages(plan.config.metric_names)
    try:
        if not kernels.is_compiled(names):
            kernels.compile_all(
                names,
                on_progress=lambda progress: emit(
                    events.Compiling(progress.done, progress.total, progress.elapsed, kernels.cache_note())
                ),
            )
    except KeyboardInterrupt as error:
        interrupts.request(signals.number_of(error))


def _why_stopped(
    prepared: Prepared, loop: Loop, measured: int, error: BaseException | None
) -> tuple[StopReason, str | None]:
    """Why the run ended, and the same as a sentence if images are missing."""
    planned = len(prepared.plan.sources)
    if measured == planned:
        return StopReason.COMPLETED, None
    if error is not None:
        said = " ".join(str(error).split()) or type(error).__name__
        reason, why = StopReason.ERROR, f"stopped by an error ({said})"
    elif loop.interrupts.count:
        reason, why = StopReason.INTERRUPTED, "interrupted"
    elif prepared.request.budget is None:
        reason, why = StopReason.ERROR, "not all of it can be read from the measurement store"
    else:
        reason, why = StopReason.TIME_BUDGET, f"the time budget of {prepared.request.budget:g} s was spent"
    return reason, f"{why}: {measured} of {planned} images"


def _done(results: QualityResults, path: Path, loop: Loop) -> events.Done:
    return events.Done(
        results=results,
        path=str(path),
        failures=results.statuses()["failed"],
        wall_seconds=results.run.wall_seconds,
        cpu_seconds=loop.totals.work,
        workers=results.run.workers,
        open_cpu_seconds=loop.totals.opening,
    )
