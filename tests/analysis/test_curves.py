"""Curves pass through the measured points, keep their order, and are not extrapolated."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import PchipInterpolator

from codecstudy.analysis.curves import Curve, fit
from codecstudy.analysis.points import collect
from codecstudy.errors import ResultsError
from support.synthetic import Formula, measured, results_of, study


def curve_of(scores: list[float], sizes: list[int], **records: object) -> Curve:
    codec = Formula("jpeg")
    rows = [
        measured(codec, 0, 10 * k, ssimulacra2=score, file_size=size, **records)
        for k, (score, size) in enumerate(zip(scores, sizes, strict=True))
    ]
    curve = fit(collect(results_of(rows)), "ssimulacra2").of_variant(0)[0]
    assert curve is not None
    return curve


def test_a_log_size_linear_in_the_score_is_interpolated_exactly() -> None:
    curve = fit(collect(study([Formula("jpeg")], 1)), "ssimulacra2").of_variant(0)[0]
    assert curve is not None
    at = np.array([10.0, 17.3, 55.5, 90.0])
    np.testing.assert_allclose(curve.log_size_at(at), math.log(1e8) + at / 25, atol=1e-8)
    np.testing.assert_allclose(curve.level_at(at), at)


def test_a_curve_is_scipys_pchip_of_log_size() -> None:
    scores, sizes = [20.0, 41.0, 63.0, 70.0, 88.0], [9_000, 13_000, 40_000, 41_000, 99_000]
    at = np.linspace(20, 88, 50)
    expected = PchipInterpolator(scores, np.log(sizes))(at)
    np.testing.assert_allclose(curve_of(scores, sizes).log_size_at(at), expected)


def test_nothing_is_extrapolated() -> None:
    curve = curve_of([20.0, 50.0], [1000, 2000])
    outside = np.array([19.999, 50.001, -5.0, 100.0])
    assert np.isnan(curve.log_size_at(outside)).all()
    assert np.isnan(curve.level_at(outside)).all()
    assert np.isnan(curve.time_at("encode_cpu", outside)).all()


@settings(max_examples=30, deadline=None)
@given(
    steps=st.lists(st.tuples(st.floats(0.01, 30), st.integers(1, 100_000)), min_size=2, max_size=10),
)
def test_rising_points_give_a_rising_curve_within_them(steps: list[tuple[float, int]]) -> None:
    scores = np.cumsum([s for s, _ in steps]).tolist()
    sizes = np.cumsum([d for _, d in steps]).tolist()
    values = curve_of(scores, sizes).log_size_at(np.linspace(scores[0], scores[-1], 200))
    assert (np.diff(values) >= -1e-9).all()
    assert values[0] == pytest.approx(math.log(sizes[0]))
    assert values[-1] == pytest.approx(math.log(sizes[-1]))


def test_lower_butteraugli_is_better() -> None:
    curves = fit(collect(study([Formula("jpeg")], 1)), "butteraugli")
    curve = curves.of_variant(0)[0]
    assert curve is not None
    assert (curve.low, curve.high) == (-9.0, -1.0)
    assert curve.log_size_at(np.array([-5.0]))[0] == pytest.approx(math.log(1e8) + 50 / 25)


def irregular(scores: list[float], sizes: list[int], metric: str = "ssimulacra2") -> list[tuple[str, float]]:
    rows = [
        measured(Formula("jpeg"), 0, q, **{metric: score}, file_size=size)
        for q, score, size in zip((10, 20, 30, 40), scores, sizes, strict=True)
    ]
    return [(x.kind, x.level) for x in fit(collect(results_of(rows)), metric).irregularities]


def test_points_out_of_order_stay_on_the_curve_and_are_listed() -> None:
    scores, sizes = [40.0, 60.0, 55.0, 80.0], [1000, 3000, 3500, 3200]
    assert irregular(scores, sizes) == [("score-falls", 30.0), ("size-falls", 40.0)]
    curve = curve_of(scores, sizes)
    np.testing.assert_allclose(np.exp(curve.log_size_at(np.array(scores))), sizes)


def test_of_tied_points_the_smaller_file_is_kept() -> None:
    assert irregular([40.0, 60.0, 60.0, 80.0], [1000, 2000, 2500, 3000]) == [("tied", 30.0)]
    curve = curve_of([40.0, 60.0, 60.0, 80.0], [1000, 2000, 2500, 3000])
    assert len(curve) == 3
    assert curve.level_at(np.array([60.0]))[0] == 10.0


def test_lossless_psnr_is_listed_and_is_not_on_the_curve() -> None:
    scores = [30.0, 35.0, 40.0, math.inf]
    assert irregular(scores, [1, 2, 3, 4], "psnr") == [("infinite", 40.0)]


def test_a_single_point_is_known_only_at_its_score() -> None:
    curve = curve_of([50.0], [1000])
    assert np.exp(curve.log_size_at(np.array([50.0, 51.0])))[0] == pytest.approx(1000)
    assert np.isnan(curve.log_size_at(np.array([51.0]))[0])
    with pytest.raises(ValueError, match="one point"):
        curve.mean_log_size(np.array([50.0]), np.array([51.0]))


def test_times_are_linear_between_neighbours() -> None:
    codec = Formula("jpeg", cpu=lambda quality, image: quality / 100)
    curve = fit(collect(study([codec], 1)), "ssimulacra2").of_variant(0)[0]
    assert curve is not None
    assert curve.time_at("encode_cpu", np.array([40.0]))[0] == pytest.approx(0.4)
    assert curve.time_at("encode_wall", np.array([40.0]))[0] == pytest.approx(0.8)


def test_unknown_metrics_are_refused() -> None:
    with pytest.raises(ResultsError, match="have no vmaf scores"):
        fit(collect(study([Formula("jpeg")], 1)), "vmaf")
