"""How the measured images represent others: copies, near-duplicates, folders, and the dataset they come from.

Images are not always independent draws. Files with the same content are one image (a *copy* adds nothing), versions
of one picture are nearly one (*near-duplicates*), and a folder is often a group of its own: a *stratum* if the
dataset has all the folders there are, a *cluster* if its folders are themselves examples of many others. Statistics
need to know all of this; here it is found in the records of a study.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, Self, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from codecstudy.errors import ResultsError
from codecstudy.results import QualityResults
from codecstudy.types import Floats, folder_of

Clustering = Literal["near-duplicates", "folder"]
"""What is resampled together: images that look alike, or images of one folder."""

NEAR_DUPLICATE_BITS = 8
"""Largest Hamming distance of the perceptual hashes of near-duplicates. Of 36 photographs and screenshots, every
version that was resized (to 25 % or more), encoded again (JPEG quality 10 or more), made brighter or darker by
20 %, or turned grey is at most 8 bits away; two different ones are at least 18. Of 3.3 million pairs of random
crops of different photographs, none is within 8 bits; of 1.2 million pairs with a crop of a screenshot, 1 is
(``benchmarks/phash.py``)."""

MIN_STRATUM = 5
"""Strata with fewer clusters are pooled for intervals: two or three images say little about the variance in their
stratum."""

_ROWS = 256
"""Hashes that are compared with all others at once: 20 MB for 10,000 images."""


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """How the measured images represent others."""

    images: tuple[str, ...]
    """The images of which the arrays have one element each, sorted; none is a copy of another."""
    weights: Floats
    """Files with each image's content, shape (images,), at least 1; only the first is in ``images``."""
    clusters: NDArray[np.intp]
    """Cluster number of each image, 0..k-1, shape (images,): images of one cluster are resampled together."""
    strata: NDArray[np.intp]
    """Stratum number of each image, shape (images,)."""
    stratum_names: tuple[str, ...]
    """Folder of each stratum within the dataset, empty text for the top level, sorted. Folders of which no image
    was measured are included."""
    stratum_sizes: NDArray[np.int_]
    """Images of the dataset in each stratum, shape (strata,): different contents, not files, if the results say so
    (:attr:`codecstudy.results.RunInfo.strata`). Results of older versions do not; then an estimate, see
    :func:`describe_sample`."""
    duplicates: dict[str, tuple[str, ...]]
    """Copies of each image that has some, by the image that is kept; both sorted by name."""
    near_duplicates: tuple[tuple[str, ...], ...]
    """Groups of two or more images that look alike, also if ``clusters`` are folders; sorted by name."""
    passed_over: tuple[str, ...]
    """Images that were left out of the order of the sample; see :attr:`codecstudy.results.RunInfo.passed_over`."""

    @classmethod
    def simple(cls, images: int, population: int | None = None) -> Self:
        """A simple random sample of ``images`` different images, from a dataset of ``population``."""
        return cls(
            images=tuple(f"{number:06d}" for number in range(images)),
            weights=np.ones(images),
            clusters=np.arange(images),
            strata=np.zeros(images, dtype=np.intp),
            stratum_names=("",),
            stratum_sizes=np.array([max(images, population or 0)]),
            duplicates={},
            near_duplicates=(),
            passed_over=(),
        )

    def select(self, rows: NDArray[np.intp]) -> Sample:
        """The sample of the images with these indices, from the same dataset."""
        kept = tuple(self.images[row] for row in rows.tolist())
        return dataclasses.replace(
            self,
            images=kept,
            weights=self.weights[rows],
            clusters=np.unique(self.clusters[rows], return_inverse=True)[1].astype(np.intp),
            strata=self.strata[rows],
            duplicates={name: copies for name, copies in self.duplicates.items() if name in kept},
            near_duplicates=tuple(
                group
                for names in self.near_duplicates
                if len(group := tuple(n for n in names if n in kept)) > 1
            ),
        )

    def within(self, folder: str) -> Sample:
        """The same images as a sample of those in one folder of the dataset, which all of them are in.

        With ``cluster="folder"`` there is no folder below it: every image is a cluster of its own.
        """
        if folder not in self.stratum_names:
            sizes = np.array([len(self.images)])
            clusters: NDArray[np.intp] = np.arange(len(self.images))
        else:
            sizes = self.stratum_sizes[[self.stratum_names.index(folder)]]
            clusters = self.clusters
        return dataclasses.replace(
            self,
            clusters=clusters,
            strata=np.zeros(len(self.images), dtype=np.intp),
            stratum_names=(folder,),
            stratum_sizes=np.maximum(sizes, len(self.images)),
        )

    @property
    def clusters_count(self) -> int:
        """Number of clusters."""
        return int(self.clusters.max(initial=-1)) + 1

    @property
    def population(self) -> int:
        """Images of the dataset."""
        return int(self.stratum_sizes.sum())

    @property
    def stratum_counts(self) -> NDArray[np.int_]:
        """Images of the sample in each stratum, shape (strata,)."""
        return np.bincount(self.strata, minlength=len(self.stratum_names))

    @property
    def is_census(self) -> bool:
        """Whether every image of the dataset is in the sample."""
        return len(self.images) == self.population

    @property
    def cluster_strata(self) -> NDArray[np.intp]:
        """The stratum in which each cluster is resampled, shape (clusters,).

        Near-duplicates may lie in several folders; then it is the stratum with most of the cluster's images, the
        first one of several with as many.
        """
        table = np.zeros((self.clusters_count, self.strata.max(initial=-1) + 1), dtype=np.intp)
        np.add.at(table, (self.clusters, self.strata), 1)
        strata: NDArray[np.intp] = table.argmax(axis=1) if table.size else np.zeros(0, dtype=np.intp)
        return strata

    def pooled_strata(self) -> NDArray[np.intp]:
        """:attr:`cluster_strata`, with those of fewer than :data:`MIN_STRATUM` clusters pooled, numbered from 0."""
        of_cluster = self.cluster_strata
        number, counts = np.unique(of_cluster, return_counts=True)
        small = number[counts < MIN_STRATUM]
        pooled = np.where(np.isin(of_cluster, small), -1, of_cluster)
        if 0 < np.sum(pooled == -1) < MIN_STRATUM and len(number) > len(small):
            large = counts >= MIN_STRATUM
            pooled[pooled == number[large][np.argmin(counts[large])]] = -1
        return np.unique(pooled, return_inverse=True)[1].astype(np.intp)


