"""CIEDE2000: the difference of two colours, pixel by pixel, in just noticeable steps.

sRGB is converted to CIE L*a*b* (D65, 2 degree observer) with the constants of scikit-image's ``rgb2lab``, and the
difference of each pair of pixels computed with kL = kC = kH = 1 (:mod:`.formula`). The scores are the mean over all
pixels and the 95th percentile: the smallest difference that at least 95 % of pixels do not exceed, rounded up to a
multiple of 1/1024. Neighbouring pixels do not matter: it measures colour fidelity, not structure.

All values are float32, which changes the difference of two colours by at most 4e-4, and a mean by about 1e-5.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from codecstudy.metrics.base import MemoryUse, Metric, check_image, check_pair
from codecstudy.metrics.ciede2000.formula import BINS, STEP, add_differences, differences, lab
from codecstudy.metrics.vector import LANES
from codecstudy.types import MetricColumn, MetricFacts, Pixels

BLOCK = 4096
"""Pixels that are converted and compared at a time, so that their Lab values stay in cache."""
PERCENTILE = 0.95

__all__ = ["METRIC", "Prepared", "differences", "prepare", "stream"]


class Prepared:
    """CIEDE2000 against one reference image. Not for use by two threads at once.

    Args:
        reference: The image.
        streamed: Keep the image itself, which must not be changed, and convert it again for each score. The
            operations and their order are the same, and so are the scores.
    """

    def __init__(self, reference: Pixels, streamed: bool = False) -> None:
        self._shape = reference.shape
        self._reference = reference if streamed else None
        count = self._shape[0] * self._shape[1]
        self._block = np.zeros((2, 3, BLOCK), np.float32)
        self._differences = np.zeros(BLOCK, np.float32)
        self._histogram = np.zeros(BINS, np.int64)
        self._lab: NDArray[np.float32] | None = None
        if not streamed:
            self._lab = np.zeros((-(-count // BLOCK), 3, BLOCK), np.float32)
            for block, part in zip(self._lab, _parts(reference), strict=True):
                lab(part, block)

    def score(self, distorted: Pixels) -> tuple[float, float]:
        """Mean and 95th percentile of the differences; 0 for identical images.

        Args:
            distorted: uint8, of the reference's shape.

        Raises:
            ValueError: The dtype or shape differs.
        """
        parts = _parts(check_pair(self._shape, distorted))
        references = None if self._reference is None else _parts(self._reference)
        first, second = self._block
        count = self._shape[0] * self._shape[1]
        total = 0.0
        self._histogram[:] = 0
        for number, part in enumerate(parts):
            if references is not None:
                lab(references[number], first)
            elif self._lab is not None:
                first = self._lab[number]
            lab(part, second)
            differences(first, second, self._differences)
            total += add_differences(self._differences, min(BLOCK, count - number * BLOCK), self._histogram)
        rank = math.ceil(PERCENTILE * count)
        return total / count, float(np.searchsorted(self._histogram.cumsum(), rank)) * STEP

    def scores(self, distorted: Pixels) -> dict[str, float]:
        """``{"ciede2000": mean, "ciede2000_p95": 95th percentile}``; see :meth:`score`."""
        mean, high = self.score(distorted)
        return {"ciede2000": mean, "ciede2000_p95": high}


def _parts(image: Pixels) -> list[Pixels]:
    """The pixels in blocks of :data:`BLOCK`: views. The last one is filled up to whole vectors with black."""
    flat = image.reshape(-1, 3)
    parts = [flat[start : start + BLOCK] for start in range(0, len(flat), BLOCK)]
    parts[-1] = np.pad(parts[-1], ((0, -len(flat) % LANES), (0, 0)))
    return parts


def prepare(reference: Pixels) -> Prepared:
    """Prepare a reference, which keeps 12 bytes per pixel.

    Args:
        reference: uint8, height x width x 3, sRGB, any memory layout.

    Raises:
        ValueError: The array has another dtype or shape, or is empty.
    """
    return Prepared(check_image(reference, "reference"))


def stream(reference: Pixels) -> Prepared:
    """Like :func:`prepare`, keeping only the array, which must not be changed."""
    return Prepared(check_image(reference, "reference"), streamed=True)


def _compile() -> None:
    for kernel in (lab, differences, add_differences):
        kernel.compile()


assert BLOCK % LANES == 0

FACTS = MetricFacts(
    name="ciede2000",
    title="CIEDE2000",
    version="1",
    columns=(
        MetricColumn(
            name="ciede2000",
            title="CIEDE2000 mean",
            description="Mean CIEDE2000 colour difference over all pixels; lower is better",
            higher_is_better=False,
            targets=(4.0, 3.0, 2.0, 1.0, 0.5),
            usual_target=2.0,
            identical=0.0,
            minimum=0.0,
        ),
        MetricColumn(
            name="ciede2000_p95",
            title="CIEDE2000 p95",
            description="CIEDE2000 colour difference that 95 % of pixels do not exceed; lower is better",
            higher_is_better=False,
            targets=(10.0, 7.0, 5.0, 3.0, 1.5),
            usual_target=5.0,
            identical=0.0,
            minimum=0.0,
        ),
    ),
    citation="Sharma, Wu, Dalal: The CIEDE2000 color-difference formula: Implementation notes, supplementary test "
    "data, and mathematical observations. Color Research and Application 30(1), 2005; CIE 142-2001",
    explanation="the difference of colours, pixel by pixel: 0 is the original, and about 1 is just noticeable on "
    "large patches side by side. It ignores structure; its 95th percentile excludes the worst twentieth of pixels.",
)

METRIC = Metric(
    FACTS,
    prepare,
    _compile,
    memory=MemoryUse(12, fixed=2.3e6),
    stream=stream,
    streamed_memory=MemoryUse(0, fixed=2.3e6),
)
