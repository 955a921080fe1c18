"""Exports contain what was measured, and codec-compare's loader accepts its documents."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from codecstudy.analysis.export import INDEX_NAME, codec_compare, export
from codecstudy.analysis.frame import derive
from codecstudy.errors import ResultsError
from codecstudy.results import DERIVED_COLUMNS
from support.synthetic import Formula, failed, measured, records_of, results_of, study

JPEG = Formula("jpeg", setting={"chroma_subsampling": "444"})
AVIF = Formula("avif", setting={"speed": 6})

KNOWN_FIELDS = {
    "name", "codec", "version", "time", "source data set", "source tags", "source image path", "original path",
    "encoded image", "encoded path", "decoded image", "decoded path", "preview", "thumbnail",
    "encoding command", "encoding cmd", "decoding command", "decoding cmd", "source image", "original name",
    "encoded name", "encoded image name", "decoded name", "decoded image name", "width", "height",
    "frame count", "effort", "quality", "psnr", "ssim", "dssim", "msssim", "butteraugli", "ssimulacra",
    "ssimulacra2", "ciede2000", "flip", "lpips", "p3-norm", "encoded size", "bpp", "megapixels",
    "encoding time", "decoding time", "raw decoding time",
}  # fmt: skip
"""Names to which codec-compare's src/entry.ts (aafcf5cd) assigns a meaning."""


def to_number(value: object) -> float:
    """JavaScript's ``Number()`` of a JSON value."""
    if value is None:
        return 0.0
    try:
        return float(str(value).strip() or 0)
    except ValueError:
        return math.nan


class Batch:
    """A batch as the viewer's ``jsonToBatch`` builds it, with its errors as exceptions."""

    def __init__(self, document: Any) -> None:
        assert isinstance(document, dict)
        self.constants = [self._one(d) for d in document.get("constant_descriptions", [])]
        self.fields = [self._one(d) for d in document.get("field_descriptions", [])]
        if not self.fields:
            raise TypeError("JSON payload has no field")
        values = document.get("constant_values", [])
        if len(values) != len(self.constants):
            raise TypeError("constant_values and constant_descriptions differ in number")
        self.constant = dict(zip(self.constants, values, strict=True))
        self.rows = document["field_values"]
        for row in self.rows:
            if len(row) != len(self.fields):
                raise TypeError(f"{row} has not exactly {len(self.fields)} fields")

    @staticmethod
    def _one(description: dict[str, str]) -> str:
        ((name, text),) = description.items()
        assert isinstance(text, str)
        return name

    def column(self, name: str) -> list[Any]:
        return [row[self.fields.index(name)] for row in self.rows]

    def is_number(self, name: str) -> bool:
        return not any(math.isnan(to_number(v)) for v in self.column(name))

    def meaning(self, name: str) -> bool:
        return name.lower().replace("_", " ") in KNOWN_FIELDS


def load(folder: Path) -> dict[str, Batch]:
    """What the viewer has after ``?load=batches.json``: its index names paths relative to itself."""
    index = json.loads((folder / INDEX_NAME).read_text(encoding="utf-8"))
    assert isinstance(index, list)
    paths = [",".join(map(str, entry)) if isinstance(entry, list) else str(entry) for entry in index]
    return {path: Batch(json.loads((folder / path).read_text(encoding="utf-8"))) for path in paths}


def test_the_viewer_loads_one_batch_for_each_variant(tmp_path: Path) -> None:
    results = study([JPEG, AVIF], 3)
    files = export(results, "codec-compare", tmp_path / "viewer")
    assert [f.name for f in files] == [INDEX_NAME, "jpeg_444.json", "avif_s6.json"]
    batches = load(tmp_path / "viewer")
    assert list(batches) == ["jpeg_444.json", "avif_s6.json"]
    jpeg = batches["jpeg_444.json"]
    assert (jpeg.constant["name"], jpeg.constant["codec"]) == ("jpeg 444", "jpeg")
    assert jpeg.constant["version"] == "libjpeg-turbo 3.1"
    assert jpeg.constant["time"] == results.timestamp
    assert len(jpeg.rows) == 15
    first = next(r for r in results.measurements if (r.format, r.quality) == ("jpeg", 10))
    assert jpeg.column("original_name")[0] == first.source_image
    assert jpeg.column("quality")[0] == 10
    assert jpeg.column("encoded_size")[0] == first.file_size
    assert jpeg.column("p3-norm")[0] == first.butteraugli_3norm
    assert jpeg.column("encoding_time")[0] == first.encoding_cpu_time


def test_numbers_are_numbers_and_names_have_the_viewers_meaning(tmp_path: Path) -> None:
    export(study([JPEG, AVIF], 2), "codec-compare", tmp_path)
    for batch in load(tmp_path).values():
        text = {"original_name"}
        assert all(batch.is_number(name) == (name not in text) for name in batch.fields)
        own = {"speed", "chroma_subsampling"}
        assert {name for name in batch.fields if not batch.meaning(name)} <= own


def test_records_without_numbers_are_left_out_and_counted() -> None:
    records = records_of([AVIF], 2)
    records[0] = failed(AVIF, 0, 10)
    records[1] = measured(AVIF, 0, 30, ssimulacra2=None)
    batch = Batch(codec_compare(results_of(records))["avif_s6.json"])
    assert len(batch.rows) == 8
    assert batch.constant["left_out"] == "2"
    assert all(value is not None for row in batch.rows for value in row)


