"""Any image file to one canonical array: 8-bit sRGB, with a note on every conversion."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from PIL import Image

from codecstudy.errors import ImageError, ImageMemoryError
from codecstudy.files import open_regular, sha256_of
from codecstudy.images import readers
from codecstudy.images.formats import HEAD_BYTES, SUFFIXES, ImageFormat, recognise
from codecstudy.images.geometry import fitted_size, resize
from codecstudy.images.header import dimensions, read_header, version
from codecstudy.images.memory import Header
from codecstudy.images.raster import to_canonical
from codecstudy.images.readers import MAX_PIXELS
from codecstudy.types import Pixels

__all__ = [
    "MAX_PIXELS",
    "SUFFIXES",
    "Header",
    "Source",
    "content_hash",
    "decode",
    "dimensions",
    "fitted_size",
    "load",
    "read_header",
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

    The size of the file, and the memory that decoding it takes by its header, are checked before it is read.

    Args:
        path: The file.
        max_pixels: Larger images are refused.

    Raises:
        ImageError: The file is not an image, is damaged or has more than ``max_pixels`` pixels. The message
            names the file and the reason.
        ImageMemoryError: Reading it would take more memory than this process may use.
    """
    with _explained(path) as caught:
        with open_regular(path) as file:
            format = recognise(file.read(HEAD_BYTES))
            readers.check_bytes(os.fstat(file.fileno()).st_size, max_pixels)
            _check_header(format, file, max_pixels)
            file.seek(0)
            data = file.read()
        pixels, notes = to_canonical(format.read(data, max_pixels))
    warned = dict.fromkeys(f"decoder warned: {_reason(warning.message)}" for warning in caught)
    return Source(pixels, format.name, (*notes, *warned))


def decode(data: bytes, name: str, max_pixels: int = MAX_PIXELS) -> Pixels:
    """Canonical pixels of an image file in memory, as :func:`load` reads them.

    Args:
        data: Content of the file.
        name: What messages call it.
        max_pixels: Larger images are refused.

    Raises:
        ImageError: As :func:`load`.
    """
    with _explained(Path(name)):
        return to_canonical(recognise(data[:HEAD_BYTES]).read(data, max_pixels))[0]


def _check_header(format: ImageFormat, file: BinaryIO, max_pixels: int) -> None:
    """Raise :class:`ImageMemoryError` if decoding the image that the header describes takes too much memory."""
    file.seek(0)
    try:
        header = format.header(file)
    except Exception:
        return  # the reader itself says what is wrong
    # What has too many pixels, the reader refuses for that.
    if header.pixels <= max_pixels:
        readers.check_memory(header.decoding_bytes, f"to decode {header.width}x{header.height} pixels")


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
        raise type(error)(f"{path}: {error}") from error
    except MemoryError as error:
        raise ImageMemoryError(f"{path}: does not fit into memory when decoded") from error
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
