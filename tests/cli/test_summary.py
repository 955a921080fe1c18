"""The summary at the end of a run shows what the study measured."""

from __future__ import annotations

import json
import math

from rich.console import Console

from codecstudy import metrics
from codecstudy.cli.summary import summary_json, summary_table
from codecstudy.results import QualityResults
from support.synthetic import Formula, measured, results_of


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
    assert "SSIMULACRA2 (p5 to p95)" in shown(results)
    assert "90.0 (90.0 to 90.0)" in shown(results)
    (row,) = summary_json(results, "x")["settings"]
    assert (row["ssimulacra2"], row["ssimulacra2_p5"], row["ssimulacra2_p95"]) == (90.0, 90.0, 90.0)


def test_otherwise_the_first_metric_is_shown_even_if_it_is_infinite() -> None:
    results = lossless("psnr", "ssim")
    assert "PSNR (dB) (p5 to p95)" in shown(results)
    assert "inf (inf to inf)" in shown(results)
    document = json.loads(json.dumps(summary_json(results, "x"), allow_nan=False))
    assert document["settings"][0]["psnr"] == "inf"
