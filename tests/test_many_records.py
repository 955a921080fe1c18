"""Results with more records than quality.json holds: the same answers from Parquet, and damage is noticed."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from codecstudy import results as results_module
from codecstudy.analysis.diff import diff
from codecstudy.analysis.export import FORMATS, export
from codecstudy.analysis.frame import derive
from codecstudy.analysis.recommend import recommend
from codecstudy.api import load_results
from codecstudy.cli.summary import summary_json
from codecstudy.errors import ResultsError
from codecstudy.report import Options, write_report
from codecstudy.results import QualityRecord, QualityResults, Records, records_to_frame
from support import fake_metrics
from support.report_cases import four_formats
from support.synthetic import name_of

FAILED: dict[str, Any] = dict.fromkeys(
    ("file_size", "width", "height", "ssimulacra2", "psnr", "ssim", "butteraugli", "encoding_time"), None
)


def few() -> QualityResults:
    """Results with failures, further parameters and further scores."""
    results = four_formats(images=4)
    records = list(results.measurements)
    records[3] = dataclasses.replace(
        records[3], status="failed", failure="decode", measurement_error="no", **FAILED
    )
    records[5] = dataclasses.replace(records[5], psnr=float("inf"), extra_args={"tune": "ssim", "n": 2})
    records[7] = dataclasses.replace(records[7], parameters={"dither": "fine"}, scores={"absolute": 2.5})
    assert records[3].source_image == name_of(0)
    facts = (*results.metrics, fake_metrics.ABSOLUTE.facts)
    return dataclasses.replace(results, measurements=records, metrics=facts)


@pytest.fixture
def many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the results of :func:`few` in the form for many records."""
    monkeypatch.setattr(results_module, "RECORDS_IN_JSON", 10)
    few().save(tmp_path / "quality.json")
    return tmp_path


def test_many_records_are_in_a_parquet_file_that_the_results_name(many: Path) -> None:
    document = json.loads((many / "quality.json").read_text())
    content = (many / "quality.parquet").read_bytes()
    assert document["measurements"] == {
        "file": "quality.parquet",
        "rows": len(few().measurements),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    loaded = QualityResults.load(many)
    assert isinstance(loaded.measurements, Records)
    assert loaded == few()
    assert loaded.measurements[7] == few().measurements[7]
    assert loaded.measurements[-2:] == list(few().measurements)[-2:]
    assert loaded.settings() == few().settings()
    assert loaded.to_frame().equals(few().to_frame())
    assert loaded.statuses() == few().statuses()
    assert loaded.saved() == few().saved()


def test_answers_from_parquet_are_those_from_json(many: Path, tmp_path: Path) -> None:
    ours, theirs = load_results(many), few()
    assert recommend(ours) == recommend(theirs)
    assert diff(ours, theirs) == diff(theirs, theirs)
    assert derive(ours).equals(derive(theirs))
    assert summary_json(ours, "x") == summary_json(theirs, "x")
    pages = []
    for number, results in enumerate((ours, theirs)):
        write_report(results, tmp_path, tmp_path / "report.html", Options(resamples=50), None)
        pages.append((tmp_path / "report.html").read_text())
        for format in FORMATS:
            export(results, format, tmp_path / f"{number}" / format)
    assert pages[0] == pages[1]
    assert (tmp_path / "0" / "csv").read_text() == (tmp_path / "1" / "csv").read_text()


def test_records_need_not_be_in_memory_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results_module, "_CHUNK", 7)
    wanted = few()
    made = Records.of(iter(wanted.measurements), {"dither": pl.String}, ["absolute"])
    assert made == wanted.measurements
    assert made.select().equals(wanted.to_frame())


def test_results_can_be_made_compact() -> None:
    compact = few().compact()
    assert isinstance(compact.measurements, Records)
    assert compact == few()
    assert compact.compact() is compact


def test_saved_again_they_stay_the_same(many: Path, tmp_path: Path) -> None:
    loaded = QualityResults.load(many)
    loaded.save(tmp_path / "again" / "quality.json")
    assert QualityResults.load(tmp_path / "again") == loaded


def rewrite(folder: Path, frame: pl.DataFrame) -> None:
    """Replace the Parquet file, with its right SHA-256 in quality.json and no other checksum."""
    frame.write_parquet(folder / "quality.parquet")
    document = json.loads((folder / "quality.json").read_text())
    content = (folder / "quality.parquet").read_bytes()
    document["measurements"] = {
        "file": "quality.parquet",
        "rows": len(frame),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    del document["checksum"]
    (folder / "quality.json").write_text(json.dumps(document))


@pytest.mark.parametrize("place", [0, 10, 0.3, 0.5, 0.9, -1])
def test_a_flipped_byte_in_the_parquet_file_is_noticed(many: Path, place: float) -> None:
    content = bytearray((many / "quality.parquet").read_bytes())
    content[int(place * len(content)) if isinstance(place, float) else place] ^= 1
    (many / "quality.parquet").write_bytes(content)
    with pytest.raises(ResultsError, match=r"quality.json: .*quality.parquet does not have the checksum"):
        QualityResults.load(many)


def test_a_parquet_file_that_is_not_there_is_named(many: Path) -> None:
    (many / "quality.parquet").unlink()
    with pytest.raises(ResultsError, match=r"cannot be read from .*quality\.parquet: No such file"):
        QualityResults.load(many)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (pl.lit("100").alias("file_size"), "column file_size of the records is String, not Int64"),
        (pl.col("file_size") * 0, "file_size that is not valid, such as 0"),
        (pl.lit(None, dtype=pl.Int64).alias("width"), "records have a value of width"),
        (-pl.col("encoding_time"), "encoding_time that is not valid"),
        (pl.lit(float("nan")).alias("ssimulacra2"), "ssimulacra2 that is not valid"),
        (pl.lit("done").alias("status"), "status that is not valid, such as 'done'"),
        (pl.lit("crash").alias("failure"), "failure that is not valid"),
        (pl.lit(None, dtype=pl.String).alias("source_image"), "source_image that is not valid"),
        (pl.lit("[1]").alias("extra_args"), "extra_args"),
        (pl.lit(1).alias("variant"), "column variant of the records cannot be a parameter"),
    ],
)
def test_every_column_is_checked(many: Path, change: pl.Expr, message: str) -> None:
    rewrite(many, few().to_frame().with_columns(change))
    with pytest.raises(ResultsError, match=message):
        QualityResults.load(many)


@pytest.mark.parametrize("file", ["../quality.parquet", "/etc/passwd", "other/quality.parquet"])
def test_the_parquet_file_must_be_in_the_same_folder(many: Path, file: str) -> None:
    document = json.loads((many / "quality.json").read_text())
    document["measurements"]["file"] = file
    del document["checksum"]
    (many / "quality.json").write_text(json.dumps(document))
    with pytest.raises(ResultsError, match="not the name of a file in the same folder"):
        QualityResults.load(many)


def test_a_parameter_of_several_types_is_text_in_frames() -> None:
    record = few().measurements[0]
    records: list[QualityRecord] = [
        dataclasses.replace(record, parameters={"own": value}) for value in (1, "a", True, 2.5)
    ]
    assert records_to_frame(records)["own"].to_list() == ["1", "a", "true", "2.5"]
