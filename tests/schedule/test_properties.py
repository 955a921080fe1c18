"""Whatever completes, fails, dies, comes or goes: every task once, memory in bounds, and never a standstill.

Most of it is asserted by the simulation itself, at every decision.
"""

from __future__ import annotations

import random

from hypothesis import example, given, settings
from hypothesis import strategies as st

from codecstudy.schedule import Dispatch, SourceWork, Task
from codecstudy.schedule.cost_model import CostModel
from support.simulation import Simulation, images, study

KINDS = ("kill", "join", "leave")


@st.composite
def runs(draw: st.DrawFn) -> dict[str, object]:
    count = draw(st.integers(1, 8))
    sizes = draw(st.integers(1, min(3, count)))
    return {
        "seed": draw(st.integers(0, 2**32)),
        "sources": draw(st.integers(0, 12)),
        "settings": count,
        "sizes": sizes,
        "spread": draw(st.sampled_from((0.0, 0.5, 1.5))),
        "workers": draw(st.integers(1, 6)),
        "memory_limit": draw(st.none() | st.integers(200_000_000, 4_000_000_000)),
        "deadly": draw(st.sampled_from((0.0, 0.05, 0.5))),
        "faulty": draw(st.sampled_from((0.0, 0.1))),
        "disturbances": draw(st.lists(st.tuples(st.floats(0, 1), st.sampled_from(KINDS)), max_size=8)),
    }


CLAIM_SERVED_BY_A_HELPER: dict[str, object] = {
    "seed": 12738,
    "sources": 5,
    "settings": 4,
    "sizes": 1,
    "spread": 0.5,
    "workers": 3,
    "memory_limit": 1_003_759_679,
    "deadly": 0.0,
    "faulty": 0.0,
    "disturbances": [
        (0.830645054183727, "join"),
        (0.6399932532991318, "leave"),
        (0.9808076675185952, "kill"),
    ],
}
"""A helper takes the task that the owner of a source waits for room for, and with it the reason to wait."""


class Run:
    """One drawn run, ready to go."""

    def __init__(self, drawn: dict[str, object], budget_part: float | None = None) -> None:
        rng = self.rng = random.Random(drawn["seed"])
        costs, truth = study(rng, drawn["settings"], sizes=drawn["sizes"])
        everything = images(
            rng, drawn["sources"], drawn["settings"], sizes=drawn["sizes"], spread=drawn["spread"]
        )
        # Some have been measured in part before.
        self.sources = [
            source
            if rng.random() < 0.7
            else SourceWork(
                source.index, source.settings[rng.randrange(len(source.settings)) :], source.megapixels
            )
            for source in everything
        ]
        self.tasks = {Task(s.index, t) for s in self.sources for t in s.settings}
        ordered = sorted(self.tasks, key=lambda task: (task.source, task.setting))
        self.deadly = frozenset(task for task in ordered if rng.random() < drawn["deadly"])
        self.seconds = 1 + sum(map(truth.cost, self.sources)) / drawn["workers"]
        self.memory_limit = drawn["memory_limit"]
        self.helped_early = False
        self.simulation = Simulation(
            self.sources,
            CostModel(costs),
            truth,
            drawn["workers"],
            budget=None if budget_part is None else budget_part * self.seconds,
            memory_limit=self.memory_limit,
            deadly=self.deadly,
            faulty=frozenset(task for task in ordered if rng.random() < drawn["faulty"]),
            watch=self.watch,
        )
        for when, kind in drawn["disturbances"]:
            self.simulation.at(when * self.seconds, lambda kind=kind: self.disturb(kind))

    def watch(self, worker: int, given: Dispatch) -> None:
        progress = self.simulation.scheduler.progress(self.simulation.now)
        self.helped_early |= given.helping and progress.sources_opened < progress.sources

    def disturb(self, kind: str) -> None:
        if kind == "join":
            self.simulation.join()
        elif self.simulation.workers and (kind == "kill" or len(self.simulation.workers) > 1):
            getattr(self.simulation, kind)(self.rng.choice(self.simulation.workers))


@given(runs())
@example(CLAIM_SERVED_BY_A_HELPER)
@settings(max_examples=150, deadline=None)
def test_every_task_ends_exactly_once(drawn: dict[str, object]) -> None:
    run = Run(drawn)
    ended = run.simulation.run().ended
    assert ended.keys() == run.tasks
    assert {task for task, how in ended.items() if how == "quarantined"} >= run.deadly
    progress = run.simulation.scheduler.progress(run.simulation.now)
    assert (progress.tasks_done, progress.sources_done) == (len(run.tasks), len(run.sources))
    assert progress.remaining_seconds == 0
    if run.memory_limit is None:
        assert not run.helped_early, "a worker helped while a new image could have been opened"


@given(runs(), st.floats(0.01, 1.5), st.booleans())
@settings(max_examples=150, deadline=None)
def test_what_is_opened_is_completed(drawn: dict[str, object], budget: float, stop: bool) -> None:
    run = Run(drawn, budget)
    if stop:
        run.simulation.at(0.5 * budget * run.seconds, run.simulation.scheduler.stop)
    ended = run.simulation.run().ended
    begun = {task.source for task in ended}
    assert ended.keys() == {task for task in run.tasks if task.source in begun}
    assert run.simulation.scheduler.progress(run.simulation.now).sources_done == len(begun)
