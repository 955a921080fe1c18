"""BD-rate against closed forms and the bjontegaard package."""

from __future__ import annotations

import math
import random

import bjontegaard
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codecstudy.analysis.bdrate import BDRate, bd_matrix, image_rates
from codecstudy.analysis.curves import fit
from codecstudy.analysis.points import collect
from codecstudy.analysis.variants import Scope
from codecstudy.results import QualityRecord, QualityResults
from support.synthetic import Formula, exponential_size, measured, records_of, results_of, study

JPEG = Formula("jpeg")


def rates(results: QualityResults, metric: str = "ssimulacra2") -> dict[str, BDRate]:
    """Every variant against JPEG, by label."""
    points = collect(results)
    matrix = bd_matrix(fit(points, metric), Scope())
    against_jpeg = [row[0] for row in matrix]
    assert against_jpeg[0].variant.format == "jpeg"
    return {rate.variant.label: rate for rate in against_jpeg}


def test_a_curve_scaled_by_a_half_is_minus_fifty_percent() -> None:
    for metric in ("ssimulacra2", "butteraugli", "butteraugli_3norm", "psnr", "ssim"):
        rate = rates(study([JPEG, Formula("avif").scaled(0.5)], 5), metric)["avif"]
        assert rate.percent is not None
        assert rate.percent.value == pytest.approx(-50, abs=1e-5)
        assert (rate.percent.low, rate.percent.high) == pytest.approx((-50, -50), abs=1e-5)
        assert rate.overlap_share == pytest.approx(1.0)


def test_a_steeper_curve_has_the_mean_of_the_log_difference() -> None:
    # log size 0.05 s against 0.04 s over scores 10 to 90: the mean difference is 0.01 * 50.
    steep = Formula("avif", size=lambda s, i: 1e8 * (1 + i) * math.exp(s / 20))
    rate = rates(study([JPEG, steep], 3))["avif"].percent
    assert rate is not None
    assert rate.value == pytest.approx(100 * math.expm1(0.5), rel=1e-6)


def test_the_rate_of_a_variant_against_itself_is_zero_with_an_interval_of_zero_width() -> None:
    rate = rates(study([JPEG], 5))["jpeg"].percent
    assert rate is not None
    assert (rate.value, rate.low, rate.high) == (0.0, 0.0, 0.0)


def random_points(seed: int, points: int = 6) -> tuple[list[float], list[int]]:
    source = random.Random(seed)
    scores = sorted(source.sample(range(20, 95), points))
    return [float(s) for s in scores], sorted(source.sample(range(1000, 500_000), points))


@settings(max_examples=25, deadline=None)
@given(seeds=st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)))
def test_one_image_agrees_with_the_bjontegaard_package(seeds: tuple[int, int]) -> None:
    (score_a, size_a), (score_b, size_b) = (random_points(seed) for seed in seeds)
    records = [
        measured(Formula(name), 0, k, ssimulacra2=score, file_size=size)
        for name, scores, sizes in (("jpeg", score_a, size_a), ("avif", score_b, size_b))
        for k, (score, size) in enumerate(zip(scores, sizes, strict=True))
    ]
    rate = rates(results_of(records))["avif"]
    common = min(score_a[-1], score_b[-1]) - max(score_a[0], score_b[0])
    share = max(common, 0.0) / (max(score_a[-1], score_b[-1]) - min(score_a[0], score_b[0]))
    if share < 0.25:
        assert rate.percent is None
        return
    expected = bjontegaard.bd_rate(size_a, score_a, size_b, score_b, method="pchip", min_overlap=0)
    assert rate.percent is not None
    assert rate.percent.value == pytest.approx(expected, rel=1e-9, abs=1e-9)
    assert rate.overlap_share == pytest.approx(share)


def pair(a: list[tuple[float, int]], b: list[tuple[float, int]]) -> list[QualityRecord]:
    return [
        measured(Formula(name), 0, k, ssimulacra2=score, file_size=size)
        for name, rows in (("jpeg", a), ("avif", b))
        for k, (score, size) in enumerate(rows)
    ]


def rising(first: float, last: float, points: int = 5) -> list[tuple[float, int]]:
    return [(float(s), 1000 * (k + 1)) for k, s in enumerate(np.linspace(first, last, points))]


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (rising(10, 90, 3), "fewer than 4 points"),
        (rising(91, 99), "no common scores"),
        (rising(90, 99), "no common scores"),
        (rising(80, 150), "common scores under 25% of the range"),
    ],
)
def test_invalid_pairs_are_refused_with_a_reason(other: list[tuple[float, int]], reason: str) -> None:
    rate = rates(results_of(pair(rising(10, 90), other)))["avif"]
    assert rate.percent is None
    assert rate.refused == {reason: 1}
    assert rate.reason == f"{reason} (1 image)"


def test_the_overlap_is_stated_in_scores() -> None:
    rate = rates(results_of(pair(rising(10, 90), rising(40, 95))))["avif"]
    assert rate.overlap == pytest.approx((40, 90))
    assert rate.overlap_share == pytest.approx(50 / 85)
    behind = rates(study([JPEG, Formula("avif")], 2), "butteraugli")["avif"]
    assert behind.overlap == pytest.approx((9.0, 1.0))


def test_refused_images_are_counted_by_reason() -> None:
    records = records_of([JPEG, Formula("avif").scaled(0.5)], 4)
    records = [
        r
        for r in records
        if not (r.format == "avif" and r.source_image.endswith("000.png") and r.quality != 10)
    ]
    rate = rates(results_of(records))["avif"]
    assert rate.images == 3
    assert rate.refused == {"fewer than 4 points": 1}
    assert rate.percent is not None
    assert rate.percent.value == pytest.approx(-50, abs=1e-5)


def test_the_matrix_is_antisymmetric_in_logarithms() -> None:
    codecs = [JPEG] + [
        Formula(name, size=lambda s, i, k=k: exponential_size(s, i) * (0.5 + 0.3 * k + 0.1 * math.sin(i * k)))
        for k, name in enumerate(("webp", "avif", "jxl"), start=1)
    ]
    points = collect(study(codecs, 6))
    curves = fit(points, "ssimulacra2")
    matrix = bd_matrix(curves, Scope())
    for a in range(4):
        for b in range(4):
            one, other = matrix[a][b].percent, matrix[b][a].percent
            assert one is not None
            assert other is not None
            assert (1 + one.value / 100) * (1 + other.value / 100) == pytest.approx(1)
            assert one.low is not None
            assert other.high is not None
            assert (1 + one.low / 100) * (1 + other.high / 100) == pytest.approx(1)
        assert matrix[a][a].percent is not None
        assert matrix[a][a].percent.value == 0.0


def test_images_without_scores_have_a_reason_too() -> None:
    records = [
        r
        for r in records_of([JPEG, Formula("avif")], 2)
        if r.format == "jpeg" or r.source_image.endswith("001.png")
    ]
    found = image_rates(fit(collect(results_of(records)), "ssimulacra2"), Scope())
    assert found.refusals[0, 1, 0] == "no scores on one side"
    assert found.refusals[1, 1, 0] == ""
