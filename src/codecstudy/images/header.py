"""What the beginning of an image file states, for estimates before anything is decoded."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from importlib.metadata import version as installed
from pathlib import Path

from codecstudy.files import open_regular
from codecstudy.images.formats import HEAD_BYTES, recognise
from codecstudy.images.memory import Header

_CONVERSION = 1
"""Incremented whenever the same file yields different pixels than before."""


def read_header(path: Path) -> Header | None:
    """Size and kind of an image, and the memory that decoding it takes, without decoding.

    None if the file does not state its size; loading it then says why.
    """
    try:
        with open_regular(path) as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            format = recognise(file.read(HEAD_BYTES))
            file.seek(0)
            return format.header(file)
    except Exception:
        # Decoders raise all kinds of exceptions on damaged files; the size is then unknown.
        return None


def dimensions(path: Path) -> tuple[int, int] | None:
    """Width and height in pixels as stored (the orientation is not applied), without decoding.

    None if the file does not state them; loading it then says why.
    """
    header = read_header(path)
    return None if header is None else (header.width, header.height)


def make_reader(config: None) -> Callable[[Sequence[Path]], list[Header | None]]:
    """:func:`read_header` of many files, in the form in which a worker process runs it."""
    return lambda paths: [read_header(path) for path in paths]


def version() -> str:
    """What pixels depend on besides the file; part of a measurement's identity."""
    return f"conversion {_CONVERSION}, Pillow {installed('pillow')}, imagecodecs {installed('imagecodecs')}"
