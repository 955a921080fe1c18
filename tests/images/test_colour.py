"""Colour that is not sRGB comes out as sRGB, and the notes say so."""

from __future__ import annotations

import struct
import zlib

import imagecodecs
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms

from codecstudy.errors import ImageError
from codecstudy.images import boxes, colour, jxl_header
from codecstudy.images.readers import jxl_encoding
from support.image_files import Load, colours, grey, saved, with_chunk

WHITE = (0.3127, 0.3290)
SRGB = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
P3 = (0.680, 0.320, 0.265, 0.690, 0.150, 0.060)
CUBE = np.array(
    [[[r, g, b] for r in range(0, 256, 51) for g in range(0, 256, 51)] for b in range(0, 256, 51)], np.uint8
)


def decoded(codes: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(codes <= 0.04045, codes / 12.92, ((codes + 0.055) / 1.055) ** 2.4)


def encoded(linear: NDArray[np.float64]) -> NDArray[np.float64]:
    linear = np.clip(linear, 0, 1)
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)


def matrix(primaries: tuple[float, ...]) -> NDArray[np.float64]:
    """Linear RGB of these primaries and white D65 to XYZ."""
    x, y = np.array(primaries[::2]), np.array(primaries[1::2])
    columns = np.stack([x / y, np.ones(3), (1 - x - y) / y])
    white = np.array([WHITE[0] / WHITE[1], 1, (1 - WHITE[0] - WHITE[1]) / WHITE[1]])
    return columns * np.linalg.solve(columns, white)


def converted(
    pixels: NDArray[np.uint8], primaries: tuple[float, ...], gamma: float | None
) -> NDArray[np.float64]:
    """What a colour of these primaries is in sRGB, 0 to 255, by the book."""
    codes = pixels / 255
    linear = decoded(codes) if gamma is None else codes**gamma
    to_srgb = np.linalg.inv(matrix(SRGB)) @ matrix(primaries)
    return encoded(linear @ to_srgb.T) * 255


def profile(primaries: tuple[float, ...] = P3, gamma: float | None = None) -> bytes:
    codes = np.linspace(0, 1, 4096)
    curve = (decoded(codes) if gamma is None else codes**gamma).astype(np.float32)
    return bytes(
        imagecodecs.cms_profile("rgb", whitepoint=WHITE, primaries=primaries, transferfunction=curve)
    )


def srgb_profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@pytest.mark.parametrize(
    "data",
    [
        saved(CUBE, "PNG", icc_profile=profile()),
        saved(CUBE, "TIFF", icc_profile=profile()),
        saved(CUBE, "WEBP", lossless=True, icc_profile=profile()),
        with_chunk(saved(CUBE, "PNG"), b"cICP", bytes((12, 13, 0, 1))),
    ],
    ids=["png", "tiff", "webp", "png-cicp"],
)
def test_display_p3_is_converted(load_bytes: Load, data: bytes) -> None:
    source = load_bytes(data)
    assert [note for note in source.notes if "converted" in note]
    assert np.abs(source.pixels - converted(CUBE, P3, None)).max() < 1.1


@pytest.mark.parametrize("pillow", ["JPEG", "AVIF"])
def test_profiles_of_lossy_files_are_converted(load_bytes: Load, pillow: str) -> None:
    flat = np.full((32, 32, 3), (200, 60, 40), np.uint8)
    source = load_bytes(saved(flat, pillow, quality=100, subsampling="4:4:4", icc_profile=profile()))
    assert np.abs(source.pixels - converted(flat, P3, None)).max() < 4
    assert source.notes[0].startswith("ICC profile converted: ")


def test_the_note_names_the_profile(load_bytes: Load) -> None:
    data = saved(CUBE, "PNG", icc_profile=bytes(imagecodecs.cms_profile("adobergb")))
    (note,) = load_bytes(data).notes
    assert note.startswith("ICC profile converted: ")
    assert len(note) > len("ICC profile converted: ")


def test_16_bit_samples_are_converted_before_they_are_rounded(load_bytes: Load) -> None:
    ramp = np.stack([np.arange(0, 65536, 16), *[np.full(4096, v) for v in (20000, 9000)]], 1)
    deep = ramp.astype(np.uint16)[np.newaxis]
    source = load_bytes(saved_16(deep, profile()))
    exact = converted(deep / 257, P3, None)  # type: ignore[arg-type]
    assert np.abs(source.pixels - exact).max() < 0.75
    assert source.notes[-1] == "16 bit rounded to 8"


def saved_16(deep: NDArray[np.uint16], icc: bytes) -> bytes:
    return with_chunk(imagecodecs.png_encode(deep), b"iCCP", b"named\0\0" + zlib.compress(icc))


