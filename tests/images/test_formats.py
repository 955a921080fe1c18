"""Every format gives the samples that were written, whatever the file is called."""

from __future__ import annotations

import io
import struct
import zlib

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from support.image_files import Load, chunk, colours, flattened, grey, rounded, saved, tiff

RGB = colours()
RGBA = colours(channels=4)
DEEP = colours(dtype=np.uint16)
DEEP_ALPHA = colours(channels=4, dtype=np.uint16)


@pytest.mark.parametrize(
    ("data", "format"),
    [
        (saved(RGB, "PNG"), "PNG"),
        (saved(RGB, "BMP"), "BMP"),
        (saved(RGB, "PPM"), "PNM"),
        (saved(RGB, "TIFF"), "TIFF"),
        (saved(RGB, "TIFF", compression="tiff_lzw"), "TIFF"),
        (saved(RGB, "WEBP", lossless=True), "WebP"),
        (imagecodecs.jpegxl_encode(RGB, lossless=True), "JXL"),
        (imagecodecs.jpegxl_encode(RGB, lossless=True, usecontainer=True), "JXL"),
    ],
    ids=["png", "bmp", "ppm", "tiff", "tiff-lzw", "webp", "jxl", "jxl-container"],
)
@pytest.mark.parametrize("name", ["right.png", "wrong.jpg", "none"])
def test_lossless_formats_come_back_exactly(load_bytes: Load, data: bytes, format: str, name: str) -> None:
    source = load_bytes(data, name)
    assert source.format == format
    assert source.notes == ()
    assert np.array_equal(source.pixels, RGB)
    assert source.pixels.dtype == np.uint8
    assert source.pixels.flags.c_contiguous
    assert source.pixels.flags.writeable


@pytest.mark.parametrize(("pillow", "format"), [("JPEG", "JPEG"), ("AVIF", "AVIF")])
def test_lossy_formats_come_back_as_pillow_decodes_them(load_bytes: Load, pillow: str, format: str) -> None:
    data = saved(np.repeat(np.repeat(RGB, 8, 0), 8, 1), pillow, quality=90)
    source = load_bytes(data)
    assert source.format == format
    assert source.pixels.flags.writeable
    with Image.open(io.BytesIO(data)) as image:
        assert np.abs(source.pixels.astype(int) - np.asarray(image.convert("RGB"))).max() <= 1


@pytest.mark.parametrize(
    "data",
    [
        imagecodecs.png_encode(DEEP),
        tiff(DEEP, 2),
        b"P6 11 9 65535\n" + DEEP.astype(">u2").tobytes(),
    ],
    ids=["png", "tiff", "ppm"],
)
def test_16_bits_are_rounded_and_not_truncated(load_bytes: Load, data: bytes) -> None:
    source = load_bytes(data)
    assert source.notes == ("16 bit rounded to 8",)
    assert np.array_equal(source.pixels, rounded(DEEP))
    assert not np.array_equal(source.pixels, (DEEP >> 8).astype(np.uint8))


def test_every_16_bit_value_is_rounded_to_the_nearest(load_bytes: Load) -> None:
    every = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    assert np.array_equal(load_bytes(imagecodecs.png_encode(every)).pixels, grey(rounded(every)))


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (imagecodecs.png_encode(DEEP[:, :, 0].copy()), rounded(DEEP[:, :, 0])),
        (tiff(DEEP[:, :, 0], 1), rounded(DEEP[:, :, 0])),
        (tiff(DEEP[:, :, 0], 0), rounded(65535 - DEEP[:, :, 0])),
        (tiff(RGB[:, :, 0], 0), 255 - RGB[:, :, 0]),
        (b"P5\n# remark\n11 9\n65535\n" + DEEP[:, :, 0].astype(">u2").tobytes(), rounded(DEEP[:, :, 0])),
        (saved(RGB[:, :, 0], "PNG"), RGB[:, :, 0]),
        (
            saved(Image.fromarray(RGB).convert("1"), "PNG"),
            np.asarray(Image.fromarray(RGB).convert("1")) * 255,
        ),
        (imagecodecs.jpegxl_encode(RGB[:, :, 0].copy(), lossless=True), RGB[:, :, 0]),
    ],
    ids=["png16", "tiff16", "tiff16-inverted", "tiff8-inverted", "pgm16", "png8", "png1", "jxl8"],
)
def test_grey_is_expanded(load_bytes: Load, data: bytes, expected: np.ndarray) -> None:  # type: ignore[type-arg]
    source = load_bytes(data)
    assert "grey expanded" in source.notes
    assert np.array_equal(source.pixels, grey(expected))


