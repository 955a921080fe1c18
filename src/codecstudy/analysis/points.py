"""Measured points as dense arrays, one block per variant: the input of every statistic."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from codecstudy.analysis.encoders import Encoders
from codecstudy.analysis.frame import check_described, setting_of, with_variants
from codecstudy.analysis.sample import Clustering, Sample, describe_sample, representatives
from codecstudy.analysis.variants import Scope, Variant
from codecstudy.errors import ResultsError
from codecstudy.results import USUAL_METRIC, QualityResults, setting_columns
from codecstudy.types import Floats, MetricColumn

_TIMES = {
    "encode_cpu": "encoding_cpu_time",
    "encode_wall": "encoding_time",
    "decode_cpu": "decoding_cpu_time",
    "decode_wall": "decoding_time",
}

_USED = (
    *("source_image", "file_size", "width", "height", "status", "failure", "measurement_error"),
    *_TIMES.values(),
)
"""Columns of a record that are used, apart from those of its setting and its scores."""


@dataclass(frozen=True, slots=True)
class VariantPoints:
    """All points of one variant. Arrays are float64, images x levels, NaN without a measurement."""

    variant: Variant
    levels: Floats
    """Values of the swept parameter, coarsest first, shape (levels,); a single NaN if nothing is swept."""
    size: Floats
    """Encoded bytes."""
    failed: NDArray[np.bool_]
    """Whether a task failed, images x levels."""
    scores: dict[str, Floats]
    """By column name, for the columns in :attr:`Points.columns`; PSNR may be infinite."""
    times: dict[str, Floats]
    """Seconds, by ``encode_cpu``, ``encode_wall``, ``decode_cpu`` and ``decode_wall``."""
    megapixels: Floats
    """Megapixels of each image as encoded, shape (images,); NaN if it was not measured."""


@dataclass(frozen=True, slots=True)
class Counts:
    """The outcomes of all records. Every record that the statistics leave out is counted here."""

    records: int
    measured: int
    skipped: int
    failed: int
    failures: dict[str, int]
    """Failed records by kind."""
    reasons: dict[str, int]
    """Failed and skipped records by message, most frequent first."""
    images_without_points: tuple[str, ...]
    """Sources for which no setting was measured."""
    images_without_score: tuple[str, ...] = ()
    """Measured sources that :meth:`Points.scored` has left out."""


@dataclass(frozen=True, slots=True)
class Points:
    """Everything that was measured, in an order that does not depend on the order of the records."""

    images: tuple[str, ...]
    """``source_image`` of every source with at least one measured record, sorted; without copies of others."""
    content_classes: tuple[str, ...]
    """Folder of each image within the dataset, empty at the top level."""
    blocks: tuple[VariantPoints, ...]
    """By :attr:`Variant.order`."""
    counts: Counts
    encoders: Encoders
    sample: Sample
    """How the images represent others."""
    columns: dict[str, MetricColumn]
    """Columns with a score in at least one record, by name, in the order of the metrics."""

    def select(self, rows: NDArray[np.intp]) -> Points:
        """The same for the images with these indices; variants without a point among them are left out."""
        blocks = [
            dataclasses.replace(
                block,
                size=block.size[rows],
                failed=block.failed[rows],
                scores={name: scores[rows] for name, scores in block.scores.items()},
                times={name: times[rows] for name, times in block.times.items()},
                megapixels=block.megapixels[rows],
            )
            for block in self.blocks
        ]
        return dataclasses.replace(
            self,
            images=tuple(self.images[row] for row in rows.tolist()),
            content_classes=tuple(self.content_classes[row] for row in rows.tolist()),
            blocks=tuple(block for block in blocks if not np.isnan(block.megapixels).all()),
            sample=self.sample.select(rows),
        )

    def scored(self, metric: str | None = None) -> Points:
        """The same without the images that have no score of a metric at any setting, and no failure.

        They are smaller than the metric needs, so that no setting could reach a target; their names are in
        :attr:`Counts.images_without_score`.

        Args:
            metric: As for :meth:`require`, which also says what is raised.
        """
        name = self.require(metric).name
        known = [(~np.isnan(block.scores[name]) | block.failed).any(axis=1) for block in self.blocks]
        counts = np.any(known, axis=0)
        if counts.all():
            return self
        left_out = tuple(np.array(self.images)[~counts].tolist())
        return dataclasses.replace(
            self.select(np.flatnonzero(counts)),
            counts=dataclasses.replace(self.counts, images_without_score=left_out),
        )

    def by_folder(self) -> dict[str, Points]:
        """The points of each folder of the dataset, by its name; the sample is that of the folder alone."""
        folders = np.array(self.content_classes)
        return {
            name: self.select(np.flatnonzero(folders == name)).within(name)
            for name in sorted(set(self.content_classes))
        }

    def within(self, folder: str) -> Points:
        """The same, as a sample of the images of ``folder`` instead of those of the dataset."""
        return dataclasses.replace(self, sample=self.sample.within(folder))

    @property
    def variants(self) -> tuple[Variant, ...]:
        """The variant of each block."""
        return tuple(block.variant for block in self.blocks)

    @property
    def scopes(self) -> tuple[Scope, ...]:
        """The resolutions and crops that occur: the original first, then from small to large."""
        return tuple(sorted({v.scope for v in self.variants}, key=lambda s: (s.resolution or 0, s.crop or 0)))

    def require(self, metric: str | None = None) -> MetricColumn:
        """The column called ``metric``; None for SSIMULACRA2, or the first column if that was not measured.

        Raises:
            ResultsError: If the metric is unknown, or if no record has a score of it.
        """
        if metric is None:
            metric = USUAL_METRIC if USUAL_METRIC in self.columns else next(iter(self.columns))
        if metric not in self.columns:
            raise ResultsError(f"these results have no {metric} scores; they have {', '.join(self.columns)}")
        return self.columns[metric]

    def counted(self, scope: Scope) -> NDArray[np.bool_]:
        """The images of ``scope``: those on which any of its variants was measured, shape (images,)."""
        megapixels = [self.blocks[index].megapixels for index in self.in_scope(scope)]
        return np.asarray((~np.isnan(megapixels)).any(axis=0))

    def in_scope(self, scope: Scope) -> tuple[int, ...]:
        """Indices of the blocks of ``scope``."""
        return tuple(i for i, v in enumerate(self.variants) if v.scope == scope)


def collect(results: QualityResults, cluster: Clustering = "near-duplicates") -> Points:
    """Arrange the records of ``results`` by image, variant and level.

    Of files with the same content, the first by name is an image, with the number of its files as weight.

    Args:
        results: The results of a study.
        cluster: Which images are resampled together; see :func:`codecstudy.analysis.sample.describe_sample`.

    Raises:
        ResultsError: If nothing was measured (the message gives the most frequent reason), if a task has more
            than one record, or if the results do not describe their metrics.
    """
    check_described(results)
    encoders = Encoders.of(results)
    columns = setting_columns(results.measurements)
    scores = [name for name in results.metric_columns if name in results.columns()]
    # Only what is used: of a million records, all columns take a gigabyte.
    frame = with_variants(results.select(*columns, *_USED, *scores), results)
    variant_of = {
        row["variant_key"]: encoders.split(setting_of(row, columns))[0]
        for row in frame.unique("variant_key").iter_rows(named=True)
    }
    counts = _count(frame)
    measured = frame.filter((pl.col("status") != "skipped") & (pl.col("file_size") > 0))
    # A record in which only one metric failed still has its size and its other scores.
    measured = measured.filter(pl.any_horizontal(pl.col(name).is_not_null() for name in scores))
    if measured.is_empty():
        raise ResultsError(_nothing_measured(results.study_name or results.study_id, counts))
    _refuse_duplicates(measured, columns)
    sources = measured.group_by("source_image").agg(pl.col("content_class").first()).sort("source_image")
    names = sources["source_image"].to_list()
    sources = sources[representatives(results, names)]
    images = sources["source_image"].to_list()
    measured = measured.filter(pl.col("source_image").is_in(images))
    row_of = {name: row for row, name in enumerate(images)}
    scored = {name: results.metric_columns[name] for name in scores if measured[name].count()}
    failed = frame.filter((pl.col("status") == "failed") & pl.col("source_image").is_in(images))
    failures = failed.partition_by("variant_key", as_dict=True)
    blocks = [
        _block(variant_of[key], group, failures.get((key,), failed.clear()), row_of, scored)
        for (key,), group in measured.partition_by("variant_key", as_dict=True).items()
    ]
    return Points(
        images=tuple(images),
        content_classes=tuple(sources["content_class"].to_list()),
        blocks=tuple(sorted(blocks, key=lambda b: b.variant.order)),
        counts=counts,
        encoders=encoders,
        sample=describe_sample(results, images, cluster=cluster),
        columns=scored,
    )


def _block(
    variant: Variant,
    group: pl.DataFrame,
    failures: pl.DataFrame,
    row_of: dict[str, int],
    scores: Iterable[str],
) -> VariantPoints:
    level = group["level"].fill_null(float("nan")).to_numpy()
    levels = np.array(sorted(set(level[~np.isnan(level)].tolist()), key=variant.axis.fineness) or [np.nan])
    column_of = {value: column for column, value in enumerate(levels.tolist())}
    rows = np.array([row_of[name] for name in group["source_image"]])
    columns = np.array([column_of.get(value, 0) for value in level.tolist()])

    def spread(name: str) -> Floats:
        block = np.full((len(row_of), len(levels)), np.nan)
        block[rows, columns] = group[name].cast(pl.Float64).fill_null(float("nan")).to_numpy()
        return block

    failed = np.zeros((len(row_of), len(levels)), dtype=bool)
    for name, value in failures.select("source_image", "level").iter_rows():
        # A level at which every image failed has no column.
        if value is None or value in column_of:
            failed[row_of[name], column_of.get(value, 0)] = True
    megapixels = np.full(len(row_of), np.nan)
    megapixels[rows] = group["megapixels"].fill_null(float("nan")).to_numpy()
    return VariantPoints(
        variant=variant,
        levels=levels,
        size=spread("file_size"),
        failed=failed & np.isnan(spread("file_size")),
        scores={name: spread(name) for name in scores},
        times={name: spread(column) for name, column in _TIMES.items()},
        megapixels=megapixels,
    )


def _count(frame: pl.DataFrame) -> Counts:
    status = Counter(frame["status"].to_list())
    failed = frame.filter(pl.col("status") == "failed")
    unmeasured = frame.filter(pl.col("status") != "measured")
    seen = set(frame.filter(pl.col("file_size") > 0)["source_image"].to_list())
    return Counts(
        records=len(frame),
        measured=status["measured"],
        skipped=status["skipped"],
        failed=status["failed"],
        failures=_frequencies(failed["failure"].fill_null("unknown")),
        reasons=_frequencies(unmeasured["measurement_error"].fill_null("no reason given")),
        images_without_points=tuple(sorted(set(frame["source_image"].to_list()) - seen)),
    )


def _frequencies(values: pl.Series) -> dict[str, int]:
    counted = Counter(values.to_list())
    return dict(sorted(counted.items(), key=lambda item: (-item[1], item[0])))


def _nothing_measured(study: str, counts: Counts) -> str:
    if not counts.records:
        return f"study {study!r}: the results contain no records. Run the study with images in its dataset."
    reason, times = next(iter(counts.reasons.items()), ("no record has a score", counts.records))
    return (
        f"study {study!r}: none of its {counts.records} records was measured ({counts.failed} failed, "
        f"{counts.skipped} skipped). Most frequent reason ({times} times): {reason}"
    )


def _refuse_duplicates(measured: pl.DataFrame, columns: tuple[str, ...]) -> None:
    keys = ["source_image", "variant_key", "level"]
    duplicates = measured.filter(measured.select(keys).is_duplicated())
    if not duplicates.is_empty():
        row = duplicates.row(0, named=True)
        raise ResultsError(
            f"{row['source_image']}: {setting_of(row, columns).label()} has more than one record. Results must "
            "contain one record per task: keep the records of one run."
        )
