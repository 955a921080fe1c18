"""Text of others made safe to show: file names, titles and reasons can contain any character."""

from __future__ import annotations

import unicodedata

_HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""Unicode categories: control characters, invisible format characters (some reverse the direction of the text
around them), lone surrogates, and separators of lines and paragraphs."""


def visible(text: str, keep: str = "") -> str:
    """``text`` with control and invisible characters written as escapes, except those in ``keep``.

    So a name cannot control a terminal, break a line, or change the order in which the text around it is shown.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        c.encode("unicode_escape").decode() if unicodedata.category(c) in _HIDDEN and c not in keep else c
        for c in text
    )
