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

_FREE_MARKERS = MARKERS[4:]


def styles(encoders: Iterable[EncoderFacts]) -> dict[str, Style]:
    """The style of each encoder, by id. Ignores invalid colours and markers, which results files may contain."""
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
        found[facts.id] = Style(name, *colour, marker)
    return found
