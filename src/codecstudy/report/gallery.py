"""Look at it: the same part of an image by every format, at the measured quality nearest to the same score."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codecstudy.analysis.sensitivity import ImageRatio, sensitivity
from codecstudy.analysis.variants import split
from codecstudy.crops import Box
from codecstudy.report import words
from codecstudy.report.context import Context
from codecstudy.report.data import GalleryNote, Inspector, Pixels
from codecstudy.report.payload import significant
from codecstudy.report.pictures import (
    WHOLE_FILE_LIMIT,
    Picture,
    as_is,
    heat_map,
    lossless_crop,
    thumbnail,
)
from codecstudy.report.regions import worst_region
from codecstudy.results import QualityRecord

_LOWER = 20.0
"""A second, lower SSIMULACRA 2 score for the first images: where differences begin to show."""
_FEATURED = 3


@dataclass(slots=True)
class _Album:
    """The pictures of the page, each once, within a limit."""

    limit: int
    uris: list[str] = field(default_factory=list)
    used: int = 0
    _known: dict[object, int] = field(default_factory=dict)

    def add(self, key: object, picture: Picture) -> dict[str, Any]:
        """A picture's entry: its place among all, its size, and where the region lies in it."""
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


def gallery(
    context: Context, root: Path, inspector: Inspector | None
) -> tuple[dict[str, Any] | None, GalleryNote | None]:
    """What the page's viewer shows, and a note on what it lacks: images that cannot be opened are named there."""
    saved = [r for r in context.results.measurements if r.encoded_path is not None and r.status == "measured"]
    if not saved:
        return None, GalleryNote(
            "The encoded files of this study were not kept, so there is nothing to look at. Run it again with "
            "--save-artifacts: what is measured already is not measured again.",
            _with_artifacts(context),
        )
    wanted = _candidates(context, saved, root)
    if inspector is None or not wanted:
        return None, GalleryNote(
            "The encoded files of this study, or their originals, are no longer where the results say. Run it "
            "again with --save-artifacts.",
            _with_artifacts(context),
        )
    album = _Album(context.options.gallery_bytes)
    entries: list[dict[str, Any]] = []
    broken: list[str] = []
    for name, why in _ordered(context, wanted):
        if len(entries) >= context.options.gallery_images or album.used >= 0.9 * album.limit:
            break
        targets = [context.target]
        lower = context.target - _LOWER
        if len(entries) < _FEATURED and context.metric == "ssimulacra2":
            targets.append(lower)
        try:
            entries.append(_entry(context, root, inspector, album, wanted[name], why, targets))
        except (
            Exception
        ) as error:  # decoders raise anything on a damaged file: the report names it and goes on
            broken.append(f"{name}: {str(error) or type(error).__name__}")
    found = {"pictures": album.uris, "entries": entries} if entries else None
    return found, _note(len(entries), len(wanted), broken)


def _note(shown: int, wanted: int, broken: list[str]) -> GalleryNote | None:
    parts = []
    if shown < wanted:
        parts.append(
            f"{words.count(shown, 'image')} of {wanted} can be looked at here, to keep this file small."
        )
    if broken:
        parts.append(f"Could not be opened: {'; '.join(broken)}.")
    return GalleryNote(" ".join(parts)) if parts else None


def _with_artifacts(context: Context) -> str:
    from codecstudy.report.payload import again

    command = again(context)
    return command if "--save-artifacts" in command else f"{command} --save-artifacts"


def _candidates(
    context: Context, saved: Iterable[QualityRecord], root: Path
) -> dict[str, list[list[QualityRecord]]]:
    """For each image with an original: the kept records of each format's variant to show, best formats first."""
    chosen = _shown_variants(context)
    found: dict[str, dict[str, list[QualityRecord]]] = {}
    for record in saved:
        key = split(record.setting)[0].key
        if key in chosen and _score(record, context.metric) is not None:
            found.setdefault(record.source_image, {}).setdefault(key, []).append(record)
    kept = {}
    for image, by_variant in found.items():
        if not (_below(image) and (root / context.results.dataset.path / image).is_file()):
            continue
        sets = [
            [r for r in by_variant[key] if _below(r.encoded_path) and (root / str(r.encoded_path)).is_file()]
            for key in chosen
            if key in by_variant
        ]
        sets = [records for records in sets if records]
        if sets:
            kept[image] = sets
    return kept


def _below(path: str | None) -> bool:
    """Whether ``path`` stays below the folder that it is relative to: a results file from elsewhere may hold any
    path, and what lies there would end up in a page that is passed on.
    """
    return path is not None and not PurePath(path).is_absolute() and ".." not in PurePath(path).parts


