"""The results of a study: one flat record per task, with provenance, and ``quality.json``."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from codecstudy.errors import ResultsError
from codecstudy.files import write_atomically
from codecstudy.types import (
    SHORT_NAMES,
    CommandTemplate,
    EncoderFacts,
    MetricColumn,
    MetricFacts,
    Scalar,
    Setting,
    score_from_json,
    score_to_json,
)

if TYPE_CHECKING:
    import polars as pl

SCHEMA_VERSION = 1


class StopReason(StrEnum):
    """Why a run ended."""

    COMPLETED = "completed"
    """All planned images are measured."""
    TIME_BUDGET = "time_budget"
    INTERRUPTED = "interrupted"
    ERROR = "error"


Status = Literal["measured", "skipped", "failed"]


@dataclass(frozen=True, slots=True)
class QualityRecord:
    """One row for one task.

    Sizes are in bytes, lengths in pixels, times in seconds. Scores are ``None`` if a task was skipped or failed
    (``measurement_error`` then says why), or if the study did not name their metric. ``psnr`` of a lossless result
    is infinite, which JSON files store as the string ``"inf"``.
    """

    source_image: str
    """Path of the source, relative to the dataset's folder, with forward slashes."""
    original_image: str
    """The same as ``source_image``: resizing happens in memory and leaves no file of its own."""
    encoded_path: str | None
    """Path of the kept encoded file, relative to the project root; None without ``save_artifacts``."""
    format: str
    quality: int | None
    file_size: int | None
    """Encoded size in bytes."""
    width: int | None
    """Width of the image that was encoded, after resizing."""
    height: int | None
    source_file_size: int
    ssimulacra2: float | None
    psnr: float | None
    ssim: float | None
    butteraugli: float | None
    """Maximum norm."""
    encoding_time: float | None
    """Wall-clock seconds, on one thread."""
    chroma_subsampling: str | None
    speed: int | None
    effort: int | None
    method: int | None
    resolution: int | None
    extra_args: dict[str, Scalar] | None
    measurement_error: str | None
    # The columns above are those that other tools already read; ours follow.
    encoding_cpu_time: float | None = None
    decoding_time: float | None = None
    decoding_cpu_time: float | None = None
    metrics_cpu_time: float | None = None
    butteraugli_3norm: float | None = None
    crop: int | None = None
    status: Status = "measured"
    failure: str | None = None
    """Kind of failure: ``source``, ``encode``, ``decode``, ``metric``, ``artifact``, ``crash``, ``timeout`` or
    ``memory``."""
    source_sha256: str | None = None
    source_notes: str | None = None
    """The conversions of the source to 8-bit sRGB, as ``; ``-separated text."""
    source_phash: str | None = None
    """Perceptual hash of the source at its original size, 64 bits as 16 hexadecimal digits: images that look alike
    differ in few bits. None if the source could not be opened, and in files of older versions."""
    encoder: str = ""
    """Id of the encoder; by default the format's own encoder."""
    parameters: dict[str, Scalar] = field(default_factory=dict)
    """Declared parameters that have no column above. Files and data frames have a column for each."""
    scores: dict[str, float] = field(default_factory=dict)
    """Scores that have no column above, by column. Files and data frames have a column for each."""

    def __post_init__(self) -> None:
        if not self.encoder:
            object.__setattr__(self, "encoder", self.format)

    @property
    def setting(self) -> Setting:
        """The setting of this record's task."""
        return Setting.of(
            self.format,
            encoder=self.encoder,
            quality=self.quality,
            chroma_subsampling=self.chroma_subsampling,
            speed=self.speed,
            effort=self.effort,
            method=self.method,
            resolution=self.resolution,
            crop=self.crop,
            extra_args=self.extra_args or {},
            **self.parameters,
        )

    def score(self, column: str) -> float | None:
        """The score in one column, in whichever field it is stored; None if there is none."""
        value: float | None = getattr(self, column) if column in SCORE_COLUMNS else self.scores.get(column)
        return value


