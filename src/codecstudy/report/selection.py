"""Selects the images of the gallery, their order, the variants to compare, and the scores to compare them at."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from codecstudy.analysis.sensitivity import ImageRatio, sensitivity
from codecstudy.analysis.variants import Variant
from codecstudy.report import text
from codecstudy.report.context import Context
from codecstudy.results import BITS_PER_PIXEL, QualityRecord
from codecstudy.types import Scalar

_LOWER = 2
"""The first images are also shown at a lower score, at which differences are visible. It is lower by the difference
between the metric's usual target and the target this many steps below it (20 for SSIMULACRA2)."""
_GROUPS = 4
"""Most groups of tiles of one image."""
_SCOPES = ("resolution", "crop")


@dataclass(frozen=True, slots=True)
class Tile:
    """One picture of those that are compared with each other: a variant, and what distinguishes it."""

    variant: Variant
    title: str


@dataclass(frozen=True, slots=True)
class Group:
    """Tiles that differ in one parameter only."""

    name: str
    """What they have in common; empty if there is only one group."""
    tiles: tuple[Tile, ...]


@dataclass(frozen=True, slots=True)
class Look:
    """What the tiles of a comparison have in common: a score, a size, or that they are recommended."""

    label: str
    column: str | None
    """Column of a score, or bits per pixel; None for the recommended settings."""
    target: float = float("nan")


def comparison(context: Context) -> dict[str, Any]:
    """The study's own wishes; empty if it has none."""
    block = context.results.study.get("comparison")
    return block if isinstance(block, dict) else {}


def images(context: Context, names: Iterable[str]) -> tuple[list[str], list[str]]:
    """The images that the study's ``source_image`` and ``exclude_images`` leave.

    Args:
        context: Results and options.
        names: All images.

    Returns:
        Their names in the given order, and what the study names that is not among the images, as sentences.
    """
    block, names = comparison(context), list(names)
    excluded = [str(name) for name in block.get("exclude_images") or ()]
    problems = [
        f"The study excludes {name}, which was not measured."
        for name in excluded
        if not any(_is(image, name) for image in context.points.images)
    ]
    left = [image for image in names if not any(_is(image, name) for name in excluded)]
    only = block.get("source_image")
    if only is not None:
        chosen = [image for image in left if _is(image, str(only))]
        if not chosen:
            problems.append(f"The study's source_image, {only}, is not among the images that can be shown.")
        left = chosen
    return left, problems


def _is(image: str, name: str) -> bool:
    """Whether ``name`` means ``image``: its file name, its path, or the path of a copy of it."""
    parts, named = PurePosixPath(image).parts, PurePosixPath(name).parts
    shared = min(len(parts), len(named))
    return shared > 0 and parts[-shared:] == named[-shared:]


def groups(context: Context) -> tuple[list[Group], str, list[str]]:
    """The tiles of each image, in groups that differ only in the study's ``tile_parameter``.

    Without one, there is one tile per encoder, its recommended variant.

    Returns:
        At least one group, those with a recommended variant first; in what the tiles differ, as text; and what is
        not shown, as sentences.
    """
    parameter = str(comparison(context).get("tile_parameter") or "encoder")
    each = "encoder" if context.several_encoders else "format"
    if parameter in ("encoder", "format"):
        return [_one_per(context, parameter)], each if parameter == "encoder" else parameter, []
    found: dict[str, list[Variant]] = {}
    for variant in context.variants:
        if _value(variant, parameter) is not None or parameter == "resolution":
            found.setdefault(_without(variant, parameter).key, []).append(variant)
    if parameter not in _SCOPES:
        scope = context.scopes[0]
        found = {key: [v for v in variants if v.scope == scope] for key, variants in found.items()}
    several = [variants for variants in found.values() if len(variants) > 1]
    if not several:
        return (
            [_one_per(context, "encoder")],
            each,
            [
                f"No two settings differ only in {parameter}, which the study compares, so {each}s are compared."
            ],
        )
    picks = context.picks()
    several.sort(key=lambda variants: not any(v.key in picks for v in variants))
    named = [_group_name(context, _without(variants[0], parameter)) for variants in several]
    shown = [
        Group(
            name if len(several) > 1 else "",
            tuple(Tile(v, f"{context.facts_of(v).title} ({_text(context, v, parameter)})") for v in variants),
        )
        for name, variants in zip(named, several, strict=True)
    ]
    left_out = named[_GROUPS:]
    problems = [f"Not shown: {'; '.join(left_out)}."] if left_out else []
    return shown[:_GROUPS], parameter.replace("_", " "), problems


def _one_per(context: Context, parameter: str) -> Group:
    """One variant of the first scope per encoder or format: the recommended one, or else the first."""
    picks = context.picks()
    chosen: dict[str, Variant] = {}
    for variant in context.variants:
        if variant.scope != context.scopes[0]:
            continue
        kind = variant.encoder if parameter == "encoder" else variant.format
        if kind not in chosen or (variant.key in picks and chosen[kind].key not in picks):
            chosen[kind] = variant
    return Group("", tuple(Tile(v, context.facts_of(v).title) for v in chosen.values()))


