"""The summary at the end of a run shows what the study measured."""

from __future__ import annotations

import json
import math

import pytest
from rich.console import Console

from codecstudy import metrics
from codecstudy.analysis.recommend import recommend
from codecstudy.cli.summary import summary_json, summary_rows, summary_table
from codecstudy.results import QualityResults
from support.synthetic import Formula, measured, results_of, study


def lossless(*names: str) -> QualityResults:
    columns = {column.name for column in metrics.columns(names)}
    absent = {"ssimulacra2", "psnr", "ssim", "butteraugli", "butteraugli_3norm"} - columns
    record = measured(Formula("jxl"), 0, 90, **(dict.fromkeys(absent) | {"psnr": math.inf}))
    return results_of([record], metrics=metrics.facts(names))


def shown(results: QualityResults) -> str:
    console = Console(width=200)
    with console.capture() as capture:
        console.print(summary_table(results))
    return capture.get()


def test_ssimulacra2_is_shown_if_it_was_measured() -> None:
    results = lossless("psnr", "ssimulacra2")
    assert "SSIMULACRA2 (lowest to highest)" in shown(results)
    assert "90.0 (90.0 to 90.0)" in shown(results)
    (row,) = summary_json(results, "x")["settings"]
    assert (row["ssimulacra2"], row["ssimulacra2_lowest"], row["ssimulacra2_highest"]) == (90.0, 90.0, 90.0)


def test_otherwise_the_first_metric_is_shown_even_if_it_is_infinite() -> None:
    results = lossless("psnr", "ssim")
    assert "PSNR (dB) (lowest to highest)" in shown(results)
    assert "inf (inf to inf)" in shown(results)
    document = json.loads(json.dumps(summary_json(results, "x"), allow_nan=False))
    assert document["settings"][0]["psnr"] == "inf"


def test_bits_per_pixel_are_a_geometric_mean_as_in_the_answer() -> None:
    results = study([Formula("jpeg")], 4)
    row = next(row for row in summary_rows(results) if row.setting == "jpeg q70")
    (found,) = recommend(results, target=70).items
    assert found.bits_per_pixel is not None
    assert row.bits_per_pixel == pytest.approx(found.bits_per_pixel.value)
