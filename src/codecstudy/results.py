"""The results of a study: one flat record per task, with provenance, and ``quality.json``.

Up to :data:`RECORDS_IN_JSON` records are in ``quality.json``. More are in ``quality.parquet`` next to it, of which
only the columns that are needed are read, and no Python object is made for a record unless it is asked for.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import io
import itertools
import json
import math
import re
import typing
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

from codecstudy.errors import ResultsError
from codecstudy.files import open_regular, write_atomically
from codecstudy.typed import LARGEST, check_type
from codecstudy.types import (
    MARKERS,
    SETTING_KEYS,
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

RECORDS_IN_JSON = 100_000
"""Largest number of records in ``quality.json`` itself."""

PARQUET_NAME = "quality.parquet"

MAX_SHARDS = 100_000
"""Largest number of shards that a sample can be divided into."""

_CHUNK = 20_000
"""Records that are objects at the same time while a Parquet file is made."""


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
    (``measurement_error`` then says why), if the study did not name their metric, or if the image is smaller than
    the metric needs (``source_notes`` then says so). ``psnr`` of a lossless result
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
    """The conversions of the source to 8-bit sRGB, and metrics that do not apply to images so small, as
    ``; ``-separated text."""
    source_phash: str | None = None
    """Perceptual hash of the source at its original size, 64 bits as 16 hexadecimal digits: images that look alike
    differ in few bits. None if the source could not be opened, and in files of older versions."""
    encoder: str = ""
    """Id of the encoder; by default the format's own encoder."""
    parameters: dict[str, Scalar] = field(default_factory=dict)
    """Declared parameters that have no column above. Files and data frames have a column for each."""
    scores: dict[str, float] = field(default_factory=dict)
    """Scores that have no column above, by column. Files and data frames have a column for each."""
    encoder_options: dict[str, Scalar] | None = None
    """All options in effect: those of the setting, the encoder's defaults, and what it cannot change. None in files
    of older versions."""
    encoding_peak_memory: int | None = None
    """Most resident memory in bytes of the program that encoded, with its child processes; None for encoders that
    run no program."""

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


COST_COLUMNS = (
    "encoding_time",
    "encoding_cpu_time",
    "decoding_time",
    "decoding_cpu_time",
    "metrics_cpu_time",
    "encoding_peak_memory",
)
"""Times and memory: the columns that may differ between two runs of the same study; all others are identical."""

SCORE_COLUMNS = ("ssimulacra2", "psnr", "ssim", "butteraugli", "butteraugli_3norm")
"""Scores that have a column in every record, whether measured or not."""

USUAL_METRIC = "ssimulacra2"
"""Column on which answers are based unless another one is requested, if the study measured it."""

BITS_PER_PIXEL = "bits_per_pixel"
"""Column of encoded bits per pixel, which is derived from a record; a study may name it like a score."""

_OBJECT_COLUMNS = ("extra_args", "encoder_options")
"""Columns of options by name, which data frames contain as canonical JSON text."""

_ADDED_COLUMNS = ("encoder_options", "encoding_peak_memory")
"""Columns that Parquet files of older versions do not have."""

RECORD_COLUMNS = tuple(
    f.name for f in dataclasses.fields(QualityRecord) if f.name not in ("parameters", "scores")
)
"""Columns of every record, followed by those of further parameters, and then of further scores."""


