"""Equivalent quality numbers of different codecs."""

from __future__ import annotations

import dataclasses
import math

import pytest

from codecstudy.analysis.curves import fit
from codecstudy.analysis.equivalence import Equivalent, equivalence
from codecstudy.analysis.points import collect
from codecstudy.results import QualityResults
from support.synthetic import Formula, exponential_size, measured, records_of, results_of, study

JPEG, AVIF = (Formula(name, (50, 60, 70, 80, 90, 95)) for name in ("jpeg", "avif"))


def equivalents(results: QualityResults, metric: str = "ssimulacra2") -> dict[tuple[str, float], Equivalent]:
    points = collect(results)
    found = equivalence(fit(points, metric))
    return {(e.variant.label, e.baseline_level): e for e in found}


def test_a_linear_scale_is_inverted_per_image_and_its_median_taken() -> None:
    # The other codec's number 2 x + i scores x on image i.
    other = Formula("avif", (60, 100, 150, 210), score=lambda q, i: (q - i) / 2)
    entry = equivalents(study([JPEG, other], 5))["avif", 75.0]
    assert entry.level is not None
    assert entry.score is not None
    assert entry.size_ratio is not None
    assert entry.level.value == pytest.approx(152)
    assert (entry.lowest, entry.highest) == pytest.approx((150, 154))
    assert (entry.level.low, entry.level.high) == (None, None)  # five images say too little about a median
    assert entry.score.value == pytest.approx(75)
    assert entry.size_ratio.value == pytest.approx(1.0, rel=1e-6)
    assert (entry.images, entry.left_out) == (5, 0)


def test_metrics_where_lower_is_better_work_too() -> None:
    other = Formula("avif", (20, 30, 45, 50), score=lambda q, i: q * 2)
    entry = equivalents(study([JPEG, other], 2), "butteraugli")["avif", 80.0]
    assert entry.level is not None
    assert entry.score is not None
    assert entry.level.value == pytest.approx(40)
    assert entry.score.value == pytest.approx(2.0)


def test_the_size_at_the_equivalent_level_is_reported() -> None:
    half = Formula("avif", JPEG.qualities, size=lambda s, i: exponential_size(s, i) / 2)
    entry = equivalents(study([JPEG, half], 3))["avif", 70.0]
    assert entry.size_ratio is not None
    assert entry.size_ratio.value == pytest.approx(0.5, rel=1e-6)


def test_missing_numbers_have_reasons() -> None:
    narrow = Formula("avif", (10, 40), score=lambda q, i: q)
    still = Formula("webp", (0,), setting={"quality": None, "extra_args": {"lossless": True}})
    found = equivalents(study([Formula("jpeg", (60, 65, 72, 81)), narrow, still], 3))
    assert found["avif", 60.0].reason == "no image reaches the score of jpeg at quality 60"
    assert found["avif", 60.0].left_out == 3
    assert found["avif", 90.0].reason == "jpeg at quality 90 is outside the measured levels, or is lossless"
    assert found["webp lossless", 60.0].reason == "no parameter is swept"


def test_a_distance_is_found_on_its_own_scale() -> None:
    records = records_of([JPEG], 2)
    for i in range(2):
        for d in (0.5, 1.0, 2.0, 5.0):
            score = 100 - 8 * d
            records.append(
                measured(
                    Formula("jxl"), i, 0, quality=None, extra_args={"distance": d}, ssimulacra2=score,
                    file_size=round(1e8 * math.exp(score / 25)),
                )
            )  # fmt: skip
    entry = equivalents(results_of(records))["jxl (by distance)", 90.0]
    assert entry.level is not None
    assert entry.level.value == pytest.approx(1.25)


def test_a_lossless_level_of_the_baseline_has_no_equivalent() -> None:
    records = [
        dataclasses.replace(r, psnr=math.inf) if r.quality == 95 else r for r in records_of([JPEG, AVIF], 3)
    ]
    found = equivalents(results_of(records), "psnr")
    assert found["avif", 95.0].reason == "jpeg at quality 95 is outside the measured levels, or is lossless"
    assert found["avif", 90.0].level is not None
