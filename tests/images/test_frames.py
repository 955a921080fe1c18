"""Files of several images: each format gives its first one, and no decoder writes where it must not."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from codecstudy import images
from support.image_files import Load, colours, saved

SIZE = (96, 128)
FRAMES = [np.roll(colours(*SIZE), shift, axis=0) for shift in range(4)]

CHECKED_HEAP = {"MALLOC_CHECK_": "3", "MALLOC_PERTURB_": "165", "LD_PRELOAD": "libc_malloc_debug.so.0"}
"""glibc looks for damage beside each block that is freed, and ends the process where there is any."""

LOAD = """
import sys
import numpy as np
from pathlib import Path
from codecstudy import images
np.save(sys.argv[2], images.load(Path(sys.argv[1])).pixels)
"""


def several(format: str, frames: list[NDArray[Any]] = FRAMES, **options: Any) -> bytes:
    first, *others = map(Image.fromarray, frames)
    buffer = io.BytesIO()
    first.save(buffer, format, save_all=True, append_images=others, **options)
    return buffer.getvalue()


def pages() -> bytes:
    """A TIFF whose other pages are larger, smaller, deeper and grey."""
    deep = Image.fromarray(colours(300, 200, channels=1, dtype=np.uint16)[:, :, 0])
    others = [Image.fromarray(colours(400, 500)), Image.fromarray(colours(5, 7)), deep]
    buffer = io.BytesIO()
    Image.fromarray(FRAMES[0]).save(buffer, "TIFF", save_all=True, append_images=others)
    return buffer.getvalue()


def first_by_pillow(data: bytes) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB"))


def exactly(data: bytes) -> NDArray[np.uint8]:
    return FRAMES[0]


ANIMATED: dict[str, tuple[Callable[[], bytes], Callable[[bytes], NDArray[np.uint8]], str]] = {
    "avif": (lambda: several("AVIF", quality=90), first_by_pillow, "first of 4 frames used"),
    "png": (lambda: several("PNG"), exactly, "first of 4 frames used"),
    "webp": (lambda: several("WEBP", lossless=True), exactly, "first of 4 frames used"),
    "tiff": (pages, exactly, "first of 4 frames used"),
    "tiff-alike": (lambda: several("TIFF"), exactly, "first of 4 frames used"),
    "jxl": (lambda: imagecodecs.jpegxl_encode(np.stack(FRAMES), lossless=True), exactly, "first frame used"),
    # Pillow's JPEG plug-in sees one image; the others follow its end.
    "mpo": (lambda: several("MPO", quality=90), first_by_pillow, ""),
}


@pytest.mark.parametrize("kind", ANIMATED)
def test_the_first_frame_is_read_without_damage_to_the_heap(tmp_path: Path, kind: str) -> None:
    make, expected, note = ANIMATED[kind]
    data = make()
    path, out = tmp_path / "image", tmp_path / "pixels.npy"
    path.write_bytes(data)
    done = subprocess.run(
        [sys.executable, "-c", LOAD, str(path), str(out)],
        env={**os.environ, **CHECKED_HEAP},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert np.array_equal(np.load(out), expected(data))
    assert images.load(path).notes == ((note,) if note else ())


def test_the_depth_and_colour_of_a_sequence_stand_in_its_track() -> None:
    sequence = bytearray(several("AVIF", quality=90))
    # The still image's own entries go: what is left of them stands in the track alone.
    sequence[sequence.index(b"meta") : sequence.index(b"meta") + 4] = b"skip"
    entry = sequence.rindex(b"av1C")
    sequence[entry + 6] |= 0x40  # high_bitdepth, in the description of the track's samples
    facts = images.readers.boxes.avif_facts(bytes(sequence))
    assert (facts.bits, facts.sequence) == (10, True)
    assert facts.cicp is not None


def test_a_still_image_keeps_its_ten_bits(load_bytes: Load) -> None:
    deep = (colours(dtype=np.uint16) >> 6).repeat(4, axis=0).repeat(4, axis=1)
    source = load_bytes(imagecodecs.avif_encode(deep, level=100, bitspersample=10))
    assert source.notes == ("10 bit rounded to 8",)
    assert not images.readers.boxes.avif_facts(saved(FRAMES[0], "AVIF")).sequence
