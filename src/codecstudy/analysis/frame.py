"""Results as one data frame, with the columns that can be derived from a single record."""

from __future__ import annotations

from typing import Any

import polars as pl

from codecstudy.analysis.encoders import Encoders
from codecstudy.errors import ResultsError
from codecstudy.results import QualityResults, setting_columns
from codecstudy.results import setting_of as setting_of


def derive(results: QualityResults) -> pl.DataFrame:
    """All records as a data frame, one row each, in the same order.

    The columns are those of ``QualityRecord`` and these: ``variant``, ``variant_key`` (label and identity of the
    codec variant), ``axis`` and ``level`` (the swept parameter and its value as Float64; null if nothing is swept),
    ``content_class`` (the source's folder within the dataset, empty at the top level), ``megapixels``,
    ``bits_per_pixel``, ``bytes_per_pixel``, ``compression_to_source`` (source file size / encoded size; null if
    the image was resized or cropped, since the source file contains other pixels), ``compression_to_raw``
    (3 bytes per pixel / encoded size), megapixels per second of encoding and decoding in CPU and in wall-clock
    time, CPU seconds per megapixel, and ``encoding_threads``: CPU time over wall-clock time of encoding, the number
    of threads that were busy on average (clocks are too coarse for it if an encode takes less than a millisecond).

    A value that cannot be computed (a failed record, a time of zero) is null.
    """
    return _rates(with_variants(results.to_frame(), results))


def with_variants(frame: pl.DataFrame, results: QualityResults) -> pl.DataFrame:
    """``frame``, which has rows of ``results``, with the columns of :func:`derive` up to ``megapixels``."""
    columns = setting_columns(results.measurements)
    return frame.join(
        _variants(frame, columns, Encoders.of(results)),
        on=columns,
        how="left",
        nulls_equal=True,
        maintain_order="left",
    ).with_columns(_content_class(), (pl.col("width") * pl.col("height") / 1e6).alias("megapixels"))


def check_described(results: QualityResults) -> None:
    """Raise :class:`ResultsError` if the results do not describe their metrics."""
    if not results.metrics:
        raise ResultsError(
            f"study {results.study_id!r}: the results do not describe their metrics (files written by "
            "codecstudy 0.1 do not). Read them with codecstudy.load_results(path)."
        )


def _variants(frame: pl.DataFrame, columns: tuple[str, ...], encoders: Encoders) -> pl.DataFrame:
    """One row per distinct setting: its columns, variant, axis and level."""
    unique = frame.select(columns).unique()
    found: dict[str, list[Any]] = {"variant": [], "variant_key": [], "axis": [], "level": []}
    for row in unique.iter_rows(named=True):
        variant, level = encoders.split(setting_of(row, columns))
        found["variant"].append(variant.label)
        found["variant_key"].append(variant.key)
        found["axis"].append(variant.axis.name or None)
        found["level"].append(level)
    schema = {"variant": pl.String, "variant_key": pl.String, "axis": pl.String, "level": pl.Float64}
    return unique.hstack(pl.DataFrame(found, schema=schema))


def _content_class() -> pl.Expr:
    # Greedy up to the last slash; a name without one has no folder.
    folder = pl.col("source_image").str.extract(r"^(.*)/[^/]*$", 1)
    return folder.fill_null("").alias("content_class")


def _rates(frame: pl.DataFrame) -> pl.DataFrame:
    size, pixels = _positive("file_size"), _positive("width") * _positive("height")
    original = pl.col("resolution").is_null() & pl.col("crop").is_null()
    megapixels = pl.col("megapixels")
    return frame.with_columns(
        (size * 8 / pixels).alias("bits_per_pixel"),
        (size / pixels).alias("bytes_per_pixel"),
        pl.when(original).then(_positive("source_file_size") / size).alias("compression_to_source"),
        (pixels * 3 / size).alias("compression_to_raw"),
        *(
            (megapixels / _positive(time)).alias(name)
            for name, time in (
                ("encode_mpps_cpu", "encoding_cpu_time"),
                ("encode_mpps_wall", "encoding_time"),
                ("decode_mpps_cpu", "decoding_cpu_time"),
                ("decode_mpps_wall", "decoding_time"),
            )
        ),
        (pl.col("encoding_cpu_time") / megapixels).alias("encode_cpu_seconds_per_mp"),
        (pl.col("decoding_cpu_time") / megapixels).alias("decode_cpu_seconds_per_mp"),
        (pl.col("encoding_cpu_time") / _positive("encoding_time")).alias("encoding_threads"),
    )


def _positive(column: str) -> pl.Expr:
    return pl.when(pl.col(column) > 0).then(pl.col(column))
