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
class Metric:
    """One metric: a record of facts, and a function."""

    facts: MetricFacts
    prepare: Callable[[Pixels], Prepared]
    """Compute everything that depends on the reference image alone."""
    compile: Callable[[], None] = _nothing_to_compile
    """Compile, or load from the cache, every kernel that the metric uses."""


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
