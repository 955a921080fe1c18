"""The gallery: the same part of an image in every format, at the same score and at the recommended settings."""

from __future__ import annotations

import dataclasses
import itertools
import shlex
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codecstudy.analysis.wording import listed
from codecstudy.report import places, text
from codecstudy.report.chart_data import again, significant
from codecstudy.report.context import Context
from codecstudy.report.encodes import Encodes, Finder, Point, matches
from codecstudy.report.matching import tolerance
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
from codecstudy.report.selection import (
    Group,
    Look,
    Tile,
    groups,
    images,
    in_order,
    looks,
)
from codecstudy.results import BITS_PER_PIXEL, RECORDS_IN_JSON, QualityRecord
from codecstudy.types import Box, EncoderFacts, Pixels, Setting

_FEATURED = 3
"""Number of images that are shown at the further looks, too."""
_LOOKS = 12
"""Most looks of one image and group."""
_MEGAPIXELS = 200.0
"""Limit on the megapixels of distance maps, after which no image is added: about 20 s on one core."""


@dataclass(frozen=True, slots=True)
class Note:
    """Says why there are no pictures, or which ones are missing."""

    text: str
    command: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Values(SectionValues):
    """The pictures are in :attr:`chart_data`."""

    note: Note | None
    compared: str = ""
    """What the tiles are, such as ``format``."""
    within: str = ""
    """How close to its score a picture is."""
    encoded: str = ""
    """How many pictures were encoded for the report, and which; empty if none were."""

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
class _Stage:
    """An original at one size, and the part of it that is scored."""

    pixels: Pixels
    scored: Box


@dataclass(frozen=True, slots=True)
class _Chosen:
    """A file to show, and the remark in its caption."""

    tile: Tile
    point: Point
    remark: str


@dataclass(frozen=True, slots=True, eq=False)
class _Opened:
    """A decoded file, with its original."""

    stage: _Stage
    data: bytes
    pixels: Pixels
    distances: NDArray[np.float32]
    """Distances in the part that is scored."""


@dataclass(frozen=True, slots=True, eq=False)
class _Shot:
    """What the page shows of a decoded file: whole images are too large to keep many of them."""

    picture: Picture
    whole: bool
    """Whether the picture is the file itself."""
    distances: NDArray[np.float32]
    """Distances in the shown region."""


def build(context: Context) -> Values:
    """The pictures, and a note that names the images that could not be opened."""
    if context.inspector is None:
        return Values(note=Note("This report was made without pictures."), chart_data={"gallery": None})
    return _Gallery(context, context.inspector).build()


