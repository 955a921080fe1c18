from __future__ import annotations

import pytest

from codecstudy.schedule.budget import Forecast, TimeBudget, Unlimited, expensive_ratio

HUNDRED = TimeBudget(100.0, start=10.0)


def test_work_is_shared_but_one_task_is_not() -> None:
    assert Forecast(work=40, longest=3, workers=4).end(5) == 15
    assert Forecast(work=40, longest=30, workers=4).end(5) == 35
    assert Forecast(40, 3, 4).plus(8, 20) == Forecast(48, 20, 4)


@pytest.mark.parametrize(("now", "fits"), [(10, True), (105, True), (105.1, False), (200, False)])
def test_it_must_be_expected_to_end_in_time(now: float, fits: bool) -> None:
    assert HUNDRED.admits(Forecast(0, 0, 1), work=5, longest=1, now=now) is fits


def test_little_is_left_unused_rather_than_much_overrun() -> None:
    """An image of 3 % may turn out to be one of 7 %: it is opened for the sake of 4 % unused, not of less."""
    idle = Forecast(0, 0, 1)
    assert HUNDRED.admits(idle, work=3, longest=0.1, now=105.9)
    assert not HUNDRED.admits(idle, work=3, longest=0.1, now=106.1)
    assert HUNDRED.admits(idle, work=1, longest=0.1, now=108.9)


def test_the_longest_task_may_be_expensive_too() -> None:
    busy = Forecast(work=300, longest=0, workers=64)
    assert HUNDRED.admits(busy, work=20, longest=1, now=104)
    assert not HUNDRED.admits(busy, work=20, longest=3, now=104)


def test_a_clear_case_is_one_that_would_fit_half_as_slow_again() -> None:
    idle = Forecast(0, 0, 2)
    assert HUNDRED.clearly_admits(idle, work=40, longest=10, now=65)
    assert not HUNDRED.clearly_admits(idle, work=40, longest=10, now=66)


def test_unused_is_a_part_of_the_budget() -> None:
    assert HUNDRED.unused(Forecast(20, 1, 2), now=90) == pytest.approx(0.10)


def test_the_most_expensive_of_more_images_is_more_expensive() -> None:
    assert 2.4 < expensive_ratio(1) < 2.5
    assert 4.5 < expensive_ratio(64) < 4.6


def test_without_a_budget_every_source_is_admitted_in_order() -> None:
    unlimited, busy = Unlimited(), Forecast(1e9, 1e9, 1)
    assert unlimited.admits(busy, work=1e9, longest=1e9, now=1e9)
    assert unlimited.clearly_admits(busy, work=1e9, longest=1e9, now=1e9)
    assert not unlimited.may_pass_over(busy, now=0)
    assert unlimited.remaining(1e9) == float("inf")
