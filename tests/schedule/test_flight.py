from __future__ import annotations

import pytest

from codecstudy.schedule.board import Board
from codecstudy.schedule.costs import CostModel, SettingCost
from codecstudy.schedule.flight import Flight
from codecstudy.schedule.words import Source


def flight(settings: int = 10) -> Flight:
    """Tasks of one second each, and half a second to open the source."""
    costs = CostModel([SettingCost("c", 0.5, 0.5) for _ in range(settings)], opening_seconds=0.5)
    return Flight(Source(0, tuple(range(settings)), (1.0,)), costs, slot=0)


def test_a_dear_image_is_known_by_its_first_tasks() -> None:
    dear = flight()
    assert dear.work() == pytest.approx(10.5)
    for position in range(4):
        dear.take(position)
        dear.end(position, 3.0)
    dear.estimate()
    assert 2.4 < dear.seconds(5) < 3.0
    assert 6 * 2.4 < dear.work() < 6 * 3.0


def test_a_failed_task_says_nothing_about_the_image() -> None:
    failing = flight()
    failing.take(0)
    failing.end(0, None)
    failing.estimate()
    assert failing.work() == pytest.approx(9.0)
    assert (failing.left, failing.undone) == (9, 9)


def test_running_tasks_are_work_but_not_left() -> None:
    one = flight(1)
    one.take(0)
    assert one.work() == pytest.approx(1.0)
    assert one.longest() == 0.0
    one.put_back(0)
    assert one.longest() == pytest.approx(1.0)


def test_slots_are_used_again() -> None:
    costs = CostModel([SettingCost("c", 0.5, 0.5)], opening_seconds=0.5)
    board = Board()
    for index in range(100):
        opened = board.open(Source(index, (0,), (1.0,)), costs)
        assert opened.slot < 8
        assert list(board.neediest(3)) == [opened]
        opened.take(0)
        opened.end(0, 1.0)
        board.renew(opened)
        assert (len(board), board.work()) == (0, 0.0)
        assert list(board.neediest(3)) == []


def test_the_neediest_has_most_work_per_worker() -> None:
    costs = CostModel([SettingCost("c", 0.5, 0.5) for _ in range(9)], opening_seconds=0.5)
    board = Board()
    small, middle, large = (board.open(Source(n, tuple(range(n)), (1.0,)), costs) for n in (3, 6, 9))
    assert list(board.neediest(2)) == [large, middle]
    large.crew = 4
    board.count(large)
    assert list(board.neediest(3)) == [middle, small, large]
