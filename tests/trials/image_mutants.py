"""Damaged and hostile image files of every format that codecstudy reads, the same ones for the same seed."""

from __future__ import annotations

import random
import re
import struct
import warnings
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import imagecodecs
import numpy as np
from PIL import Image

from conftest import picture
from support.image_files import chunk, saved, tiff, with_chunk

SUFFIX = {
    "JPEG": ".jpg",
    "PNG": ".png",
    "WebP": ".webp",
    "AVIF": ".avif",
    "JXL": ".jxl",
    "TIFF": ".tif",
    "BMP": ".bmp",
    "PNM": ".ppm",
}
"""The formats, and the suffix of their files."""

EDGES = (
    0,
    1,
    2,
    255,
    256,
    4096,
    16383,
    16384,
    20000,
    32767,
    65535,
    65536,
    1 << 24,
    (1 << 31) - 1,
    (1 << 32) - 1,
)
"""Widths, heights and lengths for lying headers."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One file: its name without suffix says what was done to it."""

    name: str
    data: bytes


def mutant(seed: int, number: int) -> Mutant:
    """File ``number`` of a seed. The formats take turns."""
    chance = random.Random(f"image {seed} {number}")
    format = list(SUFFIX)[number % len(SUFFIX)]
    own = SPECIAL[format]
    kind = chance.choice([*own, *GENERAL, *GENERAL])
    with warnings.catch_warnings(action="ignore"):  # Pillow warns of the EXIF that it is told to write
        if kind in own:
            data = own[kind](chance)
        else:
            data = GENERAL[kind](chance, chance.choice(good_files()[format]))
    return Mutant(f"{number:04}-{kind.replace(' ', '-')}{SUFFIX[format]}", data)


@cache
def good_files() -> dict[str, tuple[bytes, ...]]:
    """Small valid files of each format, of several kinds each."""
    rgb, alpha = picture(48, 40, 1), np.dstack([picture(48, 40, 2), picture(48, 40, 3)[:, :, 0]])
    grey, deep = rgb[:, :, 0].copy(), rgb.astype(np.uint16) * 257
    exif = Image.Exif()
    exif[274] = 6
    extra = {"exif": exif.tobytes(), "icc_profile": profile(3000)}
    palette = Image.fromarray(rgb).convert("P")
    return {
        "JPEG": (
            saved(rgb, "JPEG", quality=85),
            saved(rgb, "JPEG", quality=85, progressive=True, **extra),
            saved(grey, "JPEG"),
            saved(Image.fromarray(rgb).convert("CMYK"), "JPEG"),
            _moving("MPO"),
        ),
        "PNG": (
            saved(rgb, "PNG", **extra),
            saved(alpha, "PNG"),
            saved(palette, "PNG"),
            imagecodecs.png_encode(deep),
            _moving("PNG"),
            with_chunk(saved(rgb, "PNG"), b"cICP", bytes([9, 16, 0, 1])),
        ),
        "WebP": (
            saved(rgb, "WEBP", quality=80),
            saved(alpha, "WEBP", lossless=True, **extra),
            _moving("WEBP"),
        ),
        "AVIF": (
            saved(rgb, "AVIF", speed=10, **extra),
            saved(alpha, "AVIF", speed=10),
            _moving("AVIF", speed=10),
            imagecodecs.avif_encode(deep >> 6, bitspersample=10, speed=10),
        ),
        "JXL": (
            imagecodecs.jpegxl_encode(rgb, effort=1),
            imagecodecs.jpegxl_encode(deep, effort=1, lossless=True),
            imagecodecs.jpegxl_encode(alpha, effort=1, usecontainer=True),
        ),
        "TIFF": (
            tiff(rgb, 2),
            tiff(deep, 2, t274=3),
            saved(rgb, "TIFF", compression="tiff_lzw", icc_profile=profile(3000)),
            saved(rgb, "TIFF", compression="jpeg"),
            saved(palette, "TIFF", compression="tiff_adobe_deflate"),
            _moving("TIFF"),
        ),
        "BMP": (saved(rgb, "BMP"), saved(palette, "BMP"), saved(Image.fromarray(grey > 99), "BMP")),
        "PNM": (
            saved(rgb, "PPM"),
            saved(grey, "PPM"),
            b"P3\n# by hand\n3 2\n255\n" + b" 7 8 9" * 6,
            b"P4\n17 3\n" + bytes(9),
            b"P6 4 4 65535\n" + bytes(range(96)),
        ),
    }


