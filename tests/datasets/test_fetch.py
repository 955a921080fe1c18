from __future__ import annotations

import fcntl
import gzip
import io
import os
import zipfile
from pathlib import Path
from typing import Any

import pytest

from codecstudy.datasets import DownloadPolicy, UnpackLimits, fetch, list_datasets, open_dataset
from codecstudy.errors import DatasetError, DatasetMissingError
from support.dataset_archives import ARCHIVE, NOISE, fetch_set, left, partial, register, zipped
from support.misbehaving_server import FileServer


def test_downloads_unpacks_and_reports_progress(
    root: Path, server: FileServer, policy: DownloadPolicy
) -> None:
    server.serve("set.zip", ARCHIVE)
    progress: list[tuple[int, int | None]] = []
    dataset = fetch_set(root, lambda done, total: progress.append((done, total)), policy=policy)
    assert dataset == open_dataset(root, "set")
    assert dataset.images == ("photos/a.png", "photos/b.png", "thumbs/a.png")
    assert dataset.path("photos/a.png").read_bytes() == NOISE
    assert left(root) == ["set"]
    assert progress[0] == (0, len(ARCHIVE))
    assert progress[-1] == (len(ARCHIVE), len(ARCHIVE))
    assert [done for done, _ in progress] == sorted(done for done, _ in progress)


def test_takes_only_the_folder_with_the_images_under_its_new_name(
    root: Path, server: FileServer, policy: DownloadPolicy
) -> None:
    register(root, server, extracted_folder="photos", rename_to="Set_HR")
    server.serve("set.zip", ARCHIVE)
    dataset = fetch_set(root, policy=policy)
    assert dataset.images == ("a.png", "b.png")
    assert dataset.folder.name == "Set_HR"
    assert left(root) == ["Set_HR"]


def test_finds_the_folder_with_the_images_one_level_deeper(
    root: Path, server: FileServer, policy: DownloadPolicy
) -> None:
    register(root, server, extracted_folder="png")
    server.serve("set.zip", zipped(**{"set-1.2__png__a": b"a", "set-1.2__sc-png__b": b"b"}))
    assert fetch_set(root, policy=policy).images == ("a.png",)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"photos__a": b"a", "thumbs__b": b"b"}, "no folder 'png'.*Folders in it: photos, thumbs"),
        ({"x__png__a": b"a", "y__png__b": b"b"}, "more than one folder 'png'.*x/png, y/png"),
    ],
)
def test_a_wrong_extracted_folder_names_those_that_are_there(
    root: Path, server: FileServer, policy: DownloadPolicy, files: dict[str, bytes], message: str
) -> None:
    register(root, server, extracted_folder="png")
    server.serve("set.zip", zipped(**files))
    with pytest.raises(DatasetError, match=message):
        fetch_set(root, policy=policy)
    with pytest.raises(DatasetMissingError):
        open_dataset(root, "set")
    register(root, server)  # the entry is mended, and the archive is still there
    assert len(fetch_set(root, policy=policy).images) == 2
    assert len(server.requests) == 1
    assert left(root) == ["set"]


def test_what_is_there_is_not_downloaded_again(
    root: Path, server: FileServer, policy: DownloadPolicy
) -> None:
    server.serve("set.zip", ARCHIVE)
    first = fetch_set(root, policy=policy)
    (status,) = (status for status in list_datasets(root) if status.id == "set")
    assert status.downloaded
    assert fetch_set(root, policy=policy) == first
    assert len(server.requests) == 1


def test_force_downloads_again_and_replaces(root: Path, server: FileServer, policy: DownloadPolicy) -> None:
    server.serve("set.zip", ARCHIVE)
    fetch_set(root, policy=policy)
    server.serve("set.zip", zipped(new=b"n"), etag='"2"')
    assert fetch_set(root, force=True, policy=policy).images == ("new.png",)
    assert left(root) == ["set"]


def test_force_keeps_the_old_one_where_the_new_one_fails(
    root: Path, server: FileServer, policy: DownloadPolicy
) -> None:
    server.serve("set.zip", ARCHIVE)
    old = fetch_set(root, policy=policy)
    server.serve("set.zip", zipped(**{"..__evil": b"x"}), etag='"2"')
    with pytest.raises(DatasetError, match="outside the destination"):
        fetch_set(root, force=True, policy=policy)
    assert open_dataset(root, "set") == old
    assert left(root) == ["set"]


def test_never_replaces_unasked_what_somebody_put_there(root: Path, server: FileServer) -> None:
    (root / "data/datasets/set").mkdir(parents=True)
    (root / "data/datasets/set/notes.txt").write_text("mine")
    with pytest.raises(DatasetError, match=r"exists but contains no images. Move it away"):
        fetch_set(root)
    (root / "elsewhere").mkdir()
    (root / "data/datasets/other").symlink_to(root / "elsewhere")
    register(root, server, rename_to="other")
    with pytest.raises(DatasetError, match="is a link"):
        fetch_set(root, force=True)
    assert server.requests == []


