"""How much memory it takes to read an image file, from its header. ``benchmarks/memory.py`` measures it."""

from __future__ import annotations

from dataclasses import dataclass

CANONICAL = 3
"""Bytes per pixel of a canonical array."""
_CONVERSION_BYTES = 32_000_000
"""Intermediate results of the conversion of a block of rows, and small things."""
_PILLOW = 4
"""Bytes per pixel of Pillow's own storage of everything but grey and palettes."""


@dataclass(frozen=True, slots=True)
class Header:
    """What the beginning of an image file states."""

    width: int
    """In pixels as stored: the orientation is not applied."""
    height: int
    channels: int = 3
    """Channels as decoded: 1 to 4, or more."""
    wide: bool = False
    """Whether samples are decoded to 16 bits instead of 8."""
    decoding_bytes: int = 0
    """Most memory that reading the file takes, in bytes: the file, the decoder, and all conversions."""

    @property
    def pixels(self) -> int:
        """Number of pixels."""
        return self.width * self.height

    @property
    def sample_bytes(self) -> int:
        """Bytes of one pixel as decoded."""
        return self.channels * (2 if self.wide else 1)


@dataclass(frozen=True, slots=True)
class DecodingMemory:
    """Most memory that the reader of one format takes.

    Every reader has the file, the decoded samples and the canonical array in memory. Metadata and further frames
    count as a part of the file: they are as large as the file at most, and only the first frame is decoded.
    """

    per_file_byte: float = 2.0
    """Bytes for each byte of the file: the file, and copies of a profile and other metadata."""
    per_pixel: float = 0.0
    """Bytes for each pixel, independent of channels and depth."""
    per_channel: float = 0.0
    """Bytes for each channel of a pixel, independent of depth."""
    per_sample_byte: float = 1.0
    """Bytes for each byte of a decoded pixel."""

    def of(self, header: Header, file_size: int) -> int:
        """Bytes for one file."""
        pixel = CANONICAL + self.per_pixel
        pixel += self.per_channel * header.channels + self.per_sample_byte * header.sample_bytes
        return int(self.per_file_byte * file_size + pixel * header.pixels) + _CONVERSION_BYTES


def through_pillow(per_file_byte: float = 2.0) -> DecodingMemory:
    """A format that Pillow decodes: its storage, the samples, and a second copy of them while they are made."""
    return DecodingMemory(per_file_byte, per_pixel=_PILLOW, per_sample_byte=2)
