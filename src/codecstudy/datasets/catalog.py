"""All datasets that a project can use, whichever registry names them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from codecstudy.datasets import registry
from codecstudy.datasets.folder import Dataset, find_images, open_folder
from codecstudy.datasets.registry import DatasetEntry
from codecstudy.datasets.sample import SAMPLE_ID, SAMPLE_IMAGES, open_sample, sample_folder
from codecstudy.errors import DatasetError, DatasetMissingError

RegisteredIn = Literal["project", "package"]


@dataclass(frozen=True, slots=True)
class DatasetStatus:
    """What there is to know of a dataset without opening an image.

    ``image_count`` and ``size_bytes`` are counted where the dataset is there (``downloaded``), else they are
    what the registry states, ``None`` where it does not. ``folder`` is where it is or would be; ``can_fetch``
    says whether there is an address to download it from.
    """

    id: str
    name: str
    description: str
    image_count: int | None
    size_bytes: int | None
    downloaded: bool
    can_fetch: bool
    folder: Path | None
    license: str | None
    source: str | None
    registered_in: RegisteredIn


def open_dataset(project_root: Path, dataset_id: str) -> Dataset:
    """The dataset with this id: of the project's registry, else of the one that the package brings.

    Raises:
        DatasetError: no registry has the id; names the nearest ones. It is a ValueError.
        DatasetMissingError: it is not downloaded or holds no images; names the command that mends it. It is a
            FileNotFoundError.
    """
    entry = find_entry(project_root, dataset_id)
    if _is_sample(entry):
        return open_sample()
    folder = entry.folder(project_root).absolute()
    images = find_images(folder)
    if not images:
        raise DatasetMissingError(_how_to_get(entry, folder))
    origin = f"local folder {folder}" if entry.type == "folder" else entry.url or entry.source or str(folder)
    return Dataset(entry.id, entry.name, folder, images, origin)


def find_entry(project_root: Path, dataset_id: str) -> DatasetEntry:
    """The registry entry with this id.

    Raises:
        DatasetError: a registry cannot be read, or none has the id.
    """
    known = _all_entries(project_root)
    if dataset_id not in known:
        raise DatasetError(
            f"There is no dataset {dataset_id!r}. {registry.nearest(dataset_id, sorted(known))} "
            f"List them with: codecstudy datasets list. "
            f"Register a folder of your own with: codecstudy datasets add FOLDER --id {dataset_id}"
        )
    return known[dataset_id][0]


def list_datasets(project_root: Path) -> list[DatasetStatus]:
    """The status of every dataset that the project can use: the project's own ones, then the package's.

    Raises:
        DatasetError: a registry cannot be read.
    """
    entries = _all_entries(project_root).values()
    return [_status(project_root, entry, registered_in) for entry, registered_in in entries]


def dataset_status(project_root: Path, dataset_id: str) -> DatasetStatus:
    """The status of one dataset. Raises as ``find_entry`` does."""
    find_entry(project_root, dataset_id)
    return _status(project_root, *_all_entries(project_root)[dataset_id])


def add_folder(project_root: Path, folder: Path, dataset_id: str) -> Dataset:
    """Register a local folder in the project's ``config/datasets.json`` and return it as a dataset.

    A folder inside the project is stored relative to it, so that the project can be moved. The id of a
    dataset that the package brings may be taken, for a copy that is on this machine already; ``sample`` may
    not.

    Args:
        project_root: the project's folder.
        folder: absolute, or relative to the current folder.
        dataset_id: small letters, digits, ``_`` and ``-``, beginning with a letter or digit.

    Raises:
        DatasetError: the id is not valid or taken, or the registry cannot be written.
        DatasetMissingError: there is no such folder, or it holds no images.
    """
    if dataset_id == SAMPLE_ID:
        raise DatasetError(
            f"The id {SAMPLE_ID!r} is taken by the photographs that come along. Choose another one."
        )
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
            f"{dataset_id!r} cannot be a dataset's id. Use small letters, digits, _ and -, "
            "and begin with a letter or a digit."
        ) from error
    registry.add_to_project(project_root, entry)
    return open_dataset(project_root, dataset_id)


def _all_entries(project_root: Path) -> dict[str, tuple[DatasetEntry, RegisteredIn]]:
    entries: dict[str, tuple[DatasetEntry, RegisteredIn]] = {
        entry.id: (entry, "project") for entry in registry.of_project(project_root).values()
    }
    for entry in registry.built_in().values():
        entries.setdefault(entry.id, (entry, "package"))
    return entries


def _is_sample(entry: DatasetEntry) -> bool:
    return entry.id == SAMPLE_ID and entry.type == "folder" and entry.path is None


def _how_to_get(entry: DatasetEntry, folder: Path) -> str:
    state = "holds no images" if folder.is_dir() else "does not exist"
    start = f"The dataset {entry.id!r} is not there: its folder {folder} {state}."
    if entry.type == "folder":
        return f"{start} Put the images there, or correct its path in {registry.PROJECT_REGISTRY}."
    return f"{start} Run: codecstudy datasets fetch {entry.id}"


def _status(project_root: Path, entry: DatasetEntry, registered_in: RegisteredIn) -> DatasetStatus:
    folder: Path | None
    if _is_sample(entry):
        folder = sample_folder()
        images = tuple(image.file for image in SAMPLE_IMAGES if folder and (folder / image.file).is_file())
    else:
        folder = entry.folder(project_root).absolute()
        images = find_images(folder)
    count, size = entry.image_count, None if entry.size_mb is None else round(entry.size_mb * 1e6)
    if images and folder:
        count, size = len(images), sum(os.stat(folder / image).st_size for image in images)  # noqa: PTH116
    return DatasetStatus(
        id=entry.id,
        name=entry.name,
        description=entry.description,
        image_count=count,
        size_bytes=size,
        downloaded=bool(images),
        can_fetch=entry.type != "folder" and entry.url is not None,
        folder=folder,
        license=entry.license,
        source=entry.source,
        registered_in=registered_in,
    )
