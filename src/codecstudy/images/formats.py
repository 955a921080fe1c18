"""The image formats that can be read, one row each, and how the format of a file is recognised.

The content of a file decides, not its name: the suffixes only say which files of a folder to look at.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    TiffImagePlugin,
)

from codecstudy.errors import ImageError
from codecstudy.images import boxes, jxl_header, readers, webp
from codecstudy.images.raster import Raster

HEAD_BYTES = 4096
"""Bytes from the beginning of a file that are enough to recognise its format."""
_HEADER_BYTES = 1 << 20
"""Bytes that contain the header of any image that is not made to be unusual."""


@dataclass(frozen=True, slots=True)
class ImageFormat:
    """One format of image files."""

    name: str
    """As notes and results name it: ``PNM``."""
    suffixes: tuple[str, ...]
    """Ends of names, in small letters, of files that are worth opening."""
    magic: Callable[[bytes], bool]
    """Whether a file that begins with these bytes has this format."""
    size: Callable[[BinaryIO], tuple[int, int]]
    """Width and height in pixels as stored, from the header of an open file. Raises whatever its parser does."""
    read: Callable[[bytes, int], Raster]
    """Samples of the first image in a file's bytes, unless it has more pixels than allowed.

    Raises :class:`ImageError`, or whatever a decoder raises on damaged data.
    """
    title: str | None = None
    """As people name it, where that is not the name."""


def recognise(head: bytes) -> ImageFormat:
    """The format of a file that begins with ``head``.

    Raises:
        ImageError: No format in the table; says what the bytes look like instead.
    """
    if not head:
        raise ImageError("is empty (0 bytes); fetch or export it again")
    found = next((format for format in FORMATS if format.magic(head)), None)
    if found is None:
        raise ImageError(f"{_impression(head)}; codecstudy reads {_titles()}")
    return found


def _titles() -> str:
    *most, last = (format.title or format.name for format in FORMATS)
    return f"{', '.join(most)} and {last}"


def _starts_with(*beginnings: bytes) -> Callable[[bytes], bool]:
    return lambda head: head.startswith(beginnings)


def _is_pnm(head: bytes) -> bool:
    return head[:1] == b"P" and head[1:2] in b"123456" and (head[2:3].isspace() or head[2:3] == b"#")


def _is_webp(head: bytes) -> bool:
    return head[:4] == b"RIFF" and head[8:12] == b"WEBP"


def _is_avif(head: bytes) -> bool:
    brands = head[8 : int.from_bytes(head[:4], "big")]
    return head[4:8] == b"ftyp" and (b"avif" in brands or b"avis" in brands)


def _pillow_size(
    open_file: Callable[[BinaryIO], ImageFile.ImageFile],
) -> Callable[[BinaryIO], tuple[int, int]]:
    # The plug-in itself, not Image.open: its limit on pixels is the caller's global setting.
    def size(file: BinaryIO) -> tuple[int, int]:
        with open_file(file) as image:
            return image.width, image.height

    return size


def _avif_size(file: BinaryIO) -> tuple[int, int]:
    # Pillow reads all of an AVIF file to open it.
    readers.check_bytes(os.fstat(file.fileno()).st_size, readers.MAX_PIXELS)
    return _pillow_size(AvifImagePlugin.AvifImageFile)(file)


def _webp_size(file: BinaryIO) -> tuple[int, int]:
    facts = webp.facts(file.read(_HEADER_BYTES), whole=False)
    return facts.width, facts.height


def _jxl_size(file: BinaryIO) -> tuple[int, int]:
    header = jxl_header.read(boxes.jxl_codestream(file.read(_HEADER_BYTES)))
    return header.width, header.height


FORMATS = (
    ImageFormat(
        "PNG",
        (".png", ".apng"),
        _starts_with(b"\x89PNG\r\n\x1a\n"),
        _pillow_size(PngImagePlugin.PngImageFile),
        readers.read_png,
    ),
    ImageFormat(
        "JPEG",
        (".jpg", ".jpeg", ".jpe", ".jfif"),
        _starts_with(b"\xff\xd8\xff"),
        _pillow_size(JpegImagePlugin.JpegImageFile),
        readers.read_jpeg,
    ),
    ImageFormat(
        "TIFF",
        (".tif", ".tiff"),
        _starts_with(b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
        _pillow_size(TiffImagePlugin.TiffImageFile),
        readers.read_tiff,
    ),
    ImageFormat("WebP", (".webp",), _is_webp, _webp_size, readers.read_webp),
    ImageFormat(
        "BMP",
        (".bmp", ".dib"),
        _starts_with(b"BM"),
        _pillow_size(BmpImagePlugin.BmpImageFile),
        readers.read_bmp,
    ),
    ImageFormat(
        "PNM",
        (".pbm", ".pgm", ".ppm", ".pnm"),
        _is_pnm,
        _pillow_size(PpmImagePlugin.PpmImageFile),
        readers.read_pnm,
        title="PBM/PGM/PPM",
    ),
    ImageFormat("AVIF", (".avif",), _is_avif, _avif_size, readers.read_avif),
    ImageFormat(
        "JXL",
        (".jxl",),
        _starts_with(b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n"),
        _jxl_size,
        readers.read_jxl,
        title="JPEG XL",
    ),
)
"""Every format that can be read. A format is added here, and nowhere else."""

SUFFIXES = frozenset(suffix for format in FORMATS for suffix in format.suffixes)
"""Ends of names, in small letters, of files that are worth opening as images."""


_FOREIGN = (
    (b"GIF8", "a GIF image"),
    (b"8BPS", "a Photoshop document"),
    (b"%PDF", "a PDF document"),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000 image"),
    (b"\xff\x4f\xff\x51", "a JPEG 2000 image"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip file"),
    (b"\x76\x2f\x31\x01", "an OpenEXR image"),
)
"""Formats that are recognised in order to say that they cannot be read."""


def _impression(data: bytes) -> str:
    for magic, kind in _FOREIGN:
        if data.startswith(magic):
            return f"is {kind}, which is not supported"
    if data[4:8] == b"ftyp":
        return f"is {_media(data)} file"
    if data[1:4].upper() == b"PNG" or data[:1] + data[4:5] == b"\x89\r":
        return "begins with a damaged PNG signature, perhaps by a transfer as text: fetch it again"
    head = data[:256].lstrip(b"\xef\xbb\xbf \t\r\n")
    if head[:14].lower() == b"<!doctype html" or head[:5].lower() == b"<html":
        return "is a web page, perhaps saved in place of the image"
    if head and all(byte >= 32 or byte in b"\t\r\n\f" for byte in head) and _decodes(data[:256]):
        return "holds text, not an image"
    return f"is no image in a known format (it begins with the bytes {data[:8].hex(' ')})"


def _decodes(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start >= len(data) - 3
    return True


def _media(data: bytes) -> str:
    brands = data[8 : int.from_bytes(data[:4], "big")]
    heic = any(brand in brands for brand in (b"heic", b"heix", b"mif1"))
    return "a HEIC image" if heic else "a video or other media"
