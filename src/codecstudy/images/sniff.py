"""Which format a file is, by its first bytes: names of files lie."""

from __future__ import annotations

from codecstudy.errors import ImageError

LENGTH = 4096
"""Bytes from the beginning of a file that are enough to tell its format."""

KNOWN = "PNG, JPEG, TIFF, WebP, BMP, PBM/PGM/PPM, AVIF and JPEG XL"

_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
    (b"BM", "BMP"),
    (b"\xff\x0a", "JXL"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "JXL"),
)

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


def sniff(data: bytes) -> str:
    """The format, as people name it; :class:`ImageError` that says what else the bytes look like."""
    if not data:
        raise ImageError("is empty (0 bytes); fetch or export it again")
    for magic, name in _MAGIC:
        if data.startswith(magic):
            return name
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WebP"
    if data[:1] == b"P" and data[1:2] in b"123456" and (data[2:3].isspace() or data[2:3] == b"#"):
        return "PNM"
    if data[4:8] == b"ftyp":
        return _of_brands(data)
    raise ImageError(f"{_impression(data)}; codecstudy reads {KNOWN}")


def _of_brands(data: bytes) -> str:
    brands = data[8 : int.from_bytes(data[:4], "big")]
    if b"avif" in brands or b"avis" in brands:
        return "AVIF"
    kind = (
        "a HEIC image" if any(b in brands for b in (b"heic", b"heix", b"mif1")) else "a video or other media"
    )
    raise ImageError(f"is {kind} file; convert it to one of {KNOWN}")


def _impression(data: bytes) -> str:
    for magic, kind in _FOREIGN:
        if data.startswith(magic):
            return f"is {kind}, which is not supported"
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
