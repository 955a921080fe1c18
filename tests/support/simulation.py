"""A run in simulated time: workers that only sleep, so that a thousand of them fit into one test."""

from __future__ import annotations

import heapq
import itertools
import math
import random
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from operator import mul
from typing import TypeVar

from codecstudy.schedule import (
    WORKER_BYTES,
    CostModel,
    Dispatch,
    MemoryLimit,
    OrderPolicy,
    Scheduler,
    SettingCost,
    SourceWork,
    Task,
    TimeBudget,
)

T = TypeVar("T")

IMAGE_SPREAD = 0.43
"""Standard deviation of the logarithm of encode CPU seconds per megapixel between images at one setting:
libaom 3.14 through Pillow at speed 6, quality 30 to 90, 31 photographs (Kodak, gb82 and CLIC sets)."""
TASK_SPREAD = 0.12
"""The same for what is left once the image and the setting are known (0.10) and for repetitions (0.07)."""


def lognormal(rng: random.Random, spread: float) -> float:
    """A log-normal factor whose mean is one."""
    return rng.lognormvariate(-spread * spread / 2, spread)


@dataclass(slots=True)
class Truth:
    """What tasks really take, which the cost model does not know: rates differ from its priors."""

    rates: Sequence[float]
    opening: float
    sizes: Sequence[int]
    pixel_bytes: Sequence[float]
    rng: random.Random
    image_spread: float = IMAGE_SPREAD
    task_spread: float = TASK_SPREAD
    images: dict[int, float] = field(default_factory=dict)

    def image(self, index: int) -> float:
        """How expensive one image is, the same for all of its tasks."""
        if index not in self.images:
            self.images[index] = lognormal(self.rng, self.image_spread)
        return self.images[index]

    def task(self, source: SourceWork, setting: int) -> float:
        area = source.megapixels[self.sizes[setting]]
        noise = lognormal(self.rng, self.task_spread)
        return self.rates[setting] * area * self.image(source.index) * noise

    def open(self, source: SourceWork, setting: int) -> float:
        return self.opening * source.megapixels[self.sizes[setting]] * lognormal(self.rng, self.task_spread)

    def memory(self, source: SourceWork, setting: int) -> int:
        """Peak bytes of a worker during one task, up to a quarter more or less than the prior says."""
        area = source.megapixels[self.sizes[setting]]
        return int((WORKER_BYTES + self.pixel_bytes[setting] * area * 1e6) * self.rng.uniform(0.75, 1.25))

    def cost(self, source: SourceWork) -> float:
        """Expected seconds of one source on one worker, without the noise of single tasks."""
        area = source.megapixels
        work = sum(self.rates[s] * area[self.sizes[s]] for s in source.settings) * self.image(source.index)
        return work + sum(self.opening * a for a in area)


def study(
    rng: random.Random, settings: int, *, sizes: int = 1, machine: float | None = None
) -> tuple[list[SettingCost], Truth]:
    """Settings of four codecs at rising qualities, with priors that are wrong by up to a factor of two or so."""
    machine = machine or rng.uniform(0.5, 3.0)
    costs, rates, pixel_bytes = [], [], []
    for number in range(settings):
        size, place = number * sizes // settings, number % 4
        pixel_bytes.append((150.0, 220.0, 200.0, 350.0)[place])
        encode = (0.01, 0.1, 0.6, 0.4)[place]
        costs.append(
            SettingCost(
                group=(place, size),
                encode_seconds=encode,
                metric_seconds=0.1,
                peak_bytes=partial(mul, 1e6 * pixel_bytes[-1]),
                size=size,
            )
        )
        quality = 0.5 + number / settings
        rates.append((encode * quality * lognormal(rng, 0.4) + 0.1) * machine)
    return costs, Truth(rates, 0.1 * machine, [c.size for c in costs], pixel_bytes, rng)


@dataclass(slots=True)
class _Sleeper:
    queue: list[Dispatch] = field(default_factory=list)
    memory: list[int] = field(default_factory=list)
    began: float = 0.0
    opening: float = 0.0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Span:
    """One task as a worker ran it, from the beginning of opening its source."""

    worker: int
    begin: float
    end: float
    given: Dispatch
    outcome: str


