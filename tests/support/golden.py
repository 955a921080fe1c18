"""The pairs of ``golden_skimage_pairs.csv``: photographs of scikit-image and six distortions of each."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from codecstudy.types import Pixels

TABLE = Path(__file__).parent / "golden_skimage_pairs.csv"


def rows() -> list[dict[str, str]]:
    """The rows of the table."""
    with TABLE.open() as file:
        return list(csv.DictReader(line for line in file if not line.startswith("#")))


def image(name: str) -> Pixels:
    """The photograph called ``name``: ``coffee``, or ``astronaut[0:8,0:8]`` for a part of one."""
    data = pytest.importorskip("skimage.data")
    name, _, part = name.partition("[")
    if name == "motorcycle":
        pixels = data.stereo_motorcycle()[0]
    else:
        pixels = getattr(data, name)()
    if pixels.ndim == 2:
        pixels = np.repeat(pixels[:, :, None], 3, axis=2)
    if part:
        (y0, y1), (x0, x1) = (map(int, span.split(":")) for span in part.rstrip("]").split(","))
        pixels = pixels[y0:y1, x0:x1]
    return np.ascontiguousarray(pixels[:, :, :3])


def _noise(a: NDArray[np.int64]) -> NDArray[np.int64]:
    y, x, c = np.ogrid[: a.shape[0], : a.shape[1], : a.shape[2]]
    return a + (x * 73856093 ^ y * 19349663 ^ c * 83492791) % 25 - 12


def _blocks(a: NDArray[np.int64]) -> NDArray[np.int64]:
    result = np.empty_like(a)
    for y in range(0, a.shape[0], 8):
        for x in range(0, a.shape[1], 8):
            block = a[y : y + 8, x : x + 8]
            result[y : y + 8, x : x + 8] = block.sum(axis=(0, 1)) // (block.shape[0] * block.shape[1])
    return result


def _blur(a: NDArray[np.int64]) -> NDArray[np.int64]:
    padded = np.pad(a, ((1, 1), (1, 1), (0, 0)), mode="edge")
    height, width, _ = a.shape
    return sum(padded[dy : dy + height, dx : dx + width] for dy in range(3) for dx in range(3)) // 9


def _redshift(a: NDArray[np.int64]) -> NDArray[np.int64]:
    result = a.copy()
    result[:, 1:, 0] = a[:, :-1, 0]
    return result


DISTORTIONS: dict[str, Callable[[NDArray[np.int64]], NDArray[np.int64]]] = {
    "posterize": lambda a: (a >> 4) << 4,
    "noise": _noise,
    "blocks": _blocks,
    "blur": _blur,
    "redshift": _redshift,
    "contrast": lambda a: 128 + (a - 128) * 15 // 16,
}


def distort(name: str, pixels: Pixels) -> Pixels:
    """The distortion called ``name`` of ``pixels``."""
    return np.clip(DISTORTIONS[name](pixels.astype(np.int64)), 0, 255).astype(np.uint8)
