"""PSNR-HVS-M: PSNR of the luma as the eye sees it, block by block (Ponomarenko and others 2007).

The luma (BT.601, unrounded, as of SSIM) is transformed by the DCT of 8 x 8 blocks side by side. Each error of a
coefficient counts as far as it exceeds what the block masks, times the eye's sensitivity to its frequency::

    visible    = max(|X - Y| - M / masking, 0) * weight      M: the larger masking of both blocks; 0 for the mean
    PSNR-HVS-M = 10 log10(255^2 / mean of visible^2)         in decibels; infinite if no error is visible

Pixels at the right and bottom that fill no whole block are ignored, as in the authors' ``psnrhvsm.m``. An image
needs 8 pixels on each side. The constants are theirs.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from codecstudy.errors import ImageError
from codecstudy.metrics.base import MemoryUse, Metric, check_image, check_pair
from codecstudy.metrics.psnr_hvs_m.kernels import SIDE, add_errors, transform
from codecstudy.types import MetricColumn, MetricFacts, Pixels

PEAK = 255


class _Blocks:
    """Coefficients and masking of some rows of blocks."""

    def __init__(self, rows: int, blocks: int) -> None:
        self.coefficients: NDArray[np.float64] = np.zeros((rows, blocks, SIDE * SIDE))
        self.masking: NDArray[np.float64] = np.zeros((rows, blocks))

    def row(self, row: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Of one row of blocks."""
        return self.coefficients[row], self.masking[row]


class Prepared:
    """PSNR-HVS-M against one reference image. Not for use by two threads at once.

    Args:
        reference: The image.
        streamed: Keep the image itself, which must not be changed, and transform it again for each score. The
            operations and their order are the same, and so are the scores.
    """

    def __init__(self, reference: Pixels, streamed: bool = False) -> None:
        height, width = reference.shape[:2]
        if min(height, width) < SIDE:
            raise ImageError(
                f"reference is {width} x {height} pixels; PSNR-HVS-M needs at least {SIDE} a side, the size of its "
                "blocks"
            )
        self._shape = reference.shape
        self._rows, blocks = height // SIDE, width // SIDE
        self._work = np.zeros((2, SIDE, SIDE * blocks))
        self._distorted = _Blocks(1, blocks)
        self._reference = reference if streamed else None
        self._blocks = _Blocks(1 if streamed else self._rows, blocks)
        if not streamed:
            for row in range(self._rows):
                self._transform(reference, row, self._blocks, row)

    def score(self, distorted: Pixels) -> float:
        """PSNR-HVS-M in decibels, ``inf`` for identical images and where no error is visible.

        Args:
            distorted: uint8, of the reference's shape.

        Raises:
            ValueError: The dtype or shape differs.
        """
        pixels = check_pair(self._shape, distorted)
        errors = 0.0
        for row in range(self._rows):
            at = row
            if self._reference is not None:
                at = 0
                self._transform(self._reference, row, self._blocks, at)
            self._transform(pixels, row, self._distorted, 0)
            errors = add_errors(errors, *self._blocks.row(at), *self._distorted.row(0))
        if errors == 0:
            return math.inf
        return 10 * math.log10(PEAK**2 * self._blocks.coefficients[0].size * self._rows / errors)

    def scores(self, distorted: Pixels) -> dict[str, float]:
        """``{"psnr_hvs_m": decibels}``; see :meth:`score`."""
        return {"psnr_hvs_m": self.score(distorted)}

    def _transform(self, pixels: Pixels, row: int, into: _Blocks, at: int) -> None:
        part = pixels[SIDE * row : SIDE * (row + 1)]
        transform(part, self._work, *into.row(at))


def prepare(reference: Pixels) -> Prepared:
    """Prepare a reference, which keeps 8 bytes per pixel.

    Args:
        reference: uint8, height x width x 3, sRGB, any memory layout, at least 8 pixels on each side.

    Raises:
        ValueError: The array has another dtype or shape, or is too small.
    """
    return Prepared(check_image(reference, "reference"))


def stream(reference: Pixels) -> Prepared:
    """Like :func:`prepare`, keeping only the array, which must not be changed."""
    return Prepared(check_image(reference, "reference"), streamed=True)


def _compile() -> None:
    transform.compile()
    add_errors.compile()


FACTS = MetricFacts(
    name="psnr_hvs_m",
    title="PSNR-HVS-M",
    version="1",
    columns=(
        MetricColumn(
            name="psnr_hvs_m",
            title="PSNR-HVS-M (dB)",
            description="PSNR of luma in dB, weighted by contrast sensitivity and masking; higher is better",
            higher_is_better=True,
            targets=(30.0, 35.0, 40.0, 45.0, 50.0),
            usual_target=40.0,
            identical=math.inf,
            digits=1,
            unit="dB",
        ),
    ),
    citation="Ponomarenko, Silvestri, Egiazarian, Carli, Astola, Lukin: On between-coefficient contrast masking of "
    "DCT basis functions. Third International Workshop on Video Processing and Quality Metrics (VPQM), 2007",
    explanation="a measure of error in brightness, in decibels, that counts errors as far as the eye is sensitive "
    "to their frequency and detail around them does not hide them.",
)

METRIC = Metric(
    FACTS,
    prepare,
    _compile,
    memory=MemoryUse(8.2, per_column=200),
    stream=stream,
    streamed_memory=MemoryUse(0, per_column=270),
    smallest_side=SIDE,
)