class Records(Sequence[QualityRecord]):
    """The records of a Parquet file. Columns are read when they are needed, and records are made one at a time.

    Text that is not valid Unicode is escaped, as in every data frame of records.

    Args:
        content: The file.
        scores: Names of the columns that contain scores; the file itself does not distinguish them.
        path: Where the file is; None if it has not been written.

    Raises:
        ResultsError: The file is damaged. Everything that reads columns raises it if these are damaged.
    """

    def __init__(self, content: bytes, scores: Iterable[str], path: Path | None = None) -> None:
        import polars as pl

        self.content = content
        self._path = path
        self._frame = pl.scan_parquet(io.BytesIO(content))
        with self._explained():
            types, found = frame_types(), self._frame.collect_schema()
            self._frame = self._frame.with_columns(
                pl.lit(None, dtype=types[name]).alias(name) for name in _ADDED_COLUMNS if name not in found
            )
            self.schema = self._frame.collect_schema()
            self._length = int(self._frame.select(pl.len()).collect().item())
        further = [name for name in self.schema.names() if name not in RECORD_COLUMNS]
        known = set(scores)
        self.parameters = tuple(name for name in further if name not in known)
        self.scores = tuple(name for name in further if name in known)

    @classmethod
    def of(
        cls, records: Iterable[QualityRecord], parameters: dict[str, Any], scores: Iterable[str]
    ) -> Records:
        """Records, of which only some are in memory at a time.

        Args:
            records: The records.
            parameters: Column types of their further parameters, by name.
            scores: Names of their further scores.
        """
        import polars as pl

        scores, left = tuple(scores), iter(records)
        parts: list[bytes] = []
        while chunk := list(itertools.islice(left, _CHUNK)):
            part = io.BytesIO()
            records_to_frame(chunk, parameters, scores).write_parquet(part)
            parts.append(part.getvalue())
        content = io.BytesIO()
        pl.scan_parquet(parts).sink_parquet(content)
        return cls(content.getvalue(), scores)

    @classmethod
    def concatenated(cls, frames: Iterable[pl.LazyFrame], scores: Iterable[str]) -> Records:
        """The records of several frames, one after the other; only some rows are in memory at a time.

        Args:
            frames: Frames of :meth:`QualityResults.lazy`, or parts of them.
            scores: Names of their further scores.
        """
        import polars as pl

        content = io.BytesIO()
        pl.concat(frames, how="diagonal_relaxed").sink_parquet(content)
        return cls(content.getvalue(), scores)

    @property
    def lazy(self) -> pl.LazyFrame:
        """All columns, not yet read."""
        return self._frame

    def select(self, *columns: Any) -> pl.DataFrame:
        """Columns, or expressions of columns, as a data frame; all columns if none are given."""
        with self._explained():
            return (self._frame.select(*columns) if columns else self._frame).collect()

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn errors about the content of the file into ResultsErrors."""
        import polars as pl

        try:
            yield
        # Some damage is an error inside polars that it does not expect, which is no subclass of Exception.
        except (pl.exceptions.ComputeError, pl.exceptions.PanicException) as error:
            (said, *_) = str(error).splitlines() or [type(error).__name__]
            raise ResultsError(f"{self._path or 'records'}: cannot be read: {said}") from None

    def saved(self) -> list[QualityRecord]:
        """See :meth:`QualityResults.saved`."""
        import polars as pl

        kept = self._frame.filter(pl.col("encoded_path").is_not_null() & (pl.col("status") == "measured"))
        with self._explained():
            return [self._record(row) for row in kept.collect().iter_rows(named=True)]

    def of_images(self, names: set[str]) -> list[QualityRecord]:
        """See :meth:`QualityResults.of_images`."""
        import polars as pl

        kept = self._frame.filter(pl.col("source_image").is_in(names))
        with self._explained():
            return [self._record(row) for row in kept.collect().iter_rows(named=True)]

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[QualityRecord]:
        for row in self.select().iter_rows(named=True):
            yield self._record(row)

    @overload
    def __getitem__(self, index: int) -> QualityRecord: ...
    @overload
    def __getitem__(self, index: slice) -> list[QualityRecord]: ...
    def __getitem__(self, index: int | slice) -> QualityRecord | list[QualityRecord]:
        if isinstance(index, slice):
            return [self._record(row) for row in self.select()[index].iter_rows(named=True)]
        number = range(len(self))[index]
        with self._explained():
            return self._record(self._frame.slice(number, 1).collect().row(0, named=True))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or isinstance(other, str):
            return NotImplemented
        return len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]

    def _record(self, row: dict[str, Any]) -> QualityRecord:
        parameters = {name: value for name in self.parameters if (value := row.pop(name)) is not None}
        scores = {name: value for name in self.scores if (value := row.pop(name)) is not None}
        for name in _OBJECT_COLUMNS:
            row[name] = json.loads(row[name]) if row[name] else None
        return QualityRecord(**row, parameters=parameters, scores=scores)


def parameter_columns(records: Iterable[QualityRecord]) -> tuple[str, ...]:
    """Names of the parameters that have no column in every record, in the order in which they occur."""
    if isinstance(records, Records):
        return records.parameters
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
    if isinstance(records, Records):
        return records.scores
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
    "encoding_threads",
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
class Shard:
    """A part of the sample: one block of its order, or several after they have been merged."""

    numbers: tuple[int, ...]
    """Numbers of the shards that are here, ascending, each 1 to ``of``."""
    of: int
    """Number of shards that the sample is divided into."""
    sample_images: int
    """Images of the whole sample."""
    sample_sha256: str
    """Hash of the paths of the whole sample in their order (of files with the same content, the first): shards
    with the same one are parts of one sample."""

    def __post_init__(self) -> None:
        # JSON has no tuples.
        numbers = tuple(self.numbers)
        object.__setattr__(self, "numbers", numbers)
        if (
            self.of > MAX_SHARDS
            or not numbers
            or numbers != tuple(sorted(set(numbers) & {*range(1, self.of + 1)}))
        ):
            raise ValueError(f"the shards are {numbers!s:.40} of {self.of}")

    @property
    def missing(self) -> tuple[int, ...]:
        """Numbers of the shards that are not here."""
        here = set(self.numbers)
        return tuple(number for number in range(1, self.of + 1) if number not in here)

    @property
    def label(self) -> str:
        """The shards by number: ``shard 3/8``, ``shards 1, 2 and 5 of 8``."""
        if len(self.numbers) == 1:
            return f"shard {self.numbers[0]}/{self.of}"
        *most, last = map(str, self.numbers)
        return f"shards {', '.join(most)} and {last} of {self.of}"


@dataclass(frozen=True, slots=True)
class Part:
    """One of the runs that merged results come from."""

    shard: int | None
    """Number of the shard; None if the run was one of the whole sample."""
    images_planned: int
    images_measured: int
    """Images of this run in the merged results, whose records are in the order of the parts."""
    cpu: str
    os: str
    workers: int
    wall_seconds: float
    time_budget: float | None
    timestamp: str
    """ISO 8601, UTC."""
    command: str | None = None
    times: bool = True
    """Whether its records have times. Those of different CPUs cannot be compared, so only one CPU's are kept."""

    def __post_init__(self) -> None:
        if self.images_measured < 0:
            raise ValueError(f"a part has {self.images_measured} images")


