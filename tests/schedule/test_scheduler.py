"""Single decisions, by hand; and what a whole run does with memory, affinity and the finish."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from codecstudy.schedule import (
    Dispatch,
    MemoryLimit,
    OrderPolicy,
    Scheduler,
    SourceWork,
    Task,
    TimeBudget,
)
from codecstudy.schedule.cost_model import CostModel, SettingCost
from support.simulation import Simulation, images, study

GB = 1_000_000_000


def model(settings: int = 4, *, seconds: float = 1.0, opening: float = 0.1) -> CostModel:
    """Settings of equal cost: ``seconds`` a megapixel."""
    return CostModel([SettingCost("c", seconds / 2, seconds / 2) for _ in range(settings)], opening)


def sources(count: int, settings: int = 4, area: float = 1.0) -> list[SourceWork]:
    every = tuple(range(settings))
    return [SourceWork(n, every, (area,)) for n in range(count)]


def task_of(given: Dispatch | None) -> Task:
    assert given is not None
    return given.task


def run_one(scheduler: Scheduler, worker: str, now: float) -> Task:
    task = task_of(scheduler.next(worker, now))
    scheduler.finished(worker, task, now + 1, 1.0)
    return task


def test_a_worker_keeps_its_source() -> None:
    scheduler = Scheduler(sources(3), model(), ["a", "b"])
    seen = [run_one(scheduler, "a", now).source for now in range(8)]
    assert seen == [0] * 4 + [1] * 4
    assert run_one(scheduler, "b", 8).source == 2


def test_opening_is_told_once_per_source_and_size() -> None:
    costs = CostModel([SettingCost("c", 0.5, 0.5, size=size) for size in (0, 0, 1, 1)])
    scheduler = Scheduler([SourceWork(n, (0, 1, 2, 3), (1.0, 0.5)) for n in range(2)], costs, ["a"])
    opens = []
    for now in range(8):
        given = scheduler.next("a", now)
        assert given is not None
        opens.append(given.opens)
        scheduler.finished("a", given.task, now + 1)
    assert opens == [True, False, True, False] * 2


def test_the_longest_task_of_a_size_comes_first() -> None:
    costs = CostModel([SettingCost(n, seconds, size=n // 3) for n, seconds in enumerate((1, 3, 2, 7, 9, 8))])
    scheduler = Scheduler([SourceWork(0, (0, 1, 2, 3, 4, 5), (1.0, 1.0))], costs, ["a"])
    assert [run_one(scheduler, "a", now).setting for now in range(6)] == [1, 2, 0, 4, 5, 3]


def test_a_helper_begins_at_the_last_size() -> None:
    costs = CostModel([SettingCost("c", 0.5, 0.5, size=n // 4) for n in range(8)])
    scheduler = Scheduler([SourceWork(0, tuple(range(8)), (1.0, 1.0))], costs, ["a", "b"])
    assert task_of(scheduler.next("a", 0)).setting == 0
    given = scheduler.next("b", 0)
    assert given == Dispatch(Task(0, 4), helping=True, opens=True)


@pytest.mark.parametrize(("opening", "helps"), [(3.0, False), (0.1, True)])
def test_help_only_where_it_ends_the_source_sooner(opening: float, helps: bool) -> None:
    """One task of a second is left, behind one that has just begun."""
    scheduler = Scheduler(sources(1, 3), model(3, opening=opening), ["a", "b"])
    run_one(scheduler, "a", 0)
    assert scheduler.next("a", 1) is not None
    given = scheduler.next("b", 1)
    assert given == (Dispatch(Task(0, 2), helping=True, opens=True) if helps else None)


def test_help_goes_where_most_work_is_left() -> None:
    work = [
        SourceWork(0, (0, 1), (1.0,)),
        SourceWork(1, (0, 1, 2, 3), (1.0,)),
        SourceWork(2, (0, 1, 2), (1.0,)),
    ]
    scheduler = Scheduler(work, model(), ["a", "b", "c", "d"])
    for worker in "abc":
        scheduler.next(worker, 0)
    assert task_of(scheduler.next("d", 0)).source == 1


def test_a_worker_holds_two_tasks_at_most() -> None:
    scheduler = Scheduler(sources(2, 8), model(8), ["a"])
    first, second = scheduler.next("a", 0), scheduler.next("a", 0)
    assert first
    assert second
    assert scheduler.next("a", 0) is None


def test_nothing_is_held_ahead_that_another_could_begin_sooner() -> None:
    scheduler = Scheduler(sources(1, 3), model(3), ["a", "b"])
    assert scheduler.next("a", 0) is not None
    assert scheduler.next("a", 0) is None
    assert scheduler.next("b", 0) is not None


def test_no_source_is_opened_ahead_of_a_worker_that_has_none() -> None:
    scheduler = Scheduler(sources(2, 1), model(1), ["a", "b"])
    assert task_of(scheduler.next("a", 0)).source == 0
    assert scheduler.next("a", 0) is None
    assert task_of(scheduler.next("b", 0)).source == 1


def test_no_source_is_opened_ahead_of_a_worker_that_will_have_none() -> None:
    scheduler = Scheduler(sources(4, 1), model(1), ["a", "b"])
    run_one(scheduler, "a", 0)
    assert task_of(scheduler.next("b", 0)).source == 1
    assert task_of(scheduler.next("a", 1)).source == 2
    assert scheduler.next("a", 1) is None


def test_a_source_is_opened_ahead_where_many_are_left() -> None:
    """And if its worker dies, neither the one that it ran nor the one ahead is forgotten."""
    scheduler = Scheduler(sources(7, 1), model(1), ["a", "b"])
    run_one(scheduler, "a", 0)
    run_one(scheduler, "b", 0)
    assert [task_of(scheduler.next("a", 1)).source for _ in range(2)] == [2, 3]
    scheduler.remove_worker("a", 1)
    assert {run_one(scheduler, "b", 2).source, run_one(scheduler, "b", 3).source} == {2, 3}
    assert run_one(scheduler, "b", 4).source == 4


def test_a_helper_holds_nothing_ahead_while_a_source_waits_for_room() -> None:
    """What it does next may be that source."""
    work = [
        SourceWork(0, tuple(range(8)), (1.0,)),
        SourceWork(1, tuple(range(8)), (1.0,), opening_bytes=3 * GB),
    ]
    scheduler = Scheduler(work, model(8), ["a", "b"], memory=MemoryLimit(3 * GB + 1))
    assert scheduler.next("a", 0) is not None
    given = scheduler.next("b", 0)
    assert given is not None
    assert given.helping
    assert scheduler.next("b", 0) is None
    assert scheduler.next("a", 0) is not None


def test_a_source_refused_once_is_looked_at_again() -> None:
    """The first tasks are taken to last a second; then one shows that they are twenty times as quick."""
    scheduler = Scheduler(sources(6), model(opening=0.001), ["a", "b"], budget=TimeBudget(3.9))
    first = task_of(scheduler.next("a", 0))
    for _ in range(4):
        scheduler.failed("b", task_of(scheduler.next("b", 0)), 0)
    helped = task_of(scheduler.next("b", 0))
    assert helped.source == 0
    assert scheduler.closing()
    scheduler.finished("a", first, 0.05, 0.05)
    scheduler.finished("b", helped, 0.05, 0.05)
    assert task_of(scheduler.next("b", 0.05)).source == 2
    assert not scheduler.closing()


def test_a_task_that_kills_twice_is_given_up() -> None:
    scheduler = Scheduler(sources(1, 2), model(2), ["a"])
    first = task_of(scheduler.next("a", 0))
    second = task_of(scheduler.next("a", 0))
    assert scheduler.lost("a", first, [second], 1) is None
    scheduler.add_worker("b")
    assert task_of(scheduler.next("b", 1)) == first
    assert scheduler.lost("b", first, [], 2) == first
    scheduler.add_worker("c")
    assert task_of(scheduler.next("c", 2)) == second
    scheduler.finished("c", second, 3)
    assert scheduler.done(3)
    assert scheduler.progress(3).tasks_done == 2


def test_a_dead_workers_source_is_taken_over_before_a_new_one_is_opened() -> None:
    scheduler = Scheduler(sources(3), model(), ["a", "b"])
    for worker in "ab":
        scheduler.next(worker, 0)
    task = run_one_of(scheduler, "b", 0)
    scheduler.remove_worker("a", 1)
    while task.source == 1:
        task = task_of(scheduler.next("b", 1))
        scheduler.finished("b", task, 2)
    assert task.source == 0


def run_one_of(scheduler: Scheduler, worker: str, now: float) -> Task:
    """End the first task that ``worker`` was given of source 1."""
    task = Task(1, 0)
    scheduler.finished(worker, task, now + 1)
    return task


def test_a_worker_that_came_late_gets_work() -> None:
    scheduler = Scheduler(sources(2), model(), ["a"])
    scheduler.next("a", 0)
    scheduler.add_worker("b")
    assert task_of(scheduler.next("b", 0)).source == 1


def test_done_waits_for_open_sources() -> None:
    scheduler = Scheduler(sources(1, 1), model(1), ["a"])
    assert not scheduler.done(0)
    task = task_of(scheduler.next("a", 0))
    scheduler.stop()
    assert not scheduler.done(0)
    scheduler.failed("a", task, 1)
    assert scheduler.done(1)


def large_then_small() -> tuple[list[SourceWork], dict[str, float]]:
    """After a first source of one second: one of fifty, and two of one."""
    every = (0, 1)
    return [SourceWork(n, every, (area,)) for n, area in enumerate((0.5, 25.0, 0.5, 0.5))], {"opening": 0.001}


@pytest.mark.parametrize(("window", "opened"), [(1, [0]), (16, [0, 2, 3])])
def test_a_strict_order_never_passes_over_a_source(window: int, opened: list[int]) -> None:
    work, costs = large_then_small()
    scheduler = Scheduler(
        work, model(2, **costs), ["a"], budget=TimeBudget(20), order=OrderPolicy(window=window)
    )
    seen, now = [], 0.0
    while not scheduler.done(now):
        task = task_of(scheduler.next("a", now))
        now += 0.5
        scheduler.finished("a", task, now, 0.5)
        seen.append(task.source)
    assert sorted(set(seen)) == opened


def test_a_window_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        OrderPolicy(window=0)


def test_nothing_to_do_is_done() -> None:
    assert Scheduler([], model(), ["a"]).done(0)
    stopped = Scheduler(sources(2), model(), ["a"])
    stopped.stop()
    assert stopped.done(0)
    assert stopped.next("a", 0) is None


def test_unknown_workers_and_tasks_are_refused() -> None:
    scheduler = Scheduler(sources(1), model(), ["a"])
    with pytest.raises(ValueError, match="unknown worker 'z'"):
        scheduler.next("z", 0)
    with pytest.raises(ValueError, match="does not have"):
        scheduler.finished("a", Task(0, 0), 0)
    with pytest.raises(ValueError, match="already exists"):
        scheduler.add_worker("a")
    with pytest.raises(ValueError, match="but has"):
        scheduler.lost("a", Task(0, 0), [], 0)


@pytest.mark.parametrize(
    ("work", "message"),
    [
        ([SourceWork(0, (), (1.0,))], "no settings left"),
        ([SourceWork(0, (0,), (1.0,)), SourceWork(0, (1,), (1.0,))], "same index"),
        ([SourceWork(0, (0,), ())], "lacks the size"),
    ],
)
def test_sources_that_make_no_sense_are_refused(work: list[SourceWork], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Scheduler(work, model(), ["a"])


def test_a_large_image_among_small_ones() -> None:
    """It has room beside one small one only: others overtake it for a round, then it gets its room."""
    rng = random.Random(0)
    costs, truth = study(rng, 8)
    work = images(rng, 80, 8, median=1.0)
    work[6] = SourceWork(6, work[6].settings, (20.0,))
    model = CostModel(costs)
    limit = int(model.memory(0, 20.0) + 1.5 * model.memory(0, work[0].megapixels[0]))
    simulation = Simulation(work, model, truth, 4, memory_limit=limit).run()
    assert simulation.completed == 80
    large = [span for span in simulation.spans if span.given.task.source == 6]
    begin, end = min(span.begin for span in large), max(span.end for span in large)
    beside = {s.given.task.source for s in simulation.spans if s.begin < end and s.end > begin} - {6}
    assert len(beside) > 1, "small ones went on beside it"
    before = {s.given.task.source for s in simulation.spans if s.begin < begin}
    assert max(before) > 6, "small ones went on while it waited"
    assert max(before) <= 6 + 2 * 4, "it did not wait for more than about two rounds"


def waiting_for_room() -> tuple[Scheduler, dict[str, Task]]:
    """Worker c waits to open source 2, which needs room for all but one small task; a and b run one each."""
    work = [SourceWork(n, (0,), (1.0,), opening_bytes=3 * GB if n == 2 else 0) for n in range(12)]
    costs = model(1)
    limit = 3 * GB + int(1.5 * costs.memory(0, 1.0))
    scheduler = Scheduler(work, costs, ["a", "b", "c"], memory=MemoryLimit(limit))
    runs = {worker: task_of(scheduler.next(worker, 0)) for worker in "abc"}
    for worker in "ab":
        scheduler.finished(worker, runs[worker], 1)
        runs[worker] = task_of(scheduler.next(worker, 1))
    assert [runs[worker].source for worker in "abc"] == [4, 5, 3]
    scheduler.finished("c", runs.pop("c"), 2)
    assert scheduler.next("c", 2) is None
    return scheduler, runs


def test_a_source_that_was_overtaken_often_gets_its_room() -> None:
    scheduler, runs = waiting_for_room()
    scheduler.finished("a", runs["a"], 3)
    assert scheduler.next("a", 3) is None
    assert task_of(scheduler.next("c", 3)).source == 2
    assert scheduler.next("a", 3) is None
    scheduler.finished("b", runs["b"], 4)
    assert task_of(scheduler.next("b", 4)).source == 6


def test_a_source_that_waits_for_room_is_not_opened_after_the_end() -> None:
    scheduler, runs = waiting_for_room()
    scheduler.stop()
    for worker, task in runs.items():
        scheduler.finished(worker, task, 3)
    assert scheduler.next("c", 3) is None
    assert scheduler.done(3)


def test_a_source_that_waits_for_room_survives_its_worker() -> None:
    scheduler, runs = waiting_for_room()
    scheduler.remove_worker("c", 3)
    for worker, task in runs.items():
        scheduler.finished(worker, task, 3)
    assert task_of(scheduler.next("a", 3)).source == 2


def test_an_open_source_that_needs_more_room_gets_it_before_others_go_on() -> None:
    costs = CostModel([SettingCost("c", 0.5, 0.5, size=size) for size in (0, 1)])
    work = [SourceWork(0, (0, 1), (1.0, 20.0)), *(SourceWork(n, (0,), (1.0, 1.0)) for n in range(1, 9))]
    limit = costs.memory(1, 20.0) + int(1.5 * costs.memory(0, 1.0))
    scheduler = Scheduler(work, costs, ["a", "b", "c"], memory=MemoryLimit(limit))
    runs = {worker: task_of(scheduler.next(worker, 0)) for worker in "abc"}
    scheduler.finished("a", runs["a"], 1)
    assert scheduler.next("a", 1) is None
    scheduler.finished("b", runs["b"], 2)
    assert scheduler.next("b", 2) is None
    assert scheduler.next("a", 2) == Dispatch(Task(0, 1), helping=False, opens=True)
    scheduler.finished("c", runs["c"], 3)
    assert scheduler.next("c", 3) is not None
    assert scheduler.next("b", 3) is None


def test_a_task_larger_than_the_limit_runs_alone() -> None:
    rng = random.Random(1)
    costs, truth = study(rng, 4)
    work = images(rng, 30, 4, median=1.0)
    work[3] = SourceWork(3, work[3].settings, (100.0,))
    simulation = Simulation(work, CostModel(costs), truth, 3, memory_limit=4 * GB).run()
    assert simulation.completed == 30
    for span in simulation.spans:
        if span.given.task.source == 3:
            others = [
                s for s in simulation.spans if s is not span and s.begin < span.end and s.end > span.begin
            ]
            assert not others


def test_opening_counts_towards_memory() -> None:
    """Two files that take 3 GB to decode, though their tasks are small, are not opened at once under 4 GB."""
    work = [SourceWork(n, (0, 1), (1.0,), opening_bytes=3 * GB) for n in range(2)]
    scheduler = Scheduler(work, model(2), ["a", "b"], memory=MemoryLimit(4 * GB))
    first = task_of(scheduler.next("a", 0))
    assert scheduler.next("b", 0) is None
    scheduler.finished("a", first, 1)
    assert task_of(scheduler.next("a", 1)).source == 0
    assert task_of(scheduler.next("b", 1)).source == 1


def test_sources_are_opened_once_where_nobody_dies() -> None:
    """Affinity: until the finish every source is one worker's own."""
    rng = random.Random(2)
    costs, truth = study(rng, 10)
    simulation = Simulation(images(rng, 40, 10), CostModel(costs), truth, 4).run()
    assert all(len({s.worker for s in simulation.spans if s.given.task.source == n}) == 1 for n in range(36))
    opened = Counter(s.given.task.source for s in simulation.spans if s.given.opens)
    assert sum(opened.values()) < 40 + 12