def representatives(results: QualityResults, images: Sequence[str]) -> NDArray[np.intp]:
    """Indices of the images to keep so that no content is there twice: of files with equal content, the first.

    Args:
        results: The results that the images come from.
        images: Names of source images, sorted, such as :attr:`codecstudy.analysis.points.Points.images`.

    Returns:
        Indices into ``images``, ascending.
    """
    content = _contents(results)
    seen: set[str] = set()
    kept = []
    for index, image in enumerate(images):
        sha256 = content.get(image)
        if sha256 is None or sha256 not in seen:
            kept.append(index)
        if sha256 is not None:
            seen.add(sha256)
    return np.array(kept, dtype=np.intp)


def describe_sample(
    results: QualityResults, images: Sequence[str], *, cluster: Clustering = "near-duplicates"
) -> Sample:
    """Describe the sample that statistics are computed from.

    Args:
        results: The results that the images come from.
        images: Names of the images that take part, sorted, without copies (see :func:`representatives`).
        cluster: ``near-duplicates``: images whose perceptual hashes differ in at most
            :data:`NEAR_DUPLICATE_BITS` bits, directly or by way of other images (single linkage), are one cluster;
            an image without a hash is a cluster by itself; folders are strata. ``folder``: every folder is a
            cluster, and there is one stratum, because folders cannot be both: a stratum is there in every sample,
            a cluster is not.

    Returns:
        The sample. If the results do not say how many images each folder of the dataset has (older versions did
        not), each folder has those in the records, and the images of the dataset that are not in the records
        (:attr:`codecstudy.results.DatasetInfo.image_count`) are distributed over the folders in proportion to
        that, rounded up.

    Raises:
        ResultsError: ``cluster`` is unknown.
        ValueError: Two of ``images`` have the same content.
    """
    if cluster not in get_args(Clustering):
        raise ResultsError(f"clusters cannot be {cluster!r}. Use one of: {', '.join(get_args(Clustering))}.")
    if len(representatives(results, images)) != len(images):
        raise ValueError("two of the images have the same content; keep the representatives only")
    copies = _copies(_contents(results), images)
    alike = _alike(_hashes(results, images))
    folders = [folder_of(image) for image in images]
    sizes = _folder_sizes(results, folders)
    if cluster == "folder":
        names = sorted(set(folders))
        clusters = np.array([names.index(folder) for folder in folders], dtype=np.intp)
        strata = np.zeros(len(images), dtype=np.intp)
        sizes = {"": sum(sizes.values())}
    else:
        number = {name: index for index, name in enumerate(sizes)}
        clusters, strata = alike, np.array([number[folder] for folder in folders], dtype=np.intp)
    groups: dict[int, list[str]] = {}
    for image, group in zip(images, alike.tolist(), strict=True):
        groups.setdefault(group, []).append(image)
    return Sample(
        images=tuple(images),
        weights=np.array([1.0 + len(copies.get(image, ())) for image in images]),
        clusters=clusters,
        strata=strata,
        stratum_names=tuple(sizes),
        stratum_sizes=np.array(list(sizes.values()), dtype=np.int_),
        duplicates=copies,
        near_duplicates=tuple(sorted(tuple(group) for group in groups.values() if len(group) > 1)),
        passed_over=results.run.passed_over,
    )


