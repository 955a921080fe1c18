"""A folder of images as a dataset, and which of its files count as images."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from codecstudy.errors import DatasetError, DatasetMissingError
from codecstudy.images import SUFFIXES


@dataclass(frozen=True, slots=True)
class Dataset:
    """A named folder of source images.

    Attributes:
        id: The id that studies use.
        name: The display name.
        folder: The folder of the images, as an absolute path.
        images: At least one path relative to ``folder``, sorted, with ``/`` as the separator on every platform.
    """

    id: str
    name: str
    folder: Path
    images: tuple[str, ...]

    def path(self, image: str) -> Path:
        """The file of one of ``images``."""
        return self.folder / image


def open_folder(path: Path, dataset_id: str | None = None) -> Dataset:
    """Take every image in a local folder, and in the folders inside it, as a dataset.

    Hidden files and folders (a leading dot) are left out. Links are followed wherever they lead, because
    datasets are often put together from links; a folder that was already visited, as in a loop of links, is not
    entered again.

    Args:
        path: The folder, absolute or relative to the current one.
        dataset_id: The dataset's id; the folder's own name by default.

    Raises:
        DatasetMissingError: The folder does not exist, or contains no images.
    """
    folder = path.expanduser().absolute()
    if not folder.exists():
        raise DatasetMissingError(
            f"There is no folder {path}. Give the path of a folder that contains images."
        )
    if not folder.is_dir():
        raise DatasetMissingError(
            f"{path} is a file, not a folder. Give the folder that contains the images."
        )
    images = find_images(folder)
    if not images:
        raise DatasetMissingError(
            f"The folder {path} contains no images. Add some, or give another folder; "
            f"these count as images: {', '.join(sorted(SUFFIXES))}."
        )
    name = folder.resolve().name or "images"
    return Dataset(dataset_id or name, name, folder, images)


def find_images(folder: Path) -> tuple[str, ...]:
    """Relative paths of all images under ``folder``, sorted; none if it does not exist.

    Raises:
        DatasetError: A folder cannot be read. Images left out for that reason would bias a study.
    """
    found = []
    seen = set()
    for parent, folders, files in os.walk(folder, followlinks=True, onerror=_refuse):
        status = Path(parent).stat()
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        # Sorted, so that of two links to one folder the same one is always used.
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        below = Path(parent).relative_to(folder)
        for name in files:
            if name.startswith(".") or os.path.splitext(name)[1].lower() not in SUFFIXES:  # noqa: PTH122
                continue
            if os.path.isfile(os.path.join(parent, name)):  # noqa: PTH113, PTH118 - Path is slow
                found.append((below / name).as_posix())
    return tuple(sorted(found))


def _refuse(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise DatasetError(
            f"Cannot read the folder {error.filename}: {error.strerror}. Correct its permissions, or move it "
            "out of the dataset."
        ) from error