@pytest.mark.parametrize("seed", range(5))
def test_the_finish_keeps_both_workers_busy(seed: int) -> None:
    """One image of 8 megapixels is left: the second worker idles less than a tenth of the finish."""
    rng = random.Random(seed)
    costs, truth = study(rng, 32)
    simulation = Simulation([SourceWork(0, tuple(range(32)), (8.0,))], CostModel(costs), truth, 2).run()
    busy = Counter[int]()
    for span in simulation.spans:
        busy[span.worker] += span.end - span.begin
    assert min(busy[0], busy[1]) > 0.95 * simulation.now


@pytest.mark.parametrize("seed", range(3))
def test_all_workers_are_busy_until_the_end(seed: int) -> None:
    rng = random.Random(seed)
    costs, truth = study(rng, 32)
    simulation = Simulation(images(rng, 30, 32, spread=0.5), CostModel(costs), truth, 8).run()
    assert simulation.busy > 0.98 * 8 * simulation.now


def test_the_simulation_catches_a_standstill(monkeypatch: pytest.MonkeyPatch) -> None:
    costs, truth = study(random.Random(0), 2)
    simulation = Simulation(images(random.Random(0), 2, 2), CostModel(costs), truth, 1)
    monkeypatch.setattr(Scheduler, "next", lambda *_: None)
    with pytest.raises(AssertionError, match="work is left"):
        simulation.run()


