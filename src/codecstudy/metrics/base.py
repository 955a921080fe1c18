"""What a metric is: facts, and a function that prepares the reference side once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from codecstudy.types import MetricFacts, Pixels


class Prepared(Protocol):
    """A metric with everything that depends on the reference alone already computed.

    Not safe for two threads at once: the workspaces are reused between calls. Each thread prepares its own.
    """

    def scores(self, distorted: Pixels) -> dict[str, float]:
        """Score one distorted image of the reference's size, keyed by the metric's columns."""
        ...


def _nothing_to_compile() -> None:
    """What a metric without kernels compiles."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric: a record of facts, and a function."""

    facts: MetricFacts
    prepare: Callable[[Pixels], Prepared]
    """Do everything that depends on the reference image alone."""
    compile: Callable[[], None] = _nothing_to_compile
    """Compile, or load from the cache, every kernel that the metric uses."""


def check_image(pixels: Any, name: str) -> Pixels:
    """Return ``pixels`` as a canonical image, C-contiguous; any memory layout is accepted.

    Raises ``ValueError`` naming ``name`` for another dtype, another shape or an empty array.
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

    Raises ``ValueError`` that names both shapes where they differ.
    """
    array = np.asarray(distorted)
    if array.ndim == 3 and array.shape != reference_shape:
        raise ValueError(f"reference has shape {reference_shape}, distorted has shape {array.shape}")
    return check_image(array, "distorted")
