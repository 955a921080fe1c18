"""The search for the level with a wanted score: it ends at the nearest level, after few measurements."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codecstudy import metrics
from codecstudy.report.matching import STEPS, closest, tolerance


def search(
    curve: Callable[..., float], grid: Sequence[int], measured: list[int], target: float, within: float = 0.0
) -> tuple[float, list[float]]:
    asked: list[float] = []

    def measure(level: float) -> float:
        asked.append(level)
        return curve(level)

    found, complete = closest(grid, {level: curve(level) for level in measured}, target, within, measure)
    assert complete or len(asked) == STEPS
    assert found is not None
    return found, asked


def test_a_measured_level_that_matches_needs_no_encode() -> None:
    assert search(lambda q: q, range(101), [10, 50, 90], 50.4, 0.5) == (50, [])


def test_interpolation_finds_a_smooth_curve_in_few_steps() -> None:
    found, asked = search(
        lambda q: 100 * math.log1p(q) / math.log(101), range(101), [5, 30, 60, 100], 80, 0.5
    )
    assert abs(100 * math.log1p(found) / math.log(101) - 80) <= 0.5
    assert len(asked) <= 2


def test_it_ends_where_levels_are_adjacent_with_the_nearer_one() -> None:
    found, asked = search(lambda q: 3.0 * q, range(40), [0, 39], 70.0, 0.5)
    assert found == 23  # 69, not 72
    assert 0 < len(asked) <= STEPS


def test_a_target_outside_the_sweep_gives_its_end_without_encodes() -> None:
    assert search(lambda q: q, range(101), [10, 50, 90], 97.0, 0.5) == (90, [])


def test_a_failed_encode_ends_the_search() -> None:
    assert closest(range(101), {10: 10.0, 90: 90.0}, 50, 0.5, lambda level: None) == (10, False)
    assert closest(range(101), {}, 50, 0.5, lambda level: None) == (None, True)


@given(
    st.lists(st.floats(0.01, 5), min_size=20, max_size=60),
    st.floats(0, 1),
    st.booleans(),
)
def test_on_any_rising_curve_the_nearest_level_is_found(
    steps: list[float], share: float, falls: bool
) -> None:
    values = [math.fsum(steps[:k]) for k in range(len(steps))]
    if falls:  # a metric for which lower is better
        values = [-v for v in values]
    target = values[0] + share * (values[-1] - values[0])
    grid = range(len(values))
    found, asked = search(values.__getitem__, grid, [0, len(values) // 2, len(values) - 1], target)
    if len(asked) < STEPS:
        assert abs(values[int(found)] - target) == min(abs(v - target) for v in values)


@pytest.mark.parametrize(
    ("column", "expected"), [("ssimulacra2", 0.5), ("psnr", 0.25), ("butteraugli", 0.025)]
)
def test_the_tolerance_follows_the_metrics_own_targets(column: str, expected: float) -> None:
    scale = next(c for c in metrics.columns(metrics.DEFAULT) if c.name == column)
    assert tolerance(scale, scale.usual_target) == pytest.approx(expected)
    assert tolerance(None, 0.5) == pytest.approx(0.01)