@dataclass(frozen=True, slots=True)
class RunInfo:
    """The circumstances of the measurements.

    Of merged results, ``wall_seconds`` is the sum over their parts, and ``workers`` and ``time_budget`` are the
    largest of a part. The CPU and the system are those that all times in the records were measured on.
    """

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
    In merged results, the order is that of each part. Empty, too, in files of older versions, which did not record
    it."""
    shard: Shard | None = None
    """Which part of the sample the records are of; None: the whole sample."""
    parts: tuple[Part, ...] = ()
    """The runs that merged results come from; empty: they come from one run."""

    def __post_init__(self) -> None:
        # JSON has no tuples.
        object.__setattr__(self, "passed_over", tuple(self.passed_over))
        parts = (Part(**part) if isinstance(part, dict) else part for part in self.parts)
        object.__setattr__(self, "parts", tuple(parts))
        if isinstance(self.shard, dict):
            object.__setattr__(self, "shard", Shard(**self.shard))

    @property
    def times_of(self) -> str | None:
        """A sentence that says which images have times; None if all have, as far as they were measured."""
        without: Counter[str] = Counter()
        for part in self.parts:
            if not part.times:
                without[f"{part.cpu}, {part.os}"] += part.images_measured
        if not without.total():
            return None
        others = "; ".join(f"{count:,} measured on {machine}" for machine, count in without.items())
        with_times = self.images_measured - without.total()
        return (
            f"times are those of {with_times:,} images, measured on {self.cpu}, {self.os}; the others have none "
            f"({others}), because times of different CPUs cannot be compared"
        )

    @property
    def part_of_sample(self) -> str | None:
        """A sentence that says which part of the sample the records are of; None if it is the whole one."""
        if self.shard is None:
            return None
        return (
            f"{self.shard.label} of the sample: {self.images_planned:,} of {self.shard.sample_images:,} images. "
            "'codecstudy merge' joins all shards"
        )


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
    measurements: Sequence[QualityRecord]
    """A list, or :class:`Records`."""
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
    _frames: list[pl.DataFrame] = field(default_factory=list, init=False, repr=False, compare=False)
    """The records as a data frame, if they are a list and have been needed as one."""

    def settings(self) -> tuple[Setting, ...]:
        """Every setting in the records, in the order in which they occur."""
        if isinstance(self.measurements, Records):
            columns = setting_columns(self.measurements)
            unique = self.select(*columns).unique(maintain_order=True)
            return tuple(setting_of(row, columns) for row in unique.iter_rows(named=True))
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

    def save(self, path: Path | str, *, with_parquet: bool = False) -> None:
        """Write ``quality.json`` atomically: readers see either the old file or the new one, never a part.

        More than :data:`RECORDS_IN_JSON` records are written to ``quality.parquet`` in the same folder.

        Args:
            path: The file.
            with_parquet: Also write fewer records there, as a copy for other programs.

        Raises:
            OSError: The file cannot be written.
        """
        members: list[str] = []
        document: dict[str, Any] = {}
        parquet = None
        if len(self.measurements) > RECORDS_IN_JSON:
            parquet = self.to_parquet()
            # If the process is killed between the two files, their checksums do not match, and say so.
            write_atomically(Path(path).with_name(PARQUET_NAME), parquet)
        for member in dataclasses.fields(self):
            if not member.init:
                continue
            value = getattr(self, member.name)
            plain: Any
            if member.name == "measurements" and parquet is not None:
                digest = hashlib.sha256(parquet).hexdigest()
                plain = {"file": PARQUET_NAME, "rows": len(value), "sha256": digest}
                text = json.dumps(plain)
            elif member.name == "measurements":
                # One line per record: easy to search, and Python's encoder is five times faster this way.
                further = parameter_columns(value), score_columns(value)
                plain = [_row(record, *further) for record in value]
                lines = ",\n  ".join(json.dumps(row, allow_nan=False) for row in plain)
                text = f"[\n  {lines}\n ]" if lines else "[]"
            elif member.name in ("encoders", "commands", "metrics"):
                plain = [item.to_dict() for item in value]
                lines = ",\n  ".join(json.dumps(item, allow_nan=False) for item in plain)
                text = f"[\n  {lines}\n ]" if lines else "[]"
            else:
                plain = dataclasses.asdict(value) if dataclasses.is_dataclass(value) else value  # type: ignore[arg-type]
                text = json.dumps(plain, allow_nan=False)
            members.append(f'"{member.name}": {text}')
            document[member.name] = plain
        members.append(f'"checksum": "{checksum(document)}"')
        write_atomically(Path(path), "{\n " + ",\n ".join(members) + "\n}\n")
        if with_parquet and parquet is None:
            write_atomically(Path(path).with_name(PARQUET_NAME), self.to_parquet())

    @classmethod
    def load(cls, path: Path | str) -> QualityResults:
        """Read a results file.

        Args:
            path: A ``quality.json``, or a folder that contains one.

        Raises:
            ResultsError: The file is missing, is not a results file, is damaged, or has another schema version.
        """
        path = Path(path)
        if path.is_dir():
            path /= "quality.json"
        try:
            document = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse_constant)
        except FileNotFoundError:
            raise ResultsError(
                f"{path}: no such results file. 'codecstudy run STUDY' prints the path of its results."
            ) from None
        except (OSError, ValueError, RecursionError) as error:
            raise ResultsError(
                f"{path}: not a results file ({error}). Pass a quality.json written by 'codecstudy run'."
            ) from None
        if not isinstance(document, dict) or not isinstance(document.get("measurements"), list | dict):
            raise ResultsError(f"{path}: not a results file: it has no list 'measurements'.")
        version = document.get("schema_version")
        if version != SCHEMA_VERSION:
            raise ResultsError(
                f"{path}: written with results schema version {version!r}; this version of codecstudy reads "
                f"version {SCHEMA_VERSION}. Run the study again, or use the version that wrote it."
            )
        stored = document.pop("checksum", None)
        if stored is not None and stored != checksum(document):
            raise ResultsError(
                f"{path}: damaged: the checksum does not match the content. Run the study again: what it measured "
                "is in the measurement store. If you have edited the file yourself, remove its member 'checksum', "
                "which then no longer protects it."
            )
        try:
            return cls._of(document, path.parent)
        except (LookupError, TypeError, AttributeError, ValueError, OverflowError) as error:
            raise ResultsError(f"{path}: a damaged results file: {error}") from None

    @classmethod
    def _of(cls, document: dict[str, Any], folder: Path) -> QualityResults:
        metrics = tuple(MetricFacts.from_dict(facts) for facts in document.pop("metrics", ()))
        _check_metrics(metrics)
        described = [column.name for facts in metrics for column in facts.columns]
        scores = tuple(dict.fromkeys([*SCORE_COLUMNS, *described]))
        rows = document.pop("measurements")
        records: Sequence[QualityRecord]
        if isinstance(rows, dict):
            records = _read_parquet(folder, described, **rows)
            check_columns(records)
        else:
            check_rows(rows, scores)
            records = [_record(row, scores) for row in rows]
        results = cls(
            measurements=records,
            metrics=metrics,
            dataset=DatasetInfo(**document.pop("dataset")),
            run=RunInfo(**document.pop("run")),
            stop_reason=_stop_reason(document),
            encoders=tuple(EncoderFacts.from_dict(e) for e in document.pop("encoders", ())),
            commands=tuple(CommandTemplate.from_dict(c) for c in document.pop("commands", ())),
            **document,
        )
        for name, kind in _MEMBERS.items():
            check_type(getattr(results, name), kind, name)
        _check_encoders(results.encoders)
        _check_study(results.study)
        return results

    def to_frame(self) -> pl.DataFrame:
        """All records as a polars data frame: one row per record, one column per field of QualityRecord.

        ``scores`` are columns of their own, after all others. ``extra_args`` and ``encoder_options`` are canonical
        JSON text (null if there are none), so that rows can be grouped by them.
        """
        return self.select()

    def columns(self) -> tuple[str, ...]:
        """Names of the columns of :meth:`to_frame`."""
        further = parameter_columns(self.measurements), score_columns(self.measurements)
        return (*RECORD_COLUMNS, *further[0], *further[1])

    def select(self, *columns: Any) -> pl.DataFrame:
        """Columns of :meth:`to_frame`, or expressions of them; all columns if none are given."""
        if isinstance(self.measurements, Records):
            return self.measurements.select(*columns)
        if not self._frames:
            self._frames.append(records_to_frame(self.measurements))
        return self._frames[0].select(*columns) if columns else self._frames[0]

    def lazy(self) -> pl.LazyFrame:
        """:meth:`to_frame`, of which a file's columns and rows are read only when they are needed."""
        records = self.measurements
        return records.lazy if isinstance(records, Records) else self.to_frame().lazy()

    def to_parquet(self) -> bytes:
        """:meth:`to_frame` as the content of a Parquet file."""
        if isinstance(self.measurements, Records):
            return self.measurements.content
        content = io.BytesIO()
        self.to_frame().write_parquet(content)
        return content.getvalue()

    def compact(self) -> QualityResults:
        """The same results with their records in the form of a Parquet file, which takes a tenth of the memory."""
        if isinstance(self.measurements, Records):
            return self
        records = Records(self.to_parquet(), score_columns(self.measurements))
        return dataclasses.replace(self, measurements=records)

    def saved(self) -> list[QualityRecord]:
        """The measured records whose encoded file was kept."""
        if isinstance(self.measurements, Records):
            return self.measurements.saved()
        return [r for r in self.measurements if r.encoded_path is not None and r.status == "measured"]

    def of_images(self, names: Iterable[str]) -> list[QualityRecord]:
        """The records of these images, in their order here."""
        wanted = set(names)
        if isinstance(self.measurements, Records):
            return self.measurements.of_images(wanted)
        return [r for r in self.measurements if r.source_image in wanted]

    def statuses(self) -> Counter[str]:
        """Number of records by status."""
        return Counter(self.select("status")["status"].to_list())


