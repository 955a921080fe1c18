"""Any image file to one canonical array: 8-bit sRGB, with a note on every conversion."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from codecstudy.errors import ImageError
from codecstudy.files import open_regular, sha256_of
from codecstudy.images import readers
from codecstudy.images.formats import HEAD_BYTES, SUFFIXES, recognise
from codecstudy.images.geometry import fitted_size, resize
from codecstudy.images.header import dimensions, version
from codecstudy.images.raster import to_canonical
from codecstudy.images.readers import MAX_PIXELS
from codecstudy.types import Pixels

__all__ = [
    "MAX_PIXELS",
    "SUFFIXES",
    "Source",
    "content_hash",
    "dimensions",
    "fitted_size",
    "load",
    "resize",
    "version",
]


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """An image file as every codec and metric sees it."""

    pixels: Pixels
    """uint8, height x width x 3, sRGB, C-contiguous."""
    format: str
    """The file's format by its content: ``PNG``."""
    notes: tuple[str, ...] = ()
    """The conversions applied: ``alpha flattened on white``, ``16 bit rounded to 8``."""


def load(path: Path, max_pixels: int = MAX_PIXELS) -> Source:
    """Read an image file as canonical pixels.

    The format is recognised by the file's content, not by its name. ICC profiles and colours given by code
    points or chromaticities are converted to sRGB, 16-bit samples are rounded, the EXIF orientation is applied,
    grey, palette and CMYK are expanded, and alpha is flattened on white. Of several frames the first is taken.
    Decoder warnings become notes.

    The size of the file is checked before it is read, and the size in its header before it is decoded.

    Args:
        path: The file.
        max_pixels: Larger images are refused.

    Raises:
        ImageError: The file is not an image, is damaged or has more than ``max_pixels`` pixels. The message
            names the file and the reason.
    """
    with _explained(path) as caught:
        with open_regular(path) as file:
            format = recognise(file.read(HEAD_BYTES))
            readers.check_bytes(os.fstat(file.fileno()).st_size, max_pixels)
            file.seek(0)
            data = file.read()
        pixels, notes = to_canonical(format.read(data, max_pixels))
    warned = dict.fromkeys(f"decoder warned: {_reason(warning.message)}" for warning in caught)
    return Source(pixels, format.name, (*notes, *warned))


@contextmanager
def _explained(path: Path) -> Iterator[list[warnings.WarningMessage]]:
    """Turn every exception raised while reading ``path`` into :class:`ImageError`, and collect warnings."""
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            # Sizes are checked against the caller's limit instead of Pillow's.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            yield caught
    except ImageError as error:
        raise ImageError(f"{path}: {error}") from error
    except MemoryError as error:
        raise ImageError(f"{path}: does not fit into memory when decoded") from error
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise ImageError(f"{path}: cannot be read: {error.strerror}") from error
        # Decoders raise all kinds of exceptions on damaged data; they all mean the same.
        raise ImageError(f"{path}: cannot be decoded, it is damaged or unusual: {_reason(error)}") from error


def _reason(error: Exception | Warning | str) -> str:
    text = " ".join(str(error).split())
    return text[:200] or type(error).__name__


def content_hash(path: Path) -> str:
    """SHA-256 of the file's bytes, in hexadecimal: the identity of a source."""
    return sha256_of(path)
