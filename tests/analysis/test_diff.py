"""A gate that finds regressions, says what it could not decide, and never ignores what it could not compare."""

from __future__ import annotations

import dataclasses
import math
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from codecstudy.analysis.diff import Comparison, Diff, diff
from codecstudy.errors import ResultsError
from codecstudy.results import QualityResults
from support.synthetic import Formula, exponential_size, name_of, records_of, results_of, study

JPEG = Formula("jpeg")


def compare(base: QualityResults, head: QualityResults, **changes: Any) -> Diff:
    return diff(base, head, **({"targets": [50.0], "at": "matched"} | changes))


def only(found: Diff) -> Comparison:
    (comparison,) = found.comparisons
    return comparison


def change(comparison: Comparison) -> float:
    assert comparison.change is not None
    return comparison.change.value


def grown(factor: Callable[[int], float], format: str = "jpeg", **setting: Any) -> Formula:
    """Files of image ``i`` that are ``factor(i)`` times as large."""
    return Formula(format, size=lambda s, i: exponential_size(s, i) * factor(i), **setting)


def noisy(mean: float, deviation: float, images: int, seed: int = 0) -> Formula:
    """Growth by ``mean`` on these images exactly, differing between images."""
    logs = np.random.default_rng(seed).normal(0, deviation, images)
    return grown(lambda i: mean * math.exp(logs[i] - logs.mean()))


# ------------------------------------------------------------------------------------------ the gate "corpus"


@pytest.mark.parametrize(
    ("factor", "verdict", "code"),
    [
        (1.0, "equivalent", 0),
        (1.005, "equivalent", 0),
        (0.995, "equivalent", 0),
        (1.012, "worse", 1),
        (0.988, "better", 0),
    ],
)
def test_on_these_images_the_change_itself_decides(factor: float, verdict: str, code: int) -> None:
    found = compare(study([JPEG], 3), study([JPEG.scaled(factor)], 3))
    assert only(found).verdict == verdict
    assert only(found).reason is None
    assert change(only(found)) == pytest.approx(factor, rel=1e-6)
    assert (found.problems, found.exit_code) == ((), code)


@pytest.mark.parametrize("seed", range(40))
def test_growth_of_3_percent_on_six_images_fails_every_time(seed: int) -> None:
    # However much the images differ: by a standard deviation of up to 12 %.
    head = noisy(1.03, 0.003 * (1 + seed), 6, seed)
    found = diff(study([JPEG], 6), study([head], 6))
    assert found.gate == "corpus"
    assert {c.verdict for c in found.comparisons if c.quantity == "size"} == {"worse"}
    assert found.exit_code == 1


def test_a_single_image_is_a_corpus_too() -> None:
    assert only(compare(study([JPEG], 1), study([JPEG.scaled(1.02)], 1))).verdict == "worse"
    found = only(compare(study([JPEG], 1), study([JPEG], 1)))
    assert (found.verdict, found.change.low if found.change else 0) == ("equivalent", None)


def test_growth_of_the_total_fails_even_if_the_mean_does_not_grow() -> None:
    # The largest files grow by 5 %, the smallest shrink by as much.
    head = grown(lambda i: 1.05 if i >= 3 else 1 / 1.05)
    found = only(compare(study([JPEG], 6), study([head], 6)))
    assert change(found) == pytest.approx(1)
    assert found.total is not None
    assert found.total.value > 1.01
    assert (found.verdict, found.fails) == ("worse", True)


def test_interpolation_errors_cancel_between_the_same_levels() -> None:
    head = study([JPEG.scaled(1.005)], 4)
    found = only(compare(study([JPEG], 4), head, targets=[55.0]))
    assert (found.verdict, found.change and found.change.interpolation) == (
        "equivalent",
        pytest.approx(0, abs=1e-9),
    )


