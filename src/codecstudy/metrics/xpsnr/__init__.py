"""XPSNR of still images: PSNR of luma, with blocks weighted by how much their detail hides errors (Helmrich 2020).

The image is divided into blocks of N x N pixels. A block whose luma, filtered by a high-pass filter, has the mean
magnitude a weighs 1 / a::

    r     = width height / (3840 2160)      N = 4 round(32 sqrt(r))        a >= 4 for 8 bits
    WSSE  = sum over blocks of (sum of squared errors) / a  *  sqrt(16 2^7 / sqrt(r))
    XPSNR = 10 log10(width height 255^2 / WSSE)     in decibels; infinite for identical images

Above 2048 x 1152 pixels, the filter works on means of 2 x 2 pixels. Up to 640 x 480, no block weighs more than the
largest of the blocks left, right and above. Images so small that N is 0, under 2025 pixels, score the PSNR of
their luma.

The term for motion of the video metric is 0: this is what FFmpeg's filter ``xpsnr`` computes for the second of two
equal frames, but for luma (BT.601) that is not rounded, errors that are not rounded to integers, and two slips of
the filter in images above 2048 x 1152 pixels: of blocks at the right border with at most 12 columns of centres, it
drops the activity, and in images of odd width it reads one pixel of the next row.

Source: the publication cited below; constants and borders are those of FFmpeg's ``libavfilter/vf_xpsnr.c`` (commit
362586fc).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from codecstudy.metrics.base import MemoryUse, Metric, check_image, check_pair
from codecstudy.metrics.xpsnr.kernels import add_errors, fill_activity, fill_luma
from codecstudy.types import MetricColumn, MetricFacts, Pixels

PEAK = 255
LEAST_ACTIVITY = 4.0
_UHD = 3840 * 2160
_SMALL = 640 * 480
_LARGE = 2048 * 1152


class Streamed:
    """XPSNR against one reference image, which is kept as it is: its weights are few, and computed once.

    Args:
        reference: The image, which must not be changed: uint8, height x width x 3, any memory layout.

    Raises:
        ValueError: The array has another dtype or shape, or is empty.
    """

    def __init__(self, reference: Pixels) -> None:
        self._reference = check_image(reference, "reference")
        height, width = self._reference.shape[:2]
        share = width * height / _UHD
        side = 4 * int(32 * math.sqrt(share) + 0.5)
        if side == 0:
            self._side, self._weights, self._scale = max(height, width), np.ones((1, 1)), 1.0
            return
        self._side = side
        self._weights = _weights(self._reference, side)
        self._scale = math.sqrt(16 * 2**7 / math.sqrt(max(share, 1e-5)))

    def score(self, distorted: Pixels) -> float:
        """XPSNR in decibels, ``inf`` for identical images, never NaN.

        Args:
            distorted: uint8, of the reference's shape.

        Raises:
            ValueError: The dtype or shape differs.
        """
        pixels = check_pair(self._reference.shape, distorted)
        errors = 0.0
        for row, weights in enumerate(self._weights):
            rows = slice(row * self._side, (row + 1) * self._side)
            errors = add_errors(self._reference[rows], pixels[rows], self._side, weights, errors)
        if errors == 0:
            return math.inf
        height, width = self._reference.shape[:2]
        return 10 * math.log10(width * height * PEAK**2 / (errors * self._scale))

    def scores(self, distorted: Pixels) -> dict[str, float]:
        """``{"xpsnr": decibels}``; see :meth:`score`."""
        return {"xpsnr": self.score(distorted)}


class Prepared(Streamed):
    """XPSNR against one reference image, which is copied and may be changed afterwards."""

    def __init__(self, reference: Pixels) -> None:
        """Copy ``reference``; see :class:`Streamed`."""
        super().__init__(check_image(reference, "reference").copy())


def _weights(reference: Pixels, side: int) -> NDArray[np.float64]:
    """Weight of each block, (rows of blocks, blocks in a row)."""
    height, width = reference.shape[:2]
    border = 2 if width * height > _LARGE else 1
    activity = np.zeros((-(-height // side), -(-width // side)))
    luma = np.zeros((min(side + 2 * border + 1, height), width))
    for row, of_row in enumerate(activity):
        first, stop = max(row * side, border), min((row + 1) * side, height - border)
        above, below = max(first - border, 0), min(stop + border + 1, height)
        part = luma[: max(below - above, 0)]
        fill_luma(reference[above : max(below, above)], part)
        fill_activity(part, first - above, stop - above, side, border, of_row)
        if stop <= first:
            of_row[:] = 1.0
        else:
            np.maximum(of_row, LEAST_ACTIVITY, out=of_row)
    last = width - border - (activity.shape[1] - 1) * side
    if last <= 0:  # blocks without a centre weigh 1, as in the filter
        activity[:, -1] = 1.0
    weights = 1 / activity
    return _smoothed(weights) if width * height <= _SMALL else weights


def _smoothed(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Limit each block to the largest of its left, right and upper neighbour, in reading order.

    Blocks in the first column have no left neighbour, and those in the last no right one. The last block of all is
    limited by the blocks left and above.
    """
    rows, columns = weights.shape
    limited = weights.copy()
    for y in range(rows):
        for x in range(columns):
            left = [limited[y, x - 1]] if x > 0 else []
            right = [weights[y, x + 1]] if x + 1 < columns else []
            above = [limited[y - 1, x]] if y > 0 else []
            if around := [*left, *right, *above]:
                limited[y, x] = min(limited[y, x], max(around))
    return limited


def prepare(reference: Pixels) -> Prepared:
    """Prepare a reference, which keeps 3 bytes per pixel; see :class:`Prepared`."""
    return Prepared(reference)


def _compile() -> None:
    for kernel in (fill_luma, fill_activity, add_errors):
        kernel.compile()


FACTS = MetricFacts(
    name="xpsnr",
    title="XPSNR",
    version="1",
    columns=(
        MetricColumn(
            name="xpsnr",
            title="XPSNR (dB)",
            description="Perceptually weighted PSNR of luma in dB (XPSNR without motion); higher is better",
            higher_is_better=True,
            targets=(30.0, 35.0, 40.0, 45.0),
            usual_target=40.0,
            identical=math.inf,
            digits=1,
            unit="dB",
        ),
    ),
    citation="Helmrich, Bosse, Schwarz, Marpe, Wiegand: A study of the extended perceptually weighted peak "
    "signal-to-noise ratio (XPSNR) for video compression with different resolutions and bit depths. ITU Journal: "
    "ICT Discoveries 3(1), 2020",
    explanation="a measure of error in brightness, in decibels, that counts errors less where detail hides them.",
)

METRIC = Metric(
    FACTS,
    prepare,
    _compile,
    memory=MemoryUse(4, per_column=100),
    stream=Streamed,
    streamed_memory=MemoryUse(1, per_column=100),
)