TIMING_COLUMNS = (
    "encoding_time",
    "encoding_cpu_time",
    "decoding_time",
    "decoding_cpu_time",
    "metrics_cpu_time",
)
"""Columns that may differ between two runs of the same study; all others are identical."""

SCORE_COLUMNS = ("ssimulacra2", "psnr", "ssim", "butteraugli", "butteraugli_3norm")
"""Scores that have a column in every record, whether measured or not."""

USUAL_METRIC = "ssimulacra2"
"""Column on which answers are based unless another one is requested, if the study measured it."""

BITS_PER_PIXEL = "bits_per_pixel"
"""Column of encoded bits per pixel, which is derived from a record; a study may name it like a score."""

RECORD_COLUMNS = tuple(
    f.name for f in dataclasses.fields(QualityRecord) if f.name not in ("parameters", "scores")
)
"""Columns of every record, followed by those of further parameters, and then of further scores."""


def parameter_columns(records: Iterable[QualityRecord]) -> tuple[str, ...]:
    """Names of the parameters that have no column in every record, in the order in which they occur."""
    return tuple(dict.fromkeys(name for record in records for name in record.parameters))


def setting_columns(records: Iterable[QualityRecord]) -> tuple[str, ...]:
    """The columns that distinguish settings."""
    return (
        "format",
        "encoder",
        *SHORT_NAMES,
        "resolution",
        "crop",
        "extra_args",
        *parameter_columns(records),
    )


def score_columns(records: Iterable[QualityRecord]) -> tuple[str, ...]:
    """Names of the scores that have no column in every record, in the order in which they occur."""
    return tuple(dict.fromkeys(name for record in records for name in record.scores))


DERIVED_COLUMNS = (
    "variant",
    "variant_key",
    "axis",
    "level",
    "content_class",
    "megapixels",
    BITS_PER_PIXEL,
    "bytes_per_pixel",
    "compression_to_source",
    "compression_to_raw",
    "encode_mpps_cpu",
    "encode_mpps_wall",
    "decode_mpps_cpu",
    "decode_mpps_wall",
    "encode_cpu_seconds_per_mp",
    "decode_cpu_seconds_per_mp",
)
"""The columns that :func:`codecstudy.analysis.frame.derive` adds to those of a record."""


@dataclass(frozen=True, slots=True)
class DatasetInfo:
    """The images of a study."""

    id: str
    path: str
    image_count: int
    """Images in the dataset; ``run.images_measured`` is the number that the records cover."""


@dataclass(frozen=True, slots=True)
class RunInfo:
    """The circumstances of the measurements."""

    workers: int
    time_budget: float | None
    wall_seconds: float
    images_planned: int
    images_measured: int
    order: str
    """``hashed`` or ``name``."""
    seed: int
    cpu: str
    os: str
    command: str | None = None
    study_file: str | None = None
    strata: dict[str, int] = field(default_factory=dict)
    """Images of the dataset by folder within it (empty text: the top level). Files with the same content count
    once, in the folder of the first one by name. Empty in files of older versions."""
    passed_over: tuple[str, ...] = ()
    """Images without records that come before an image with records in the order of the sample. They did not fit
    into the rest of the time budget while a later image did, or an interrupt ended the run before they were done.
    Empty, too, in files of older versions, which did not record it."""

    def __post_init__(self) -> None:
        # JSON has no tuples.
        object.__setattr__(self, "passed_over", tuple(self.passed_over))