def test_an_empty_folder_is_filled(root: Path, server: FileServer, policy: DownloadPolicy) -> None:
    (root / "data/datasets/set").mkdir(parents=True)
    server.serve("set.zip", ARCHIVE)
    assert len(fetch_set(root, policy=policy).images) == 3
    assert left(root) == ["set"]


def test_a_hostile_archive_leaves_nothing_behind(
    root: Path, server: FileServer, policy: DownloadPolicy
) -> None:
    server.serve("set.zip", zipped(a=b"a", **{"..__..__evil": b"x"}))
    with pytest.raises(DatasetError, match=r"outside the destination.* It came from"):
        fetch_set(root, policy=policy)
    assert left(root) == []
    assert not list(root.rglob("evil*"))


@pytest.mark.parametrize(
    "body", [b"<html>moved</html>", b"\x1f\x8b\x08\0" + NOISE, gzip.compress(NOISE)[:-9]]
)
def test_a_damaged_archive_is_downloaded_anew_the_next_time(
    root: Path, server: FileServer, policy: DownloadPolicy, body: bytes
) -> None:
    register(root, server, type="tar.gz")
    server.serve("set.zip", body)
    for _ in range(2):
        with pytest.raises(DatasetError, match=r"damaged, or is not a tar\.gz"):
            fetch_set(root, policy=policy)
        assert left(root) == []
    assert len(server.requests) == 2


def test_a_run_that_was_killed_while_replacing_loses_nothing(
    root: Path, server: FileServer, policy: DownloadPolicy
) -> None:
    old = root / "data/datasets/.fetch-set/replaced"
    old.mkdir(parents=True)
    (old / "old.png").write_bytes(b"o")
    server.serve("set.zip", ARCHIVE, answers=[404])
    with pytest.raises(DatasetError, match="404"):
        fetch_set(root, policy=policy)
    assert open_dataset(root, "set").images == ("old.png",)
    assert left(root) == ["set"]


def test_limits_can_be_given(root: Path, server: FileServer, policy: DownloadPolicy) -> None:
    server.serve("set.zip", ARCHIVE)
    with pytest.raises(DatasetError, match="more than 2 entries"):
        fetch_set(root, policy=policy, limits=UnpackLimits(10**6, entries=2))
    assert left(root) == []


def test_an_archive_without_images_is_refused(root: Path, server: FileServer, policy: DownloadPolicy) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("readme.txt", b"moved")
    server.serve("set.zip", stream.getvalue())
    with pytest.raises(DatasetError, match="contains no images"):
        fetch_set(root, policy=policy)
    assert left(root) == []


def test_a_full_disk_keeps_the_archive(
    root: Path, server: FileServer, policy: DownloadPolicy, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.serve("set.zip", ARCHIVE)

    def full(*_: Any) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("codecstudy.datasets.archive.shutil.copyfileobj", full)
        with pytest.raises(DatasetError, match="No space left"):
            fetch_set(root, policy=policy)
    assert partial(root) == ["archive.part", "archive.part.json"]
    assert len(fetch_set(root, policy=policy).images) == 3
    assert len(server.requests) == 1


def test_two_fetches_of_one_dataset_do_not_mix(
    root: Path, server: FileServer, policy: DownloadPolicy
) -> None:
    server.serve("set.zip", ARCHIVE)
    work = root / "data/datasets/.fetch-set"
    work.mkdir(parents=True)
    handle = os.open(work, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        with pytest.raises(DatasetError, match="Another process is already fetching 'set'"):
            fetch_set(root, policy=policy)
        assert server.requests == []
    finally:
        os.close(handle)
    assert len(fetch_set(root, policy=policy).images) == 3


def test_a_dataset_without_an_address_says_what_to_do_by_hand(tmp_path: Path) -> None:
    with pytest.raises(
        DatasetError, match=r"kodim01\.png.*https://r0k\.us.*codecstudy datasets add FOLDER --id kodak"
    ):
        fetch(tmp_path, "kodak")
    assert left(tmp_path) == []


def test_folders_and_the_sample_need_no_download(root: Path, server: FileServer) -> None:
    assert len(fetch(root, "sample").images) == 6
    register(root, server, type="folder", url=None, path="photos")
    with pytest.raises(DatasetMissingError, match="Put the images there"):
        fetch_set(root)
    (root / "photos").mkdir()
    (root / "photos/a.png").write_bytes(b"a")
    assert fetch_set(root).images == ("a.png",)
    assert server.requests == []


def test_an_unknown_id_is_refused(root: Path) -> None:
    with pytest.raises(DatasetError, match=r"no dataset 'sett'; did you mean set\?"):
        fetch(root, "sett")