@pytest.mark.parametrize("icc", [srgb_profile(), profile(SRGB)], ids=["littlecms", "tabulated"])
def test_a_profile_that_is_srgb_changes_nothing(load_bytes: Load, icc: bytes) -> None:
    pixels = colours()
    source = load_bytes(saved(pixels, "PNG", icc_profile=icc))
    assert source.notes == ()
    assert np.array_equal(source.pixels, pixels)


@pytest.mark.parametrize(
    "icc", [b"no profile at all", profile()[:300], b"\0" * 200], ids=["text", "cut", "zeros"]
)
def test_a_broken_profile_is_left_out_and_said(load_bytes: Load, icc: bytes) -> None:
    pixels = colours()
    source = load_bytes(saved(pixels, "PNG", icc_profile=icc))
    assert np.array_equal(source.pixels, pixels)
    (note,) = source.notes
    assert note.startswith("ICC profile not usable (")
    assert note.endswith("colours taken as sRGB")


def gray_profile(gamma: float) -> bytes:
    return bytes(imagecodecs.cms_profile("gray", whitepoint=(0.3457, 0.3585), gamma=gamma))


def test_a_grey_profile_is_applied_to_grey_and_not_to_rgb(load_bytes: Load) -> None:
    ramp = np.arange(256, dtype=np.uint8)[np.newaxis]
    source = load_bytes(saved(ramp, "PNG", icc_profile=gray_profile(1.8)))
    assert np.abs(source.pixels - grey(encoded((ramp / 255) ** 1.8) * 255)).max() < 1.1
    misplaced = load_bytes(saved(grey(ramp), "PNG", icc_profile=gray_profile(1.8)))
    assert np.array_equal(misplaced.pixels, grey(ramp))
    assert "not usable" in misplaced.notes[0]


def test_an_rgb_profile_on_a_grey_image_is_applied(load_bytes: Load) -> None:
    ramp = np.arange(256, dtype=np.uint8)[np.newaxis]
    source = load_bytes(saved(ramp, "PNG", icc_profile=profile(SRGB, 1.8)))
    assert np.abs(source.pixels - grey(encoded((ramp / 255) ** 1.8) * 255)).max() < 1.1
    assert "grey expanded" in source.notes


@pytest.mark.parametrize("gamma", [100000, 55556, 35000])
def test_png_gamma_is_applied(load_bytes: Load, gamma: int) -> None:
    ramp = grey(np.arange(256, dtype=np.uint8)[np.newaxis])
    source = load_bytes(with_chunk(saved(ramp, "PNG"), b"gAMA", struct.pack(">I", gamma)))
    assert source.notes == (f"colours converted: PNG gAMA {gamma / 1e5:g}",)
    assert np.abs(source.pixels - converted(ramp, SRGB, 1e5 / gamma)).max() < 1.1


def chromaticities(white: tuple[float, float], primaries: tuple[float, ...]) -> bytes:
    return struct.pack(">8I", *(round(v * 1e5) for v in (*white, *primaries)))


def test_png_chromaticities_count_beside_gamma_only(load_bytes: Load) -> None:
    plain = saved(CUBE, "PNG")
    wide = with_chunk(plain, b"cHRM", chromaticities(WHITE, P3))
    assert np.array_equal(load_bytes(wide).pixels, CUBE)
    both = with_chunk(wide, b"gAMA", struct.pack(">I", 45455))
    assert np.abs(load_bytes(both).pixels - converted(CUBE, P3, None)).max() < 1.1


@pytest.mark.parametrize(
    "chunks",
    [
        [(b"gAMA", struct.pack(">I", 45455))],
        [(b"gAMA", struct.pack(">I", 45455)), (b"cHRM", chromaticities(WHITE, SRGB))],
        [(b"gAMA", struct.pack(">I", 100000)), (b"sRGB", b"\0")],
        [(b"gAMA", struct.pack(">I", 100000)), (b"cICP", bytes((1, 13, 0, 1)))],
        [(b"gAMA", struct.pack(">I", 0))],
    ],
    ids=["gamma of sRGB", "all of sRGB", "sRGB chunk wins", "cICP wins", "zero"],
)
def test_png_colour_that_is_srgb_changes_nothing(load_bytes: Load, chunks: list[tuple[bytes, bytes]]) -> None:
    data = saved(CUBE, "PNG")
    for kind, content in chunks:
        data = with_chunk(data, kind, content)
    assert np.array_equal(load_bytes(data).pixels, CUBE)


