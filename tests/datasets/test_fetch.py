from __future__ import annotations

import dataclasses
import fcntl
import gzip
import hashlib
import io
import json
import os
import random
import socket
import zipfile
from pathlib import Path
from typing import Any

import pytest

from codecstudy.datasets import DownloadPolicy, UnpackLimits, dataset_status, fetch, open_dataset
from codecstudy.errors import DatasetError, DatasetMissingError
from misbehaving_server import FileServer

NOISE = random.Random(7).randbytes(300_000)
CHUNK = 1 << 16  # what is written at a time, and so what a broken connection leaves: multiples of it


def zipped(**files: bytes) -> bytes:
    """A zip; a double underscore in a name stands for the slash, and ``.png`` is put at the end."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, body in files.items():
            archive.writestr(f"{name.replace('__', '/')}.png", body)
    return stream.getvalue()


ARCHIVE = zipped(photos__a=NOISE, photos__b=b"b", thumbs__a=b"t")


@pytest.fixture
def root(tmp_path: Path, server: FileServer) -> Path:
    register(tmp_path, server)
    return tmp_path


def register(root: Path, server: FileServer, **more: Any) -> None:
    entry = {"id": "set", "name": "Set", "type": "zip", "url": server.url("set.zip"), **more}
    (root / "config").mkdir(exist_ok=True)
    (root / "config/datasets.json").write_text(json.dumps({"datasets": [entry]}))


def left(root: Path) -> list[str]:
    """What is in data/datasets, hidden or not, folders by their name alone."""
    folder = root / "data/datasets"
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def partial(root: Path) -> list[str]:
    return sorted(path.name for path in (root / "data/datasets/.fetch-set").iterdir())


def test_downloads_unpacks_and_reports_progress(
    root: Path, server: FileServer, policy: DownloadPolicy
) -> None:
    server.serve("set.zip", ARCHIVE)
    progress: list[tuple[int, int | None]] = []
    dataset = fetch(root, "set", lambda done, total: progress.append((done, total)), policy=policy)
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
    dataset = fetch(root, "set", policy=policy)
    assert dataset.images == ("a.png", "b.png")
    assert dataset.folder.name == "Set_HR"
    assert left(root) == ["Set_HR"]


def test_finds_the_folder_with_the_images_one_level_deeper(
    root: Path, server: FileServer, policy: DownloadPolicy
) -> None:
    register(root, server, extracted_folder="png")
    server.serve("set.zip", zipped(**{"set-1.2__png__a": b"a", "set-1.2__sc-png__b": b"b"}))
    assert fetch(root, "set", policy=policy).images == ("a.png",)


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
        fetch(root, "set", policy=policy)
    with pytest.raises(DatasetMissingError):
        open_dataset(root, "set")
    register(root, server)  # the entry is mended, and the archive is still there
    assert len(fetch(root, "set", policy=policy).images) == 2
    assert len(server.requests) == 1
    assert left(root) == ["set"]


def test_what_is_there_is_not_downloaded_again(
    root: Path, server: FileServer, policy: DownloadPolicy
) -> None:
    server.serve("set.zip", ARCHIVE)
    first = fetch(root, "set", policy=policy)
    assert dataset_status(root, "set").downloaded
    assert fetch(root, "set", policy=policy) == first
    assert len(server.requests) == 1


def test_force_downloads_again_and_replaces(root: Path, server: FileServer, policy: DownloadPolicy) -> None:
    server.serve("set.zip", ARCHIVE)
    fetch(root, "set", policy=policy)
    server.serve("set.zip", zipped(new=b"n"), etag='"2"')
    assert fetch(root, "set", force=True, policy=policy).images == ("new.png",)
    assert left(root) == ["set"]


def test_force_keeps_the_old_one_where_the_new_one_fails(
    root: Path, server: FileServer, policy: DownloadPolicy
) -> None:
    server.serve("set.zip", ARCHIVE)
    old = fetch(root, "set", policy=policy)
    server.serve("set.zip", zipped(**{"..__evil": b"x"}), etag='"2"')
    with pytest.raises(DatasetError, match="leads out of it"):
        fetch(root, "set", force=True, policy=policy)
    assert open_dataset(root, "set") == old
    assert left(root) == ["set"]


def test_never_replaces_unasked_what_somebody_put_there(root: Path, server: FileServer) -> None:
    (root / "data/datasets/set").mkdir(parents=True)
    (root / "data/datasets/set/notes.txt").write_text("mine")
    with pytest.raises(DatasetError, match=r"exists and holds no images. Move it away"):
        fetch(root, "set")
    (root / "elsewhere").mkdir()
    (root / "data/datasets/other").symlink_to(root / "elsewhere")
    register(root, server, rename_to="other")
    with pytest.raises(DatasetError, match="is a link"):
        fetch(root, "set", force=True)
    assert server.requests == []


def test_an_empty_folder_is_filled(root: Path, server: FileServer, policy: DownloadPolicy) -> None:
    (root / "data/datasets/set").mkdir(parents=True)
    server.serve("set.zip", ARCHIVE)
    assert len(fetch(root, "set", policy=policy).images) == 3
    assert left(root) == ["set"]


def test_follows_redirects(root: Path, server: FileServer, policy: DownloadPolicy) -> None:
    server.serve("set.zip", b"", location=server.url("moved/set.zip"))
    server.serve("moved/set.zip", ARCHIVE)
    assert len(fetch(root, "set", policy=policy).images) == 3


@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://127.0.0.1/x"])
def test_a_redirect_to_anything_but_http_is_refused(
    root: Path, server: FileServer, policy: DownloadPolicy, location: str
) -> None:
    server.serve("set.zip", b"", location=location)
    with pytest.raises(DatasetError, match="Could not download"):
        fetch(root, "set", policy=policy)
    assert len(server.requests) == 1
    assert left(root) == []


def test_a_slow_server_is_waited_for(root: Path, server: FileServer, policy: DownloadPolicy) -> None:
    server.serve("set.zip", ARCHIVE, pause=0.0005)
    assert len(fetch(root, "set", policy=policy).images) == 3
    assert len(server.requests) == 1


def test_a_silent_server_is_given_up_on(root: Path, server: FileServer, policy: DownloadPolicy) -> None:
    server.serve("set.zip", ARCHIVE, stall=True)
    with pytest.raises(DatasetError, match="Gave up after 3 attempts"):
        fetch(root, "set", policy=dataclasses.replace(policy, read_timeout=0.1))
    assert len(server.requests) == 3
    assert left(root) == []


def test_a_dropped_connection_is_resumed_where_it_broke(
    root: Path, server: FileServer, policy: DownloadPolicy, naps: list[float]
) -> None:
    register(root, server, sha256=hashlib.sha256(ARCHIVE).hexdigest())
    server.serve("set.zip", ARCHIVE, cuts=[150_000, 100_000, 0, 0, 70_000])
    assert fetch(root, "set", policy=policy).path("photos/a.png").read_bytes() == NOISE
    asked = [headers.get("Range") for _, headers in server.requests]
    assert asked == [None, *(f"bytes={chunks * CHUNK}-" for chunks in (2, 3, 3, 3, 4))]
    # Patience is for failures in a row without one new byte.
    assert naps == [1.0, 1.0, 1.0, 2.0, 1.0]


def test_an_interrupted_download_is_resumed_by_the_next_one(
    root: Path, server: FileServer, policy: DownloadPolicy
) -> None:
    server.serve("set.zip", ARCHIVE, cuts=[150_000, 0, 0, 0])
    with pytest.raises(
        DatasetError, match=r"Gave up after 3 attempts without one new byte; 0\.1 MB are kept"
    ):
        fetch(root, "set", policy=policy)
    with pytest.raises(DatasetMissingError):
        open_dataset(root, "set")
    assert left(root) == [".fetch-set"]
    assert partial(root) == ["archive.part", "archive.part.json"]
    server.requests.clear()
    server.files["set.zip"].cuts.clear()
    assert len(fetch(root, "set", policy=policy).images) == 3
    assert [headers.get("Range") for _, headers in server.requests] == [f"bytes={2 * CHUNK}-"]
    assert left(root) == ["set"]


def test_control_c_leaves_what_can_be_resumed(root: Path, server: FileServer, policy: DownloadPolicy) -> None:
    server.serve("set.zip", NOISE * 3 + ARCHIVE)

    def interrupt(done: int, total: int | None) -> None:
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(root, "set", interrupt, policy=policy)
    assert left(root) == [".fetch-set"]
    server.requests.clear()
    assert len(fetch(root, "set", policy=policy).images) == 3  # a zip may have junk before it
    (request,) = server.requests
    assert "Range" in request[1]


def test_begins_anew_where_the_file_has_changed(
    root: Path, server: FileServer, policy: DownloadPolicy
) -> None:
    server.serve("set.zip", ARCHIVE, cuts=[150_000, 0, 0, 0])
    with pytest.raises(DatasetError):
        fetch(root, "set", policy=policy)
    server.serve("set.zip", zipped(new=NOISE), etag='"2"')
    assert fetch(root, "set", policy=policy).images == ("new.png",)


def test_begins_anew_where_the_address_has_changed(
    root: Path, server: FileServer, policy: DownloadPolicy
) -> None:
    server.serve("set.zip", ARCHIVE, cuts=[150_000, 0, 0, 0])
    with pytest.raises(DatasetError):
        fetch(root, "set", policy=policy)
    register(root, server, url=server.url("other.zip"))
    server.serve("other.zip", zipped(new=NOISE))
    assert fetch(root, "set", policy=policy).images == ("new.png",)


def test_begins_anew_where_the_file_has_become_shorter(
    root: Path, server: FileServer, policy: DownloadPolicy
) -> None:
    server.serve("set.zip", ARCHIVE, cuts=[150_000, 0, 0, 0])
    with pytest.raises(DatasetError):
        fetch(root, "set", policy=policy)
    server.serve("set.zip", zipped(new=b"n"))  # by the same tag, which is the server's fault
    assert fetch(root, "set", policy=policy).images == ("new.png",)


@pytest.mark.parametrize("how", [{"ranges": False}, {"etag": None}, {"etag": 'W/"1"'}])
def test_a_server_that_cannot_resume_is_asked_for_all_of_it(
    root: Path, server: FileServer, policy: DownloadPolicy, how: dict[str, Any]
) -> None:
    server.serve("set.zip", ARCHIVE, cuts=[150_000, 100_000], **how)
    assert fetch(root, "set", policy=policy).path("photos/a.png").read_bytes() == NOISE
    assert len(server.requests) == 3


def test_a_truncated_file_is_not_taken_for_whole(
    root: Path, server: FileServer, policy: DownloadPolicy
) -> None:
    server.serve("set.zip", ARCHIVE, claim=len(ARCHIVE) + 1000, ranges=False)
    with pytest.raises(DatasetError, match=r"Could not download .*Gave up"):
        fetch(root, "set", policy=policy)
    with pytest.raises(DatasetMissingError):
        open_dataset(root, "set")


def test_a_file_of_unstated_length_that_ends_early_is_damaged(
    root: Path, server: FileServer, policy: DownloadPolicy
) -> None:
    server.serve("set.zip", ARCHIVE[:-500], send_length=False)
    with pytest.raises(DatasetError, match=r"damaged.* It came from http://127"):
        fetch(root, "set", policy=policy)
    assert left(root) == []


def test_a_wrong_hash_is_refused_and_nothing_is_kept(
    root: Path, server: FileServer, policy: DownloadPolicy
) -> None:
    register(root, server, sha256="0" * 64)
    server.serve("set.zip", ARCHIVE)
    found = hashlib.sha256(ARCHIVE).hexdigest()
    with pytest.raises(DatasetError, match=f"its SHA-256 is {found}, not 0000"):
        fetch(root, "set", policy=policy)
    assert left(root) == []


def test_the_right_hash_in_capitals_is_right(root: Path, server: FileServer, policy: DownloadPolicy) -> None:
    register(root, server, sha256=hashlib.sha256(ARCHIVE).hexdigest().upper())
    server.serve("set.zip", ARCHIVE)
    assert len(fetch(root, "set", policy=policy).images) == 3


@pytest.mark.parametrize("status", [403, 404, 410, 204])
def test_a_refusal_is_not_tried_again_and_names_the_datasets_page(
    root: Path, server: FileServer, policy: DownloadPolicy, status: int
) -> None:
    register(root, server, source="https://example.org/set")
    server.serve("set.zip", b"", answers=[status])
    with pytest.raises(DatasetError, match=f"{status}.*The dataset's page is https://example.org/set"):
        fetch(root, "set", policy=policy)
    assert len(server.requests) == 1
    assert left(root) == []


def test_a_server_in_trouble_is_tried_again_after_growing_pauses(
    root: Path, server: FileServer, policy: DownloadPolicy, naps: list[float]
) -> None:
    server.serve("set.zip", ARCHIVE, answers=[503, 429])
    assert len(fetch(root, "set", policy=policy).images) == 3
    assert naps == [1.0, 2.0]


def test_no_server_at_all(root: Path, server: FileServer, policy: DownloadPolicy) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        register(root, server, url=f"http://127.0.0.1:{nobody.getsockname()[1]}/set.zip")
        with pytest.raises(
            DatasetError, match=r"Could not download .*Gave up after 3 attempts without one new byte. Run"
        ):
            fetch(root, "set", policy=policy)
    assert left(root) == []


def test_an_endless_download_is_stopped(root: Path, server: FileServer, policy: DownloadPolicy) -> None:
    server.serve("set.zip", NOISE, send_length=False)
    with pytest.raises(DatasetError, match="is larger than"):
        fetch(root, "set", policy=dataclasses.replace(policy, max_bytes=100_000))


def test_a_hostile_archive_leaves_nothing_behind(
    root: Path, server: FileServer, policy: DownloadPolicy
) -> None:
    server.serve("set.zip", zipped(a=b"a", **{"..__..__evil": b"x"}))
    with pytest.raises(DatasetError, match=r"leads out of it.* It came from"):
        fetch(root, "set", policy=policy)
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
        with pytest.raises(DatasetError, match=r"damaged, or is no tar\.gz"):
            fetch(root, "set", policy=policy)
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
        fetch(root, "set", policy=policy)
    assert open_dataset(root, "set").images == ("old.png",)
    assert left(root) == ["set"]


def test_limits_can_be_given(root: Path, server: FileServer, policy: DownloadPolicy) -> None:
    server.serve("set.zip", ARCHIVE)
    with pytest.raises(DatasetError, match="more than 2 files"):
        fetch(root, "set", policy=policy, limits=UnpackLimits(10**6, files=2))
    assert left(root) == []


def test_an_archive_without_images_is_refused(root: Path, server: FileServer, policy: DownloadPolicy) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("readme.txt", b"moved")
    server.serve("set.zip", stream.getvalue())
    with pytest.raises(DatasetError, match="holds no images"):
        fetch(root, "set", policy=policy)
    assert left(root) == []


def test_a_full_disk_keeps_the_archive(
    root: Path, server: FileServer, policy: DownloadPolicy, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.serve("set.zip", ARCHIVE)

    def full(*_: Any) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("codecstudy.datasets.archive._write", full)
        with pytest.raises(DatasetError, match="No space left"):
            fetch(root, "set", policy=policy)
    assert partial(root) == ["archive.part", "archive.part.json"]
    assert len(fetch(root, "set", policy=policy).images) == 3
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
        with pytest.raises(DatasetError, match="Another process is fetching 'set'"):
            fetch(root, "set", policy=policy)
        assert server.requests == []
    finally:
        os.close(handle)
    assert len(fetch(root, "set", policy=policy).images) == 3


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
        fetch(root, "set")
    (root / "photos").mkdir()
    (root / "photos/a.png").write_bytes(b"a")
    assert fetch(root, "set").images == ("a.png",)
    assert server.requests == []


def test_an_unknown_id_is_refused(root: Path) -> None:
    with pytest.raises(DatasetError, match=r"no dataset 'sett'\. Did you mean set"):
        fetch(root, "sett")
