from __future__ import annotations

import gzip
import io
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest

from codecstudy.datasets.archive import UnpackLimits, unpack
from codecstudy.errors import DatasetError

LIMITS = UnpackLimits(total_bytes=1_000_000, entries=50)


def make_zip(file: Path, *members: tuple[str, bytes, int]) -> Path:
    """Members are name, content and Unix mode; 0 for none."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content, mode in members:
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = mode << 16
            archive.writestr(info, content)
    return file


def tar_member(
    name: str, content: bytes = b"", kind: bytes = tarfile.REGTYPE, link: str = ""
) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type = kind
    info.linkname = link
    info.size = len(content)
    return info


def make_tar(file: Path, *members: tuple[tarfile.TarInfo, bytes], mode: str = "w") -> Path:
    with tarfile.open(file, mode) as archive:  # type: ignore[call-overload]
        for info, content in members:
            archive.addfile(info, io.BytesIO(content))
    return file


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def everything(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


FILES = {"set/a.png": b"aaa", "set/deep/er/b.png": b"b" * 5000, "LICENSE": b"CC0"}


def test_unpacks_a_zip(tmp_path: Path) -> None:
    archive = make_zip(
        tmp_path / "x.zip", ("set/", b"", 0), *((name, body, 0) for name, body in FILES.items())
    )
    assert unpack(archive, tmp_path / "out", "zip", LIMITS) == 3
    assert contents(tmp_path / "out") == FILES


@pytest.mark.parametrize(("kind", "mode"), [("tar", "w"), ("tar.gz", "w:gz"), ("tgz", "w:gz")])
def test_unpacks_tars(tmp_path: Path, kind: str, mode: str) -> None:
    members = [(tar_member(name, body), body) for name, body in FILES.items()]
    archive = make_tar(tmp_path / "x", (tar_member("set", kind=tarfile.DIRTYPE), b""), *members, mode=mode)
    assert unpack(archive, tmp_path / "out", kind, LIMITS) == 3  # type: ignore[arg-type]
    assert contents(tmp_path / "out") == FILES


def test_leaves_out_hidden_files_and_takes_no_rights_from_the_archive(tmp_path: Path) -> None:
    setuid = stat.S_IFREG | 0o4777
    members = [("a.png", setuid), (".DS_Store", 0), ("__MACOSX/._a.png", 0), (".git/config", 0)]
    archive = make_zip(tmp_path / "x.zip", *((name, b"x", mode) for name, mode in members))
    assert unpack(archive, tmp_path / "out", "zip", LIMITS) == 1
    assert everything(tmp_path / "out") == {"a.png"}
    assert not (tmp_path / "out/a.png").stat().st_mode & (stat.S_ISUID | stat.S_IXUSR)


def test_windows_separators_make_folders(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "x.zip", ("set\\a.png", b"x", 0))
    unpack(archive, tmp_path / "out", "zip", LIMITS)
    assert contents(tmp_path / "out") == {"set/a.png": b"x"}


LINK = stat.S_IFLNK | 0o777
OUTSIDE = "which is outside the destination"
HOSTILE_ZIPS = {
    "absolute": ((("/tmp/evil.png", b"x", 0),), "an absolute path"),
    "parent": ((("../evil.png", b"x", 0),), OUTSIDE),
    "parent in the middle": ((("a/../../evil.png", b"x", 0),), OUTSIDE),
    "parent, backslashes": ((("..\\evil.png", b"x", 0),), OUTSIDE),
    "parent, folder": ((("../evil/", b"", 0),), OUTSIDE),
    "parent, hidden": (((".hidden/../../evil.png", b"x", 0),), OUTSIDE),
    "link out": ((("a", b"../evil", LINK), ("a/b.png", b"x", 0)), f"would link to .*{OUTSIDE}"),
    "absolute link": ((("a", b"/etc", LINK), ("a/b.png", b"x", 0)), "link to an absolute path"),
    "device": ((("a.png", b"", stat.S_IFCHR | 0o666),), "a special file"),
    "pipe": ((("a.png", b"", stat.S_IFIFO | 0o666),), "a special file"),
    "twice": ((("a.png", b"x", 0), ("a.png", b"y", 0)), "'a.png' twice"),
    "twice by a detour": ((("a.png", b"x", 0), ("b/../a.png", b"y", 0)), "'a.png' twice"),
    "twice but for case": ((("S/a.png", b"x", 0), ("s/A.PNG", b"y", 0)), "'s/A.PNG' twice"),
    "twice but for the spelling of an accent": (
        (("caf\u00e9.png", b"x", 0), ("cafe\u0301.png", b"y", 0)),
        "twice",
    ),
    "file and folder": ((("a", b"x", 0), ("a/b.png", b"y", 0)), "'a' is both a file and a folder"),
    "file and deeper folder": ((("a", b"x", 0), ("a/b/c.png", b"y", 0)), "is both a file and a folder"),
    "folder and file": ((("a/b.png", b"y", 0), ("a", b"x", 0)), "'a' is both a file and a folder"),
    "long path": ((("/".join(["d" * 100] * 6) + "/a.png", b"x", 0),), "more than 512 bytes"),
    "long name": ((("d" * 300 + ".png", b"x", 0),), "is not a possible file name"),
    "many files": (tuple((f"{number}.png", b"x", 0) for number in range(51)), "more than 50 entries"),
    "many folders": (tuple((f"{number}/", b"", 0) for number in range(51)), "more than 50 entries"),
    "bomb": ((("a.png", b"\0" * 2_000_000, 0),), "more than 1 MB"),
    "bomb in parts": (tuple((f"{number}.png", b"\0" * 300_000, 0) for number in range(4)), "more than 1 MB"),
}


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("case", HOSTILE_ZIPS)
def test_refuses_hostile_zips(tmp_path: Path, case: str) -> None:
    members, message = HOSTILE_ZIPS[case]
    archive = make_zip(tmp_path / "x.zip", *members)
    with pytest.raises(DatasetError, match=message):
        unpack(archive, tmp_path / "out", "zip", LIMITS)
    assert {path for path in everything(tmp_path) if not path.startswith("out")} == {"x.zip"}
    assert sum(len(body) for body in contents(tmp_path / "out").values()) <= LIMITS.total_bytes


REG, SYM, HARD = tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE
HOSTILE_TARS: dict[str, tuple[list[tuple[str, bytes, bytes, str]], str]] = {
    "absolute": ([("/tmp/evil.png", b"x", REG, "")], "an absolute path"),
    "parent": ([("a/../../evil.png", b"x", REG, "")], OUTSIDE),
    "link out": ([("a", b"", SYM, ".."), ("a/evil.png", b"x", REG, "")], f"would link to .*{OUTSIDE}"),
    "link out by detour": (
        [("s/a", b"", SYM, "b/../../.."), ("s/a/x.png", b"x", REG, "")],
        f"would link to .*{OUTSIDE}",
    ),
    "absolute link": ([("a.png", b"", SYM, "/etc/passwd")], "link to an absolute path"),
    "hard link out": ([("s/a.png", b"", HARD, "../evil")], f"would link to .*{OUTSIDE}"),
    "absolute hard link": ([("a.png", b"", HARD, "/etc/passwd")], "link to an absolute path"),
    "device": ([("a.png", b"", tarfile.CHRTYPE, "")], "a special file"),
    "block device": ([("a.png", b"", tarfile.BLKTYPE, "")], "a special file"),
    "pipe": ([("a.png", b"", tarfile.FIFOTYPE, "")], "a special file"),
    "twice": ([("a.png", b"x", REG, ""), ("a.png", b"y", REG, "")], "'a.png' twice"),
    "deep": ([("d/" * 400 + "a.png", b"x", REG, "")], "more than 512 bytes"),
    "bomb": ([("a.png", b"\0" * 2_000_000, REG, "")], "more than 1 MB"),
    "bomb in what is skipped": (
        [(".a", b"\0" * 2_000_000, REG, ""), ("a.png", b"x", REG, "")],
        "more than 1 MB",
    ),
}


@pytest.mark.parametrize("mode", ["w", "w:gz"])
@pytest.mark.parametrize("case", HOSTILE_TARS)
def test_refuses_hostile_tars(tmp_path: Path, case: str, mode: str) -> None:
    members, message = HOSTILE_TARS[case]
    made = [(tar_member(name, body, kind, link), body) for name, body, kind, link in members]
    archive = make_tar(tmp_path / "x", *made, mode=mode)
    with pytest.raises(DatasetError, match=message):
        unpack(archive, tmp_path / "out", "tar.gz" if mode == "w:gz" else "tar", LIMITS)
    assert {path for path in everything(tmp_path) if not path.startswith("out")} == {"x"}
    assert sum(len(body) for body in contents(tmp_path / "out").values()) <= LIMITS.total_bytes


def test_links_inside_are_left_out_and_nothing_is_written_through_them(tmp_path: Path) -> None:
    members = [
        (tar_member("s/a.png", b"x"), b"x"),
        (tar_member("s/b.png", kind=SYM, link="a.png"), b""),
        (tar_member("s/c.png", kind=HARD, link="s/a.png"), b""),
        (tar_member("t", kind=SYM, link="s"), b""),
        (tar_member("t/d.png", b"y"), b"y"),
    ]
    unpack(make_tar(tmp_path / "x", *members), tmp_path / "out", "tar", LIMITS)
    assert contents(tmp_path / "out") == {"s/a.png": b"x", "t/d.png": b"y"}
    assert not any(path.is_symlink() for path in (tmp_path / "out").rglob("*"))


def test_a_zip_that_lies_about_its_sizes_is_damaged(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "x.zip", ("a.png", b"\0" * 2_000_000, 0))
    honest = (2_000_000).to_bytes(4, "little")
    archive.write_bytes(archive.read_bytes().replace(honest, (10).to_bytes(4, "little")))
    with pytest.raises(DatasetError):
        unpack(archive, tmp_path / "out", "zip", LIMITS)
    assert sum(len(body) for body in contents(tmp_path / "out").values()) <= LIMITS.total_bytes


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz"])
@pytest.mark.parametrize(
    "body", [b"", b"<!DOCTYPE html><html>moved</html>", b"\x1f\x8b\x08\0junk", b"PK\3\4junk"]
)
def test_what_is_no_archive_says_so(tmp_path: Path, kind: str, body: bytes) -> None:
    (tmp_path / "x").write_bytes(body)
    with pytest.raises(DatasetError, match=f"damaged, or is not a {kind}") as caught:
        unpack(tmp_path / "x", tmp_path / "out", kind, LIMITS)  # type: ignore[arg-type]
    assert ("web page" in str(caught.value)) == body.startswith(b"<")


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz"])
def test_a_truncated_archive_is_damaged(tmp_path: Path, kind: str) -> None:
    noise = bytes(range(256)) * 40
    if kind == "zip":
        archive = make_zip(tmp_path / "x", ("a.png", noise, 0))
    else:
        archive = make_tar(
            tmp_path / "x", (tar_member("a.png", noise), noise), mode="w:gz" if "gz" in kind else "w"
        )
    whole = archive.read_bytes()
    archive.write_bytes(whole[: len(whole) // 3])
    with pytest.raises(DatasetError, match="damaged"):
        unpack(archive, tmp_path / "out", kind, LIMITS)  # type: ignore[arg-type]


def test_a_zip_with_one_flipped_bit_is_damaged(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("a.png", b"0123456789")
    whole = (tmp_path / "x.zip").read_bytes()
    (tmp_path / "x.zip").write_bytes(whole.replace(b"0123456789", b"0123456788", 1))
    with pytest.raises(DatasetError, match="damaged"):
        unpack(tmp_path / "x.zip", tmp_path / "out", "zip", LIMITS)


def test_a_zip_with_an_entry_before_its_beginning_is_damaged(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "x.zip", ("a.png", b"x", 0))
    data = bytearray(archive.read_bytes())
    end = data.index(b"PK\5\6")
    data[end + 16] += 1  # where the directory begins, and so how much lies before the archive: -1 bytes
    archive.write_bytes(bytes(data))
    with pytest.raises(DatasetError, match="damaged"):
        unpack(archive, tmp_path / "out", "zip", LIMITS)


def test_a_zip_with_a_password_says_so(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "x.zip", ("a.png", b"x", 0))
    data = bytearray(archive.read_bytes())
    for signature, flags in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        data[data.index(signature) + flags] |= 1
    archive.write_bytes(bytes(data))
    with pytest.raises(DatasetError, match="password"):
        unpack(archive, tmp_path / "out", "zip", LIMITS)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_zip_that_unpacks_into_memory_without_a_limit_is_refused(tmp_path: Path, method: int) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w", method) as archive:
        archive.writestr("a.png", b"x")
    with pytest.raises(DatasetError, match=r"'a\.png', which is not packed with DEFLATE"):
        unpack(tmp_path / "x.zip", tmp_path / "out", "zip", LIMITS)


@pytest.mark.parametrize("before", [0, 1])
def test_a_bomb_in_a_header_is_refused(tmp_path: Path, before: int) -> None:
    bomb = tar_member("a.png", b"x")
    bomb.pax_headers = {"comment": "x" * 3_000_000}
    members = [(tar_member("b.png", b"x"), b"x")] * before
    archive = make_tar(tmp_path / "x", *members, (bomb, b"x"), mode="w:gz")
    with pytest.raises(DatasetError, match="a header of more than 1048576 bytes"):
        unpack(archive, tmp_path / "out", "tar.gz", UnpackLimits(1 << 30))


def test_the_checksum_of_a_gzip_is_verified(tmp_path: Path) -> None:
    archive = make_tar(tmp_path / "x.tgz", (tar_member("a.png", b"xxx"), b"xxx"), mode="w:gz")
    checksum, plain = archive.read_bytes()[-8:], bytearray(gzip.decompress(archive.read_bytes()))
    plain[plain.index(b"xxx")] = ord("y")
    archive.write_bytes(gzip.compress(bytes(plain))[:-8] + checksum)
    with pytest.raises(DatasetError, match="CRC check failed"):
        unpack(archive, tmp_path / "out", "tgz", LIMITS)


def test_endless_padding_is_refused(tmp_path: Path) -> None:
    archive = make_tar(tmp_path / "x.tgz", (tar_member("a.png", b"x"), b"x"), mode="w:gz")
    archive.write_bytes(archive.read_bytes() + gzip.compress(bytes(20 << 20)))
    with pytest.raises(DatasetError, match="padding of more than"):
        unpack(archive, tmp_path / "out", "tgz", LIMITS)


def test_two_gzip_members_are_one_tar(tmp_path: Path) -> None:
    plain = make_tar(tmp_path / "plain", (tar_member("a.png", b"x" * 3000), b"x" * 3000)).read_bytes()
    (tmp_path / "x").write_bytes(gzip.compress(plain[:2000]) + gzip.compress(plain[2000:]))
    assert unpack(tmp_path / "x", tmp_path / "out", "tar.gz", LIMITS) == 1


@pytest.mark.parametrize(
    ("archive_bytes", "total"), [(10, 1 << 30), (1 << 30, 20 << 30), (7_300_000_000, 64 << 30)]
)
def test_default_limits(archive_bytes: int, total: int) -> None:
    assert UnpackLimits.for_archive(archive_bytes) == UnpackLimits(total, 200_000)