def _shown_variants(context: Context) -> list[str]:
    """One variant for each format of the first scope: the recommended one, else its first."""
    scope = context.scopes[0]
    picks = context.picks()
    chosen: dict[str, str] = {}
    for variant in context.variants:
        if variant.scope == scope and (variant.format not in chosen or variant.key in picks):
            chosen[variant.format] = variant.key
    return list(chosen.values())


def _score(record: QualityRecord, metric: str) -> float | None:
    value: float | None = getattr(record, metric)
    return value if value is not None and np.isfinite(value) else None


def _ordered(context: Context, wanted: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Images in the order of interest, each with the reason to show it."""
    ranked = _ranked(context, wanted)
    seen: set[str] = set()
    base = context.baseline_title()
    if ranked:
        variant, images = ranked
        featured = (
            (max(images, key=lambda i: abs(np.log(i.ratio))), "largest gap"),
            (images[(len(images) - 1) // 2], "median"),
            (images[0], "least gain"),
        )
        for image, why in featured:
            if image.image not in seen:
                seen.add(image.image)
                yield (
                    image.image,
                    f"{why}: {variant} {words.change(image.ratio)} than {base}".replace(
                        "the same size than", "the same size as"
                    ),
                )
    for name in wanted:
        if name not in seen:
            yield name, ""


def _ranked(context: Context, wanted: dict[str, Any]) -> tuple[str, list[ImageRatio]] | None:
    """Images by the best format's gain, least first; None where there is nothing to compare."""
    entries = sensitivity(context.matched(context.metric), context.target, context.options.baseline)
    best = next((i.setting for i in context.answers(context.target).items if i.setting is not None), None)
    key = None if best is None else split(best)[0].key
    usable = [e for e in entries if any(i.image in wanted for i in e.images)]
    if not usable:
        return None
    entry = next((e for e in usable if e.variant.key == key), usable[0])
    return context.facts_of(entry.variant).title, [i for i in entry.images if i.image in wanted]


def _entry(
    context: Context,
    root: Path,
    inspector: Inspector,
    album: _Album,
    sets: list[list[QualityRecord]],
    why: str,
    targets: list[float],
) -> dict[str, Any]:
    first = sets[0][0]
    path = Path(context.results.dataset.path) / first.source_image
    original = inspector.original(root / path, first.resolution, first.crop)
    shots: dict[str, _Shot] = {}
    by_target = []
    for target in targets:
        nearest = [min(records, key=lambda r: _distance(context, r, target)) for records in sets]
        for record in nearest:
            if record.encoded_path not in shots:
                shots[str(record.encoded_path)] = _shot(root, inspector, record, original)
        by_target.append([shots[str(r.encoded_path)] for r in nearest])
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
                "shots": [_picture(context, album, s, region, path, row) for s in row],
            }
            for target, row in zip(targets, by_target, strict=True)
        ],
    }


def _distance(context: Context, record: QualityRecord, target: float) -> float:
    score = _score(record, context.metric)
    return float("inf") if score is None else abs(score - target)


def _shot(root: Path, inspector: Inspector, record: QualityRecord, original: Pixels) -> _Shot:
    data = (root / str(record.encoded_path)).read_bytes()
    pixels = inspector.decode(record.format, data)
    return _Shot(record, data, pixels, inspector.distance_map(original, pixels))


def _picture(
    context: Context, album: _Album, shot: _Shot, region: Box, source: Path, row: list[_Shot]
) -> dict[str, Any]:
    record = shot.record
    facts = context.formats[record.format]
    height, width = shot.pixels.shape[:2]
    top = max(float(region.of(s.distances).max()) for s in row)
    if facts.mime is not None and len(shot.data) <= WHOLE_FILE_LIMIT:
        picture = as_is(shot.data, facts.mime, (width, height), region)
        shown = f"the {facts.title} file itself"
    else:
        picture = lossless_crop(shot.pixels, region)
        shown = f"this part of the decoded {facts.title} file, kept without loss as WebP"
    name, value = words.swept(record.setting)
    return {
        "format": record.format,
        "slot": facts.slot,
        "title": facts.title,
        "setting": f"{name} {value}".strip(),
        "details": words.details(record.setting),
        "bytes": record.file_size,
        "bpp": significant(8 * len(shot.data) / (width * height)),
        "scores": {
            m: significant(getattr(record, m), 4) for m in context.metrics if getattr(record, m) is not None
        },
        "picture": album.add(record.encoded_path, picture),
        "heat": album.add(
            ("heat", record.encoded_path, round(top, 3)), heat_map(shot.distances, region, top)
        ),
        "shown": shown,
        "measure": _measure(source, record),
    }


def _measure(source: Path, record: QualityRecord) -> str | None:
    """How to score this file again; None where it was resized, since no file holds its original."""
    import shlex

    if record.resolution is not None or record.crop is not None:
        return None
    return shlex.join(["codecstudy", "measure", source.as_posix(), str(record.encoded_path)])