@dataclass(frozen=True, slots=True)
class QualityResults:
    """All records of a study with their provenance.

    It contains only complete images: every source has one record for every setting of the study. If a budget or
    an interrupt ended the run before all planned images were measured, ``complete`` is False and
    ``incomplete_reason`` says why.
    """

    study_id: str
    study_name: str
    dataset: DatasetInfo
    timestamp: str
    """ISO 8601, UTC."""
    tool_versions: dict[str, str]
    measurements: list[QualityRecord]
    run: RunInfo
    study: dict[str, Any] = field(default_factory=dict)
    """The study as it was run, with all keys of a study file."""
    complete: bool = True
    incomplete_reason: str | None = None
    stop_reason: StopReason | None = None
    """Why the run ended; None in files written before this was recorded."""
    schema_version: int = SCHEMA_VERSION
    encoders: tuple[EncoderFacts, ...] = ()
    """Facts of the encoders of these records, in their usual order; older files contain none."""
    commands: tuple[CommandTemplate, ...] = ()
    """Commands for other tools that correspond to the settings of these records."""

    metrics: tuple[MetricFacts, ...] = ()
    """Facts of the metrics that the study measured; empty in files from before these were stored."""

    def settings(self) -> tuple[Setting, ...]:
        """Every setting in the records, in the order in which they occur."""
        found: dict[tuple[object, ...], Setting] = {}
        for r in self.measurements:
            sizes = (r.resolution, r.crop, tuple((r.extra_args or {}).items()), tuple(r.parameters.items()))
            key = (r.encoder, r.quality, r.chroma_subsampling, r.speed, r.effort, r.method, *sizes)
            if key not in found:
                found[key] = r.setting
        return tuple(found.values())

    @property
    def metric_columns(self) -> dict[str, MetricColumn]:
        """How to interpret each column of scores, by name, in the order of the metrics."""
        return {column.name: column for metric in self.metrics for column in metric.columns}

    @property
    def usual_column(self) -> MetricColumn:
        """Column on which answers are based by default: SSIMULACRA2, or the first one if it was not measured."""
        columns = self.metric_columns
        return columns.get(USUAL_METRIC) or next(iter(columns.values()))

    def save(self, path: Path | str) -> None:
        """Write ``quality.json`` atomically: readers see either the old file or the new one, never a part.

        Raises:
            OSError: The file cannot be written.
        """
        members = []
        for member in dataclasses.fields(self):
            value = getattr(self, member.name)
            if member.name == "measurements":
                # One line per record: easy to search, and Python's encoder is five times faster this way.
                further = parameter_columns(value), score_columns(value)
                rows = ",\n  ".join(json.dumps(_row(record, *further), allow_nan=False) for record in value)
                text = f"[\n  {rows}\n ]" if rows else "[]"
            elif member.name in ("encoders", "commands", "metrics"):
                lines = ",\n  ".join(json.dumps(item.to_dict(), allow_nan=False) for item in value)
                text = f"[\n  {lines}\n ]" if lines else "[]"
            else:
                plain = dataclasses.asdict(value) if dataclasses.is_dataclass(value) else value  # type: ignore[arg-type]
                text = json.dumps(plain, allow_nan=False)
            members.append(f'"{member.name}": {text}')
        write_atomically(Path(path), "{\n " + ",\n ".join(members) + "\n}\n")

    @classmethod
    def load(cls, path: Path | str) -> QualityResults:
        """Read a results file.

        Args:
            path: A ``quality.json``, or a folder that contains one.

        Raises:
            ResultsError: The file is missing, is not a results file, or has another schema version.
        """
        path = Path(path)
        if path.is_dir():
            path /= "quality.json"
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise ResultsError(
                f"{path}: no such results file. 'codecstudy run STUDY' prints the path of its results."
            ) from None
        except (OSError, ValueError, RecursionError) as error:
            raise ResultsError(
                f"{path}: not a results file ({error}). Pass a quality.json written by 'codecstudy run'."
            ) from None
        if not isinstance(document, dict) or not isinstance(document.get("measurements"), list):
            raise ResultsError(f"{path}: not a results file: it has no list 'measurements'.")
        version = document.get("schema_version")
        if version != SCHEMA_VERSION:
            raise ResultsError(
                f"{path}: written with results schema version {version!r}; this version of codecstudy reads "
                f"version {SCHEMA_VERSION}. Run the study again, or use the version that wrote it."
            )
        try:
            metrics = tuple(MetricFacts.from_dict(facts) for facts in document.pop("metrics", ()))
            described = [column.name for facts in metrics for column in facts.columns]
            scores = tuple(dict.fromkeys([*SCORE_COLUMNS, *described]))
            return cls(
                measurements=[_record(row, scores) for row in document.pop("measurements")],
                metrics=metrics,
                dataset=DatasetInfo(**document.pop("dataset")),
                run=RunInfo(**document.pop("run")),
                stop_reason=_stop_reason(document),
                encoders=tuple(EncoderFacts.from_dict(e) for e in document.pop("encoders", ())),
                commands=tuple(CommandTemplate.from_dict(c) for c in document.pop("commands", ())),
                **document,
            )
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ResultsError(f"{path}: a damaged results file: {error}") from None

    def to_frame(self) -> pl.DataFrame:
        """All records as a polars data frame: one row per record, one column per field of QualityRecord.

        ``scores`` are columns of their own, after all others. ``extra_args`` is canonical JSON text (null if there
        are none), so that rows can be grouped by it.
        """
        return records_to_frame(self.measurements)