def _contents(results: QualityResults) -> dict[str, str]:
    """SHA-256 of each image's content, by name, where it is known."""
    return _of_sources(results, "source_sha256")


def _of_sources(results: QualityResults, column: str) -> dict[str, str]:
    """The values of a column that is the same in all records of a source, by the source's name, where known."""
    frame = results.select("source_image", column).drop_nulls().unique("source_image")
    return dict(frame.iter_rows())


def _copies(content: dict[str, str], images: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """For each of ``images`` whose content other files of the records have: those files."""
    files: dict[str, list[str]] = {}
    for name in sorted(content):
        files.setdefault(content[name], []).append(name)
    found = {i: tuple(n for n in files[content[i]] if n != i) for i in images if i in content}
    return {image: names for image, names in found.items() if names}


def _hashes(results: QualityResults, images: Sequence[str]) -> list[int | None]:
    known = _of_sources(results, "source_phash")
    return [None if (text := known.get(image)) is None else int(text, 16) for image in images]


def _alike(hashes: Sequence[int | None]) -> NDArray[np.intp]:
    """Number of the cluster of each hash by single linkage; numbers follow the order of first occurrence."""
    count = len(hashes)
    known = np.array([i for i, value in enumerate(hashes) if value is not None], dtype=np.intp)
    # Equal hashes are linked through their first occurrence: a thousand of them do not make a million pairs.
    values, first, inverse = np.unique(
        np.array([value for value in hashes if value is not None], dtype=np.uint64),
        return_index=True,
        return_inverse=True,
    )
    ends = [(known, known[first[inverse]])]
    for start in range(0, len(values), _ROWS):
        block = values[start : start + _ROWS, None] ^ values[start:]
        a, b = np.nonzero(np.bitwise_count(block) <= NEAR_DUPLICATE_BITS)
        ends.append((known[first[start + a]], known[first[start + b]]))
    a, b = (np.concatenate(side) for side in zip(*ends, strict=True))
    _, labels = connected_components(coo_array((np.ones(len(a), dtype=bool), (a, b)), shape=(count, count)))
    _, occurrence, compact = np.unique(labels, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(occurrence)).astype(np.intp)[compact]


def _folder_sizes(results: QualityResults, folders: Iterable[str]) -> dict[str, int]:
    """Images of the dataset by folder, sorted; at least those of the sample."""
    sizes = dict(results.run.strata) or _estimated_sizes(results)
    for folder, taken in Counter(folders).items():
        sizes[folder] = max(taken, sizes.get(folder, 0))
    return dict(sorted(sizes.items()))


def _estimated_sizes(results: QualityResults) -> dict[str, int]:
    files = sorted(results.select("source_image")["source_image"].unique())
    content = _contents(results)
    firsts = {content.get(name, name): name for name in reversed(files)}
    measured = Counter(folder_of(name) for name in firsts.values())
    rest = max(0, results.dataset.image_count - len(files))
    return {folder: number + -(-rest * number // len(firsts)) for folder, number in measured.items()}
