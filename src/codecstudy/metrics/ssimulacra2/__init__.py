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
from codecstudy.metrics.base import MemoryUse, Metric, check_image, check_pair
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
        pixels = _checked(reference)
        height, width, _ = self._shape = pixels.shape
        self._sizes = _sizes(height, width)
        self._parts = _parts(len(self._sizes))
        self._planes = _all_planes(self._sizes)
        self._work = tiles.workspace(width)
        self._prepared = [
            np.zeros(tiles.tiles_across(size[0]) * _floats_of_band(size[1], parts), np.float32)
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
        return _pooled(sums, self._sizes)

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
                (0, tiles.tiles_across(size[0])),
                k == 0,
                parts,
                self._planes[k + 1],
                self._prepared[k],
                preparing,
                self._work,
                sums[k],
            )
        return sums


class Streamed:
    """SSIMULACRA2 against one reference image that is kept as it is: about 8 bytes per pixel.

    What :class:`Prepared` keeps is computed again for each score, band by band, just before the same band of the
    distorted image is compared with it. The operations and their order are the same, and so are the scores.

    Not for use by two threads at once.
    """

    def __init__(self, reference: Pixels) -> None:
        """Keep ``reference``, which must not be changed; otherwise as for :class:`Prepared`."""
        self._reference = _checked(reference)
        height, width, _ = self._reference.shape
        self._sizes = _sizes(height, width)
        self._parts = _parts(len(self._sizes))
        # Of the reference and of the distorted image.
        self._planes = _all_planes(self._sizes), _all_planes(self._sizes)
        self._work = tiles.workspace(width), tiles.workspace(width)
        self._prepared = np.zeros(_floats_of_band(width, (maps.EDGES_AND_SSIM,) * 3), np.float32)

    def score(self, distorted: Pixels) -> float:
        """See :meth:`Prepared.score`."""
        pair = self._reference, check_pair(self._reference.shape, distorted)
        sides = tuple(zip(pair, self._planes, self._work, (True, False), strict=True))
        sums = np.zeros((len(self._sizes), 3, tiles.SUMS))
        for k, (size, parts) in enumerate(zip(self._sizes, self._parts, strict=True)):
            for band in range(tiles.tiles_across(size[0])):
                for pixels, planes, work, preparing in sides:
                    scale.pass_over_scale(
                        pixels,
                        planes[k],
                        size,
                        (band, band + 1),
                        k == 0,
                        parts,
                        planes[k + 1],
                        self._prepared,
                        preparing,
                        work,
                        sums[k],
                    )
        return _pooled(sums, self._sizes)

    def scores(self, distorted: Pixels) -> dict[str, float]:
        """``{"ssimulacra2": score}``; see :meth:`score`."""
        return {"ssimulacra2": self.score(distorted)}


def _checked(reference: Pixels) -> Pixels:
    pixels = check_image(reference, "reference")
    height, width, _ = pixels.shape
    if min(height, width) < MINIMUM_SIDE:
        raise ImageError(
            f"reference is {width} x {height} pixels; SSIMULACRA2 needs at least {MINIMUM_SIDE} a side, "
            f"as libjxl's ssimulacra2 does"
        )
    return pixels


def _pooled(sums: NDArray[np.float64], sizes: list[tuple[int, int]]) -> float:
    pixels = np.array([h * w for h, w in sizes], np.float64)
    return pooling.score(sums.reshape(len(sizes), 3, 2, 3), pixels)


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


def _floats_of_band(width: int, parts: tuple[int, int, int]) -> int:
    """Floats that :func:`.scale.pass_over_scale` writes for one band of the reference."""
    per_tile = {maps.NOTHING: 0, maps.EDGES: 1, maps.EDGES_AND_SSIM: 4}
    return tiles.tiles_across(width) * sum(per_tile[part] for part in parts) * tiles.TILE


def _all_planes(sizes: list[tuple[int, int]]) -> list[NDArray[np.float32]]:
    """The planes of every scale: the first scale reads the pixels, and the last one has none to write."""
    none = np.zeros((3, 0, 0), np.float32)
    return [none, *(_planes(*size) for size in sizes[1:]), none]


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
    explanation="predicts how people judge an image next to its original: 100 is the original; 90 stands for "
    "indistinguishable from it even in a flicker test, 80 side by side; 70 for good, 50 for fair, 30 for poor.",
)

METRIC = Metric(
    FACTS,
    prepare,
    scale.pass_over_scale.compile,
    memory=MemoryUse(45, per_column=2300),
    stream=Streamed,
    streamed_memory=MemoryUse(8.5, per_column=2500),
    smallest_side=MINIMUM_SIDE,
)
