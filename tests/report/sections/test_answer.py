"""The answer: format, number, saving, and how certain it is."""

from __future__ import annotations

import dataclasses

from codecstudy.report.sections import answer
from codecstudy.report.sections.answer import Answer, Values
from codecstudy.report.text import NARROW
from codecstudy.results import QualityResults
from support.report_cases import BASE, context_of, four_formats
from support.synthetic import failed, measured, results_of, study


def values_of(results: QualityResults, **options: object) -> Values:
    return answer.build(context_of(results, **options))


def plain(text: str | None) -> str:
    return (text or "").replace(NARROW, " ")


def shown(values: Values) -> Answer:
    return next(a for a in values.answers if a.shown)


def test_the_answer_names_format_number_saving_and_uncertainty() -> None:
    found = shown(values_of(four_formats(images=5)))
    assert found.best is not None
    assert (found.best.title, found.best.number, found.best.number_name) == ("AVIF", "80", "quality")
    assert found.best.details == "4:2:0, speed 6"
    assert plain(found.best.change) == "40 % smaller"
    assert plain(found.lead).startswith(
        "Its files are 40 % smaller than JPEG files at the setting that JPEG needs for this target. For"
    )
    assert "95 % confidence" in plain(found.lead)
    assert [row.title for row in found.rows] == ["AVIF", "JPEG XL", "WebP", "JPEG"]
    assert "1 MB of JPEG becomes 59" in found.best.sentence
    assert found.rows[-1].baseline
    assert any(tool.name == "avifenc" and "-q 80" in (tool.text or "") for tool in found.best.tools)


def test_if_not_all_browsers_support_the_best_format_a_fallback_is_named() -> None:
    results = four_formats(images=3)
    kept = [r for r in results.measurements if r.format != "avif"]
    found = shown(values_of(dataclasses.replace(results, measurements=kept)))
    assert found.best is not None
    assert found.best.title == "JPEG XL"
    assert "WebP quality 80 (method 6)" in (found.fallback or "")


def test_the_fallback_names_no_saving_where_the_baseline_misses_the_target() -> None:
    kept = [r for r in four_formats(images=3).measurements if r.format in ("jxl", "webp")]
    poor = [r for r in four_formats(images=3).measurements if r.format == "jpeg" and r.quality == 30]
    results = dataclasses.replace(four_formats(images=3), measurements=[*kept, *poor])
    found = shown(values_of(results, baseline="jpeg"))
    assert "WebP" in (found.fallback or "")
    assert "than" not in (found.fallback or "")


def test_an_unreachable_target_is_reported() -> None:
    found = shown(values_of(four_formats(images=2), target=99.0))
    assert found.best is None
    assert plain(found.lead).startswith("No measured setting of any format reaches SSIMULACRA2 99 on 95 %")
    assert all(row.reason for row in found.rows)


def test_the_baseline_may_be_the_smallest() -> None:
    results = four_formats(images=3)
    found = shown(values_of(results, baseline="avif"))
    assert "No other measured format" in found.lead


def test_a_single_image_has_no_intervals_and_a_reason() -> None:
    values = values_of(four_formats(images=1))
    assert "nothing about other images" in shown(values).lead
    assert any("Only one image" in note for note in values.notes)
    assert all(row.interval is None for row in shown(values).rows)


def test_one_format_is_reported_with_a_note() -> None:
    values = values_of(study([BASE], 3))
    assert any("Only one format" in note for note in values.notes)
    assert shown(values).best is not None


def test_one_quality_is_reported_with_a_note() -> None:
    one = dataclasses.replace(BASE, qualities=(80,))
    values = values_of(study([one, dataclasses.replace(one.scaled(0.5), format="avif")], 3))
    assert any("no curves" in note for note in values.notes)
    # A single setting that meets the target is still an answer.
    assert shown(values).best is not None


def test_without_ssimulacra2_the_answer_is_based_on_the_next_metric() -> None:
    results = four_formats(images=2)
    kept = [dataclasses.replace(r, ssimulacra2=None) for r in results.measurements]
    values = values_of(dataclasses.replace(results, measurements=kept))
    assert shown(values).target == "1.5"


def test_a_run_that_ended_early_and_failures_are_noted() -> None:
    records = [measured(BASE, i, q) for i in range(2) for q in BASE.qualities]
    records += [failed(BASE, 2, q, "decode") for q in BASE.qualities]
    reason = "the time budget was spent"
    notes = values_of(results_of(records, complete=False, incomplete_reason=reason)).notes
    assert any("5 measurements failed" in note for note in notes)
    assert any(reason in note for note in notes)


def test_a_difference_too_small_to_show_is_the_same_size() -> None:
    slightly_smaller = dataclasses.replace(BASE.scaled(0.9997), format="jxl")
    found = shown(values_of(study([BASE, slightly_smaller], 3)))
    assert found.best is not None
    assert found.best.title == "JPEG XL"
    assert found.lead.startswith("Its files are the same size as JPEG files at the setting")
