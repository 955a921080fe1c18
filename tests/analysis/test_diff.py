"""A gate that finds regressions and never ignores what it could not compare."""

from __future__ import annotations

import dataclasses
import math
import random

import pytest

from codecstudy.analysis.diff import Comparison, Diff, diff
from codecstudy.errors import ResultsError
from codecstudy.results import QualityRecord, QualityResults
from support.synthetic import Formula, exponential_size, failed, name_of, records_of, results_of, study

JPEG = Formula("jpeg")


def compare(base: QualityResults, head: QualityResults, **changes: object) -> Diff:
    return diff(base, head, **({"targets": [50.0]} | changes))  # type: ignore[arg-type]


def test_the_metric_is_the_first_that_both_sides_measured() -> None:
    base = study([JPEG], 3)
    plain = [dataclasses.replace(r, ssimulacra2=None, butteraugli=None) for r in base.measurements]
    head = dataclasses.replace(base, measurements=plain)
    assert diff(base, base).metric == "ssimulacra2"
    assert diff(base, head).metric == "butteraugli_3norm"
    nothing = [dataclasses.replace(r, psnr=None, ssim=None, butteraugli_3norm=None) for r in plain]
    nothing = [dataclasses.replace(r, butteraugli=1.0) for r in nothing]
    with pytest.raises(ResultsError, match="no metric in common: BASE has butteraugli_3norm"):
        diff(head, dataclasses.replace(base, measurements=nothing))
    with pytest.raises(ResultsError, match="HEAD: these results have no ssimulacra2 scores"):
        diff(base, head, "ssimulacra2")


def only(found: Diff) -> Comparison:
    (comparison,) = found.comparisons
    return comparison


def noisy(factor: float) -> Formula:
    return Formula(
        "jpeg", size=lambda s, i: exponential_size(s, i) * factor * math.exp(0.002 * math.sin(7 * i))
    )


@pytest.mark.parametrize(
    ("factor", "verdict", "code"),
    [(1.0, "same", 0), (1.005, "same", 0), (1.05, "worse", 1), (0.95, "better", 0)],
)
def test_the_verdict_follows_the_size_at_equal_quality(factor: float, verdict: str, code: int) -> None:
    found = compare(study([JPEG], 10), study([noisy(factor)], 10))
    assert only(found).verdict == verdict
    assert only(found).ratio is not None
    assert only(found).ratio.value == pytest.approx(factor, rel=1e-3)  # type: ignore[union-attr]
    assert (found.problems, found.exit_code) == ((), code)


def test_results_equal_themselves_with_an_interval_of_zero_width() -> None:
    found = compare(study([JPEG], 5), study([JPEG], 5), tolerance=0.0)
    ratio = only(found).ratio
    assert ratio is not None
    assert (ratio.value, ratio.low, ratio.high) == (1.0, 1.0, 1.0)
    assert (only(found).verdict, found.exit_code) == ("same", 0)


def test_worse_means_that_the_whole_interval_is_beyond_the_tolerance() -> None:
    wild = Formula("jpeg", size=lambda s, i: exponential_size(s, i) * 1.03 * math.exp(0.4 * (-1) ** i))
    assert only(compare(study([JPEG], 10), study([wild], 10))).verdict == "same"
    head = study([noisy(1.05)], 10)
    assert only(compare(study([JPEG], 10), head, tolerance=0.04)).verdict == "worse"
    assert only(compare(study([JPEG], 10), head, tolerance=0.06)).verdict == "same"


def test_lower_quality_at_the_same_size_is_worse_too() -> None:
    blurry = Formula("jpeg", score=lambda q, i: q - 5, size=lambda s, i: exponential_size(s + 5, i))
    found = only(compare(study([JPEG], 5), study([blurry], 5)))
    assert found.verdict == "worse"
    assert found.ratio is not None
    assert found.ratio.value == pytest.approx(math.exp(5 / 25), rel=1e-6)


def test_the_worst_image_is_named() -> None:
    one = Formula("jpeg", size=lambda s, i: exponential_size(s, i) * (1.3 if i == 3 else 1.0))
    worst = only(compare(study([JPEG], 6), study([one], 6))).worst
    assert worst is not None
    assert worst.image == name_of(3)
    assert worst.ratio == pytest.approx(1.3, rel=1e-6)


def without(records: list[QualityRecord], image: int, quality: int | None = None) -> list[QualityRecord]:
    return [r for r in records if r.source_image != name_of(image) or quality not in (None, r.quality)]


def test_missing_records_are_problems() -> None:
    records = records_of([JPEG], 4)
    found = compare(results_of(records), results_of(without(without(records, 1), 2, 30)))
    assert [(p.kind, p.side, p.image, p.setting) for p in found.problems] == [
        *[("missing", "head", name_of(1), f"jpeg q{q}") for q in (10, 30, 50, 70, 90)],
        ("missing", "head", name_of(2), "jpeg q30"),
    ]
    assert only(found).verdict == "same"
    assert found.exit_code == 1
    backwards = compare(results_of(without(records, 2, 30)), results_of(records))
    assert [(p.kind, p.side) for p in backwards.problems] == [("missing", "base")]