def test_planes_of_a_tiff_are_put_together(load_bytes: Load) -> None:
    planes = np.ascontiguousarray(np.moveaxis(DEEP, 2, 0))
    size = DEEP[:, :, 0].nbytes
    data = bytearray(tiff(planes.reshape(9, 11, 3), 2, t284=2, t278=9))
    # Three strips in place of one: their offsets and sizes go behind the samples.
    start = len(data) - planes.nbytes
    tables = len(data)
    data += struct.pack("<3I", *(start + i * size for i in range(3))) + struct.pack("<3I", *(size,) * 3)
    for position in range(10, 10 + 12 * 10, 12):
        tag = struct.unpack_from("<H", data, position)[0]
        if tag in (273, 279):
            struct.pack_into("<HHII", data, position, tag, 4, 3, tables + (12 if tag == 279 else 0))
    assert np.array_equal(load_bytes(bytes(data)).pixels, rounded(DEEP))


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (saved(RGBA, "PNG"), flattened(RGBA, 255)),
        (saved(RGBA, "WEBP", lossless=True, exact=True), flattened(RGBA, 255)),
        (imagecodecs.jpegxl_encode(RGBA, lossless=True), flattened(RGBA, 255)),
        (imagecodecs.png_encode(DEEP_ALPHA), flattened(DEEP_ALPHA, 65535)),
        (tiff(DEEP_ALPHA, 2, t338=2), flattened(DEEP_ALPHA, 65535)),
        (tiff(RGBA, 2, t338=2), flattened(RGBA, 255)),
    ],
    ids=["png8", "webp", "jxl", "png16", "tiff16", "tiff8"],
)
def test_alpha_is_flattened_on_white(load_bytes: Load, data: bytes, expected: np.ndarray) -> None:  # type: ignore[type-arg]
    source = load_bytes(data)
    assert "alpha flattened on white" in source.notes
    assert np.array_equal(source.pixels, expected)


def test_colour_that_was_multiplied_by_alpha_is_flattened_alike(load_bytes: Load) -> None:
    alpha = DEEP_ALPHA[:, :, 3:]
    multiplied = np.round(DEEP_ALPHA[:, :, :3].astype(float) * alpha / 65535).astype(np.uint16)
    source = load_bytes(tiff(np.concatenate([multiplied, alpha], axis=2), 2, t338=1))
    assert np.abs(source.pixels.astype(int) - flattened(DEEP_ALPHA, 65535)).max() <= 1


def test_a_fourth_channel_that_is_no_alpha_is_left_out(load_bytes: Load) -> None:
    assert np.array_equal(load_bytes(tiff(DEEP_ALPHA, 2, t338=0)).pixels, rounded(DEEP_ALPHA[:, :, :3]))


def test_alpha_that_hides_nothing_needs_no_note(load_bytes: Load) -> None:
    opaque = RGBA.copy()
    opaque[:, :, 3] = 255
    assert load_bytes(saved(opaque, "PNG")).notes == ()


def test_palettes_are_expanded_with_their_transparency(load_bytes: Load) -> None:
    palette = Image.fromarray(RGB).quantize(16)
    assert load_bytes(saved(palette, "PNG")).notes == ("palette expanded",)
    assert np.array_equal(load_bytes(saved(palette, "PNG")).pixels, np.asarray(palette.convert("RGB")))
    clear = load_bytes(saved(palette, "PNG", transparency=bytes([0] * 16)))
    assert clear.notes == ("palette expanded", "alpha flattened on white")
    assert (clear.pixels == 255).all()


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_a_transparent_grey_becomes_white(load_bytes: Load, bits: int) -> None:
    # One row: all black, then one pixel of the grey 1 that tRNS makes transparent.
    row = {1: b"\x40", 2: b"\x10", 4: b"\x01", 8: b"\x00\x01", 16: b"\x00\x00\x00\x01"}[bits]
    data = (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 1, bits, 0, 0, 0, 0))
        + chunk(b"tRNS", b"\0\x01")
        + chunk(b"IDAT", zlib.compress(b"\0" + row))
        + chunk(b"IEND", b"")
    )
    assert load_bytes(data).pixels.tolist() == [[[0, 0, 0], [255, 255, 255]]]


