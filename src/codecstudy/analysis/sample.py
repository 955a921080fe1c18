"""How the measured images represent others: copies, clusters of similar images, strata, and the population."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from codecstudy.types import Floats

MIN_STRATUM = 5
"""Strata with fewer clusters are pooled for intervals: two or three images say little about the variance in their
stratum."""


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """How the measured images represent others.

    Every array has one element per image, in the order of :attr:`codecstudy.analysis.points.Points.images`.
    """

    weights: Floats
    """Files with the content of this image, at least 1: copies count once, with this weight."""
    clusters: NDArray[np.intp]
    """Number of the cluster of each image, from 0. Images of one cluster are resampled together."""
    strata: NDArray[np.intp]
    """Number of the stratum of each image, from 0."""
    stratum_names: tuple[str, ...]
    stratum_sizes: NDArray[np.int_]
    """Images of the dataset in each stratum, shape (strata,)."""
    population: int
    """Images of the dataset."""
    duplicates: dict[str, tuple[str, ...]]
    """Image -> its copies, which are not images of their own."""
    near_duplicates: tuple[tuple[str, ...], ...]
    """Clusters of more than one image."""

    @classmethod
    def simple(cls, images: int, population: int | None = None) -> Self:
        """A simple random sample of distinct images, from a dataset of ``population`` images."""
        size = max(images, population or 0)
        return cls(
            weights=np.ones(images),
            clusters=np.arange(images),
            strata=np.zeros(images, dtype=np.intp),
            stratum_names=("",),
            stratum_sizes=np.array([size]),
            population=size,
            duplicates={},
            near_duplicates=(),
        )

    @property
    def clusters_count(self) -> int:
        """Number of clusters."""
        return int(self.clusters.max()) + 1 if self.clusters.size else 0

    def pooled_strata(self) -> NDArray[np.intp]:
        """Stratum of each cluster, shape (clusters,), with those of fewer than :data:`MIN_STRATUM` pooled.

        A cluster whose images are in several strata belongs to the stratum of its first image.
        """
        _, first = np.unique(self.clusters, return_index=True)
        of_cluster = self.strata[first]
        number, counts = np.unique(of_cluster, return_counts=True)
        small = number[counts < MIN_STRATUM]
        pooled = np.where(np.isin(of_cluster, small), -1, of_cluster)
        if 0 < np.sum(pooled == -1) < MIN_STRATUM and len(number) > len(small):
            smallest = number[counts >= MIN_STRATUM][np.argmin(counts[counts >= MIN_STRATUM])]
            pooled[pooled == smallest] = -1
        return np.unique(pooled, return_inverse=True)[1].astype(np.intp)