def checksum(document: dict[str, Any]) -> str:
    """SHA-256 of the members of a results file, other than the checksum, as canonical JSON.

    Canonical JSON has sorted keys and no spaces, so that a file may be indented or sorted by other programs.
    """
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


_MEMBERS: dict[str, Any] = {
    "study_id": str,
    "study_name": str,
    "dataset": DatasetInfo,
    "timestamp": str,
    "tool_versions": dict[str, str],
    "run": RunInfo,
    "study": dict[str, Any],
    "complete": bool,
    "incomplete_reason": str | None,
    "encoders": tuple[EncoderFacts, ...],
    "commands": tuple[CommandTemplate, ...],
}
"""Types of the members that are not checked otherwise."""

_MAX_DIGITS = 12
"""Most decimals of a score that can be asked for."""


def _check_metrics(metrics: tuple[MetricFacts, ...]) -> None:
    for facts in metrics:
        # An infinite score of identical images is the only infinite number in facts.
        finite = (
            dataclasses.replace(c, identical=0.0) if c.identical in (math.inf, -math.inf) else c
            for c in facts.columns
        )
        check_type(dataclasses.replace(facts, columns=tuple(finite)), MetricFacts, "metrics")
    columns = [column for facts in metrics for column in facts.columns]
    names = [column.name for column in columns]
    if len(set(names)) < len(names):
        raise ValueError(f"metrics describes a column twice: {', '.join(names)}")
    if taken := _reserved() & set(names):
        raise ValueError(f"metrics describes columns that are not scores: {', '.join(sorted(taken))}")
    for column in columns:
        if not 0 <= column.digits <= _MAX_DIGITS:
            raise ValueError(f"the digits of {column.name} are {column.digits}, not 0 to {_MAX_DIGITS}")


