"""Join results of one study: those of its shards, or of several runs that measured some of the same images.

An image comes from one of the results as a whole, with all its records. Sizes and scores do not depend on the
machine; times do, so the merged results have the times of one kind of machine only.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import polars as pl

from codecstudy.analysis.wording import listed
from codecstudy.errors import ResultsError
from codecstudy.results import (
    COST_COLUMNS,
    RECORDS_IN_JSON,
    SCORE_COLUMNS,
    Part,
    QualityRecord,
    QualityResults,
    Records,
    RunInfo,
    Shard,
    StopReason,
    score_columns,
    setting_columns,
    setting_of,
    unicode_of,
)
from codecstudy.types import SCORE_TOLERANCE

Prefer = Literal["first", "last"]
"""Which of the results wins where they contradict each other."""

_EXAMPLES = 3
_TIMES = tuple(name for name in COST_COLUMNS if name.endswith("_time"))
_FACTS = ("status", "file_size", "width", "height", "source_sha256")
_STOPS = (StopReason.ERROR, StopReason.INTERRUPTED, StopReason.TIME_BUDGET)
"""The worst one first."""


def merge(
    results: Sequence[QualityResults],
    *,
    names: Sequence[str] | None = None,
    prefer: Prefer | None = None,
    partial: bool = False,
    allow_mixed: bool = False,
    command: str | None = None,
) -> QualityResults:
    """Join results of one study into one.

    The merged results of all shards are those of one run of the whole study, in the same order, apart from times
    and ``run``. An image that several results have is taken from the one in which fewest of its tasks failed, and
    of equal ones from the first. The times that are kept are those of the kind of machine (CPU and system) that
    measured most of the images; the other records have none, and ``run.times_of`` says so.

    Args:
        results: The results: of shards of one sample, or of runs of the whole sample; not both.
        names: What messages call them, such as their paths.
        prefer: Where two results contradict each other, take the image from the ``first`` or the ``last`` of them.
            None: refuse them.
        partial: Accept that shards are missing; the merged results then say which part of the sample they are.
        allow_mixed: Accept results of different versions of encoders, metrics or image readers;
            ``tool_versions`` then names both.
        command: Command line, stored in the results.

    Raises:
        ResultsError: There are no results, they are not of the same study, sample or versions, shards are missing,
            or two results of a task differ in size, or in a score by more than :data:`SCORE_TOLERANCE`. The message
            says what differs.
    """
    if not results:
        raise ResultsError("there is nothing to merge; give at least one results file")
    if prefer is not None and prefer not in get_args(Prefer):
        raise ResultsError(f"prefer must be {' or '.join(get_args(Prefer))}, not {prefer!r}")
    called = [f"results {n}" for n in range(1, len(results) + 1)] if names is None else list(names)
    _check_same(results, called, allow_mixed)
    shard = _shards(results, partial)
    pieces = sorted(
        (
            piece
            for number in range(len(results))
            for piece in _pieces(results[number], number, called[number])
        ),
        key=lambda piece: piece.part.shard or 0,
    )
    owners = _owners(results, called, prefer)
    kept = [piece.owned(owners) for piece in pieces]
    kept = [new for new, old in zip(kept, pieces, strict=True) if new.images or not old.images]
    kept = _with_times_of_one_machine(kept)
    run = _run(results, kept, shard, command)
    complete = run.images_measured == run.images_planned
    first = results[0]
    return QualityResults(
        study_id=first.study_id,
        study_name=first.study_name,
        dataset=first.dataset,
        timestamp=max(one.timestamp for one in results),
        tool_versions=_versions(results),
        measurements=_records(results, kept, run),
        run=run,
        study=first.study,
        complete=complete,
        incomplete_reason=None if complete else _why_incomplete(results, called, run),
        stop_reason=StopReason.COMPLETED if complete else _stop_reason(results),
        encoders=first.encoders,
        commands=first.commands,
        metrics=first.metrics,
    )


@dataclass(frozen=True, slots=True)
class _Piece:
    """The images of one of the results, or of a part of it that was merged earlier."""

    result: int
    """Index of the results."""
    part: Part
    images: tuple[str, ...]

    def owned(self, owners: Mapping[str, int]) -> _Piece:
        """The piece without the images that are taken from other results."""
        images = tuple(image for image in self.images if owners.get(image, self.result) == self.result)
        part = dataclasses.replace(self.part, images_measured=len(images))
        return dataclasses.replace(self, images=images, part=part)


def _pieces(results: QualityResults, number: int, name: str) -> Iterator[_Piece]:
    run, images = results.run, _images(results)
    parts = run.parts or (
        Part(
            shard=None if run.shard is None else run.shard.numbers[0],
            images_planned=run.images_planned,
            images_measured=len(images),
            cpu=run.cpu,
            os=run.os,
            workers=run.workers,
            wall_seconds=run.wall_seconds,
            time_budget=run.time_budget,
            timestamp=results.timestamp,
            command=run.command,
        ),
    )
    if sum(part.images_measured for part in parts) != len(images):
        raise ResultsError(
            f"{name}: its parts do not have as many images as its records; merge the results of the parts again"
        )
    start = 0
    for part in parts:
        yield _Piece(number, part, images[start : start + part.images_measured])
        start += part.images_measured


def _images(results: QualityResults) -> tuple[str, ...]:
    if isinstance(results.measurements, Records):
        return tuple(results.select("source_image")["source_image"].unique(maintain_order=True))
    return tuple(dict.fromkeys(record.source_image for record in results.measurements))


def _is_one_of(images: Sequence[str]) -> pl.Expr:
    """Whether a row of a frame, which has names as valid Unicode, is of one of these images."""
    return pl.col("source_image").is_in([unicode_of(image) for image in images])


# --- what must be the same ------------------------------------------------------------------------------


def _check_same(results: Sequence[QualityResults], names: Sequence[str], allow_mixed: bool) -> None:
    for other, name in zip(results[1:], names[1:], strict=True):
        both = f"{names[0]} and {name}"
        if differences := list(_differences(results[0], other)):
            raise ResultsError(f"{both} cannot be merged: they differ in {'; '.join(differences)}")
        versions = _different(results[0].tool_versions, other.tool_versions)
        if versions and not allow_mixed:
            raise ResultsError(
                f"{both} were measured with different versions: {'; '.join(versions)}. Measure them with the same "
                "versions, or give --allow-mixed (in Python, allow_mixed=True) if the difference does not matter"
            )


def _differences(ours: QualityResults, theirs: QualityResults) -> Iterator[str]:
    if ours.study_id != theirs.study_id:
        yield f"the id of the study ({ours.study_id} and {theirs.study_id})"
    if ours.dataset.image_count != theirs.dataset.image_count:
        counts = f"{ours.dataset.image_count:,} and {theirs.dataset.image_count:,}"
        yield f"the number of images in the dataset ({counts})"
    # How long a run may take does not change what it measures.
    studies = [{k: v for k, v in one.study.items() if k != "time_budget"} for one in (ours, theirs)]
    yield from (f"the study: {text}" for text in _different(*studies))
    if ours.run.strata != theirs.run.strata:
        yield f"the folders of the dataset: {'; '.join(_different(ours.run.strata, theirs.run.strata))}"
    a, b = ours.run.shard, theirs.run.shard
    if (a is None) != (b is None):
        whole, part = ("the first", b) if a is None else ("the second", a)
        yield f"the sample: {whole} is of all of it, the other one is {part.label if part else ''}"
    elif a is not None and b is not None:
        if a.of != b.of:
            yield f"the number of shards ({a.of} and {b.of})"
        if (a.sample_images, a.sample_sha256) != (b.sample_images, b.sample_sha256):
            yield "the sample: the machines had different images, or the same ones under different names"


def _different(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> list[str]:
    """The members that differ, with their values."""
    return [
        f"{key} ({_shown(ours.get(key))} and {_shown(theirs.get(key))})"
        for key in dict.fromkeys([*ours, *theirs])
        if ours.get(key) != theirs.get(key)
    ]


def _shown(value: object) -> str:
    text = "none" if value is None else str(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _shards(results: Sequence[QualityResults], partial: bool) -> Shard | None:
    """The shards that are in the results; None if the sample is whole."""
    shard = results[0].run.shard
    if shard is None:
        return None
    numbers = {number for one in results if one.run.shard for number in one.run.shard.numbers}
    found = dataclasses.replace(shard, numbers=tuple(sorted(numbers)))
    if not found.missing:
        return None
    if not partial:
        missing = listed(tuple(f"{number}/{shard.of}" for number in found.missing), 10)
        raise ResultsError(
            f"shards are missing: {missing}. Add their results, or give --partial (in Python, partial=True) "
            "for results of a part of the sample"
        )
    return found


# --- images that several results have -------------------------------------------------------------------


def _owners(results: Sequence[QualityResults], names: Sequence[str], prefer: Prefer | None) -> dict[str, int]:
    """For each image that several results have: the index of those that it is taken from."""
    holders: dict[str, list[int]] = {}
    for number, one in enumerate(results):
        for image in _images(one):
            holders.setdefault(image, []).append(number)
    shared = {image: numbers for image, numbers in holders.items() if len(numbers) > 1}
    if not shared:
        return {}
    if prefer is None:
        groups: dict[tuple[int, int], list[str]] = {}
        for image, (first, *others) in shared.items():
            for other in others:
                groups.setdefault((first, other), []).append(image)
        for (first, other), images in groups.items():
            _check_agreement(results[first], results[other], images, (names[first], names[other]))
    failures = [_failures(one, shared) for one in results]
    sign = -1 if prefer == "last" else 1
    return {
        image: min(numbers, key=lambda n: (failures[n].get(image, 0), sign * n))
        for image, numbers in shared.items()
    }


def _failures(results: QualityResults, images: Iterable[str]) -> dict[str, int]:
    """Failed records of each image that has some."""
    failed = results.select("source_image", "status").filter(pl.col("status") == "failed")
    counts = Counter(failed["source_image"].to_list())
    return {image: counts[name] for image in images if (name := unicode_of(image)) in counts}


def _check_agreement(
    ours: QualityResults, theirs: QualityResults, images: Sequence[str], names: tuple[str, str]
) -> None:
    """Raise ResultsError if two results of a task differ. A failure contradicts nothing: it may be tried again."""
    keys = [name for name in setting_columns(ours.measurements) if name in theirs.columns()]
    scores = [
        name
        for name in (*SCORE_COLUMNS, *score_columns(ours.measurements))
        if name in ours.columns() and name in theirs.columns()
    ]
    wanted = ("source_image", *keys, *_FACTS, *scores)
    frames = [one.lazy().filter(_is_one_of(images)).select(wanted) for one in (ours, theirs)]
    tasks = frames[0].join(
        frames[1],
        on=["source_image", *keys],
        how="inner",
        nulls_equal=True,
        suffix="_other",
        maintain_order="left",
    )
    source = pl.col("source_sha256").ne(pl.col("source_sha256_other")).fill_null(False)
    differ = [pl.col(name).ne_missing(pl.col(f"{name}_other")) for name in ("status", *_FACTS[1:4])]
    for name in scores:
        a, b = pl.col(name), pl.col(f"{name}_other")
        close = ((a - b).abs() <= SCORE_TOLERANCE).fill_null(False)
        differ.append(a.ne_missing(b) & ~close)
    tried = (pl.col("status") != "failed") & (pl.col("status_other") != "failed")
    found = tasks.filter(source | (tried & pl.any_horizontal(differ))).collect()
    if not len(found):
        return
    rows = found.head(_EXAMPLES).iter_rows(named=True)
    examples = "; ".join(
        f"{row['source_image']}, {setting_of(row, keys).label()}: {_difference(row, scores)}" for row in rows
    )
    more = f" and {len(found) - _EXAMPLES:,} more tasks" if len(found) > _EXAMPLES else ""
    raise ResultsError(
        f"{names[0]} and {names[1]} contradict each other: {examples}{more}. Give --prefer first or --prefer "
        "last (in Python, prefer=...) to choose"
    )


def _difference(row: Mapping[str, Any], scores: Sequence[str]) -> str:
    a, b = row["source_sha256"], row["source_sha256_other"]
    if a is not None and b is not None and a != b:
        return "the image itself has another content"
    for name in (*_FACTS[:4], *scores):
        a, b = row[name], row[f"{name}_other"]
        if a != b and not (name in scores and None not in (a, b) and abs(a - b) <= SCORE_TOLERANCE):
            unit = " bytes" if name == "file_size" else ""
            return f"{name} {a}{unit} and {b}{unit}"
    return "not equal"


# --- the merged results ---------------------------------------------------------------------------------


def _with_times_of_one_machine(pieces: Sequence[_Piece]) -> list[_Piece]:
    """The pieces, of which only those of the machine that most images have times of keep theirs."""
    images: Counter[tuple[str, str]] = Counter()
    for piece in pieces:
        images[piece.part.cpu, piece.part.os] += len(piece.images) if piece.part.times else 0
    ((chosen, _), *_) = images.most_common()
    found = []
    for piece in pieces:
        times = piece.part.times and (piece.part.cpu, piece.part.os) == chosen
        found.append(dataclasses.replace(piece, part=dataclasses.replace(piece.part, times=times)))
    return found


def _run(
    results: Sequence[QualityResults], pieces: Sequence[_Piece], shard: Shard | None, command: str | None
) -> RunInfo:
    parts = tuple(piece.part for piece in pieces)
    machine = next((part for part in parts if part.times), parts[0])
    planned = max(one.run.images_planned for one in results)
    if (of := results[0].run.shard) is not None:
        of_shard = {part.shard: part.images_planned for part in parts}
        planned = of.sample_images if shard is None else sum(of_shard.values())
    measured = {image for piece in pieces for image in piece.images}
    passed_over = dict.fromkeys(image for one in results for image in one.run.passed_over)
    budgets = [part.time_budget for part in parts if part.time_budget is not None]
    return dataclasses.replace(
        results[0].run,
        workers=max(part.workers for part in parts),
        time_budget=max(budgets, default=None),
        wall_seconds=round(sum(part.wall_seconds for part in parts), 3),
        images_planned=planned,
        images_measured=len(measured),
        cpu=machine.cpu,
        os=machine.os,
        command=command,
        passed_over=tuple(image for image in passed_over if image not in measured),
        shard=shard,
        parts=parts,
    )


def _records(
    results: Sequence[QualityResults], pieces: Sequence[_Piece], run: RunInfo
) -> Sequence[QualityRecord]:
    per_image = max((len(one.measurements) // max(len(_images(one)), 1) for one in results), default=0)
    if run.images_measured * per_image <= RECORDS_IN_JSON:
        return [record for piece in pieces for record in _few(results[piece.result], piece)]
    frames = [_many(results[piece.result], piece) for piece in pieces if piece.images]
    return Records.concatenated(frames, score_columns(results[0].measurements))


def _few(results: QualityResults, piece: _Piece) -> list[QualityRecord]:
    records = results.of_images(piece.images)
    if not piece.part.times:
        none: dict[str, Any] = dict.fromkeys(_TIMES)
        return [dataclasses.replace(record, **none) for record in records]
    return records


def _many(results: QualityResults, piece: _Piece) -> pl.LazyFrame:
    frame = results.lazy()
    if len(piece.images) < len(_images(results)):
        frame = frame.filter(_is_one_of(piece.images))
    if not piece.part.times:
        frame = frame.with_columns(pl.lit(None, dtype=pl.Float64).alias(name) for name in _TIMES)
    return frame


def _versions(results: Sequence[QualityResults]) -> dict[str, str]:
    found: dict[str, dict[str, None]] = {}
    for one in results:
        for name, version in one.tool_versions.items():
            found.setdefault(name, {})[version] = None
    return {name: " and ".join(versions) for name, versions in found.items()}


def _why_incomplete(results: Sequence[QualityResults], names: Sequence[str], run: RunInfo) -> str:
    reasons = [
        f"{name if one.run.shard is None else one.run.shard.label}: {one.incomplete_reason}"
        for one, name in zip(results, names, strict=True)
        if one.incomplete_reason
    ]
    why = "; ".join(reasons) or "no reason is known"
    return f"{run.images_measured:,} of {run.images_planned:,} images ({why})"


def _stop_reason(results: Sequence[QualityResults]) -> StopReason | None:
    found = {one.stop_reason for one in results}
    return next((reason for reason in _STOPS if reason in found), None)
