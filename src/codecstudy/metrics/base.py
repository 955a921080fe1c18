"""What a metric is: facts, and a function that prepares the reference side once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from codecstudy.types import MetricFacts, Pixels


class Prepared(Protocol):
    """A metric with everything that depends on the reference alone already computed.

    Not for use by two threads at once, because workspaces are reused between calls. Each thread prepares its own.
    """

    def scores(self, distorted: Pixels) -> dict[str, float]:
        """Score one distorted image of the reference's size; returns scores by column."""
        ...


def _nothing_to_compile() -> None:
    """The ``compile`` of a metric without kernels."""


@dataclass(frozen=True, slots=True)
class MemoryUse:
    """Most memory that a prepared reference and one score take, without the two images.

    ``benchmarks/memory.py`` measures it.
    """

    per_pixel: float
    """Bytes for each pixel of the image."""
    per_column: float = 0.0
    """Bytes for each pixel of a row: rows that a metric works on, however high the image is."""
    fixed: float = 0.0
    """Bytes that do not depend on the size of the image."""

    def of(self, width: int, height: int) -> int:
        """Bytes for an image of ``width`` x ``height`` pixels."""
        return int(self.per_pixel * width * height + self.per_column * width + self.fixed)


STREAMED_ABOVE = 16_000_000
"""Images with more pixels are streamed, unless the caller gives another limit."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric: a record of facts, and a function."""

    facts: MetricFacts
    prepare: Callable[[Pixels], Prepared]
    """Compute everything that depends on the reference image alone."""
    compile: Callable[[], None] = _nothing_to_compile
    """Compile, or load from the cache, every kernel that the metric uses."""
    memory: MemoryUse = MemoryUse(100.0)
    stream: Callable[[Pixels], Prepared] | None = None
    """Like ``prepare``, with the same scores, in little memory: what depends on the reference is computed again for
    each score, a part of the image at a time. It keeps the reference itself, which must not be changed."""
    streamed_memory: MemoryUse = MemoryUse(100.0)
    """The same as ``memory``, for ``stream``."""
    smallest_side: int = 1
    """Shortest side, in pixels, of images to which the metric applies. In a study, smaller ones get no score of it,
    which is not a failure."""

    def applies_to(self, image: Pixels) -> bool:
        """Whether an image is large enough."""
        return min(image.shape[:2]) >= self.smallest_side

    def prepared(self, reference: Pixels, streamed_above: float = STREAMED_ABOVE) -> Prepared:
        """Stream references of more than so many pixels, prepare others.

        Args:
            reference: The image, which must not be changed afterwards.
            streamed_above: Number of pixels.
        """
        if self.stream is not None and reference.shape[0] * reference.shape[1] > streamed_above:
            return self.stream(reference)
        return self.prepare(reference)

    def bytes_for(self, width: int, height: int, streamed_above: float = STREAMED_ABOVE) -> int:
        """Most bytes that :meth:`prepared` and one score take, for a reference of ``width`` x ``height`` pixels."""
        streams = self.stream is not None and width * height > streamed_above
        return (self.streamed_memory if streams else self.memory).of(width, height)


def check_image(pixels: Any, name: str) -> Pixels:
    """Return ``pixels`` as a canonical image, C-contiguous.

    Args:
        pixels: uint8, height x width x 3, in any memory layout.
        name: Name of the image for messages.

    Raises:
        ValueError: The array has another dtype or shape, or is empty.
    """
    array = np.asarray(pixels)
    if array.dtype != np.uint8:
        raise ValueError(f"{name} has dtype {array.dtype}; expected uint8 (8-bit sRGB)")
    if array.ndim != 3 or array.shape[2] != 3:
        raise ValueError(f"{name} has shape {array.shape}; expected (height, width, 3)")
    if 0 in array.shape:
        raise ValueError(f"{name} is empty: shape {array.shape}")
    return np.ascontiguousarray(array)


def check_pair(reference_shape: tuple[int, ...], distorted: Any) -> Pixels:
    """Return ``distorted`` as a canonical image of the reference's shape.

    Raises:
        ValueError: The shapes differ (the message contains both), or the dtype is not uint8.
    """
    array = np.asarray(distorted)
    if array.ndim == 3 and array.shape != reference_shape:
        raise ValueError(f"reference has shape {reference_shape}, distorted has shape {array.shape}")
    return check_image(array, "distorted")
