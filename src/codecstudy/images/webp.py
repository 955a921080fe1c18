"""The chunks of a WebP file: size, number of frames, ICC profile and EXIF.

Pillow would allocate the whole canvas before reporting the size, and applies a size limit of its own.
Layout: RFC 9649.
"""

from __future__ import annotations

from dataclasses import dataclass

from codecstudy.errors import ImageError


@dataclass(slots=True)
class WebpFacts:
    """Facts from the container and the first bitstream header."""

    width: int = 0
    height: int = 0
    frames: int = 0
    icc: bytes | None = None
    exif: bytes | None = None


def facts(data: bytes, whole: bool = True) -> WebpFacts:
    """Read the chunks.

    Args:
        data: The file.
        whole: If false, ``data`` may be just the beginning of a file.

    Raises:
        ImageError: The file is cut off or states no size.
    """
    found = WebpFacts()
    end = 8 + int.from_bytes(data[4:8], "little")
    if whole and len(data) < end:
        raise ImageError(f"is truncated: it ends after {len(data)} of {end} bytes")
    position = 12
    while position + 8 <= min(end, len(data)):
        kind, length = (
            data[position : position + 4],
            int.from_bytes(data[position + 4 : position + 8], "little"),
        )
        content = data[position + 8 : position + 8 + length]
        if kind in (b"VP8 ", b"VP8L", b"VP8X") and not found.width:
            found.width, found.height = _size(kind, content)
        found.frames += kind in (b"VP8 ", b"VP8L", b"ANMF")
        if kind == b"ICCP":
            found.icc = content
        elif kind == b"EXIF":
            found.exif = content
        position += 8 + length + length % 2
    if not found.width or not found.height:
        raise ImageError("is a damaged WebP: it states no size")
    return found


def _size(kind: bytes, content: bytes) -> tuple[int, int]:
    if kind == b"VP8X":
        return 1 + int.from_bytes(content[4:7], "little"), 1 + int.from_bytes(content[7:10], "little")
    if kind == b"VP8L":
        bits = int.from_bytes(content[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    width, height = content[6:8], content[8:10]
    return int.from_bytes(width, "little") & 0x3FFF, int.from_bytes(height, "little") & 0x3FFF
