"""AVIF through imagecodecs: what was asked for is in the file, at every depth."""

from __future__ import annotations

from collections.abc import Iterator

import imagecodecs
import numpy as np
import pytest

from codecstudy import codecs
from codecstudy.codecs import libavif
from codecstudy.errors import CodecError
from codecstudy.images.boxes import avif_facts
from codecstudy.study import StudyConfig
from codecstudy.types import Pixels, Setting

rng = np.random.default_rng(11)
PICTURE = np.clip(np.mgrid[0:64, 0:72][0][:, :, None] * 3 + rng.normal(0, 20, (64, 72, 3)), 0, 255).astype(
    np.uint8
)


def setting(
    quality: int = 60, sampling: str | None = None, speed: int | None = 9, depth: int | None = None
) -> Setting:
    return Setting.of("avif", quality=quality, chroma_subsampling=sampling, speed=speed, depth=depth)


def encode(given: Setting, pixels: Pixels = PICTURE) -> bytes:
    codec = codecs.get("avif")
    assert codec.check(given) is None
    return codec.encoded(pixels, given).data


def decode(data: bytes) -> Pixels:
    return codecs.get("avif").decoded(data).pixels


def boxes(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    while start < end:
        size = int.from_bytes(data[start : start + 4], "big")
        yield data[start + 4 : start + 8], start + 8, start + size
        start += size


def av1c(data: bytes) -> tuple[int, int, int, int]:
    """Profile, monochrome, and horizontal and vertical chroma subsampling of box ``av1C``."""
    start, end = 0, len(data)
    for name, skip in ((b"meta", 4), (b"iprp", 0), (b"ipco", 0), (b"av1C", 0)):
        start, end = next((s + skip, e) for kind, s, e in boxes(data, start, end) if kind == name)
    profile, flags = data[start + 1] >> 5, data[start + 2]
    return profile, flags >> 4 & 1, flags >> 3 & 1, flags >> 2 & 1


@pytest.mark.parametrize(
    ("sampling", "expected"),
    [
        ("444", (1, 0, 0, 0)),
        ("422", (2, 0, 1, 0)),
        ("420", (0, 0, 1, 1)),
        ("400", (0, 1, 1, 1)),
        (None, (0, 0, 1, 1)),
    ],
)
def test_the_file_has_the_chroma_subsampling_that_was_asked_for(
    sampling: str | None, expected: tuple[int, int, int, int]
) -> None:
    assert av1c(encode(setting(sampling=sampling))) == expected


def test_400_decodes_to_three_equal_channels() -> None:
    decoded = decode(encode(setting(90, "400")))
    assert np.array_equal(decoded[:, :, 0], decoded[:, :, 1])
    assert np.array_equal(decoded[:, :, 0], decoded[:, :, 2])


def test_speed_reaches_the_encoder_and_six_is_the_default() -> None:
    assert encode(setting(speed=None)) == encode(setting(speed=6)) != encode(setting(speed=9))


def test_the_default_speed_depth_and_tune_are_stated() -> None:
    options = codecs.get("avif").options(Setting.of("avif", quality=50))
    assert options == {
        "quality": 50,
        "chroma_subsampling": "420",
        "speed": 6,
        "depth": 8,
        "tune": "iq",
        "range": "full",
        "tile_rows": 0,
        "tile_cols": 0,
        "threads": 1,
    }


@pytest.mark.parametrize(
    ("library", "libaom", "quality", "tune"),
    [
        ("1.4.2", "3.14.1", 99, "iq"),
        ("1.4.0", "3.13.0", 0, "iq"),
        ("1.4.0", "v3.12.1", 60, "ssim"),
        ("1.3.0", "3.13.1", 60, "ssim"),
        ("1.4.2", "", 60, "ssim"),
        ("1.4.2", "3.14.1", 100, "psnr"),
    ],
)
def test_the_default_tune_is_that_of_libavif(library: str, libaom: str, quality: int, tune: str) -> None:
    assert libavif.default_tune(library, libaom, quality) == tune


def test_the_tune_that_is_stated_is_the_one_that_was_used() -> None:
    # Pillow's build can be given a tune, and has the same default.
    pillow = codecs.get("avif-pillow")
    plain = Setting.of("avif", encoder="avif-pillow", quality=60, speed=9)
    stated = pillow.options(plain)["tune"]
    assert stated == codecs.get("avif").options(setting())["tune"]
    files = {
        tune: pillow.encoded(
            PICTURE, Setting.of("avif", encoder="avif-pillow", quality=60, speed=9, extra_args=extra)
        )
        for tune, extra in (("default", {}), ("iq", {"tune": "iq"}), ("ssim", {"tune": "ssim"}))
    }
    assert files["default"].data == files[str(stated)].data != files["ssim"].data


@pytest.mark.parametrize("depth", [8, 10, 12])
def test_the_file_has_the_depth_that_was_asked_for(depth: int) -> None:
    assert avif_facts(encode(setting(depth=depth))).bits == depth


@pytest.mark.parametrize("depth", [10, 12])
def test_samples_are_widened_and_rounded_back_exactly(depth: int) -> None:
    values = np.arange(256, dtype=np.uint8).repeat(4).reshape(32, 32)
    grey = np.dstack([values] * 3)
    # Lossless in YCbCr, whose rounding is finer than a step of 8 bits.
    assert np.array_equal(decode(encode(setting(100, "444", depth=depth), grey)), grey)


def test_a_deeper_file_is_closer_to_the_source() -> None:
    def error(depth: int) -> float:
        return float(np.abs(decode(encode(setting(99, "444", depth=depth))).astype(int) - PICTURE).mean())

    assert error(12) < error(10) < error(8)


def test_quality_100_needs_full_chroma() -> None:
    codec = codecs.get("avif")
    assert "with chroma_subsampling 444 only" in str(codec.check(setting(100)))
    assert codec.check(setting(100, "444")) is None
    with pytest.raises(CodecError, match="name the encoder avif-pillow"):
        codec.encoded(PICTURE, setting(100, "420"))


def test_a_study_that_goes_up_to_100_with_reduced_chroma_goes_to_pillows_build() -> None:
    def encoders(**keys: object) -> set[str]:
        entry = {"format": "avif", **keys}
        document = {"id": "s", "dataset": {"id": "d"}, "encoders": [entry]}
        return {s.encoder for s in StudyConfig.model_validate(document).settings()}

    assert encoders(quality=[50, 100]) == {"avif-pillow"}
    assert encoders(quality=[50, 100], chroma_subsampling="444") == {"avif"}
    assert encoders(quality=[50, 99]) == {"avif"}
    assert encoders(quality=50, extra_args={"tune": "ssim"}) == {"avif-pillow"}


def test_the_version_says_which_build_it_is() -> None:
    version = codecs.get("avif").version()
    assert version.startswith("libaom 3.")
    assert f"imagecodecs {imagecodecs.__version__}" in version
    assert "Pillow" in codecs.get("avif-pillow").version()


def test_damaged_files_are_refused() -> None:
    data = encode(setting(depth=10))
    for damaged in (b"", data[:40], data[: len(data) // 2]):
        with pytest.raises(CodecError, match="could not be decoded"):
            decode(damaged)