def _moving(format: str, count: int = 3, **options: int) -> bytes:
    frames = [Image.fromarray(picture(48, 40, seed)) for seed in range(count)]
    data = bytearray(saved(frames[0], format, save_all=True, append_images=frames[1:], **options))
    if format == "AVIF":
        # libavif writes the time of day; a seed must give the same bytes every time.
        for box in re.finditer(rb"mvhd|tkhd|mdhd", bytes(data)):
            length = 16 if data[box.end()] == 1 else 8
            data[box.end() + 4 : box.end() + 4 + length] = bytes(length)
    return bytes(data)


def profile(size: int) -> bytes:
    """An ICC profile by its header, of ``size`` bytes; what follows the header is nothing."""
    head = struct.pack(">I4sI4s4s4s", size, b"none", 0x04000000, b"mntr", b"RGB ", b"XYZ ")
    return (head.ljust(36, b"\0") + b"acsp").ljust(size, b"\x11")


# Damage that any file may have.


def _flip_bits(chance: random.Random, data: bytes) -> bytes:
    damaged = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 8, 64))):
        damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
    return _with_checksums(damaged) if chance.random() < 0.7 else bytes(damaged)


def _flip_bits_of_the_header(chance: random.Random, data: bytes) -> bytes:
    damaged = bytearray(data)
    for _ in range(chance.choice((1, 2, 4))):
        damaged[chance.randrange(min(len(damaged), 64))] ^= 1 << chance.randrange(8)
    return _with_checksums(damaged)


def _truncate(chance: random.Random, data: bytes) -> bytes:
    return data[: chance.choice((0, 1, 12, chance.randrange(len(data)), chance.randrange(len(data))))]


def _wipe(chance: random.Random, data: bytes) -> bytes:
    start = chance.randrange(len(data))
    length = min(chance.randrange(1, 200), len(data) - start)
    return data[:start] + bytes([chance.choice((0, 255))]) * length + data[start + length :]


def _overwrite_a_number(chance: random.Random, data: bytes) -> bytes:
    """A 16 or 32 bit number, most often near the beginning, becomes an extreme one."""
    start = chance.randrange(min(len(data) - 4, chance.choice((64, 300, len(data)))))
    size, order = chance.choice((2, 4)), chance.choice(("big", "little"))
    number = (chance.choice(EDGES) % (1 << 8 * size)).to_bytes(size, order)
    return _with_checksums(bytearray(data[:start] + number + data[start + size :]))


def _repeat_a_part(chance: random.Random, data: bytes) -> bytes:
    start, end = sorted(chance.sample(range(len(data)), 2))
    return data[:end] + data[start:end] * chance.choice((1, 3, 50)) + data[end:]


def _mix_formats(chance: random.Random, data: bytes) -> bytes:
    """The beginning of one format, and the rest of another."""
    other = chance.choice(good_files()[chance.choice(list(SUFFIX))])
    at = chance.randrange(4, min(len(data), 200))
    return data[:at] + other[at:]


def _append(chance: random.Random, data: bytes) -> bytes:
    return data + chance.randbytes(chance.choice((1, 1000, 1 << 20)))


def _noise(chance: random.Random, data: bytes) -> bytes:
    """Nothing but noise after the signature."""
    return data[:16] + chance.randbytes(chance.choice((10, 1000, 100_000)))


GENERAL: dict[str, Callable[[random.Random, bytes], bytes]] = {
    "flipped bits": _flip_bits,
    "flipped header bits": _flip_bits_of_the_header,
    "truncated": _truncate,
    "wiped": _wipe,
    "extreme number": _overwrite_a_number,
    "repeated part": _repeat_a_part,
    "mixed formats": _mix_formats,
    "appended": _append,
    "noise": _noise,
}


