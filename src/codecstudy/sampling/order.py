"""The order of images: random, but the same on every machine."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable
from typing import Literal, get_args

from codecstudy.errors import DatasetError

Order = Literal["hashed", "name"]


def order_images(relative_paths: Iterable[str], order: Order = "hashed", seed: int = 0) -> list[str]:
    """Sort images into the order in which a run measures them.

    Args:
        relative_paths: Paths relative to the dataset's folder, each once.
        order: ``hashed`` sorts by the SHA-256 of seed and path, so that every prefix is a random sample of the
            dataset, and adding or removing an image does not reorder the others. ``name`` sorts by path.
        seed: A different seed yields a different sample. ``name`` ignores it.

    Returns:
        The sorted paths.

    Raises:
        DatasetError: The order is unknown.
    """
    if order not in get_args(Order):
        raise DatasetError(f"Unknown order {order!r}. Use one of: {', '.join(get_args(Order))}.")
    paths = sorted(relative_paths)
    if order == "hashed":
        paths.sort(key=lambda path: _rank(path, seed))
    return paths


def _rank(path: str, seed: int) -> bytes:
    # File systems differ in how they encode accented letters; the order must not.
    text = f"{seed}\0{unicodedata.normalize('NFC', path)}"
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()
