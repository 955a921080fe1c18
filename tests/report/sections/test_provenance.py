"""The origin of the numbers, and what could not be measured."""

from __future__ import annotations

import dataclasses

from codecstudy.report.sections import provenance
from codecstudy.report.sections.provenance import Values
from codecstudy.results import QualityResults
from support.report_cases import BASE, context_of, four_formats
from support.synthetic import failed, measured, results_of


def values_of(results: QualityResults, **options: object) -> Values:
    return provenance.build(context_of(results, **options))


def test_failures_are_counted_by_reason() -> None:
    records = [measured(BASE, i, q) for i in range(2) for q in BASE.qualities]
    records += [failed(BASE, 2, q, "decode") for q in BASE.qualities]
    failures = values_of(results_of(records)).failures
    assert failures.failed == 5
    assert failures.reasons == (("decode broke", 5),)
    assert failures.without_points == ("class2/img002.png",)


def test_infinite_psnr_is_reported() -> None:
    results = four_formats(images=3)
    kept = [
        dataclasses.replace(r, psnr=float("inf") if r.quality == 90 else r.psnr) for r in results.measurements
    ]
    values = values_of(dataclasses.replace(results, measurements=kept), metric="psnr", target=37.0)
    assert any("lossless" in text for text in values.irregular)


def test_provenance_lists_study_sample_and_machine() -> None:
    facts = {fact.name: fact.text for fact in values_of(four_formats(images=2)).facts}
    assert facts["Processor"] == "a CPU"
    assert facts["Time budget"] == "none"
    assert "not a random sample" in facts["Sample"]
    assert facts["Date"] == "2025-01-02 03:04:05 UTC"
    assert facts["Measurements"] == "50 (25 settings): 50 measured, 0 failed, 0 skipped"
    assert "seed 0" in facts["Statistics"]
