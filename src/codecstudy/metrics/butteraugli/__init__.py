"""Butteraugli: the distance at which errors become visible.

The scores are those of libjxl's ``butteraugli_main`` with its default options (commit aea3a06e): sRGB shown at 80
nits, compared at full and at half resolution. :func:`at_intensity` gives the metric for a screen of another
brightness, as ``butteraugli_main --intensity_target`` does. A distance of about 1 is just noticeable; lower is
better, identical images score exactly 0. Images with a side of less than 8 pixels score 0, as in the tool.
"""

from __future__ import annotations

import dataclasses
import re
from functools import cache, partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from codecstudy.errors import MetricError
from codecstudy.metrics.base import MemoryUse, Metric, check_image, check_pair
from codecstudy.metrics.butteraugli.opsin import INTENSITY_TARGET, nits_of_bytes
from codecstudy.metrics.butteraugli.streaming import PLANES, STREAMED_ROWS, fronts_for, scales_for, stream
from codecstudy.metrics.butteraugli.strips import Plane, Window, aligned_zeros, strip_columns, to_raster
from codecstudy.metrics.butteraugli.windows import BAND, Windows, half_windows, windows_for
from codecstudy.metrics.vector import LANES
from codecstudy.types import MetricColumn, MetricFacts, Pixels, QualityLabels

_NOTHING: Plane = np.empty((0, 0), np.float32)

SMALLEST_SIDE = 8
"""A resolution with a side of fewer pixels is not compared."""


class ButteraugliScore(NamedTuple):
    """The two numbers that ``butteraugli_main`` prints."""

    max_norm: float
    """Largest distance anywhere in the image."""
    norm3: float
    """Mean of the 3-, 6- and 12-norms of the distances, printed as "3-norm"."""


