from __future__ import annotations

import pytest

from codecstudy.schedule import CostModel, SettingCost, SourceWork
from codecstudy.schedule.active_sources import ActiveSources, SourceState


def active(settings: int = 10) -> ActiveSources:
    """Tasks of one second each, and half a second to open a source."""
    return ActiveSources(
        CostModel([SettingCost("c", 0.5, 0.5) for _ in range(settings)], opening_seconds=0.5)
    )


def opened(sources: ActiveSources, settings: int = 10, index: int = 0) -> SourceState:
    return sources.open(SourceWork(index, tuple(range(settings)), (1.0,)))


def test_the_first_tasks_of_an_expensive_image_raise_the_estimates_of_the_others() -> None:
    sources = active()
    expensive = opened(sources)
    assert sources.work() == expensive.work() == pytest.approx(10.5)
    for position in range(4):
        expensive.assign(position)
        expensive.end(position, 3.0)
    assert 2.4 < expensive.seconds(5) < 3.0
    assert 6 * 2.4 < sources.work() < 6 * 3.0


def test_a_failed_task_says_nothing_about_the_image() -> None:
    sources = active()
    failing = opened(sources)
    failing.assign(0)
    failing.end(0, None)
    assert sources.work() == pytest.approx(9.0)
    assert (failing.unassigned, failing.undone) == (9, 9)


def test_a_running_task_is_work_but_nobody_else_may_take_it() -> None:
    sources = active(1)
    only = opened(sources, 1)
    assert list(sources.most_work_per_worker(3)) == [only]
    only.assign(0)
    assert list(sources.most_work_per_worker(3)) == []
    assert len(sources) == 1
    only.unassign(0)
    assert sources.work() == pytest.approx(1.0), "the source was opened already"
    assert list(sources.most_work_per_worker(3)) == [only]
    assert sources.longest() == pytest.approx(1.0)


def test_a_source_is_gone_with_its_last_task() -> None:
    sources = active(1)
    for index in range(100):
        source = opened(sources, 1, index)
        assert list(sources.most_work_per_worker(3)) == [source]
        source.assign(0)
        source.end(0, 1.0)
        assert (len(sources), sources.work(), sources.longest()) == (0, 0.0, 0.0)
        assert list(sources.most_work_per_worker(3)) == []


def test_help_goes_where_most_work_per_worker_is_left() -> None:
    sources = active(9)
    small, middle, large = (opened(sources, n, n) for n in (3, 6, 9))
    assert list(sources.most_work_per_worker(2)) == [large, middle]
    for worker in "abcd":
        large.join(worker, own=worker == "a")
    assert list(sources.most_work_per_worker(3)) == [middle, small, large]
    for worker in "abcd":
        large.leave(worker)
    assert large.owner is None
    assert list(sources.most_work_per_worker(1)) == [large]
