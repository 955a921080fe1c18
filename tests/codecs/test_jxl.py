"""JPEG XL: quality is a distance, and 100 loses nothing."""

from __future__ import annotations

import imagecodecs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codecstudy import codecs
from codecstudy.codecs.jxl import distance_from_quality
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
