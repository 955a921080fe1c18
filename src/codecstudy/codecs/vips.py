"""libvips through pyvips, for the encoders whose libraries are part of pyvips-binary's wheel.

pyvips is optional: it is imported when an encoder first needs it.
"""

from __future__ import annotations

import functools
import importlib.metadata
import importlib.util
import mmap
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from codecstudy.codecs.commands import python_arguments
from codecstudy.errors import CodecError
from codecstudy.types import Pixels, Scalar, ToolCommand

_FOLDERS = "pyvips_binary.libs", "pyvips_binary.dylibs"
"""Folders, next to the package, in which the wheel has libvips."""


def missing(extra: str) -> str | None:
    """What this machine lacks to use libvips, and how to install it; None if nothing.

    Args:
        extra: The extra of codecstudy that installs it.
    """
    install = f"pip install 'codecstudy[{extra}]'"
    if importlib.util.find_spec("pyvips") is None:
        return f"it needs pyvips and pyvips-binary, which are not installed: {install}"
    try:
        load()
    except Exception as error:  # pyvips without libvips fails in various ways
        return f"pyvips cannot load libvips ({' '.join(str(error).split())}): {install}"
    return None


@functools.cache
def load() -> Any:
    """The module pyvips, with one thread and without its cache of operations.

    The number of threads is set in the library, since an environment variable would reach child processes, too.
    """
    import pyvips

    pyvips.concurrency_set(1)
    pyvips.cache_set_max(0)
    return pyvips


def text_in_library(pattern: bytes) -> str | None:
    """The first text in the wheel's libvips that matches ``pattern``; None if there is none.

    libvips states its own version but not those of the libraries in it; they are only found in their messages.
    """
    for folder in _FOLDERS:
        for path in sorted(Path(load().__file__).parent.parent.joinpath(folder).glob("libvips*")):
            with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                if match := re.search(pattern, content):
                    return match.group().decode("ascii", "replace")
    return None


def version() -> str:
    """``libvips 8.18.7``, and the wheel's version where it is another."""
    numbers = ".".join(str(load().version(part)) for part in range(3))
    try:
        wheel = importlib.metadata.version("pyvips-binary")
    except importlib.metadata.PackageNotFoundError:
        return f"libvips {numbers}"
    return f"libvips {numbers}" if wheel == numbers else f"libvips {numbers}, pyvips-binary {wheel}"


def save(pixels: Pixels, saver: str, title: str, **options: Scalar) -> bytes:
    """Encode an image in memory with one of libvips's savers, without metadata.

    Args:
        pixels: uint8, height x width x 3.
        saver: Name of the saver: ``jpegsave_buffer``.
        title: Name of the format for messages.
        **options: Options of the saver.

    Raises:
        CodecError: The library refuses; the message contains ``title`` and the image's size.
        ValueError: ``pixels`` has another dtype or shape.
    """
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
        raise ValueError(
            f"a codec takes uint8 pixels of shape (height, width, 3), not {pixels.dtype} {pixels.shape}"
        )
    pyvips = load()
    height, width = pixels.shape[:2]
    flat = np.ascontiguousarray(pixels)
    try:
        image = pyvips.Image.new_from_memory(flat.data, width, height, 3, "uchar")
        image = image.copy(interpretation="srgb")
        return bytes(getattr(image, saver)(keep="none", **options))
    except pyvips.Error as error:
        reason = " ".join(str(error).split())
        raise CodecError(f"{title} could not encode {width}x{height} pixels: {reason}") from error


def command(saver: str, extension: str, options: Mapping[str, Scalar]) -> ToolCommand:
    """A command that saves with pyvips."""
    arguments = python_arguments({**options, "keep": "none"})
    return ToolCommand(
        "pyvips", f'pyvips.Image.new_from_file("input.png").{saver}("output{extension}"{arguments})', "Python"
    )