class _Gallery:
    """Collects the pictures of all images."""

    def __init__(self, context: Context, inspector: Inspector) -> None:
        self._context, self._inspector = context, inspector
        self._album = _Album(context.options.gallery_bytes)
        self._encodes = Encodes(context, inspector)
        self._groups, self._compared, group_problems = groups(context)
        self._looks, self._further, look_problems = looks(context)
        self._problems = [*group_problems, *look_problems]
        self._shown: dict[tuple[str, Setting], Point] = {}
        """Everything that is shown, by image and setting."""
        self._off = 0
        """Pictures in comparisons at a score that they do not have."""
        self._dropped = 0
        """Looks that were left out."""

    def build(self) -> Values:
        """Everything that the section shows."""
        context = self._context
        records = self._by_image()
        everything, problems = images(context, records)
        self._problems += problems
        wanted = [name for name in everything if places.original(context, name) is not None]
        if not wanted:
            return Values(note=self._nothing(records), chart_data={"gallery": None})
        entries: list[dict[str, Any]] = []
        broken: list[str] = []
        without = 0
        for name, why in in_order(context, wanted):
            full = self._album.used >= 0.9 * self._album.limit or sum(map(_mapped, entries)) >= _MEGAPIXELS
            if len(entries) >= context.options.gallery_images or full:
                break
            chosen = [*self._looks, *(self._further if len(entries) < _FEATURED else ())]
            try:
                entry = self._entry(name, records[name], why, chosen)
            except Exception as error:
                # A decoder may raise any exception for a damaged file: name the file in the report and continue.
                broken.append(f"{name}: {str(error) or type(error).__name__}")
                continue
            if entry is None:
                without += 1
            else:
                entries.append(entry)
        if not entries and not broken and without:
            return Values(note=self._nothing(records), chart_data={"gallery": None})
        return Values(
            note=self._note(len(entries), len(wanted), broken, without),
            compared=self._compared,
            within=f"{tolerance(context.scale, context.target):g}",
            encoded=self._encoded(),
            chart_data={"gallery": {"pictures": self._album.uris, "entries": entries} if entries else None},
        )

    def _path(self, image: str) -> Path:
        path = places.original(self._context, image)
        if path is None:
            raise FileNotFoundError("its original is gone")
        return path

    def _saved(self, point: Point) -> bytes:
        path = places.encoded(self._context, point.path)
        if path is None:
            raise FileNotFoundError(f"{point.path} is gone")
        return path.read_bytes()

    def _by_image(self) -> dict[str, dict[str, list[QualityRecord]]]:
        """The measured records of the tiles whose encoders are installed, by image and variant."""
        context = self._context
        keys = {tile.variant.key for group in self._groups for tile in group.tiles if self._decodes(tile)}
        found: dict[str, dict[str, list[QualityRecord]]] = {}
        for record in context.results.of_images(self._candidates()):
            if record.status == "measured":
                key = context.encoders.split(record.setting)[0].key
                if key in keys:
                    found.setdefault(record.source_image, {}).setdefault(key, []).append(record)
        return found

    def _candidates(self) -> list[str]:
        """The images that may be shown; of very many records, only those of the first images are looked at."""
        context = self._context
        names = list(context.points.images)
        if len(context.results.measurements) <= RECORDS_IN_JSON:
            return names
        left = [name for name in images(context, names)[0] if places.original(context, name) is not None]
        first = itertools.islice(in_order(context, left), 4 * context.options.gallery_images)
        return [name for name, _ in first]

    def _decodes(self, tile: Tile) -> bool:
        return self._inspector.decodes(tile.variant.encoder, tile.variant.format)

    # One image --------------------------------------------------------------------------------------------------

    def _entry(
        self, image: str, records: dict[str, list[QualityRecord]], why: str, wanted: Sequence[Look]
    ) -> dict[str, Any] | None:
        """One image with all its looks; None if there is no file to show."""
        chosen = self._choose(image, records, wanted)
        if not chosen:
            return None
        stages: dict[tuple[int | None, int | None], _Stage] = {}
        region_row = max(chosen.values(), key=len)
        opened = {one.point.setting: self._open(image, one.point, stages) for one in region_row}
        base = max(stages.values(), key=lambda stage: stage.scored.width * stage.scored.height)
        shape = base.scored.height, base.scored.width
        region = worst_region([one.distances for one in opened.values() if one.distances.shape == shape])
        shots = {setting: _cut(self._facts(setting), one, region, base) for setting, one in opened.items()}
        del opened
        height, width = base.pixels.shape[:2]
        original = lossless_crop(base.pixels, _moved(region, base.scored))
        entry: dict[str, Any] = {
            "name": image,
            "why": why,
            "size": [width, height],
            "region": [region.left, region.top, region.width, region.height],
            "thumbnail": self._album.add(("thumbnail", image), thumbnail(base.pixels)),
            "bytes": next(iter(records.values()))[0].source_file_size,
            "original": self._album.add(("original", image), original),
            "looks": [],
        }
        for (group, look), row in chosen.items():
            full = self._album.used >= self._album.limit or _mapped(entry) >= _MEGAPIXELS
            if entry["looks"] and full:
                self._dropped += 1
                continue
            for one in row:
                setting = one.point.setting
                if setting not in shots:
                    decoded = self._open(image, one.point, stages)
                    shots[setting] = _cut(self._facts(setting), decoded, region, base)
            top = max(float(shots[one.point.setting].distances.max()) for one in row)
            pictures = [self._picture(look, one, shots[one.point.setting], top, image) for one in row]
            label = f"{group.name}: {look.label}" if group.name else look.label
            entry["looks"].append({"label": label, "top": significant(top, 3), "shots": pictures})
        return entry

    def _choose(
        self, image: str, records: dict[str, list[QualityRecord]], wanted: Sequence[Look]
    ) -> dict[tuple[Group, Look], list[_Chosen]]:
        """The files to show at each look, by group; those without any are left out."""
        rows: dict[tuple[Group, Look], list[_Chosen]] = {}
        # One tile after the other, because the inspector keeps what it prepared for one size of the original.
        for group in self._groups:
            for tile in group.tiles:
                mine = records.get(tile.variant.key)
                if mine is None:
                    continue
                finder = Finder(self._context, self._encodes, self._path(image), tile, mine)
                for look in wanted[:_LOOKS]:
                    found = finder.find(look)
                    if found is not None:
                        rows.setdefault((group, look), []).append(_Chosen(tile, *found))
        self._dropped += len(wanted[_LOOKS:])
        return {
            (group, look): row
            for group in self._groups
            for look in wanted
            # Recommended settings of other tiles are not known: alone, one of them shows nothing.
            if (row := rows.get((group, look))) and (look.column or len(row) > 1 or len(group.tiles) == 1)
        }

    def _open(self, image: str, point: Point, stages: dict[tuple[int | None, int | None], _Stage]) -> _Opened:
        """Decode a file, and compare it with its original, which is added to ``stages``."""
        size = point.setting.resolution, point.setting.crop
        if size not in stages:
            stages[size] = _Stage(*self._inspector.original(self._path(image), *size))
        stage = stages[size]
        data = point.data or self._saved(point)
        pixels = self._inspector.decode(point.setting.encoder, point.setting.format, data)
        original, distorted = (np.ascontiguousarray(stage.scored.of(part)) for part in (stage.pixels, pixels))
        return _Opened(stage, data, pixels, self._inspector.distance_map(original, distorted))

    def _facts(self, setting: Setting) -> EncoderFacts:
        return self._context.encoders.facts(setting.encoder)

    def _picture(self, look: Look, one: _Chosen, shot: _Shot, top: float, image: str) -> dict[str, Any]:
        """One picture with its caption."""
        context, point = self._context, one.point
        facts = self._facts(point.setting)
        if shot.whole:
            shown = f"the {facts.title} file itself"
        else:
            shown = f"this part of the decoded {facts.title} file, as lossless WebP"
        self._shown[image, point.setting] = point
        self._off += look.column is not None and not matches(context, look, point)
        name, value = text.swept(point.setting, context.encoders)
        details = [text.details(point.setting, context.encoders)]
        if look.column == BITS_PER_PIXEL:
            details.append(f"{point.values[BITS_PER_PIXEL]:.3f} bits per pixel")
        key = point.path or (image, point.setting)
        region = Box(0, 0, shot.distances.shape[1], shot.distances.shape[0])
        return {
            "encoder": point.setting.encoder,
            "style": context.styles[point.setting.encoder].name,
            "title": one.tile.title,
            "setting": f"{name} {value}".strip(),
            "details": ", ".join(filter(None, details)),
            "bytes": point.size,
            "scores": {m: significant(point.values[m], 4) for m in self._columns(look) if m in point.values},
            "picture": self._album.add(key, shot.picture),
            "heat": self._album.add(("heat", key, round(top, 3)), heat_map(shot.distances, region, top)),
            "shown": "; ".join(filter(None, (shown, one.remark))),
            "measure": _measure(
                (context.options.images or Path(context.results.dataset.path)) / image, point
            ),
        }

    def _columns(self, look: Look) -> list[str]:
        """The columns to show in captions: the first one of each metric, to save space, and the compared one."""
        first = {metric.columns[0].name for metric in self._context.results.metrics}
        return [name for name in self._context.metrics if name in first or name == look.column]

    # What is said about all of them -----------------------------------------------------------------------------

    def _encoded(self) -> str:
        encoders = self._context.encoders
        made = [p.setting.encoder for p in self._shown.values() if p.data is not None]
        if not made:
            return ""
        by_title = ", ".join(f"{encoders.facts(name).title} {n}" for name, n in Counter(made).items())
        parts = [
            f"{len(made):,} of {text.count(len(self._shown), 'picture')} "
            f"{'was' if len(made) == 1 else 'were'} encoded for this report "
            f"({by_title}), because no saved file was close enough. They are not in the results."
        ]
        if self._off:
            parts.append(
                f"{text.count(self._off, 'picture')} {'is' if self._off == 1 else 'are'} further from the wanted "
                f"score or size; {'its caption says' if self._off == 1 else 'their captions say'} why."
            )
        for facts in map(encoders.facts, dict.fromkeys(made)):
            if facts.version and (now := self._inspector.version(facts.id)) != facts.version:
                parts.append(f"{facts.title} was measured with {facts.version}, and encoded here with {now}.")
        return " ".join(parts)

    def _not_installed(self) -> list[str]:
        tiles = [tile for group in self._groups for tile in group.tiles if not self._decodes(tile)]
        return list(dict.fromkeys(self._context.facts_of(t.variant).title for t in tiles))

    def _note(self, shown: int, wanted: int, broken: list[str], without: int) -> Note | None:
        parts = []
        if shown < wanted - without - len(broken):
            parts.append(f"{text.count(shown, 'image')} of {wanted} are shown, to keep this file small.")
        if without:
            parts.append(f"{text.count(without, 'image')} without saved files cannot be shown.")
        if self._dropped:
            parts.append(f"{text.count(self._dropped, 'comparison')} left out, to keep this file small.")
        if titles := self._not_installed():
            whose = "its" if len(titles) == 1 else "their"
            parts.append(f"{_are_not_installed(titles)} on this machine, so {whose} files are not shown.")
        parts += self._problems
        parts += self._not_encoded()
        if broken:
            parts.append(f"Could not be opened: {'; '.join(broken)}.")
        return Note(" ".join(parts)) if parts else None

    def _not_encoded(self) -> list[str]:
        """Why pictures that are not at their score were not encoded."""
        encodes, parts = self._encodes, []
        if not encodes.allowed and self._off:
            parts.append("Nothing was encoded for this report, so each picture is the nearest saved file.")
        if encodes.problems:
            listed = "; ".join(f"{image}: {why}" for image, why in encodes.problems.items())
            parts.append(f"Only saved files are shown of these images: {listed}.")
        if encodes.out_of_time:
            limit = text.duration(self._context.options.encode_seconds)
            parts.append(
                f"Nothing more was encoded after an estimated {limit}; other pictures are the nearest saved files."
            )
        if encodes.failures:
            listed = "; ".join(encodes.failures.values())
            parts.append(f"Could not be encoded, so that the encoder was not used again: {listed}.")
        return parts

    def _nothing(self, records: Collection[str]) -> Note:
        """Why there is no picture at all."""
        context = self._context
        saved = bool(context.results.saved())
        if (titles := self._not_installed()) and not records:
            return Note(f"{_are_not_installed(titles)} on this machine, so there are no images to show.")
        if records and not images(context, records)[0]:
            return Note(" ".join(self._problems))
        if not places.may_open_originals(context):
            folder = context.results.dataset.path
            results = context.options.results_path or "RESULTS"
            return Note(
                f"The originals are not shown: the results say that they are in {folder}, which is not in the "
                "workspace. Name their folder to show them.",
                shlex.join(["codecstudy", "report", results, "--images", folder]),
            )
        why = "".join(f" {part}" for part in [*self._problems, *self._not_encoded()])
        if saved:
            return Note(
                "The encoded files of this study, or their originals, are no longer where the results say they "
                f"are. Run the study again with --save-artifacts.{why}",
                _with_artifacts(context),
            )
        if self._encodes.allowed and not self._not_encoded():
            why += " Its images are not where the results say they are, so nothing could be encoded."
        return Note(
            "The encoded files of this study were not saved, so there are no images to show. Run it again with "
            f"--save-artifacts, which repeats every measurement whose file is missing.{why}",
            _with_artifacts(context),
        )