def _value(variant: Variant, parameter: str) -> Scalar | None:
    setting = variant.setting
    if parameter in _SCOPES:
        edge: int | None = getattr(setting, parameter)
        return edge
    value: Scalar | None = setting.get(parameter, setting.extra(parameter))
    return value


def _without(variant: Variant, parameter: str) -> Variant:
    setting = variant.setting
    if parameter == "resolution":
        rest = dataclasses.replace(setting, resolution=None)
    elif parameter == "crop":
        rest = dataclasses.replace(setting, crop=None)
    else:
        rest = dataclasses.replace(
            setting,
            parameters=tuple(pair for pair in setting.parameters if pair[0] != parameter),
            extra_args=tuple(pair for pair in setting.extra_args if pair[0] != parameter),
        )
    return dataclasses.replace(variant, setting=rest)


def _text(context: Context, variant: Variant, parameter: str) -> str:
    value = _value(variant, parameter)
    if parameter == "resolution":
        return "original size" if value is None else f"{value} px"
    if parameter == "crop":
        return f"crop {value}"
    declared = context.facts_of(variant).parameter(parameter)
    shown = dict(declared.show).get(value) if declared is not None and value is not None else None
    return shown or f"{parameter} {value}"


def _group_name(context: Context, variant: Variant) -> str:
    size = () if variant.scope.label == "original" else (variant.scope.label,)
    return ", ".join([context.facts_of(variant).title, *text.parts(variant.setting, context.encoders), *size])


def looks(context: Context) -> tuple[list[Look], list[Look], list[str]]:
    """The scores and sizes to compare at: those of every image, and further ones of the first images.

    The target of the report comes first, then those of the study, then the recommended settings. Without targets
    of the study, the first images are also shown at a lower score.

    Returns:
        The looks of every image, the further ones, and what cannot be shown, as sentences.
    """
    found = {(context.metric, context.target): _score_look(context, context.metric, context.target)}
    problems = []
    given = comparison(context).get("targets") or ()
    for target in given:
        column = str(target["metric"])
        if column != BITS_PER_PIXEL and column not in context.columns:
            problems.append(
                f"No picture is shown at the study's targets for {column}, which was not measured."
            )
            continue
        for value in map(float, target["values"]):
            if column == BITS_PER_PIXEL:
                found[column, value] = Look(f"{value:g} bits per pixel", column, value)
            else:
                found[column, value] = _score_look(context, column, value)
    further = []
    if not given and (lower := _lower_target(context)) is not None:
        further = [_score_look(context, context.metric, lower)]
    return [*found.values(), Look("The recommended settings", None)], further, problems


def _score_look(context: Context, column: str, target: float) -> Look:
    return Look(f"{context.columns[column].title} {target:g}", column, target)


def _lower_target(context: Context) -> float | None:
    """The lower score to show as well; None for a metric with too few targets."""
    scale = context.scale
    usual = scale.targets.index(scale.usual_target) if scale.usual_target in scale.targets else 0
    if usual < _LOWER:
        return None
    return context.target - (scale.usual_target - scale.targets[usual - _LOWER])


def value_of(record: QualityRecord, column: str) -> float | None:
    """A record's score in ``column``, or its bits per pixel; None if it has none or an infinite one."""
    if column == BITS_PER_PIXEL:
        if not (record.file_size and record.width and record.height):
            return None
        return 8 * record.file_size / (record.width * record.height)
    value = record.score(column)
    return value if value is not None and np.isfinite(value) else None


def in_order(context: Context, wanted: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Images in the order of interest, each with the reason to show it."""
    ranked = _ranked(context, wanted)
    seen: set[str] = set()
    if ranked:
        best, ratios = ranked
        variant, base = context.facts_of(best).title, context.baseline_title()
        if variant == base:
            variant, base = context.name(best), context.baseline_name()
        featured = (
            (max(ratios, key=lambda i: abs(np.log(i.ratio))), "largest gap"),
            (ratios[(len(ratios) - 1) // 2], "median"),
            (ratios[0], "smallest saving"),
        )
        for image, why in featured:
            if image.image not in seen:
                seen.add(image.image)
                yield (
                    image.image,
                    f"{why}: {variant} {text.change(image.ratio)} than {base}".replace(
                        "the same size than", "the same size as"
                    ),
                )
    for name in wanted:
        if name not in seen:
            yield name, ""


def _ranked(context: Context, wanted: Sequence[str]) -> tuple[Variant, list[ImageRatio]] | None:
    """The best format's variant, and images by its saving, smallest first; None if there is nothing to compare."""
    entries = sensitivity(context.matched(context.metric), context.target, context.options.baseline)
    best = next((i.setting for i in context.answers(context.target).items if i.setting is not None), None)
    key = None if best is None else context.encoders.split(best)[0].key
    known = set(wanted)
    usable = [e for e in entries if any(i.image in known for i in e.images)]
    if not usable:
        return None
    entry = next((e for e in usable if e.variant.key == key), usable[0])
    return entry.variant, [i for i in entry.images if i.image in known]
