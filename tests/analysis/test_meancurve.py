"""The mean curve of codecs defined by formulas."""

from __future__ import annotations

import math

import numpy as np
import pytest

from codecstudy.analysis.estimates import mean_estimates
from codecstudy.analysis.meancurve import MeanCurve, mean_curves
from codecstudy.analysis.points import collect
from codecstudy.analysis.sample import Sample
from support.synthetic import Formula, measured, name_of, results_of, study


def curve_of(codec: Formula, images: int = 8, metric: str = "ssimulacra2") -> MeanCurve:
    points = collect(study([codec], images))
    return mean_curves(points, metric)[0]


def test_it_passes_through_the_means_of_log_linear_codecs() -> None:
    curve = curve_of(Formula("jpeg"))
    scale = math.exp(np.mean([math.log(8e-6 * 1e8 * (1 + i)) for i in range(8)]))
    np.testing.assert_allclose(curve.bits_per_pixel, scale * np.exp(curve.score / 25), rtol=1e-6)
    assert curve.images == 8
    assert curve.score[0] == 10
    assert curve.score[-1] == 90


def test_scores_that_differ_along_one_curve_add_no_uncertainty() -> None:
    # All images are at different points of the same line: at equal score, all have equal rates.
    codec = Formula("jpeg", score=lambda q, i: q + i, size=lambda s, i: 1e8 * math.exp(s / 25))
    curve = curve_of(codec)
    np.testing.assert_allclose(curve.low, curve.bits_per_pixel, rtol=1e-6)
    np.testing.assert_allclose(curve.high, curve.bits_per_pixel, rtol=1e-6)


def test_the_interval_is_that_of_the_mean_rate_where_scores_are_equal() -> None:
    curve = curve_of(Formula("jpeg"))
    in_order = sorted(range(8), key=name_of)  # images are resampled by name
    logs = np.log([8e-6 * 1e8 * (1 + i) for i in in_order])[:, None]
    estimate = mean_estimates(logs, Sample.simple(8), np.exp)[0]
    assert estimate is not None
    factor = np.exp(curve.score / 25)
    np.testing.assert_allclose(curve.low, estimate.low * factor, rtol=1e-5)
    np.testing.assert_allclose(curve.high, estimate.high * factor, rtol=1e-5)


def test_lower_is_better_runs_from_worst_to_best() -> None:
    curve = curve_of(Formula("jpeg"), metric="butteraugli")
    assert curve.score[0] == pytest.approx(9.0)
    assert curve.score[-1] == pytest.approx(1.0)
    assert (np.diff(curve.bits_per_pixel) > 0).all()


def test_one_image_has_a_curve_without_an_interval() -> None:
    curve = curve_of(Formula("jpeg"), images=1)
    assert curve.score.size > 2
    assert np.isnan(curve.low).all()


def test_lossless_levels_are_excluded_and_a_single_level_has_no_curve() -> None:
    codec = Formula("jpeg", qualities=(50, 90))
    records = [
        measured(codec, i, q, psnr=float("inf") if q == 90 else 40.0) for i in range(3) for q in (50, 90)
    ]
    points = collect(results_of(records))
    curve = mean_curves(points, "psnr")[0]
    assert curve.score.size == 0


def test_an_interval_wider_than_a_factor_of_100_is_not_given() -> None:
    # The scores of the images differ by far more than those of the levels, so the curve is nearly vertical.
    steep = Formula(
        "jpeg", score=lambda q, i: 60 + q / 100 + 20 * (-1) ** i, size=lambda s, i: 1e6 * (s % 1 + 1)
    )
    curve = curve_of(steep, images=4)
    assert len(curve.score) > 2
    assert np.isnan(curve.low).all()
    assert np.isnan(curve.high).all()
