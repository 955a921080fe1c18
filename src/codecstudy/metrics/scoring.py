"""The metrics alone: score one image against another, from arrays or files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codecstudy import images, metrics
from codecstudy.metrics.base import check_image, check_pair
from codecstudy.types import Pixels

Image = str | Path | NDArray[np.uint8]


class Reference:
    """An original with everything that depends on it alone already computed, for scoring many images against it.

    Not for use by two threads at once.

    Args:
        reference: A path, or a uint8 array of shape (height, width, 3) in sRGB.
        names: Metrics; by default ``ssimulacra2``, ``butteraugli``, ``psnr`` and ``ssim``, without those that do
            not apply to an image so small.

    Raises:
        ImageError: The file is not an image, or is too small for a metric that was named.
        ValueError: The array has another dtype or shape, or a metric is unknown.
    """

    def __init__(self, reference: Image, names: Sequence[str] | None = None) -> None:
        wanted = metrics.DEFAULT if names is None else (names,) if isinstance(names, str) else names
        chosen = [metrics.get(name) for name in wanted]
        pixels = _pixels(reference, "reference")
        if names is None:
            chosen = [metric for metric in chosen if metric.applies_to(pixels)]
        # Metrics may keep it, and the caller may change an array that is his own.
        self._pixels = pixels.copy() if pixels is reference else pixels
        self._prepared = [metric.prepared(self._pixels) for metric in chosen]

    def scores(self, distorted: Image) -> dict[str, float]:
        """Scores by column name, of one image of the reference's size; raises as the constructor does."""
        pixels = check_pair(self._pixels.shape, _pixels(distorted, "distorted"))
        given: dict[str, float] = {}
        for prepared in self._prepared:
            given.update(prepared.scores(pixels))
        return given


def measure(reference: Image, distorted: Image, metrics: Sequence[str] | None = None) -> dict[str, float]:
    """Score ``distorted`` against ``reference``.

    For many images and one original use :class:`codecstudy.Reference`, which prepares the original's side once.

    Files are decoded in the caller's process: a file that is made to crash its decoder ends that process too. For
    files from elsewhere, ``codecstudy measure`` uses a separate process.

    Args:
        reference: A path, or a uint8 array of shape (height, width, 3) in sRGB.
        distorted: The same, of the same size.
        metrics: Metrics that are installed; by default those of ``ssimulacra2``, ``butteraugli``, ``psnr`` and
            ``ssim`` that apply to images of this size: under 8 pixels only ``psnr``, under 11 no ``ssim``.

    Returns:
        Scores by column: ``ssimulacra2`` (100 is identical, higher is better), ``butteraugli`` and
        ``butteraugli_3norm`` (0 is identical, lower is better), ``psnr`` (dB, infinite for identical images) and
        ``ssim`` (at most 1); for any other metric, the columns in its facts.

    Raises:
        ImageError: A file is not an image, or is too small for a metric that was named.
        ValueError: An array has another dtype or shape, the sizes differ, or a metric is unknown.
    """
    return Reference(reference, metrics).scores(distorted)


def _pixels(image: Any, name: str) -> Pixels:
    if isinstance(image, str | Path):
        return images.load(Path(image)).pixels
    return check_image(image, name)
