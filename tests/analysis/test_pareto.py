"""The Pareto front of size against encode time."""

from __future__ import annotations

import math

import numpy as np
import pytest

from codecstudy.analysis.bootstrap import Resamples
from codecstudy.analysis.curves import fit
from codecstudy.analysis.matched import match
from codecstudy.analysis.pareto import ParetoFront, on_front, pareto
from codecstudy.analysis.points import collect
from codecstudy.analysis.variants import Scope
from codecstudy.results import QualityResults
from support.synthetic import Formula, exponential_size, measured, records_of, results_of, study


def front(results: QualityResults, target: float = 50) -> ParetoFront:
    points = collect(results)
    matched = match(fit(points, "ssimulacra2"), [20, target])
    return pareto(matched, target, Resamples.draw(points.sample, resamples=500), Scope())


def codec(name: str, factor: float, seconds: float, **setting: object) -> Formula:
    return Formula(
        name, size=lambda s, i: exponential_size(s, i) * factor, cpu=lambda q, i: seconds, setting=setting
    )


def test_dominated_variants_are_off_the_front() -> None:
    codecs = [
        codec("jpeg", 1.0, 0.01),
        codec("webp", 0.8, 0.1),
        codec("avif", 0.5, 1.0),
        codec("jxl", 0.9, 2.0),
    ]
    found = front(study(codecs, 4))
    assert [(p.variant.label, p.on_front, p.front_share) for p in found.points] == [
        ("jpeg", True, 1.0), ("webp", True, 1.0), ("avif", True, 1.0), ("jxl", False, 0.0),
    ]  # fmt: skip
    assert found.images == 4
    avif = found.points[2]
    assert avif.seconds_per_mp.value == pytest.approx(1.0)
    logs = [math.log(8e-6 * 0.5e8 * (1 + i)) + 2 for i in range(4)]
    assert avif.bits_per_pixel.value == pytest.approx(math.exp(sum(logs) / 4), rel=1e-6)


def test_equal_variants_are_both_on_the_front() -> None:
    found = front(study([codec("jpeg", 1, 1), codec("webp", 1, 1)], 3))
    assert [p.on_front for p in found.points] == [True, True]


def test_an_uncertain_variant_is_on_the_front_in_some_resamples() -> None:
    uncertain = Formula(
        "avif", size=lambda s, i: exponential_size(s, i) * math.exp(0.2 * (-1) ** i), cpu=lambda q, i: 1.0
    )
    share = front(study([codec("jpeg", 1.0, 0.5), uncertain], 8)).points[1].front_share
    assert share is not None
    assert 0.25 < share < 0.75


def test_a_variant_that_rarely_reaches_the_score_is_excluded() -> None:
    records = records_of([codec("jpeg", 1, 1)], 4)
    records += [
        measured(Formula("webp"), i, q, ssimulacra2=q / (1 if i == 0 else 3))
        for i in range(4)
        for q in (10, 90)
    ]
    found = front(results_of(records))
    assert [p.variant.label for p in found.points] == ["jpeg"]
    assert found.left_out == {"webp": "reaches the score on 1 of 4 images"}
    assert found.images == 4


def test_an_empty_front_has_a_reason() -> None:
    beyond = front(study([codec("jpeg", 1, 1)], 3), target=95)
    assert beyond.points == ()
    assert beyond.reason == "no variant reaches SSIMULACRA2 95 on 50% of the images"
    halves = [
        measured(codec(name, 1, 1), i, q, ssimulacra2=float(q if i % 2 == odd else q / 10))
        for odd, name in enumerate(("jpeg", "webp"))
        for i in range(4)
        for q in (10, 90)
    ]
    assert front(results_of(halves)).reason == "no image reaches SSIMULACRA2 50 with every variant"


def test_without_cpu_times_a_variant_is_left_out() -> None:
    records = [measured(Formula("jpeg"), i, q, encoding_cpu_time=None) for i in range(2) for q in (10, 90)]
    assert front(results_of(records)).left_out == {"jpeg": "has images without encode CPU time"}


def test_a_single_image_has_no_share() -> None:
    assert front(study([codec("jpeg", 1, 1)], 1)).points[0].front_share is None


def test_the_front_agrees_with_a_brute_force_search() -> None:
    random = np.random.default_rng(0)
    size, time = random.integers(0, 6, (50, 7)).astype(float), random.integers(0, 6, (50, 7)).astype(float)
    for row, found in enumerate(on_front(size, time)):
        for k in range(7):
            rivals = [
                size[row, j] <= size[row, k]
                and time[row, j] <= time[row, k]
                and (size[row, j] < size[row, k] or time[row, j] < time[row, k])
                for j in range(7)
            ]
            assert found[k] == (not any(rivals))