def _cut(facts: EncoderFacts, opened: _Opened, region: Box, base: _Stage) -> _Shot:
    """What the page shows of a decoded file: ``region`` of ``base``, enlarged by the browser if it is smaller."""
    stage, pixels = opened.stage, opened.pixels
    part = _scaled(region, base, stage)
    inside = _moved(part, stage.scored)
    if facts.all_browsers and facts.mime is not None and len(opened.data) <= WHOLE_FILE_LIMIT:
        factor = base.scored.width / stage.scored.width
        height, width = (round(n * factor) for n in pixels.shape[:2])
        at = Box(round(inside.left * factor), round(inside.top * factor), region.width, region.height)
        return _Shot(
            as_is(opened.data, facts.mime, (width, height), at), True, part.of(opened.distances).copy()
        )
    picture = dataclasses.replace(lossless_crop(pixels, inside), width=region.width, height=region.height)
    return _Shot(picture, False, part.of(opened.distances).copy())


def _moved(part: Box, scored: Box) -> Box:
    """A part of the scored part of an image, in coordinates of the whole image."""
    return Box(part.left + scored.left, part.top + scored.top, part.width, part.height)


def _scaled(region: Box, base: _Stage, stage: _Stage) -> Box:
    """``region`` of the scored part of ``base``, at the size of ``stage``."""
    width, height = stage.scored.width, stage.scored.height
    if (width, height) == (base.scored.width, base.scored.height):
        return region
    factor = width / base.scored.width
    left, top = min(round(region.left * factor), width - 1), min(round(region.top * factor), height - 1)
    return Box(
        left,
        top,
        max(1, min(round(region.width * factor), width - left)),
        max(1, min(round(region.height * factor), height - top)),
    )


def _mapped(entry: dict[str, Any]) -> float:
    """Upper bound on the megapixels of distance maps that were computed for one image."""
    width, height = entry["size"]
    return float(width * height * 1e-6 * sum(len(look["shots"]) for look in entry["looks"]))


def _are_not_installed(titles: list[str]) -> str:
    return f"{listed(tuple(titles))} {'is' if len(titles) == 1 else 'are'} not installed"


def _with_artifacts(context: Context) -> str:
    command = again(context)
    return command if "--save-artifacts" in command else f"{command} --save-artifacts"


def _measure(source: Path, point: Point) -> str | None:
    """The command that scores a saved file again; None if its original is not in a file."""
    if point.path is None or point.setting.resolution is not None or point.setting.crop is not None:
        return None
    return shlex.join(["codecstudy", "measure", source.as_posix(), point.path])
