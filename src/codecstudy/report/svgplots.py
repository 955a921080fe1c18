"""The main plots as SVG files for papers: the same numbers as the page's, drawn once, on white."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from codecstudy.report.context import Context
from codecstudy.report.formats import COLOURS
from codecstudy.report.payload import payload
from codecstudy.report.svg import Axis, Drawing, Series


def plots(context: Context) -> dict[str, str]:
    """File name to SVG text: rate-distortion, size at equal quality and quality numbers for each metric, and
    encode time against size. A plot without a point is left out.
    """
    document = payload(context)
    drawn: dict[str, str] = {}
    for k, scope in enumerate(document["scopes"]):
        suffix = "" if k == 0 else "-" + scope.replace(" ", "-")
        for metric in context.metrics:
            for name, drawing in (
                ("rate-distortion", _curves(document, metric, k)),
                ("size", _ratios(document, metric, k)),
                ("quality", _numbers(document, metric, k)),
            ):
                if drawing is not None:
                    drawn[f"{name}-{metric}{suffix}.svg"] = drawing.text()
        front = _time(context, document, k)
        if front is not None:
            drawn[f"encode-time{suffix}.svg"] = front.text()
    return drawn


def _variants(document: dict[str, Any], scope: int) -> Iterator[tuple[int, dict[str, Any]]]:
    return ((v, one) for v, one in enumerate(document["variants"]) if one["scope"] == scope)


def _series(variant: dict[str, Any], **parts: Any) -> Series:
    slot = variant["slot"]
    return Series(variant["name"], COLOURS[slot].light, slot, variant["dash"], **parts)


def _curves(document: dict[str, Any], metric: str, scope: int) -> Drawing | None:
    series = []
    for v, variant in _variants(document, scope):
        mean = document["mean"][metric][v]
        if mean is None or not mean["line"][0]:
            continue
        scores, bits, low, high = mean["line"]
        band = None
        if variant["pick"] and low[0] is not None:
            band = [*zip(low, scores, strict=True), *reversed(list(zip(high, scores, strict=True)))]
        dots = [
            (b[0], s[0]) for b, s in zip(mean["bpp"], mean["score"], strict=True) if None not in (b[0], s[0])
        ]
        series.append(_series(variant, line=list(zip(bits, scores, strict=True)), band=band, dots=dots))
    scale = document["metrics"][metric]
    y = Axis(scale["title"], falling=not scale["up"])
    return Drawing(Axis("Bits per pixel", log=True), y, series) if series else None


def _ratios(document: dict[str, Any], metric: str, scope: int) -> Drawing | None:
    places = document["ratio"][metric]["at"]
    series = []
    for v, variant in _variants(document, scope):
        entry = document["ratio"][metric]["series"][v]
        if entry is None:
            continue
        known = [(x, *ends) for x, ends in zip(places, entry["ratio"], strict=True) if ends[0] is not None]
        sure = [(x, low, high) for x, _, low, high in known if low is not None]
        band = None
        if variant["pick"] and not variant["base"]:
            band = [*((x, low) for x, low, _ in sure), *((x, high) for x, _, high in reversed(sure))]
        if known:
            line = [(x, 100 * (ratio - 1)) for x, ratio, *_ in known]
            percent = None if band is None else [(x, 100 * (ratio - 1)) for x, ratio in band]
            series.append(_series(variant, line=line, band=percent))
    scale = document["metrics"][metric]
    x = Axis(scale["title"], falling=not scale["up"])
    return Drawing(x, Axis(f"Size compared with {document['baseline']} (%)"), series) if series else None


def _numbers(document: dict[str, Any], metric: str, scope: int) -> Drawing | None:
    variants = list(_variants(document, scope))
    axes = [one["axis"] for _, one in variants if one["axis"]]
    if not axes:
        return None
    axis = "quality" if "quality" in axes else axes[0]
    series = []
    for v, variant in variants:
        mean = document["mean"][metric][v]
        if mean is None or variant["axis"] != axis:
            continue
        known = [
            (level, *ends)
            for level, ends in zip(mean["level"], mean["spread"], strict=True)
            if None not in ends
        ]
        band = [(x, low) for x, low, _, _ in known] + [(x, high) for x, _, _, high in reversed(known)]
        if known:
            line = [(x, median) for x, _, median, _ in known]
            series.append(_series(variant, line=line, dots=line, band=band if variant["pick"] else None))
    scale = document["metrics"][metric]
    y = Axis(f"{scale['title']}, median and p5 to p95", falling=not scale["up"])
    return Drawing(Axis(f"Encoder's {axis}"), y, series) if series else None


def _time(context: Context, document: dict[str, Any], scope: int) -> Drawing | None:
    front = document["pareto"][f"{context.target:g}"][scope]
    series = [
        _series(
            document["variants"][p["v"]],
            dots=[(p["seconds"][0], p["bpp"][0])],
            errors=[(p["seconds"][1:], p["bpp"][1:])] if p["bpp"][1] is not None else None,
            hollow=not p["front"],
        )
        for p in front["points"]
    ]
    y = Axis(f"Bits per pixel at {context.scale.title} {context.target:g}")
    return Drawing(Axis("Encode CPU seconds per megapixel", log=True), y, series) if series else None
