"""The colour and the marker of each encoder in plots."""

from __future__ import annotations

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


FREE_COLOURS = (
    ("#00796b", "#35b8a3"),
    ("#6a3fb5", "#a98bf0"),
    ("#7a5c2e", "#c2a274"),
    ("#55682b", "#a3bd62"),
)
"""Colours (light, dark) for encoders that define none, used in turn."""

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
    channels = (int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5))
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


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

    Ignores invalid colours and markers, which results files may contain, and changes colours in which text could
    not be read on one of the :data:`BACKGROUNDS`.
    """
    found: dict[str, Style] = {}
    free = 0
    for facts in encoders:
        colour, marker = facts.colour, facts.marker
        if colour is None or len(colour) != 2 or not all(re.fullmatch("#[0-9a-fA-F]{6}", c) for c in colour):
            colour, free = FREE_COLOURS[free % len(FREE_COLOURS)], free + 1
        if marker not in MARKERS:
            marker = _FREE_MARKERS[len(found) % len(_FREE_MARKERS)]
        # An id from a file may contain any characters, and the name becomes part of a style sheet.
        name = facts.id if re.fullmatch("[a-z0-9][a-z0-9_-]*", facts.id) else f"other-{len(found)}"
        light, dark = (_readable(c, paper) for c, paper in zip(colour, BACKGROUNDS, strict=True))
        found[facts.id] = Style(name, light, dark, marker)
    return found
