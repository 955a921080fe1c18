"""Results for other programs: CSV, a summary per setting, Parquet, and the JSON of Google's codec-compare viewer.

The viewer's format was derived from its loader (github.com/webmproject/codec-compare, src/entry_loader.ts and
src/entry.ts, commit aafcf5cd).
"""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl

from codecstudy.analysis.encoders import Encoders
from codecstudy.analysis.frame import check_described, derive, setting_of
from codecstudy.analysis.variants import Variant
from codecstudy.errors import ResultsError
from codecstudy.files import write_atomically
from codecstudy.results import BITS_PER_PIXEL, QualityResults, setting_columns
from codecstudy.types import Floats, Scalar

Format = Literal["csv", "summary", "parquet", "codec-compare"]
FORMATS: tuple[Format, ...] = ("csv", "summary", "parquet", "codec-compare")

LOSSLESS_DB = 99.0
"""Stands for the infinite PSNR of a lossless file, since JSON has no infinity. codec-compare-gen, the viewer's
data generator, writes the same value (src/base.h, kNoDistortion)."""

INDEX_NAME = "batches.json"
"""The file to give in the viewer's URL: ``index.html?load=/.../batches.json``."""


def export(results: QualityResults, format: Format, path: Path | str) -> tuple[Path, ...]:
    """Write ``results`` for other programs.

    CSV and Parquet contain every record, including the failed ones, with the columns of
    :func:`codecstudy.analysis.frame.derive`. The summary is a CSV file with the table of :func:`summary`.

    Args:
        results: The results to export.
        format: One of :data:`FORMATS`.
        path: The file to write; for codec-compare, the folder to write to.

    Returns:
        The files written: several for codec-compare, its index first; one for the other formats.

    Raises:
        ResultsError: If the format is unknown, or if the results do not describe their metrics.
        OSError: If ``path`` cannot be written.
    """
    path = Path(path)
    if format == "csv":
        write_atomically(path, derive(results).write_csv())
        return (path,)
    if format == "summary":
        write_atomically(path, summary(results).write_csv())
        return (path,)
    if format == "parquet":
        path.parent.mkdir(parents=True, exist_ok=True)
        derive(results).write_parquet(path)
        return (path,)
    if format == "codec-compare":
        documents = codec_compare(results)
        for name, document in documents.items():
            text = json.dumps(document, allow_nan=False, ensure_ascii=False)
            # A lone surrogate, which stands for a byte that is not UTF-8, becomes a JSON escape.
            write_atomically(path / name, text.encode(errors="backslashreplace"))
        return tuple(path / name for name in documents)
    raise ResultsError(f"unknown export format {format!r}; formats are {', '.join(FORMATS)}")


_SUMMARIZED = (
    "file_size",
    BITS_PER_PIXEL,
    "encoding_time",
    "encoding_cpu_time",
    "decoding_time",
    "decoding_cpu_time",
    "encode_cpu_seconds_per_mp",
    "decode_cpu_seconds_per_mp",
    "encoding_threads",
    "encoding_peak_memory",
)
"""Columns that a summary contains besides the scores."""


def summary(results: QualityResults) -> pl.DataFrame:
    """One row per setting with statistics over its images, in the order of the variants, coarsest level first.

    The columns are those of the setting; ``variant``, ``axis`` and ``level``; ``images`` (records of the setting),
    ``measured``, ``failed`` and ``skipped``; and for every score, size, time, memory and so on ``NAME_n`` (images
    with a value), ``NAME_mean`` (arithmetic), ``NAME_median``, ``NAME_p5``, ``NAME_p95``, ``NAME_min`` and
    ``NAME_max``. Percentiles are interpolated linearly between order statistics (type 7 of Hyndman and Fan, 1996).
    ``p5`` is the low end of the numbers, also of scores for which lower is better. A statistic without any value
    is null.

    Raises:
        ResultsError: If the results do not describe their metrics.
    """
    check_described(results)
    frame, keys = derive(results), list(setting_columns(results.measurements))
    names = [*(name for name in results.metric_columns if name in frame.columns), *_SUMMARIZED]
    rows = frame.group_by([*keys, "variant", "axis", "level"], maintain_order=True).agg(
        pl.len().alias("images"),
        *((pl.col("status") == status).sum().alias(status) for status in ("measured", "failed", "skipped")),
        *(pl.col(name).cast(pl.Float64).drop_nulls().alias(name) for name in names),
    )
    statistics = [_statistics(rows[name], name) for name in names]
    table = pl.concat([rows.drop(names), *statistics], how="horizontal")
    encoders = Encoders.of(results)
    variants = [encoders.split(setting_of(row, tuple(keys)))[0] for row in rows.iter_rows(named=True)]
    fineness = [
        0.0 if level is None else variant.axis.fineness(level)
        for variant, level in zip(variants, rows["level"], strict=True)
    ]
    order = sorted(range(len(table)), key=lambda k: (variants[k].order, fineness[k]))
    return table[order]


def _statistics(values: pl.Series, name: str) -> pl.DataFrame:
    """Statistics of each list of ``values``."""
    columns: dict[str, list[float | None]] = {
        f"{name}_{part}": [] for part in ("n", "mean", "median", "p5", "p95", "min", "max")
    }
    for given in values:
        found = np.sort(given.to_numpy())
        parts: list[float | None] = [None] * 6
        if found.size:
            middle, low, high = (_percentile(found, share) for share in (0.5, 0.05, 0.95))
            parts = [float(found.mean()), middle, low, high, float(found[0]), float(found[-1])]
        for column, part in zip(columns.values(), [float(found.size), *parts], strict=True):
            column.append(part)
    return pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.Float64)).cast({f"{name}_n": pl.Int64})


