"""What cannot be read is an error with a reason; nothing leaks out of the decoders."""

from __future__ import annotations

import dataclasses
import hashlib
import struct
import warnings
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile

from codecstudy import images
from codecstudy.errors import ImageError
from codecstudy.images import SUFFIXES, formats, readers
from codecstudy.images.raster import Raster
from support.image_files import Load, chunk, colours, saved, tiff

RGB = colours(40, 50)
FILES = {
    "png": saved(RGB, "PNG"),
    "png16": imagecodecs.png_encode(RGB.astype(np.uint16) * 257),
    "jpeg": saved(RGB, "JPEG"),
    "progressive": saved(RGB, "JPEG", progressive=True),
    "tiff": saved(RGB, "TIFF"),
    "lzw": saved(RGB, "TIFF", compression="tiff_lzw"),
    "tiff16": tiff(RGB.astype(np.uint16) * 257, 2),
    "palette": saved(Image.fromarray(RGB).quantize(64), "TIFF", compression="tiff_deflate"),
    "webp": saved(RGB, "WEBP"),
    "lossless": saved(RGB, "WEBP", lossless=True),
    "bmp": saved(RGB, "BMP"),
    "ppm": saved(RGB, "PPM"),
    "avif": saved(RGB, "AVIF"),
    "jxl": imagecodecs.jpegxl_encode(RGB, 90),
    "container": imagecodecs.jpegxl_encode(RGB, 90, usecontainer=True),
}


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.95])
def test_a_truncated_file_is_an_error(
    load_bytes: Load, kind: str, share: float, capfd: pytest.CaptureFixture[str]
) -> None:
    data = FILES[kind]
    with pytest.raises(ImageError, match=r"image\.bin: "):
        load_bytes(data[: int(len(data) * share)])
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "is empty (0 bytes)"),
        (b"just some words\n", "contains text, not an image"),
        ("Grüße aus Köln".encode(), "contains text, not an image"),
        (b"\n<!DOCTYPE html><html>", "is a web page"),
        (b"<html><body>404", "is a web page"),
        (b"GIF89a\1\0\1\0", "is a GIF image"),
        (b"%PDF-1.7", "is a PDF document"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "is a HEIC image"),
        (b"\0\0\0\x14ftypisom\0\0\0\0mp42", "is a video or other media"),
        (b"\x89PNG\r\n\n\0\0\0\rIHDR", "damaged PNG signature"),
        (b"\1\2\3\4\5\6\7\x80", "begins with the bytes 01 02 03 04 05 06 07 80"),
        (b"\0" * 64, "is not an image in a known format"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_image_is_named(load_bytes: Load, data: bytes, says: str) -> None:
    with pytest.raises(ImageError) as raised:
        load_bytes(data, "photo.png")
    assert says in str(raised.value)
    assert "photo.png: " in str(raised.value)


def test_what_cannot_be_opened_is_named(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"gone\.png: cannot be read: No such file"):
        images.load(tmp_path / "gone.png")
    with pytest.raises(ImageError, match="cannot be read: Is a directory"):
        images.load(tmp_path)


@pytest.mark.parametrize("kind", FILES)
def test_too_many_pixels_are_refused_before_they_are_decoded(load_bytes: Load, kind: str) -> None:
    assert load_bytes(FILES[kind], max_pixels=2000).pixels.shape == (40, 50, 3)
    with pytest.raises(ImageError, match=r"has 50x40 = .* megapixels, more than the limit of 0\.001999"):
        load_bytes(FILES[kind], max_pixels=1999)


def giant(kind: str) -> bytes:
    """A file of no more than a kilobyte that states 60000 by 60000 pixels."""
    edge = 60000
    return {
        "png": b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", edge, edge, 8, 2, 0, 0, 0))
        + chunk(b"IDAT", b"")
        + chunk(b"IEND", b""),
        "png16": b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", edge, edge, 16, 6, 0, 0, 0))
        + chunk(b"IDAT", b"")
        + chunk(b"IEND", b""),
        "bmp": b"BM" + struct.pack("<IHHIIiiHHIIiiII", 54, 0, 0, 54, 40, edge, edge, 1, 24, 0, 0, 0, 0, 0, 0),
        "ppm": b"P6 60000 60000 255\n",
        "pgm": b"P2 60000 60000 65535 1 2 3",
        "tiff": tiff(np.zeros((1, 1, 3), np.uint8), 2, t256=edge, t257=edge),
        "tiff16": tiff(np.zeros((1, 1, 3), np.uint16), 2, t256=edge, t257=edge),
        "jpeg": FILES["jpeg"].replace(
            b"\0\x11\x08\0\x28\0\x32", b"\0\x11\x08" + struct.pack(">HH", edge, edge)
        ),
        "webp": b"RIFF\x1e\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0"
        + (edge - 1).to_bytes(3, "little") * 2
        + b"VP8L\0\0\0\0",
        "jxl": b"\xff\x0a" + (0 | 2 << 1 | (edge - 1) << 3 | 1 << 21 | 1 << 24).to_bytes(12, "little"),
    }[kind]


@pytest.mark.parametrize(
    "kind", ["png", "png16", "bmp", "ppm", "pgm", "tiff", "tiff16", "jpeg", "webp", "jxl"]
)
def test_a_decompression_bomb_is_refused_by_default(load_bytes: Load, kind: str) -> None:
    with pytest.raises(
        ImageError, match="60000x60000 = 3600 megapixels, more than the limit of 500: it is a decompr"
    ):
        load_bytes(giant(kind))


def test_the_limit_is_the_callers_and_not_pillows(load_bytes: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    for kind in sorted(FILES.keys() - {"palette"}):
        assert load_bytes(FILES[kind]).pixels.shape == (40, 50, 3)


def test_pillows_settings_are_left_alone(load_bytes: Load) -> None:
    before = (
        Image.MAX_IMAGE_PIXELS,
        ImageFile.MAXBLOCK,
        ImageFile.LOAD_TRUNCATED_IMAGES,
        list(warnings.filters),
    )
    for data in FILES.values():
        load_bytes(data)
    after = (
        Image.MAX_IMAGE_PIXELS,
        ImageFile.MAXBLOCK,
        ImageFile.LOAD_TRUNCATED_IMAGES,
        list(warnings.filters),
    )
    assert before == after


def test_a_warning_of_a_decoder_becomes_a_note(load_bytes: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    def warn(data: bytes, max_pixels: int) -> Raster:
        warnings.warn("odd\n tag", stacklevel=1)
        warnings.warn("odd tag", stacklevel=1)
        return readers.read_png(data, max_pixels)

    png = next(format for format in formats.FORMATS if format.name == "PNG")
    monkeypatch.setattr(formats, "FORMATS", (dataclasses.replace(png, read=warn),))
    assert load_bytes(FILES["png"]).notes == ("decoder warned: odd tag",)


@pytest.mark.parametrize("kind", ["png", "png16", "jpeg", "lzw", "tiff16", "webp", "bmp", "avif", "jxl"])
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_flipped_bytes_give_pixels_or_an_error(load_bytes: Load, kind: str, data: st.DataObject) -> None:
    damaged = bytearray(FILES[kind])
    for _ in range(data.draw(st.integers(1, 8))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    try:
        source = load_bytes(bytes(damaged), max_pixels=1_000_000)
    except ImageError:
        return
    assert source.pixels.dtype == np.uint8
    assert source.pixels.ndim == 3


@pytest.mark.parametrize("kind", FILES)
def test_the_size_is_known_before_decoding(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "image"
    path.write_bytes(FILES[kind])
    assert images.dimensions(path) == (50, 40)


def test_a_damaged_header_warns_nobody(tmp_path: Path) -> None:
    path = tmp_path / "image"
    damaged = bytearray(FILES["tiff"])
    directory = struct.unpack_from("<I", damaged, 4)[0]
    damaged[directory : directory + 2] = b"\xff\x7f"
    path.write_bytes(damaged)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        images.dimensions(path)
    assert not caught


def test_no_size_is_no_error(tmp_path: Path) -> None:
    path = tmp_path / "image"
    path.write_bytes(b"not an image")
    assert images.dimensions(path) is None
    assert images.dimensions(tmp_path / "gone") is None


def test_the_content_hash_is_sha256_of_the_bytes(tmp_path: Path) -> None:
    path = tmp_path / "image"
    path.write_bytes(FILES["png"])
    assert images.content_hash(path) == hashlib.sha256(FILES["png"]).hexdigest()


def test_extensions_are_small_suffixes() -> None:
    assert {
        ".png",
        ".jpg",
        ".jpeg",
        ".tif",
        ".tiff",
        ".webp",
        ".bmp",
        ".ppm",
        ".pgm",
        ".avif",
        ".jxl",
    } <= SUFFIXES
    assert all(suffix == suffix.lower() and suffix.startswith(".") for suffix in SUFFIXES)


def test_the_version_names_what_pixels_depend_on() -> None:
    assert "Pillow" in images.version()
    assert "imagecodecs" in images.version()
