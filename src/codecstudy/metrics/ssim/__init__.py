"""SSIM: structural similarity of luma (Wang, Bovik, Sheikh, Simoncelli 2004, IEEE TIP 13(4)).

                   (2 mu_x mu_y + C1) (2 s_xy + C2)
    SSIM(x, y) = -------------------------------------         C1 = (0.01 * 255)^2, C2 = (0.03 * 255)^2
                 (mu_x^2 + mu_y^2 + C1) (s_xx + s_yy + C2)

Local means, variances and the covariance are weighted by an 11 x 11 Gaussian of sigma 1.5. The score is the
mean of the map where the whole window lies inside the image, as in the authors' ``ssim_index.m``: the outer
5 pixels on every side are not centres of a window. Luma is BT.601, unrounded.

All images here are stored minus 128: the variances stay the same, and their float32 rounding errors become smaller.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types

from codecstudy.errors import ImageError
from codecstudy.metrics.base import MemoryUse, Metric, check_image, check_pair
from codecstudy.metrics.kernels import kernel, stage
from codecstudy.metrics.vector import LANES, lane_index, load, select, splat, store, total
from codecstudy.metrics.window import C1, C2, OFFSET, WINDOW, filter_rows, load_luma, top, window
from codecstudy.types import MetricColumn, MetricFacts, Pixels

_PIXELS = types.Array(types.uint8, 3, "C", readonly=True)
_PLANE = types.float32[:, ::1]
_PLANES = types.float32[:, :, ::1]


@kernel(types.void(_PIXELS, _PLANE, _PLANE, _PLANE, _PLANE, _PLANES))
def _prepare_reference(pixels: Any, luma: Any, mean: Any, variance: Any, rows: Any, ring: Any) -> None:
    """Compute luma, local mean and variance of the reference; the latter two are indexed by their last row."""
    height, width, _ = pixels.shape
    stride = rows.shape[1]
    for y in range(height):
        for start in range(0, width, LANES):
            x = min(start, width - LANES)
            value = load_luma(pixels, (y * width + x) * 3)
            store(luma, y * stride + x, value)
            store(rows, x, value)
            store(rows, stride + x, value * value)
        filter_rows(rows, ring, y)
        if y >= WINDOW - 1:
            for x in range(0, stride - LANES, LANES):
                mu = window(ring, top(0, y, stride) + x, stride)
                square = window(ring, top(1, y, stride) + x, stride)
                out = (y - WINDOW + 1) * stride + x
                store(mean, out, mu)
                store(variance, out, square - mu * mu)


@kernel(types.float64(types.float64, _PIXELS, types.intp, _PLANE, _PLANE, _PLANE, _PLANE, _PLANES))
def _add_ssim(
    result: Any, pixels: Any, valid: Any, luma: Any, mean: Any, variance: Any, rows: Any, ring: Any
) -> Any:
    """``result`` plus the sum of the SSIM map, ``valid`` columns wide, of ``pixels`` and the prepared reference."""
    height, width, _ = pixels.shape
    stride = rows.shape[1]
    for y in range(height):
        for start in range(0, width, LANES):
            x = min(start, width - LANES)
            value = load_luma(pixels, (y * width + x) * 3)
            store(rows, x, value)
            store(rows, stride + x, value * value)
            store(rows, 2 * stride + x, value * load(luma, y * stride + x))
        filter_rows(rows, ring, y)
        if y >= WINDOW - 1:
            sum_of_row = splat(0.0)
            for x in range(0, valid, LANES):
                out = (y - WINDOW + 1) * stride + x
                mu_x = load(mean, out)
                mu_y = window(ring, top(0, y, stride) + x, stride)
                s_xx = load(variance, out)
                s_yy = window(ring, top(1, y, stride) + x, stride) - mu_y * mu_y
                s_xy = window(ring, top(2, y, stride) + x, stride) - mu_x * mu_y
                ssim = _ssim(mu_x + OFFSET, mu_y + OFFSET, s_xx, s_yy, s_xy)
                sum_of_row += select(lane_index() < valid - x, ssim, 0.0)
            result += total(sum_of_row)
    return result


@stage
def _ssim(mu_x: Any, mu_y: Any, s_xx: Any, s_yy: Any, s_xy: Any) -> Any:
    """The formula at the top of this module; exactly 1 where both images are equal."""
    luminance_and_structure = (2.0 * (mu_x * mu_y) + C1) * (2.0 * s_xy + C2)
    return luminance_and_structure / ((mu_x * mu_x + mu_y * mu_y + C1) * (s_xx + s_yy + C2))


class _Statistics:
    """Memory for luma and local statistics of a reference of ``height`` rows, and what the kernels use."""

    def __init__(self, height: int, width: int) -> None:
        self._valid = width - WINDOW + 1
        # Whole vectors, and one more for what the window reads past the last column.
        stride = -(-width // LANES) * LANES + LANES
        # An odd number of vectors: with a distance of a power of two, rows would compete for the same cache lines.
        stride += LANES if stride % (2 * LANES) == 0 else 0
        self._luma = np.zeros((height, stride), np.float32)
        self._mean = np.zeros((height - WINDOW + 1, stride), np.float32)
        self._variance = np.zeros_like(self._mean)
        self._rows = np.zeros((3, stride), np.float32)
        self._ring = np.zeros((3, 2 * WINDOW, stride), np.float32)

    def fill(self, reference: Pixels) -> None:
        """Compute them for an image, or for some of its rows: as many as there is memory for, or fewer."""
        rows = len(reference)
        planes = self._luma[:rows], self._mean[: rows - WINDOW + 1], self._variance[: rows - WINDOW + 1]
        _prepare_reference(_whole_vectors(reference), *planes, self._rows[:2], self._ring[:2])

    def add(self, result: float, distorted: Pixels) -> float:
        """``result`` plus the sum of the SSIM map of the same rows."""
        pixels = _whole_vectors(distorted)
        planes = self._luma, self._mean, self._variance
        return float(_add_ssim(result, pixels, self._valid, *planes, self._rows, self._ring))


class Prepared:
    """SSIM against one reference image: its luma and local statistics, 12 bytes per pixel."""

    def __init__(self, reference: Pixels) -> None:
        """Prepare ``reference``.

        Args:
            reference: uint8, height x width x 3, any memory layout, at least 11 pixels on each side.

        Raises:
            ValueError: The array has another dtype or shape, or is too small.
        """
        pixels = _checked(reference)
        self._shape = pixels.shape
        self._statistics = _Statistics(*self._shape[:2])
        self._statistics.fill(pixels)

    def score(self, distorted: Pixels) -> float:
        """Mean SSIM of luma, 1.0 for identical images.

        Args:
            distorted: uint8, of the reference's shape.

        Raises:
            ValueError: The dtype or shape differs.
        """
        return self._statistics.add(0.0, check_pair(self._shape, distorted)) / _centres(self._shape)

    def scores(self, distorted: Pixels) -> dict[str, float]:
        """``{"ssim": score}``; see :meth:`score`."""
        return {"ssim": self.score(distorted)}


class Streamed:
    """SSIM against one reference image that is kept as it is.

    The statistics of the reference are computed again for each score, for a few rows at a time. The operations and
    their order are those of :class:`Prepared`, and so are the scores.
    """

    def __init__(self, reference: Pixels) -> None:
        """Keep ``reference``, which must not be changed; otherwise as for :class:`Prepared`."""
        self._reference = _checked(reference)
        height, width, _ = self._reference.shape
        self._statistics = _Statistics(min(height, _STREAMED_ROWS + WINDOW - 1), width)

    def score(self, distorted: Pixels) -> float:
        """See :meth:`Prepared.score`."""
        shape = self._reference.shape
        pixels = check_pair(shape, distorted)
        result = 0.0
        for start in range(0, shape[0] - WINDOW + 1, _STREAMED_ROWS):
            rows = slice(start, start + _STREAMED_ROWS + WINDOW - 1)
            self._statistics.fill(self._reference[rows])
            result = self._statistics.add(result, pixels[rows])
        return result / _centres(shape)

    def scores(self, distorted: Pixels) -> dict[str, float]:
        """``{"ssim": score}``; see :meth:`score`."""
        return {"ssim": self.score(distorted)}


_STREAMED_ROWS = 256
"""Rows of the SSIM map that are computed at a time; the window needs 10 more rows of the image."""


def _checked(reference: Pixels) -> Pixels:
    pixels = check_image(reference, "reference")
    height, width, _ = pixels.shape
    if min(height, width) < WINDOW:
        raise ImageError(
            f"reference is {width} x {height} pixels; SSIM needs at least {WINDOW} a side, "
            f"the size of its window"
        )
    return pixels


def _centres(shape: tuple[int, ...]) -> int:
    """Number of pixels that are centres of a window."""
    return (shape[0] - WINDOW + 1) * (shape[1] - WINDOW + 1)


def _whole_vectors(pixels: Pixels) -> Pixels:
    """Images narrower than one vector, widened to one: the added columns never count as valid."""
    missing = LANES - pixels.shape[1]
    return pixels if missing <= 0 else np.pad(pixels, ((0, 0), (0, missing), (0, 0)))


def prepare(reference: Pixels) -> Prepared:
    """Prepare to score images against ``reference``; see :class:`Prepared`."""
    return Prepared(reference)


def _compile() -> None:
    _prepare_reference.compile()
    _add_ssim.compile()


FACTS = MetricFacts(
    name="ssim",
    title="SSIM",
    version="1",
    columns=(
        MetricColumn(
            name="ssim",
            title="SSIM",
            description="Structural similarity of luma, 1 for identical images; higher is better",
            higher_is_better=True,
            targets=(0.9, 0.95, 0.98, 0.99),
            usual_target=0.98,
            identical=1.0,
            digits=4,
            minimum=-1.0,
            maximum=1.0,
        ),
    ),
    citation="Wang, Bovik, Sheikh, Simoncelli: Image quality assessment: from error visibility to structural "
    "similarity. IEEE TIP 13(4), 2004",
    explanation="an older measure of error in brightness, at most 1; it agrees less with what people see, and is "
    "given for comparison with other work.",
)

METRIC = Metric(
    FACTS,
    prepare,
    _compile,
    memory=MemoryUse(12.3, per_column=300),
    stream=Streamed,
    streamed_memory=MemoryUse(0, per_column=3600),
    smallest_side=WINDOW,
)
