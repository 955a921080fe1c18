"""The gallery: the same part of an image in every format, at the measured setting closest to the target score."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codecstudy.report import places, text
from codecstudy.report.chart_data import again, significant
from codecstudy.report.context import Context
from codecstudy.report.options import Inspector
from codecstudy.report.pictures import (
    WHOLE_FILE_LIMIT,
    Picture,
    as_is,
    heat_map,
    lossless_crop,
    thumbnail,
)
from codecstudy.report.regions import worst_region
from codecstudy.report.sections import SectionValues
from codecstudy.report.selection import candidates, distance, in_order
from codecstudy.results import QualityRecord
from codecstudy.types import Box, Pixels

_LOWER = 2
"""The first images are also shown at a lower score, at which differences are visible. It is lower by the difference
between the metric's usual target and the target this many steps below it (20 for SSIMULACRA2)."""
_FEATURED = 3
"""Number of images that are shown at the lower score, too."""
_MEGAPIXELS = 150.0
"""Limit on the megapixels of distance maps, after which no image is added: about 15 s on one core."""


@dataclass(frozen=True, slots=True)
class Note:
    """Says why there are no pictures, or which ones are missing."""

    text: str
    command: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Values(SectionValues):
    """The pictures are in :attr:`chart_data`."""

    note: Note | None

    @property
    def shown(self) -> bool:
        """Whether there are any pictures."""
        return self.chart_data["gallery"] is not None


@dataclass(slots=True)
class _Album:
    """The pictures of the page, each embedded once."""

    limit: int
    """Maximum size of all pictures in bytes."""
    uris: list[str] = field(default_factory=list)
    used: int = 0
    _known: dict[object, int] = field(default_factory=dict)

    def add(self, key: object, picture: Picture) -> dict[str, Any]:
        """A picture's entry: its index among all pictures, its size, and the position of the region in it."""
        if key not in self._known:
            self._known[key] = len(self.uris)
            self.uris.append(picture.uri)
            self.used += len(picture)
        return {
            "src": self._known[key],
            "size": [picture.width, picture.height],
            "at": [picture.left, picture.top],
        }


@dataclass(frozen=True, slots=True, eq=False)
class _Shot:
    """One encoded file of one image."""

    record: QualityRecord
    data: bytes
    pixels: Pixels
    distances: NDArray[np.float32]


def build(context: Context) -> Values:
    """The pictures, and a note that names the images that could not be opened."""
    pictures, note = _gallery(context, context.inspector)
    return Values(note=note, chart_data={"gallery": pictures})


def _gallery(context: Context, inspector: Inspector | None) -> tuple[dict[str, Any] | None, Note | None]:
    """The content of the gallery, and a note on what is missing."""
    saved = [r for r in context.results.measurements if r.encoded_path is not None and r.status == "measured"]
    if not saved:
        return None, Note(
            "The encoded files of this study were not saved, so there are no images to show. Run it again with "
            "--save-artifacts, which repeats every measurement whose file is missing.",
            _with_artifacts(context),
        )
    encoders = dict.fromkeys(r.encoder for r in saved)
    unknown = [name for name in encoders if inspector is not None and not inspector.decodes(name)]
    wanted = candidates(context, (r for r in saved if r.encoder not in unknown))
    titles = [context.encoders.facts(name).title for name in unknown]
    if titles and not wanted:
        return None, Note(f"{_not_installed(titles)} on this machine, so there are no images to show.")
    if inspector is not None and not wanted and not places.may_open_originals(context):
        return None, Note(
            f"The originals are not shown: the results say that they are in {context.results.dataset.path}, which "
            "is not in the workspace. Name their folder to show them.",
            shlex.join(
                [
                    *("codecstudy", "report", context.options.results_path or "RESULTS"),
                    *("--images", context.results.dataset.path),
                ]
            ),
        )
    if inspector is None or not wanted:
        return None, Note(
            "The encoded files of this study, or their originals, are no longer where the results say they are. "
            "Run the study again with --save-artifacts.",
            _with_artifacts(context),
        )
    album = _Album(context.options.gallery_bytes)
    entries: list[dict[str, Any]] = []
    broken: list[str] = []
    for name, why in in_order(context, wanted):
        full = album.used >= 0.9 * album.limit or sum(map(_mapped, entries)) >= _MEGAPIXELS
        if len(entries) >= context.options.gallery_images or full:
            break
        targets = [context.target]
        if len(entries) < _FEATURED:
            targets += _lower_target(context)
        try:
            entries.append(_entry(context, inspector, album, wanted[name], why, targets))
        except Exception as error:
            # A decoder may raise any exception for a damaged file: name the file in the report and continue.
            broken.append(f"{name}: {str(error) or type(error).__name__}")
    found = {"pictures": album.uris, "entries": entries} if entries else None
    return found, _note(len(entries), len(wanted), broken, titles)


def _lower_target(context: Context) -> list[float]:
    """The lower score to show as well; empty for a metric with too few targets."""
    scale = context.scale
    usual = scale.targets.index(scale.usual_target) if scale.usual_target in scale.targets else 0
    if usual < _LOWER:
        return []
    return [context.target - (scale.usual_target - scale.targets[usual - _LOWER])]


