"""The content of the static plots: the same numbers as in the page's charts, as series of points."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from codecstudy.report import text
from codecstudy.report.chart_data import chart_data
from codecstudy.report.context import Context
from codecstudy.report.sections.study_axes import axes
from codecstudy.report.sections.study_axes import title as axis_title
from codecstudy.report.styles import Style

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis of a plot."""

    title: str
    log: bool = False
    reversed: bool = False
    """Whether values decrease to the right or upwards, because lower is better."""
    names: Sequence[str] = ()
    """Names of the positions 0, 1, ... of an axis that is not a number."""


@dataclass(frozen=True, slots=True)
class Series:
    """One variant in a plot."""

    name: str
    style: Style
    dash: int = 0
    """Index of the dash pattern that distinguishes variants of one format."""
    line: Sequence[Point] = ()
    band: Sequence[tuple[float, float, float]] = ()
    """Position on the axis along which the band runs, low end, high end."""
    dots: Sequence[Point] = ()
    errors: tuple[Point, Point] | None = None
    """Intervals along x and y of the single dot."""
    hollow: bool = False
    """Whether dots are drawn as outlines."""


@dataclass(frozen=True, slots=True)
class Plot:
    """One plot: at least one series, and each has at least one point."""

    name: str
    """File name without its suffix."""
    x: Axis
    y: Axis
    series: Sequence[Series]
    note: str
    """Explains the bands and points, in a line below the plot."""
    band_along_y: bool = False
    """Whether the bands run along the y axis, so that their ends are x values."""
    name_points: bool = False
    """Whether names are next to the points instead of in a legend."""


def plots(context: Context) -> list[Plot]:
    """All plots: for each metric, rate-distortion, size at the same score, quality numbers and what a better score
    costs; encode time against size; and those that the study requests.

    Plots without any point are left out.
    """
    document = chart_data(context)
    styles = {style.name: style for style in context.styles.values()}
    document["variants"] = [{**v, "style": styles[v["style"]]} for v in document["variants"]]
    found: list[Plot | None] = []
    for k, scope in enumerate(document["scopes"]):
        suffix = "" if k == 0 else "-" + scope.replace(" ", "-")
        for metric in context.metrics:
            found += [
                _rate_distortion(document, metric, k, suffix),
                _sizes(document, metric, k, suffix),
                _quality_numbers(document, metric, k, suffix),
                _cost(document, metric, k, suffix),
            ]
        found.append(_encode_time(context, document, k, suffix))
    found += _study_axes(context, document)
    return [plot for plot in found if plot is not None]


def _variants(document: dict[str, Any], scope: int) -> Iterator[tuple[int, dict[str, Any]]]:
    return ((v, one) for v, one in enumerate(document["variants"]) if one["scope"] == scope)


def _series(variant: dict[str, Any], **parts: Any) -> Series:
    return Series(variant["name"], variant["style"], variant["dash"], **parts)


def _rate_distortion(document: dict[str, Any], metric: str, scope: int, suffix: str) -> Plot | None:
    series = []
    images = 0
    for v, variant in _variants(document, scope):
        mean = document["mean"][metric][v]
        if mean is None or not mean["line"][0]:
            continue
        images = max(images, mean["images"])
        scores, bits, low, high = mean["line"]
        # An interval of few, very different images may have no finite end.
        ends = zip(scores, low, high, strict=True) if variant["banded"] else ()
        dots = [
            (b[0], s[0]) for b, s in zip(mean["bpp"], mean["score"], strict=True) if None not in (b[0], s[0])
        ]
        series.append(
            _series(
                variant,
                line=list(zip(bits, scores, strict=True)),
                band=[(at, a, b) for at, a, b in ends if a is not None and b is not None],
                dots=dots,
            )
        )
    if not series:
        return None
    scale = document["metrics"][metric]
    note = f"Mean of {text.count(images, 'image')}."
    if any(one.band for one in series):
        note += " Bands: 95 % interval of the mean, for the smallest files of each format."
    return Plot(
        f"rate-distortion-{metric}{suffix}",
        Axis("Bits per pixel", log=True),
        Axis(scale["title"], reversed=not scale["up"]),
        series,
        note,
        band_along_y=True,
    )


def _sizes(document: dict[str, Any], metric: str, scope: int, suffix: str) -> Plot | None:
    scores = document["ratio"][metric]["at"]
    series = []
    for v, variant in _variants(document, scope):
        entry = document["ratio"][metric]["series"][v]
        if entry is None:
            continue
        known = [(x, *ends) for x, ends in zip(scores, entry["ratio"], strict=True) if ends[0] is not None]
        banded = variant["banded"] and not variant["base"]
        band = [(x, _percent(low), _percent(high)) for x, _, low, high in known if banded and low is not None]
        if known:
            series.append(_series(variant, line=[(x, _percent(ratio)) for x, ratio, *_ in known], band=band))
    if not series:
        return None
    scale = document["metrics"][metric]
    note = "Compared image by image at the same score, then averaged."
    if any(one.band for one in series):
        note += " Bands: 95 % interval, for the smallest files of each format."
    return Plot(
        f"size-{metric}{suffix}",
        Axis(scale["title"], reversed=not scale["up"]),
        Axis(f"Size compared with {document['baseline']} (%)"),
        series,
        note,
    )


def _percent(ratio: float) -> float:
    return 100 * (ratio - 1)


