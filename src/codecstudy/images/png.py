"""The chunks of a PNG file: whether they are intact, and how colours are encoded."""

from __future__ import annotations

import logging
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from codecstudy.errors import ImageError
from codecstudy.images import colour
from codecstudy.images.colour import Encoding

_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
"""Valid bit depths of each colour type."""

_SRGB_GAMMA = 0.45455


@dataclass(frozen=True, slots=True)
class PngFacts:
    """Facts from the header and from chunk cICP, which Pillow does not report."""

    width: int
    height: int
    bits: int
    palette: bool = False
    cicp: bytes | None = None


def facts(data: bytes) -> PngFacts:
    """Read the header and check the chunks.

    Raises:
        ImageError: A chunk that affects the pixels is cut off, damaged or missing. Decoders overlook some of
            these errors and return wrong pixels.
    """
    header, cicp, image_data = b"", None, False
    for kind, content, start in _chunks(data):
        critical = kind[:1].isupper()
        if critical and zlib.crc32(content, zlib.crc32(kind)) != _u32(data, start + 8 + len(content)):
            raise ImageError(
                f"is a damaged PNG: the checksum of chunk {_name(kind)} at byte {start} is wrong"
            )
        if kind == b"IHDR" and not header:
            header = bytes(content)
        elif kind == b"cICP" and len(content) == 4:
            cicp = bytes(content)
        image_data |= kind == b"IDAT"
    if len(header) < 13:
        raise ImageError("is a damaged PNG: it has no header (chunk IHDR)")
    if not image_data:
        raise ImageError("is a damaged PNG: it has no image data (chunk IDAT)")
    bits, colour_type = header[8], header[9]
    if bits not in _DEPTHS.get(colour_type, ()):
        raise ImageError(f"is a damaged PNG: colour type {colour_type} with {bits} bits does not exist")
    return PngFacts(_u32(header, 0), _u32(header, 4), bits, colour_type == 3, cicp)


def _chunks(data: bytes) -> Iterator[tuple[bytes, memoryview, int]]:
    """Type, content and start of each chunk up to IEND; :class:`ImageError` if one does not fit."""
    view, position = memoryview(data), 8
    while position < len(data):
        length, kind = _u32(data, position), data[position + 4 : position + 8]
        end = position + 12 + length
        if end > len(data):
            raise ImageError(f"is truncated: it ends after {len(data)} bytes and needs at least {end}")
        yield kind, view[position + 8 : end - 4], position
        if kind == b"IEND":
            return
        position = end


def _u32(data: bytes, position: int) -> int:
    return int.from_bytes(data[position : position + 4], "big")


def _name(kind: bytes) -> str:
    return kind.decode("ascii", "backslashreplace")


def encoding(png: PngFacts, info: dict[Any, Any]) -> tuple[Encoding | None, str | None]:
    """Colour by the chunks cICP, sRGB, gAMA and cHRM, in the order of precedence of PNG's third edition.

    A gAMA of 1/2.2, which encoders write along with sRGB, is taken as the sRGB curve. As in browsers, cHRM is
    used only together with gAMA.

    Args:
        png: Facts of the file.
        info: Pillow's ``info`` of the image.

    Returns:
        The encoding (None: sRGB), and a note if it had to be guessed.
    """
    if png.cicp is not None:
        found, note = colour.from_cicp(png.cicp[0], png.cicp[1])
        if png.cicp[3] == 0:
            narrow = "marked as narrow range (cICP); its samples were taken as full range"
            note = f"{note}; {narrow}" if note else narrow
        return found, note
    coded = info.get("gamma")
    if "srgb" in info or not coded:
        return None, None
    white, primaries = colour.SRGB_WHITE, colour.SRGB_PRIMARIES
    chromaticity = tuple(info.get("chromaticity") or ())
    if len(chromaticity) == 8 and min(chromaticity[1::2]) > 0:
        white, primaries = (chromaticity[0], chromaticity[1]), chromaticity[2:]
    like_srgb = abs(coded - _SRGB_GAMMA) < 0.01 * _SRGB_GAMMA
    return Encoding(f"PNG gAMA {coded:g}", primaries, white, None if like_srgb else 1 / coded), None


@contextmanager
def libpng_warnings() -> Iterator[None]:
    """Turn what imagecodecs logs for libpng into Python warnings, which :func:`load` turns into notes.

    Two kinds are left out: a false alarm about every interlaced file, and remarks on ICC profiles, which are
    checked elsewhere.
    """
    logger = logging.getLogger("imagecodecs")
    logger.addFilter(_warn)
    try:
        yield
    finally:
        logger.removeFilter(_warn)


def _warn(record: logging.LogRecord) -> bool:
    message = record.getMessage()
    if "Interlace handling" not in message and "iCCP" not in message:
        warnings.warn(message, stacklevel=2)
    return False