@pytest.mark.parametrize(
    "data",
    [
        saved(Image.fromarray(RGB), "PNG", save_all=True, append_images=[Image.fromarray(255 - RGB)]),
        saved(
            Image.fromarray(RGB),
            "WEBP",
            save_all=True,
            append_images=[Image.fromarray(255 - RGB)],
            lossless=True,
        ),
        saved(Image.fromarray(RGB), "TIFF", save_all=True, append_images=[Image.fromarray(255 - RGB)]),
    ],
    ids=["apng", "webp", "tiff"],
)
def test_the_first_of_several_frames_is_taken(load_bytes: Load, data: bytes) -> None:
    source = load_bytes(data)
    assert source.notes == ("first of 2 frames used",)
    assert np.array_equal(source.pixels, RGB)


def test_an_animated_jpeg_xl_gives_its_first_frame(load_bytes: Load) -> None:
    data = imagecodecs.jpegxl_encode(np.stack([RGB, 255 - RGB]), lossless=True, photometric="RGB")
    source = load_bytes(data)
    assert source.notes == ("first frame used",)
    assert np.array_equal(source.pixels, RGB)


def test_a_10_bit_avif_is_rounded(load_bytes: Load) -> None:
    ramp = np.repeat(np.linspace(0, 1023, 64).round().astype(np.uint16)[np.newaxis], 64, axis=0)
    data = imagecodecs.avif_encode(grey(ramp), level=100, bitspersample=10, pixelformat="444", speed=10)
    source = load_bytes(data)
    assert source.notes == ("10 bit rounded to 8",)
    assert np.abs(source.pixels.astype(int) - grey(rounded(ramp, 1023))).max() <= 1


def test_cmyk_without_a_profile_is_converted_and_said(load_bytes: Load) -> None:
    inks = np.array([[[0, 0, 0, 0], [255, 0, 0, 0], [0, 0, 0, 255], [0, 128, 0, 0]]], np.uint8)
    image = Image.frombytes("CMYK", (4, 1), inks.tobytes())
    source = load_bytes(saved(image, "TIFF"))
    assert source.notes == ("CMYK converted without a profile",)
    assert source.pixels.tolist() == [[[255, 255, 255], [0, 255, 255], [0, 0, 0], [255, 127, 255]]]
    jpeg = load_bytes(saved(image.resize((32, 8), Image.Resampling.NEAREST), "JPEG", quality=100))
    assert jpeg.notes == ("CMYK converted without a profile",)
    assert np.abs(jpeg.pixels[0, ::8].astype(int) - source.pixels[0]).max() < 12


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["jpeg", "png8", "png16", "webp", "tiff8", "tiff16", "tiff-palette", "avif"])
def test_the_exif_orientation_is_applied(load_bytes: Load, kind: str, orientation: int) -> None:
    block = np.zeros((24, 40, 3), np.uint8)
    block[:12, :20] = 250
    block[12:, 20:] = 120
    turned = {
        1: lambda a: a,
        2: np.fliplr,
        3: lambda a: np.rot90(a, 2),
        4: np.flipud,
        5: lambda a: np.swapaxes(a, 0, 1),
        6: lambda a: np.rot90(a, -1),
        7: lambda a: np.rot90(np.swapaxes(a, 0, 1), 2),
        8: np.rot90,
    }[orientation](block)
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = Image.fromarray(block)
    data = {
        "jpeg": lambda: saved(image, "JPEG", quality=95, exif=exif),
        "png8": lambda: saved(image, "PNG", exif=exif),
        "png16": lambda: _with_exif(imagecodecs.png_encode(block.astype(np.uint16) * 257), exif),
        "webp": lambda: saved(image, "WEBP", lossless=True, exif=exif),
        "tiff8": lambda: tiff(block, 2, t274=orientation),
        "tiff16": lambda: tiff(block.astype(np.uint16) * 257, 2, t274=orientation),
        "tiff-palette": lambda: saved(image.quantize(8), "TIFF", tiffinfo={274: orientation}),
        "avif": lambda: saved(image, "AVIF", quality=95, subsampling="4:4:4", exif=exif),
    }[kind]()
    source = load_bytes(data)
    assert source.pixels.shape == turned.shape
    assert np.abs(source.pixels.astype(int) - turned).mean() < 3
    said = f"EXIF orientation {orientation} applied"
    assert (said in source.notes) == (orientation != 1)


def _with_exif(png: bytes, exif: Image.Exif) -> bytes:
    return png[:33] + chunk(b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0")) + png[33:]


def test_damaged_exif_is_no_reason_to_refuse_a_picture(load_bytes: Load) -> None:
    data = saved(RGB, "JPEG", quality=90, exif=b"Exif\0\0II*\0\xff\xff\xff\x7fgarbage")
    assert load_bytes(data).pixels.shape == RGB.shape
