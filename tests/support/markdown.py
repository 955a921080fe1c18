"""The fenced blocks of Markdown pages."""

from __future__ import annotations

import re
from dataclasses import dataclass

_BLOCK = re.compile(r"^```(?P<tag>\w+)(?: title=\"(?P<title>[^\"]+)\")?\n(?P<text>.*?)^```", re.S | re.M)


@dataclass(frozen=True)
class Block:
    """One fenced block of a page."""

    tag: str
    title: str | None
    """Path of the file that it shows, or changes."""
    text: str
    before: str
    """The last line of text before it."""


def blocks(text: str) -> list[Block]:
    """The fenced blocks of a page, in order."""
    found: list[Block] = []
    end = 0
    before = ""
    for match in _BLOCK.finditer(text):
        # Of two blocks in a row, the same line introduces both.
        before = ([line for line in text[end : match.start()].splitlines() if line.strip()] or [before])[-1]
        found.append(Block(match["tag"], match["title"], match["text"], before))
        end = match.end()
    return found


def sections(text: str) -> dict[str, str]:
    """The second-level sections of a page, by heading."""
    parts = re.split(r"^## (.+)$", text, flags=re.M)
    return dict(zip(parts[1::2], parts[2::2], strict=True))
