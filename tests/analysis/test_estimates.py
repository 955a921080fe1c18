"""Estimates against closed forms and plain NumPy."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from codecstudy.analysis.estimates import (
    Estimate,
    jackknife,
    mean_estimates,
    median_estimate,
    total_ratio_estimates,
)
from codecstudy.analysis.percentiles import spread, spread_names
from codecstudy.analysis.sample import Sample


def only(estimates: list[Estimate | None]) -> Estimate:
    (estimate,) = estimates
    assert estimate is not None
    return estimate


def ends(estimate: Estimate | None) -> tuple[float, float]:
    assert estimate is not None
    assert estimate.low is not None
    assert estimate.high is not None
    return estimate.low, estimate.high


@settings(max_examples=30, deadline=None)
@given(values=st.lists(st.floats(-100, 100), min_size=3, max_size=30).filter(lambda v: np.std(v) > 1e-3))
def test_the_interval_of_a_mean_contains_that_of_student(values: list[float]) -> None:
    estimate = only(mean_estimates(np.array(values)[:, None], Sample.simple(len(values))))
    low, high = ends(estimate)
    student = stats.t.interval(0.95, len(values) - 1, np.mean(values), stats.sem(values))
    assert estimate.value == pytest.approx(np.mean(values), abs=1e-9)
    assert low <= student[0] + 1e-6
    assert high >= student[1] - 1e-6
    # The longer tail is on the side of the longer tail of the values.
    if stats.skew(values) > 0.1:
        assert high - estimate.value >= estimate.value - low


def test_the_jackknife_of_a_mean_is_its_standard_error() -> None:
    values = np.random.default_rng(0).normal(size=(9, 2))
    found = jackknife(values, np.ones((9, 2)), np.ones((9, 2), dtype=bool), Sample.simple(9))
    np.testing.assert_allclose(found.standard_error, stats.sem(values))
    np.testing.assert_allclose(found.skewness, stats.skew(values))
    assert found.degrees.tolist() == [8, 8]


def test_the_jackknife_of_a_ratio_of_totals_leaves_out_one_image_at_a_time() -> None:
    random = np.random.default_rng(1)
    base = random.lognormal(size=(8, 1))
    values = base * random.lognormal(-0.3, 0.2, (8, 1))
    found = jackknife(values, base, np.ones((8, 1), dtype=bool), Sample.simple(8), totals=True)
    without = [np.log(np.delete(values, i).sum() / np.delete(base, i).sum()) for i in range(8)]
    assert found.value[0] == pytest.approx(np.log(values.sum() / base.sum()))
    assert found.standard_error[0] == pytest.approx(np.sqrt(7 * np.var(without)))
    effective = min(part.sum() ** 2 / (part**2).sum() for part in (values, base))
    assert found.degrees[0] == pytest.approx(max(effective - 1, 1))


def test_images_without_a_value_are_left_out() -> None:
    values = np.random.default_rng(0).normal(size=7)
    values[[1, 4]] = np.nan
    estimate = only(mean_estimates(values[:, None], Sample.simple(7)))
    alone = only(mean_estimates(values[~np.isnan(values)][:, None], Sample.simple(5)))
    assert (estimate.value, *ends(estimate), estimate.images) == pytest.approx((alone.value, *ends(alone), 5))


def test_one_image_has_no_interval_and_none_no_estimate() -> None:
    values = np.array([[5.0, np.nan], [np.nan, np.nan], [np.nan, np.nan]])
    sample = Sample.simple(3)
    assert mean_estimates(values, sample) == [Estimate(5.0, None, None, 1), None]
    assert total_ratio_estimates(values, values, sample) == [Estimate(1.0, None, None, 1), None]
    assert median_estimate(values[:, 0], sample) == Estimate(5.0, None, None, 1)
    assert median_estimate(values[:, 1], sample) is None


@settings(max_examples=30, deadline=None)
@given(value=st.floats(-1e6, 1e6), images=st.integers(2, 20))
def test_equal_images_have_an_interval_of_zero_width(value: float, images: int) -> None:
    estimate = only(mean_estimates(np.full((images, 1), value), Sample.simple(images)))
    assert ends(estimate) == pytest.approx((value, value), rel=1e-9)


def test_many_statistics_at_once_are_the_same_as_one_by_one() -> None:
    values = np.random.default_rng(1).normal(size=(6, 1100))
    together = mean_estimates(values, Sample.simple(6))
    assert together[700] == only(mean_estimates(values[:, 700:701], Sample.simple(6)))


def test_the_transform_is_applied_to_value_and_ends() -> None:
    values = np.random.default_rng(1).normal(size=(6, 1))
    sample = Sample.simple(6, 100)
    plain, transformed = only(mean_estimates(values, sample)), only(mean_estimates(values, sample, np.exp))
    assert transformed == plain.map(lambda x: float(np.exp(x)))


def test_an_estimate_mapped_by_a_falling_function_keeps_its_ends_in_order() -> None:
    assert Estimate(2.0, 1.0, 4.0, 3, (1.6, 2.5)).map(lambda x: 1 / x) == Estimate(
        0.5, 0.25, 1.0, 3, (0.4, 0.625)
    )


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), images=st.integers(3, 15), copies=st.integers(2, 4))
def test_copies_leave_every_interval_unchanged(seed: int, images: int, copies: int) -> None:
    random = np.random.default_rng(seed)
    values, base = random.normal(size=(images, 1)), random.lognormal(size=(images, 1))
    one = Sample.simple(images, 100)
    more = dataclasses.replace(one, weights=np.full(images, float(copies)))
    for alone, together in (
        (mean_estimates(values, one), mean_estimates(values, more)),
        (
            total_ratio_estimates(np.exp(values), base, one),
            total_ratio_estimates(np.exp(values), base, more),
        ),
        ([median_estimate(values[:, 0], one)], [median_estimate(values[:, 0], more)]),
    ):
        expected, found = only(alone), only(together)
        assert (found.value, found.images) == pytest.approx((expected.value, expected.images))
        if expected.low is not None:
            assert ends(found) == pytest.approx(ends(expected))
        assert found.folder == (None if expected.folder is None else pytest.approx(expected.folder))


def test_a_dataset_measured_completely_has_no_sampling_error() -> None:
    values = np.random.default_rng(3).normal(size=(12, 1))
    for population, share in ((12, 0.0), (24, 0.5), (1200, 0.99)):
        estimate = only(mean_estimates(values, Sample.simple(12, population), bounds=np.full((12, 1), 0.01)))
        low, high = ends(estimate)
        assert estimate.folder is not None
        if not share:
            assert estimate.complete
            assert estimate.folder == (estimate.value, estimate.value)
        else:
            # The finite population correction shrinks the sampling error, not the interpolation's.
            assert not estimate.complete
            assert estimate.value - estimate.folder[0] == pytest.approx(
                (estimate.value - low - 0.01) * share**0.5 + 0.01
            )
            assert estimate.folder[1] - estimate.value == pytest.approx(
                (high - estimate.value - 0.01) * share**0.5 + 0.01
            )


def test_images_of_a_cluster_count_as_one() -> None:
    values = np.random.default_rng(4).normal(size=6)
    sample = dataclasses.replace(Sample.simple(12), clusters=np.repeat(np.arange(6), 2))
    twice = only(mean_estimates(np.repeat(values, 2)[:, None], sample))
    once = only(mean_estimates(values[:, None], Sample.simple(6)))
    assert ends(twice) == pytest.approx(ends(once))
    assert ends(median_estimate(np.repeat(values, 2), sample)) == ends(
        median_estimate(values, Sample.simple(6))
    )


def test_differences_between_strata_are_no_uncertainty() -> None:
    values = np.random.default_rng(5).normal(size=20)
    strata = np.repeat([0, 1], 10)
    sample = dataclasses.replace(Sample.simple(20), strata=strata)
    near, far = (only(mean_estimates((values + k * strata)[:, None], sample)) for k in (0, 100))
    assert ends(far) == pytest.approx(tuple(end + 50 for end in ends(near)))
    plain = ends(only(mean_estimates((values + 100 * strata)[:, None], Sample.simple(20))))
    assert plain[1] - plain[0] > 20


def test_the_variance_in_strata_is_the_textbook_one() -> None:
    # Cochran, Sampling Techniques, 1977, equation 5.7, with proportional allocation.
    values, strata = np.random.default_rng(6).normal(size=20), np.repeat([0, 1], [12, 8])
    sample = dataclasses.replace(Sample.simple(20), strata=strata)
    found = jackknife(values[:, None], np.ones((20, 1)), np.ones((20, 1), dtype=bool), sample)
    parts = [(0.6, values[:12]), (0.4, values[12:])]
    assert found.standard_error[0] ** 2 == pytest.approx(
        sum(share**2 * np.var(part, ddof=1) / len(part) for share, part in parts)
    )
    assert found.degrees[0] == 18


def test_small_strata_are_pooled() -> None:
    strata = np.repeat([0, 1, 2, 3], [10, 2, 3, 6])
    sample = dataclasses.replace(Sample.simple(21), strata=strata)
    assert sample.pooled_strata().tolist() == [1] * 10 + [0] * 5 + [2] * 6
    lonely = dataclasses.replace(Sample.simple(17), strata=np.repeat([0, 1, 2], [10, 1, 6]))
    assert len(set(lonely.pooled_strata().tolist())) == 2


@pytest.mark.parametrize(
    ("images", "expected"), [(5, None), (6, (0, 5)), (8, (0, 7)), (9, (1, 7)), (20, (5, 14))]
)
def test_the_interval_of_a_median_is_between_two_order_statistics(
    images: int, expected: tuple[int, int] | None
) -> None:
    # Conover, Practical Nonparametric Statistics, 1999, section 3.2: the largest k with P(X <= k) <= 2.5 %.
    estimate = median_estimate(np.arange(images, dtype=np.float64), Sample.simple(images))
    assert estimate is not None
    assert (estimate.low, estimate.high) == (expected or (None, None))


def test_percentiles_over_images_leave_out_what_is_missing() -> None:
    values = np.arange(101.0)
    assert spread(np.append(values, np.nan)) == pytest.approx((5, 50, 95))
    assert spread_names(101) == ("p5", "p95")


def test_below_20_images_the_ends_are_the_lowest_and_the_highest() -> None:
    assert spread(np.array([np.nan, 1.0, 2.0, 4.0])) == (1.0, 2.0, 4.0)
    assert spread(np.array([1.0, 2.0, np.inf])) == (1.0, 2.0, np.inf)
    assert spread_names(19) == ("lowest", "highest")