def _quality_numbers(document: dict[str, Any], metric: str, scope: int, suffix: str) -> Plot | None:
    variants = list(_variants(document, scope))
    axes = [one["axis"] for _, one in variants if one["axis"]]
    if not axes:
        return None
    axis = "quality" if "quality" in axes else axes[0]
    series = []
    names = set()
    for v, variant in variants:
        mean = document["mean"][metric][v]
        if mean is None or variant["axis"] != axis:
            continue
        names.add(mean["spreadNames"])
        known = [
            (level, *ends)
            for level, ends in zip(mean["level"], mean["spread"], strict=True)
            if None not in ends
        ]
        if known:
            line = [(x, median) for x, _, median, _ in known]
            band = [(x, low, high) for x, low, _, high in known] if variant["banded"] else ()
            series.append(_series(variant, line=line, dots=line, band=band))
    if not series:
        return None
    scale = document["metrics"][metric]
    note = "Median over the images."
    spread = names.pop() if len(names) == 1 else "range"
    if any(one.band for one in series):
        note += f" Bands: {spread} of the images, for the smallest files of each format."
    return Plot(
        f"quality-{metric}{suffix}",
        Axis(f"Encoder's {axis}"),
        Axis(f"{scale['title']}, median and {spread}", reversed=not scale["up"]),
        series,
        note,
    )


def _encode_time(context: Context, document: dict[str, Any], scope: int, suffix: str) -> Plot | None:
    front = document["pareto"][f"{context.target:g}"][scope]
    series = []
    for point in front["points"]:
        (seconds, *across), (bits, *up) = point["seconds"], point["bpp"]
        known = None not in across and None not in up
        series.append(
            _series(
                document["variants"][point["v"]],
                dots=[(seconds, bits)],
                errors=((across[0], across[1]), (up[0], up[1])) if known else None,
                hollow=not point["front"],
            )
        )
    if not series:
        return None
    note = (
        f"Mean of {text.count(front['images'], 'image')}. Filled points: nothing is both faster and smaller."
    )
    if any(one.errors for one in series):
        note += " Bars: 95 % intervals."
    return Plot(
        f"encode-time{suffix}",
        Axis("Encode CPU seconds per megapixel", log=True),
        Axis(f"Bits per pixel at {context.scale.title} {context.target:g}"),
        series,
        note,
        name_points=True,
    )


def _cost(document: dict[str, Any], metric: str, scope: int, suffix: str) -> Plot | None:
    series = []
    for v, variant in _variants(document, scope):
        cost = document["cost"][metric][v]
        if cost is not None and cost["at"]:
            line = list(zip(cost["at"], cost["bits"], strict=True))
            series.append(_series(variant, line=line, dots=line))
    if not series:
        return None
    scale = document["metrics"][metric]
    return Plot(
        f"cost-{metric}{suffix}",
        Axis(scale["title"], reversed=not scale["up"]),
        Axis(f"Bits per pixel for {'+' if scale['up'] else text.MINUS}1 {scale['title']}", log=True),
        series,
        "Slope of the mean rate-distortion curve, between neighbouring measured settings.",
    )


def _study_axes(context: Context, document: dict[str, Any]) -> list[Plot | None]:
    """Scores and bits per pixel over the parameter that the study requests: means of settings at any score."""
    found = axes(context)
    if found is None:
        return []
    scores = [
        _over(document, metric, "score", Axis(document["metrics"][metric]["title"]), *found)
        for metric in context.metrics
    ]
    return [*scores, _over(document, context.metric, "bpp", Axis("Bits per pixel", log=True), *found)]


def _over(document: dict[str, Any], metric: str, quantity: str, y: Axis, x: str, group: str) -> Plot | None:
    """The same means as in the page's plot, which the script computes."""
    every_size = bool({x, group} & {"resolution", "crop"})
    lines: dict[tuple[str, object], dict[Any, list[float]]] = {}
    first: dict[tuple[str, object], dict[str, Any]] = {}
    for v, variant in enumerate(document["variants"]):
        mean = document["mean"][metric][v]
        if mean is None or not (every_size or variant["scope"] == 0):
            continue
        for level, (value, *_) in zip(mean["level"], mean[quantity], strict=True):
            given = variant["parameters"] | {variant["axis"]: level}
            at = given.get(x, "original" if x in ("resolution", "crop") else None)
            if at is not None and value is not None:
                key = variant["title"], given.get(group, "default")
                first.setdefault(key, variant)
                lines.setdefault(key, {}).setdefault(at, []).append(value)
    places = sorted({at for line in lines.values() for at in line}, key=_numbers_first)
    if not places:
        return None
    numeric = all(_is_number(at) for at in places)
    dashes: dict[str, int] = {}
    series = []
    for (title, value), line in lines.items():
        kind = first[title, value]["parameters"]["format"]
        dash = dashes[kind] = dashes.get(kind, -1) + 1
        points = [
            (float(at) if numeric else float(k), fmean(line[at])) for k, at in enumerate(places) if at in line
        ]
        name = title if group in ("format", "encoder") else f"{title} {value}"
        series.append(Series(name, first[title, value]["style"], dash, line=points, dots=points))
    what = "bits-per-pixel" if quantity == "bpp" else metric
    return Plot(
        f"study-axes-{what}",
        Axis(axis_title(x).capitalize(), names=() if numeric else [str(at) for at in places]),
        y,
        series,
        f"The study's own axes: mean of all settings with the same {axis_title(x)} and {axis_title(group)}.",
    )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _numbers_first(value: Any) -> tuple[int, float, str]:
    return (0, float(value), "") if _is_number(value) else (1, 0.0, str(value))
