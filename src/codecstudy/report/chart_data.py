"""The data of the charts, as compact JSON: columns of rounded numbers, null for missing values."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from codecstudy.analysis.estimates import Estimate, mean_estimates
from codecstudy.analysis.matched import log_ratios, match
from codecstudy.analysis.meancurve import mean_curves
from codecstudy.analysis.pareto import ParetoFront, pareto
from codecstudy.analysis.points import VariantPoints
from codecstudy.analysis.sensitivity import sensitivity
from codecstudy.analysis.sweep import LevelSummary, level_summaries
from codecstudy.report import text
from codecstudy.report.context import Context
from codecstudy.types import Floats, MetricColumn
from codecstudy.visible import visible

RATIO_PLACES = 28
"""Number of scores at which the size relative to the baseline is drawn."""
RATIO_SHARE = 0.75
"""Minimum share of a scope's images behind each point of that curve, so that all its points show similar images."""


MAX_LISTED = 2_000
"""Most images of which the chart of single images has a point for each codec."""
MAX_DRAWN = 50_000
"""Most measured points of single images' curves, all codecs together, unless these are fewer than 8 images."""


def listed_images(context: Context) -> list[int]:
    """The images that the charts show one by one: all, or some that are spaced evenly over the sorted names."""
    return _evenly(len(context.points.images), MAX_LISTED)