@pytest.mark.parametrize(("transfer", "name"), [(16, "PQ"), (18, "HLG")])
def test_high_dynamic_range_is_refused(load_bytes: Load, transfer: int, name: str) -> None:
    data = with_chunk(saved(CUBE, "PNG"), b"cICP", bytes((9, transfer, 0, 1)))
    with pytest.raises(ImageError, match=rf"high dynamic range image \({name}\)"):
        load_bytes(data)


def test_unknown_code_points_are_said(load_bytes: Load) -> None:
    source = load_bytes(with_chunk(saved(CUBE, "PNG"), b"cICP", bytes((77, 99, 0, 1))))
    assert source.notes == ("unknown colour primaries 77 and transfer characteristics 99 taken as sRGB",)
    assert np.array_equal(source.pixels, CUBE)


def test_a_png_of_narrow_range_is_noted(load_bytes: Load) -> None:
    full, narrow = (
        load_bytes(with_chunk(saved(CUBE, "PNG"), b"cICP", bytes((1, 13, 0, flag)))) for flag in (1, 0)
    )
    assert not full.notes
    assert any("narrow range (cICP)" in note for note in narrow.notes)
    assert np.array_equal(narrow.pixels, full.pixels)


def test_avif_code_points_are_read_and_converted(load_bytes: Load) -> None:
    flat = np.full((32, 32, 3), (200, 60, 40), np.uint8)
    data = imagecodecs.avif_encode(flat, level=100, pixelformat="444", speed=10, primaries=12, transfer=13)
    assert boxes.avif_facts(data) == boxes.AvifFacts(8, (12, 13))
    source = load_bytes(data)
    assert source.notes == ("colours converted: Display P3",)
    assert np.abs(source.pixels - converted(flat, P3, None)).max() < 4


def test_a_bmp_profile_is_converted(load_bytes: Load) -> None:
    icc, plain = profile(), saved(CUBE, "BMP")
    pixels = plain[54:]
    header = struct.pack("<IiiHHIIiiII", 124, CUBE.shape[1], CUBE.shape[0], 1, 24, 0, len(pixels), 0, 0, 0, 0)
    header += b"\0" * 16 + b"DEBM" + b"\0" * 48 + struct.pack("<IIII", 4, 124 + len(pixels), len(icc), 0)
    assert len(header) == 124
    data = b"BM" + struct.pack("<IHHI", 138 + len(pixels) + len(icc), 0, 0, 138) + header + pixels + icc
    source = load_bytes(data)
    assert source.notes[0].startswith("ICC profile converted")
    assert np.abs(source.pixels - converted(CUBE, P3, None)).max() < 1.1


