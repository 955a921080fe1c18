"""The files that the gallery shows: those that a run saved, or that are encoded for the report.

Where no saved file has the wanted score, the inspector encodes one. Its sources are the images that were measured:
their hashes are compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from codecstudy.errors import CodecstudyError
from codecstudy.files import sha256_of
from codecstudy.report import text
from codecstudy.report.context import Context
from codecstudy.report.matching import closest, nearest, tolerance
from codecstudy.report.options import Inspector
from codecstudy.report.selection import Look, Tile, is_below, value_of
from codecstudy.results import BITS_PER_PIXEL, QualityRecord
from codecstudy.types import Setting

_SECONDS_PER_MEGAPIXEL = 1.0
"""Assumed cost of encoding and scoring if the results contain no times."""


@dataclass(frozen=True, slots=True, eq=False)
class Point:
    """One image at one setting: measured, saved, or encoded for the report."""

    setting: Setting
    size: int
    values: dict[str, float]
    """Finite scores by column, and bits per pixel."""
    path: str | None = None
    """The saved file, if it exists."""
    data: bytes | None = None
    """The file that was encoded for the report."""

    @property
    def has_file(self) -> bool:
        return self.path is not None or self.data is not None


class Encodes:
    """Encodes for the report, as long as sources are what was measured and the limit on time permits.

    The time is estimated from measured times, so that the same results always give the same page.
    """

    def __init__(self, context: Context, inspector: Inspector) -> None:
        self._context, self._inspector = context, inspector
        self.allowed = context.options.encode
        self._left = context.options.encode_seconds
        self.out_of_time = False
        self.problems: dict[str, str] = {}
        """Why nothing is encoded, by image."""
        self.failures: list[str] = []
        self._sources: dict[str, bool] = {}
        self.metrics = tuple(m.name for m in context.results.metrics if inspector.measures(m.name))

    def __call__(self, path: Path, record: QualityRecord, setting: Setting) -> Point | None:
        """Encode and score ``setting``; None if that is not possible.

        Args:
            path: The source.
            record: A record of the same source and variant.
            setting: The setting.
        """
        if not self.allowed or self.out_of_time or not self._is_source(path, record):
            return None
        megapixels = (record.width or 0) * (record.height or 0) / 1e6
        cost = (record.encoding_cpu_time or megapixels * _SECONDS_PER_MEGAPIXEL) + (
            record.metrics_cpu_time or megapixels * _SECONDS_PER_MEGAPIXEL
        )
        if cost > self._left:
            self.out_of_time = True
            return None
        self._left -= cost
        try:
            data, scores = self._inspector.encode(path, setting, self.metrics)
        except CodecstudyError as error:
            said = f"{text.full_name(setting, self._context.encoders)} of {record.source_image}: {error}"
            self.failures.append(said)
            return None
        values = {name: value for name, value in scores.items() if np.isfinite(value)}
        if record.width and record.height:
            values[BITS_PER_PIXEL] = 8 * len(data) / (record.width * record.height)
        return Point(setting, len(data), values, data=data)

    def _is_source(self, path: Path, record: QualityRecord) -> bool:
        image = record.source_image
        if image not in self._sources:
            problem = _source_problem(path, record)
            if problem:
                self.problems[image] = problem
            self._sources[image] = not problem
        return self._sources[image]


def _source_problem(path: Path, record: QualityRecord) -> str:
    """Why the file at ``path`` is not known to be what was measured; empty if it is."""
    if record.source_sha256 is None:
        return "the results do not contain the hash of its content"
    try:
        found = sha256_of(path)
    except OSError as error:
        return f"it cannot be read ({error.strerror})"
    return "" if found == record.source_sha256 else "its content has changed since it was measured"


class Finder:
    """Finds the files of one image and one variant to show; remembers what was encoded."""

    def __init__(
        self, context: Context, encodes: Encodes, path: Path, tile: Tile, records: list[QualityRecord]
    ) -> None:
        self._context, self._encodes, self._path, self._tile = context, encodes, path, tile
        # The encode whose time stands for those of other levels.
        self._usual = sorted(records, key=lambda r: r.encoding_cpu_time or 0.0)[len(records) // 2]
        self._points = {self._level(r.setting): _measured(context, r) for r in records}
        levels = list(self._points)
        axis = tile.variant.axis
        self._grid: list[float] = list(axis.grid(levels)) if axis.name else levels

    def _level(self, setting: Setting) -> float:
        level = self._context.encoders.split(setting)[1]
        return 0.0 if level is None else level

    def find(self, look: Look) -> tuple[Point, str] | None:
        """The file for ``look``, and a remark for its caption; None if there is no file."""
        return self._recommended() if look.column is None else self._at_value(look, look.column)

    def _recommended(self) -> tuple[Point, str] | None:
        context = self._context
        key = self._tile.variant.key
        settings = (i.setting for i in context.answers(context.target).items)
        setting = next(
            (s for s in settings if s is not None and context.encoders.split(s)[0].key == key), None
        )
        if setting is None:
            return None
        level = self._level(setting)
        if self._has_file(level):
            return self._found(level, "")
        saved = {k: k for k, point in self._points.items() if point.has_file}
        best = nearest(saved, level)
        if best is None:
            return None
        name, value = text.swept(setting, context.encoders)
        return self._found(best, f"the saved file nearest to {name} {value}")

    def _at_value(self, look: Look, column: str) -> tuple[Point, str] | None:
        values = {level: p.values[column] for level, p in self._points.items() if column in p.values}
        saved = {level: value for level, value in values.items() if self._points[level].has_file}
        within = tolerance(self._context.columns.get(column), look.target)
        best = nearest(saved, look.target)
        remark = ""
        if best is None or abs(saved[best] - look.target) > within:
            remark = "the nearest saved file"

            def measure(level: float) -> float | None:
                return self._points[level].values.get(column) if self._encode(level) else None

            ideal, complete = closest(self._grid, values, look.target, within, measure)
            if ideal is not None and self._has_file(ideal):
                best, remark = ideal, ""
                point = self._points[ideal]
                if not matches(self._context, look, point):
                    inside = min(values.values()) <= look.target <= max(values.values())
                    if complete:
                        remark = (
                            "no level comes closer" if inside else "the study has no level that comes closer"
                        )
                    elif point.data is None:
                        remark = "the nearest saved file"
                    else:
                        remark = "levels that may be closer were not encoded"
        return None if best is None else self._found(best, remark)

    def _has_file(self, level: float) -> bool:
        """Whether there is a file of this level; encodes it if it can."""
        return (level in self._points and self._points[level].has_file) or self._encode(level)

    def _encode(self, level: float) -> bool:
        point = self._encodes(self._path, self._usual, self._tile.variant.at(level))
        if point is not None:
            self._points[level] = point
        return point is not None

    def _found(self, level: float, remark: str) -> tuple[Point, str]:
        point = self._points[level]
        made = "encoded for this report" if point.data is not None else ""
        return point, "; ".join(filter(None, (made, remark)))


def _measured(context: Context, record: QualityRecord) -> Point:
    columns = (*context.metrics, BITS_PER_PIXEL)
    values = {c: value for c in columns if (value := value_of(record, c)) is not None}
    path = record.encoded_path
    exists = is_below(path) and (context.root / str(path)).is_file()
    return Point(record.setting, record.file_size or 0, values, path=path if exists else None)


def matches(context: Context, look: Look, point: Point) -> bool:
    assert look.column is not None
    value = point.values.get(look.column)
    within = tolerance(context.columns.get(look.column), look.target)
    return value is not None and abs(value - look.target) <= within
