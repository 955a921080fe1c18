"""Nothing but the metrics: score one image against another, from arrays or files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codecstudy import images, metrics
from codecstudy.metrics.base import Pixels, check_image, check_pair

COLUMNS = ("ssimulacra2", "butteraugli", "butteraugli_3norm", "psnr", "ssim")
"""All scores, in the order in which people want to read them."""

Image = str | Path | NDArray[np.uint8]


class Reference:
    """An original with everything that depends on it alone already computed: score many images against it.

    ``reference`` is a path, or a uint8 array of shape (height, width, 3) in sRGB; ``names`` the metrics, all by
    default. Raises :class:`codecstudy.errors.ImageError` for a file that is no image, ``ValueError`` for an
    array of another dtype or shape or an unknown metric. Not safe for two threads at once.
    """

    def __init__(self, reference: Image, names: Sequence[str] | None = None) -> None:
        wanted = metrics.names() if names is None else (names,) if isinstance(names, str) else names
        chosen = [metrics.get(name) for name in wanted]
        self._pixels = _pixels(reference, "reference")
        self._prepared = [metric.prepare(self._pixels) for metric in chosen]

    def scores(self, distorted: Image) -> dict[str, float]:
        """Scores by column name, of one image of the reference's size; raises as the constructor does."""
        pixels = check_pair(self._pixels.shape, _pixels(distorted, "distorted"))
        given: dict[str, float] = {}
        for prepared in self._prepared:
            given.update(prepared.scores(pixels))
        return {column: given[column] for column in COLUMNS if column in given}


def measure(reference: Image, distorted: Image, metrics: Sequence[str] | None = None) -> dict[str, float]:
    """Score ``distorted`` against ``reference``.

    Both are paths, or uint8 arrays of shape (height, width, 3) in sRGB and of the same size. ``metrics`` names
    some of ``ssimulacra2``, ``psnr``, ``ssim``, ``butteraugli`` (all by default). The result holds
    ``ssimulacra2`` (100 is identical, higher is better), ``butteraugli`` and ``butteraugli_3norm`` (0 is
    identical, lower is better), ``psnr`` (dB, infinite for identical images) and ``ssim`` (at most 1).

    Raises :class:`codecstudy.errors.ImageError` for a file that is no image, ``ValueError`` for an array of
    another dtype or shape, sizes that differ, or an unknown metric. For many images against one original use
    :class:`codecstudy.Reference`, which prepares the original's side once.

    Files are decoded in the caller's process: one that is made to crash its decoder ends that process too. For
    files from elsewhere ``codecstudy measure`` has a process of its own.
    """
    return Reference(reference, metrics).scores(distorted)


def _pixels(image: Any, name: str) -> Pixels:
    if isinstance(image, str | Path):
        return images.load(Path(image)).pixels
    return check_image(image, name)