def test_failed_records_are_problems_on_either_side() -> None:
    records = records_of([JPEG], 3)
    broken = [failed(JPEG, 0, 10), *records[1:]]
    for base, head, sides in (
        (records, broken, ["head"]),
        (broken, records, ["base"]),
        (broken, broken, ["base", "head"]),
    ):
        found = compare(results_of(base), results_of(head))
        assert [(p.kind, p.side, p.detail) for p in found.problems] == [
            ("failed", s, "encode broke") for s in sides
        ]
        assert found.exit_code == 1


def test_what_both_sides_skipped_is_no_pair() -> None:
    skipped = dataclasses.replace(failed(JPEG, 0, 10), status="skipped", failure=None)
    records = [skipped, *records_of([JPEG], 3)[1:]]
    assert compare(results_of(records), results_of(records)).exit_code == 0
    assert compare(results_of(records), study([JPEG], 3)).exit_code == 1


def test_a_variant_of_one_side_only_cannot_be_judged() -> None:
    found = compare(study([JPEG, Formula("avif")], 3), study([JPEG], 3))
    assert {c.variant.label: (c.verdict, c.reason) for c in found.comparisons} == {
        "jpeg": ("same", None),
        "avif": ("unknown", "HEAD has no measurement of it"),
    }
    assert {(p.kind, p.setting) for p in found.problems} == {
        ("missing", f"avif q{q}") for q in (10, 30, 50, 70, 90)
    }


def test_a_target_that_head_no_longer_reaches_is_a_problem() -> None:
    weaker = Formula("jpeg", score=lambda q, i: q if i else q / 2)
    found = compare(study([JPEG], 4), study([weaker], 4))
    assert [(p.kind, p.image, p.setting) for p in found.problems] == [("not-reached", name_of(0), "jpeg")]
    assert (only(found).images, only(found).only_base, found.exit_code) == (3, 1, 1)
    better = compare(study([weaker], 4), study([JPEG], 4))
    assert (only(better).only_head, better.exit_code) == (1, 0)


def test_a_target_that_nobody_reaches_is_unknown() -> None:
    found = compare(study([JPEG], 3), study([JPEG], 3), targets=[95])
    assert only(found).reason == "no image reaches SSIMULACRA2 95 on both sides"
    assert found.exit_code == 1


def test_a_single_image_gives_no_verdict() -> None:
    found = compare(study([JPEG], 1), study([JPEG], 1))
    assert (only(found).verdict, only(found).reason) == (
        "unknown",
        "a single image gives no interval",
    )
    assert found.exit_code == 1


def test_another_content_under_the_same_name_is_not_compared() -> None:
    records = records_of([JPEG], 3)
    head = [
        dataclasses.replace(r, source_sha256="f" * 64) if r.source_image == name_of(1) else r for r in records
    ]
    found = compare(results_of(records), results_of(head))
    assert [(p.kind, p.image) for p in found.problems] == [("source-changed", name_of(1))]
    assert only(found).images == 2


def test_versions_that_changed_are_told() -> None:
    head = dataclasses.replace(study([JPEG], 2), tool_versions={"jpeg": "mozjpeg 4", "webp": "1.6"})
    assert compare(study([JPEG], 2), head).versions == {
        "avif": ("libaom 3.13", None),
        "jpeg": ("libjpeg-turbo 3.1", "mozjpeg 4"),
        "webp": (None, "1.6"),
    }


def test_order_of_records_does_not_matter() -> None:
    base, head = records_of([JPEG], 5), records_of([noisy(1.02)], 5)
    shuffled = random.Random(0).sample(head, len(head))
    assert compare(results_of(base), results_of(shuffled)) == compare(results_of(base), results_of(head))


def test_several_targets_and_metrics() -> None:
    found = compare(study([JPEG], 3), study([noisy(1.1)], 3), targets=[30, 60])
    assert [(c.target, c.verdict) for c in found.comparisons] == [(30, "worse"), (60, "worse")]
    usual = compare(study([JPEG], 3), study([noisy(1.1)], 3), metric="butteraugli", targets=None)
    assert usual.targets == (1.5,)
    assert only(usual).verdict == "worse"


@pytest.mark.parametrize("tolerance", [-0.1, 1.0, math.nan])
def test_senseless_tolerances_are_refused(tolerance: float) -> None:
    with pytest.raises(ResultsError, match="tolerance must be"):
        compare(study([JPEG], 1), study([JPEG], 1), tolerance=tolerance)


def test_a_side_without_measurements_is_named() -> None:
    with pytest.raises(ResultsError, match=r"^HEAD: study 'Synthetic': none of its 1 records"):
        compare(study([JPEG], 1), results_of([failed(JPEG, 0, 10)]))
