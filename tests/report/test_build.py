"""The page as a whole: its choices and its sections."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from codecstudy.errors import ResultsError
from codecstudy.report.build import SECTIONS, Page, build
from codecstudy.report.options import Options
from codecstudy.results import QualityResults
from support.report_cases import BASE, four_formats
from support.synthetic import failed, results_of, study


def page_of(results: QualityResults, **options: object) -> Page:
    return build(results, Path(), Options(**({"resamples": 60} | options)))


def sections_of(page: Page) -> dict[str, Any]:
    return {section.id: section.values for section in page.sections}


def test_the_sections_are_in_order_and_those_without_content_are_left_out() -> None:
    results = four_formats(images=2)
    ids = [section.id for section in SECTIONS]
    assert [s.id for s in page_of(results).sections] == [i for i in ids if i != "axes"]
    untimed = [dataclasses.replace(r, encoding_cpu_time=None) for r in results.measurements]
    page = page_of(
        dataclasses.replace(results, measurements=untimed, study={"analysis": {"x_axis": "speed"}})
    )
    assert [s.id for s in page.sections] == [i for i in ids if i != "time"]


def test_each_target_that_is_reached_can_be_chosen() -> None:
    page = page_of(four_formats(images=3))
    assert [choice.value for choice in page.targets] == ["50", "60", "70", "80", "85", "90"]
    assert [choice.value for choice in page.targets if choice.chosen] == ["80"]


def test_the_error_for_only_failures_gives_the_reason() -> None:
    with pytest.raises(ResultsError, match=r"none of its 3 records was measured.*encode broke"):
        page_of(results_of([failed(BASE, i, 50) for i in range(3)]))


def test_a_metric_without_scores_is_refused() -> None:
    results = four_formats(images=2)
    kept = [dataclasses.replace(r, ssim=None) for r in results.measurements]
    with pytest.raises(ResultsError, match="have no ssim"):
        page_of(dataclasses.replace(results, measurements=kept), metric="ssim")
    with pytest.raises(ResultsError, match="target must be a finite score"):
        page_of(results, target=float("nan"))


def test_every_resolution_has_its_own_answers() -> None:
    records = []
    for resolution in (None, 640):
        own = dataclasses.replace(BASE, setting={"resolution": resolution})
        avif = dataclasses.replace(own.scaled(0.5), format="avif")
        records += study([own, avif], 3).measurements
    page = page_of(results_of(records))
    assert [choice.text for choice in page.scopes] == ["original size", "r640"]
    answers = sections_of(page)["answer"].answers
    assert {(a.key, a.scope) for a in answers} >= {("80", 0), ("80", 1)}
    assert [a.scope for a in answers if a.shown] == [0]


def test_without_ssimulacra2_the_next_metric_is_used() -> None:
    results = four_formats(images=2)
    kept = [dataclasses.replace(r, ssimulacra2=None) for r in results.measurements]
    page = page_of(dataclasses.replace(results, measurements=kept))
    assert page.metric == "butteraugli"
    assert [choice.value for choice in page.targets if choice.chosen] == ["1.5"]
