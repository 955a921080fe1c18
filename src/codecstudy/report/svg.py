"""A small plotter: lines, bands, points and error bars on two axes, as SVG text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

Place = tuple[float, float]

WIDTH, HEIGHT = 720, 470
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 16, 18, 56
_ROW = 18
_DASHES = ("", "7 4", "2 4", "10 3 2 3", "1 3", "12 5")


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis: what it shows, and how."""

    title: str
    log: bool = False
    falling: bool = False
    """Whether values fall to the right or upwards: lower is better there."""


@dataclass(frozen=True, slots=True)
class Series:
    """One line of a plot, with its name and look."""

    name: str
    colour: str
    slot: str
    dash: int = 0
    line: Sequence[Place] = ()
    band: Sequence[Place] | None = None
    """Outline of the area around the line."""
    dots: Sequence[Place] = ()
    errors: Sequence[tuple[Sequence[float], Sequence[float]]] | None = None
    """For each dot its intervals along x and y."""
    hollow: bool = False


@dataclass(frozen=True, slots=True)
class Drawing:
    """A plot of one or more series."""

    x: Axis
    y: Axis
    series: Sequence[Series]

    def text(self) -> str:
        """The SVG file. Needs at least one place in the series."""
        legend, rows = self._legend()
        top = _TOP + rows * _ROW
        across = _Scale.of(self.x, [p[0] for p in self._places()], _LEFT, WIDTH - _RIGHT)
        up = _Scale.of(self.y, [p[1] for p in self._places()], HEIGHT - _BOTTOM, top)
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" '
            f'height="{HEIGHT}" font-family="Helvetica, Arial, sans-serif" font-size="12">',
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
            *_axes(self.x, self.y, across, up, top),
            *(_drawn(one, across, up) for one in self.series),
            *legend,
            "</svg>\n",
        ]
        return "\n".join(parts)

    def _places(self) -> list[Place]:
        found: list[Place] = []
        for one in self.series:
            found += [*one.line, *(one.band or ()), *one.dots]
            found += [(x, y) for xs, ys in one.errors or () for x, y in zip(xs, ys, strict=True)]
        return found

    def _legend(self) -> tuple[list[str], int]:
        parts: list[str] = []
        x, row = float(_LEFT), 0
        for one in self.series:
            width = 44 + 6.6 * len(one.name)
            if x + width > WIDTH - _RIGHT and x > _LEFT:
                x, row = float(_LEFT), row + 1
            y = _TOP + row * _ROW - 4
            parts.append(_path(f"M{x:.1f} {y}h26", one, fill="none"))
            parts.append(_marker(one, x + 13, y))
            parts.append(f'<text x="{x + 32:.1f}" y="{y + 4}" fill="#222">{escape(one.name)}</text>')
            x += width
        return parts, row + 1


@dataclass(frozen=True, slots=True)
class _Scale:
    log: bool
    low: float
    high: float
    start: float
    end: float

    @classmethod
    def of(cls, axis: Axis, values: Sequence[float], start: float, end: float) -> _Scale:
        shown = [math.log(v) if axis.log else v for v in values if not axis.log or v > 0]
        low, high = min(shown), max(shown)
        room = (high - low) * 0.04 or 0.5
        low, high = low - room, high + room
        if axis.falling:
            low, high = high, low
        return cls(axis.log, low, high, start, end)

    def at(self, value: float) -> float:
        place = math.log(value) if self.log else value
        return self.start + (place - self.low) / (self.high - self.low) * (self.end - self.start)

    def ticks(self, most: int) -> list[float]:
        low, high = sorted((self.low, self.high))
        return _log_ticks(math.exp(low), math.exp(high), most) if self.log else _ticks(low, high, most)


def _ticks(low: float, high: float, most: int) -> list[float]:
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= rough * 0.999)
    return [round(k * step, 12) for k in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _log_ticks(low: float, high: float, most: int) -> list[float]:
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks: list[float] = []
    for steps in ((1, 1.5, 2, 3, 5, 7), (1, 2, 5), (1, 3), (1,)):
        ticks = [t for e in decades for m in steps if low <= (t := float(f"{m * 10.0**e:.6g}")) <= high]
        if len(ticks) <= most:
            return ticks
    return ticks


def _axes(x: Axis, y: Axis, across: _Scale, up: _Scale, top: float) -> list[str]:
    bottom, right = HEIGHT - _BOTTOM, WIDTH - _RIGHT
    parts = []
    for tick in up.ticks(7):
        at = up.at(tick)
        parts.append(f'<path d="M{_LEFT} {at:.1f}H{right}" stroke="#e4e4e4"/>')
        parts.append(
            f'<text x="{_LEFT - 8}" y="{at + 4:.1f}" text-anchor="end" fill="#444">{_number(tick)}</text>'
        )
    for tick in across.ticks(9):
        at = across.at(tick)
        parts.append(f'<path d="M{at:.1f} {bottom}v5" stroke="#888"/>')
        parts.append(
            f'<text x="{at:.1f}" y="{bottom + 19}" text-anchor="middle" fill="#444">{_number(tick)}</text>'
        )
    parts.append(f'<path d="M{_LEFT} {bottom}H{right}" stroke="#888"/>')
    for place, title in (
        (f'x="{(_LEFT + right) / 2}" y="{HEIGHT - 12}"', x.title),
        (f'transform="translate(16 {(top + bottom) / 2}) rotate(-90)"', y.title),
    ):
        parts.append(f'<text {place} text-anchor="middle" fill="#111">{escape(title)}</text>')
    return parts


def _drawn(one: Series, across: _Scale, up: _Scale) -> str:
    def outline(places: Sequence[Place]) -> str:
        return "M" + "L".join(f"{across.at(x):.1f} {up.at(y):.1f}" for x, y in places)

    parts = []
    if one.band:
        parts.append(f'<path d="{outline(one.band)}z" fill="{one.colour}" fill-opacity="0.12"/>')
    if one.line:
        parts.append(_path(outline(one.line), one, fill="none"))
    for (x1, x2), (y1, y2) in one.errors or ():
        x, y = one.dots[0]
        bars = f"M{across.at(x1):.1f} {up.at(y):.1f}H{across.at(x2):.1f}"
        bars += f"M{across.at(x):.1f} {up.at(y1):.1f}V{up.at(y2):.1f}"
        parts.append(f'<path d="{bars}" stroke="{one.colour}" stroke-opacity="0.5"/>')
    parts += [_marker(one, across.at(x), up.at(y)) for x, y in one.dots]
    return "".join(parts)


def _path(d: str, one: Series, fill: str) -> str:
    dash = _DASHES[one.dash % len(_DASHES)]
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    return f'<path d="{d}" fill="{fill}" stroke="{one.colour}" stroke-width="1.8"{dashed}/>'


def _marker(one: Series, x: float, y: float) -> str:
    shape = {
        "jpeg": "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0",
        "webp": "M-3.6 -3.6h7.2v7.2h-7.2z",
        "avif": "M0 -4.8L4.6 3.4H-4.6z",
        "jxl": "M0 -5.2L5.2 0L0 5.2L-5.2 0z",
    }.get(one.slot, "M0 4.8L4.6 -3.4H-4.6z")
    fill, stroke = ("#fff", one.colour) if one.hollow else (one.colour, "#fff")
    return f'<path transform="translate({x:.1f} {y:.1f})" d="{shape}" fill="{fill}" stroke="{stroke}"/>'


def _number(value: float) -> str:
    return f"{value:.6g}".replace("-", "\N{MINUS SIGN}")
