"""PSNR: peak signal-to-noise ratio over all three channels of 8-bit images.

    MSE  = mean over pixels and channels of (reference - distorted)^2
    PSNR = 10 log10(255^2 / MSE)     in decibels; infinite for identical images

The squared differences are summed as integers, so that the result is exact and symmetric.
"""

from __future__ import annotations

import math
from typing import Any

from numba import types

from codecstudy.metrics.base import MemoryUse, Metric, check_image, check_pair
from codecstudy.metrics.kernels import kernel
from codecstudy.metrics.vector import LANES, load_bytes, total
from codecstudy.types import MetricColumn, MetricFacts, Pixels

PEAK = 255
_SAMPLES = types.Array(types.uint8, 1, "C", readonly=True)
_STEPS = 1 << 15
"""Number of squared differences (each at most 255^2) whose sum is certainly less than 2^31."""


@kernel(types.int64(_SAMPLES, _SAMPLES))
def sum_of_squared_differences(reference: Any, distorted: Any) -> Any:
    """Sum over all samples of the squared difference; both arrays flat and of the same size."""
    whole = reference.size - reference.size % LANES
    result = 0
    for start in range(0, whole, _STEPS * LANES):
        squares = load_bytes(reference, 0) * 0
        for i in range(start, min(start + _STEPS * LANES, whole), LANES):
            difference = load_bytes(reference, i) - load_bytes(distorted, i)
            squares += difference * difference
        result += total(squares)
    for i in range(whole, reference.size):
        difference = int(reference[i]) - int(distorted[i])
        result += difference * difference
    return result


class Streamed:
    """PSNR against one reference image, which is kept as it is."""

    def __init__(self, reference: Pixels) -> None:
        """Keep ``reference``, which must not be changed.

        Args:
            reference: uint8, height x width x 3, any memory layout.

        Raises:
            ValueError: The array has another dtype or shape, or is empty.
        """
        self._reference = check_image(reference, "reference")

    def score(self, distorted: Pixels) -> float:
        """PSNR in decibels, ``inf`` for identical images, never NaN.

        Args:
            distorted: uint8, of the reference's shape.

        Raises:
            ValueError: The dtype or shape differs.
        """
        pixels = check_pair(self._reference.shape, distorted)
        squares = sum_of_squared_differences(self._reference.reshape(-1), pixels.reshape(-1))
        if squares == 0:
            return math.inf
        return 10 * math.log10(PEAK**2 * pixels.size / squares)

    def scores(self, distorted: Pixels) -> dict[str, float]:
        """``{"psnr": decibels}``; see :meth:`score`."""
        return {"psnr": self.score(distorted)}


class Prepared(Streamed):
    """PSNR against one reference image, which is copied and may be changed afterwards."""

    def __init__(self, reference: Pixels) -> None:
        """Copy ``reference``; see :class:`Streamed`."""
        super().__init__(check_image(reference, "reference").copy())


def prepare(reference: Pixels) -> Prepared:
    """Prepare to score images against ``reference``; see :class:`Prepared`."""
    return Prepared(reference)


FACTS = MetricFacts(
    name="psnr",
    title="PSNR",
    version="1",
    columns=(
        MetricColumn(
            name="psnr",
            title="PSNR (dB)",
            description="Peak signal-to-noise ratio in dB; higher is better",
            higher_is_better=True,
            targets=(30.0, 35.0, 40.0, 45.0),
            usual_target=40.0,
            identical=math.inf,
            digits=1,
            minimum=0.0,
            unit="dB",
        ),
    ),
    citation="Huynh-Thu, Ghanbari: Scope of validity of PSNR in image/video quality assessment. "
    "Electronics Letters 44(13), 2008",
    explanation="an older measure of error, in decibels; it agrees less with what people see, and is given for "
    "comparison with other work.",
)

METRIC = Metric(
    FACTS,
    prepare,
    sum_of_squared_differences.compile,
    memory=MemoryUse(3),
    stream=Streamed,
    streamed_memory=MemoryUse(0),
)
