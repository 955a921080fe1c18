"""The image header of a JPEG XL codestream: size, depth, orientation, colour.

imagecodecs decodes pixels but reports neither their colour space nor, before decoding, their size. The
layout of the fields is ISO/IEC 18181-1 annex D and E, checked against libjxl commit aea3a06e
(lib/jxl/headers.cc, image_metadata.cc, color_encoding_internal.cc).
"""

from __future__ import annotations

from dataclasses import dataclass

_RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))

_SIZE = ((9, 1), (13, 1), (18, 1), (30, 1))
_ENUM = ((0, 0), (0, 1), (4, 2), (6, 18))
_XY = ((19, 0), (19, 524288), (20, 1048576), (21, 2097152))

_CUSTOM = 2
_SRGB_TRANSFER = 13


@dataclass(slots=True)
class JxlHeader:
    """The fields of the header. Sizes are as coded, before the orientation is applied."""

    width: int
    height: int
    bits: int = 8
    floating: bool = False
    animated: bool = False
    grey: bool = False
    embedded_icc: bool = False
    primaries: int = 1
    """H.273 code point; 2 for custom chromaticities, which are in ``custom``."""
    white: int = 1
    transfer: int = _SRGB_TRANSFER
    gamma: float | None = None
    """Decoding exponent, if the transfer function is a power."""
    custom_white: tuple[float, float] | None = None
    custom_primaries: tuple[float, ...] | None = None
    extra_channels: int = 0
    has_alpha: bool = False
    premultiplied: bool = False


class _Bits:
    """Bits of a codestream, least significant first."""

    def __init__(self, data: bytes) -> None:
        # A header without an ICC profile is much shorter, except for long names of extra channels.
        self._value = int.from_bytes(data[:4096], "little")
        self.left = 8 * min(len(data), 4096)

    def take(self, count: int) -> int:
        if count > self.left:
            raise ValueError("the header is cut off")
        value = self._value & ((1 << count) - 1)
        self._value >>= count
        self.left -= count
        return value

    def flag(self) -> bool:
        return bool(self.take(1))

    def u32(self, choices: tuple[tuple[int, int], ...]) -> int:
        """Read one of four (bits, offset) entries, selected by two bits."""
        count, offset = choices[self.take(2)]
        return offset + self.take(count)

    def signed(self, choices: tuple[tuple[int, int], ...]) -> int:
        packed = self.u32(choices)
        return (packed >> 1) ^ -(packed & 1)


def read(codestream: bytes) -> JxlHeader:
    """Read the header.

    Raises:
        ValueError: It is cut off, or the data is not a JPEG XL codestream.
    """
    bits = _begin(codestream)
    height, width = _size(bits)
    header = JxlHeader(width, height)
    if bits.flag():
        return header
    extra_fields = bits.flag()
    if extra_fields:
        _extra_fields(bits, header)
    header.bits, header.floating = _depth(bits)
    bits.flag()  # whether 16-bit buffers suffice
    header.extra_channels = bits.u32(((0, 0), (0, 1), (4, 2), (12, 1)))
    for _ in range(header.extra_channels):
        _extra_channel(bits, header)
    bits.flag()  # whether it is coded in XYB
    _colour(bits, header)
    return header


def _begin(codestream: bytes) -> _Bits:
    if codestream[:2] != b"\xff\x0a":
        raise ValueError("the JPEG XL codestream does not begin with its signature")
    return _Bits(codestream[2:])