@pytest.mark.parametrize(("factor", "fails"), [(1.005, False), (1.02, True), (1.5, True)])
def test_between_other_levels_interpolation_may_hide_a_change(factor: float, fails: bool) -> None:
    head = dataclasses.replace(JPEG.scaled(factor), qualities=(10, 32, 52, 72, 90))
    found = compare(study([JPEG], 4), study([head], 4), targets=[55.0])
    assert only(found).verdict == ("worse" if factor == 1.5 else "inconclusive")
    assert (only(found).reason is None) == (factor == 1.5)
    # Growth beyond the tolerance fails, whether or not interpolation made it.
    assert (only(found).fails, found.exit_code) == (fails, int(fails))
    assert found.notes == (
        "jpeg: only BASE was measured at quality 30, 50, 70",
        "jpeg: only HEAD was measured at quality 32, 52, 72",
    )


def test_lower_quality_at_the_same_size_is_worse_at_the_same_score() -> None:
    blurry = Formula("jpeg", score=lambda q, i: q - 5, size=lambda s, i: exponential_size(s + 5, i))
    found = only(compare(study([JPEG], 5), study([blurry], 5)))
    assert found.verdict == "worse"
    assert change(found) == pytest.approx(math.exp(5 / 25), rel=1e-6)


def test_the_worst_image_is_named() -> None:
    found = only(compare(study([JPEG], 6), study([grown(lambda i: 1.3 if i == 3 else 1.0)], 6)))
    assert found.worst_image == name_of(3)
    assert (found.lowest, found.highest) == (pytest.approx(1), pytest.approx(1.3))


# --------------------------------------------------------------------- the gates "population" and "equivalence"


@pytest.mark.parametrize(
    ("head", "verdict", "population", "equivalence"),
    [
        (noisy(1.05, 0.01, 12), "worse", 1, 1),
        (noisy(0.95, 0.01, 12), "better", 0, 0),
        (noisy(1.0, 0.002, 12), "equivalent", 0, 0),
        (noisy(1.0, 0.05, 12), "inconclusive", 0, 1),
        (noisy(1.03, 0.05, 12), "inconclusive", 0, 1),
    ],
)
def test_on_other_images_the_evidence_decides(
    head: Formula, verdict: str, population: int, equivalence: int
) -> None:
    base = study([JPEG], 12)
    for gate, code in (("population", population), ("equivalence", equivalence)):
        found = compare(base, study([head], 12), gate=gate)
        assert only(found).verdict == verdict
        assert only(found).fails == bool(code)
        assert found.exit_code == code
        undecided = "too few images for their spread" if verdict == "inconclusive" else None
        assert only(found).reason == undecided


def test_few_images_give_no_verdict_on_others() -> None:
    found = compare(study([JPEG], 5), study([JPEG.scaled(2)], 5), gate="population")
    assert (only(found).verdict, only(found).reason) == (
        "inconclusive",
        "a verdict on other images needs at least 6 images",
    )
    assert only(found).smallest_effect is None
    assert found.exit_code == 0
    assert compare(study([JPEG], 5), study([JPEG], 5), gate="equivalence").exit_code == 1


def test_more_comparisons_need_more_evidence() -> None:
    # One of many is worse by chance: p is about 0.02.
    head = noisy(1.045, 0.05, 12)
    alone = compare(study([JPEG], 12), study([head], 12), gate="population")
    assert only(alone).verdict == "worse"
    more = [JPEG, Formula("webp"), Formula("avif"), Formula("jxl")]
    found = compare(study(more, 12), study([head, *more[1:]], 12), gate="population")
    assert [c.verdict for c in found.comparisons] == ["inconclusive", *3 * ["equivalent"]]


def test_what_it_takes_is_told_of_every_line() -> None:
    for gate in ("corpus", "population"):
        found = only(compare(study([JPEG], 12), study([noisy(1.0, 0.02, 12)], 12), gate=gate))
        assert found.smallest_effect is not None
        assert found.images_needed is not None
        # With a standard error of 0.6 %: 1 % of tolerance, and about three standard errors.
        assert 0.02 < found.smallest_effect < 0.04
        assert 15 < found.images_needed < 60
    sharper = only(compare(study([JPEG], 40), study([noisy(1.0, 0.02, 40)], 40)))
    assert sharper.smallest_effect is not None
    assert sharper.smallest_effect < found.smallest_effect


