"""JPEG: the file has what was asked for."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import ImageFile

from codecstudy import codecs
from codecstudy.types import Setting

NOISE = np.random.default_rng(7).integers(0, 256, (40, 56, 3), dtype=np.uint8)


def segments(data: bytes) -> dict[int, bytes]:
    """First segment of each marker up to the scan, by the marker's second byte."""
    assert data[:2] == b"\xff\xd8"
    found: dict[int, bytes] = {}
    position = 2
    while position < len(data):
        marker, length = data[position + 1], int.from_bytes(data[position + 2 : position + 4], "big")
        assert data[position] == 0xFF
        found.setdefault(marker, data[position + 4 : position + 2 + length])
        if marker == 0xDA:
            break
        position += 2 + length
    return found


def frame(data: bytes) -> tuple[int, list[int]]:
    """Marker of the frame header, and the sampling factors of its components (0x22: 2 by 2)."""
    marker, header = next((m, s) for m, s in segments(data).items() if m in (0xC0, 0xC1, 0xC2))
    return marker, [header[6 + 3 * i + 1] for i in range(header[5])]


def encode(quality: int = 75, sampling: str | None = None, **extra: bool) -> bytes:
    setting = Setting.of(
        "jpeg", quality=quality, chroma_subsampling=sampling, extra_args=tuple(sorted(extra.items()))
    )
    codec = codecs.get("jpeg")
    assert codec.check(setting) is None
    return codec.encode(NOISE, setting)


@pytest.mark.parametrize(
    ("sampling", "factors"),
    [
        ("444", [0x11] * 3),
        ("422", [0x21, 0x11, 0x11]),
        ("420", [0x22, 0x11, 0x11]),
        (None, [0x22, 0x11, 0x11]),
    ],
)
def test_the_file_has_the_chroma_subsampling_that_was_asked_for(
    sampling: str | None, factors: list[int]
) -> None:
    assert frame(encode(sampling=sampling))[1] == factors


def test_progressive_and_baseline_files_have_their_frame_headers() -> None:
    assert frame(encode(progressive=True))[0] == 0xC2
    assert frame(encode(progressive=False))[0] == 0xC0
    assert frame(encode())[0] == 0xC0


def test_optimize_changes_the_tables_and_not_the_picture() -> None:
    codec = codecs.get("jpeg")
    plain, optimized = encode(), encode(optimize=True)
    assert len(optimized) < len(plain)
    assert np.array_equal(codec.decode(plain), codec.decode(optimized))
    assert plain == encode(optimize=False)


def test_optimize_cannot_be_off_in_a_progressive_file() -> None:
    setting = Setting.of("jpeg", quality=75, extra_args=(("optimize", False), ("progressive", True)))
    assert "optimize = false has no effect" in str(codecs.get("jpeg").check(setting))


def test_quality_zero_is_the_coarsest_and_equals_one() -> None:
    assert encode(0) == encode(1)
    assert len(encode(0)) <= len(encode(2)) < len(encode(10))
    assert max(segments(encode(0))[0xDB][1:65]) == 255


def test_quality_100_quantizes_by_one() -> None:
    assert set(segments(encode(100))[0xDB][1:65]) == {1}


@pytest.mark.parametrize("extra", ["progressive", "optimize"])
def test_noise_at_full_quality_fits_the_output_block(extra: str, capfd: pytest.CaptureFixture[str]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (400, 500, 3), dtype=np.uint8)
    codec, before = codecs.get("jpeg"), ImageFile.MAXBLOCK
    data = codec.encode(
        pixels, Setting.of("jpeg", quality=100, chroma_subsampling="444", extra_args=((extra, True),))
    )
    assert np.abs(codec.decode(data).astype(int) - pixels).max() <= 4
    assert before == ImageFile.MAXBLOCK
    assert capfd.readouterr().err == ""