def drawn_images(context: Context) -> list[int]:
    """Places in :func:`listed_images` of the images whose curves the page contains."""
    levels = sum(len(block.levels) for block in context.points.blocks)
    return _evenly(len(listed_images(context)), max(8, MAX_DRAWN // levels))


def _evenly(count: int, most: int) -> list[int]:
    return list(range(count)) if count <= most else [k * count // most for k in range(most)]


def significant(value: float | None, digits: int = 4) -> float | int | None:
    """``value`` rounded to significant digits, for JSON; None if it is missing or infinite."""
    if value is None or not math.isfinite(value):
        return None
    if value == 0:
        return 0
    rounded = round(float(value), digits - 1 - math.floor(math.log10(abs(value))))
    return int(rounded) if rounded == int(rounded) else rounded


def column(values: Iterable[float | None], digits: int = 4) -> list[float | int | None]:
    """:func:`significant` of each value."""
    return [significant(v, digits) for v in values]


def chart_data(context: Context) -> dict[str, Any]:
    """All data of the page's charts, as described in ``static/js/types.d.ts``.

    ``gallery`` and ``axes`` are None here: the sections of these names provide them.
    """
    scale = context.scale
    means = {m: _mean(context, m) for m in context.metrics}
    return {
        "metric": context.metric,
        "target": context.target,
        "metrics": {m: _metric(context.columns[m]) for m in context.metrics},
        "scopes": [scope.label for scope in context.scopes],
        "images": [context.points.images[i] for i in listed_images(context)],
        "drawn": drawn_images(context),
        "baseline": context.baseline_name(),
        "best": _best(context),
        "markers": {style.name: style.marker for style in context.styles.values()},
        "variants": _variants(context),
        "mean": means,
        "cost": {m: [_cost(one, context.columns[m]) for one in means[m]] for m in context.metrics},
        "ratio": {m: _ratios(context, m) for m in context.metrics},
        "pareto": {f"{t:g}": _fronts(context, t) for t in context.targets},
        "single": {f"{t:g}": _single(context, t) for t in context.targets},
        "labels": {f"{t:g}": text.appearance(t, scale)[0] for t in context.targets},
        "again": again(context),
        "gallery": None,
        "axes": None,
    }


def again(context: Context) -> str:
    """The command that repeats the measurements."""
    run = context.results.run
    if run.command:
        return run.command
    study = (run.study_file or context.results.study_id).removeprefix("built-in ")
    return f"codecstudy run {study}"


def _best(context: Context) -> str | None:
    """The encoder with the smallest files at the chosen target."""
    items = context.answers(context.target).items
    return next((i.encoder for i in items if i.setting is not None), None)


def _metric(scale: MetricColumn) -> dict[str, Any]:
    return {"title": scale.title, "up": scale.higher_is_better, "digits": scale.digits}


def _variants(context: Context) -> list[dict[str, Any]]:
    picks, best = context.picks(), context.best_of_formats()
    listed = listed_images(context)
    drawn = [listed[k] for k in drawn_images(context)]
    rank: dict[tuple[str, object], int] = {}  # the encoders of a format have shades of one colour
    found: list[dict[str, Any]] = []
    for block, variant in zip(context.points.blocks, context.variants, strict=True):
        dash = rank.setdefault((variant.format, variant.scope), 0)
        rank[variant.format, variant.scope] += 1
        facts = context.facts_of(variant)
        found.append(
            {
                "title": facts.title,
                "name": context.name(variant),
                "details": text.details(variant.setting, context.encoders),
                "style": context.styles[variant.encoder].name,
                "encoder": variant.encoder,
                "dash": dash,
                "scope": context.scopes.index(variant.scope),
                "axis": variant.axis.name,
                "base": context.bases[variant.scope] == len(found),
                "pick": variant.key in picks,
                "banded": variant.key in best,
                "parameters": _parameters(block),
                "levels": column(block.levels.tolist(), 6),
                "tools": [_tools(context, block, level) for level in block.levels.tolist()],
                "bpp": _rows(block.size[drawn] * 8e-6 / block.megapixels[drawn, None]),
                "scores": {m: _rows(block.scores[m][drawn], 5) for m in context.metrics},
            }
        )
    return found


def _parameters(block: VariantPoints) -> dict[str, Any]:
    setting = block.variant.setting
    sizes = {"resolution": setting.resolution, "crop": setting.crop}
    given = {name: edge for name, edge in sizes.items() if edge is not None}
    names = {"format": setting.format, "encoder": setting.encoder}
    return names | dict(setting.parameters) | given | dict(setting.extra_args)


def _tools(context: Context, block: VariantPoints, level: float) -> list[list[str | None]]:
    setting = block.variant.at(level)
    return [[c.tool, c.text, c.note] for c in context.encoders.commands(setting)]


def _rows(values: Floats, digits: int = 4) -> list[list[float | int | None]]:
    return [column(row, digits) for row in values.tolist()]


def _ends(estimate: Estimate | None, digits: int = 4) -> list[float | int | None]:
    if estimate is None:
        return [None, None, None]
    return column([estimate.value, estimate.low, estimate.high], digits)


def _mean(context: Context, metric: str) -> list[dict[str, Any] | None]:
    levels: dict[str, list[LevelSummary]] = {}
    for summary in level_summaries(context.points, metric):
        levels.setdefault(summary.variant.key, []).append(summary)
    found: list[dict[str, Any] | None] = []
    for curve in mean_curves(context.points, metric):
        mine = levels.get(curve.variant.key)
        if mine is None:
            found.append(None)
            continue
        found.append(
            {
                "images": curve.images,
                "spreadNames": text.spread_range(curve.images),
                "line": [
                    column(part.tolist(), 5)
                    for part in (curve.score, curve.bits_per_pixel, curve.low, curve.high)
                ],
                "level": column([s.level for s in mine], 6),
                "score": [_ends(s.score, 5) for s in mine],
                "spread": [column([s.score_low, s.score_median, s.score_high], 5) for s in mine],
                "bpp": [_ends(s.bits_per_pixel) for s in mine],
                "encode": [_ends(s.encode_seconds_per_mp, 3) for s in mine],
                "decode": [_ends(s.decode_seconds_per_mp, 3) for s in mine],
                "lossless": [s.lossless for s in mine],
            }
        )
    return found


def _cost(mean: dict[str, Any] | None, scale: MetricColumn) -> dict[str, Any] | None:
    """The price of a better score: the slope of the rate-distortion curve between neighbouring measured levels.

    At the middle between the mean scores of two levels, the difference of their bits per pixel (geometric means of
    the same images) over the difference of their scores. Pairs of which the finer level scores no better, or has
    smaller files, have no price and are left out.
    """
    if mean is None:
        return None
    levels = [
        (level, score, bits)
        for level, (score, *_), (bits, *_) in zip(mean["level"], mean["score"], mean["bpp"], strict=True)
        if None not in (level, score, bits)
    ]
    steps = [
        ((s1 + s2) / 2, (b2 - b1) / (scale.goodness(s2) - scale.goodness(s1)), k1, k2)
        for (k1, s1, b1), (k2, s2, b2) in itertools.pairwise(levels)
        if scale.goodness(s2) > scale.goodness(s1) and b2 > b1
    ]
    at, bits, coarse, fine = zip(*steps, strict=True) if steps else ((), (), (), ())
    return {"at": column(at, 5), "bits": column(bits, 3), "from": list(coarse), "to": list(fine)}


def _ratios(context: Context, metric: str) -> dict[str, Any]:
    curves = context.curves(metric)
    places = _places(context, metric)
    if len(places) < 2:
        return {"at": [], "series": [None] * len(context.variants)}
    matched = match(curves, [curves.scale.score(g) for g in places])
    series: list[dict[str, Any] | None] = []
    for v, variant in enumerate(context.variants):
        base = context.bases[variant.scope]
        if base is None:
            series.append(None)
            continue
        logs = log_ratios(matched, v, base)
        images = int((~np.isnan(matched.megapixels[v])).sum())
        logs[:, (~np.isnan(logs)).sum(axis=0) < max(1.0, RATIO_SHARE * images)] = np.nan
        estimates = mean_estimates(logs, context.points.sample, np.exp)
        values = [_ends(e) for e in estimates]
        series.append(
            {
                "ratio": values,
                "images": [0 if e is None else e.images for e in estimates],
                "bpp": column(_mean_bits(matched.bits_per_pixel[v], logs)),
                "level": column(_medians(matched.level[v], logs)),
            }
        )
    return {"at": column(matched.targets, 5), "series": series}


def _places(context: Context, metric: str) -> Floats:
    """Values of goodness from the lowest median start of any variant's curves to the highest median end."""
    curves = context.curves(metric)
    ends = [curves.ends(v) for v in range(len(context.variants))]
    known = [(low, high) for low, high in ends if not np.isnan(low).all()]
    if not known:
        return np.empty(0)
    low = min(float(np.nanmedian(low)) for low, _ in known)
    high = max(float(np.nanmedian(high)) for _, high in known)
    return np.linspace(low, high, RATIO_PLACES) if high > low else np.empty(0)


def _mean_bits(bits: Floats, logs: Floats) -> list[float]:
    used = np.where(np.isnan(logs), np.nan, np.log(bits))
    return [float(np.exp(np.nanmean(c))) if not np.isnan(c).all() else float("nan") for c in used.T]


def _medians(values: Floats, logs: Floats) -> list[float]:
    used = np.where(np.isnan(logs), np.nan, values)
    return [float(np.nanmedian(c)) if not np.isnan(c).all() else float("nan") for c in used.T]


def _fronts(context: Context, target: float) -> list[dict[str, Any]]:
    matched = context.matched(context.metric)
    fronts = [pareto(matched, target, context.draw, scope) for scope in context.scopes]
    return [_front(context, front) for front in fronts]


def _front(context: Context, front: ParetoFront) -> dict[str, Any]:
    index = {v: k for k, v in enumerate(context.variants)}
    return {
        "images": front.images,
        "reason": front.reason,
        "left": front.left_out,
        "points": [
            {
                "v": index[p.variant],
                "bpp": _ends(p.bits_per_pixel),
                "seconds": _ends(p.seconds_per_mp, 3),
                "front": p.on_front,
                "share": significant(p.front_share, 3),
            }
            for p in front.points
        ],
    }


def _single(context: Context, target: float) -> list[dict[str, Any]]:
    """Each image's size relative to the baseline, for every variant except the baselines."""
    index = {v: k for k, v in enumerate(context.variants)}
    place = {context.points.images[i]: k for k, i in enumerate(listed_images(context))}
    found = []
    for entry in sensitivity(context.matched(context.metric), target, context.options.baseline):
        if images := [image for image in entry.images if image.image in place]:
            found.append(
                {
                    "v": index[entry.variant],
                    "image": [place[i.image] for i in images],
                    "ratio": column([i.ratio for i in images]),
                    "level": column([i.level for i in images]),
                }
            )
    return found


def embed(document: dict[str, Any]) -> str:
    """JSON that is safe inside a ``script`` element: nothing in it can close the element or open another.

    Invisible characters in names are replaced with escapes that the page shows, as in its templates.
    """
    written = json.dumps(_shown(document), ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    return written.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _shown(value: Any) -> Any:
    if isinstance(value, str):
        return visible(value, keep="\n\t")
    if isinstance(value, dict):
        return {_shown(key): _shown(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_shown(item) for item in value]
    return value
