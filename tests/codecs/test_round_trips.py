"""What holds for every built-in codec."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from codecstudy import codecs
from codecstudy.errors import CodecError
from codecstudy.types import Setting

FORMATS = ("jpeg", "webp", "avif", "jxl")
SHAPES = ((1, 1), (1, 9), (9, 1), (3, 3), (3, 5), (5, 7), (17, 33))


def noise(height: int, width: int) -> NDArray[np.uint8]:
    return np.random.default_rng(height * 1000 + width).integers(0, 256, (height, width, 3), dtype=np.uint8)


def smooth(size: int = 48) -> NDArray[np.uint8]:
    y, x = np.mgrid[0:size, 0:size] * (255 / (size - 1))
    return np.stack([x, y, (x + y) / 2], axis=2).astype(np.uint8)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("shape", SHAPES, ids=lambda s: f"{s[1]}x{s[0]}")
def test_any_size_comes_back_as_canonical_pixels(format: str, shape: tuple[int, int]) -> None:
    codec, pixels = codecs.get(format), noise(*shape)
    sampling = codec.facts.parameter("chroma_subsampling")
    for chroma in sampling.choices if sampling and sampling.choices else (None,):
        decoded = codec.decode(
            codec.encode(
                pixels, Setting.of(format, quality=60, chroma_subsampling=str(chroma) if chroma else None)
            )
        )
        assert decoded.shape == pixels.shape
        assert decoded.dtype == np.uint8
        assert decoded.flags.c_contiguous


@pytest.mark.parametrize("format", FORMATS)
def test_colours_come_back_close_to_what_they_were(format: str) -> None:
    codec, pixels = codecs.get(format), smooth()
    decoded = codec.decode(codec.encode(pixels, Setting.of(format, quality=90)))
    assert np.abs(decoded.astype(int) - pixels).mean() < 4


@pytest.mark.parametrize("format", FORMATS)
def test_higher_quality_makes_larger_and_better_files(format: str) -> None:
    codec, pixels = codecs.get(format), np.tile(noise(16, 16), (3, 3, 1)) // 2 + smooth() // 2
    files = [codec.encode(pixels, Setting.of(format, quality=quality)) for quality in (10, 50, 90)]
    errors = [float(np.abs(codec.decode(file).astype(int) - pixels).mean()) for file in files]
    assert len(files[0]) < len(files[1]) < len(files[2])
    assert errors[0] > errors[1] > errors[2]


@pytest.mark.parametrize("format", FORMATS)
def test_the_input_may_be_a_view_and_is_left_as_it_was(format: str) -> None:
    codec, pixels = codecs.get(format), noise(20, 30)
    view = pixels[2:18, 1:-1][:, ::-1]
    kept = view.copy()
    assert codec.encode(view, Setting.of(format, quality=50)) == codec.encode(
        kept, Setting.of(format, quality=50)
    )
    assert np.array_equal(view, kept)


@pytest.mark.parametrize("format", FORMATS)
def test_two_encodes_give_the_same_bytes(format: str) -> None:
    codec, pixels = codecs.get(format), noise(40, 50)
    assert codec.encode(pixels, Setting.of(format, quality=70)) == codec.encode(
        pixels, Setting.of(format, quality=70)
    )


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize(
    "wrong", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4, 3), np.uint16)]
)
def test_pixels_that_are_not_canonical_are_refused(format: str, wrong: NDArray[np.uint8]) -> None:
    with pytest.raises(ValueError, match=r"uint8 pixels of shape \(height, width, 3\)"):
        codecs.get(format).encode(wrong, Setting.of(format, quality=50))


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("damage", ["empty", "text", "cut"])
def test_damaged_data_is_an_error_and_no_pixels(format: str, damage: str) -> None:
    codec = codecs.get(format)
    whole = codec.encode(noise(64, 64), Setting.of(format, quality=80))
    data = {"empty": b"", "text": b"no image at all" * 9, "cut": whole[: len(whole) // 2]}[damage]
    with pytest.raises(CodecError, match="could not be decoded"):
        codec.decode(data)


@pytest.mark.parametrize("format", FORMATS)
def test_a_setting_without_any_rate_control_is_refused(format: str) -> None:
    codec = codecs.get(format)
    assert f"{format} needs quality" in str(codec.check(Setting.of(format)))
    assert codec.check(Setting.of(format, quality=50)) is None


@pytest.mark.parametrize(
    ("format", "library"),
    [("jpeg", "libjpeg-turbo "), ("webp", "libwebp 1."), ("avif", "libaom "), ("jxl", "libjxl 0.")],
)
def test_the_version_names_library_and_number(format: str, library: str) -> None:
    version = codecs.get(format).version()
    assert version.startswith(library)
    assert version[len(library)].isdigit()
    assert "None" not in version


@pytest.mark.parametrize("format", FORMATS)
def test_every_declared_value_has_a_prior_for_its_cost(format: str) -> None:
    codec = codecs.get(format)
    for parameter in codec.facts.parameters:
        values = parameter.choices or range(int(parameter.minimum or 0), int(parameter.maximum or 0) + 1)
        for value in values:
            setting = Setting.of(**{"format": format, "quality": 50, parameter.name: value})  # type: ignore[arg-type]
            assert 0 < codec.seconds_per_megapixel(setting) < 200


def test_large_images_are_decoded_whatever_pillow_thinks_of_their_size(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from PIL import Image

    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    for format in FORMATS:
        codec = codecs.get(format)
        assert codec.decode(codec.encode(noise(64, 64), Setting.of(format, quality=50))).shape == (64, 64, 3)


_COUNT_THREADS = """
import os, sys, threading, time
import numpy as np
from codecstudy import codecs
from codecstudy.types import Setting

format = sys.argv[1]
codec = codecs.get(format)
tile = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
pixels = np.tile(tile, (10, 10, 1))
codec.decode(codec.encode(pixels[:64, :64], Setting.of(format, quality=50)))
most, running = 0, True

def watch():
    global most
    while running:
        most = max(most, len(os.listdir("/proc/self/task")))
        time.sleep(0.0005)

before = len(os.listdir("/proc/self/task"))
watcher = threading.Thread(target=watch)
watcher.start()
encoded = codec.encode(pixels, Setting.of(format, quality=50, speed=8 if format == "avif" else None))
codec.decode(encoded)
running = False
watcher.join()
print(most - before)
"""


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="needs /proc to count threads")
@pytest.mark.parametrize("format", FORMATS)
def test_no_codec_starts_threads(format: str) -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "4"}
    done = subprocess.run(
        [sys.executable, "-c", _COUNT_THREADS, format],
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
        env=environment,
    )
    assert int(done.stdout) == 1, "besides the watching thread, none may appear"
