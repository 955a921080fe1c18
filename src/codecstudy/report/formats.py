"""What the report says and shows of each image format: its name, its colour, where it can be seen."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Colour:
    """One accent, as CSS hexadecimal, for paper and for the dark."""

    light: str
    dark: str


@dataclass(frozen=True, slots=True)
class FormatFacts:
    """How a format appears in the report."""

    title: str
    """As people write it."""
    style: str
    """Name of its colour and marker: ``jpeg``, ..., or ``other1`` and so on for an encoder of your own."""
    mime: str | None
    """What browsers call its files; None where they don't show them, or it is not known that they do."""
    browsers: str
    """Where files of it can be seen."""
    everywhere: bool
    """Whether all current browsers show it."""


COLOURS = {
    "jpeg": Colour("#33383f", "#d7dce3"),
    "webp": Colour("#b86e00", "#f0b95c"),
    "avif": Colour("#0b69c7", "#5b9dfa"),
    "jxl": Colour("#c2255c", "#ec5b93"),
    "other1": Colour("#00796b", "#35b8a3"),
    "other2": Colour("#6a3fb5", "#a98bf0"),
    "other3": Colour("#7a5c2e", "#c2a274"),
    "other4": Colour("#55682b", "#a3bd62"),
}
"""The four common formats stay apart for the colour-blind, too: tests hold that. JPEG, which the others are
compared with, has the colour of ink. Markers and dashes tell series apart without any colour."""

_KNOWN = {
    "jpeg": FormatFacts("JPEG", "jpeg", "image/jpeg", "every browser", True),
    "webp": FormatFacts("WebP", "webp", "image/webp", "all current browsers", True),
    "avif": FormatFacts("AVIF", "avif", "image/avif", "all current browsers", True),
    "jxl": FormatFacts("JPEG XL", "jxl", None, "not all browsers", False),
}


def facts(formats: list[str]) -> dict[str, FormatFacts]:
    """Facts on each of ``formats``; unknown ones keep their name and share four colours in turn."""
    found: dict[str, FormatFacts] = {}
    others = 0
    for name in formats:
        if name in _KNOWN:
            found[name] = _KNOWN[name]
        elif name not in found:
            found[name] = FormatFacts(name, f"other{others % 4 + 1}", None, "not known", False)
            others += 1
    return found
