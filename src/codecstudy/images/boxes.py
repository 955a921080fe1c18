"""ISO base media boxes, as far as they describe the samples of AVIF and JPEG XL files.

Pillow reports neither the bit depth nor the colour code points of an AVIF file. Both are in properties of the
``meta`` box (ISO/IEC 23008-12), and in the sample descriptions of an image sequence's tracks (ISO/IEC 14496-12;
AV1-ISOBMFF section 2.3).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


def boxes(data: bytes, start: int = 0, end: int | None = None) -> Iterator[tuple[bytes, int, int]]:
    """Type, start and end of the content of each box; stops at the first one that does not fit."""
    end = len(data) if end is None else end
    while start + 8 <= end:
        size, header = int.from_bytes(data[start : start + 4], "big"), 8
        kind = data[start + 4 : start + 8]
        if size == 1:
            size, header = int.from_bytes(data[start + 8 : start + 16], "big"), 16
        stop = end if size == 0 else start + size
        if stop < start + header or stop > end:
            return
        yield kind, start + header, stop
        start = stop


@dataclass(frozen=True, slots=True)
class AvifFacts:
    """What an AVIF file states about its samples."""

    bits: int = 8
    """Bits per sample of the deepest item; alpha or a gain map may have fewer."""
    cicp: tuple[int, int] | None = None
    """Colour primaries and transfer characteristics from the first ``colr`` box of type ``nclx``."""
    sequence: bool = False
    """Whether the file has tracks (a ``moov`` box), in which case it may contain more than one frame."""


def avif_facts(data: bytes) -> AvifFacts:
    """Bit depth and colour code points of an AVIF file, and whether it is an image sequence."""
    bits, cicp = 8, None
    for kind, start, end in _properties(data):
        if kind == b"av1C" and end - start >= 4:
            flags = data[start + 2]
            bits = max(bits, (12 if flags & 0x20 else 10) if flags & 0x40 else 8)
        elif kind == b"colr" and cicp is None and data[start : start + 4] == b"nclx" and end - start >= 11:
            cicp = (
                int.from_bytes(data[start + 4 : start + 6], "big"),
                int.from_bytes(data[start + 6 : start + 8], "big"),
            )
    return AvifFacts(bits, cicp, sequence=any(kind == b"moov" for kind, _, _ in boxes(data)))


_CONTAINERS = {
    b"meta": 4,  # a full box: version and flags come first
    b"iprp": 0,
    b"ipco": 0,
    b"moov": 0,
    b"trak": 0,
    b"mdia": 0,
    b"minf": 0,
    b"stbl": 0,
    b"stsd": 8,  # version, flags and the number of entries
    b"av01": 78,  # the fields of VisualSampleEntry
}
"""Boxes on the path to properties, each with the number of bytes that precede its child boxes."""


def _properties(data: bytes, start: int = 0, end: int | None = None) -> Iterator[tuple[bytes, int, int]]:
    """Boxes inside ``ipco`` and ``av01`` at any depth of :data:`_CONTAINERS`, and those next to them."""
    for kind, first, last in boxes(data, start, end):
        if kind in _CONTAINERS:
            yield from _properties(data, first + _CONTAINERS[kind], last)
        else:
            yield kind, first, last


def jxl_codestream(data: bytes) -> bytes:
    """The beginning of the JPEG XL codestream in ``data``, bare or in a container; empty if there is none."""
    if data[:2] == b"\xff\x0a":
        return data
    for kind, start, end in boxes(data):
        if kind == b"jxlc":
            return data[start:end]
        if kind == b"jxlp":
            return data[start + 4 : end]
    return b""
