"""Estimates of memory bound what child processes take, and are made before anything is read."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codecstudy import codecs, images, metrics
from codecstudy.measurement import memory
from codecstudy.metrics.base import STREAMED_ABOVE
from codecstudy.types import Setting
from support.image_files import saved
from support.pictures import picture

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="peaks are read from /proc")

GROWTH = """
import json, sys
from pathlib import Path
import numpy as np

def status(name):
    return int(Path("/proc/self/status").read_text().partition(name + ":")[2].split()[0]) * 1024

def growth(action):
    Path("/proc/self/clear_refs").write_text("5")
    before = status("VmRSS")
    action()
    return status("VmHWM") - before
"""

READ = """
from codecstudy import images
images.load(Path(sys.argv[1]).with_name("small"))
print(json.dumps(growth(lambda: images.load(Path(sys.argv[1])))))
"""

ENCODE = """
from codecstudy import codecs
from codecstudy.types import Setting
pixels = np.load(sys.argv[1])
setting = Setting.of(**json.loads(sys.argv[2]))
encoder = codecs.get(setting.encoder)
encoder.encode(np.ascontiguousarray(pixels[:64, :64]), setting)
print(json.dumps(growth(lambda: encoder.decode(encoder.encode(pixels, setting)))))
"""


def grown(program: str, *arguments: str) -> int:
    """Growth of the resident memory of a process in bytes while it does one thing."""
    done = subprocess.run(
        [sys.executable, "-c", GROWTH + program, *arguments], capture_output=True, text=True, check=True
    )
    return int(json.loads(done.stdout))


@LINUX
@pytest.mark.parametrize(
    ("format", "options"),
    [
        ("PNG", {"compress_level": 1}),
        ("JPEG", {"progressive": True, "subsampling": "4:4:4"}),
        ("TIFF", {}),
        ("WEBP", {"lossless": True, "method": 0, "quality": 0}),
        ("AVIF", {"speed": 10, "subsampling": "4:4:4"}),
        ("PPM", {}),
    ],
    ids=["png", "jpeg", "tiff", "webp", "avif", "pnm"],
)
def test_a_reader_takes_no_more_than_its_estimate(
    tmp_path: Path, format: str, options: dict[str, object]
) -> None:
    path = tmp_path / "large"
    path.write_bytes(saved(picture(1500, 2000), format, **options))
    (tmp_path / "small").write_bytes(saved(picture(50, 60), format, **options))
    header = images.read_header(path)
    assert header is not None
    assert (header.width, header.height) == (2000, 1500)
    assert grown(READ, str(path)) <= header.decoding_bytes


@LINUX
@pytest.mark.parametrize(
    "setting",
    [
        {"format": "jpeg", "quality": 95, "chroma_subsampling": "444", "extra_args": {"progressive": True}},
        {"format": "webp", "quality": 90, "method": 2},
        {"format": "avif", "quality": 80, "speed": 9, "chroma_subsampling": "444"},
        {"format": "jxl", "quality": 85, "effort": 3},
    ],
    ids=lambda setting: str(setting["format"]),
)
def test_an_encoder_takes_no_more_than_it_declares(tmp_path: Path, setting: dict[str, object]) -> None:
    path = tmp_path / "pixels.npy"
    np.save(path, picture(1200, 1800))
    parsed = Setting.of(**setting)  # type: ignore[arg-type]
    declared = codecs.get(parsed.encoder).peak_bytes(parsed, 1200 * 1800)
    assert grown(ENCODE, str(path), json.dumps(setting)) <= declared + 4_000_000


MEASURED = [metrics.get(name) for name in metrics.DEFAULT]


def test_a_task_takes_less_for_a_smaller_resolution_and_a_crop() -> None:
    encoder = codecs.get("jpeg")
    whole, small = Setting.of("jpeg", quality=80), Setting.of("jpeg", quality=80, resolution=1000)
    crop = Setting.of("jpeg", quality=80, crop=2000)
    size = 4000, 3000
    at_full = memory.task_bytes(encoder, MEASURED, whole, size)
    assert memory.encoded_size(*size, whole) == size
    assert memory.encoded_size(*size, small) == (1000, 750)
    at_small = memory.task_bytes(encoder, MEASURED, small, memory.encoded_size(*size, small))
    at_crop = memory.task_bytes(encoder, MEASURED, crop, memory.encoded_size(*size, crop), fragment=200)
    assert at_small < at_full / 10
    # A crop is encoded as a whole and scored on its middle.
    assert at_crop < at_full / 10
    assert memory.opening_bytes(*size, 10**9, [whole]) == memory.opening_bytes(*size, 10**9, [small])
    assert memory.opening_bytes(*size, 0, [small]) > memory.opening_bytes(*size, 0, [whole])


def test_images_are_streamed_where_a_workers_share_is_small() -> None:
    assert memory.streaming_limit(MEASURED, 64 << 30) == STREAMED_ABOVE
    assert 1e6 < memory.streaming_limit(MEASURED, 1 << 30) < STREAMED_ABOVE
    assert memory.streaming_limit(MEASURED, 1) == 1e6


@given(width=st.integers(1, 20_000), height=st.integers(1, 20_000), above=st.floats(1e6, 2e7))
def test_streaming_never_takes_more_for_usual_shapes(width: int, height: int, above: float) -> None:
    for metric in MEASURED:
        if min(width, height) >= 600:
            assert metric.bytes_for(width, height, above) <= metric.memory.of(width, height)


@pytest.mark.parametrize(
    ("size", "text"), [(26.2e9, "26 GB"), (1.44e9, "1.4 GB"), (350e6, "350 MB"), (9.96e9, "10.0 GB")]
)
def test_sizes_are_written_for_people(size: float, text: str) -> None:
    assert memory.gigabytes(size) == text