def _reserved() -> set[str]:
    """Names that neither a score nor a further parameter can have."""
    return ({*RECORD_COLUMNS, *DERIVED_COLUMNS, *SETTING_KEYS} - {*SCORE_COLUMNS}) | {"cls"}


def _check_encoders(encoders: tuple[EncoderFacts, ...]) -> None:
    for facts in encoders:
        if facts.colour is not None and not all(re.fullmatch("#[0-9a-fA-F]{3,8}", c) for c in facts.colour):
            raise ValueError(f"the colours of {facts.id} are {facts.colour}, not hexadecimal")
        if facts.marker is not None and facts.marker not in MARKERS:
            raise ValueError(f"the marker of {facts.id} is {facts.marker!r}, not one of {', '.join(MARKERS)}")
        for rate in facts.rates:
            if rate.step < _MIN_STEP:
                raise ValueError(
                    f"the step of {facts.id}'s {rate.name} is {rate.step}, less than {_MIN_STEP}"
                )


_MIN_STEP = 1e-6
"""Levels are written with six decimals."""


def _check_study(study: dict[str, Any]) -> None:
    """Check the members of the study that its report uses."""
    check_type(study.get("description"), str | None, "study.description")
    check_type(study.get("encoders"), list[dict[str, Any]] | None, "study.encoders")
    for entry in study.get("encoders") or ():
        for name in ("format", "encoder"):
            check_type(entry.get(name), str | None, f"study.encoders.{name}")
    check_type(study.get("analysis"), dict[str, Any] | None, "study.analysis")
    for name in ("x_axis", "group_by"):
        check_type((study.get("analysis") or {}).get(name), str | list[Any] | None, f"study.analysis.{name}")
    fragment = study.get("analysis_fragment_size")
    check_type(fragment, int | None, "study.analysis_fragment_size")
    if fragment is not None and fragment < 1:
        raise ValueError(f"study.analysis_fragment_size is {fragment}, not 1 or more")


