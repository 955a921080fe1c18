"""All datasets that a project can use, from every registry."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from codecstudy.datasets import registry
from codecstudy.datasets.folder import Dataset, find_images, open_folder
from codecstudy.datasets.registry import DatasetEntry
from codecstudy.datasets.sample import SAMPLE_ID, SAMPLE_IMAGES, open_sample, sample_folder
from codecstudy.errors import DatasetError, DatasetMissingError, did_you_mean


@dataclass(frozen=True, slots=True)
class DatasetStatus:
    """What is known about a dataset without opening an image.

    Attributes:
        id: The id that studies use.
        name: The display name.
        description: One or two sentences.
        image_count: Number of images: counted if the dataset is downloaded, else taken from the registry.
        size_bytes: Bytes of all images if the dataset is downloaded, else of the download.
        downloaded: Whether its images are on this machine.
        can_fetch: Whether there is an address to download it from.
        verified: Whether the registry has the download's SHA-256.
        license: The licence of the images, as text.
        source: The dataset's web page.
    """

    id: str
    name: str
    description: str
    image_count: int | None
    size_bytes: int | None
    downloaded: bool
    can_fetch: bool
    verified: bool
    license: str | None
    source: str | None


def open_dataset(project_root: Path, dataset_id: str) -> Dataset:
    """Open a dataset of the project's registry, or of the built-in one.

    Raises:
        DatasetError: No registry has the id; the message names the nearest one. DatasetError is a ValueError.
        DatasetMissingError: The dataset is not downloaded or contains no images; the message names the command
            to run. DatasetMissingError is a FileNotFoundError.
    """
    entry = find_entry(project_root, dataset_id)
    if _is_sample(entry):
        return open_sample()
    folder = entry.folder(project_root).absolute()
    images = find_images(folder)
    if not images:
        raise DatasetMissingError(_how_to_get(entry, folder))
    return Dataset(entry.id, entry.name, folder, images)


def find_entry(project_root: Path, dataset_id: str) -> DatasetEntry:
    """The registry entry with this id.

    Raises:
        DatasetError: A registry cannot be read, or none has the id.
    """
    known = _all_entries(project_root)
    if dataset_id not in known:
        raise DatasetError(
            f"There is no dataset {dataset_id!r}{did_you_mean(dataset_id, known)} "
            f"List them with: codecstudy datasets list. "
            f"Register a folder of your own with: codecstudy datasets add FOLDER --id {dataset_id}"
        )
    return known[dataset_id]


def list_datasets(project_root: Path) -> list[DatasetStatus]:
    """The status of every dataset that the project can use, its own first.

    Raises:
        DatasetError: A registry cannot be read.
    """
    return [_status(project_root, entry) for entry in _all_entries(project_root).values()]


def add_folder(project_root: Path, folder: Path, dataset_id: str) -> Dataset:
    """Register a local folder in the project's ``config/datasets.json``.

    A folder inside the project is stored relative to it, so that the project can be moved. The id may be that of
    a built-in dataset, for a copy that is already on this machine, except for ``sample``.

    Args:
        project_root: The project's folder.
        folder: A folder with images, absolute or relative to the current one.
        dataset_id: Lower-case letters, digits, ``_`` and ``-``; the first one a letter or a digit.

    Returns:
        The folder as a dataset.

    Raises:
        DatasetError: The id is invalid or taken, or the registry cannot be written.
        DatasetMissingError: The folder does not exist, or contains no images.
    """
    if dataset_id == SAMPLE_ID:
        raise DatasetError(f"The id {SAMPLE_ID!r} is taken by the bundled photographs. Choose another one.")
    dataset = open_folder(folder, dataset_id)
    root = project_root.absolute()
    inside = dataset.folder.is_relative_to(root)
    try:
        entry = DatasetEntry(
            id=dataset_id,
            name=dataset.name,
            type="folder",
            path=str(dataset.folder.relative_to(root) if inside else dataset.folder),
        )
    except ValidationError as error:
        raise DatasetError(
            f"{dataset_id!r} is not a valid dataset id. Use lower-case letters, digits, _ and -, "
            "and begin with a letter or a digit."
        ) from error
    registry.add_to_project(project_root, entry)
    return open_dataset(project_root, dataset_id)


def _all_entries(project_root: Path) -> dict[str, DatasetEntry]:
    own = registry.of_project(project_root)
    return own | {id_: entry for id_, entry in registry.built_in().items() if id_ not in own}


def _is_sample(entry: DatasetEntry) -> bool:
    return entry.id == SAMPLE_ID and entry.type == "folder" and entry.path is None


def _how_to_get(entry: DatasetEntry, folder: Path) -> str:
    state = "contains no images" if folder.is_dir() else "does not exist"
    start = f"The dataset {entry.id!r} is missing: its folder {folder} {state}."
    if entry.type == "folder":
        return f"{start} Put the images there, or correct its path in {registry.PROJECT_REGISTRY}."
    return f"{start} Run: codecstudy datasets fetch {entry.id}"


def _status(project_root: Path, entry: DatasetEntry) -> DatasetStatus:
    if _is_sample(entry):
        folder = sample_folder() or Path()
        images = tuple(image for image in SAMPLE_IMAGES if (folder / image).is_file())
    else:
        folder = entry.folder(project_root)
        images = find_images(folder)
    if images:
        count = len(images)
        size = sum(os.stat(folder / image).st_size for image in images)  # noqa: PTH116
    return DatasetStatus(
        id=entry.id,
        name=entry.name,
        description=entry.description,
        image_count=count if images else entry.image_count,
        size_bytes=size if images else None if entry.size_mb is None else round(entry.size_mb * 1e6),
        downloaded=bool(images),
        can_fetch=entry.type != "folder" and entry.url is not None,
        verified=entry.sha256 is not None,
        license=entry.license,
        source=entry.source,
    )