class _Resolution:
    """A reference at full or half resolution.

    Args:
        reference: The image at full resolution.
        columns: Columns of a strip at this resolution.
        windows: Rows in use.
        reference_windows: The same for the reference, if it is streamed together with each distorted image instead
            of being kept.
        halving: Whether this is half resolution.
        intensity_target: Luminance of white in nits.
    """

    def __init__(
        self,
        reference: Pixels,
        columns: int,
        windows: Windows,
        reference_windows: Windows | None,
        halving: bool,
        intensity_target: float,
    ) -> None:
        height, width = (-(-side // (2 if halving else 1)) for side in reference.shape[:2])
        self._halving = halving
        self._nits = nits_of_bytes(intensity_target)
        self._windows, self._reference_windows = windows, reference_windows
        self._scales = scales_for(height), scales_for(width)
        self._fronts = fronts_for(height)
        kept = height if reference_windows is None else STREAMED_ROWS
        self._planes: Window = aligned_zeros(PLANES, kept, LANES * columns)
        self._reference = None if reference_windows is None else reference
        if reference_windows is None:
            self._prepare(reference, windows, 0, self._fronts.stop)

    def compare(self, distorted: Pixels, half: Plane, distances: Plane, pooled: NDArray[np.float64]) -> None:
        """Compare with the reference; see :func:`~codecstudy.metrics.butteraugli.streaming.stream`."""
        results = half, distances, pooled
        if self._reference is None or self._reference_windows is None:
            self._stream(distorted, self._windows, True, 0, self._fronts.stop, *results)
            return
        reference = self._reference, self._reference_windows
        self._prepare(*reference, 0, BAND)
        for front in self._fronts:
            if front + BAND in self._fronts:
                self._prepare(*reference, front + BAND, front + 2 * BAND)
            self._stream(distorted, self._windows, True, front, front + BAND, *results)

    @property
    def nbytes(self) -> int:
        """Memory of the planes, in bytes."""
        return self._planes.nbytes

    def _prepare(self, reference: Pixels, windows: Windows, first: int, end: int) -> None:
        self._stream(reference, windows, False, first, end, _NOTHING, _NOTHING, np.zeros(4))

    def _stream(
        self,
        pixels: Pixels,
        windows: Windows,
        comparing: bool,
        first: int,
        end: int,
        *results: NDArray[np.floating],
    ) -> None:
        inputs = pixels, (first, end), self._halving, self._nits
        stream(*inputs, windows, *self._scales, comparing, self._planes, *results)


class Prepared:
    """A reference with everything that depends on it alone computed. Not for use by two threads at once.

    Args:
        reference: The image.
        streamed: Keep the image itself, which must not be changed, and compute the rest again for each score, band
            by band just before the same band of the distorted image is compared with it. The operations and their
            order are the same, and so are the scores.
        intensity_target: Luminance of white in nits.
    """

    def __init__(
        self, reference: Pixels, streamed: bool = False, intensity_target: float = INTENSITY_TARGET
    ) -> None:
        self._shape = reference.shape
        self._column = _column(intensity_target)
        height, width = reference.shape[:2]
        columns = strip_columns(width)
        self._pitch = LANES * columns
        self._pooled = np.zeros(4)
        self._row: Plane = aligned_zeros(1, self._pitch)
        self._windows = windows_for(columns)
        self._reference_windows = windows_for(columns) if streamed else None
        self._full = self._half = None
        self._half_distances = _NOTHING
        if min(height, width) >= SMALLEST_SIDE:
            windows = self._windows, self._reference_windows
            self._full = _Resolution(reference, columns, *windows, False, intensity_target)
        if -(-min(height, width) // 2) >= SMALLEST_SIDE:
            half = half_windows(self._windows, columns)
            of_reference = self._reference_windows and half_windows(self._reference_windows, columns)
            self._half = _Resolution(reference, columns // 2, half, of_reference, True, intensity_target)
            self._half_distances = aligned_zeros(-(-height // 2), self._pitch // 2)

    @property
    def nbytes(self) -> int:
        """Memory in use, in bytes: everything that scores will ever need."""
        kept = sum(part.nbytes for part in (self._full, self._half) if part is not None)
        kept += sum(window.nbytes for window in self._windows)
        return kept + self._half_distances.nbytes + self._row.nbytes

    def score(self, distorted: Pixels) -> ButteraugliScore:
        """Compare with a distorted image.

        Allocates nothing of the image's size, except for a copy if ``distorted`` is not C-contiguous.

        Args:
            distorted: uint8, height x width x 3, sRGB, of the reference's shape.

        Raises:
            ValueError: The dtype or shape differs.
        """
        return self._compare(check_pair(self._shape, distorted), self._row)

    def scores(self, distorted: Pixels) -> dict[str, float]:
        """The columns of a record: ``butteraugli`` (max norm) and ``butteraugli_3norm``.

        At another intensity, ``butteraugli_203nits`` and ``butteraugli_203nits_3norm``.
        """
        score = self.score(distorted)
        return {self._column: score.max_norm, f"{self._column}_3norm": score.norm3}

    def distance_map(self, distorted: Pixels) -> NDArray[np.float32]:
        """Distance at each pixel: float32 (height, width), at least 0; its maximum is the score's max norm."""
        height, width = self._shape[:2]
        distances = aligned_zeros(height, self._pitch)
        self._compare(check_pair(self._shape, distorted), distances)
        return to_raster(distances, width)

    def _compare(self, distorted: Pixels, distances: NDArray[np.float32]) -> ButteraugliScore:
        if self._full is None:
            return ButteraugliScore(0.0, 0.0)
        if self._half is not None:
            self._half.compare(distorted, _NOTHING, self._half_distances, self._pooled)
        self._full.compare(distorted, self._half_distances, distances, self._pooled)
        means = self._pooled[1:] / (self._shape[0] * self._shape[1])
        norms = means ** (1 / np.array([3, 6, 12]))
        return ButteraugliScore(float(self._pooled[0]), float(norms.mean()))


def _column(intensity_target: float) -> str:
    """Name of the column of the max norm."""
    default = intensity_target == INTENSITY_TARGET
    return "butteraugli" if default else f"butteraugli_{intensity_target:g}nits"


def prepare(reference: Pixels, intensity_target: float = INTENSITY_TARGET) -> Prepared:
    """Prepare a reference, which keeps about 65 bytes per pixel.

    Args:
        reference: uint8, height x width x 3, sRGB, any memory layout.
        intensity_target: Luminance of white in nits, above 0.

    Raises:
        ValueError: The array has another dtype or shape, or is empty.
    """
    return Prepared(check_image(reference, "reference"), intensity_target=intensity_target)


def stream_pixels(reference: Pixels, intensity_target: float = INTENSITY_TARGET) -> Prepared:
    """Like :func:`prepare`, keeping about one byte per pixel and the array, which must not be changed."""
    return Prepared(check_image(reference, "reference"), streamed=True, intensity_target=intensity_target)


FACTS = MetricFacts(
    name="butteraugli",
    title="Butteraugli",
    version="1",
    columns=(
        MetricColumn(
            name="butteraugli",
            title="Butteraugli",
            description="Butteraugli distance, max norm; lower is better",
            higher_is_better=False,
            targets=(3.0, 2.0, 1.5, 1.0, 0.5),
            usual_target=1.5,
            identical=0.0,
            minimum=0.0,
            quality_labels=QualityLabels(
                steps=(
                    (0.5, "visually lossless", "no difference is visible"),
                    (1.0, "excellent", "differences are at the threshold of visibility"),
                    (1.5, "very good", "differences are visible only when looking for them"),
                    (2.0, "good", "small differences are visible"),
                    (3.0, "fair", "differences are visible"),
                ),
                worse=("poor", "differences are obvious"),
                source="the words are ours; cjxl --help calls 1.0 visually lossless and recommends 0.5 to 3.0",
            ),
        ),
        MetricColumn(
            name="butteraugli_3norm",
            title="Butteraugli 3-norm",
            description="Butteraugli distance, 3-norm; lower is better",
            higher_is_better=False,
            targets=(1.5, 1.0, 0.75, 0.5, 0.25),
            usual_target=0.75,
            identical=0.0,
            minimum=0.0,
            codec_compare_name="p3-norm",
        ),
    ),
    citation="Alakuijala et al.: Guetzli: Perceptually guided JPEG encoder, 2017; libjxl, lib/jxl/butteraugli",
    explanation="a distance: 0 is the original, below 1 it predicts that differences are hardly visible. Its "
    "maximum describes the worst spot, its 3-norm the whole image.",
)

METRIC = Metric(
    FACTS,
    prepare,
    stream.compile,
    memory=MemoryUse(63, per_column=3000),
    stream=stream_pixels,
    streamed_memory=MemoryUse(1.1, per_column=8000),
    # Every smaller image would score 0, as in the tool, which says nothing about the image.
    smallest_side=8,
)

_BRIGHTEST = 10_000


@cache
def at_intensity(nits: str) -> Metric:
    """Butteraugli for a screen whose white has so many nits: metric ``butteraugli@203`` for 203.

    Args:
        nits: An integer from 1 to 10000 without leading zeros, except 80, the default.

    Raises:
        MetricError: It is not.
    """
    name = f"{FACTS.name}@{nits}"
    if not re.fullmatch("[1-9][0-9]{0,4}", nits) or int(nits) > _BRIGHTEST:
        raise MetricError(
            f"no metric is named {name!r}: after @ stands the luminance of white in nits, an integer from 1 to "
            f"{_BRIGHTEST}, as in butteraugli@203"
        )
    if int(nits) == INTENSITY_TARGET:
        raise MetricError(
            f"no metric is named {name!r}: {INTENSITY_TARGET} nits is the default; write butteraugli"
        )
    columns = tuple(
        dataclasses.replace(
            column,
            name=column.name.replace(FACTS.name, _column(int(nits))),
            title=column.title.replace(FACTS.title, f"{FACTS.title} ({nits} nits)"),
            description=column.description.replace("distance,", f"distance at {nits} nits,"),
            codec_compare_name="",
        )
        for column in FACTS.columns
    )
    facts = dataclasses.replace(
        FACTS,
        name=name,
        title=f"{FACTS.title} ({nits} nits)",
        columns=columns,
        explanation=f"Butteraugli for a screen whose white has {nits} nits: {FACTS.explanation}",
    )
    return dataclasses.replace(
        METRIC,
        facts=facts,
        prepare=partial(prepare, intensity_target=int(nits)),
        stream=partial(stream_pixels, intensity_target=int(nits)),
    )