# ------------------------------------------------------------------------------------------ at the same settings


@pytest.mark.parametrize("gate", ["corpus", "population", "equivalence"])
@pytest.mark.parametrize("qualities", [(10, 30, 50, 70, 90), (60,)])
@pytest.mark.parametrize("at", [None, "fixed"])
def test_results_are_equivalent_to_themselves(gate: Any, qualities: tuple[int, ...], at: Any) -> None:
    results = study([dataclasses.replace(JPEG, qualities=qualities), Formula("avif")], 6)
    found = diff(results, results, gate=gate, at=at, max_time_growth=0.1)
    assert {c.verdict for c in found.comparisons} == {"equivalent"}
    assert {c.quantity for c in found.comparisons} == {"size", "score", "encode_cpu", "decode_cpu"}
    assert (found.problems, found.exit_code) == ((), 0)


def test_without_tolerance_results_are_equivalent_to_themselves() -> None:
    found = diff(study([JPEG], 3), study([JPEG], 3), tolerance=0)
    assert {c.verdict for c in found.comparisons} == {"equivalent"}


def fixed(found: Diff, quantity: str) -> dict[float | None, Comparison]:
    return {c.level: c for c in found.comparisons if (c.at, c.quantity) == ("fixed", quantity)}


def test_sizes_and_scores_are_compared_at_each_shared_setting() -> None:
    head = Formula("jpeg", score=lambda q, i: q - (3 if q == 70 else 0.5), size=lambda s, i: 1000 + s)
    base = Formula("jpeg", size=lambda s, i: 1000 + s)
    found = diff(study([base], 4), study([head], 4), at="fixed")
    scores = fixed(found, "score")
    assert {level: c.verdict for level, c in scores.items()} == {
        level: "worse" if level == 70 else "equivalent" for level in (10, 30, 50, 70, 90)
    }
    assert [change(scores[level]) for level in (50, 70)] == [pytest.approx(-0.5), pytest.approx(-3)]
    assert scores[70].label == "jpeg q70"
    assert scores[70].total is None
    assert found.score_tolerance == pytest.approx(0.8)
    assert {c.verdict for c in fixed(found, "size").values()} == {"equivalent"}
    lenient = diff(study([base], 4), study([head], 4), at="fixed", score_tolerance=3)
    assert lenient.exit_code == 0


def test_a_lower_score_is_better_where_lower_is_better() -> None:
    head = Formula("jpeg", butteraugli=lambda score, image: (100 - score) / 10 + 1)
    found = diff(study([JPEG], 3), study([head], 3), "butteraugli", at="fixed")
    assert {c.verdict for c in fixed(found, "score").values()} == {"worse"}
    assert {round(change(c), 6) for c in fixed(found, "score").values()} == {1}
    back = diff(study([head], 3), study([JPEG], 3), "butteraugli", at="fixed")
    assert {c.verdict for c in fixed(back, "score").values()} == {"better"}


def test_a_lossless_setting_that_is_lossless_no_more_is_a_problem() -> None:
    def psnr(quality: int, value: float) -> QualityResults:
        records = records_of([JPEG], 3)
        return results_of(
            [dataclasses.replace(r, psnr=value) if r.quality == quality else r for r in records]
        )

    lossless, lossy = psnr(90, math.inf), psnr(90, 60.0)
    assert diff(lossless, lossless, "psnr", at="fixed").exit_code == 0
    found = diff(lossless, lossy, "psnr", at="fixed")
    assert {(p.kind, p.setting) for p in found.problems if p.kind == "not-lossless"} == {
        ("not-lossless", "jpeg q90")
    }
    assert not [p for p in diff(lossy, lossless, "psnr", at="fixed").problems if p.kind == "not-lossless"]


