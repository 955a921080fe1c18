"""How the report shows each image format: its name, its colour, and which browsers display it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Colour:
    """One colour, as CSS hexadecimal, for light and dark backgrounds."""

    light: str
    dark: str


@dataclass(frozen=True, slots=True)
class FormatFacts:
    """How a format appears in the report."""

    title: str
    """As people write it."""
    style: str
    """Name of its colour and marker: ``jpeg``, ..., or ``other1`` and so on for a format that is not known here."""
    mime: str | None
    """What browsers call its files; None where they do not show them, or where that is not known."""
    browsers: str
    """Which browsers show its files."""
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
"""The colours of the four common formats can be told apart with any colour vision; tests check that. JPEG, which
the others are compared with, has the colour of text. Markers and dash patterns distinguish series as well."""

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