def _percentile(found: Floats, share: float) -> float:
    """Of sorted values, also if some are infinite (numpy's would be NaN next to them)."""
    place = share * (len(found) - 1)
    left = math.floor(place)
    rest = place - left
    return float(found[left] if rest == 0 else (1 - rest) * found[left] + rest * found[left + 1])


_FIELDS = (
    ("original_name", "source_image", "Source image, relative to the dataset"),
    ("width", "width", "Pixel columns of the encoded image"),
    ("height", "height", "Pixel rows of the encoded image"),
    ("level", "level", "Swept parameter"),
    ("encoded_size", "file_size", "Size of the encoded image in bytes"),
    ("encoding_time", "encoding_cpu_time", "Encoding CPU time in seconds, of all threads"),
    ("decoding_time", "decoding_cpu_time", "Decoding CPU time in seconds, of all threads"),
)
"""Name in the viewer (its NAME_TO_FIELD_ID assigns meanings to some), our column, description. Scores follow."""

_ALWAYS = ("source_image", "width", "height", "file_size")


def _score_fields(results: QualityResults) -> list[tuple[str, str, str]]:
    """Like ``_FIELDS``, for the metrics that the results describe."""
    fields = []
    for column in results.metric_columns.values():
        lossless = f"; {LOSSLESS_DB:g} for a lossless file" if math.isinf(column.identical) else ""
        name = column.codec_compare_name or column.name
        fields.append((name, column.name, column.description + lossless))
    return fields


def codec_compare(results: QualityResults) -> dict[str, Any]:
    """The viewer's documents by file name: the index of batches first, then one batch for each variant.

    A batch contains only measured records: the viewer would read a missing number as 0. Records that lack a
    number that other records of the same variant have are left out too; the constant ``left_out`` of the batch
    counts them all. A column without a value in any record of the variant is not a field of its batch.

    Raises:
        ResultsError: If no record was measured, or if the results do not describe their metrics.
    """
    check_described(results)
    frame, columns = derive(results), setting_columns(results.measurements)
    groups = frame.sort("source_image", "level").partition_by("variant_key")
    encoders = Encoders.of(results)
    variants = [(encoders.split(setting_of(g.row(0, named=True), columns))[0], g) for g in groups]
    documents: dict[str, Any] = {}
    for variant, group in sorted(variants, key=lambda item: item[0].order):
        if (batch := _batch(results, variant, group)) is not None:
            documents[_file_name(variant, documents)] = batch
    if not documents:
        raise ResultsError(
            f"study {results.study_id!r}: no record was measured, so there is nothing to export"
        )
    return {INDEX_NAME: [[name] for name in documents], **documents}


def _file_name(variant: Variant, taken: dict[str, Any]) -> str:
    stem = re.sub(r"[^a-z0-9=.]+", "_", variant.label.lower()).strip("_.")
    name, number = f"{stem}.json", 2
    while name in taken or name == INDEX_NAME:
        name, number = f"{stem}_{number}.json", number + 1
    return name


def _batch(results: QualityResults, variant: Variant, group: pl.DataFrame) -> dict[str, Any] | None:
    measured = group.filter((pl.col("status") != "skipped") & (pl.col("file_size") > 0))
    fields = [*_FIELDS, *(f for f in _score_fields(results) if f[1] in measured.columns)]
    present = [f for f in fields if f[1] in _ALWAYS or measured[f[1]].null_count() < len(measured)]
    columns = [column for _, column, _ in present]
    complete = (
        measured.select(columns)
        .drop_nulls()
        .with_columns(
            pl.col(name).replace(math.inf, LOSSLESS_DB)
            for name, column in results.metric_columns.items()
            if name in columns and column.identical == math.inf
        )
        .filter(*(pl.col(name).is_finite() for name in results.metric_columns if name in columns))
    )
    if complete.is_empty():
        return None
    named = [(variant.axis.name if name == "level" else name, text) for name, _, text in present]
    rows = [list(row) for row in complete.iter_rows()]
    if "level" in columns:
        position = columns.index("level")
        for row in rows:
            row[position] = variant.axis.plain(row[position])
    fixed = _fixed_parameters(variant)
    constants = {
        "name": (variant.label, "Variant"),
        "codec": (variant.encoder, "Encoder"),
        "version": (results.tool_versions.get(variant.encoder, "unknown"), "Encoder library"),
        "time": (results.timestamp, "When the study was run"),
        "study": (results.study_name, "Study"),
        "source_data_set": (results.dataset.id, "Dataset"),
        "left_out": (str(len(group) - len(complete)), "Records that failed, were skipped or lack a score"),
    }
    return {
        "constant_descriptions": [{name: text} for name, (_, text) in constants.items()],
        "constant_values": [value for value, _ in constants.values()],
        "field_descriptions": [{name: text} for name, text in named] + [{n: t} for n, _, t in fixed],
        "field_values": [[*row, *(value for _, value, _ in fixed)] for row in rows],
    }


def _fixed_parameters(variant: Variant) -> list[tuple[str, Scalar, str]]:
    """Parameters of the variant as fields with the same value in every row, so that the viewer can show them."""
    setting = variant.setting
    # The viewer assumes that a higher effort is slower: true of effort and method, but not of speed.
    effort = setting.get("effort", setting.get("method"))
    given: list[tuple[str, Scalar | None, str]] = [
        ("effort", effort, "Effort or method; higher is slower"),
        ("speed", setting.get("speed"), "Speed; higher is faster"),
        ("chroma_subsampling", setting.get("chroma_subsampling"), "Chroma subsampling"),
        ("resolution", setting.resolution, "Longest edge in pixels"),
        ("crop", setting.crop, "Longest edge of the crop in pixels"),
    ]
    return [(name, value, text) for name, value, text in given if value is not None]