def test_growth_at_low_qualities_only_is_seen() -> None:
    head = Formula("jpeg", size=lambda s, i: exponential_size(s, i) * (1.1 if s <= 50 else 1.0))
    found = diff(study([JPEG], 6), study([head], 6), at="matched")
    assert {c.target: c.verdict for c in found.comparisons} == {
        50: "worse",
        70: "equivalent",
        80: "inconclusive",  # between measured levels: the step bends the curve there too
        90: "equivalent",
    }
    assert found.exit_code == 1
    sizes = fixed(diff(study([JPEG], 6), study([head], 6)), "size")
    assert [level for level, c in sizes.items() if c.verdict == "worse"] == [10, 30, 50]


# ------------------------------------------------------------------------------------------ times


def slower(factor: Callable[[int], float]) -> Formula:
    return Formula("jpeg", cpu=lambda quality, image: 0.5 * factor(image))


def test_times_are_compared_only_if_their_growth_is_limited() -> None:
    base, head = study([JPEG], 8), study([slower(lambda i: 1.5)], 8)
    assert diff(base, head).exit_code == 0
    assert not fixed(diff(base, head), "encode_cpu")
    found = diff(base, head, max_time_growth=0.1)
    assert {c.verdict for c in fixed(found, "encode_cpu").values()} == {"worse"}
    assert {c.verdict for c in fixed(found, "decode_cpu").values()} == {"equivalent"}
    assert found.exit_code == 1
    assert diff(base, head, max_time_growth=0.6).exit_code == 0


@pytest.mark.parametrize(("gate", "code"), [("corpus", 0), ("population", 0), ("equivalence", 1)])
def test_times_are_measured_with_errors_in_every_gate(gate: Any, code: int) -> None:
    # 12 % on average, but too different between images to be sure.
    head = slower(lambda i: 1.12 * math.exp(0.4 * (-1) ** i))
    found = diff(study([JPEG], 8), study([head], 8), gate=gate, max_time_growth=0.1)
    assert {c.verdict for c in fixed(found, "encode_cpu").values()} == {"inconclusive"}
    assert found.exit_code == code


def test_times_of_other_machines_are_told() -> None:
    base = study([JPEG], 6)
    head = dataclasses.replace(base, run=dataclasses.replace(base.run, cpu="another CPU"))
    assert diff(base, head, max_time_growth=0.1).notes == (
        "times are from different machines: a CPU, an OS and another CPU, an OS",
    )
    assert diff(base, head).notes == ()


def test_missing_times_are_a_problem_if_they_are_to_be_compared() -> None:
    base = study([JPEG], 6)
    head = results_of([dataclasses.replace(r, decoding_cpu_time=None) for r in base.measurements])
    found = diff(base, head, max_time_growth=0.1)
    assert {p.kind for p in found.problems} == {"not-compared"}
    assert {c.reason for c in fixed(found, "decode_cpu").values()} == {"no image has a value on both sides"}
    assert diff(base, head).exit_code == 0


# ------------------------------------------------------------------------------------------ two variants


def two_speeds(**changes: Any) -> QualityResults:
    slow, fast = (
        grown(lambda i, f=factor: f * math.exp(0.001 * i), "avif", setting={"speed": speed}, **changes)
        for speed, factor in ((7, 1.0), (8, 1.1))
    )
    return study([JPEG, slow, fast], 6)


def test_two_variants_of_one_result_are_compared_at_the_same_score() -> None:
    results = two_speeds()
    found = diff(results, results, base_variant="avif s7", head_variant="avif s8", max_time_growth=0.1)
    assert {c.label for c in found.comparisons} == {"avif s8 against avif s7"}
    assert {c.at for c in found.comparisons} == {"matched"}
    sizes = [c for c in found.comparisons if c.quantity == "size"]
    assert [c.target for c in sizes] == [50, 70, 80, 90]
    assert {c.verdict for c in sizes if c.target in (50, 70, 90)} == {"worse"}  # at measured levels
    assert {c.quantity for c in found.comparisons} == {"size", "encode_cpu", "decode_cpu"}
    assert found.exit_code == 1
    back = diff(results, results, base_variant="avif s8", head_variant="avif s7")
    assert {c.verdict for c in back.comparisons if c.target != 80} == {"better"}
    assert back.exit_code == 0


