"""Draws static plots with matplotlib, as SVG, PDF or PNG. The same plot always produces the same bytes."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from codecstudy.errors import MissingExtraError
from codecstudy.report.figures import Axis, Plot, Series
from codecstudy.report.options import PlotFormat

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.transforms import Bbox

SIZE = (7.2, 4.7)
"""Width and height in inches; the legend adds to the height."""
_DPI = 200
_LEGEND_ROW = 0.24
"""Height of a legend row in inches."""
_LEGEND_ENTRY, _CHARACTER = 58, 6.0
"""Width in points of a legend entry without its name, and average width of a character."""
_MARKERS = {
    "circle": ("o", 6.0),
    "square": ("s", 5.6),
    "triangle": ("^", 7.0),
    "diamond": ("D", 5.4),
    "triangle-down": ("v", 7.0),
    "pentagon": ("p", 7.0),
    "hexagon": ("h", 7.0),
    "star": ("*", 9.0),
}
"""matplotlib's name for each of :data:`codecstudy.types.MARKERS`, and a size in points at which all markers have
about the same area."""
_DASHES: tuple[tuple[float, ...], ...] = ((), (7, 4), (2, 3), (10, 3, 2, 3), (1, 3), (12, 5))
"""Lengths of strokes and gaps in points; the same patterns as in the page."""
_LINE = 1.8
_INK, _QUIET, _GRID = "#222222", "#5b6068", "#e6e6e6"

_STYLE: dict[str, Any] = {
    # DejaVu Sans comes with matplotlib, so text has the same width on every machine.
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Helvetica", "Arial"],
    "font.size": 9.5,
    "text.color": _INK,
    "axes.edgecolor": "#888888",
    "axes.labelcolor": _INK,
    "axes.labelsize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "grid.color": _GRID,
    "grid.linewidth": 0.8,
    "xtick.color": "#888888",
    "ytick.color": "#888888",
    "xtick.labelcolor": _QUIET,
    "ytick.labelcolor": _QUIET,
    "ytick.left": False,
    "lines.scale_dashes": False,
    "legend.frameon": False,
    # Keep text as text, so that it can be searched, and edited in a drawing program.
    "svg.fonttype": "none",
    "pdf.fonttype": 42,
    # Without it, the names of clip paths in an SVG file are random.
    "svg.hashsalt": "codecstudy",
}

_METADATA: dict[PlotFormat, dict[str, Any]] = {
    PlotFormat.SVG: {"Date": None, "Creator": "codecstudy"},
    PlotFormat.PDF: {"CreationDate": None, "Creator": "codecstudy", "Producer": "matplotlib"},
    PlotFormat.PNG: {"Software": None},
}
"""Omits the date, which would make two files of the same plot differ."""


def require_matplotlib() -> None:
    """Raise :class:`codecstudy.errors.MissingExtraError` if matplotlib is not installed."""
    try:
        import matplotlib  # noqa: F401
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            "plots need matplotlib, which is not installed: pip install 'codecstudy[plots]'"
        ) from error


def draw(plot: Plot, format: PlotFormat) -> bytes:
    """The bytes of a file with ``plot`` in ``format``."""
    import matplotlib.style
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    # Start from "default", so that the user's matplotlibrc does not change the plots.
    with matplotlib.style.context(["default", _STYLE]):
        layout = ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.08)
        figure = Figure(figsize=SIZE, layout=layout, dpi=_DPI)
        axes = figure.add_subplot()
        _set_axis(axes, plot.x, "x")
        _set_axis(axes, plot.y, "y")
        for k, series in enumerate(plot.series):
            _add_series(axes, series, k, plot.band_along_y)
        if plot.name_points:
            axes.margins(x=0.16, y=0.12)
        _set_ticks(axes, plot)
        figure.supxlabel(plot.note, x=0.012, ha="left", fontsize=8, color=_QUIET)
        if plot.name_points:
            _name_points(figure, axes, plot.series)
        else:
            _add_legend(figure, axes)
        buffer = io.BytesIO()
        figure.savefig(buffer, format=format, metadata=_METADATA[format])
    return buffer.getvalue()


def _set_axis(axes: Axes, axis: Axis, which: Literal["x", "y"]) -> None:
    axes.set(**{f"{which}label": axis.title})
    if axis.log:
        axes.set(**{f"{which}scale": "log"})


def _add_series(axes: Axes, series: Series, index: int, band_along_y: bool) -> None:
    colour = series.style.light
    if series.band:
        at, low, high = zip(*series.band, strict=True)
        fill = axes.fill_betweenx if band_along_y else axes.fill_between
        fill(at, low, high, color=colour, alpha=0.13, linewidth=0, gid=f"band-{index}")
    if series.line:
        x, y = zip(*series.line, strict=True)
        axes.plot(x, y, color=colour, linewidth=_LINE, linestyle=_line_style(series), gid=f"line-{index}")
    if series.errors:
        (at_x, at_y), (across, up) = series.dots[0], series.errors
        axes.plot(across, (at_y, at_y), color=colour, alpha=0.5, linewidth=1.2, gid=f"interval-x-{index}")
        axes.plot((at_x, at_x), up, color=colour, alpha=0.5, linewidth=1.2, gid=f"interval-y-{index}")
    # Lines without measured points get a few markers too: not everybody can distinguish the colours.
    dots = series.dots or series.line[len(series.line) // 10 :: max(1, len(series.line) // 4)]
    if dots:
        x, y = zip(*dots, strict=True)
        axes.plot(x, y, linestyle="", clip_on=False, zorder=3, gid=f"points-{index}", **_marker(series))
    # For the legend: line and marker as one entry.
    axes.plot([], [], label=series.name, color=colour, linewidth=_LINE, linestyle=_line_style(series),
              **_marker(series))  # fmt: skip


def _line_style(series: Series) -> str | tuple[float, tuple[float, ...]]:
    dash = _DASHES[series.dash % len(_DASHES)]
    return (0, dash) if dash else "solid"


def _marker(series: Series) -> dict[str, Any]:
    colour = series.style.light
    shape, size = _MARKERS[series.style.marker]
    fill, edge = ("white", colour) if series.hollow else (colour, "white")
    return {
        "marker": shape,
        "markersize": size,
        "markerfacecolor": fill,
        "markeredgecolor": edge,
        "markeredgewidth": 1.3 if series.hollow else 0.8,
    }


def _set_ticks(axes: Axes, plot: Plot) -> None:
    from matplotlib.ticker import FixedFormatter, FixedLocator, FuncFormatter, MaxNLocator, NullLocator

    for axis, described, most in ((axes.xaxis, plot.x, 9), (axes.yaxis, plot.y, 8)):
        if described.names:
            axis.set_major_locator(FixedLocator(range(len(described.names))))
            axis.set_major_formatter(FixedFormatter(described.names))
            continue
        if described.log:
            low, high = sorted(axis.get_view_interval())
            axis.set_major_locator(FixedLocator(_log_ticks(low, high, most)))
            axis.set_minor_locator(NullLocator())
        else:
            axis.set_major_locator(MaxNLocator(most, steps=[1, 2, 2.5, 5, 10]))
        axis.set_major_formatter(FuncFormatter(_number))
        axis.set_inverted(described.reversed)


def _log_ticks(low: float, high: float, most: int) -> list[float]:
    """At most ``most`` round numbers between ``low`` and ``high``: 1, 1.5, 2, 3, 5, 7 per decade, or fewer."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks: list[float] = []
    for steps in ((1, 1.5, 2, 3, 5, 7), (1, 2, 5), (1, 3), (1,)):
        ticks = [t for e in decades for m in steps if low <= (t := float(f"{m * 10.0**e:.6g}")) <= high]
        if len(ticks) <= most:
            break
    return ticks


