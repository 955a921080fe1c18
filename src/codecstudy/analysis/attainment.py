"""Which share of images reaches a target, judged from k of n images.

The images are a sample. If a setting was chosen so that k of n images reach the target, the expected share of
other images like these that reach it is k / (n + 1), since a new image is equally likely to take any of the n + 1
ranks among them (S. S. Wilks, "Determination of Sample Sizes for Setting Tolerance Limits", Annals of Mathematical
Statistics 12:1, 1941). The share itself follows the distribution Beta(k, n - k + 1), and its 5 % quantile is the
bound that it exceeds with 95 % certainty (C. J. Clopper and E. S. Pearson, Biometrika 26:4, 1934).

Images count by clusters: of images that are nearly equal, one counts, and only if all of them reach the target.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from codecstudy.analysis.sample import Sample

CERTAINTY = 0.95
"""Certainty of the lower bound of a share."""


class Assurance(StrEnum):
    """What is wanted of the share of other images that reach the target."""

    EXPECTED = "expected"
    """The expected share is at least the wanted one."""
    CERTAIN = "95%"
    """The share is at least the wanted one with 95 % certainty."""


@dataclass(frozen=True, slots=True)
class Attainment:
    """How many images reach a target, and what this says about other images like these."""

    reached: int
    images: int
    """Images that count: clusters of nearly equal images count once."""
    expected: float
    """Expected share of other images that reach it, 0 to 1."""
    bound: float
    """Share that is exceeded with 95 % certainty, 0 to 1."""

    @classmethod
    def of(cls, reached: int, images: int) -> Attainment:
        """From ``reached`` of ``images`` images, at least one."""
        return cls(reached, images, reached / (images + 1), bound(reached, images))


def attainment(reached: NDArray[np.bool_], counted: NDArray[np.bool_], sample: Sample) -> Attainment:
    """The attainment of ``reached`` among the images that are ``counted``; both have shape (images,)."""
    whole = by_cluster(reached[:, None], counted, sample)[:, 0]
    return Attainment.of(int(whole.sum()), len(whole))


def by_cluster(reached: NDArray[np.bool_], counted: NDArray[np.bool_], sample: Sample) -> NDArray[np.bool_]:
    """Whether all counted images of each cluster are reached; clusters without counted images are left out.

    Args:
        reached: Shape (images, cases).
        counted: Shape (images,).
        sample: The clusters.

    Returns:
        Shape (clusters with counted images, cases), in the order of the clusters' numbers.
    """
    order, numbers = np.unique(sample.clusters[counted], return_inverse=True)
    whole = np.ones((len(order), reached.shape[1]), dtype=bool)
    np.logical_and.at(whole, numbers, reached[counted])
    return whole


def bound(reached: int, images: int, certainty: float = CERTAINTY) -> float:
    """The share that is exceeded with ``certainty`` if ``reached`` of ``images`` images reach a target."""
    return float(stats.beta.ppf(1 - certainty, reached, images - reached + 1)) if reached else 0.0


def required(images: int, coverage: float, assurance: Assurance) -> int | None:
    """How many of ``images`` images must reach the target; None if not even all of them are enough.

    For the expected share, ceil(coverage x (images + 1)). For certainty, the smallest number whose bound is at
    least ``coverage``: 0, 1 and 4 images may miss the target of 59, 100 and 200 for a coverage of 95 %.
    """
    if assurance is Assurance.EXPECTED:
        wanted = math.ceil(coverage * (images + 1) - 1e-9)
        return wanted if wanted <= images else None
    if not images or bound(images, images) < coverage:
        return None
    low, high = 0, images
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if bound(middle, images) >= coverage else (middle + 1, high)
    return low


def images_needed(coverage: float, assurance: Assurance, misses: int = 0) -> int | None:
    """The smallest number of images from which ``misses`` of them may miss the target; None for a coverage of 1.

    19 images for an expected share of 95 %, 59 for 95 % certainty of it, if none misses.
    """
    if coverage >= 1:
        return None
    images = max(1, misses)
    while (wanted := required(images, coverage, assurance)) is None or wanted > images - misses:
        images += max(1, images // 100)
    while images > 1:  # the steps above may have passed over the smallest number
        wanted = required(images - 1, coverage, assurance)
        if wanted is None or wanted > images - 1 - misses:
            break
        images -= 1
    return images