def declared_16_bits(codestream: bytes) -> bytes:
    """A lossy codestream with a header that says 16 bits per sample instead of 8; the coded image is the same.

    libjxl dithers when it decodes to 8 bits, and decoders choose the depth that the header says.
    A lossy image is coded in floating-point XYB at every bit depth, and its frames begin at a whole byte.

    Args:
        codestream: Bare codestream whose header consists of a size and defaults: 8 bits, sRGB, coded in XYB, as
            libjxl writes it for lossy images. Any other one is returned as it is.

    Raises:
        ValueError: It is cut off, or the data is not a JPEG XL codestream.
    """
    bits = _begin(codestream)
    total = bits.left
    _size(bits)
    size_length = total - bits.left
    if not (bits.flag() and bits.flag()):  # all of the metadata, and of the transforms, is default
        return codestream
    fields = (
        (0, 1),  # the metadata is not all default
        (0, 1),  # no extra fields
        (0, 1),  # integers
        (3, 2),
        (16 - 1, 6),  # bits per sample, less 1
        (1, 1),  # 16-bit buffers suffice
        (0, 2),  # no extra channels
        (1, 1),  # coded in XYB
        (1, 1),  # the colour encoding is sRGB
        (0, 2),  # no extensions
        (1, 1),  # the transforms are all default
    )
    size = int.from_bytes(codestream[2:18], "little") & ((1 << size_length) - 1)
    value, length = size, size_length
    for field, count in fields:
        value |= field << length
        length += count
    frames = codestream[2 + (size_length + 2 + 7) // 8 :]
    return codestream[:2] + value.to_bytes((length + 7) // 8, "little") + frames


def _size(bits: _Bits) -> tuple[int, int]:
    """Height and width of a size header."""
    is_small = bits.flag()

    def edge() -> int:
        return 8 * (1 + bits.take(5)) if is_small else bits.u32(_SIZE)

    height = edge()
    ratio = bits.take(3)
    if ratio == 0:
        return height, edge()
    numerator, denominator = _RATIOS[ratio - 1]
    return height, height * numerator // denominator


def _extra_fields(bits: _Bits, header: JxlHeader) -> None:
    bits.take(3)  # orientation, which the decoder applies
    if bits.flag():
        _size(bits)  # intrinsic size
    if bits.flag():
        _preview(bits)
    if bits.flag():
        header.animated = True
        bits.u32(((0, 100), (0, 1000), (10, 1), (30, 1)))
        bits.u32(((0, 1), (0, 1001), (8, 1), (10, 1)))
        bits.u32(((0, 0), (3, 0), (16, 0), (32, 0)))
        bits.flag()


def _preview(bits: _Bits) -> None:
    eighths = bits.flag()
    choices = ((0, 16), (0, 32), (5, 1), (9, 33)) if eighths else ((6, 1), (8, 65), (10, 321), (12, 1345))
    bits.u32(choices)
    if bits.take(3) == 0:
        bits.u32(choices)


def _depth(bits: _Bits) -> tuple[int, bool]:
    if bits.flag():
        depth = bits.u32(((0, 32), (0, 16), (0, 24), (6, 1)))
        bits.take(4)
        return depth, True
    return bits.u32(((0, 8), (0, 10), (0, 12), (6, 1))), False


def _extra_channel(bits: _Bits, header: JxlHeader) -> None:
    if bits.flag():
        header.has_alpha = True
        return
    kind = bits.u32(_ENUM)
    _depth(bits)
    bits.u32(((0, 0), (0, 3), (0, 4), (3, 1)))
    bits.take(8 * bits.u32(((0, 0), (4, 0), (5, 16), (10, 48))))
    if kind == 0:
        header.has_alpha = True
        header.premultiplied |= bits.flag()
    elif kind == 2:
        bits.take(4 * 16)
    elif kind == 5:
        bits.u32(((0, 1), (2, 0), (4, 3), (8, 19)))


def _colour(bits: _Bits, header: JxlHeader) -> None:
    if bits.flag():
        return
    header.embedded_icc = bits.flag()
    space = bits.u32(_ENUM)
    header.grey = space == 1
    if header.embedded_icc or space == 2:
        return
    header.white = bits.u32(_ENUM)
    if header.white == _CUSTOM:
        header.custom_white = _xy(bits)
    if not header.grey:
        header.primaries = bits.u32(_ENUM)
        if header.primaries == _CUSTOM:
            header.custom_primaries = (*_xy(bits), *_xy(bits), *_xy(bits))
    if bits.flag():
        coding = bits.take(24)
        header.gamma = 1e7 / coding if coding else None
    else:
        header.transfer = bits.u32(_ENUM)


def _xy(bits: _Bits) -> tuple[float, float]:
    return bits.signed(_XY) / 1e6, bits.signed(_XY) / 1e6