def _number(value: float, _position: int | None = None) -> str:
    return f"{value:.6g}".replace("-", "\N{MINUS SIGN}")


def _add_legend(figure: Figure, axes: Axes) -> None:
    handles, names = axes.get_legend_handles_labels()
    columns = _legend_columns(names)
    rows = math.ceil(len(names) / columns)
    figure.set_size_inches(SIZE[0], SIZE[1] + _LEGEND_ROW * (rows - 1))
    figure.legend(handles, names, loc="outside upper left", ncols=columns, handlelength=3.2,
                  columnspacing=1.8, borderaxespad=0.6, borderpad=0.2)  # fmt: skip


def _legend_columns(names: Sequence[str]) -> int:
    """The largest number of columns that fits the figure's width; names are filled in column by column."""
    for columns in range(len(names), 1, -1):
        rows = math.ceil(len(names) / columns)
        widest = [max(map(len, names[k : k + rows])) for k in range(0, len(names), rows)]
        if sum(_LEGEND_ENTRY + _CHARACTER * length for length in widest) <= SIZE[0] * 72:
            return len(widest)
    return 1


def _name_points(figure: Figure, axes: Axes, series: Sequence[Series]) -> None:
    """Write each point's name next to it, without covering points, intervals or other names.

    Points on the Pareto front come first. If every position is taken, the one with the least overlap is used.
    """
    figure.draw_without_rendering()
    # Freeze the layout: it must not make room for the names, which are inside the axes.
    figure.set_layout_engine("none")
    unit = figure.dpi / 72
    area = axes.get_window_extent()
    taken = [box for one in series for box in _occupied(axes, one, unit)]
    for one in sorted(series, key=lambda one: one.hollow):
        text = axes.text(*one.dots[0], one.name, fontsize=9, va="bottom", color=one.style.light)
        x, y = axes.transData.transform(one.dots[0])
        places = _places(x, y, text.get_window_extent(), unit)
        inside = [p for p in places if area.contains(*p.min) and area.contains(*p.max)] or places
        best = min(inside, key=lambda place: sum(_overlap(place, other) for other in taken))
        taken.append(best)
        left, bottom = axes.transData.inverted().transform(best.min)
        text.set_position((left, bottom))


