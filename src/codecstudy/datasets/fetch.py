"""Download a registry's dataset, verify it, unpack it, and move it into place in one step."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from codecstudy.datasets.archive import UnpackLimits, unpack
from codecstudy.datasets.catalog import find_entry, open_dataset
from codecstudy.datasets.download import DownloadPolicy, Progress, discard, download
from codecstudy.datasets.folder import Dataset, find_images
from codecstudy.datasets.registry import DatasetEntry
from codecstudy.datasets.sample import SAMPLE_ID
from codecstudy.errors import DatasetError
from codecstudy.files import sha256_of

_ASIDE = "replaced"
"""The folder in the work folder that keeps the old dataset while the new one replaces it."""


def fetch(
    project_root: Path,
    dataset_id: str,
    on_progress: Progress | None = None,
    *,
    force: bool = False,
    unverified: bool = False,
    policy: DownloadPolicy | None = None,
    limits: UnpackLimits | None = None,
) -> Dataset:
    """Download a dataset of a registry into ``data/datasets/`` under the project root.

    A dataset that is already there is returned unchanged, without network requests or calls of ``on_progress``.
    All work is done in the hidden folder ``data/datasets/.fetch-<name>``, so that a dataset is either complete
    or absent. A failure or an interruption leaves at most a partial archive there, which the next call resumes.

    Args:
        project_root: The project's folder.
        dataset_id: An id of ``config/datasets.json`` or of the built-in registry.
        on_progress: Called with the bytes downloaded so far and the total (or ``None``).
        force: Download again, and replace what is there.
        unverified: Allow a download for which the registry has no SHA-256.
        policy: When the download gives up.
        limits: How much the archive may contain; ``UnpackLimits.for_archive`` by default.

    Returns:
        The dataset.

    Raises:
        DatasetError: The id is unknown, there is nothing to download, the download fails or cannot be verified,
            its SHA-256 differs from the registry's, or the archive is refused.
        DatasetMissingError: The dataset is a local folder or the sample, and is missing.
    """
    entry = find_entry(project_root, dataset_id)
    if entry.id == SAMPLE_ID or entry.type == "folder":
        return open_dataset(project_root, dataset_id)
    target = entry.folder(project_root)
    if not force:
        if find_images(target):
            return open_dataset(project_root, dataset_id)
        if target.exists() and any(target.iterdir()):
            raise DatasetError(
                f"{target} exists but contains no images. Move it away, or fetch {entry.id!r} with force."
            )
    if target.is_symlink():
        raise DatasetError(
            f"{target} is a link. Remove it, so that {entry.id!r} can be downloaded to that place."
        )
    if entry.url is None:
        raise DatasetError(_by_hand(entry, target))
    if entry.sha256 is None and not unverified:
        raise DatasetError(
            f"The registry has no SHA-256 for {entry.id!r}, so it cannot be verified that {entry.url} still sends "
            f"the dataset. To use the download anyway, run: codecstudy datasets fetch {entry.id} --unverified"
        )
    with _work_folder(target) as work:
        archive = work / "archive.part"
        _download(entry, entry.url, archive, policy or DownloadPolicy(), on_progress)
        _unpack(entry, archive, work / "unpacked", limits)
        images = _images_folder(work / "unpacked", entry.extracted_folder)
        if not find_images(images):
            discard(archive)
            raise DatasetError(f"The archive from {entry.url} contains no images.")
        _put_in_place(images, target, work / _ASIDE)
        shutil.rmtree(work)
    return open_dataset(project_root, dataset_id)


def _by_hand(entry: DatasetEntry, target: Path) -> str:
    where = f"See {entry.source}. " if entry.source else ""
    return (
        f"There is no archive of {entry.id!r} to download. {entry.description} {where}"
        f"Put the images into {target}, or register the folder that contains them: "
        f"codecstudy datasets add FOLDER --id {entry.id}"
    )


@contextlib.contextmanager
def _work_folder(target: Path) -> Iterator[Path]:
    """The hidden folder next to the target, locked for this process; at most a partial archive remains in it."""
    import fcntl  # only on POSIX systems; not needed to run a study

    work = target.parent / f".fetch-{target.name}"
    try:
        work.mkdir(parents=True, exist_ok=True)
        handle = os.open(work, os.O_RDONLY)
    except OSError as error:
        raise DatasetError(f"Cannot use {work}: {error.strerror}.") from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise DatasetError(
                f"Another process is already fetching {target.name!r}. Wait for it to finish."
            ) from error
        if not work.exists():
            raise DatasetError(f"Another process has just fetched {target.name!r}. Run the command again.")
        try:
            _tidy(work, target)
            yield work
        finally:
            if work.exists():
                _tidy(work, target)
                with contextlib.suppress(OSError):  # not empty: a partial download
                    work.rmdir()
    finally:
        os.close(handle)


def _tidy(work: Path, target: Path) -> None:
    """Undo what this run, or an earlier one that was killed, left unfinished."""
    shutil.rmtree(work / "unpacked", ignore_errors=True)
    aside = work / _ASIDE
    if aside.exists() and not target.exists():
        aside.rename(target)
    shutil.rmtree(aside, ignore_errors=True)


def _download(
    entry: DatasetEntry, url: str, archive: Path, policy: DownloadPolicy, on_progress: Progress | None
) -> None:
    try:
        download(url, archive, policy, on_progress)
    except DatasetError as error:
        hint = f" The dataset's page is {entry.source}." if entry.source else ""
        raise DatasetError(f"{error}{hint}") from error
    if entry.sha256 is None:
        return
    found = sha256_of(archive)
    if found != entry.sha256:
        discard(archive)
        raise DatasetError(
            f"{url} is not the file that the registry describes: its SHA-256 is {found}, not {entry.sha256}. "
            "Nothing was unpacked. Run the command again. If that fails too, the file on the server has "
            f"changed; if you trust it, correct the entry {entry.id!r}."
        )


def _unpack(entry: DatasetEntry, archive: Path, unpacked: Path, limits: UnpackLimits | None) -> None:
    assert entry.type != "folder"
    try:
        unpack(archive, unpacked, entry.type, limits or UnpackLimits.for_archive(archive.stat().st_size))
    except DatasetError as error:
        discard(archive)
        raise DatasetError(f"{error} It came from {entry.url}.") from error
    except OSError as error:  # such as a full disk: the archive is good, and is kept for the next run
        raise DatasetError(
            f"Cannot unpack into {unpacked}: {error.strerror}. Fix that and run the command again."
        ) from error


def _images_folder(unpacked: Path, extracted_folder: str | None) -> Path:
    """``extracted_folder`` at the top of the archive, or the only deeper folder whose path ends with it.

    Many archives have one extra top-level folder, whose name changes with the version.
    """
    if extracted_folder is None:
        return unpacked
    tail = PurePosixPath(extracted_folder).parts
    if unpacked.joinpath(*tail).is_dir():
        return unpacked.joinpath(*tail)
    folders = sorted(path for path in unpacked.rglob("*") if path.is_dir())
    matching = [path for path in folders if path.relative_to(unpacked).parts[-len(tail) :] == tail]
    if len(matching) == 1:
        return matching[0]
    names = ", ".join(path.relative_to(unpacked).as_posix() for path in (matching or folders)[:10]) or "none"
    problem = "more than one folder" if matching else "no folder"
    raise DatasetError(
        f"The archive has {problem} {extracted_folder!r} (extracted_folder). Folders in it: {names}."
    )


def _put_in_place(images: Path, target: Path, aside: Path) -> None:
    """Rename the new folder into place; if that fails, ``_tidy`` restores the previous one."""
    try:
        if target.exists():
            target.rename(aside)
        images.rename(target)
    except OSError as error:
        raise DatasetError(f"Cannot put the dataset at {target}: {error.strerror}.") from error