def _stop_reason(document: dict[str, Any]) -> StopReason | None:
    reason = document.pop("stop_reason", None)
    return None if reason is None else StopReason(reason)


def records_to_frame(records: Iterable[QualityRecord]) -> pl.DataFrame:
    """Records as a polars data frame; an empty list yields a frame with all columns and no rows."""
    import polars as pl

    types = {
        "quality": pl.Int64,
        "file_size": pl.Int64,
        "source_file_size": pl.Int64,
        **dict.fromkeys(("width", "height", "speed", "effort", "method", "resolution", "crop"), pl.Int64),
        **dict.fromkeys((*SCORE_COLUMNS, *TIMING_COLUMNS), pl.Float64),
    }
    rows = list(records)
    columns: dict[str, list[Any]] = {name: [getattr(row, name) for row in rows] for name in RECORD_COLUMNS}
    for name in ("source_image", "original_image", "encoded_path", "measurement_error", "source_notes"):
        columns[name] = [_unicode(value) for value in columns[name]]
    columns["extra_args"] = [
        json.dumps(value, sort_keys=True, separators=(",", ":")) if value else None
        for value in columns["extra_args"]
    ]
    frame = pl.DataFrame(columns, schema={name: types.get(name, pl.String) for name in RECORD_COLUMNS})
    return frame.with_columns(
        *(
            pl.Series(name, [row.parameters.get(name) for row in rows], dtype=_dtype(rows, name))
            for name in parameter_columns(rows)
        ),
        *(
            pl.Series(name, [row.scores.get(name) for row in rows], dtype=pl.Float64)
            for name in score_columns(rows)
        ),
    )


def _dtype(records: Iterable[QualityRecord], parameter: str) -> Any:
    """The column type that can store all values of a parameter unchanged."""
    import polars as pl

    kinds = {type(r.parameters[parameter]) for r in records if parameter in r.parameters}
    for wide, held in ((pl.Boolean, {bool}), (pl.Int64, {int}), (pl.Float64, {int, float})):
        if kinds <= held:
            return wide
    return pl.String


def _unicode(text: str | None) -> str | None:
    """Text as valid Unicode: file names, and messages that contain them, may contain any bytes."""
    return None if text is None else text.encode("utf-8", "backslashreplace").decode("utf-8")


def _row(record: QualityRecord, parameters: Iterable[str], scores: Iterable[str]) -> dict[str, Any]:
    """A record as JSON values, with a member for each further parameter and score."""
    row = {name: getattr(record, name) for name in RECORD_COLUMNS}
    row |= {name: record.parameters.get(name) for name in parameters}
    row |= {name: record.scores.get(name) for name in scores}
    return row | {name: score_to_json(row[name]) for name in (*SCORE_COLUMNS, *scores)}


def _record(row: dict[str, Any], scores: Iterable[str]) -> QualityRecord:
    """The inverse of :func:`_row`; ``scores`` are all score columns that the file describes."""
    held = {name: score_from_json(row.pop(name)) for name in scores if name in row}
    further = {name: held.pop(name) for name in list(held) if name not in SCORE_COLUMNS}
    parameters = {name: row.pop(name) for name in [name for name in row if name not in RECORD_COLUMNS]}
    return QualityRecord(
        **row,
        **held,
        parameters={name: value for name, value in parameters.items() if value is not None},
        scores={name: value for name, value in further.items() if value is not None},
    )