def _shown_columns(context: Context) -> list[str]:
    """The columns to show in captions: the first one of each metric, to save space."""
    first = {metric.columns[0].name for metric in context.results.metrics}
    return [name for name in context.metrics if name in first]


def _mapped(entry: dict[str, Any]) -> float:
    """Upper bound on the megapixels of distance maps that were computed for one image."""
    width, height = entry["size"]
    return float(width * height * 1e-6 * sum(len(look["shots"]) for look in entry["looks"]))


def _not_installed(titles: list[str]) -> str:
    return f"{' and '.join(titles)} {'is' if len(titles) == 1 else 'are'} not installed"


def _note(shown: int, wanted: int, broken: list[str], unknown: list[str]) -> Note | None:
    parts = []
    if shown < wanted:
        parts.append(f"{text.count(shown, 'image')} of {wanted} are shown, to keep this file small.")
    if unknown:
        whose = "its" if len(unknown) == 1 else "their"
        parts.append(f"{_not_installed(unknown)} on this machine, so {whose} files are not shown.")
    if broken:
        parts.append(f"Could not be opened: {'; '.join(broken)}.")
    return Note(" ".join(parts)) if parts else None


def _with_artifacts(context: Context) -> str:
    command = again(context)
    return command if "--save-artifacts" in command else f"{command} --save-artifacts"


def _entry(
    context: Context,
    inspector: Inspector,
    album: _Album,
    sets: list[list[QualityRecord]],
    why: str,
    targets: list[float],
) -> dict[str, Any]:
    first = sets[0][0]
    path = places.original(context, first.source_image)
    if path is None:
        raise FileNotFoundError("its original is gone")
    original = inspector.original(path, first.resolution, first.crop)
    shots: dict[str, _Shot] = {}
    by_target = []
    for target in targets:
        nearest = [min(records, key=lambda r: distance(context, r, target)) for records in sets]
        for record in nearest:
            if record.encoded_path not in shots:
                shots[str(record.encoded_path)] = _shot(context, inspector, record, original)
        by_target.append([shots[str(r.encoded_path)] for r in nearest])
    # Relative to the workspace, as are the paths of encoded files, unless the user named a folder.
    folder = context.options.images or Path(context.results.dataset.path)
    shown = folder / first.source_image
    region = worst_region([shot.distances for shot in by_target[0]])
    height, width = original.shape[:2]
    return {
        "name": first.source_image,
        "why": why,
        "size": [width, height],
        "region": [region.left, region.top, region.width, region.height],
        "thumbnail": album.add(("thumbnail", first.source_image), thumbnail(original)),
        "bytes": first.source_file_size,
        "original": album.add(("original", first.source_image), lossless_crop(original, region)),
        "looks": [
            {
                "target": f"{target:g}",
                "top": significant(max(float(region.of(s.distances).max()) for s in row), 3),
                "shots": [_picture(context, album, s, region, shown, row) for s in row],
            }
            for target, row in zip(targets, by_target, strict=True)
        ],
    }


def _shot(context: Context, inspector: Inspector, record: QualityRecord, original: Pixels) -> _Shot:
    path = places.encoded(context, record.encoded_path)
    if path is None:
        raise FileNotFoundError(f"{record.encoded_path} is gone")
    data = path.read_bytes()
    pixels = inspector.decode(record.encoder, data)
    return _Shot(record, data, pixels, inspector.distance_map(original, pixels))


def _picture(
    context: Context, album: _Album, shot: _Shot, region: Box, source: Path, row: list[_Shot]
) -> dict[str, Any]:
    record = shot.record
    facts = context.encoders.facts(record.encoder)
    height, width = shot.pixels.shape[:2]
    top = max(float(region.of(s.distances).max()) for s in row)
    if facts.all_browsers and facts.mime is not None and len(shot.data) <= WHOLE_FILE_LIMIT:
        picture = as_is(shot.data, facts.mime, (width, height), region)
        shown = f"the {facts.title} file itself"
    else:
        picture = lossless_crop(shot.pixels, region)
        shown = f"this part of the decoded {facts.title} file, as lossless WebP"
    name, value = text.swept(record.setting, context.encoders)
    return {
        "encoder": record.encoder,
        "style": context.styles[record.encoder].name,
        "title": facts.title,
        "setting": f"{name} {value}".strip(),
        "details": text.details(record.setting, context.encoders),
        "bytes": record.file_size,
        "scores": {
            m: significant(record.score(m), 4) for m in _shown_columns(context) if record.score(m) is not None
        },
        "picture": album.add(record.encoded_path, picture),
        "heat": album.add(
            ("heat", record.encoded_path, round(top, 3)), heat_map(shot.distances, region, top)
        ),
        "shown": shown,
        "measure": _measure(source, record),
    }


def _measure(source: Path, record: QualityRecord) -> str | None:
    """The command that scores this file again; None if it was resized, since its original is not in a file."""
    if record.resolution is not None or record.crop is not None:
        return None
    return shlex.join(["codecstudy", "measure", source.as_posix(), str(record.encoded_path)])
