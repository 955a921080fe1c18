"""SSIMULACRA2: structural similarity unveiling local and compression-related artifacts (Sneyers 2022).

Agrees with libjxl's tool ``ssimulacra2`` at commit aea3a06e. Both images are converted to XYB at up to six
scales (:mod:`.xyb`), blurred (:mod:`.blur`) and compared in an SSIM map and an edge-difference map
(:mod:`.maps`), tile by tile in one pass over each scale (:mod:`.tiles`, :mod:`.scale`). A weighted sum of the maps'
norms is converted to the score (:mod:`.pooling`): 100 for identical images, about 90 for visually lossless, 70 for
high, 50 for medium quality, below 0 for very strong distortion.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from codecstudy.errors import ImageError
from codecstudy.metrics.base import Metric, check_image, check_pair
from codecstudy.metrics.ssimulacra2 import maps, pooling, scale, tiles
from codecstudy.metrics.vector import LANES
from codecstudy.types import MetricColumn, MetricFacts, Pixels, QualityLabels

MINIMUM_SIDE = 8
"""Pixels; libjxl's tool also refuses smaller images."""


class Prepared:
    """SSIMULACRA2 against one reference image: about 45 bytes per pixel.

    Not for use by two threads at once: the workspaces are reused between calls.
    """

    def __init__(self, reference: Pixels) -> None:
        """Prepare ``reference``.

        Args:
            reference: uint8, height x width x 3, sRGB, any memory layout, at least 8 pixels on each side.

        Raises:
            ValueError: The array has another dtype or shape, or is too small.
        """
        pixels = check_image(reference, "reference")
        height, width, _ = self._shape = pixels.shape
        if min(height, width) < MINIMUM_SIDE:
            raise ImageError(
                f"reference is {width} x {height} pixels; SSIMULACRA2 needs at least {MINIMUM_SIDE} a side, "
                f"as libjxl's ssimulacra2 does"
            )
        self._sizes = _sizes(height, width)
        self._parts = _parts(len(self._sizes))
        # The first scale reads the pixels, and the last one has no following scale to write.
        none = np.zeros((3, 0, 0), np.float32)
        self._planes = [none, *(_planes(*size) for size in self._sizes[1:]), none]
        self._work = tiles.workspace(width)
        self._prepared = [
            np.zeros(_prepared_floats(size, parts), np.float32)
            for size, parts in zip(self._sizes, self._parts, strict=True)
        ]
        self._pass_over_scales(pixels, preparing=True)

    def score(self, distorted: Pixels) -> float:
        """The score: at most 100, for identical images; no lower bound.

        Args:
            distorted: uint8, of the reference's shape.

        Raises:
            ValueError: The dtype or shape differs.
        """
        sums = self._pass_over_scales(check_pair(self._shape, distorted), preparing=False)
        pixels = np.array([h * w for h, w in self._sizes], np.float64)
        return pooling.score(sums.reshape(len(self._sizes), 3, 2, 3), pixels)

    def scores(self, distorted: Pixels) -> dict[str, float]:
        """``{"ssimulacra2": score}``; see :meth:`score`."""
        return {"ssimulacra2": self.score(distorted)}

    def _pass_over_scales(self, pixels: Pixels, preparing: bool) -> NDArray[np.float64]:
        sums = np.zeros((len(self._sizes), 3, tiles.SUMS))
        for k, (size, parts) in enumerate(zip(self._sizes, self._parts, strict=True)):
            scale.pass_over_scale(
                pixels,
                self._planes[k],
                size,
                k == 0,
                parts,
                self._planes[k + 1],
                self._prepared[k],
                preparing,
                self._work,
                sums[k],
            )
        return sums


def _sizes(height: int, width: int) -> list[tuple[int, int]]:
    """(height, width) at every scale: libjxl stops after the first one with a side of less than 8 pixels."""
    sizes = [(height, width)]
    while len(sizes) < pooling.SCALES and min(sizes[-1]) >= MINIMUM_SIDE:
        sizes.append((-(-sizes[-1][0] // 2), -(-sizes[-1][1] // 2)))
    return sizes


def _parts(scales: int) -> list[tuple[int, int, int]]:
    """The parts that each scale needs of each channel: parts whose weights are all zero are not computed."""
    weights = pooling.weights(scales)

    def part(level: int, channel: int) -> int:
        ssim, artifact, detail = weights[channel, level].T
        if ssim.any():
            return maps.EDGES_AND_SSIM
        return maps.EDGES if artifact.any() or detail.any() else maps.NOTHING

    return [(part(s, 0), part(s, 1), part(s, 2)) for s in range(scales)]


def _prepared_floats(size: tuple[int, int], parts: tuple[int, int, int]) -> int:
    """Floats that :func:`.scale.pass_over_scale` writes for the reference."""
    per_tile = {maps.NOTHING: 0, maps.EDGES: 1, maps.EDGES_AND_SSIM: 4}
    count = tiles.tiles_across(size[0]) * tiles.tiles_across(size[1])
    return count * sum(per_tile[part] for part in parts) * tiles.TILE


def _planes(height: int, width: int) -> NDArray[np.float32]:
    """Linear RGB of one scale, with room for what whole vectors write and read past the last column."""
    return np.zeros((3, height, width + 2 * LANES), np.float32)


def prepare(reference: Pixels) -> Prepared:
    """Prepare to score images against ``reference``; see :class:`Prepared`."""
    return Prepared(reference)


FACTS = MetricFacts(
    name="ssimulacra2",
    title="SSIMULACRA2",
    version="1",
    columns=(
        MetricColumn(
            name="ssimulacra2",
            title="SSIMULACRA2",
            description="SSIMULACRA2 score; higher is better",
            higher_is_better=True,
            targets=(50.0, 60.0, 70.0, 80.0, 85.0, 90.0),
            usual_target=80.0,
            identical=100.0,
            digits=1,
            maximum=100.0,
            quality_labels=QualityLabels(
                steps=(
                    (90.0, "visually lossless", "indistinguishable from the original even in a flicker test"),
                    (85.0, "excellent", "indistinguishable from the original when switching between the two"),
                    (80.0, "very good", "indistinguishable from the original side by side"),
                    (
                        70.0,
                        "good",
                        "differences are hardly visible side by side, and not noticed without the original",
                    ),
                    (
                        60.0,
                        "decent",
                        "differences are visible side by side, but rarely noticed without the original",
                    ),
                    (50.0, "fair", "artifacts are visible and slightly annoying"),
                    (30.0, "poor", "artifacts are obvious and annoying"),
                ),
                worse=("very poor", "artifacts are extreme"),
                source="cloudinary/ssimulacra2, README.md, which gives 30, 50, 70, 80, 85 and 90; 60 lies between",
            ),
        ),
    ),
    citation="Sneyers: SSIMULACRA2, Structural similarity unveiling local and compression-related artifacts, 2022 "
    "(github.com/cloudinary/ssimulacra2)",
    explanation="predicts how people judge an image next to its original: 100 is the original; at 90 it is "
    "indistinguishable from the original even in a flicker test, at 80 side by side; 70 is good, 50 fair, 30 poor.",
)

METRIC = Metric(FACTS, prepare, scale.pass_over_scale.compile)
