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
from codecstudy.errors import ResultsError
from codecstudy.results import QualityRecord, QualityResults
from support.synthetic import Formula, exponential_size, measured, records_of, results_of, study

JPEG = Formula("jpeg")


def rates(
    results: QualityResults, metric: str = "ssimulacra2", over: tuple[float, float] | None = None
) -> dict[str, BDRate]:
    """Every variant against JPEG, by label."""
    points = collect(results)
    matrix = bd_matrix(fit(points, metric), Scope(), over)
    against_jpeg = [row[0] for row in matrix]
    assert against_jpeg[0].variant.format == "jpeg"
    return {rate.variant.label: rate for rate in against_jpeg}


def test_a_curve_scaled_by_a_half_is_minus_fifty_percent() -> None:
    ranges = {"ssimulacra2": None, "butteraugli": (3, 1), "butteraugli_3norm": (1.5, 0.5), "psnr": (32, 38)}
    for metric, over in ranges.items():
        rate = rates(study([JPEG, Formula("avif").scaled(0.5)], 5), metric, over)["avif"]
        assert rate.percent is not None
        assert rate.percent.value == pytest.approx(-50, abs=1e-5)
        # Sizes are exponential in all scores: leaving points out changes nothing.
        assert (rate.percent.low, rate.percent.high) == pytest.approx((-50, -50), abs=1e-4)
        assert rate.error == pytest.approx(0, abs=1e-4)
        assert rate.range == (over or (50, 90))


def test_a_steeper_curve_has_the_mean_of_the_log_difference() -> None:
    # log size 0.05 s against 0.04 s over scores 50 to 90: the mean difference is 0.01 * 70.
    steep = Formula("avif", size=lambda s, i: 1e8 * (1 + i) * math.exp(s / 20))
    rate = rates(study([JPEG, steep], 3))["avif"].percent
    assert rate is not None
    assert rate.value == pytest.approx(100 * math.expm1(0.7), rel=1e-6)


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
    low, high = max(score_a[0], score_b[0]), min(score_a[-1], score_b[-1])
    if high <= low:
        return
    rate = rates(results_of(records), over=(low, high))["avif"]
    # The package integrates over the common scores.
    expected = bjontegaard.bd_rate(size_a, score_a, size_b, score_b, method="pchip", min_overlap=0)
    assert rate.percent is not None
    assert rate.percent.value == pytest.approx(expected, rel=1e-9, abs=1e-9)


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
        (rising(51, 99), "no points on both sides of 50 to 90"),
        (rising(10, 89), "no points on both sides of 50 to 90"),
    ],
)
def test_invalid_pairs_are_refused_with_a_reason(other: list[tuple[float, int]], reason: str) -> None:
    rate = rates(results_of(pair(rising(10, 90), other)))["avif"]
    assert rate.percent is None
    assert rate.refused == {reason: 1}
    assert rate.reason == f"{reason} (1 image)"
    assert rate.covered == pytest.approx((other[0][0], min(90, other[-1][0])))


@pytest.mark.parametrize("over", [(70.0, 70.0), (math.nan, 90.0)])
def test_a_range_needs_two_scores(over: tuple[float, float]) -> None:
    with pytest.raises(ResultsError, match="a BD-rate needs a range of two different SSIMULACRA2 scores"):
        rates(study([JPEG], 1), over=over)


def test_the_order_of_the_two_scores_does_not_matter() -> None:
    results = study([JPEG, Formula("avif").scaled(0.5)], 2)
    assert rates(results, over=(90, 50)) == rates(results, over=(50, 90))
    assert rates(results, "butteraugli", over=(1, 3))["avif"].range == (3, 1)


def bent(quality: float) -> float:
    """A score that bends at both ends, as those of real encoders do."""
    return 100 * (1 - math.exp(-quality / 35)) / (1 - math.exp(-100 / 35))


@settings(max_examples=20, deadline=None)
@given(first=st.integers(1, 15), last=st.integers(88, 99), step=st.integers(8, 12))
def test_shifting_the_ends_of_a_sweep_moves_it_by_no_more_than_its_stated_error(
    first: int, last: int, step: int
) -> None:
    inner = tuple(range(20, 85, step))
    size = {
        "jpeg": lambda s, i: 1e9 * math.exp(s / 30 + (s / 70) ** 4),
        "avif": lambda s, i: 6e8 * math.exp(s / 27),
    }
    one, other = (
        rates(study([Formula(name, q, lambda q, i: bent(q), size[name]) for name in size], 2), over=(55, 88))[
            "avif"
        ]
        for q in ((first, *inner, last), (16, *inner, 86))
    )
    assert one.percent is not None
    assert other.percent is not None
    assert one.error is not None
    assert other.error is not None
    moved = abs(math.log1p(one.percent.value / 100) - math.log1p(other.percent.value / 100))
    assert moved <= max(math.log1p(one.error / 100), math.log1p(other.error / 100))


def test_below_nine_tenths_of_the_images_there_is_no_number() -> None:
    records = records_of([JPEG, Formula("avif").scaled(0.5)], 10)
    cut = [r for r in records if r.quality != 90 or r.format == "jpeg" or r.source_image > "class0/img009"]
    assert rates(results_of(cut))["avif"].percent is None
    assert rates(results_of(cut), over=(50, 70))["avif"].percent is not None


def test_refused_images_are_counted_by_reason() -> None:
    records = records_of([JPEG, Formula("avif").scaled(0.5)], 10)
    records = [
        r
        for r in records
        if not (r.format == "avif" and r.source_image.endswith("000.png") and r.quality != 10)
    ]
    rate = rates(results_of(records))["avif"]
    assert rate.images == 9
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
    found = image_rates(fit(collect(results_of(records)), "ssimulacra2"), Scope(), (50, 90))
    assert found.refusals.tolist() == [["", "no scores"], ["", ""]]