def cmyk_profile() -> bytes:
    """A CMYK profile as small as they come: Lab on a grid of two points an ink, in an ``mft1`` table."""
    table = bytearray(b"mft1" + b"\0" * 4 + bytes((4, 3, 2, 0)))
    table += struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 65536)
    table += bytes(range(256)) * 4
    for index in range(16):
        inks = [index >> shift & 1 for shift in (3, 2, 1, 0)]
        # Paper white, and half as light with each ink; the hue does not matter here, but cyan is blue.
        table += bytes((round(255 * 0.5 ** sum(inks)), 128, 128 - 40 * inks[0]))
    table += bytes(range(256)) * 3
    tags = {b"A2B0": bytes(table), b"wtpt": b"XYZ \0\0\0\0" + struct.pack(">3i", 63190, 65536, 54061)}
    offset, directory, body = 128 + 4 + 12 * len(tags), struct.pack(">I", len(tags)), b""
    for name, content in tags.items():
        directory += struct.pack(">4sII", name, offset + len(body), len(content))
        body += content.ljust(-(-len(content) // 4) * 4, b"\0")
    header = bytearray(128)
    header[4:8], header[8:12], header[12:24] = b"lcms", b"\x02\x40\0\0", b"prtrCMYKLab "
    header[36:40] = b"acsp"
    header[68:80] = struct.pack(">3i", 63190, 65536, 54061)
    whole = bytes(header) + directory + body
    return struct.pack(">I", len(whole)) + whole[4:]


def test_cmyk_is_converted_with_its_profile(load_bytes: Load) -> None:
    inks = np.array([[[0, 0, 0, 0], [255, 0, 0, 0], [0, 0, 0, 255], [0, 0, 0, 0]]], np.uint8)
    image = Image.frombytes("CMYK", (4, 1), inks.tobytes())
    source = load_bytes(saved(image, "TIFF", icc_profile=cmyk_profile()))
    assert source.notes == ("ICC profile converted: unnamed, CMYK",)
    paper, cyan, black, again = source.pixels[0].astype(int)
    assert paper.tolist() == again.tolist() == [255, 255, 255]
    assert cyan[2] > cyan[0] + 30
    assert abs(black - black[0]).max() <= 2


def test_a_profile_for_another_space_leaves_cmyk_to_the_plain_way(load_bytes: Load) -> None:
    image = Image.frombytes("CMYK", (1, 1), bytes((255, 0, 0, 0)))
    source = load_bytes(saved(image, "TIFF", icc_profile=profile()))
    assert source.pixels.tolist() == [[[0, 255, 255]]]
    assert source.notes[0].startswith("ICC profile not usable")
    assert source.notes[0].endswith("CMYK converted without a profile")


class BitWriter:
    """Bits of a JPEG XL header, least significant first."""

    def __init__(self) -> None:
        self.bits: list[int] = []

    def put(self, value: int, count: int = 1) -> BitWriter:
        self.bits += [value >> i & 1 for i in range(count)]
        return self

    def enum(self, value: int) -> BitWriter:
        if value < 2:
            return self.put(value, 2)
        return self.put(2, 2).put(value - 2, 4) if value < 18 else self.put(3, 2).put(value - 18, 6)

    def codestream(self) -> bytes:
        value = sum(bit << i for i, bit in enumerate(self.bits))
        return b"\xff\x0a" + value.to_bytes(len(self.bits) // 8 + 8, "little")


def jxl(small: bool = True) -> BitWriter:
    """Up to the colour encoding: 16x8 with a ratio, no extra fields, 8 bits, no extra channels, XYB."""
    bits = BitWriter().put(1).put(0, 5).put(7, 3)
    return bits.put(0).put(0).put(0).put(0, 2).put(1).put(0, 2).put(1)


def test_the_jpeg_xl_header_of_display_p3() -> None:
    bits = jxl().put(0).put(0).enum(0).enum(1).enum(11).put(0).enum(13).enum(1)
    header = jxl_header.read(bits.codestream())
    assert (header.width, header.height, header.bits) == (16, 8, 8)
    encoding, note = jxl_encoding(header)
    assert encoding == colour.Encoding("Display P3", P3, WHITE)
    assert note is None


def test_the_jpeg_xl_header_of_a_gamma_with_primaries_of_its_own() -> None:
    bits = jxl().put(0).put(0).enum(0).enum(2)
    for value in (312700, 329000):
        bits.put(1, 2).put(2 * value - 524288, 19)
    bits.enum(2)
    for value in (680000, 320000, 265000, 690000, 150000, 60000):
        packed = 2 * value
        selector, offset, count = next(
            (i, o, c)
            for i, (c, o) in reversed(list(enumerate(((19, 0), (19, 524288), (20, 1048576)))))
            if packed >= o
        )
        bits.put(selector, 2).put(packed - offset, count)
    bits.put(1).put(4545455, 24).enum(1)
    encoding, note = jxl_encoding(jxl_header.read(bits.codestream()))
    assert encoding is not None
    assert encoding.primaries == pytest.approx(P3)
    assert encoding.white == pytest.approx(WHITE)
    assert encoding.gamma == pytest.approx(2.2, abs=1e-5)
    assert note is None


def test_a_jpeg_xl_with_an_icc_profile_is_refused(load_bytes: Load) -> None:
    with pytest.raises(ImageError, match="embedded ICC profile"):
        load_bytes(jxl().put(0).put(1).enum(0).codestream())


def test_a_jpeg_xl_that_is_linear_is_converted(load_bytes: Load) -> None:
    # imagecodecs marks images of 16 bits as linear.
    ramp = np.linspace(0, 65535, 256).astype(np.uint16)[np.newaxis]
    source = load_bytes(imagecodecs.jpegxl_encode(ramp, lossless=True))
    assert "colours converted: sRGB, gamma 1" in source.notes
    assert np.abs(source.pixels - grey(encoded(ramp / 65535) * 255)).max() < 1.1


@pytest.mark.parametrize("size", [(8, 8), (16, 8), (256, 248), (1, 1), (513, 300), (100, 9000), (3, 8194)])
@pytest.mark.parametrize("container", [False, True])
def test_the_jpeg_xl_header_tells_the_size(size: tuple[int, int], container: bool) -> None:
    pixels = np.zeros((size[1], size[0], 3), np.uint8)
    data = imagecodecs.jpegxl_encode(pixels, lossless=True, effort=1, usecontainer=container)
    header = jxl_header.read(boxes.jxl_codestream(data))
    assert (header.width, header.height) == size


def test_a_jpeg_xl_header_that_is_cut_off_is_an_error(load_bytes: Load) -> None:
    with pytest.raises(ImageError, match="the header is cut off"):
        load_bytes(b"\xff\x0a\x01")
