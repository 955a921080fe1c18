"""JPEG XL: quality is a distance, and 100 loses nothing."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from codecstudy import codecs
from codecstudy.codecs.jxl import distance_from_quality
from codecstudy.images import jxl_header
from codecstudy.types import Scalar, Setting

NOISE = np.random.default_rng(5).integers(0, 256, (41, 57, 3), dtype=np.uint8)


def encode(quality: int | None = None, effort: int | None = 3, **extra: Scalar) -> bytes:
    setting = Setting.of("jxl", quality=quality, effort=effort, extra_args=tuple(sorted(extra.items())))
    codec = codecs.get("jxl")
    assert codec.check(setting) is None
    return codec.encode(NOISE, setting)


@pytest.mark.parametrize(
    ("quality", "distance"),
    [
        (100, 0.0),
        (99, 0.19),
        (95, 0.55),
        (90, 1.0),
        (80, 1.9),
        (75, 2.35),
        (50, 4.6),
        (30, 6.4),
        (29, 6.507666666666667),
        (20, 9.066666666666666),
        (10, 15.266666666666667),
        (1, 23.867666666666668),
        (0, 25.0),
    ],
)
def test_quality_maps_to_the_distance_that_libjxl_states(quality: int, distance: float) -> None:
    assert distance_from_quality(quality) == pytest.approx(distance, abs=1e-12)


@given(st.integers(0, 99))
def test_distance_falls_as_quality_rises(quality: int) -> None:
    assert 25 >= distance_from_quality(quality) > distance_from_quality(quality + 1) >= 0


@pytest.mark.parametrize("quality", [-1, 101, float("nan")])
def test_quality_outside_the_scale_has_no_distance(quality: float) -> None:
    with pytest.raises(ValueError, match="quality must be 0 to 100"):
        distance_from_quality(quality)


@pytest.mark.parametrize("quality", [0, 10, 29, 30, 31, 50, 75, 90, 99])
def test_the_bytes_are_those_of_libjxls_own_mapping(quality: int) -> None:
    own = imagecodecs.jpegxl_encode(NOISE, quality, effort=3, usecontainer=False, numthreads=1)
    assert encode(quality) == own


def test_distance_is_another_way_to_say_quality() -> None:
    assert encode(90) == encode(distance=1.0) == encode(distance=1)
    assert encode(50) == encode(distance=distance_from_quality(50))
    assert encode(100) == encode(distance=0) == encode(distance=0.0)


def test_quality_and_distance_together_are_refused() -> None:
    setting = Setting.of("jxl", quality=90, extra_args=(("distance", 1.0),))
    assert "quality or distance, not both" in str(codecs.get("jxl").check(setting))


@pytest.mark.parametrize("effort", range(1, 11))
def test_quality_100_is_exact_at_every_effort(effort: int) -> None:
    assert np.array_equal(codecs.get("jxl").decode(encode(100, effort)), NOISE)


def test_quality_99_is_not_exact() -> None:
    assert not np.array_equal(codecs.get("jxl").decode(encode(99)), NOISE)


def test_the_default_effort_is_libjxls_seven() -> None:
    assert encode(80, None) == encode(80, 7) != encode(80, 5)


def test_the_decoding_speed_reaches_the_encoder() -> None:
    assert encode(80, 7, decodingspeed=4) != encode(80, 7)
    assert encode(80, 7, decodingspeed=0) == encode(80, 7)


@pytest.mark.parametrize("quality", [80, 100])
def test_the_file_is_a_bare_codestream_that_says_srgb(quality: int) -> None:
    data = encode(quality)
    assert data[:2] == b"\xff\x0a"
    # Size header: not small; 9-bit height; ratio 0; 9-bit width: 1 + 11 + 3 + 11 bits.
    bits = int.from_bytes(data[2:16], "little") >> 26
    all_default = bits & 1
    if all_default:  # XYB coded, 8 bits, sRGB: what a lossy file says in one bit
        assert quality == 80
        return
    # Else: no extra fields, 8-bit integers, 16-bit buffers, no extra channels, not XYB, colour all default.
    assert quality == 100
    extra_fields, floating, depth = bits >> 1 & 1, bits >> 2 & 1, bits >> 3 & 3
    channels, xyb, default_colour = bits >> 6 & 3, bits >> 8 & 1, bits >> 9 & 1
    assert (extra_fields, floating, depth, channels, xyb, default_colour) == (0, 0, 0, 0, 0, 1)


def error(pixels: NDArray[np.uint8], source: NDArray[np.uint8]) -> float:
    """Mean squared error."""
    return float(np.mean((pixels.astype(float) - source) ** 2))


def test_the_decoder_does_not_dither() -> None:
    # A smooth image, which 99 reproduces almost exactly: libjxl's dither to 8 bits is most of the error.
    y, x = np.mgrid[0:64, 0:64] * 1.7
    smooth = np.stack([x, y, (x + y) / 2], axis=2).round().astype(np.uint8) + 20
    data = codecs.get("jxl").encode(smooth, Setting.of("jxl", quality=99))
    dithered = imagecodecs.jpegxl_decode(data)
    assert dithered.dtype == np.uint8
    assert error(codecs.get("jxl").decode(data), smooth) < 0.9 * error(dithered, smooth)
    assert codecs.get("jxl").options(Setting.of("jxl", quality=99))["decoded_depth"] == 16
    assert "decoded to 16 bits" in codecs.get("jxl").version()


@pytest.mark.parametrize("shape", [(1, 1), (8, 8), (64, 48), (300, 2), (9, 600)])
@pytest.mark.parametrize("quality", [10, 90])
def test_a_header_that_says_16_bits_changes_nothing_else(shape: tuple[int, int], quality: int) -> None:
    pixels = np.random.default_rng(2).integers(0, 256, (*shape, 3), dtype=np.uint8)
    data = codecs.get("jxl").encode(pixels, Setting.of("jxl", quality=quality, effort=1))
    changed = jxl_header.declared_16_bits(data)
    header, before = jxl_header.read(changed), jxl_header.read(data)
    assert (header.bits, before.bits) == (16, 8)
    header.bits = 8
    assert header == before
    wide = imagecodecs.jpegxl_decode(changed)
    assert wide.dtype == np.uint16
    assert np.abs(wide / 257 - imagecodecs.jpegxl_decode(data)).max() <= 1.01


def test_a_header_that_says_more_than_the_defaults_is_left_as_it_is() -> None:
    exact = encode(100)
    assert jxl_header.declared_16_bits(exact) == exact
    with pytest.raises(ValueError, match="does not begin with its signature"):
        jxl_header.declared_16_bits(b"no image")


@pytest.mark.skipif(shutil.which("djxl") is None, reason="djxl is not on PATH (Debian: libjxl-tools)")
def test_djxl_decodes_the_changed_file_to_the_same_pixels(tmp_path: Path) -> None:
    data = encode(90)
    (tmp_path / "changed.jxl").write_bytes(jxl_header.declared_16_bits(data))
    command = ["djxl", str(tmp_path / "changed.jxl"), str(tmp_path / "out.png")]
    subprocess.run(command, check=True, capture_output=True)
    wide = imagecodecs.png_decode((tmp_path / "out.png").read_bytes())
    assert wide.dtype == np.uint16
    # Two versions of libjxl round differently now and then.
    assert np.abs(np.rint(wide / 257) - codecs.get("jxl").decode(data)).max() <= 1
