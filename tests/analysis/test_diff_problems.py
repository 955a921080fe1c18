"""What could not be compared: every record that is missing or failed, and every target that is lost."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from codecstudy.analysis.diff import Comparison, Diff, diff
from codecstudy.errors import ResultsError
from codecstudy.results import QualityRecord, QualityResults
from support.synthetic import Formula, failed, name_of, records_of, results_of, study

JPEG = Formula("jpeg")


def compare(base: QualityResults, head: QualityResults, **changes: Any) -> Diff:
    return diff(base, head, **({"targets": [50.0], "at": "matched"} | changes))


def only(found: Diff) -> Comparison:
    (comparison,) = found.comparisons
    return comparison


def without(records: list[QualityRecord], image: int, quality: int | None = None) -> list[QualityRecord]:
    return [r for r in records if r.source_image != name_of(image) or quality not in (None, r.quality)]


def test_missing_records_are_problems() -> None:
    records = records_of([JPEG], 4)
    found = compare(results_of(records), results_of(without(without(records, 1), 2, 30)))
    assert [(p.kind, p.side, p.image, p.setting) for p in found.problems] == [
        ("missing", "head", name_of(1), ""),
        ("missing", "head", name_of(2), "jpeg q30"),
    ]
    assert only(found).verdict == "equivalent"
    assert found.exit_code == 1
    backwards = compare(results_of(without(records, 2, 30)), results_of(records))
    assert [(p.kind, p.side) for p in backwards.problems] == [("missing", "base")]


def test_an_image_that_one_variant_lacks_is_a_problem() -> None:
    records = records_of([JPEG, Formula("avif")], 3)
    head = [r for r in records if (r.format, r.source_image) != ("avif", name_of(1))]
    found = compare(results_of(records), results_of(head))
    assert {(p.kind, p.image) for p in found.problems} == {("missing", name_of(1))}
    assert len(found.problems) == 5


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


def test_a_variant_that_failed_altogether_is_a_problem() -> None:
    avif = Formula("avif")
    broken = [failed(avif, i, q) for i in range(3) for q in avif.qualities]
    found = diff(study([JPEG, avif], 3), results_of([*records_of([JPEG], 3), *broken]))
    assert {(p.kind, p.side) for p in found.problems} == {("failed", "head")}
    assert {c.label.split()[0] for c in found.comparisons} == {"jpeg"}
    assert found.exit_code == 1


def test_what_both_sides_skipped_is_no_pair() -> None:
    skipped = dataclasses.replace(failed(JPEG, 0, 10), status="skipped", failure=None)
    records = [skipped, *records_of([JPEG], 3)[1:]]
    assert compare(results_of(records), results_of(records)).exit_code == 0
    assert compare(results_of(records), study([JPEG], 3)).exit_code == 1


def test_a_variant_of_one_side_only_is_a_problem() -> None:
    found = compare(study([JPEG, Formula("avif")], 3), study([JPEG], 3))
    assert {c.label: c.verdict for c in found.comparisons} == {"jpeg": "equivalent"}
    assert [(p.kind, p.side, p.setting) for p in found.problems] == [("missing", "head", "avif")]
    assert found.exit_code == 1


def test_another_level_is_a_problem_only_if_settings_are_compared() -> None:
    head = study([dataclasses.replace(JPEG, qualities=(10, 30, 50, 70, 80, 90))], 3)
    assert diff(study([JPEG], 3), head).exit_code == 0
    found = diff(study([JPEG], 3), head, at="both")
    assert [(p.kind, p.side, p.image, p.setting) for p in found.problems] == [
        ("missing", "base", "", "jpeg q80")
    ]


def test_a_target_that_head_no_longer_reaches_is_a_problem() -> None:
    weaker = Formula("jpeg", score=lambda q, i: q if i else q / 2)
    found = compare(study([JPEG], 4), study([weaker], 4))
    assert [(p.kind, p.image, p.setting) for p in found.problems] == [("not-reached", name_of(0), "jpeg")]
    assert (only(found).images, only(found).only_base, found.exit_code) == (3, 1, 1)
    better = compare(study([weaker], 4), study([JPEG], 4))
    assert (only(better).only_head, better.exit_code) == (1, 0)


def test_a_usual_target_that_only_base_reaches_is_a_problem() -> None:
    weaker = Formula("jpeg", score=lambda q, i: 0.95 * q)
    found = diff(study([JPEG], 4), study([weaker], 4), at="matched")
    assert found.targets == (50, 70, 80)
    assert {(p.kind, p.side, p.detail) for p in found.problems} == {
        ("not-reached", "head", "SSIMULACRA2 90 is within BASE's measured scores, but outside HEAD's")
    }
    assert len(found.problems) == 4
    # The other way round, there is nothing to lose.
    assert diff(study([weaker], 4), study([JPEG], 4), at="matched").targets == (50, 70, 80)
    assert not diff(study([weaker], 4), study([JPEG], 4), at="matched").problems


def test_a_usual_target_below_all_of_heads_scores_is_noted() -> None:
    finer = dataclasses.replace(JPEG, qualities=(60, 70, 80, 90))
    found = diff(study([JPEG], 4), study([finer], 4), at="matched")
    assert found.targets == (70, 80, 90)
    assert found.problems == ()
    assert found.notes[0] == (
        "jpeg: not compared at SSIMULACRA2 50: HEAD has measured scores on both sides of it on less than 90% of "
        "the images"
    )
    # A target that was asked for must be compared.
    asked = compare(study([JPEG], 4), study([finer], 4))
    assert {p.kind for p in asked.problems} == {"not-reached", "not-compared"}


def test_an_image_that_misses_by_less_than_the_tolerance_of_scores_is_left_out() -> None:
    nearly = Formula("jpeg", score=lambda q, i: q if i else q * 89.5 / 90)
    found = diff(study([JPEG], 20), study([nearly], 20), at="matched")
    assert found.targets == (50, 70, 80, 90)
    assert [c.only_base for c in found.comparisons] == [0, 0, 0, 1]
    assert found.problems == ()
    strict = diff(study([JPEG], 20), study([nearly], 20), at="matched", score_tolerance=0.1)
    assert [(p.kind, p.image) for p in strict.problems] == [("not-reached", name_of(0))]
    # Of ten images it is too large a share: the target is no longer reached.
    few = diff(study([JPEG], 6), study([nearly], 6), at="matched")
    assert few.targets == (50, 70, 80)
    assert [(p.kind, p.image) for p in few.problems] == [("not-reached", name_of(0))]


def test_a_requested_target_that_nobody_reaches_is_a_problem() -> None:
    found = compare(study([JPEG], 3), study([JPEG], 3), targets=[95])
    reason = "no image reaches SSIMULACRA2 95 on both sides"
    assert (only(found).verdict, only(found).reason, only(found).fails) == ("inconclusive", reason, True)
    assert [(p.kind, p.setting, p.detail) for p in found.problems] == [("not-compared", "jpeg", reason)]
    assert found.exit_code == 1


def test_a_variant_without_any_comparison_is_a_problem() -> None:
    base = study([dataclasses.replace(JPEG, qualities=(60,))], 3)
    head = study([dataclasses.replace(JPEG, qualities=(61,))], 3)
    usual = "no usual SSIMULACRA2 target is reached on both sides by 90% of the images"
    for at, detail in (
        (None, f"{usual}, and no setting is shared"),
        ("matched", f"{usual}; give one"),
        ("fixed", "BASE and HEAD have no setting in common"),
    ):
        found = diff(base, head, at=at)  # type: ignore[arg-type]
        assert ("not-compared", "jpeg", detail) in [(p.kind, p.setting, p.detail) for p in found.problems]
        assert found.comparisons == ()
        assert found.exit_code == 1


def test_another_content_under_the_same_name_is_not_compared() -> None:
    records = records_of([JPEG], 3)
    head = [
        dataclasses.replace(r, source_sha256="f" * 64) if r.source_image == name_of(1) else r for r in records
    ]
    found = compare(results_of(records), results_of(head))
    assert [(p.kind, p.image) for p in found.problems] == [("source-changed", name_of(1))]
    assert only(found).images == 2


def test_no_image_in_common_is_one_sentence() -> None:
    records = records_of([JPEG], 6)
    head = [dataclasses.replace(r, source_image=f"new/{r.source_image}") for r in records]
    with pytest.raises(ResultsError) as error:
        diff(results_of(records), results_of(head))
    assert str(error.value).startswith(
        "BASE and HEAD have no image in common (BASE has class0/img000.png, class0/img003.png, class1/img001.png "
        "and 3 more; HEAD has new/class0/img000.png"
    )
    other = [
        dataclasses.replace(r, source_sha256=f"f{r.source_sha256[1:]}") for r in records if r.source_sha256
    ]
    with pytest.raises(ResultsError, match=r"no image in common: .* and 3 more have other contents in HEAD"):
        diff(results_of(records), results_of(other))


def test_no_variant_in_common_is_one_sentence() -> None:
    with pytest.raises(ResultsError, match=r"no variant in common \(BASE has jpeg; HEAD has avif\)"):
        diff(study([JPEG], 3), study([Formula("avif")], 3))


def test_problems_that_differ_only_in_their_place_are_one_group() -> None:
    records = records_of([JPEG], 30)
    broken = [failed(JPEG, i, q) if i < 20 else r for r in records for i, q in [_place(r)]]
    found = compare(results_of(records), results_of(without(broken, 29)))
    assert [(g.kind, g.side, g.detail, g.count) for g in found.problem_groups] == [
        ("failed", "head", "encode broke", 100),
        ("missing", "head", "no record of this image", 1),
    ]
    assert len(found.problem_groups[0].examples) == 3
    assert found.problem_groups[0].examples[0] == f"{name_of(0)}, jpeg q10"
    assert found.problem_groups[1].examples == (name_of(29),)


def _place(record: QualityRecord) -> tuple[int, int]:
    assert record.quality is not None
    return int(record.source_image[-7:-4]), record.quality


def test_a_side_without_measurements_is_named() -> None:
    with pytest.raises(ResultsError, match=r"^HEAD: study 'Synthetic': none of its 1 records"):
        compare(study([JPEG], 1), results_of([failed(JPEG, 0, 10)]))
