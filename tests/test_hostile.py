"""Odd and corrupt files of public test suites: each ends as pixels or as an error with a reason."""

from __future__ import annotations

from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from codecstudy import images
from codecstudy.errors import ImageError

HOSTILE = Path(__file__).resolve().parents[2] / "shared" / "hostile"
FILES = sorted(path for path in HOSTILE.rglob("*") if path.is_file()) if HOSTILE.is_dir() else []

pytestmark = pytest.mark.skipif(not FILES, reason="no folder ../shared/hostile beside the checkout")

SUITE = HOSTILE / "pngsuite"


def test_every_file_ends_as_pixels_or_as_an_error(capfd: pytest.CaptureFixture[str]) -> None:
    good, refused = 0, {}
    for path in FILES:
        try:
            source = images.load(path)
        except ImageError as error:
            refused[path] = str(error)
        else:
            good += 1
            assert source.pixels.dtype == np.uint8
            assert source.pixels.shape[2:] == (3,)
            assert images.dimensions(path) == source.pixels.shape[1::-1]
    assert good > 180
    assert set(SUITE.glob("x*.png")) <= refused.keys()
    for path, reason in refused.items():
        assert reason.startswith(f"{path}: ")
        assert len(reason) > len(str(path)) + 15
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("pngsuite/xc1n0g08.png", "colour type 1 with 8 bits does not exist"),
        ("pngsuite/xd0n2c08.png", "colour type 2 with 0 bits does not exist"),
        ("pngsuite/xcsn0g01.png", "the checksum of chunk IDAT"),
        ("pngsuite/xhdn0g08.png", "the checksum of chunk IHDR"),
        ("pngsuite/xdtn0g01.png", "no image data (chunk IDAT)"),
        ("pngsuite/xcrn0g04.png", "damaged PNG signature"),
        ("pngsuite/xs1n0g01.png", "damaged PNG signature"),
        ("bmp/Bad_reallybig.bad_bmp", "6000000 megapixels, more than the limit of 500"),
        ("bmp/Bad_shortfile.bad_bmp", "truncated"),
        ("README.md", "contains text, not an image"),
    ],
)
def test_the_reason_is_the_real_one(name: str, says: str) -> None:
    with pytest.raises(ImageError) as raised:
        images.load(HOSTILE / name)
    assert says in str(raised.value)


@pytest.mark.parametrize("path", sorted(SUITE.glob("basi*.png")), ids=lambda path: path.stem)
def test_interlaced_files_equal_their_plain_twins(path: Path) -> None:
    twin = path.with_name(path.name.replace("basi", "basn"))
    assert np.array_equal(images.load(path).pixels, images.load(twin).pixels)


@pytest.mark.parametrize("path", sorted(SUITE.glob("f*.png")), ids=lambda path: path.stem)
def test_files_without_colour_chunks_are_what_another_decoder_says(path: Path) -> None:
    with Image.open(path) as image:
        expected = np.asarray(image.convert("RGB"))
    assert np.array_equal(images.load(path).pixels, expected)


def test_a_linear_file_is_shown_lighter() -> None:
    coded = imagecodecs.png_decode((SUITE / "basn0g08.png").read_bytes()) / 255.0
    exact = 255 * np.where(coded <= 0.0031308, coded * 12.92, 1.055 * coded ** (1 / 2.4) - 0.055)
    assert np.abs(images.load(SUITE / "basn0g08.png").pixels[:, :, 0] - exact).max() < 1.1