def _with_checksums(data: bytearray) -> bytes:
    """A PNG with the checksums that its chunks should have, so that the damage gets past them."""
    at = 8
    while data.startswith(b"\x89PNG") and at + 12 <= len(data):
        end = at + 8 + int.from_bytes(data[at : at + 4], "big")
        if end + 4 > len(data):
            break
        data[end : end + 4] = zlib.crc32(data[at + 4 : end]).to_bytes(4, "big")
        at = end + 4
    return bytes(data)


# What a format allows, or is often attacked with.


def _edge(chance: random.Random, bits: int) -> int:
    return chance.choice([edge for edge in EDGES if edge < 1 << bits])


def _first(chance: random.Random, format: str) -> bytes:
    return chance.choice(good_files()[format])


def _lying_jpeg(chance: random.Random) -> bytes:
    data = _first(chance, "JPEG")
    frame = re.search(rb"\xff[\xc0\xc2]\0\x11\x08|\xff[\xc0\xc2]\0\x0b\x08|\xff[\xc0\xc2]\0\x14\x08", data)
    assert frame
    size = struct.pack(">HH", _edge(chance, 16), _edge(chance, 16))
    return data[: frame.end()] + size + data[frame.end() + 4 :]


def _wide_jpeg(chance: random.Random) -> bytes:
    return saved(_wide(chance, 65500), "JPEG")


def _wide(chance: random.Random, edge: int) -> Image.Image:
    size = (edge, chance.choice((1, 2, 9)))
    return Image.new("L", size if chance.random() < 0.5 else size[::-1], 128)


def _icc_jpeg(chance: random.Random) -> bytes:
    return saved(picture(48, 40, 4), "JPEG", icc_profile=profile(chance.choice((100, 70_000, 8_000_000))))


def _segments_jpeg(chance: random.Random) -> bytes:
    """Thousands of empty segments, or of restart markers."""
    data = _first(chance, "JPEG")
    return data[:2] + chance.choice((b"\xff\xfe\0\2", b"\xff\xd0", b"\xff" * 9)) * 50_000 + data[2:]


def _many_scans_jpeg(chance: random.Random) -> bytes:
    """A progressive image of 2000 x 2000 pixels that repeats one scan very often."""
    data = saved(Image.new("L", (2000, 2000), 77), "JPEG", progressive=True)
    scans = [found.start() for found in re.finditer(rb"\xff\xda", data)]
    return data[: scans[-1]] + data[scans[-1] : -2] * chance.choice((50, 2000)) + data[-2:]


def nested_exif(chance: random.Random) -> bytes:
    """EXIF whose directories contain each other, are very many, or state huge sizes."""
    tags = {
        0x0112: (3, 1, 6),
        0x8769: (4, 1, 8),
        0x8825: (4, 1, 8),
        0xA005: (4, 1, 8),
        0x010E: (2, 1 << 31, 0),
    }
    chosen = chance.sample(sorted(tags), 3)
    count = chance.choice((3, 3, 3, 0xFFFF))
    entries = b"".join(struct.pack("<HHII", tag, *tags[tag]) for tag in chosen)
    directory = struct.pack("<H", count) + entries
    chain = b"".join(
        struct.pack("<HHHIII", 1, 0x8769, 4, 1, 8 + len(directory) + 4 + 18 * (number + 1), 0)
        for number in range(chance.choice((0, 10, 2000)))
    )
    return (
        b"Exif\0\0II*\0"
        + struct.pack("<I", 8)
        + directory
        + struct.pack("<I", 8 + len(directory) + 4)
        + chain
    )


def _exif_file(format: str, options: dict[str, int]) -> Callable[[random.Random], bytes]:
    def make(chance: random.Random) -> bytes:
        return saved(picture(48, 40, 5), format, exif=nested_exif(chance)[:65_000], **options)

    return make


def _lying_png(chance: random.Random) -> bytes:
    data = bytearray(_first(chance, "PNG"))
    data[16:24] = struct.pack(">II", _edge(chance, 32), _edge(chance, 32))
    return _with_checksums(data)


