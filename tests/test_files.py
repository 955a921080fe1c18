"""Files: written whole or not at all, and known by their SHA-256."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from codecstudy.files import check_writable, sha256_of, write_atomically


@pytest.mark.parametrize("fsync", [True, False])
def test_writes_text_and_bytes_in_folders_that_it_creates(tmp_path: Path, fsync: bool) -> None:
    path = tmp_path / "a" / "b" / "file"
    write_atomically(path, "\u00e9", fsync=fsync)
    assert path.read_bytes() == b"\xc3\xa9"
    write_atomically(path, b"\x00\xff", fsync=fsync)
    assert path.read_bytes() == b"\x00\xff"
    assert [p.name for p in path.parent.iterdir()] == ["file"]


def test_a_new_file_can_be_read_by_everybody_and_an_old_one_keeps_its_permissions(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomically(path, "new")
    assert path.stat().st_mode & 0o777 == 0o644
    path.chmod(0o660)
    write_atomically(path, "newer")
    assert path.stat().st_mode & 0o777 == 0o660


def test_a_name_as_long_as_a_name_can_be(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 255)
    write_atomically(path, "text")
    assert path.read_text() == "text"


def test_a_failure_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    path.write_text("old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="cannot be written: No space left on device") as caught:
        write_atomically(path, "new")
    assert caught.value.filename == str(path)
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
    write_atomically(path, "new", fsync=False)
    assert path.read_text() == "new"


def test_a_link_is_followed_and_what_is_not_a_regular_file_is_left_alone(tmp_path: Path) -> None:
    target = tmp_path / "real.html"
    target.write_text("old")
    link = tmp_path / "link.html"
    link.symlink_to(target)
    write_atomically(link, "new")
    assert link.is_symlink()
    assert target.read_text() == "new"
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(OSError, match="not a regular file") as caught:
        write_atomically(pipe, "text")
    assert str(pipe) in str(caught.value)
    assert pipe.is_fifo()


def test_sha256(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"abc")
    assert sha256_of(tmp_path / "file") == hashlib.sha256(b"abc").hexdigest()


def test_what_cannot_be_written_is_known_beforehand(tmp_path: Path) -> None:
    check_writable(tmp_path / "new" / "folders" / "file")
    (tmp_path / "file").write_text("old")
    check_writable(tmp_path / "file")
    for path, reason in (
        (tmp_path, "it exists and is not a regular file"),
        (tmp_path / "file" / "inside", "cannot be written"),
        (tmp_path / ("x" * 300), "File name too long"),
        (tmp_path / "new" / ("x" * 300) / "file", "File name too long"),
        (Path("/proc/new"), "cannot be written"),
    ):
        with pytest.raises(OSError, match=reason):
            check_writable(path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file"]