def test_a_variant_is_named_by_label_encoder_or_format() -> None:
    results = two_speeds()
    assert diff(results, results, base_variant="jpeg", head_variant="avif s7").problems == ()
    with pytest.raises(
        ResultsError, match="HEAD: 'avif' fits several variants; give one of: avif s7, avif s8"
    ):
        diff(results, results, base_variant="jpeg", head_variant="avif")
    with pytest.raises(
        ResultsError, match=r"BASE has no variant 'webp'; give .* one of: jpeg, avif s7, avif s8"
    ):
        diff(results, results, base_variant="webp", head_variant="jpeg")
    with pytest.raises(ResultsError, match="name both"):
        diff(results, results, base_variant="jpeg")


def test_different_variants_have_no_setting_in_common() -> None:
    results = two_speeds()
    with pytest.raises(ResultsError, match="different variants, which have no setting in common"):
        diff(results, results, base_variant="avif s7", head_variant="avif s8", at="fixed")
    same = diff(results, results, base_variant="avif s7", head_variant="avif s7")
    assert {c.at for c in same.comparisons} == {"matched", "fixed"}
    assert {c.base.label for c in same.comparisons} == {"avif s7"}


def test_variants_are_compared_at_each_resolution_of_both() -> None:
    sizes = [
        grown(lambda i: 1.0, name, setting={"resolution": edge})
        for name, edges in (("jpeg", (None, 640)), ("avif", (None, 320, 640)))
        for edge in edges
    ]
    results = study(sizes, 6)
    found = diff(results, results, base_variant="jpeg", head_variant="avif", targets=[50])
    assert [c.label for c in found.comparisons] == ["avif against jpeg", "avif r640 against jpeg r640"]
    with pytest.raises(ResultsError, match="not encoded from the same pixels"):
        diff(results, results, base_variant="jpeg", head_variant="avif r320")


# ------------------------------------------------------------------------------------------ arguments


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


def test_the_usual_targets_of_other_metrics() -> None:
    found = compare(study([JPEG], 3), study([JPEG.scaled(1.1)], 3), metric="butteraugli", targets=None)
    assert found.targets == (3.0, 2.0, 1.5, 1.0)
    assert {c.verdict for c in found.comparisons} == {"worse"}


def test_versions_that_changed_are_told() -> None:
    head = dataclasses.replace(study([JPEG], 2), tool_versions={"jpeg": "mozjpeg 4", "webp": "1.6"})
    assert compare(study([JPEG], 2), head).versions == {
        "avif": ("libaom 3.13", None),
        "jpeg": ("libjpeg-turbo 3.1", "mozjpeg 4"),
        "webp": (None, "1.6"),
    }


def test_order_of_records_does_not_matter() -> None:
    base, head = records_of([JPEG], 5), records_of([noisy(1.02, 0.01, 5)], 5)
    shuffled = random.Random(0).sample(head, len(head))
    assert compare(results_of(base), results_of(shuffled)) == compare(results_of(base), results_of(head))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"tolerance": -0.1}, "tolerance must be"),
        ({"tolerance": 1.0}, "tolerance must be"),
        ({"tolerance": math.nan}, "tolerance must be"),
        ({"score_tolerance": -1}, "tolerance of scores must be"),
        ({"max_time_growth": math.inf}, "growth of times must be"),
        ({"gate": "strict"}, "unknown gate 'strict'; give one of corpus, population, equivalence"),
        ({"at": "all"}, "unknown kind of comparison 'all'; give one of matched, fixed, both"),
        ({"targets": []}, "targets must be finite"),
    ],
)
def test_senseless_arguments_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ResultsError, match=message):
        compare(study([JPEG], 1), study([JPEG], 1), **arguments)
