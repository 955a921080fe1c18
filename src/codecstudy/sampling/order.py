"""The order of images: a random, proportional sample of the folders, and the same one on every machine."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, TypeVar, get_args

from codecstudy.errors import DatasetError
from codecstudy.types import folder_of

Order = Literal["hashed", "name"]
T = TypeVar("T")


def order_images(relative_paths: Iterable[str], order: Order = "hashed", seed: int = 0) -> list[str]:
    """Sort images into the order in which a run measures them.

    ``hashed`` makes every prefix a stratified random sample, with the folders as strata:

    - Within a folder, images are sorted by the SHA-256 of seed and path, so that those of a folder that are in a
      prefix are a simple random sample of it.
    - A prefix has from each folder as many images as its share of the dataset demands, to within about one image
      (systematic sampling with a random start, once for each division of the folders in two). A folder's share of
      a prefix differs from its share of the dataset by less than ceil(log2(number of folders)) images.
    - Over all seeds, every image is equally likely to be in a prefix of a given length.

    Adding or removing an image does not reorder the other images of its folder.

    Args:
        relative_paths: Paths relative to the dataset's folder, each once.
        order: ``hashed``, or ``name``, which sorts by path.
        seed: A different seed yields a different sample. ``name`` ignores it.

    Returns:
        The sorted paths.

    Raises:
        DatasetError: The order is unknown.
    """
    if order not in get_args(Order):
        raise DatasetError(f"Unknown order {order!r}. Use one of: {', '.join(get_args(Order))}.")
    paths = sorted(relative_paths)
    if order == "name":
        return paths
    folders: dict[str, list[str]] = {}
    for path in sorted(paths, key=lambda path: _hash(seed, path)):
        folders.setdefault(folder_of(path), []).append(path)
    return _interleaved(sorted(folders, key=_composed), folders, seed)


def shard_of(sample: Sequence[T], number: int, of: int) -> Sequence[T]:
    """One of ``of`` shards of a sample: a block of neighbours in its order.

    The shards have no image in common, are the whole sample together, and differ by at most one in their number of
    images. A block of the order ``hashed`` is a stratified random sample just as its beginning is, and so is every
    beginning of a block. Every n-th image would not be: where folders take turns, a shard might get all of its
    images from one of them.

    Args:
        sample: The images, in the order of the sample.
        number: Number of the shard, 1 to ``of``.
        of: Number of shards, at least 1.
    """
    return sample[(number - 1) * len(sample) // of : number * len(sample) // of]


def sample_hash(sample: Iterable[str]) -> str:
    """SHA-256 of the paths of a sample in their order, equal on all machines that have the same images."""
    paths = "\0".join(map(_composed, sample))
    return hashlib.sha256(paths.encode("utf-8", "surrogateescape")).hexdigest()


def _interleaved(names: Sequence[str], folders: Mapping[str, list[str]], seed: int) -> list[str]:
    """All images of these folders; the order within each folder is kept."""
    if len(names) < 2:
        return folders[names[0]] if names else []
    half = len(names) // 2
    first, second = (_interleaved(part, folders, seed) for part in (names[:half], names[half:]))
    total = len(first) + len(second)
    # Of n images, floor((n len(first) + start) / total) are from the first half. With a random start its expected
    # value is exactly n len(first) / total. No path contains a zero, so these hashes are not those of images.
    start = int.from_bytes(_hash(seed, f"{names[0]}\0{names[half]}")) % total
    merged, taken = [], 0
    for place in range(1, total + 1):
        due = (place * len(first) + start) // total
        merged.append(first[taken] if due > taken else second[place - 1 - taken])
        taken = due
    return merged


def _hash(seed: int, text: str) -> bytes:
    return hashlib.sha256(f"{seed}\0{_composed(text)}".encode("utf-8", "surrogateescape")).digest()


def _composed(text: str) -> str:
    # File systems differ in how they encode accented letters; the order must not.
    return unicodedata.normalize("NFC", text)
