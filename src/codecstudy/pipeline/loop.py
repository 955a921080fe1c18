"""The loop between schedule and executor: hands out tasks and records their outcomes."""

from __future__ import annotations

import logging
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from codecstudy.errors import CodecstudyError
from codecstudy.execution import Died, Done, Event, Executor, HandlerError, Ready
from codecstudy.images.phash import ALGORITHM
from codecstudy.measurement.measurer import PREPARING, READING, Report
from codecstudy.pipeline import events
from codecstudy.pipeline.interrupts import Interrupts
from codecstudy.pipeline.plan import Outcomes, Plan
from codecstudy.pipeline.work import held_bytes, opening_bytes
from codecstudy.schedule import CostModel, Scheduler, Task
from codecstudy.store import Store
from codecstudy.types import Failure, FailureKind, Measurement, Outcome, Skip

log = logging.getLogger(__name__)

NOBODY = -1
"""Stands for the worker of a task that no worker has run."""
POLL_SECONDS = 0.1
COMMIT_SECONDS = 0.5
MAX_FAILED_STARTS = 3
"""Consecutive workers that may end by themselves before they are ready; then the run gives up: the installation is
broken. Workers that are killed from outside do not count."""
MAX_DEATHS = 100
"""Deaths for each worker without a single outcome in between; then the run gives up, whatever the reason."""

_SHARED_STAGES = {READING: "its source was read", PREPARING: "its source was prepared"}
"""Stages that all tasks of a source, or of a source at one size, have in common; as part of a sentence."""


@dataclass(slots=True)
class Totals:
    """CPU seconds that the tasks of this run took."""

    work: float = 0.0
    opening: float = 0.0
    images_done: int = 0
    tasks_done: int = 0