_STATUSES = ("measured", "skipped", "failed")
_KINDS = ("source", "encode", "decode", "metric", "artifact", "crash", "timeout", "memory")
_PHASH = "[0-9a-f]{16}"


def _of_type(*annotations: object) -> tuple[str, ...]:
    """The columns of every record that are declared with one of these types, so that none is left unchecked."""
    hints = typing.get_type_hints(QualityRecord)
    return tuple(name for name in RECORD_COLUMNS if hints[name] in annotations)


_TEXTS = _of_type(str)
_OPTIONAL_TEXTS = tuple(name for name in _of_type(str | None) if name not in ("failure", "source_phash"))
_OPTIONAL_WHOLE = _of_type(int | None)
_SMALLEST = dict.fromkeys(_of_type(int, int | None), 0) | {
    **dict.fromkeys(("file_size", "width", "height", "resolution", "crop"), 1),
    **dict.fromkeys(("quality", "speed", "effort", "method"), -LARGEST),
}
"""Smallest values of the columns of whole numbers."""
_TIMES = tuple(name for name in COST_COLUMNS if name not in _SMALLEST)

_NONE = type(None)


def check_rows(rows: list[Any], scores: Iterable[str]) -> None:
    """Check the types and ranges of records in JSON, column by column, which is fast for many records.

    Raises:
        ValueError: A value is not valid; the message names the record, the column and the value.
    """
    if not set(map(type, rows)) <= {dict}:
        number = next(n for n, row in enumerate(rows) if type(row) is not dict)
        raise ValueError(f"record {number + 1} is not an object")
    for name in _TEXTS:
        _check_column(rows, name, {str}, "text")
    for name in _OPTIONAL_TEXTS:
        _check_column(rows, name, {str, _NONE}, "text or null")
    _check_column(rows, "status", {str}, "measured, skipped or failed", text=_STATUSES.__contains__)
    _check_column(rows, "failure", {str, _NONE}, "a kind of failure", text=_KINDS.__contains__)
    _check_column(
        rows, "source_phash", {str, _NONE}, "16 hexadecimal digits", text=re.compile(_PHASH).fullmatch
    )
    for name, smallest in _SMALLEST.items():
        kinds: set[type] = {int, _NONE} if name in _OPTIONAL_WHOLE else {int}
        _check_column(rows, name, kinds, f"a whole number from {smallest}", smallest)
    for name in _TIMES:
        _check_column(rows, name, {int, float, _NONE}, "a time in seconds", 0)
    for name in scores:
        _check_column(rows, name, {int, float, str, _NONE}, "a score", -LARGEST, ("inf", "-inf").__contains__)
    for name in sorted(set().union(*rows).difference(RECORD_COLUMNS, scores)):
        if name in _reserved():
            raise ValueError(f"{name!r} cannot be the name of a parameter")
        _check_column(rows, name, {str, int, float, bool, _NONE}, "a value of a parameter", -LARGEST)
    for number, row in enumerate(rows):
        for name in _OBJECT_COLUMNS:
            if row.get(name) is not None:
                check_type(row[name], dict[str, Scalar], f"record {number + 1}: {name}")
        if row.get("status", "measured") == "measured" and not (
            row["file_size"] and row["width"] and row["height"] and row.get("failure") is None
        ):
            raise ValueError(
                f"record {number + 1} ({_name(row)}) is measured, but has no file_size, width or height, or has a "
                "failure"
            )
        if row.get("failure") is not None and row["status"] != "failed":
            raise ValueError(
                f"record {number + 1} ({_name(row)}) has a failure, but its status is not failed"
            )


