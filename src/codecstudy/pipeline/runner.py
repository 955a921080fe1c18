"""Runs studies: plan - known -> schedule -> workers -> store -> results."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from codecstudy import codecs, host, metrics
from codecstudy.datasets import Dataset, open_dataset, open_folder
from codecstudy.execution.local import WorkerPool
from codecstudy.files import write_atomically
from codecstudy.measurement import selftest
from codecstudy.measurement.measurer import BenchConfig
from codecstudy.metrics import kernels
from codecstudy.pipeline import events, workload
from codecstudy.pipeline.interrupts import Interrupts
from codecstudy.pipeline.loop import Session
from codecstudy.pipeline.plan import Plan, make_plan
from codecstudy.results import DatasetInfo, QualityResults, RunInfo
from codecstudy.schedule import CostModel, MemoryLimit, Scheduler, SourceWork, TimeBudget
from codecstudy.store import IN_MEMORY, Store
from codecstudy.study import StudyConfig
from codecstudy.study.time_budget import parse_time_budget
from codecstudy.types import Outcome

__all__ = ["PipelineRunner", "parse_time_budget"]

MEMORY_SHARE = 0.8
"""Part of the available memory that a run may fill where none is given."""


def _ignore(event: events.Event) -> None:
    """What a run without ``on_event`` does with its events."""


class PipelineRunner:
    """Runs studies in one workspace.

    ``project_root`` is the workspace's folder: datasets, results and the measurement store lie below it, as
    ``docs/reference.md`` lists them. It is made where it does not exist.
    """

    def __init__(self, project_root: Path | str) -> None:
        self.root = Path(project_root).resolve()

    def results_path(self, study_id: str) -> Path:
        """Where a study's results are written."""
        return self.root / "data" / "metrics" / study_id / "quality.json"

    def run(
        self,
        config: StudyConfig,
        time_budget: float | None = None,
        save_artifacts: bool = False,
        num_workers: int | None = None,
        *,
        images: Path | str | None = None,
        on_event: Callable[[events.Event], None] | None = None,
        fresh: bool = False,
        task_timeout: float | None = None,
        max_memory: int | None = None,
        command: str | None = None,
        study_file: str | None = None,
    ) -> QualityResults:
        """Measure a study and save its results.

        Every image is encoded with every setting, decoded once and scored, in ``num_workers`` processes (None:
        the CPUs that this process may use). After ``time_budget`` seconds (None: the study's own, or no limit)
        no further image starts, and the images in flight complete. What the store knows is not measured again
        unless ``fresh``. Ctrl-C or SIGTERM ends a run as a spent budget does, the second one at once; before the
        first image has started there is nothing to complete, and it is a ``KeyboardInterrupt``.

        ``images`` is a folder that takes the place of the study's dataset; ``save_artifacts`` keeps the encoded
        files under ``data/encoded/<study_id>/``; ``task_timeout`` is the seconds one task may take (None: 20
        times its estimate, at least 60); ``max_memory`` the bytes that all workers may fill together (None:
        80 % of what is available); ``command`` and ``study_file`` are noted in the results.

        A task that fails is a record with its reason, and the run goes on. An error that ends the whole run
        (workers that cannot start, a full disk, an ``on_event`` that raises) is raised after what was measured
        until then has been saved as incomplete results. Raises ``ValueError`` where the
        dataset is not configured or an option is out of range, ``FileNotFoundError`` where the dataset is not
        downloaded or holds no images, and :class:`codecstudy.errors.StoreError` where the store cannot be used.
        """
        started = time.monotonic()
        emit = on_event or _ignore
        budget = time_budget if time_budget is not None else config.time_budget
        workers = host.usable_cpus() if num_workers is None else num_workers
        _check_options(budget, workers, task_timeout, max_memory)
        dataset = self._dataset(config, images)
        # Encoders of others run in workers alone, which try them too and where they can do no harm.
        used = dict.fromkeys(s.encoder for s in config.settings())
        selftest.check_chain(name for name in used if name in codecs.BUILT_IN)

        with Store(self.root / "data" / "store.sqlite") as store, Interrupts() as interrupts:
            plan = self._plan(config, dataset, store, save_artifacts)
            outcomes: dict[tuple[int, int], Outcome] = {} if fresh else dict(plan.known(store))
            store.commit()
            work = workload.left(plan, outcomes)
            costs = workload.cost_model(plan)
            workers = max(1, min(workers, sum(len(source.settings) for source in work)))
            emit(_started_event(plan, work, costs, workers, budget, len(outcomes)))
            session = Session(
                plan=plan,
                scheduler=Scheduler(
                    work,
                    costs,
                    range(workers),
                    budget=None if budget is None else TimeBudget(budget),
                    # With less than one worker needs, workers take turns.
                    memory=MemoryLimit(max_memory or max(1, int(MEMORY_SHARE * host.available_memory()))),
                ),
                costs=costs,
                pool=WorkerPool(
                    "codecstudy.measurement.measurer:make_bench",
                    _bench_config(plan),
                    workers,
                    memory_limit=max_memory,
                    environment=kernels.cache_environment(),
                ),
                store=store,
                emit=emit,
                interrupts=interrupts,
                outcomes=outcomes,
                started=started,
                workers=workers,
                task_timeout=task_timeout,
                max_memory=max_memory,
            )
            if work:
                try:
                    _compile_kernels(emit)
                except KeyboardInterrupt:
                    interrupts.request()
            # From here on there is something to lose: signals wait until it is saved.
            interrupts.defer()
            if work and not interrupts.count:
                try:
                    with session.pool:
                        session.run()
                except Exception as error:
                    # Whatever went wrong with the run as a whole, what it has measured is worth keeping.
                    if session.totals.tasks_done:
                        self._save(session, budget, command, study_file, stopped=str(error))
                    raise
            results = self._save(session, budget, command, study_file)
        emit(
            events.Done(
                results=results,
                path=str(self.results_path(config.id)),
                failures=sum(record.status == "failed" for record in results.measurements),
                wall_seconds=results.run.wall_seconds,
                cpu_seconds=session.totals.work,
                workers=workers,
                open_cpu_seconds=session.totals.opening,
            )
        )
        return results

    def _save(
        self,
        session: Session,
        budget: float | None,
        command: str | None,
        study_file: str | None,
        stopped: str | None = None,
    ) -> QualityResults:
        """Write the results so far; ``stopped`` says what ended the run early, if it was an error."""
        plan = session.plan
        config, dataset = plan.config, plan.dataset
        records = plan.records(session.outcomes, self.root)
        measured, planned = len(records) // len(plan.settings), len(plan.sources)
        results = QualityResults(
            study_id=config.id,
            study_name=config.name or config.id,
            dataset=DatasetInfo(dataset.id, str(dataset.folder), len(dataset.images)),
            timestamp=datetime.now(UTC).isoformat(timespec="seconds"),
            tool_versions=plan.tool_versions(),
            measurements=records,
            run=RunInfo(
                workers=session.workers,
                time_budget=budget,
                wall_seconds=round(time.monotonic() - session.started, 3),
                images_planned=planned,
                images_measured=measured,
                order=config.dataset.order,
                seed=config.dataset.seed,
                cpu=host.cpu_model(),
                os=host.operating_system(),
                command=command,
                study_file=study_file,
            ),
            study=config.to_dict(),
            complete=measured == planned,
            incomplete_reason=_incomplete_reason(
                measured, planned, stopped, session.interrupts.count, budget
            ),
            encoders=codecs.facts_of(plan.settings, plan.tool_versions()),
            commands=plan.commands,
        )
        path = self.results_path(config.id)
        results.save(path)
        frame = io.BytesIO()
        results.to_frame().write_parquet(frame)
        write_atomically(path.with_suffix(".parquet"), frame.getvalue())
        return results

    def preview(
        self,
        config: StudyConfig,
        time_budget: float | None = None,
        num_workers: int | None = None,
        *,
        images: Path | str | None = None,
        fresh: bool = False,
        save_artifacts: bool = False,
    ) -> events.Started:
        """What :meth:`run` would do, without doing it: images, settings, tasks, and an estimate of the time.

        Raises as :meth:`run` does.
        """
        budget = time_budget if time_budget is not None else config.time_budget
        workers = host.usable_cpus() if num_workers is None else num_workers
        _check_options(budget, workers, None, None)
        dataset = self._dataset(config, images)
        path = self.root / "data" / "store.sqlite"
        with Store(path if path.exists() else IN_MEMORY) as store:
            plan = self._plan(config, dataset, store, save_artifacts)
            outcomes: dict[tuple[int, int], Outcome] = {} if fresh else dict(plan.known(store))
            work = workload.left(plan, outcomes)
            return _started_event(plan, work, workload.cost_model(plan), workers, budget, len(outcomes))

    def _dataset(self, config: StudyConfig, images: Path | str | None) -> Dataset:
        return open_dataset(self.root, config.dataset.id) if images is None else open_folder(Path(images))

    def _plan(self, config: StudyConfig, dataset: Dataset, store: Store, save_artifacts: bool) -> Plan:
        artifact_root = self.root / "data" / "encoded" / config.id if save_artifacts else None
        return make_plan(config, dataset, store, host.fingerprint(), artifact_root=artifact_root)


