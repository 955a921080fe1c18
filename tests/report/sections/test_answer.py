"""The answer: format, number, saving, and how certain it is."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import get_args

from codecstudy.analysis.answer import Kind
from codecstudy.report.build import build
from codecstudy.report.options import Options
from codecstudy.report.render import render
from codecstudy.report.sections import answer
from codecstudy.report.sections.answer import Shown, Values
from codecstudy.report.text import NARROW
from codecstudy.results import QualityResults
from support.report_cases import BASE, context_of, four_formats
from support.synthetic import failed, measured, results_of, study


def values_of(results: QualityResults, **options: object) -> Values:
    return answer.build(context_of(results, **options))


def plain(text: str | None) -> str:
    return (text or "").replace(NARROW, " ")


def shown(values: Values) -> Shown:
    return next(a for a in values.answers if a.shown)


def lines(found: Shown) -> dict[str, str]:
    groups = (
        found.lead,
        found.warnings,
        found.browsers,
        *(part.lines for part in (*found.cards, *found.certainty)),
    )
    return {line.kind: plain(line.text) for group in groups for line in group}


def test_the_answer_names_format_number_both_savings_and_their_certainty() -> None:
    found = shown(values_of(four_formats(images=5)))
    assert found.best is not None
    assert (found.best.title, found.best.number, found.best.number_name) == ("AVIF", "80", "quality")
    assert found.best.details == "4:2:0, speed 6"
    assert plain(found.best.same_score) == "40 % smaller"
    assert plain(found.best.one_number) == "40 % smaller"
    assert (found.best.medians, found.best.reached) == ("80.0", "5 of 5")
    assert plain(found.best.expected).startswith("83 % of other images can be expected to, 55 %")
    cards = [(plain(card.figure), card.verdict) for card in found.cards]
    assert cards == [
        ("40 % smaller than JPEG", "smaller"),
        ("40 % smaller than JPEG", ""),
        ("5 of 5 images", ""),
    ]
    assert (
        "At the same SSIMULACRA2 80 on each image, AVIF is 40 % smaller than JPEG"
        in lines(found)["same-score"]
    )
    assert [row.title for row in found.rows] == ["AVIF", "JPEG XL", "WebP", "JPEG"]
    assert found.rows[-1].baseline
    assert (found.rows[-1].same_score, found.rows[-1].one_number) == ("the baseline", "the baseline")
    assert any(tool.name == "avifenc" and "-q 80" in (tool.text or "") for tool in found.best.tools)


def test_every_kind_of_sentence_has_one_place() -> None:
    placed = [kind for _, kinds in (*answer._CARDS, *answer._CERTAINTY) for kind in kinds]
    placed += [*answer._WARNINGS, *answer._LEAD, *answer._ENCODERS, *answer._BROWSERS]
    assert sorted(placed) == sorted(get_args(Kind))


def test_an_interval_that_includes_both_is_inconclusive() -> None:
    uneven = dataclasses.replace(
        BASE, format="avif", size=lambda s, i: BASE.size(s, i) * (0.7 + 0.4 * (i % 2))
    )
    found = shown(values_of(study([BASE, uneven], 6)))
    row = next(row for row in found.rows if row.title == "AVIF")
    assert (row.verdict, found.rows[0].title) == ("inconclusive", "AVIF")
    assert found.cards[0].verdict == "inconclusive"
    assert "undecided" in lines(found)


def test_what_to_offer_to_browsers_has_the_savings() -> None:
    results = four_formats(images=3)
    kept = [r for r in results.measurements if r.format != "avif"]
    chain = shown(values_of(dataclasses.replace(results, measurements=kept))).chain
    assert [(link.title, plain(link.saving)) for link in chain] == [
        ("JPEG XL quality 80", "29 % smaller"),
        ("WebP quality 80", "16 % smaller"),
        ("JPEG quality 80", ""),
    ]


def test_the_order_under_other_metrics_stands_beside() -> None:
    found = shown(values_of(four_formats(images=5)))
    assert found.formats == ("AVIF 4:2:0", "JPEG XL", "WebP")
    assert [metric.title for metric in found.other_metrics] == [
        "SSIMULACRA2",
        "Butteraugli 3-norm",
        "Butteraugli",
    ]
    assert plain(found.other_metrics[1].cells[0]) == "40 % smaller"


def test_the_headline_is_a_format_that_every_browser_shows() -> None:
    results = four_formats(images=3)
    kept = [r for r in results.measurements if r.format != "avif"]
    found = shown(values_of(dataclasses.replace(results, measurements=kept)))
    assert found.best is not None
    assert found.best.title == "WebP"
    assert lines(found)["browsers"].startswith(
        "JPEG XL quality 80 is 29 % smaller than JPEG at the same score"
    )


def test_without_a_comparison_there_is_a_reason() -> None:
    kept = [r for r in four_formats(images=3).measurements if r.format in ("jxl", "webp")]
    poor = [r for r in four_formats(images=3).measurements if r.format == "jpeg" and r.quality == 30]
    results = dataclasses.replace(four_formats(images=3), measurements=[*kept, *poor])
    found = shown(values_of(results, baseline="jpeg"))
    assert found.best is not None
    assert (found.best.title, found.best.same_score, found.best.one_number) == ("WebP", "", "")
    assert "no image has measured scores on both sides" in found.best.why_not
    assert "no estimate" in lines(found)["same-score"]


def test_an_unreachable_target_is_reported() -> None:
    found = shown(values_of(four_formats(images=2), target=99.0))
    assert found.best is None
    assert lines(found)["nothing"].startswith(
        "No measured setting of any format reaches SSIMULACRA2 99 on all"
    )
    assert all(row.reason for row in found.rows)


def test_a_single_image_has_no_intervals_and_a_reason() -> None:
    values = values_of(four_formats(images=1))
    assert "one image says nothing about others" in lines(shown(values))["same-score"]
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
    assert found.best.title == "JPEG"
    jxl = found.rows[0]
    assert (jxl.title, jxl.same_score, jxl.one_number) == ("JPEG XL", "the same size", "the same size")


def test_the_page_claims_no_victory_where_metrics_disagree() -> None:
    # By Butteraugli, WebP is smaller than AVIF at the same score.
    webp = dataclasses.replace(BASE.scaled(0.8), format="webp", butteraugli=lambda s, i: (100 - s) / 20)
    disputed = study([BASE, dataclasses.replace(BASE.scaled(0.7), format="avif"), webp], 6)
    text = render(build(disputed, Path(), Options(resamples=50)))
    assert shown(values_of(disputed)).disputed
    assert ", by SSIMULACRA2." in text
    assert "<h1>Use" not in text.split('data-target="80"')[1].split("</h1>")[0]
    assert not shown(values_of(four_formats(images=5))).disputed
