"""Runs in simulated time end with their budget."""

from __future__ import annotations

import random
import statistics

import pytest

from codecstudy.schedule import OrderPolicy, SourceWork
from codecstudy.schedule.cost_model import CostModel
from support.simulation import Simulation, images, lognormal, study

IMAGES_IN_BUDGET = 20


def limited(seed: int, workers: int, settings: int, *, spread: float = 0.0) -> tuple[Simulation, float]:
    """A run whose budget is 20 times the cost of its most expensive image, with more images than it can measure."""
    count = 40 * workers
    while True:
        rng = random.Random(seed)
        costs, truth = study(rng, settings)
        sources = images(rng, count, settings, spread=spread)
        each = [truth.cost(source) for source in sources]
        budget = IMAGES_IN_BUDGET * max(each)
        if sum(each) > 1.2 * budget * workers:
            break
        count *= 2
    return Simulation(sources, CostModel(costs), truth, workers, budget=budget, keep=False), budget


@pytest.mark.parametrize(
    ("workers", "settings", "seed"),
    [
        (w, s, seed)
        for w, s, seeds in ((1, 24, 8), (2, 24, 6), (8, 12, 3), (64, 4, 1))
        for seed in range(seeds)
    ],
)
def test_a_run_ends_with_its_budget(workers: int, settings: int, seed: int) -> None:
    simulation, budget = limited(seed, workers, settings)
    simulation.run()
    progress = simulation.scheduler.progress(simulation.now)
    assert progress.sources_opened < progress.sources, "the budget must be what ends this run"
    assert 0.95 * budget <= simulation.now <= 1.02 * budget


@pytest.mark.parametrize(("workers", "seed"), [(1, 0), (1, 1), (1, 2), (2, 0), (2, 1), (4, 0)])
def test_images_of_many_sizes_leave_no_more_unused(workers: int, seed: int) -> None:
    simulation, budget = limited(seed, workers, 12, spread=0.7)
    simulation.run()
    assert 0.95 * budget <= simulation.now <= 1.02 * budget


def test_the_first_batch_runs_whatever_the_budget() -> None:
    rng = random.Random(0)
    costs, truth = study(rng, 6)
    simulation = Simulation(images(rng, 50, 6), CostModel(costs), truth, workers=4, budget=1e-6).run()
    assert simulation.completed == 4


def test_what_memory_keeps_out_of_the_first_batch_comes_within_the_budget() -> None:
    rng = random.Random(0)
    costs, truth = study(rng, 6)
    sources = images(rng, 50, 6)
    model = CostModel(costs)
    limit = int(2.2 * max(model.memory(setting, 2.0) for setting in range(6)))
    simulation = Simulation(sources, model, truth, 8, budget=1e-6, memory_limit=limit).run()
    assert 2 <= simulation.completed < 8


def test_an_outsize_image_does_not_end_the_run() -> None:
    """A source that cannot fit is passed over while much of the budget is left; its turn does not come."""
    rng = random.Random(0)
    costs, truth = study(rng, 6)
    sources = images(rng, 200, 6)
    sources[30] = SourceWork(30, sources[30].settings, (5000.0,))
    mean = statistics.fmean(truth.cost(source) for source in sources if source.index != 30)
    simulation = Simulation(sources, CostModel(costs), truth, workers=2, budget=40 * mean).run()
    opened = [span.given.task.source for span in simulation.spans]
    assert 30 not in opened
    assert max(opened) > 31
    assert 38 * mean <= simulation.now <= 40.8 * mean


def test_a_strict_order_ends_the_run_at_the_first_source_that_does_not_fit() -> None:
    rng = random.Random(0)
    costs, truth = study(rng, 6)
    sources = images(rng, 200, 6, spread=0.5)
    sources[30] = SourceWork(30, sources[30].settings, (5000.0,))
    mean = statistics.fmean(truth.cost(source) for source in sources if source.index != 30)
    for budget in (10 * mean, 40 * mean):
        simulation = Simulation(
            sources, CostModel(costs), truth, workers=2, budget=budget, order=OrderPolicy(window=1)
        ).run()
        opened = {span.given.task.source for span in simulation.spans}
        assert opened == set(range(len(opened)))
        assert len(opened) <= 30


def test_sources_are_opened_in_order() -> None:
    """A prefix of the order is a random sample; nothing but the finish may leave one out."""
    rng = random.Random(3)
    costs, truth = study(rng, 6)
    sources = images(rng, 400, 6, spread=0.5)
    mean = statistics.fmean(truth.cost(source) for source in sources)
    simulation = Simulation(sources, CostModel(costs), truth, workers=3, budget=80 * mean).run()
    opened = list(dict.fromkeys(span.given.task.source for span in simulation.spans))
    assert 200 < len(opened) < 280
    prefix = opened[: int(0.9 * len(opened))]
    assert sorted(prefix) == list(range(len(prefix)))


def test_stop_ends_like_a_spent_budget() -> None:
    rng = random.Random(5)
    costs, truth = study(rng, 12)
    simulation = Simulation(images(rng, 100, 12), CostModel(costs), truth, workers=4)
    opened_at_stop = []

    def stop() -> None:
        simulation.scheduler.stop()
        opened_at_stop.append(simulation.scheduler.progress(simulation.now).sources_opened)

    simulation.at(50.0, stop)
    simulation.run()
    assert simulation.completed == opened_at_stop[0] < 100
    assert any(span.given.helping for span in simulation.spans)
    assert simulation.scheduler.closing()


def test_remaining_time_is_about_right() -> None:
    rng = random.Random(7)
    costs, truth = study(rng, 12)
    simulation = Simulation(images(rng, 150, 12, spread=0.3), CostModel(costs), truth, workers=3)
    told: list[tuple[float, float]] = []

    def ask() -> None:
        told.append((simulation.now, simulation.scheduler.remaining_seconds(simulation.now)))

    alone = sum(truth.cost(source) for source in simulation.sources.values()) / 3
    for part in (0.2, 0.5, 0.9):
        simulation.at(part * alone, ask)
    simulation.run()
    for then, seconds in told:
        assert seconds == pytest.approx(simulation.now - then, rel=0.25)


def test_remaining_time_is_not_more_than_the_budget() -> None:
    rng = random.Random(8)
    costs, truth = study(rng, 12)
    simulation = Simulation(images(rng, 500, 12), CostModel(costs), truth, workers=2, budget=30.0)
    told: list[float] = []
    simulation.at(10.0, lambda: told.append(simulation.scheduler.remaining_seconds(10.0)))
    simulation.run()
    assert told == [20.0]


def test_lognormal_factors_have_mean_one() -> None:
    rng = random.Random(0)
    assert statistics.fmean(lognormal(rng, 0.43) for _ in range(20_000)) == pytest.approx(1, abs=0.02)
