"""Selects the images of the gallery, their order, and their encoded files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from codecstudy.analysis.sensitivity import ImageRatio, sensitivity
from codecstudy.report import places, text
from codecstudy.report.context import Context
from codecstudy.results import QualityRecord


def candidates(context: Context, saved: Iterable[QualityRecord]) -> dict[str, list[list[QualityRecord]]]:
    """Records of saved files to show, by image and encoder, for images whose original may be opened.

    Of each encoder one variant is shown, in the order of the variants.
    """
    chosen = _shown_variants(context)
    found: dict[str, dict[str, list[QualityRecord]]] = {}
    for record in saved:
        key = context.encoders.split(record.setting)[0].key
        if key in chosen and _score(record, context.metric) is not None:
            found.setdefault(record.source_image, {}).setdefault(key, []).append(record)
    kept = {}
    for image, by_variant in found.items():
        if places.original(context, image) is None:
            continue
        sets = [
            [r for r in by_variant[key] if places.encoded(context, r.encoded_path) is not None]
            for key in chosen
            if key in by_variant
        ]
        sets = [records for records in sets if records]
        if sets:
            kept[image] = sets
    return kept


def _shown_variants(context: Context) -> list[str]:
    """One variant per encoder of the first scope: the recommended one, or else the first."""
    scope = context.scopes[0]
    picks = context.picks()
    chosen: dict[str, str] = {}
    for variant in context.variants:
        if variant.scope == scope and (variant.encoder not in chosen or variant.key in picks):
            chosen[variant.encoder] = variant.key
    return list(chosen.values())


def _score(record: QualityRecord, metric: str) -> float | None:
    value = record.score(metric)
    return value if value is not None and np.isfinite(value) else None


def in_order(context: Context, wanted: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Images in the order of interest, each with the reason to show it."""
    ranked = _ranked(context, wanted)
    seen: set[str] = set()
    base = context.baseline_title()
    if ranked:
        variant, images = ranked
        featured = (
            (max(images, key=lambda i: abs(np.log(i.ratio))), "largest gap"),
            (images[(len(images) - 1) // 2], "median"),
            (images[0], "smallest saving"),
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


def _ranked(context: Context, wanted: dict[str, Any]) -> tuple[str, list[ImageRatio]] | None:
    """Images sorted by the best format's saving, smallest first; None if there is nothing to compare."""
    entries = sensitivity(context.matched(context.metric), context.target, context.options.baseline)
    best = next((i.setting for i in context.answers(context.target).items if i.setting is not None), None)
    key = None if best is None else context.encoders.split(best)[0].key
    usable = [e for e in entries if any(i.image in wanted for i in e.images)]
    if not usable:
        return None
    entry = next((e for e in usable if e.variant.key == key), usable[0])
    return context.facts_of(entry.variant).title, [i for i in entry.images if i.image in wanted]


def distance(context: Context, record: QualityRecord, target: float) -> float:
    """How far the record's score is from ``target``."""
    score = _score(record, context.metric)
    return float("inf") if score is None else abs(score - target)
