"""Verdicts on other images: simulations with a known truth, and what each verdict means.

Each simulation has 2,000 trials, one per column or per group of columns: an error rate of 5 % is seen as at most
6 %, a power of 80 % as 77 to 83 %.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import stats

from codecstudy.analysis.sample import Sample
from codecstudy.analysis.verdicts import (
    ALPHA,
    MIN_IMAGES,
    Changes,
    detectable,
    exact_verdict,
    holm,
    images_needed,
    significance,
)
from codecstudy.types import Floats

TRIALS = 2000
SIZES = (6, 9, 12, 30, 100)
LOW, HIGH = -0.1, 0.1


def draw(distribution: str, random: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    """Changes with mean 0 and a standard deviation of 10 %."""
    if distribution == "normal":
        return random.normal(0, 0.1, shape)
    if distribution == "long-tailed":
        return random.laplace(0, 0.1 / math.sqrt(2), shape)
    sign = 1 if distribution == "skewed to growth" else -1
    return sign * 0.1 * (random.gamma(2, 1, shape) - 2) / math.sqrt(2)


DISTRIBUTIONS = ("normal", "skewed to growth", "skewed to shrinkage", "long-tailed")


def changes(values: Floats, low: float = LOW, high: float = HIGH, bound: float = 0.0) -> Changes:
    columns = values.shape[1]
    return Changes(values, np.full(values.shape, bound), np.full(columns, low), np.full(columns, high))


def familywise(p: Floats, comparisons: int) -> float:
    """Share of the diffs, of so many comparisons each, with at least one significant p-value."""
    return float((holm(p.reshape(-1, comparisons)) <= ALPHA).any(axis=1).mean())


@pytest.mark.parametrize("images", SIZES)
@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
@pytest.mark.parametrize("comparisons", [1, 8])
def test_false_verdicts_are_at_most_5_percent(images: int, distribution: str, comparisons: int) -> None:
    # The truth of every comparison is the upper end of the margin: neither worse nor equivalent.
    random = np.random.default_rng([images, comparisons])
    values = HIGH + draw(distribution, random, (images, TRIALS * comparisons))
    found = significance(changes(values), Sample.simple(images))
    assert familywise(found.worse, comparisons) <= 0.06
    assert familywise(found.equivalent, comparisons) <= 0.06
    # By symmetry, the same at the lower end.
    found = significance(changes(-values), Sample.simple(images))
    assert familywise(found.better, comparisons) <= 0.06
    assert familywise(found.equivalent, comparisons) <= 0.06


@pytest.mark.parametrize("images", [9, 30])
def test_comparisons_that_are_worse_do_not_make_others_worse(images: int) -> None:
    random = np.random.default_rng(images)
    values = HIGH + random.normal(0, 0.1, (images, TRIALS, 8))
    values[:, :, :4] += 0.5
    found = significance(changes(values.reshape(images, -1)), Sample.simple(images))
    significant = holm(found.worse.reshape(TRIALS, 8)) <= ALPHA
    assert significant[:, 4:].any(axis=1).mean() <= 0.06


@pytest.mark.parametrize("images", SIZES)
@pytest.mark.parametrize("comparisons", [1, 8])
def test_the_power_is_that_of_the_noncentral_t(images: int, comparisons: int) -> None:
    # The standard error is estimated, so the promise is made with the true one: 0.1 / sqrt(n).
    random, sample = np.random.default_rng(images), Sample.simple(images)
    noise = random.normal(0, 0.1, (images, TRIALS))
    spread = changes(noise).spread(sample)
    effect = detectable(spread, comparisons) / spread.standard_error * 0.1 / math.sqrt(images)
    found = significance(changes(noise + HIGH + effect), sample)
    assert 0.77 <= (found.worse <= ALPHA / comparisons).mean() <= 0.83


def test_with_many_images_the_noncentral_t_alone_gives_the_smallest_effect() -> None:
    # The correction for skewness vanishes.
    spread = changes(np.random.default_rng(0).normal(0, 0.1, (20_000, 1))).spread(Sample.simple(20_000))
    limit = stats.t.isf(ALPHA, 19_999)
    power = stats.nct.sf(limit, 19_999, float(detectable(spread)[0] / spread.standard_error[0]))
    assert power == pytest.approx(0.8, abs=0.01)


@pytest.mark.parametrize("margin", [0.2, 0.1, 0.05, 0.02])
@pytest.mark.parametrize("comparisons", [1, 8])
def test_the_images_needed_show_that_nothing_changed(margin: float, comparisons: int) -> None:
    images = images_needed(0.1, margin, comparisons)
    assert images is not None
    values = np.random.default_rng(images).normal(0, 0.1, (images, TRIALS))
    found = significance(changes(values, -margin, margin), Sample.simple(images))
    power = (found.equivalent <= ALPHA / comparisons).mean()
    # Numbers are whole, and from 34 on up to 3 % larger than necessary.
    assert 0.77 <= power <= (0.87 if images > 12 else 0.95)


def test_images_needed_at_the_ends() -> None:
    assert images_needed(0.0, 0.01) == MIN_IMAGES
    assert images_needed(0.0, 0.0) == MIN_IMAGES
    assert images_needed(0.1, 0.0) is None
    assert images_needed(0.1, -0.01) is None
    assert images_needed(0.1, 1e-6) is None


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_a_verdict_agrees_with_the_90_percent_interval(distribution: str) -> None:
    # A one-sided test at 5 % corresponds to one end of it; the tests are a little stricter.
    random, sample = np.random.default_rng(3), Sample.simple(12)
    values = draw(distribution, random, (12, TRIALS)) / 3 + random.uniform(-0.2, 0.2, TRIALS)
    columns = changes(values)
    found, (low, high) = significance(columns, sample), columns.spread(sample).ends(0.9)
    for significant, implied in (
        (found.worse <= ALPHA, low > HIGH),
        (found.better <= ALPHA, high < LOW),
        (found.equivalent <= ALPHA, (low > LOW) & (high < HIGH)),
    ):
        assert significant.any()
        assert implied[significant].all()


def test_a_verdict_includes_the_interpolation_error() -> None:
    values = HIGH + 0.03 + np.random.default_rng(0).normal(0, 0.01, (20, 1))
    sample = Sample.simple(20)
    assert significance(changes(values), sample).verdicts() == ["worse"]
    assert significance(changes(values, bound=0.02), sample).verdicts() == ["worse"]
    assert significance(changes(values, bound=0.03), sample).verdicts() == ["inconclusive"]
    assert significance(changes(values - HIGH), sample).verdicts() == ["equivalent"]
    assert significance(changes(values - HIGH, bound=0.07), sample).verdicts() == ["inconclusive"]


@pytest.mark.parametrize("images", [1, 2, 5])
def test_too_few_images_give_no_verdict(images: int) -> None:
    found = significance(changes(np.full((images, 2), 1.0)), Sample.simple(images))
    assert found.verdicts() == ["inconclusive"] * 2
    assert np.isnan(detectable(changes(np.full((images, 2), 1.0)).spread(Sample.simple(images)))).all()


def test_equal_changes_leave_no_doubt() -> None:
    values = np.tile([0.0, 0.05, 0.5, -0.5], (MIN_IMAGES, 1))
    found = significance(changes(values), Sample.simple(MIN_IMAGES))
    assert found.verdicts() == ["equivalent", "equivalent", "worse", "better"]
    nothing = significance(changes(np.zeros((MIN_IMAGES, 1)), 0.0, 0.0), Sample.simple(MIN_IMAGES))
    assert nothing.verdicts() == ["inconclusive"]


slow_machine = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@slow_machine
@given(
    st.lists(st.sampled_from([0.0, 0.005, 0.01, 0.0125, 0.02, 0.03, 0.05, 0.06, 1.0]), min_size=1, max_size=8)
)
def test_holm_rejects_step_by_step(p: list[float]) -> None:
    # The definition: the smallest against alpha / m, the next against alpha / (m - 1), up to the first that fails.
    order = sorted(range(len(p)), key=p.__getitem__)
    rejected: set[int] = set()
    for step, k in enumerate(order):
        if p[k] * (len(p) - step) > ALPHA:
            break
        rejected.add(k)
    assert set(np.flatnonzero(holm(np.array(p)) <= ALPHA).tolist()) == rejected


@slow_machine
@given(st.floats(-0.5, 0.5), st.floats(0, 0.2), st.floats(0, 0.3))
def test_an_exact_change_is_on_one_side_of_the_margin(change: float, bound: float, margin: float) -> None:
    verdict = exact_verdict(change, bound, -margin, margin)
    assert (verdict == "worse") == (change - bound > margin + 1e-12)
    assert (verdict == "better") == (change + bound < -margin - 1e-12)
    if abs(change) + bound <= margin:
        assert verdict == "equivalent"
    if not bound:
        assert verdict != "inconclusive"
