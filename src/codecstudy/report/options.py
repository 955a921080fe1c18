"""Options of a report, and the protocol by which it opens saved files."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from codecstudy.analysis.sample import Clustering
from codecstudy.types import Box, Pixels, Setting


class Inspector(Protocol):
    """Opens and encodes files for the report, which itself does not import codecs, images or metrics."""

    def original(self, path: Path, resolution: int | None, crop: int | None) -> tuple[Pixels, Box]:
        """The source at ``path`` as it was encoded, resized and cropped, and the part of it that is scored."""
        ...

    def encode(self, path: Path, setting: Setting, names: tuple[str, ...]) -> tuple[bytes, dict[str, float]]:
        """Encode the source at ``path``, and score the result with these metrics: scores by column.

        Raises:
            CodecstudyError: The source cannot be read, or the encoder fails.
        """
        ...

    def measures(self, metric: str) -> bool:
        """Whether ``metric`` is installed on this machine."""
        ...

    def version(self, encoder: str) -> str:
        """Library and version of ``encoder`` on this machine."""
        ...

    def decodes(self, encoder: str, format: str) -> bool:
        """Whether files of ``format`` made by ``encoder`` can be decoded on this machine."""
        ...

    def decode(self, encoder: str, format: str, data: bytes) -> Pixels:
        """Decode a file of ``format`` made by ``encoder``."""
        ...

    def distance_map(self, reference: Pixels, distorted: Pixels) -> NDArray[np.float32]:
        """Butteraugli distance at each pixel, shape (height, width)."""
        ...


class PlotFormat(StrEnum):
    """File formats of plots."""

    SVG = "svg"
    PDF = "pdf"
    PNG = "png"


@dataclass(frozen=True, slots=True)
class Options:
    """Metric, target and baseline of a report, and limits on its size."""

    metric: str | None = None
    """Column of the metric that the answer is based on; None for SSIMULACRA2, or else the first one measured."""
    target: float | None = None
    """Score that is good enough; None for the metric's usual target (80 for SSIMULACRA2)."""
    coverage: float = 0.95
    """Share of images that must reach the target, above 0 and at most 1."""
    assurance: str = "expected"
    """``expected``: that share of other images is expected to reach it; ``95%``: it does with 95 % certainty."""
    bd_range: tuple[float, float] | None = None
    """Two scores between which BD-rates are computed; None for the ends of the usual targets (50 and 90 for
    SSIMULACRA2)."""
    cluster: Clustering = "near-duplicates"
    """Which images count as one for intervals: those that look alike, or those of one folder."""
    max_encode_time: float | None = None
    """Limit on the encode time of a variant, in CPU seconds per megapixel."""
    baseline: str | None = None
    """Encoder, format or variant label that sizes are relative to; None for JPEG, or else the first variant."""
    seed: int = 0
    resamples: int = 2000
    gallery_images: int = 8
    """Maximum number of images in the gallery."""
    gallery_bytes: int = 8_000_000
    """Maximum size of all pictures in the file, in bytes."""
    encode: bool = True
    """Whether pictures are encoded for the gallery where no saved file has the wanted score."""
    encode_seconds: float = 120.0
    """Limit on the CPU time of these encodes in seconds, as estimated from the measured times."""
    results_path: str | None = None
    """Path of the results, for the commands that the report shows, and to recognise a ``data`` folder that is a
    link."""
    images: Path | None = None
    """Folder of the originals, if they are not in the workspace: nothing outside it is opened otherwise."""