def _occupied(axes: Axes, one: Series, unit: float) -> list[Bbox]:
    """Bounding boxes of a point and of its intervals, in pixels."""
    from matplotlib.transforms import Bbox

    x, y = axes.transData.transform(one.dots[0])
    boxes = [Bbox.from_extents(x - 5 * unit, y - 5 * unit, x + 5 * unit, y + 5 * unit)]
    if one.errors:
        (left, right), (low, high) = one.errors
        (left, low), (right, high) = axes.transData.transform([(left, low), (right, high)])
        boxes.append(Bbox.from_extents(left, y - unit, right, y + unit))
        boxes.append(Bbox.from_extents(x - unit, low, x + unit, high))
    return boxes


def _places(x: float, y: float, text: Bbox, unit: float) -> list[Bbox]:
    """Possible positions for the name of the point at (x, y), best first."""
    from matplotlib.transforms import Bbox

    width, height = text.width, text.height
    places = []
    for gap in (6 * unit, 12 * unit, 20 * unit, 32 * unit):
        right, left, middle = x + gap, x - gap - width, x - width / 2
        above, below, level = y + gap / 2, y - gap / 2 - height, y - height / 2
        corners = [
            (right, above), (right, below), (left, above), (left, below),
            (middle, y + gap), (middle, y - gap - height), (right, level), (left, level),
        ]  # fmt: skip
        places += [Bbox.from_bounds(*corner, width, height) for corner in corners]
    return places


def _overlap(a: Bbox, b: Bbox) -> float:
    """The area of the intersection of two boxes."""
    width = float(min(a.x1, b.x1) - max(a.x0, b.x0))
    height = float(min(a.y1, b.y1) - max(a.y0, b.y0))
    return max(0.0, width) * max(0.0, height)
