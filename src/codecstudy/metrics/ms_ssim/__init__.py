"""MS-SSIM: structural similarity of luma at five scales (Wang, Simoncelli, Bovik 2003).

                                                       4
    MS-SSIM = mean(l_5 c_5 s_5)^0.1333  *  product     mean(c_k s_k)^w_k        w = 0.0448, 0.2856, 0.3001, 0.2363
                                              k = 1

Luminance l and contrast times structure c s are those of SSIM, with its window and constants; the means are over
the windows that lie inside the image. Each scale is the one before it, averaged over 2 x 2 pixels; an odd last row
or column is repeated, as in the authors' MATLAB program. A negative mean counts as 0. An image needs a side of
176 pixels, so that the window fits into the smallest scale: their program refuses smaller ones, too.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from codecstudy.errors import ImageError
from codecstudy.metrics.base import MemoryUse, Metric, check_image, check_pair
from codecstudy.metrics.ms_ssim.kernels import add_similarity, fill_luma, fill_statistics, halve
from codecstudy.metrics.vector import LANES
from codecstudy.metrics.window import WINDOW
from codecstudy.types import MetricColumn, MetricFacts, Pixels

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
SCALES = len(WEIGHTS)
SMALLEST_SIDE = WINDOW << (SCALES - 1)
BLOCK = 256
"""Rows of windows that are compared at a time; they need 10 more rows of the image."""

_Plane = NDArray[np.float32]


class _Statistics(NamedTuple):
    """A reference, or some of its rows, at one scale."""

    luma: _Plane
    mean: _Plane
    variance: _Plane

    def rows(self, start: int, count: int) -> _Statistics:
        """``count`` rows of luma from ``start`` on, and the windows in them."""
        windows = slice(start, start + count - WINDOW + 1)
        return _Statistics(self.luma[start : start + count], self.mean[windows], self.variance[windows])


class _Pyramid:
    """The luma of one image: a block of rows of the full scale, and all of the other scales."""

    def __init__(self, sizes: list[tuple[int, int]]) -> None:
        self._sizes = sizes
        height, width = sizes[0]
        self._block = _plane(min(height, BLOCK + WINDOW - 1), width)
        self._planes = [_plane(*size) for size in sizes[1:]]

    def rows(self, pixels: Pixels, scale: int, start: int) -> _Plane:
        """The rows of a scale from ``start``, a multiple of :data:`BLOCK`, as many as its windows need.

        To be called for all scales and blocks in order: each call computes its part of the next scale.
        """
        height, width = self._sizes[scale]
        stop = min(start + BLOCK + WINDOW - 1, height)
        if scale == 0:
            plane = self._block[: stop - start]
            fill_luma(pixels[start:stop], plane)
        else:
            plane = self._planes[scale - 1][start:stop]
        if scale + 1 < SCALES:
            halve(plane[: min(BLOCK, height - start)], width, self._planes[scale][start // 2 :])
        return plane


class Prepared:
    """MS-SSIM against one reference image. Not for use by two threads at once.

    Args:
        reference: The image.
        streamed: Keep the image itself, which must not be changed, and compute its scales and statistics again for
            each score, block by block. The operations and their order are the same, and so are the scores.
    """

    def __init__(self, reference: Pixels, streamed: bool = False) -> None:
        height, width = reference.shape[:2]
        if min(height, width) < SMALLEST_SIDE:
            raise ImageError(
                f"reference is {width} x {height} pixels; MS-SSIM needs at least {SMALLEST_SIDE} a side, so that "
                f"its window of {WINDOW} fits into the smallest of {SCALES} scales"
            )
        self._shape = reference.shape
        self._sizes = [(height, width)]
        for _ in range(SCALES - 1):
            self._sizes.append((-(-self._sizes[-1][0] // 2), -(-self._sizes[-1][1] // 2)))
        self._distorted = _Pyramid(self._sizes)
        self._scratch = [
            (np.zeros((3, _stride(w)), np.float32), np.zeros((3, 2 * WINDOW, _stride(w)), np.float32))
            for _, w in self._sizes
        ]
        self._reference = reference if streamed else None
        self._pyramid = _Pyramid(self._sizes) if streamed else self._distorted
        kept = [(min(h, BLOCK + WINDOW - 1) if streamed else h, w) for h, w in self._sizes]
        self._statistics = [
            _Statistics(*(_plane(rows, w) for rows in (h, h - WINDOW + 1, h - WINDOW + 1))) for h, w in kept
        ]
        if not streamed:
            for scale, start in self._blocks():
                self._prepare(reference, scale, start, start)

    def score(self, distorted: Pixels) -> float:
        """MS-SSIM, 0 to 1; 1 for identical images.

        Args:
            distorted: uint8, of the reference's shape.

        Raises:
            ValueError: The dtype or shape differs.
        """
        pixels = check_pair(self._shape, distorted)
        sums = np.zeros((SCALES, 2))
        for scale, start in self._blocks():
            if self._reference is not None:
                self._prepare(self._reference, scale, start, 0)
            plane = self._distorted.rows(pixels, scale, start)
            if len(plane) >= WINDOW:
                at = 0 if self._reference is not None else start
                statistics = self._statistics[scale].rows(at, len(plane))
                windows = self._sizes[scale][1] - WINDOW + 1
                add_similarity(plane, windows, *statistics, *self._scratch[scale], sums[scale])
        result = 1.0
        for scale, ((height, width), weight) in enumerate(zip(self._sizes, WEIGHTS, strict=True)):
            mean = sums[scale, int(scale + 1 == SCALES)] / ((height - WINDOW + 1) * (width - WINDOW + 1))
            result *= max(float(mean), 0.0) ** weight
        return result

    def scores(self, distorted: Pixels) -> dict[str, float]:
        """``{"ms_ssim": score}``; see :meth:`score`."""
        return {"ms_ssim": self.score(distorted)}

    def _blocks(self) -> list[tuple[int, int]]:
        """Scales, and first rows of their blocks, in order."""
        return [(k, start) for k, (height, _) in enumerate(self._sizes) for start in range(0, height, BLOCK)]

    def _prepare(self, reference: Pixels, scale: int, start: int, at: int) -> None:
        """Compute the statistics of one block of the reference, and keep them from row ``at`` on."""
        plane = self._pyramid.rows(reference, scale, start)
        if len(plane) >= WINDOW:
            luma, mean, variance = self._statistics[scale].rows(at, len(plane))
            luma[:] = plane
            rows, ring = self._scratch[scale]
            fill_statistics(plane, mean, variance, rows[:2], ring[:2])


def _stride(width: int) -> int:
    """Whole vectors, and two more for what halving and the window read past the last column.

    An odd number of them: with a distance of a power of two, rows would compete for the same cache lines.
    """
    vectors = -(-width // LANES) + 2
    return (vectors + (vectors % 2 == 0)) * LANES


def _plane(height: int, width: int) -> _Plane:
    return np.zeros((height, _stride(width)), np.float32)


def prepare(reference: Pixels) -> Prepared:
    """Prepare a reference, which keeps 18 bytes per pixel.

    Args:
        reference: uint8, height x width x 3, sRGB, any memory layout, at least 176 pixels on each side.

    Raises:
        ValueError: The array has another dtype or shape, or is too small.
    """
    return Prepared(check_image(reference, "reference"))


def stream(reference: Pixels) -> Prepared:
    """Like :func:`prepare`, keeping 3 bytes per pixel and the array, which must not be changed."""
    return Prepared(check_image(reference, "reference"), streamed=True)


def _compile() -> None:
    for kernel in (fill_luma, halve, fill_statistics, add_similarity):
        kernel.compile()


FACTS = MetricFacts(
    name="ms_ssim",
    title="MS-SSIM",
    version="1",
    columns=(
        MetricColumn(
            name="ms_ssim",
            title="MS-SSIM",
            description="Multi-scale structural similarity of luma, 1 for identical images; higher is better",
            higher_is_better=True,
            targets=(0.95, 0.98, 0.99, 0.995),
            usual_target=0.99,
            identical=1.0,
            digits=4,
            minimum=0.0,
            maximum=1.0,
        ),
    ),
    citation="Wang, Simoncelli, Bovik: Multi-scale structural similarity for image quality assessment. "
    "Asilomar Conference on Signals, Systems and Computers, 2003",
    explanation="similarity of brightness and structure at five scales, at most 1; closer to what people see than "
    "SSIM at one scale. It ignores colour.",
)

METRIC = Metric(
    FACTS,
    prepare,
    _compile,
    memory=MemoryUse(17.4, per_column=3000),
    stream=stream,
    streamed_memory=MemoryUse(2.7, per_column=9700),
    smallest_side=SMALLEST_SIDE,
)
