"""The colour and the marker of each encoder in plots.

Encoders of one format have its marker and shades of its colour. Their lines differ in dash patterns, too.
"""

from __future__ import annotations

import functools
import itertools
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass

from codecstudy.types import MARKERS, EncoderFacts


@dataclass(frozen=True, slots=True)
class Style:
    """Colours as CSS hexadecimal, for light and dark backgrounds, and the shape of points."""

    name: str
    """Name of the CSS class, without its prefix ``f-``."""
    light: str
    dark: str
    marker: str
    """One of :data:`codecstudy.types.MARKERS`."""


Pair = tuple[str, str]
"""A colour on light and on dark background."""

FREE_COLOURS: tuple[Pair, ...] = (
    ("#00796b", "#35b8a3"),
    ("#6a3fb5", "#a98bf0"),
    ("#7a5c2e", "#c2a274"),
    ("#55682b", "#a3bd62"),
)
"""Colours for formats whose encoders define none, used in turn."""

BACKGROUNDS = ("#f3f3ef", "#262a31")
"""What names in these colours may stand on in the report: the darkest light and the lightest dark background."""
CONTRAST = 4.5
"""Least contrast of text with its background (WCAG 2.1, success criterion 1.4.3)."""

_FREE_MARKERS = MARKERS[4:]


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours, from 1 to 21, as WCAG 2.1 defines it."""
    a, b = sorted((_luminance(one), _luminance(other)))
    return (b + 0.05) / (a + 0.05)


def _luminance(colour: str) -> float:
    return _dot((0.2126, 0.7152, 0.0722), _linear(colour))


def _linear(colour: str) -> tuple[float, float, float]:
    """Linear sRGB, 0 to 1."""
    r, g, b = (int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5))
    return _decoded(r), _decoded(g), _decoded(b)


def _decoded(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else float(((channel + 0.055) / 1.055) ** 2.4)


def _readable(colour: str, background: str) -> str:
    """``colour``, darker or lighter where text in it could not be read on ``background``."""
    towards = 0 if _luminance(background) > 0.5 else 255
    channels = [int(colour[k : k + 2], 16) for k in (1, 3, 5)]
    for step in range(21):
        mixed = (round(c + (towards - c) * step / 20) for c in channels)
        found = "#" + "".join(f"{c:02x}" for c in mixed)
        if contrast(found, background) >= CONTRAST:
            break
    return found


def styles(encoders: Iterable[EncoderFacts]) -> dict[str, Style]:
    """The style of each encoder, by id.

    An encoder without a colour, or with that of another encoder of its format, gets a shade of the colour of its
    format: that of the format's default encoder, or of the first encoder of the format that has one. Shades are
    chosen in the given order, each as different as possible from all colours chosen before.

    Ignores invalid colours and markers, which results files may contain, and changes colours in which text could
    not be read on one of the :data:`BACKGROUNDS`.
    """
    every = sorted(encoders, key=lambda facts: facts.id != facts.format)
    colours: dict[str, Pair] = {}
    formats: dict[str, Pair] = {}
    for facts in every:
        if (own := _own_colour(facts)) is not None and own not in colours.values():
            colours[facts.id] = own
            formats.setdefault(facts.format, own)
    markers = {facts.format: facts.marker for facts in reversed(every) if facts.marker in MARKERS}
    found: dict[str, Style] = {}
    free_colours, free_markers = itertools.cycle(FREE_COLOURS), itertools.cycle(_FREE_MARKERS)
    for facts in every:
        if facts.format not in formats:
            colours[facts.id] = formats[facts.format] = next(free_colours)
        elif facts.id not in colours:
            colours[facts.id] = _shade(formats[facts.format], list(colours.values()))
        if facts.format not in markers:
            markers[facts.format] = next(free_markers)
        # An id from a file may contain any characters, and the name becomes part of a style sheet.
        name = facts.id if re.fullmatch("[a-z0-9][a-z0-9_-]*", facts.id) else f"other-{len(found)}"
        marker = facts.marker if facts.marker in MARKERS else markers[facts.format]
        found[facts.id] = Style(name, *colours[facts.id], str(marker))
    return found


def _own_colour(facts: EncoderFacts) -> Pair | None:
    """An encoder's own colour, readable on both backgrounds; None if it has none or an invalid one."""
    given = facts.colour
    if given is None or len(given) != 2 or not all(re.fullmatch("#[0-9a-fA-F]{6}", c) for c in given):
        return None
    light, dark = (_readable(c, paper) for c, paper in zip(given, BACKGROUNDS, strict=True))
    return light, dark