def test_a_metric_that_was_not_measured_is_not_a_field() -> None:
    records = [measured(AVIF, i, 50, butteraugli=None) for i in range(2)]
    batch = Batch(codec_compare(results_of(records))["avif_s6.json"])
    assert "butteraugli" not in batch.fields
    assert "p3-norm" in batch.fields
    assert len(batch.rows) == 2


def test_lossless_psnr_is_99_db_like_the_generators() -> None:
    records = [measured(AVIF, 0, 50), measured(AVIF, 0, 100, psnr=math.inf)]
    batch = Batch(codec_compare(results_of(records))["avif_s6.json"])
    assert batch.column("psnr") == [35.0, 99.0]


def test_a_distance_keeps_its_name_and_its_decimals() -> None:
    jxl = Formula("jxl")
    records = [measured(jxl, 0, 0, quality=None, extra_args={"distance": d}) for d in (0.5, 1.0)]
    batch = Batch(codec_compare(results_of(records))["jxl_by_distance.json"])
    assert batch.column("distance") == [0.5, 1]


def test_variants_never_share_a_file() -> None:
    codecs = [Formula("mine", setting={"extra_args": {"a": value}}) for value in ("x y", "x/y", "../x y")]
    documents = codec_compare(study(codecs, 1))
    assert len(documents) == 4
    assert all("/" not in name for name in documents)


def test_results_with_only_failures_are_refused() -> None:
    with pytest.raises(ResultsError, match="nothing to export"):
        codec_compare(results_of([failed(JPEG, 0, 10)]))


def test_csv_and_parquet_contain_every_record_with_derived_columns(tmp_path: Path) -> None:
    results = results_of([*records_of([JPEG], 2), failed(JPEG, 2, 10), measured(JPEG, 3, 10, psnr=math.inf)])
    expected = derive(results)
    assert export(results, "parquet", tmp_path / "deep" / "q.parquet") == (tmp_path / "deep" / "q.parquet",)
    assert pl.read_parquet(tmp_path / "deep" / "q.parquet").equals(expected)
    export(results, "csv", tmp_path / "q.csv")
    rows = pl.read_csv(tmp_path / "q.csv", schema_overrides=expected.schema)
    assert set(DERIVED_COLUMNS) <= set(rows.columns)
    assert rows.select("file_size", "status", "psnr").equals(expected.select("file_size", "status", "psnr"))


def test_unknown_formats_are_refused(tmp_path: Path) -> None:
    with pytest.raises(
        ResultsError, match="unknown export format 'xls'; formats are csv, summary, parquet, codec-compare"
    ):
        export(study([JPEG], 1), "xls", tmp_path / "x")  # type: ignore[arg-type]


def test_the_summary_has_one_row_per_setting(tmp_path: Path) -> None:
    avif = Formula("avif", (30, 70), setting={"speed": 6})
    jxl = Formula("jxl", (1, 2))
    records = [*records_of([JPEG, avif], images=21), failed(avif, 21, 30), measured(avif, 21, 70)]
    # A rate parameter of which lower values are finer, and a lossless file.
    records += [
        measured(jxl, 0, 1, quality=None, extra_args={"distance": d}, psnr=p)
        for d, p in ((0.5, math.inf), (2.0, 40.0))
    ]
    (path,) = export(results_of(records), "summary", tmp_path / "s.csv")
    table = pl.read_csv(path)
    assert table["variant"].to_list() == ["jpeg 444"] * 5 + ["avif s6"] * 2 + ["jxl (by distance)"] * 2
    assert table["level"].to_list() == [10, 30, 50, 70, 90, 30, 70, 2, 0.5]
    rows = {(r["format"], r["level"]): r for r in table.iter_rows(named=True)}
    coarse = rows["avif", 30]
    assert [coarse[name] for name in ("images", "measured", "failed", "skipped")] == [22, 21, 1, 0]
    sizes = [r.file_size for r in records if r.format == "avif" and r.quality == 30 and r.file_size]
    assert coarse["file_size_n"] == 21
    assert coarse["file_size_mean"] == pytest.approx(np.mean(sizes))
    assert coarse["file_size_median"] == np.median(sizes)
    for name, share in (("p5", 5), ("p95", 95), ("min", 0), ("max", 100)):
        assert coarse[f"file_size_{name}"] == pytest.approx(np.percentile(sizes, share))
    assert coarse["bits_per_pixel_min"] == pytest.approx(min(sizes) * 8e-6)
    assert coarse["encoding_cpu_time_median"] == 0.5
    assert rows["jxl", 0.5]["psnr_mean"] == rows["jxl", 0.5]["psnr_p95"] == math.inf
    assert rows["jxl", 2]["psnr_p5"] == 40


def test_a_setting_without_values_has_nothing_in_the_summary(tmp_path: Path) -> None:
    records = [*records_of([AVIF], 1), *(failed(JPEG, 0, q) for q in JPEG.qualities)]
    (path,) = export(results_of(records), "summary", tmp_path / "s.csv")
    row = pl.read_csv(path).row(0, named=True)
    assert (row["format"], row["failed"], row["ssimulacra2_n"]) == ("jpeg", 1, 0)
    assert row["ssimulacra2_mean"] is row["file_size_p95"] is None