class Simulation:
    """Runs a scheduler to its end. ``deadly`` tasks kill their worker, ``faulty`` ones fail.

    ``watch`` is called after every decision that gave a task. ``replace`` puts a new worker in the place of a
    dead one. ``keep`` remembers every task, to check that none runs twice. With a ``timer`` the scheduler's own
    time is kept, of each decision and of each report of a task.

    Raises ``AssertionError`` where the scheduler breaks a promise: a task given that is not left, memory over its
    limit, or no task for anybody while nothing runs and work is left.
    """

    def __init__(
        self,
        sources: Sequence[SourceWork],
        costs: CostModel,
        truth: Truth,
        workers: int,
        *,
        budget: float | None = None,
        memory_limit: int | None = None,
        order: OrderPolicy | None = None,
        deadly: frozenset[Task] = frozenset(),
        faulty: frozenset[Task] = frozenset(),
        replace: bool = True,
        keep: bool = True,
        watch: Callable[[int, Dispatch], None] | None = None,
        timer: Callable[[], float] | None = None,
    ) -> None:
        self.now = 0.0
        self.sources = {source.index: source for source in sources}
        self.costs, self.truth = costs, truth
        self.memory_limit = memory_limit
        self.deadly, self.faulty, self.replace, self.keep, self.watch = deadly, faulty, replace, keep, watch
        self.timer = timer
        self.decisions, self.reports = array("d"), array("d")
        self.scheduler = Scheduler(
            sources,
            costs,
            range(workers),
            budget=None if budget is None else TimeBudget(budget),
            memory=None if memory_limit is None else MemoryLimit(memory_limit),
            order=order,
        )
        self.spans: list[Span] = []
        self.ended: dict[Task, str] = {}
        self.busy = 0.0
        self._workers = {number: _Sleeper() for number in range(workers)}
        self._idle = dict.fromkeys(range(workers))
        self._names = itertools.count(workers)
        self._order = itertools.count()
        self._events: list[tuple[float, int, Callable[[], int | None]]] = []

    def at(self, time: float, event: Callable[[], int | None]) -> None:
        """Let ``event`` happen; it may name a worker to be asked first."""
        heapq.heappush(self._events, (time, next(self._order), event))

    def run(self) -> Simulation:
        """Go on until all is over."""
        self._ask_idle(everyone=True)
        while self._events:
            self.now, _, event = heapq.heappop(self._events)
            first = event()
            if first is not None:
                self._ask(first)
            self._ask_idle(everyone=len(self._idle) == len(self._workers))
            if len(self._idle) == len(self._workers) and not self._events:
                break
        assert self.scheduler.done(self.now) or not self._workers, "nobody was given a task, but work is left"
        return self

    @property
    def completed(self) -> int:
        """Whole images."""
        return self.scheduler.progress(self.now).sources_done

    # -- what may happen to a worker

    def kill(self, worker: int) -> None:
        """The worker dies, whatever it does."""
        sleeper = self._workers.pop(worker)
        self._idle.pop(worker, None)
        running = sleeper.queue[0].task if sleeper.queue else None
        if running:
            self._note(worker, sleeper, "lost")
        dead = self.scheduler.lost(worker, running, [a.task for a in sleeper.queue[1:]], self.now)
        if dead is not None:
            assert dead == running
            self._end(dead, "quarantined")
        if self.replace:
            self.join()

    def join(self) -> None:
        """A new worker comes."""
        name = next(self._names)
        self.scheduler.add_worker(name)
        self._workers[name] = _Sleeper()
        self._idle[name] = None

    def leave(self, worker: int) -> None:
        """The worker goes, as after a timeout or with fewer workers wanted."""
        sleeper = self._workers.pop(worker)
        self._idle.pop(worker, None)
        if sleeper.queue:
            self._note(worker, sleeper, "left")
        self.scheduler.remove_worker(worker, self.now)

    @property
    def workers(self) -> list[int]:
        return list(self._workers)

    # -- steps

    def _timed(self, spent: array[float], call: Callable[[], T]) -> T:
        if self.timer is None:
            return call()
        before = self.timer()
        value = call()
        spent.append(self.timer() - before)
        return value

    def _ask_idle(self, everyone: bool) -> None:
        # With a thousand workers in the finish, the answer to a few tells the answer to all others.
        refusals = 0
        for worker in list(self._idle):
            if not self._ask(worker):
                refusals += 1
                if refusals >= 8 and not everyone and len(self._workers) > 64:
                    break

    def _ask(self, worker: int) -> bool:
        sleeper = self._workers.get(worker)
        while sleeper is not None and len(sleeper.queue) < 2:
            given = self._timed(self.decisions, lambda: self.scheduler.next(worker, self.now))
            if given is None:
                break
            self._take(worker, sleeper, given)
        return bool(sleeper and sleeper.queue)

    def _take(self, worker: int, sleeper: _Sleeper, given: Dispatch) -> None:
        task = given.task
        assert task not in self.ended, f"{task} is given again after it was {self.ended[task]}"
        assert task.setting in self.sources[task.source].settings
        self._idle.pop(worker, None)
        if self.memory_limit is not None:
            source = self.sources[task.source]
            sleeper.memory.append(
                max(
                    self.costs.memory(task.setting, source.megapixels[self.truth.sizes[task.setting]]),
                    source.opening_bytes if given.opens else 0,
                )
            )
        sleeper.queue.append(given)
        self._check_memory()
        if self.watch:
            self.watch(worker, given)
        if len(sleeper.queue) == 1:
            self._start(worker, sleeper)

    def _check_memory(self) -> None:
        if self.memory_limit is None:
            return
        held = [max(sleeper.memory) for sleeper in self._workers.values() if sleeper.memory]
        assert sum(held) <= self.memory_limit or len(held) == 1, f"{held} over {self.memory_limit}"

    def _start(self, worker: int, sleeper: _Sleeper) -> None:
        given = sleeper.queue[0]
        source = self.sources[given.task.source]
        sleeper.began = self.now
        sleeper.seconds = self.truth.task(source, given.task.setting)
        sleeper.opening = self.truth.open(source, given.task.setting) if given.opens else 0.0
        self.at(self.now + sleeper.opening + sleeper.seconds, lambda: self._finish(worker, given))

    def _finish(self, worker: int, given: Dispatch) -> int | None:
        sleeper = self._workers.get(worker)
        if sleeper is None or not sleeper.queue or sleeper.queue[0] is not given:
            return None
        task, source = given.task, self.sources[given.task.source]
        if task in self.deadly:
            self.kill(worker)
            return None
        area = source.megapixels[self.truth.sizes[task.setting]]
        if given.opens:
            self.costs.observe_open(area, sleeper.opening)
        if self.memory_limit is not None:
            self.costs.observe_memory(task.setting, area, self.truth.memory(source, task.setting))
        if task in self.faulty:
            self.scheduler.failed(worker, task, self.now)
        else:
            seconds = sleeper.seconds
            self._timed(self.reports, lambda: self.scheduler.finished(worker, task, self.now, seconds))
        self._note(worker, sleeper, "failed" if task in self.faulty else "finished")
        self._end(task, "ended")
        sleeper.queue.pop(0)
        sleeper.memory = sleeper.memory[1:]
        if sleeper.queue:
            self._start(worker, sleeper)
        else:
            self._idle[worker] = None
        return worker

    def _end(self, task: Task, how: str) -> None:
        if not self.keep:
            return
        assert task not in self.ended, f"{task} ended twice"
        self.ended[task] = how

    def _note(self, worker: int, sleeper: _Sleeper, outcome: str) -> None:
        self.busy += self.now - sleeper.began
        if self.keep:
            self.spans.append(Span(worker, sleeper.began, self.now, sleeper.queue[0], outcome))


def images(
    rng: random.Random, count: int, settings: int, *, sizes: int = 1, spread: float = 0.0, median: float = 2.0
) -> list[SourceWork]:
    """Sources of about ``median`` megapixels that have every setting to do, all sharing one tuple of them."""
    every = tuple(range(settings))
    areas = [median * math.exp(rng.gauss(0.0, spread)) for _ in range(count)]
    return [
        SourceWork(n, every, tuple(area / (size + 1) for size in range(sizes)))
        for n, area in enumerate(areas)
    ]