def _check_column(
    rows: list[dict[str, Any]],
    name: str,
    kinds: set[type],
    wanted: str,
    smallest: int | None = None,
    text: Callable[[str], object] | None = None,
) -> None:
    """Check the types in a column, that its numbers are in range, and its texts with ``text``."""
    default = _DEFAULTS.get(name)
    values: list[Any] = [row.get(name, default) for row in rows]
    found = set(map(type, values))
    if found <= kinds:
        numbers = values if found <= {int, float} else [v for v in values if type(v) in (int, float)]
        in_range = smallest is None or not numbers or smallest <= min(numbers) <= max(numbers) <= LARGEST
        if in_range and (text is None or all(map(text, {v for v in values if type(v) is str}))):
            return
    for number, value in enumerate(values):
        one = type(value) in kinds
        if one and smallest is not None and type(value) in (int, float):
            one = smallest <= value <= LARGEST
        if one and text is not None and type(value) is str:
            one = bool(text(value))
        if not one:
            shown = f"{value!r:.40}" if name in rows[number] else "missing"
            raise ValueError(f"record {number + 1} ({_name(rows[number])}): {name} is {shown}, not {wanted}")


_DEFAULTS = {
    f.name: f.default for f in dataclasses.fields(QualityRecord) if f.default is not dataclasses.MISSING
}


def _name(row: dict[str, Any]) -> str:
    return f"{row.get('source_image', '?')!s:.80}"


def _stop_reason(document: dict[str, Any]) -> StopReason | None:
    reason = document.pop("stop_reason", None)
    return None if reason is None else StopReason(reason)


def setting_of(row: dict[str, Any], columns: Iterable[str]) -> Setting:
    """The setting of one row of a results frame (``extra_args`` is JSON text), from its setting ``columns``."""
    extra = json.loads(row["extra_args"]) if row["extra_args"] else {}
    return Setting.of(**({name: row[name] for name in columns} | {"extra_args": extra}))


def _read_parquet(folder: Path, scores: Iterable[str], file: str, rows: int, sha256: str) -> Records:
    """The records in the Parquet file that a results file names."""
    import polars as pl

    if Path(file).name != file:
        raise ValueError(f"measurements.file is {file!r}, not the name of a file in the same folder")
    path = folder / file
    try:
        with open_regular(path) as opened:
            content = opened.read()
    except OSError as error:
        raise ValueError(f"its records cannot be read from {path}: {error.strerror or error}") from None
    if hashlib.sha256(content).hexdigest() != sha256:
        raise ValueError(
            f"{path} does not have the checksum that the file states. Run the study again: what it measured is in "
            "the measurement store"
        )
    try:
        records = Records(content, scores, path)
    except pl.exceptions.PolarsError as error:
        raise ValueError(f"{path} cannot be read: {error}") from None
    if len(records) != rows:
        raise ValueError(f"{path} has {len(records)} records, not {rows}")
    return records


