"""The readable image formats, one row each, and how a file's format is recognised.

The format is decided by a file's content, not by its name: the suffixes only select the files of a folder that
are worth opening.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    ImageFile,
    JpegImagePlugin,
    TiffImagePlugin,
)

from codecstudy.errors import ImageError
from codecstudy.images import boxes, jxl_header, pnm, readers, webp
from codecstudy.images.memory import DecodingMemory, Header, through_pillow
from codecstudy.images.raster import Raster

HEAD_BYTES = 4096
"""Number of bytes at the beginning of a file that suffice to recognise its format."""
_HEADER_BYTES = 1 << 20
"""Number of bytes that contain the header of any ordinary image."""


@dataclass(frozen=True, slots=True)
class ImageFormat:
    """One format of image files."""

    name: str
    """The name in notes and results: ``PNM``."""
    suffixes: tuple[str, ...]
    """File name suffixes, in lower case, of files that are worth opening."""
    magic: Callable[[bytes], bool]
    """Whether a file that begins with these bytes has this format."""
    state: Callable[[BinaryIO], Header]
    """What the header of an open file states, without ``decoding_bytes``. May raise any parser error."""
    read: Callable[[bytes, int], Raster]
    """Samples of the first image in a file's bytes, given the largest allowed number of pixels.

    Raises:
        ImageError: The image cannot be read. On damaged data, decoders may raise other exceptions.
    """
    memory: DecodingMemory
    """Most memory that ``read`` and the conversion to canonical pixels take."""
    title: str | None = None
    """The name in sentences, if it differs from ``name``."""

    def header(self, file: BinaryIO) -> Header:
        """What the header of an open file states. May raise any parser error."""
        header = self.state(file)
        size = os.fstat(file.fileno()).st_size
        return dataclasses.replace(header, decoding_bytes=self.memory.of(header, size))


def recognise(head: bytes) -> ImageFormat:
    """The format of a file that begins with ``head``.

    Raises:
        ImageError: The format is not in the table; the message says what the bytes look like.
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


def _stated_to_pillow(
    open_file: Callable[[BinaryIO], ImageFile.ImageFile],
) -> Callable[[BinaryIO], Header]:
    # The plugin itself instead of Image.open, whose pixel limit is the caller's global setting.
    def state(file: BinaryIO) -> Header:
        with open_file(file) as image:
            # A palette is expanded to colours.
            channels = 3 if image.mode == "P" else len(image.getbands())
            return Header(image.width, image.height, channels)

    return state


def _png_states(file: BinaryIO) -> Header:
    head = file.read(33)
    if head[12:16] != b"IHDR":
        raise ImageError("is a damaged PNG: it has no header (chunk IHDR)")
    width, height = int.from_bytes(head[16:20], "big"), int.from_bytes(head[20:24], "big")
    # A chunk tRNS further on may add alpha.
    channels = 2 if head[25] in (0, 4) else 4
    return Header(width, height, channels, wide=head[24] == 16)


def _tiff_states(file: BinaryIO) -> Header:
    with TiffImagePlugin.TiffImageFile(file) as image:
        samples = image.tag_v2.get(277, 1)
        channels = 3 if image.mode == "P" else max(len(image.getbands()), samples)
        return Header(image.width, image.height, channels, wide=max(image.tag_v2.get(258, (1,))) > 8)


def _pnm_states(file: BinaryIO) -> Header:
    header = pnm.read_header(file.read(HEAD_BYTES))
    return Header(header.width, header.height, header.channels, wide=header.maximum > 255)


def _avif_states(file: BinaryIO) -> Header:
    # Pillow reads the whole AVIF file to open it.
    readers.check_bytes(os.fstat(file.fileno()).st_size, readers.MAX_PIXELS)
    facts = boxes.avif_facts(file.read(_HEADER_BYTES))
    file.seek(0)
    header = _stated_to_pillow(AvifImagePlugin.AvifImageFile)(file)
    # Pillow decodes sequences, to 8 bits.
    return dataclasses.replace(header, wide=facts.bits > 8)


