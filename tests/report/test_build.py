"""What the report says, before it is laid out."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from codecstudy.errors import ResultsError
from codecstudy.report.build import build
from codecstudy.report.data import Answer, Options, Report
from codecstudy.report.words import NARROW
from codecstudy.results import QualityResults
from support.report_cases import BASE, four_formats
from support.synthetic import failed, measured, results_of, study

FEW = Options(resamples=60)


def report_of(results: QualityResults, **changes: object) -> Report:
    return build(results, Path(), dataclasses.replace(FEW, **changes))


def plain(text: str | None) -> str:
    return (text or "").replace(NARROW, " ")


def shown(report: Report) -> Answer:
    return next(a for a in report.answers if a.shown)


def test_the_answer_names_format_number_saving_and_doubt() -> None:
    answer = shown(report_of(four_formats(images=5)))
    assert answer.best is not None
    assert (answer.best.title, answer.best.number, answer.best.number_name) == ("AVIF", "80", "quality")
    assert answer.best.details == "4:2:0, speed 6"
    assert plain(answer.best.change) == "40 % smaller"
    assert plain(answer.lead).startswith(
        "Its files are 40 % smaller than those of JPEG that looks as good. For"
    )
    assert "95 % confidence" in plain(answer.lead)
    assert [row.title for row in answer.rows] == ["AVIF", "JPEG XL", "WebP", "JPEG"]
    assert "1 MB of JPEG becomes 59" in answer.best.sentence
    assert answer.rows[-1].baseline
    assert any(tool.name == "avifenc" and "-q 80" in (tool.text or "") for tool in answer.best.tools)


def test_there_is_an_answer_for_each_target_that_is_reached() -> None:
    report = report_of(four_formats(images=3))
    assert [choice.value for choice in report.targets] == ["50", "60", "70", "80", "85", "90"]
    assert [choice.value for choice in report.targets if choice.chosen] == ["80"]


def test_where_the_best_is_not_shown_everywhere_the_next_is_named() -> None:
    results = four_formats(images=3)
    kept = [r for r in results.measurements if r.format != "avif"]
    answer = shown(report_of(dataclasses.replace(results, measurements=kept)))
    assert answer.best is not None
    assert answer.best.title == "JPEG XL"
    assert "WebP quality 80 (method 6)" in (answer.fallback or "")


def test_an_unreachable_target_is_said_plainly() -> None:
    answer = shown(report_of(four_formats(images=2), target=99.0))
    assert answer.best is None
    assert plain(answer.lead).startswith("No measured setting of any format reaches SSIMULACRA2 99 on 95 %")
    assert all(row.reason for row in answer.rows)


def test_the_baseline_may_be_the_smallest() -> None:
    results = four_formats(images=3)
    answer = shown(report_of(results, baseline="avif"))
    assert "No other format" in answer.lead


def test_one_image_has_no_intervals_and_says_why() -> None:
    report = report_of(four_formats(images=1))
    assert "nothing about others" in shown(report).lead
    assert any("One image" in note for note in report.notes)
    assert all(row.interval is None for row in shown(report).rows)


def test_one_format_is_reported_with_a_note() -> None:
    report = report_of(study([BASE], 3))
    assert any("One format" in note for note in report.notes)
    assert shown(report).best is not None


def test_one_quality_is_reported_with_a_note() -> None:
    one = dataclasses.replace(BASE, qualities=(80,))
    report = report_of(study([one, dataclasses.replace(one.scaled(0.5), format="avif")], 3))
    assert any("no curves" in note for note in report.notes)
    # A single setting that meets the target is an answer all the same.
    assert shown(report).best is not None
    cells = [cell for table in report.bd_rates if table.shown for row in table.rows for cell in row.cells]
    assert all(cell.empty for cell in cells)
    assert any("fewer than 4 points" in cell.title for cell in cells)


def test_only_failures_are_an_error_that_says_why() -> None:
    with pytest.raises(ResultsError, match=r"none of its 3 records was measured.*encode broke"):
        report_of(results_of([failed(BASE, i, 50) for i in range(3)]))


def test_failures_are_counted_by_reason() -> None:
    records = [measured(BASE, i, q) for i in range(2) for q in BASE.qualities]
    records += [failed(BASE, 2, q, "decode") for q in BASE.qualities]
    report = report_of(results_of(records, complete=False, incomplete_reason="the time budget was spent"))
    assert report.failures.failed == 5
    assert report.failures.reasons == (("decode broke", 5),)
    assert report.failures.without_points == ("class2/img002.png",)
    assert any("5 measurements failed" in note for note in report.notes)
    assert any("the time budget was spent" in note for note in report.notes)


def test_infinite_psnr_is_reported_not_drawn() -> None:
    results = four_formats(images=3)
    kept = [
        dataclasses.replace(r, psnr=float("inf") if r.quality == 90 else r.psnr) for r in results.measurements
    ]
    report = report_of(dataclasses.replace(results, measurements=kept), metric="psnr", target=37.0)
    assert any("lossless" in text for text in report.irregular)


def test_a_metric_that_is_not_held_is_refused() -> None:
    results = four_formats(images=2)
    kept = [dataclasses.replace(r, ssim=None) for r in results.measurements]
    with pytest.raises(ResultsError, match="hold no ssim"):
        report_of(dataclasses.replace(results, measurements=kept), metric="ssim")
    with pytest.raises(ResultsError, match="target must be a finite score"):
        report_of(results, target=float("nan"))


def test_without_ssimulacra2_the_next_metric_answers() -> None:
    results = four_formats(images=2)
    kept = [dataclasses.replace(r, ssimulacra2=None) for r in results.measurements]
    report = report_of(dataclasses.replace(results, measurements=kept))
    assert report.metric == "butteraugli"
    assert shown(report).target == "1.5"


def test_every_resolution_has_answers_of_its_own() -> None:
    records = []
    for resolution in (None, 640):
        own = dataclasses.replace(BASE, setting={"resolution": resolution})
        avif = dataclasses.replace(own.scaled(0.5), format="avif")
        records += study([own, avif], 3).measurements
    report = report_of(results_of(records))
    assert [choice.text for choice in report.scopes] == ["original size", "r640"]
    assert {(a.key, a.scope) for a in report.answers} >= {("80", 0), ("80", 1)}
    assert [a.scope for a in report.answers if a.shown] == [0]
    assert {v["scope"] for v in report.payload["variants"]} == {0, 1}


@pytest.mark.parametrize(
    ("block", "axes"),
    [
        ({"x_axis": "speed", "group_by": "quality"}, ("speed", "quality setting")),
        ({"x_axis": "quality"}, ("quality setting", "format")),
        ({"x_axis": "phase of the moon"}, None),
        (None, None),
    ],
)
def test_the_studys_own_axes(block: object, axes: tuple[str, str] | None) -> None:
    assert report_of(four_formats(images=2, study={"analysis": block})).axes == axes


def test_provenance_names_everything() -> None:
    facts = {fact.name: fact.text for fact in report_of(four_formats(images=2)).provenance}
    assert facts["Processor"] == "a CPU"
    assert facts["Time budget"] == "none"
    assert "not a random sample" in facts["Sample"]
    assert facts["Date"] == "2025-01-02 03:04:05 UTC"
    assert facts["Measurements"] == "50 (25 settings): 50 measured, 0 failed, 0 skipped"
    assert "seed 0" in facts["Statistics"]
