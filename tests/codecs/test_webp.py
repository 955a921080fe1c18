"""WebP: lossy by quality, lossless on request."""

from __future__ import annotations

import numpy as np
import pytest

from codecstudy import codecs
from codecstudy.errors import CodecError
from codecstudy.types import Setting

NOISE = np.random.default_rng(3).integers(0, 256, (33, 47, 3), dtype=np.uint8)
LOSSLESS = (("lossless", True),)


def chunk(data: bytes) -> bytes:
    """Type of the first chunk: ``VP8 `` is lossy, ``VP8L`` lossless."""
    assert data[:4] == b"RIFF"
    assert data[8:12] == b"WEBP"
    return data[12:16]


def test_a_lossy_file_is_lossy_and_a_lossless_one_exact() -> None:
    codec = codecs.get("webp")
    lossy = codec.encode(NOISE, Setting.of("webp", quality=100))
    exact = codec.encode(NOISE, Setting.of("webp", extra_args=LOSSLESS))
    assert chunk(lossy) == b"VP8 "
    assert chunk(exact) == b"VP8L"
    assert not np.array_equal(codec.decode(lossy), NOISE)
    assert np.array_equal(codec.decode(exact), NOISE)
    assert codec.encode(
        NOISE, Setting.of("webp", quality=80, extra_args=(("lossless", False),))
    ) == codec.encode(NOISE, Setting.of("webp", quality=80))


@pytest.mark.parametrize("effort", [0, 40, 100])
def test_lossless_stays_exact_whatever_its_effort(effort: int) -> None:
    codec = codecs.get("webp")
    setting = Setting.of("webp", quality=effort, extra_args=LOSSLESS)
    assert codec.check(setting) is None
    assert np.array_equal(codec.decode(codec.encode(NOISE, setting)), NOISE)


def test_the_method_reaches_the_encoder_and_four_is_the_default() -> None:
    codec = codecs.get("webp")
    y, x = np.mgrid[0:96, 0:96]
    pixels = np.stack([x * 2, y * 2, (x * y) % 256], axis=2).astype(np.uint8)
    files = {
        method: codec.encode(pixels, Setting.of("webp", quality=80, method=method)) for method in range(7)
    }
    assert len(set(files.values())) >= 4
    assert codec.encode(pixels, Setting.of("webp", quality=80)) == files[4]


def test_an_image_that_is_too_wide_for_the_format_is_an_error_that_says_so() -> None:
    with pytest.raises(CodecError, match=r"WebP could not encode 16384x1 pixels: .*16383"):
        codecs.get("webp").encode(np.zeros((1, 16384, 3), np.uint8), Setting.of("webp", quality=50))