def test_the_rest_of_a_source_can_be_given_up() -> None:
    scheduler = Scheduler(sources(2), model(), ["a", "b"])
    first = task_of(scheduler.next("a", 0))
    other = task_of(scheduler.next("b", 0))
    scheduler.failed("a", first, 5)
    scheduler.remove_worker("a", 5)
    scheduler.add_worker("a")
    assert scheduler.drop(first.source, {0, 1}) == [
        Task(first.source, t) for t in (0, 1) if t != first.setting
    ]
    rest = scheduler.drop(first.source, range(4))
    assert {task.setting for task in rest} == {2, 3} - {first.setting}
    assert scheduler.drop(first.source, range(4)) == [], "the source is done"
    assert task_of(scheduler.next("a", 5)).source == other.source
    progress = scheduler.progress(5)
    assert (progress.tasks_done, progress.sources_done) == (4, 1)


def test_the_rest_of_a_source_waits_for_its_running_tasks() -> None:
    scheduler = Scheduler(sources(1), model(), ["a", "b"])
    first = task_of(scheduler.next("a", 0))
    second = task_of(scheduler.next("b", 0))
    scheduler.failed("a", first, 5)
    scheduler.remove_worker("a", 5)
    assert len(scheduler.drop(0, range(4))) == 2
    assert not scheduler.done(5)
    scheduler.finished("b", second, 6, 1.0)
    assert scheduler.done(6)