def check_columns(records: Records) -> None:
    """Check the types and ranges of all columns.

    Raises:
        ValueError: A column is missing or has another type, or a value in it is not valid.
    """
    import polars as pl

    types = frame_types()
    for name, kind in types.items():
        if records.schema.get(name) != kind:
            raise ValueError(f"column {name} of the records is {records.schema.get(name)}, not {kind}")
    wrong: dict[str, pl.Expr] = {}
    for name in _TEXTS:
        wrong[name] = pl.col(name).is_null()
    wrong["status"] = ~pl.col("status").is_in(_STATUSES).fill_null(False)
    wrong["failure"] = pl.col("failure").is_not_null() & (
        ~pl.col("failure").is_in(_KINDS) | (pl.col("status") != "failed")
    )
    wrong["source_phash"] = ~pl.col("source_phash").str.contains(f"^{_PHASH}$")
    for name, smallest in _SMALLEST.items():
        wrong[name] = ~pl.col(name).is_between(smallest, LARGEST)
        if name not in _OPTIONAL_WHOLE:
            wrong[name] |= pl.col(name).is_null()
    for name in ("file_size", "width", "height"):
        wrong[name] = wrong[name].fill_null(False) | (
            pl.col(name).is_null() & (pl.col("status") == "measured")
        )
    for name in _TIMES:
        wrong[name] = ~pl.col(name).is_between(0, LARGEST)
    for name in (*SCORE_COLUMNS, *records.scores):
        if records.schema[name] != pl.Float64:
            raise ValueError(f"column {name} of the records is {records.schema[name]}, not Float64")
        wrong[name] = ~(pl.col(name).is_between(-LARGEST, LARGEST) | pl.col(name).is_infinite())
    for name in records.parameters:
        if name in _reserved() or records.schema[name] not in (pl.String, pl.Int64, pl.Float64, pl.Boolean):
            raise ValueError(f"column {name} of the records cannot be a parameter")
        if records.schema[name].is_numeric():
            wrong[name] = ~pl.col(name).is_between(-LARGEST, LARGEST)
    counts = records.select(*(expression.sum().alias(name) for name, expression in wrong.items()))
    for name, count in counts.row(0, named=True).items():
        if count:
            value = records.select(pl.col(name).filter(wrong[name]).first()).item()
            raise ValueError(
                f"{count} records have a value of {name} that is not valid, such as {value!r:.40}"
            )
    for name in _OBJECT_COLUMNS:
        for text in records.select(pl.col(name).drop_nulls().unique())[name]:
            check_type(json.loads(text), dict[str, Scalar], name)


def frame_types() -> dict[str, Any]:
    """Types of the columns of every record in a polars data frame."""
    import polars as pl

    types = {
        "quality": pl.Int64,
        "file_size": pl.Int64,
        "source_file_size": pl.Int64,
        **dict.fromkeys(("width", "height", "speed", "effort", "method", "resolution", "crop"), pl.Int64),
        **dict.fromkeys((*SCORE_COLUMNS, *COST_COLUMNS), pl.Float64),
        "encoding_peak_memory": pl.Int64,
    }
    return {name: types.get(name, pl.String) for name in RECORD_COLUMNS}


def records_to_frame(
    records: Iterable[QualityRecord],
    parameters: dict[str, Any] | None = None,
    scores: Iterable[str] | None = None,
) -> pl.DataFrame:
    """Records as a polars data frame; an empty list yields a frame with all columns and no rows.

    Args:
        records: The records.
        parameters: Column types of the further parameters, by name; default: those that occur.
        scores: Names of the further scores; default: those that occur.
    """
    import polars as pl

    rows = list(records)
    if parameters is None:
        parameters = {
            name: parameter_type(row.parameters.get(name) for row in rows) for name in parameter_columns(rows)
        }
    columns: dict[str, list[Any]] = {name: [getattr(row, name) for row in rows] for name in RECORD_COLUMNS}
    for name in ("source_image", "original_image", "encoded_path", "measurement_error", "source_notes"):
        columns[name] = [None if value is None else unicode_of(value) for value in columns[name]]
    for name in _OBJECT_COLUMNS:
        columns[name] = [
            json.dumps(value, sort_keys=True, separators=(",", ":")) if value else None
            for value in columns[name]
        ]
    frame = pl.DataFrame(columns, schema=frame_types())
    return frame.with_columns(
        *(
            pl.Series(name, [row.parameters.get(name) for row in rows], dtype=kind, strict=False)
            for name, kind in parameters.items()
        ),
        *(
            pl.Series(name, [row.scores.get(name) for row in rows], dtype=pl.Float64)
            for name in (score_columns(rows) if scores is None else scores)
        ),
    )


def parameter_type(values: Iterable[Scalar | None]) -> Any:
    """The polars type of a column that can store all values of a parameter unchanged."""
    import polars as pl

    kinds = set(map(type, values)) - {_NONE}
    for wide, held in ((pl.Boolean, {bool}), (pl.Int64, {int}), (pl.Float64, {int, float})):
        if kinds <= held:
            return wide
    return pl.String


def unicode_of(text: str) -> str:
    """Text as valid Unicode: file names, and messages that contain them, may contain any bytes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


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