def _bomb_png(chance: random.Random) -> bytes:
    """A valid file of a few hundred kilobytes, up to 900 megapixels."""
    edge, (bits, colour) = chance.choice((8000, 20000, 30000)), chance.choice(((1, 0), (8, 0), (8, 2)))
    row = bytes(1 + (edge * bits * (3 if colour == 2 else 1) + 7) // 8)
    packer = zlib.compressobj(1)
    # A tenth of the rows: it states more than it has, and has enough to hurt.
    packed = b"".join(packer.compress(row) for _ in range(edge // 10)) + packer.flush()
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", edge, edge, bits, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def _wide_png(chance: random.Random) -> bytes:
    return saved(_wide(chance, 65535), "PNG")


def _text_bomb_png(chance: random.Random) -> bytes:
    """Text or a profile that unpacks to 100 MB."""
    packed = zlib.compress(bytes(100_000_000), 1)
    kind = chance.choice((b"zTXt", b"iCCP"))
    return with_chunk(_first(chance, "PNG"), kind, b"name\0\0" + packed)


def _cicp_png(chance: random.Random) -> bytes:
    content = chance.randbytes(chance.choice((0, 3, 4, 4, 4, 5)))
    return with_chunk(saved(picture(48, 40, 6), "PNG"), b"cICP", content)


def _chunks_png(chance: random.Random) -> bytes:
    """Odd chunks, or the same chunk again and again."""
    kind = chance.choice(
        (b"IHDR", b"PLTE", b"tRNS", b"gAMA", b"cHRM", b"acTL", b"fcTL", b"eXIf", b"IEND", b"quQU")
    )
    extra = chunk(kind, chance.randbytes(chance.choice((0, 1, 8, 13, 26, 300)))) * chance.choice((1, 2, 5000))
    data = _first(chance, "PNG")
    at = chance.choice((8, 33, len(data) - 12))
    return data[:at] + extra + data[at:]


def _animated_png(chance: random.Random) -> bytes:
    """An animation that states other numbers and sizes of frames than it has."""
    data = bytearray(_moving("PNG"))
    at = data.index(b"acTL") + 4
    data[at : at + 8] = struct.pack(">II", _edge(chance, 32), _edge(chance, 32))
    at = data.rindex(b"fcTL") + 8
    data[at : at + 16] = struct.pack(">IIII", *(_edge(chance, 32) for _ in range(4)))
    return _with_checksums(data)


def _animated(format: str, **options: int) -> Callable[[random.Random], bytes]:
    def make(chance: random.Random) -> bytes:
        data = _moving(format, chance.choice((2, 3, 60)), **options)
        return data if chance.random() < 0.3 else _overwrite_a_number(chance, data)

    return make


def _icc(format: str, **options: int) -> Callable[[random.Random], bytes]:
    def make(chance: random.Random) -> bytes:
        size = chance.choice((1, 128, 500_000, 8_000_000))
        return saved(picture(48, 40, 7), format, icc_profile=profile(size)[:size], **options)

    return make


def _lying_webp(chance: random.Random) -> bytes:
    data = bytearray(_first(chance, "WebP"))
    if (at := data.find(b"VP8X")) > 0:
        data[at + 12 : at + 18] = b"".join(_edge(chance, 24).to_bytes(3, "little") for _ in range(2))
    elif (at := data.find(b"VP8 ")) > 0:
        data[at + 14 : at + 18] = struct.pack("<HH", _edge(chance, 16), _edge(chance, 16))
    return bytes(data)


def _wide_webp(chance: random.Random) -> bytes:
    return saved(_wide(chance, 16383).convert("RGB"), "WEBP", lossless=True, method=0, quality=0)


def _chunks_webp(chance: random.Random) -> bytes:
    data = _first(chance, "WebP")
    kind = chance.choice((b"ICCP", b"EXIF", b"XMP ", b"ANIM", b"ANMF", b"ALPH", b"VP8L", b"????"))
    size = chance.choice((0, 1, 10, 1 << 31, (1 << 32) - 1))
    extra = (kind + struct.pack("<I", size) + chance.randbytes(10)) * chance.choice((1, 3000))
    return data[:12] + extra + data[12:]


def _lying_avif(chance: random.Random) -> bytes:
    data = bytearray(_first(chance, "AVIF"))
    at = data.find(b"ispe") + 8
    data[at : at + 8] = struct.pack(">II", _edge(chance, 32), _edge(chance, 32))
    return bytes(data)


def _boxes_avif(chance: random.Random) -> bytes:
    """A box that states another size: 0 (to the end of the file), 1 (64 bits), less than its header, too much."""
    data = bytearray(_first(chance, "AVIF"))
    kinds = (
        b"ftyp",
        b"meta",
        b"iprp",
        b"ipco",
        b"iloc",
        b"iinf",
        b"av1C",
        b"colr",
        b"mdat",
        b"moov",
        b"stsz",
    )
    at = data.find(chance.choice(kinds)) - 4
    data[max(at, 0) : max(at, 0) + 4] = struct.pack(">I", chance.choice((0, 1, 2, 7, 1 << 16, (1 << 32) - 1)))
    return bytes(data)


def _nested_avif(chance: random.Random) -> bytes:
    """Boxes within boxes."""
    inner = b"colrnclx" + bytes(7)
    for _ in range(chance.choice((5, 50, 3000))):
        inner = struct.pack(">I", len(inner) + 8) + chance.choice((b"ipco", b"moov", b"meta")) + inner
    data = _first(chance, "AVIF")
    size = int.from_bytes(data[:4], "big")
    return data[:size] + inner + data[size:]


def _cicp_avif(chance: random.Random) -> bytes:
    data = bytearray(saved(picture(48, 40, 8), "AVIF", speed=10))
    at = data.find(b"nclx") + 4
    data[at : at + 7] = chance.randbytes(7)
    return bytes(data)


def _wide_avif(chance: random.Random) -> bytes:
    image = _wide(chance, chance.choice((16384, 65535))).convert("RGB")
    try:
        return saved(image, "AVIF", speed=10)
    except (OSError, ValueError):  # the encoder has limits of its own
        return _lying_avif(chance)


def _lying_jxl(chance: random.Random) -> bytes:
    """Another size and other bits in the header of the bare codestream."""
    data = good_files()["JXL"][0]
    return data[:2] + chance.randbytes(chance.choice((1, 4, 8))) + data[10:]


def _boxes_jxl(chance: random.Random) -> bytes:
    data = bytearray(good_files()["JXL"][2])
    at = data.find(chance.choice((b"JXL ", b"ftyp", b"jxlc", b"jxlp"))) - 4
    data[max(at, 0) : max(at, 0) + 4] = struct.pack(">I", chance.choice((0, 1, 7, 8, (1 << 32) - 1)))
    return bytes(data)


def _bomb_jxl(chance: random.Random) -> bytes:
    """One colour, up to 64 megapixels in a few bytes."""
    edge = chance.choice((2000, 8000))
    encoded: bytes = imagecodecs.jpegxl_encode(np.full((edge, edge), 9, np.uint8), effort=1)
    return encoded


def _wide_jxl(chance: random.Random) -> bytes:
    encoded: bytes = imagecodecs.jpegxl_encode(np.asarray(_wide(chance, 65535)), effort=1)
    return encoded


def _lying_tiff(chance: random.Random) -> bytes:
    # Values of two bytes: most of the numbers that a directory has.
    tags = {
        f"t{tag}": _edge(chance, 16)
        for tag in chance.sample((256, 257, 258, 259, 262, 277, 278, 284, 338), 2)
    }
    return tiff(picture(48, 40, 9), 2, **tags)


def _bomb_tiff(chance: random.Random) -> bytes:
    """Strips of zeros that unpack to 400 MB."""
    edge = 20000
    packed = zlib.compress(bytes(edge * 2000), 9)
    strips = edge // 2000
    head = 8 + 2 + 9 * 12 + 4
    offsets, counts = head, head + 4 * strips
    entries = [
        (256, 4, 1, edge),
        (257, 4, 1, edge),
        (258, 3, 1, 8),
        (259, 3, 1, 8),
        (262, 3, 1, 1),
        (273, 4, strips, offsets),
        (277, 3, 1, 1),
        (278, 4, 1, 2000),
        (279, 4, strips, counts),
    ]
    directory = struct.pack("<H", 9) + b"".join(struct.pack("<HHII", *entry) for entry in entries) + bytes(4)
    # All strips are the same bytes of the file.
    values = struct.pack(f"<{2 * strips}I", *[counts + 4 * strips] * strips, *[len(packed)] * strips)
    return b"II*\0" + struct.pack("<I", 8) + directory + values + packed


def _looped_tiff(chance: random.Random) -> bytes:
    """The next directory is an earlier one, or lies outside the file."""
    data = bytearray(tiff(picture(48, 40, 10), 2))
    count = int.from_bytes(data[8:10], "little")
    at = 10 + 12 * count
    data[at : at + 4] = struct.pack("<I", chance.choice((8, at, len(data), (1 << 32) - 1)))
    return bytes(data)


def _wide_tiff(chance: random.Random) -> bytes:
    return saved(_wide(chance, 65535), "TIFF", compression=chance.choice(("raw", "tiff_lzw")))


def _lying_bmp(chance: random.Random) -> bytes:
    data = bytearray(_first(chance, "BMP"))
    data[18:26] = struct.pack("<II", _edge(chance, 32), _edge(chance, 32))
    return bytes(data)


def _wide_bmp(chance: random.Random) -> bytes:
    return saved(_wide(chance, 65535), "BMP")


def _lying_pnm(chance: random.Random) -> bytes:
    magic, depth = (
        chance.choice((b"P1", b"P2", b"P3", b"P4", b"P5", b"P6")),
        chance.choice((1, 255, 65535, 65536, 0)),
    )
    width = chance.choice((str(_edge(chance, 32)), "-1", "9" * 5000, "1e9", ""))
    return b"%s %s %d %d\n" % (magic, width.encode(), _edge(chance, 16), depth) + chance.randbytes(300)


def _comment_pnm(chance: random.Random) -> bytes:
    return b"P6 " + b"#" * chance.choice((10, 100_000)) + b"\n4 4\n255\n" + bytes(48)


def _wide_pnm(chance: random.Random) -> bytes:
    return saved(_wide(chance, 65535), "PPM")


SPECIAL: dict[str, dict[str, Callable[[random.Random], bytes]]] = {
    "JPEG": {
        "lying size": _lying_jpeg,
        "65500 pixels": _wide_jpeg,
        "huge profile": _icc_jpeg,
        "nested exif": _exif_file("JPEG", {}),
        "many segments": _segments_jpeg,
        "many scans": _many_scans_jpeg,
    },
    "PNG": {
        "lying size": _lying_png,
        "bomb": _bomb_png,
        "65535 pixels": _wide_png,
        "bomb in text": _text_bomb_png,
        "cicp": _cicp_png,
        "odd chunks": _chunks_png,
        "animation": _animated("PNG"),
        "lying animation": _animated_png,
        "huge profile": _icc("PNG"),
        "nested exif": _exif_file("PNG", {}),
    },
    "WebP": {
        "lying size": _lying_webp,
        "16383 pixels": _wide_webp,
        "odd chunks": _chunks_webp,
        "animation": _animated("WEBP"),
        "huge profile": _icc("WEBP"),
        "nested exif": _exif_file("WEBP", {}),
    },
    "AVIF": {
        "lying size": _lying_avif,
        "lying boxes": _boxes_avif,
        "nested boxes": _nested_avif,
        "cicp": _cicp_avif,
        "65535 pixels": _wide_avif,
        "animation": _animated("AVIF", speed=10),
        "huge profile": _icc("AVIF", speed=10),
        "nested exif": _exif_file("AVIF", {"speed": 10}),
    },
    "JXL": {
        "lying header": _lying_jxl,
        "lying boxes": _boxes_jxl,
        "bomb": _bomb_jxl,
        "65535 pixels": _wide_jxl,
    },
    "TIFF": {
        "lying tags": _lying_tiff,
        "bomb": _bomb_tiff,
        "looped directories": _looped_tiff,
        "65535 pixels": _wide_tiff,
        "animation": _animated("TIFF"),
        "huge profile": _icc("TIFF"),
    },
    "BMP": {"lying size": _lying_bmp, "65535 pixels": _wide_bmp},
    "PNM": {"lying header": _lying_pnm, "long comment": _comment_pnm, "65535 pixels": _wide_pnm},
}
"""What is done to files of one format only."""
