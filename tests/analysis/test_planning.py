"""How many images a study needs: the promise of the plan, simulated, and cases whose answer is known."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from scipy import stats

from codecstudy.analysis.estimates import mean_estimates
from codecstudy.analysis.planning import (
    MIN_PLANNED,
    PlannedSaving,
    Planning,
    _images,
    _images_to_decide,
    _power,
    plan,
)
from codecstudy.analysis.points import collect
from codecstudy.analysis.sample import Sample
from codecstudy.errors import ResultsError
from codecstudy.results import DatasetInfo, QualityResults
from support.synthetic import Formula, exponential_size, study

# Log size is linear in the score and 60 is measured, so that nothing is interpolated at 60.
LEVELS = (40, 60, 80)


def codec(format: str, factor: float, spread: float, seed: int) -> Formula:
    """Sizes ``factor`` times JPEG's at the same score, with log-normal differences between images."""
    noise = np.random.default_rng(seed).normal(0, spread, 500)
    return Formula(format, LEVELS, size=lambda s, i: factor * exponential_size(s, i) * math.exp(noise[i]))


def planned(results: QualityResults, target: float = 60, **options: float) -> Planning:
    return plan(results, collect(results), target=target, **options)


def only(found: Planning) -> PlannedSaving:
    (saving,) = found.savings
    return saving


JPEG = Formula("jpeg", LEVELS)


def test_the_planned_number_is_enough_with_the_promised_probability() -> None:
    random = np.random.default_rng(1)
    wanted, truth, enough = 0.05, 0.15, []
    for _ in range(400):
        pilot = random.normal(0, truth, 12)
        images = _images(wanted, 0.0, float(pilot.std(ddof=1)), 11)
        assert images is not None
        measured = random.normal(0, truth, (images, 1))
        (estimate,) = mean_estimates(measured, Sample.simple(images))
        assert estimate is not None
        assert estimate.low is not None
        assert estimate.high is not None
        enough.append((estimate.high - estimate.low) / 2 <= wanted)
    # 80 %, less 3 standard errors. Hall's transformation widens some intervals a little.
    assert np.mean(enough) > 0.74


def test_the_number_is_that_of_the_formula() -> None:
    results = study([JPEG, codec("avif", 0.5, 0.2, 1)], 40)
    saving = only(planned(results, precision=0.01))
    assert saving.ratio is not None
    # The formulas' images are in three folders, which are strata.
    assert saving.degrees == 37
    assert saving.deviation == pytest.approx(np.random.default_rng(1).normal(0, 0.2, 40).std(), rel=0.05)
    assert saving.interpolation == 0

    def width(images: int) -> float:
        allowance = stats.f.ppf(0.8, images - 1, 37)
        return float(stats.t.ppf(0.975, images - 1) * saving.deviation * math.sqrt(allowance / images))

    assert saving.images is not None
    wanted = math.asinh(0.01 / saving.ratio.value)
    assert width(saving.images) <= wanted < width(saving.images - 1)
    assert saving.images == saving.images_without_interpolation
    assert saving.half_width(saving.images) <= 0.01


def test_a_smaller_precision_needs_more_images_and_never_fewer_than_the_minimum() -> None:
    results = study([JPEG, codec("avif", 0.5, 0.2, 1)], 20)
    numbers = [planned(results, precision=p).images or 0 for p in (0.005, 0.01, 0.02, 0.5)]
    assert numbers == sorted(numbers, reverse=True)
    assert numbers[0] > 3 * numbers[1]
    assert numbers[-1] == MIN_PLANNED


def test_a_small_dataset_needs_fewer_images_for_itself() -> None:
    results = study([JPEG, codec("avif", 0.5, 0.3, 2)], 20)
    results = dataclasses.replace(results, dataset=DatasetInfo("formulas", "data", 60))
    saving = only(planned(results, precision=0.02))
    assert saving.images is not None
    assert saving.images_for_dataset is not None
    assert saving.images > 60 >= saving.images_for_dataset
    assert saving.half_width(saving.images_for_dataset, 60) <= 0.02
    assert saving.half_width(60, 60) == 0


def test_interpolation_that_is_too_much_is_not_reduced_by_images() -> None:
    results = study([JPEG, codec("avif", 0.5, 0.1, 3)], 20)
    saving = only(planned(results, target=65, precision=0.02))
    # 20 points of 25 per e, on both sides: 0.2 x 0.8 x 2.
    assert saving.interpolation == pytest.approx(0.32, rel=1e-3)
    assert saving.images is None
    assert saving.images_without_interpolation is not None
    assert saving.images_for_dataset == collect(results).sample.population
    assert (saving.levels_to_add, saving.baseline_levels_to_add) == ((70,), (70,))


def test_where_the_pilot_has_no_saving_there_is_a_reason() -> None:
    few = only(planned(study([JPEG, codec("avif", 0.5, 0.1, 3)], 4)))
    assert (few.ratio, few.images) == (None, None)
    assert few.reason == "only 4 images reach the score with both; a plan needs 6"
    weak = only(planned(study([JPEG, Formula("avif", LEVELS, score=lambda q, i: q / 3)], 8)))
    assert weak.ratio is None
    assert weak.reason is not None
    assert math.isnan(weak.half_width(100))


def test_the_order_of_neighbours_is_decided_by_enough_images() -> None:
    results = study([JPEG, codec("avif", 0.5, 0.2, 4), codec("webp", 0.52, 0.2, 5)], 30)
    found = planned(results)
    assert {(o.smaller.format, o.larger.format) for o in found.orders} in (
        {("avif", "webp"), ("webp", "jpeg")},
        {("webp", "avif"), ("avif", "jpeg")},
    )
    close, clear = found.orders
    assert close.images is not None
    assert clear.images == MIN_PLANNED
    assert close.images > MIN_PLANNED
    assert close.power(close.images) >= 0.8 > close.power(close.images - 1)


def test_power_is_that_of_students_test() -> None:
    random = np.random.default_rng(6)
    samples = random.normal(0.1, 0.25, (4000, 40))
    p = stats.ttest_1samp(samples, 0, axis=1).pvalue
    found = np.mean((p <= 0.05) & (samples.mean(axis=1) > 0))
    assert _power(40, 0.1, 0.25) == pytest.approx(found, abs=0.03)
    assert _power(40, 0.0, 0.25) == 0
    assert _power(40, 0.1, 0.0) == 1
    assert _images_to_decide(0.0, 1.0) is None


def test_costs_are_those_of_an_image() -> None:
    results = study([JPEG], 3)
    found = planned(results).costs
    # 0.5 s to encode, 0.01 s to decode and 0.1 s to measure, at three levels.
    assert found.cpu_seconds == pytest.approx(3 * 0.61)
    assert found.encoded_bytes == pytest.approx(sum(r.file_size or 0 for r in results.measurements) / 3)


@pytest.mark.parametrize("precision", [0.0, 1.0, math.nan])
def test_an_impossible_precision_is_refused(precision: float) -> None:
    with pytest.raises(ResultsError, match="precision must be above 0 and below 1"):
        planned(study([JPEG], 3), precision=precision)