@dataclass(slots=True)
class Loop:
    """The communication of one run with the schedule, the executor and the store."""

    plan: Plan
    scheduler: Scheduler
    costs: CostModel
    executor: Executor
    store: Store
    emit: Callable[[events.Event], None]
    interrupts: Interrupts
    outcomes: Outcomes
    """All outcomes so far: those that were in the store, and those of this run."""
    phashes: dict[str, str]
    """Perceptual hashes of sources by SHA-256: those in the store and those of this run."""
    started: float
    task_timeout: float | None = None
    max_memory: int | None = None
    totals: Totals = field(default_factory=Totals)
    _queues: dict[int, deque[Task]] = field(default_factory=dict)
    _left: dict[int, int] = field(default_factory=dict)
    _files: Counter[int] = field(default_factory=Counter)
    _failed_starts: int = 0
    _deaths: int = 0
    _budget_told: bool = False
    _interrupts_seen: int = 0
    _committed: float = 0.0

    def __post_init__(self) -> None:
        """Count what is known."""
        self._files = Counter(self.plan.copies.get(s, s) for s in range(len(self.plan.sources)))
        for s, files in self._files.items():
            self._left[s] = len(self.outcomes.left(s))
            self.totals.images_done += files * (self._left[s] == 0)

    def run(self) -> None:
        """Run until everything that the schedule admits has an outcome, or until a second interrupt."""
        while not self.scheduler.done(self._now()) and not self._stop_at_once():
            for event in self._poll():
                self._handle(event)
            self._feed(*self._queues)
            self._tell_budget()
            self._commit_sometimes()
        self.store.commit()

    def record_refused(self, refused: Mapping[tuple[int, int], Failure]) -> None:
        """Record the tasks that are not run because they would not fit into memory."""
        for (s, t), failure in refused.items():
            self._record(NOBODY, Task(s, t), failure, 0.0)

    def _poll(self) -> list[Event]:
        if self.executor.ends_tasks:
            return self.executor.poll(POLL_SECONDS)
        # The running task may hang, and it runs in this process: only a second interrupt can end it.
        try:
            with self.interrupts.raising_second():
                return self.executor.poll(POLL_SECONDS)
        except KeyboardInterrupt:
            if self.interrupts.count < 2:  # raised by the task itself
                raise
            return []

    def _now(self) -> float:
        return time.monotonic() - self.started

    def _stop_at_once(self) -> bool:
        """Whether a second interrupt has arrived; the first one stops new images."""
        if self.interrupts.count > self._interrupts_seen:
            self._interrupts_seen = self.interrupts.count
            self.scheduler.stop()
            self.emit(events.Interrupted(self.interrupts.count > 1, self.interrupts.signal))
        return self.interrupts.count > 1

    def _commit_sometimes(self) -> None:
        if self._now() - self._committed >= COMMIT_SECONDS:
            self.store.commit()
            self._committed = self._now()

    def _feed(self, *workers: int) -> None:
        """Give these workers, in order, the tasks that the schedule has for them."""
        for worker in workers:
            while (given := self.scheduler.next(worker, self._now())) is not None:
                task = given.task
                self._queues[worker].append(task)
                if given.helping:
                    self.emit(events.Helped(worker, self.plan.sources[task.source].image))
                part = None
                if self.outcomes.incomplete[task.source, task.setting]:
                    part = self.plan.stored(self.store, task.source, task.setting)
                request = self.plan.request(task.source, task.setting, part)
                self.executor.submit(worker, task, request, self._deadline(task, given.opens))

    def _tell_budget(self) -> None:
        progress = self.scheduler.progress(self._now())
        left = progress.sources - progress.sources_opened
        if not self._budget_told and self.scheduler.closing() and left and not self.interrupts.count:
            self._budget_told = True
            in_flight = progress.sources_opened - progress.sources_done
            self.emit(events.BudgetSpent(self._now(), in_flight, left))

    def _deadline(self, task: Task, opens: bool) -> float:
        if self.task_timeout is not None:
            return self.task_timeout
        source = self.plan.sources[task.source]
        # The whole file is decoded, even if it is measured at a small size.
        opening = source.width * source.height / 1e6 if opens else 0.0
        return self.costs.deadline_seconds(task.setting, self._megapixels(task), opening)

    def _megapixels(self, task: Task) -> float:
        return self.plan.sources[task.source].megapixels(self.plan.settings[task.setting])

    def _handle(self, event: Event) -> None:
        match event:
            case Ready(worker):
                self._failed_starts = 0
                self._queues[worker] = deque()
                self._feed(worker)
            case Done(worker, task, value, seconds, peak_rss):
                assert isinstance(task, Task)
                self._queues[worker].remove(task)
                self._done(worker, task, value, seconds, peak_rss)
                # The schedule is asked for this worker first, so that it keeps the memory of its source.
                self._feed(worker)
            case Died():
                self._died(event)

    def _done(self, worker: int, task: Task, value: object, seconds: float, peak_rss: int | None) -> None:
        megapixels = self._megapixels(task)
        report = value if isinstance(value, Report) else Report(_unexpected(value))
        outcome, opening = report.outcome, report.opening
        self._learn_phash(self.plan.sources[task.source].sha256, report.phash)
        own = seconds
        if opening is not None:
            own = max(0.0, seconds - opening.seconds)
            self.totals.opening += opening.cpu_seconds
        if isinstance(outcome, Measurement):
            if opening is not None:
                # The time for a source that cannot be opened does not indicate the cost of others.
                self.costs.observe_open(megapixels, opening.seconds)
            source = self.plan.sources[task.source]
            # While a source is opened, the peak may be that of opening it, whose size says nothing about the task.
            # Nor does any peak if the size of the source is not known.
            own_peak = source.width and (
                opening is None or (peak_rss or 0) > opening_bytes(self.plan, source)
            )
            if peak_rss is not None and own_peak:
                own_bytes = max(0, peak_rss - held_bytes(source))
                self.costs.observe_memory(task.setting, megapixels, own_bytes)
            self.totals.work += report.cpu_seconds
            self.scheduler.finished(worker, task, self._now(), own)
        else:
            self.scheduler.failed(worker, task, self._now())
        self._record(worker, task, outcome, seconds)

    def _learn_phash(self, sha256: str | None, phash: str | None) -> None:
        if sha256 is not None and phash is not None and sha256 not in self.phashes:
            self.phashes[sha256] = phash
            self.store.add_phash(sha256, ALGORITHM, phash)

    def _record(self, worker: int, task: Task, outcome: Outcome, seconds: float) -> None:
        source, setting = self.plan.sources[task.source], self.plan.settings[task.setting]
        self._deaths = 0
        if source.sha256 is None or isinstance(outcome, Failure):
            self.outcomes.add(task.source, task.setting, outcome)
        else:
            conditions = self.plan.conditions[task.setting]
            self.store.add(source.sha256, conditions, outcome, self.plan.metric_versions)
            self.outcomes.add(task.source, task.setting)
        self._left[task.source] -= 1
        self.totals.tasks_done += 1
        self.totals.images_done += self._files[task.source] * (self._left[task.source] == 0)
        done, whole = self.totals.tasks_done, self.totals.images_done
        if isinstance(outcome, Failure):
            log.warning("%s, %s: %s: %s", source.image, setting.label(), outcome.kind, outcome.reason)
            self.emit(events.Failed(source.image, setting, outcome, done, whole))
            return
        megapixels = 0.0 if isinstance(outcome, Skip) else outcome.width * outcome.height / 1e6
        self.emit(
            events.Finished(
                worker,
                source.image,
                setting,
                outcome,
                seconds,
                done,
                whole,
                megapixels,
                self.scheduler.remaining_seconds(self._now()),
            )
        )

    def _died(self, death: Died) -> None:
        reason = death.how()
        log.warning("worker %d: %s: %s", death.worker, reason, death.detail)
        self._deaths += 1
        queue = self._queues.pop(death.worker, None)
        if queue is None:
            self._failed_starts += not death.killed_by_others
            if self._failed_starts >= MAX_FAILED_STARTS:
                raise CodecstudyError(self._cannot_start(reason, death.detail))
        else:
            running = death.running if isinstance(death.running, Task) else None
            given_up = self._release(death, running, queue)
            # Its replacement has the same name, and is given tasks once it is ready.
            self.scheduler.add_worker(death.worker)
            if given_up is not None:
                self._give_up(death, given_up)
        if self._deaths >= MAX_DEATHS * self.executor.capacity:
            raise CodecstudyError(
                f"{self._deaths} worker processes have died without completing a single task in between. The last "
                f"one: {reason}. Find out what ends them (if memory ran out, the kernel's log tells), and run "
                "again; what was measured is kept."
            )
        self.executor.replace(death.worker)
        self.emit(events.WorkerReplaced(death.worker, reason))

    def _give_up(self, death: Died, task: Task) -> None:
        """Record the task that a worker died with, and those that would end in the same way."""
        reason = death.how()
        if death.stage in _SHARED_STAGES:
            reason = f"{reason} while {_SHARED_STAGES[death.stage]}"
        self._record(death.worker, task, Failure(death.reason, reason), 0.0)
        # A process outside may have killed it, whatever it was doing.
        if death.stage not in _SHARED_STAGES or (death.killed_by_others and death.reason == "crash"):
            return
        settings = self.plan.settings
        tried = settings[task.setting]
        alike = {
            t
            for t, setting in enumerate(settings)
            if death.stage == READING or (setting.resolution, setting.crop) == (tried.resolution, tried.crop)
        }
        rest = Failure("source", f"not tried, because with another setting {reason}")
        for other in self.scheduler.drop(task.source, alike):
            self._record(death.worker, other, rest, 0.0)

    def _cannot_start(self, reason: str, said: str) -> str:
        text = f"The worker processes exit before they are ready: {reason}. "
        if self.max_memory is not None:
            text += f"Each may use {self.max_memory / 2**20:,.0f} MiB (max_memory); try a larger value. "
        text += "'codecstudy doctor' tests the installation."
        return f"{text} The last one reported:\n{said}" if said else text

    def _release(self, death: Died, running: Task | None, queue: deque[Task]) -> Task | None:
        """Return a dead worker's tasks to the schedule; returns the one that must not be tried again, if any."""
        if running is not None and death.reason == "timeout":
            # A second attempt would take the whole deadline again.
            self.scheduler.failed(death.worker, running, self._now())
            self.scheduler.remove_worker(death.worker, self._now())
            return running
        queued = [task for task in queue if task != running]
        return self.scheduler.lost(death.worker, running, queued, self._now())


def _unexpected(value: object) -> Failure:
    """The outcome of an error that the measurer itself did not catch."""
    assert isinstance(value, HandlerError)
    log.error("%s", value.traceback)
    kind: FailureKind = "memory" if value.kind == "MemoryError" else "crash"
    return Failure(kind, f"{value.kind}: {value.message}")
