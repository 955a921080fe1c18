"""What a report is about: its options, and how it looks into saved files."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from codecstudy.types import Pixels


class Inspector(Protocol):
    """Opens saved files for the report, which itself imports no codecs, images or metrics."""

    def original(self, path: Path, resolution: int | None, crop: int | None) -> Pixels:
        """The source at ``path`` as it was encoded: resized and cropped as the setting says."""
        ...

    def decodes(self, encoder: str) -> bool:
        """Whether files that ``encoder`` made can be decoded here."""
        ...

    def decode(self, encoder: str, data: bytes) -> Pixels:
        """Decode a file that ``encoder`` made."""
        ...

    def distance_map(self, reference: Pixels, distorted: Pixels) -> NDArray[np.float32]:
        """Butteraugli distance at each pixel, shape (height, width)."""
        ...


class PlotFormat(StrEnum):
    """Kinds of files that plots can be written as."""

    SVG = "svg"
    PDF = "pdf"
    PNG = "png"


@dataclass(frozen=True, slots=True)
class Options:
    """Metric, target and baseline of a report, and limits on its size."""

    metric: str | None = None
    """Column of the metric that the answer is based on; None for SSIMULACRA2, or the first that was measured."""
    target: float | None = None
    """Score that is good enough; None for the usual one of the metric (80 for SSIMULACRA2)."""
    coverage: float = 0.95
    """Share of images that must reach the target, above 0 and at most 1."""
    max_encode_time: float | None = None
    """CPU seconds per megapixel."""
    baseline: str | None = None
    """Format or label of the variant that sizes are relative to; None for JPEG, else the first."""
    seed: int = 0
    resamples: int = 2000
    gallery_images: int = 8
    """Maximum number of images in the gallery."""
    gallery_bytes: int = 8_000_000
    """Maximum size of all pictures in the file, in bytes."""
    results_path: str | None = None
    """Path of the results, for the commands that the report shows."""
