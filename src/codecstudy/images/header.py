"""The size of an image from the beginning of its file, for estimates before anything is decoded."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from importlib.metadata import version as installed
from pathlib import Path

from codecstudy.files import open_regular
from codecstudy.images.formats import HEAD_BYTES, recognise

_CONVERSION = 1
"""Incremented whenever the same file yields different pixels than before."""


def dimensions(path: Path) -> tuple[int, int] | None:
    """Width and height in pixels as stored (the orientation is not applied), without decoding.

    None if the file does not state them; loading it then says why.
    """
    try:
        with open_regular(path) as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            format = recognise(file.read(HEAD_BYTES))
            file.seek(0)
            return format.size(file)
    except Exception:
        # Decoders raise all kinds of exceptions on damaged files; the size is then unknown.
        return None


def make_reader(config: None) -> Callable[[Sequence[Path]], list[tuple[int, int] | None]]:
    """:func:`dimensions` of many files, in the form in which a worker process runs it."""
    return lambda paths: [dimensions(path) for path in paths]


def version() -> str:
    """What pixels depend on besides the file; part of a measurement's identity."""
    return f"conversion {_CONVERSION}, Pillow {installed('pillow')}, imagecodecs {installed('imagecodecs')}"