# Shades, in Oklab's cylindrical coordinates: lightness 0 to 1, chroma, hue in radians.

_LIGHTNESS = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Places between the faintest readable shade (0) and the strongest one (1)."""
_STRONGEST = (0.3, 0.95)
"""Lightness of the strongest shade on the light and on the dark background."""
_HUES = tuple(math.radians(degrees) for degrees in (0, -15, 15, -30, 30))
_CHROMAS = (1.0, 0.6)
_LEAST_CHROMA = 0.05
"""Chroma of shades of a grey, among which lightness alone would distinguish only few."""


def _shade(base: Pair, taken: list[Pair]) -> Pair:
    """The readable shade of ``base`` that differs most from the colours that are taken, on both backgrounds."""
    known = [tuple(map(_oklab, pair)) for pair in taken]

    def distance(pair: Pair) -> float:
        here = tuple(map(_oklab, pair))
        return min(math.dist(here[k], other[k]) for other in known for k in (0, 1))

    # max takes the first of equals: that with the smallest change of hue and chroma.
    return max(_shades(base), key=distance)


@functools.cache
def _shades(base: Pair) -> tuple[Pair, ...]:
    found = []
    for turn, factor, place in itertools.product(_HUES, _CHROMAS, _LIGHTNESS):
        pair = []
        for colour, paper, strongest in zip(base, BACKGROUNDS, _STRONGEST, strict=True):
            _, a, b = _oklab(colour)
            chroma, hue = factor * max(math.hypot(a, b), _LEAST_CHROMA), math.atan2(b, a) + turn
            faintest = _oklab(_readable(paper, paper))[0]
            pair.append(_readable(_rgb(faintest + place * (strongest - faintest), chroma, hue), paper))
        found.append((pair[0], pair[1]))
    return tuple(found)


@functools.cache
def _oklab(colour: str) -> tuple[float, float, float]:
    """B. Ottosson, "A perceptual color space for image processing", 2020."""
    r, g, b = _linear(colour)
    cones = (
        math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b),
        math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b),
        math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b),
    )
    return (
        _dot((0.2104542553, 0.7936177850, -0.0040720468), cones),
        _dot((1.9779984951, -2.4285922050, 0.4505937099), cones),
        _dot((0.0259040371, 0.7827717662, -0.8086757660), cones),
    )


def _rgb(lightness: float, chroma: float, hue: float) -> str:
    """The colour at a place in Oklab, with as much of its chroma as sRGB has."""
    while True:
        a, b = chroma * math.cos(hue), chroma * math.sin(hue)
        cones = (
            (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3,
            (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3,
            (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3,
        )
        linear = (
            _dot((4.0767416621, -3.3077115913, 0.2309699292), cones),
            _dot((-1.2684380046, 2.6097574011, -0.3413193965), cones),
            _dot((-0.0041960863, -0.7034186147, 1.7076147010), cones),
        )
        if chroma < 1e-3 or all(-1e-4 <= c <= 1.0001 for c in linear):
            break
        chroma *= 0.9
    encoded = (12.92 * c if c <= 0.0031308 else 1.055 * c ** (1 / 2.4) - 0.055 for c in map(_clipped, linear))
    return "#" + "".join(f"{round(255 * c):02x}" for c in encoded)


def _clipped(value: float) -> float:
    return min(1.0, max(0.0, value))


def _dot(row: tuple[float, float, float], column: tuple[float, float, float]) -> float:
    return sum(x * y for x, y in zip(row, column, strict=True))