def _webp_states(file: BinaryIO) -> Header:
    facts = webp.facts(file.read(_HEADER_BYTES), whole=False)
    return Header(facts.width, facts.height, channels=4)


def _jxl_states(file: BinaryIO) -> Header:
    header = jxl_header.read(boxes.jxl_codestream(file.read(_HEADER_BYTES)))
    channels = (1 if header.grey else 3) + header.extra_channels
    return Header(header.width, header.height, channels, wide=header.bits > 8)


FORMATS = (
    ImageFormat(
        "PNG",
        (".png", ".apng"),
        _starts_with(b"\x89PNG\r\n\x1a\n"),
        _png_states,
        readers.read_png,
        DecodingMemory(),
    ),
    ImageFormat(
        "JPEG",
        (".jpg", ".jpeg", ".jpe", ".jfif"),
        _starts_with(b"\xff\xd8\xff"),
        _stated_to_pillow(JpegImagePlugin.JpegImageFile),
        readers.read_jpeg,
        through_pillow(),
    ),
    ImageFormat(
        "TIFF",
        (".tif", ".tiff"),
        _starts_with(b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
        _tiff_states,
        readers.read_tiff,
        through_pillow(),
    ),
    ImageFormat(
        "WebP",
        (".webp",),
        _is_webp,
        _webp_states,
        readers.read_webp,
        DecodingMemory(per_pixel=4),
    ),
    ImageFormat(
        "BMP",
        (".bmp", ".dib"),
        _starts_with(b"BM"),
        _stated_to_pillow(BmpImagePlugin.BmpImageFile),
        readers.read_bmp,
        through_pillow(),
    ),
    ImageFormat(
        "PNM",
        (".pbm", ".pgm", ".ppm", ".pnm"),
        _is_pnm,
        _pnm_states,
        readers.read_pnm,
        # A plain file is copied without its comments; samples may be scaled to the full range.
        DecodingMemory(per_sample_byte=2),
        title="PBM/PGM/PPM",
    ),
    ImageFormat(
        "AVIF",
        (".avif",),
        _is_avif,
        _avif_states,
        readers.read_avif,
        # The decoder's own frame, and Pillow's storage if the file is a sequence.
        DecodingMemory(per_pixel=4, per_sample_byte=2),
    ),
    ImageFormat(
        "JXL",
        (".jxl",),
        _starts_with(b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n"),
        _jxl_states,
        readers.read_jxl,
        # Lossless channels are decoded to 32 bits.
        DecodingMemory(per_pixel=4, per_channel=4),
        title="JPEG XL",
    ),
)
"""Every format that can be read. This is the only place to add one."""

SUFFIXES = frozenset(suffix for format in FORMATS for suffix in format.suffixes)
"""File name suffixes, in lower case, of files that are worth opening as images."""


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
"""Formats that are recognised only in order to name them in the error message."""


def _impression(data: bytes) -> str:
    for magic, kind in _FOREIGN:
        if data.startswith(magic):
            return f"is {kind}, which is not supported"
    if data[4:8] == b"ftyp":
        return f"is {_media(data)} file"
    if data[1:4].upper() == b"PNG" or data[:1] + data[4:5] == b"\x89\r":
        return "begins with a damaged PNG signature, perhaps after a transfer as text: fetch it again"
    head = data[:256].lstrip(b"\xef\xbb\xbf \t\r\n")
    if head[:14].lower() == b"<!doctype html" or head[:5].lower() == b"<html":
        return "is a web page, perhaps saved instead of the image"
    if head and all(byte >= 32 or byte in b"\t\r\n\f" for byte in head) and _decodes(data[:256]):
        return "contains text, not an image"
    return f"is not an image in a known format (it begins with the bytes {data[:8].hex(' ')})"


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