def _check_options(
    budget: float | None, workers: int, task_timeout: float | None, max_memory: int | None
) -> None:
    if workers < 1:
        raise ValueError(f"num_workers is {workers}; at least one worker is needed")
    for name, value in (("time_budget", budget), ("task_timeout", task_timeout), ("max_memory", max_memory)):
        if value is not None and not 0 < value < 1e18:
            raise ValueError(f"{name} is {value}; it must be more than 0 and less than 1e18")


def _bench_config(plan: Plan) -> BenchConfig:
    return BenchConfig(
        folder=str(plan.dataset.folder),
        settings=plan.settings,
        metrics=metrics.names(),
        plugins=codecs.registered(),
        crops=plan.crops,
    )


def _compile_kernels(emit: Callable[[events.Event], None]) -> None:
    if kernels.is_compiled(metrics.names()):
        return
    kernels.compile_all(
        metrics.names(),
        on_progress=lambda progress: emit(
            events.Compiling(progress.done, progress.total, progress.elapsed, kernels.cache_note())
        ),
    )


def _started_event(
    plan: Plan, work: list[SourceWork], costs: CostModel, workers: int, budget: float | None, known: int
) -> events.Started:
    return events.Started(
        study_id=plan.config.id,
        images=len(plan.sources),
        settings=len(plan.settings),
        tasks=sum(len(source.settings) for source in work),
        known=known,
        workers=workers,
        time_budget=budget,
        megapixels=sum(source.width * source.height for source in plan.sources) / 1e6,
        estimated_seconds=workload.seconds(work, costs) / workers,
    )


def _incomplete_reason(
    measured: int, planned: int, stopped: str | None, interrupts: int, budget: float | None
) -> str | None:
    if measured == planned:
        return None
    if stopped is not None:
        why = f"stopped by an error ({' '.join(stopped.split())})"
    elif interrupts:
        why = "interrupted"
    else:
        why = f"the time budget of {budget:g} s was spent"
    return f"{why}: {measured} of {planned} images"
