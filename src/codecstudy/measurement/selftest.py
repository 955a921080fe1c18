"""The self-test: a study does not run if colours, alpha, 16 bits, a round trip or a score are wrong.

It takes a few milliseconds and protects against a library that was built or updated badly, and against damaged
machine code of a metric: faults that would otherwise falsify all numbers of a study without any error.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from codecstudy import codecs, images, metrics
from codecstudy.errors import CodecstudyError
from codecstudy.types import Pixels

_COLOURS = (
    (255, 0, 0),
    (0, 255, 0),
    (0, 0, 255),
    (255, 255, 255),
    (0, 0, 0),
    (128, 128, 128),
    (200, 120, 40),
)


def check_chain(encoders: Iterable[str]) -> None:
    """Test the image conversion, and those of ``encoders`` that have a self-test.

    Raises:
        CodecstudyError: A result is wrong; the message names it.
    """
    faults = [fault for encoder in encoders if (fault := _encoder_fault(encoder))]
    faults += _image_faults()
    _raise_for(faults)


def check_metrics(names: Iterable[str]) -> None:
    """Test that each metric can tell identical images from noisy ones.

    Each metric scores two images, which loads all its machine code, or compiles it if it is not on disk.

    Args:
        names: The metrics.

    Raises:
        CodecstudyError: A metric does not work; the message names it.
    """
    _raise_for([fault for name in names if (fault := _metric_fault(name))])


def _raise_for(faults: list[str]) -> None:
    if faults:
        raise CodecstudyError(
            f"The self-test failed: {'; '.join(faults)}. Numbers from this installation would be wrong: reinstall "
            "codecstudy and its dependencies, and report the problem if that does not help."
        )


def _metric_fault(name: str) -> str | None:
    """The fault of a metric that does not score an image better against itself than against a noisy copy."""
    # Noise everywhere, so that no metric can ignore it; 176 pixels are enough for all metrics.
    random = np.random.default_rng(0)
    picture = random.integers(64, 192, (176, 176, 3), np.uint8)
    noisy = picture + random.integers(0, 64, picture.shape, np.uint8)
    try:
        metric = metrics.get(name)
        metric.compile()
        prepared = metric.prepare(picture)
        best, worse = prepared.scores(picture), prepared.scores(noisy)
    except Exception as error:
        return f"{name}: {type(error).__name__}: {error}"
    declared = [column.name for column in metric.facts.columns]
    if sorted(worse) != sorted(declared):
        return (
            f"{name}: it declares the columns {', '.join(declared)} and returns {', '.join(worse) or 'none'}"
        )
    for column in metric.facts.columns:
        high, low = (best, worse) if column.higher_is_better else (worse, best)
        name = column.name
        if not (high[name] > low[name] and math.isfinite(worse[name])):
            return f"{name}: {best[name]:g} for identical images and {worse[name]:g} for a noisy one"
    return None


def _encoder_fault(name: str) -> str | None:
    encoder, picture = codecs.get(name), _flat_colours()
    if encoder.self_test is None:
        return None
    try:
        back = encoder.decoded(encoder.encoded(picture, encoder.self_test.setting).data).pixels
    except Exception as error:
        return f"{name}: {type(error).__name__}: {error}"
    if back.shape != picture.shape or back.dtype != np.uint8:
        return f"{name}: a {picture.shape} image came back as {back.dtype} {back.shape}"
    off = int(np.abs(back.astype(np.int16) - picture).max())
    return (
        f"{name}: colours are off by {off} of 255 after a round trip"
        if off > encoder.self_test.tolerance
        else None
    )


def _flat_colours() -> Pixels:
    # Flat 16 x 16 blocks: neither chroma subsampling nor a transform can explain a wrong colour in their middle.
    rows = [np.broadcast_to(np.array(colour, np.uint8), (16, 16, 3)) for colour in _COLOURS]
    return np.ascontiguousarray(np.concatenate(rows, axis=1))


def _image_faults() -> list[str]:
    import imagecodecs

    deep = np.array([[[0, 127, 128], [129, 32767, 65535], [65407, 65406, 257]]], np.uint16)
    clear = np.array([[[255, 0, 0, 255], [0, 0, 0, 0], [0, 0, 0, 127]]], np.uint8)
    cases = (
        ("16 bits are rounded wrongly", deep, np.round(deep / 257).astype(np.uint8)),
        ("alpha is flattened wrongly", clear, np.array([[[255, 0, 0], [255] * 3, [128] * 3]], np.uint8)),
    )
    faults = []
    with tempfile.TemporaryDirectory(prefix="codecstudy-") as folder:
        for name, pixels, expected in cases:
            path = Path(folder) / "case.png"
            path.write_bytes(imagecodecs.png_encode(pixels))
            try:
                if not np.array_equal(images.load(path).pixels, expected):
                    faults.append(name)
            except Exception as error:
                faults.append(f"{name}: {type(error).__name__}: {error}")
    return faults
