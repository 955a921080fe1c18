"""How the plots show each encoder: its colour and its marker."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from codecstudy.types import MARKERS, EncoderFacts


@dataclass(frozen=True, slots=True)
class Style:
    """Colours as CSS hexadecimal, for light and dark backgrounds, and the shape of points."""

    name: str
    """Of the CSS class: ``f-`` and this."""
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
"""Of encoders without a colour of their own, in turn."""

_FREE_MARKERS = MARKERS[4:]


def styles(encoders: Iterable[EncoderFacts]) -> dict[str, Style]:
    """The style of each encoder, by id. What is not a colour or a marker (results may come from anywhere) is not
    used.
    """
    found: dict[str, Style] = {}
    free = 0
    for facts in encoders:
        colour, marker = facts.colour, facts.marker
        if colour is None or len(colour) != 2 or not all(re.fullmatch("#[0-9a-fA-F]{6}", c) for c in colour):
            colour, free = FREE_COLOURS[free % len(FREE_COLOURS)], free + 1
        if marker not in MARKERS:
            marker = _FREE_MARKERS[len(found) % len(_FREE_MARKERS)]
        # An id from a file may hold any characters, and this becomes part of a style sheet.
        name = facts.id if re.fullmatch("[a-z0-9][a-z0-9_-]*", facts.id) else f"other-{len(found)}"
        found[facts.id] = Style(name, *colour, marker)
    return found
