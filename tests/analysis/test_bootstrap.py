"""Resampling against closed forms and plain NumPy, and the coverage of the intervals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codecstudy.analysis.bootstrap import Estimate, Resamples, expanded_tail, spread


def test_the_same_seed_returns_the_same_draw() -> None:
    one, other = Resamples.draw(9, seed=4), Resamples.draw(9, seed=4)
    np.testing.assert_array_equal(one.counts, other.counts)
    assert one.counts.shape == (2000, 9)
    assert (one.counts.sum(axis=1) == 9).all()
    assert (Resamples.draw(9, seed=5).counts != one.counts).any()


@pytest.mark.parametrize(("images", "resamples"), [(0, 10), (10, 0)])
def test_zero_images_or_resamples_are_refused(images: int, resamples: int) -> None:
    with pytest.raises(ValueError, match="cannot draw"):
        Resamples.draw(images, resamples=resamples)


def expand(resamples: Resamples) -> list[np.ndarray]:
    return [np.repeat(np.arange(row.size), row) for row in resamples.counts]


def test_means_and_medians_are_those_of_the_drawn_images() -> None:
    values = np.random.default_rng(0).normal(size=(7, 3))
    resamples = Resamples.draw(7, resamples=50)
    for row, drawn in enumerate(expand(resamples)):
        np.testing.assert_allclose(resamples.means(values)[row], values[drawn].mean(axis=0))
        np.testing.assert_allclose(resamples.medians(values[:, 0])[row], np.median(values[drawn, 0]))


def test_images_without_a_value_are_left_out() -> None:
    values = np.random.default_rng(0).normal(size=7)
    values[[1, 4]] = np.nan
    resamples = Resamples.draw(7, resamples=50)
    for row, drawn in enumerate(expand(resamples)):
        np.testing.assert_allclose(resamples.means(values[:, None])[row, 0], np.nanmean(values[drawn]))
        np.testing.assert_allclose(resamples.medians(values)[row], np.nanmedian(values[drawn]))


def test_resamples_without_any_value_are_not_counted() -> None:
    values = np.array([1.0, 2.0, np.nan, np.nan, np.nan, np.nan])
    estimate = Resamples.draw(6).mean_estimates(values[:, None])[0]
    assert estimate == Estimate(1.5, 1.0, 2.0, 2)


def test_one_image_has_no_interval_and_none_no_estimate() -> None:
    resamples = Resamples.draw(3)
    values = np.array([[5.0, np.nan], [np.nan, np.nan], [np.nan, np.nan]])
    assert resamples.mean_estimates(values) == [Estimate(5.0, None, None, 1), None]
    assert resamples.median_estimate(values[:, 0]) == Estimate(5.0, None, None, 1)
    assert resamples.median_estimate(values[:, 1]) is None
    assert resamples.share(values) == [None, None]


@settings(max_examples=30, deadline=None)
@given(value=st.floats(-1e6, 1e6), images=st.integers(2, 20))
def test_equal_images_have_an_interval_of_zero_width(value: float, images: int) -> None:
    resamples = Resamples.draw(images, resamples=64)
    estimate = resamples.mean_estimates(np.full((images, 1), value))[0]
    assert estimate is not None
    assert estimate.low == pytest.approx(value, rel=1e-12)
    assert estimate.high == pytest.approx(value, rel=1e-12)


def test_the_share_below_zero_is_counted() -> None:
    resamples = Resamples.draw(5, resamples=400)
    values = np.random.default_rng(2).normal(0.1, 1, (5, 4))
    expected = (np.stack([values[d].mean(axis=0) for d in expand(resamples)]) < 0).mean(axis=0)
    assert resamples.share(values) == pytest.approx(expected.tolist())


def test_many_statistics_at_once_are_the_same_as_one_by_one() -> None:
    values = np.random.default_rng(1).normal(size=(6, 1100))
    resamples = Resamples.draw(6, resamples=64)
    together = resamples.mean_estimates(values)
    alone = resamples.mean_estimates(values[:, 700:701])[0]
    assert together[700] is not None
    assert alone is not None
    assert (together[700].low, together[700].high) == pytest.approx((alone.low, alone.high))


def test_the_transform_is_applied_to_value_and_ends() -> None:
    values = np.random.default_rng(1).normal(size=(6, 1))
    resamples = Resamples.draw(6, resamples=64)
    plain, transformed = resamples.mean_estimates(values)[0], resamples.mean_estimates(values, np.exp)[0]
    assert plain is not None
    assert transformed is not None
    assert transformed == plain.map(lambda x: float(np.exp(x)))


def test_an_estimate_mapped_by_a_falling_function_keeps_its_ends_in_order() -> None:
    assert Estimate(2.0, 1.0, 4.0, 3).map(lambda x: 1 / x) == Estimate(0.5, 0.25, 1.0, 3)


def test_tails_shrink_for_few_images_and_tend_to_a_fortieth() -> None:
    # For n = 5: t = 2.776 on four degrees of freedom, times sqrt(5 / 4) is 3.104, and Phi(-3.104) = 0.00096.
    assert expanded_tail(1) == 0.0
    assert expanded_tail(5) == pytest.approx(0.00096, abs=2e-5)
    assert expanded_tail(100_000) == pytest.approx(0.025, abs=1e-4)
    tails = [expanded_tail(n) for n in range(2, 50)]
    assert tails == sorted(tails)


@pytest.mark.parametrize("images", [10, 24, 100])
@pytest.mark.parametrize("draw", ["normal", "laplace", "uniform"])
def test_95_percent_intervals_cover_the_truth_in_92_to_98_percent_of_500_trials(
    images: int, draw: str
) -> None:
    # One trial per column: log ratios of a codec that is 20 % smaller on geometric average.
    truth, trials = np.log(0.8), 500
    random = np.random.default_rng(images)
    width = {"normal": (0.0, 0.3), "laplace": (0.0, 0.2), "uniform": (-0.5, 0.5)}[draw]
    values = truth + getattr(random, draw)(*width, (images, trials))
    estimates = Resamples.draw(images, seed=7).mean_estimates(values, np.exp)
    covered = [
        e is not None and e.low is not None and e.high is not None and e.low <= 0.8 <= e.high
        for e in estimates
    ]
    assert 0.92 <= np.mean(covered) <= 0.98


def test_intervals_of_the_median_have_the_same_coverage() -> None:
    values = np.random.default_rng(24).laplace(0.7, 0.2, (500, 24))
    resamples = Resamples.draw(24, seed=7)
    estimates = [resamples.median_estimate(row) for row in values]
    covered = [
        e is not None and e.low is not None and e.high is not None and e.low <= 0.7 <= e.high
        for e in estimates
    ]
    assert 0.92 <= np.mean(covered) <= 0.98


def test_percentiles_over_images_leave_out_what_is_missing() -> None:
    assert spread(np.array([np.nan, 1.0, 2.0, 3.0])) == pytest.approx((1.1, 2.0, 2.9))
    assert spread(np.array([1.0, 2.0, np.inf])) == (1.0, 2.0, 2.0)
