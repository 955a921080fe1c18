"""Runs studies: plan - known -> schedule -> workers -> store -> results."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from codecstudy import codecs, events, host, metrics, selftest
from codecstudy.budget import parse_time_budget
from codecstudy.costs import WORKER_BYTES, CostModel, SettingCost
from codecstudy.datasets import Dataset, open_dataset, open_folder
from codecstudy.interrupts import Interrupts
from codecstudy.metrics import kernels
from codecstudy.model import Setting
from codecstudy.outcome import Outcome
from codecstudy.plan import Plan, make_plan
from codecstudy.results import DatasetInfo, QualityResults, RunInfo
from codecstudy.schedule import Scheduler, Source
from codecstudy.session import Session
from codecstudy.store import IN_MEMORY, Store
from codecstudy.study import StudyConfig
from codecstudy.task import BenchConfig
from codecstudy.workers import WorkerPool

__all__ = ["PipelineRunner", "parse_time_budget"]

MEMORY_SHARE = 0.8
"""Part of the available memory that a run may fill where none is given."""
OPENING_BYTES_PER_PIXEL = 16
"""Peak of decoding a file: its samples at 16 bits with alpha, and the canonical array beside them."""


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
        unless ``fresh``. Ctrl-C or SIGTERM ends a run as a spent budget does, the second one at once.

        ``images`` is a folder that takes the place of the study's dataset; ``save_artifacts`` keeps the encoded
        files under ``data/encoded/<study_id>/``; ``task_timeout`` is the seconds one task may take (None: 20
        times its estimate, at least 60); ``max_memory`` the bytes that all workers may fill together (None:
        80 % of what is available); ``command`` and ``study_file`` are noted in the results.

        A task that fails is a record with its reason, and the run goes on. Raises ``ValueError`` where the
        dataset is not configured or an option is out of range, ``FileNotFoundError`` where the dataset is not
        downloaded or holds no images, and :class:`codecstudy.errors.StoreError` where the store cannot be used.
        """
        started = time.monotonic()
        emit = on_event or _ignore
        budget = time_budget if time_budget is not None else config.time_budget
        workers = host.usable_cpus() if num_workers is None else num_workers
        _check_options(budget, workers, task_timeout, max_memory)
        dataset = self._dataset(config, images)
        selftest.check_chain(dict.fromkeys(s.format for s in config.settings()))

        with Store(self.root / "data" / "store.sqlite") as store, Interrupts() as interrupts:
            plan = self._plan(config, dataset, store, save_artifacts)
            outcomes: dict[tuple[int, int], Outcome] = {} if fresh else dict(plan.known(store))
            store.commit()
            work = _work(plan, outcomes)
            costs = _cost_model(plan)
            workers = max(1, min(workers, sum(len(source.settings) for source in work)))
            emit(_started_event(plan, work, costs, workers, budget, len(outcomes)))
            session = Session(
                plan=plan,
                scheduler=Scheduler(
                    work,
                    costs,
                    range(workers),
                    start=0.0,
                    budget=budget,
                    memory_limit=max_memory or int(MEMORY_SHARE * host.available_memory()),
                ),
                costs=costs,
                pool=WorkerPool(
                    "codecstudy.task:make_bench",
                    _bench_config(plan),
                    workers,
                    memory_limit=max_memory,
                ),
                store=store,
                emit=emit,
                interrupts=interrupts,
                outcomes=outcomes,
                started=started,
                workers=workers,
                task_timeout=task_timeout,
            )
            if work:
                _compile_kernels(emit)
                with session.pool:
                    session.run()

        wall = time.monotonic() - started
        records = plan.records(outcomes, self.root)
        measured = len(records) // len(plan.settings)
        results = QualityResults(
            study_id=config.id,
            study_name=config.name or config.id,
            dataset=DatasetInfo(dataset.id, str(dataset.folder), len(dataset.images)),
            timestamp=datetime.now(UTC).isoformat(timespec="seconds"),
            tool_versions=plan.tool_versions(),
            measurements=records,
            run=RunInfo(
                workers=workers,
                time_budget=budget,
                wall_seconds=round(wall, 3),
                images_planned=len(plan.sources),
                images_measured=measured,
                order=config.dataset.order,
                seed=config.dataset.seed,
                cpu=host.cpu_model(),
                os=host.operating_system(),
                command=command,
                study_file=study_file,
            ),
            study=config.to_dict(),
            complete=measured == len(plan.sources),
            incomplete_reason=_incomplete_reason(measured, len(plan.sources), interrupts.count, budget),
        )
        path = self.results_path(config.id)
        results.save(path)
        results.to_frame().write_parquet(path.with_suffix(".parquet"))
        emit(
            events.Done(
                results=results,
                path=str(path),
                failures=sum(record.status == "failed" for record in records),
                wall_seconds=wall,
                cpu_seconds=session.totals.work,
                workers=workers,
                open_cpu_seconds=session.totals.opening,
            )
        )
        return results

    def preview(
        self,
        config: StudyConfig,
        time_budget: float | None = None,
        num_workers: int | None = None,
        *,
        images: Path | str | None = None,
        fresh: bool = False,
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
            plan = self._plan(config, dataset, store, False)
            outcomes: dict[tuple[int, int], Outcome] = {} if fresh else dict(plan.known(store))
            work = _work(plan, outcomes)
            return _started_event(plan, work, _cost_model(plan), workers, budget, len(outcomes))

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
        if value is not None and not 0 < value < float("inf"):
            raise ValueError(f"{name} is {value}; it must be more than 0")


def _sizes(plan: Plan) -> dict[tuple[int | None, int | None], int]:
    """The sizes at which a source is measured, numbered."""
    sizes = dict.fromkeys((setting.resolution, setting.crop) for setting in plan.settings)
    return {size: number for number, size in enumerate(sizes)}


def _work(plan: Plan, outcomes: dict[tuple[int, int], Outcome]) -> list[Source]:
    """What is left to do, source by source; those with nothing left are not in it."""
    examples = {(setting.resolution, setting.crop): setting for setting in plan.settings}
    shared: dict[tuple[int, ...], tuple[int, ...]] = {}
    work = []
    for s, source in enumerate(plan.sources):
        todo = tuple(t for t in range(len(plan.settings)) if (s, t) not in outcomes)
        if todo:
            sizes = tuple(source.megapixels(examples[size]) for size in _sizes(plan))
            # Decoding holds the whole file at once, whatever size it is measured at afterwards.
            opening = WORKER_BYTES + OPENING_BYTES_PER_PIXEL * source.width * source.height
            work.append(Source(s, shared.setdefault(todo, todo), sizes, opening))
    return work


def _cost_model(plan: Plan) -> CostModel:
    sizes = _sizes(plan)
    return CostModel(
        [
            SettingCost(
                group=_group(setting),
                encode_seconds=codecs.get(setting.format).seconds_per_megapixel(setting),
                size=sizes[setting.resolution, setting.crop],
            )
            for setting in plan.settings
        ]
    )


def _group(setting: Setting) -> str:
    """Settings that cost about the same per megapixel: all parameters but quality and size."""
    rest = (setting.chroma_subsampling, setting.speed, setting.effort, setting.method, setting.extra_args)
    return f"{setting.format} {rest}"


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
    plan: Plan, work: list[Source], costs: CostModel, workers: int, budget: float | None, known: int
) -> events.Started:
    seconds = sum(
        sum(costs.seconds(t, source.megapixels[costs.sizes[t]]) for t in source.settings)
        + sum(costs.open_seconds(megapixels) for megapixels in source.megapixels)
        for source in work
    )
    return events.Started(
        study_id=plan.config.id,
        images=len(plan.sources),
        settings=len(plan.settings),
        tasks=sum(len(source.settings) for source in work),
        known=known,
        workers=workers,
        time_budget=budget,
        megapixels=sum(source.width * source.height for source in plan.sources) / 1e6,
        estimated_seconds=seconds / workers,
    )


def _incomplete_reason(measured: int, planned: int, interrupts: int, budget: float | None) -> str | None:
    if measured == planned:
        return None
    why = (
        "interrupted" if interrupts else f"the time budget of {budget:g} s was spent" if budget else "stopped"
    )
    return f"{why}: {measured} of {planned} images"
