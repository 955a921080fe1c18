"""Records and results: what is saved comes back, and nothing half-written is ever seen."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codecstudy import metrics
from codecstudy.errors import ResultsError
from codecstudy.results import (
    RECORD_COLUMNS,
    DatasetInfo,
    QualityRecord,
    QualityResults,
    RunInfo,
    StopReason,
    records_to_frame,
)
from codecstudy.types import MetricFacts, Setting
from support import fake_metrics

BASE_COLUMNS = [
    "source_image", "original_image", "encoded_path", "format", "quality", "file_size", "width", "height",
    "source_file_size", "ssimulacra2", "psnr", "ssim", "butteraugli", "encoding_time", "chroma_subsampling",
    "speed", "effort", "method", "resolution", "extra_args", "measurement_error",
]  # fmt: skip


def make_record(**changes: object) -> QualityRecord:
    record = QualityRecord(
        source_image="a/b.png",
        original_image="a/b.png",
        encoded_path=None,
        format="avif",
        quality=60,
        file_size=1234,
        width=64,
        height=48,
        source_file_size=9999,
        ssimulacra2=71.25,
        psnr=38.5,
        ssim=0.97,
        butteraugli=1.5,
        encoding_time=0.1,
        chroma_subsampling="444",
        speed=6,
        effort=None,
        method=None,
        resolution=None,
        extra_args={"tune": "ssim"},
        measurement_error=None,
        encoding_cpu_time=0.1,
        butteraugli_3norm=0.7,
    )
    return dataclasses.replace(record, **changes)  # type: ignore[arg-type]


def make_results(records: list[QualityRecord]) -> QualityResults:
    return QualityResults(
        study_id="s",
        study_name="S",
        dataset=DatasetInfo("d", "/d", 1),
        timestamp="2026-01-01T00:00:00+00:00",
        tool_versions={"avif": "libaom 3"},
        measurements=records,
        run=RunInfo(2, 30.0, 1.5, 1, 1, "hashed", 0, "CPU", "Linux"),
        stop_reason=StopReason.COMPLETED,
    )


def test_base_columns_come_first_and_in_the_order_that_others_read() -> None:
    assert [f.name for f in dataclasses.fields(QualityRecord)][: len(BASE_COLUMNS)] == BASE_COLUMNS


def test_what_is_saved_comes_back(tmp_path: Path) -> None:
    failed = make_record(
        status="failed", failure="encode", measurement_error="no", ssimulacra2=None, file_size=None
    )
    results = make_results([make_record(), failed, make_record(psnr=math.inf)])
    path = tmp_path / "deep" / "quality.json"
    results.save(path)
    assert QualityResults.load(path) == results
    assert list(path.parent.iterdir()) == [path], "the temporary file is gone"


@pytest.mark.parametrize("reason", [None, *StopReason])
def test_the_stop_reason_comes_back(tmp_path: Path, reason: StopReason | None) -> None:
    results = dataclasses.replace(make_results([make_record()]), stop_reason=reason)
    results.save(tmp_path / "quality.json")
    assert QualityResults.load(tmp_path).stop_reason is reason


def test_a_file_written_before_stop_reasons_were_recorded_is_read(tmp_path: Path) -> None:
    path = tmp_path / "quality.json"
    results = dataclasses.replace(make_results([make_record()]), stop_reason=None)
    results.save(path)
    document = json.loads(path.read_text())
    del document["stop_reason"], document["checksum"]
    path.write_text(json.dumps(document))
    assert QualityResults.load(path) == dataclasses.replace(results, stop_reason=None)


def test_the_file_is_strict_json_with_the_documented_keys(tmp_path: Path) -> None:
    path = tmp_path / "quality.json"
    make_results([make_record(psnr=math.inf)]).save(path)

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    document = json.loads(path.read_text(), parse_constant=refuse)
    assert {"study_id", "study_name", "dataset", "timestamp", "tool_versions", "measurements"} <= set(
        document
    )
    assert {"id", "path", "image_count"} == set(document["dataset"])
    assert document["measurements"][0]["psnr"] == "inf"


def test_a_failed_save_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "quality.json"
    make_results([make_record()]).save(path)
    before = path.read_bytes()
    with pytest.raises(ValueError, match="not JSON compliant"):
        make_results([make_record(ssim=math.nan)]).save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not a results file"),
        ("[]", "measurements"),
        ('{"measurements": []}', "version None"),
        ('{"measurements": [], "schema_version": 99}', "version 99"),
        ('{"measurements": [{}], "schema_version": 1}', "damaged"),
        (
            '{"measurements": [], "dataset": {}, "run": {}, "stop_reason": "x", "schema_version": 1}',
            "damaged",
        ),
    ],
)
def test_what_is_no_results_file_is_refused_by_name(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "quality.json"
    path.write_text(text)
    with pytest.raises(ResultsError, match=message) as caught:
        QualityResults.load(path)
    assert str(path) in str(caught.value)


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match="no such results file"):
        QualityResults.load(tmp_path / "quality.json")


def test_frame_has_one_typed_column_per_field() -> None:
    frame = records_to_frame([make_record(), make_record(quality=None, extra_args=None, psnr=math.inf)])
    assert frame.columns == list(RECORD_COLUMNS)
    assert frame["quality"].to_list() == [60, None]
    assert frame["extra_args"].to_list() == ['{"tune":"ssim"}', None]
    assert records_to_frame([]).schema == frame.schema
    assert frame.schema["ssimulacra2"] == pl.Float64


def test_further_parameters_have_columns_of_their_own_after_all_others(tmp_path: Path) -> None:
    plain = make_record()
    own = make_record(format="own", encoder="mine", parameters={"dithering": "fine", "bitrate": 2, "x": True})
    other = make_record(format="own", encoder="own", parameters={"bitrate": 1.5})
    results = make_results([plain, own, other])
    results.save(tmp_path / "quality.json")
    assert QualityResults.load(tmp_path / "quality.json") == results
    rows = json.loads((tmp_path / "quality.json").read_text())["measurements"]
    assert list(rows[0]) == [*RECORD_COLUMNS, "dithering", "bitrate", "x"]
    assert [row["encoder"] for row in rows] == ["avif", "mine", "own"]
    frame = results.to_frame()
    assert frame["bitrate"].to_list() == [None, 2.0, 1.5]
    assert frame["dithering"].to_list() == [None, "fine", None]
    assert frame["x"].to_list() == [None, True, None]


ABSOLUTE = fake_metrics.ABSOLUTE.facts


def test_further_scores_are_columns_after_all_others(tmp_path: Path) -> None:
    path = tmp_path / "quality.json"
    scored = make_record(scores={"absolute": 2.5, "absolute_max": math.inf})
    results = dataclasses.replace(make_results([make_record(), scored]), metrics=(ABSOLUTE,))
    results.save(path)
    rows = json.loads(path.read_text())["measurements"]
    assert [list(row) for row in rows] == [[*RECORD_COLUMNS, "absolute", "absolute_max"]] * 2
    assert [(row["absolute"], row["absolute_max"]) for row in rows] == [(None, None), (2.5, "inf")]
    assert QualityResults.load(path) == results
    frame = results.to_frame()
    assert frame.columns == [*RECORD_COLUMNS, "absolute", "absolute_max"]
    assert frame["absolute"].to_list() == [None, 2.5]
    assert [r.score("absolute") for r in results.measurements] == [None, 2.5]
    assert [r.score("psnr") for r in results.measurements] == [38.5, 38.5]


def test_further_scores_keep_their_order_in_every_process(tmp_path: Path) -> None:
    record = make_record(scores={"absolute": 2.5, "absolute_max": 31.0})
    path = tmp_path / "quality.json"
    dataclasses.replace(make_results([record]), metrics=(fake_metrics.ABSOLUTE.facts,)).save(path)
    # The order of a set of text differs between processes.
    read = f"QualityResults.load({str(path)!r})"
    program = f"from codecstudy.results import QualityResults; print(*{read}.to_frame().columns[-2:])"
    for seed in "0123":
        done = subprocess.run(
            [sys.executable, "-c", program],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.split() == ["absolute", "absolute_max"]


def test_facts_of_metrics_travel_with_the_results(tmp_path: Path) -> None:
    results = dataclasses.replace(
        make_results([make_record()]), metrics=(ABSOLUTE, *metrics.facts(metrics.DEFAULT))
    )
    results.save(tmp_path / "quality.json")
    loaded = QualityResults.load(tmp_path)
    assert loaded.metrics == results.metrics
    assert list(loaded.metric_columns) == [
        *("absolute", "absolute_max", "ssimulacra2", "butteraugli", "butteraugli_3norm", "psnr", "ssim")
    ]
    assert metrics.describe(loaded) is loaded


def test_a_member_of_facts_that_a_later_version_adds_is_ignored() -> None:
    document = ABSOLUTE.to_dict() | {"news": 1}
    document["columns"][0]["news"] = 2
    assert MetricFacts.from_dict(document) == ABSOLUTE


def test_files_without_facts_are_read_and_can_be_described(tmp_path: Path) -> None:
    path = tmp_path / "quality.json"
    make_results([make_record(), make_record(psnr=math.inf)]).save(path)
    document = json.loads(path.read_text())
    del document["metrics"], document["checksum"]
    path.write_text(json.dumps(document))
    loaded = QualityResults.load(path)
    assert loaded == make_results([make_record(), make_record(psnr=math.inf)])
    assert metrics.describe(loaded).metric_columns["butteraugli"].title == "Butteraugli"


scalars = st.one_of(st.booleans(), st.integers(-5, 5), st.sampled_from(["a", "b"]))


@given(st.dictionaries(st.sampled_from(["tune", "lossless", "distance"]), scalars, max_size=3))
def test_a_record_knows_its_setting(extra: dict[str, str | int | bool]) -> None:
    setting = make_record(extra_args=extra or None).setting
    assert dict(setting.extra_args) == extra
    own = make_record(encoder="mine", parameters={"bitrate": 2}, crop=9).setting
    assert own == Setting.of(
        "avif", encoder="mine", quality=60, chroma_subsampling="444", speed=6, bitrate=2, crop=9,
        extra_args={"tune": "ssim"},
    )  # fmt: skip
    assert setting.canonical() == make_record(extra_args=dict(reversed(extra.items()))).setting.canonical()


def test_a_record_is_a_line_that_people_can_search(tmp_path: Path) -> None:
    path = tmp_path / "quality.json"
    make_results([make_record(quality=q) for q in (10, 20, 30)]).save(path)
    lines = [line for line in path.read_text().splitlines() if '"source_image": "a/b.png"' in line]
    assert [json.loads(line.strip().rstrip(","))["quality"] for line in lines] == [10, 20, 30]
    make_results([]).save(path)
    assert QualityResults.load(path).measurements == []


def test_file_names_and_messages_may_hold_any_bytes(tmp_path: Path) -> None:
    name = "caf\udce9 \ud800.png"
    record = make_record(source_image=name, measurement_error=f"{name}: no", source_notes=name)
    make_results([record]).save(tmp_path / "quality.json")
    assert QualityResults.load(tmp_path / "quality.json").measurements == [record]
    frame = records_to_frame([record])
    frame.write_parquet(tmp_path / "quality.parquet")
    assert frame["measurement_error"].to_list() == ["caf\\udce9 \\ud800.png: no"]


def test_a_file_nested_too_deep_is_no_results_file(tmp_path: Path) -> None:
    path = tmp_path / "quality.json"
    path.write_text("[" * 200_000)
    with pytest.raises(ResultsError, match="not a results file"):
        QualityResults.load(path)


def test_a_folder_with_results_is_as_good_as_their_file(tmp_path: Path) -> None:
    results = make_results([make_record()])
    results.save(tmp_path / "quality.json")
    assert QualityResults.load(tmp_path) == results
