"""Unpack an archive that nobody vouches for.

Everything is refused that could write outside the target, or more than the limits allow. Only regular files
are ever made, by this module and not by the archive libraries: no link is created, so nothing can be written
through one, and owners, modes and times that an archive states are not taken over.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Literal

from codecstudy.errors import DatasetError

ArchiveType = Literal["zip", "tar", "tar.gz", "tgz"]

_CHUNK = 1 << 20
_NAME_BYTES = 255
_PATH_BYTES = 1024
_DEPTH = 32
_TAR_OVERHEAD = 4096
"""More than a tar needs per file beside its bytes: its header, a long name, and the padding."""


@dataclass(frozen=True, slots=True)
class UnpackLimits:
    """How much an archive may become: ``total_bytes`` really written, and ``files``."""

    total_bytes: int
    files: int = 200_000

    @classmethod
    def for_archive(cls, archive_bytes: int) -> UnpackLimits:
        """The default: 20 times the archive, at least 1 GiB, at most 64 GiB, and 200 000 files.

        Archives of compressed images hardly shrink; uncompressed ones shrink to a tenth at best. The largest
        dataset in use (CID22 with all its distorted versions) has 7 GB.
        """
        return cls(total_bytes=min(64 << 30, max(1 << 30, 20 * archive_bytes)))


@dataclass(frozen=True, slots=True)
class _Member:
    """What the two kinds of archive have in common; ``stream`` is ``None`` for all but regular files."""

    name: str
    kind: Literal["file", "folder", "link", "hard link", "other"]
    link: str
    stream: IO[bytes] | None


def unpack(archive: Path, target: Path, archive_type: ArchiveType, limits: UnpackLimits) -> int:
    """Unpack ``archive`` into the new folder ``target`` and return the number of files.

    Hidden files and macOS's ``__MACOSX`` are left out: a dataset never shows them. Links are not made: one
    that stays inside the archive names a file that is there anyway, one that leads out refuses the archive.

    Raises:
        DatasetError: not such an archive, damaged, over the limits, or with an entry that has an absolute
            path, ``..``, a link that leads out, a device, a name twice, or a name too long or too deep.
            ``target`` then holds what was unpacked before, for the caller to remove.
        OSError: ``target`` cannot be written, which is not the archive's fault.
    """
    target.mkdir(parents=True)
    budget = limits.total_bytes
    files = 0
    try:
        with contextlib.closing(_members(archive, archive_type, limits)) as members:
            for member in members:
                path = _safe_path(member.name)
                if member.kind == "other":
                    raise DatasetError(f"it holds {_short(member.name)}, which is a device or a pipe")
                if member.kind in ("link", "hard link"):
                    _refuse_link_out(member, path)
                if member.stream is None or _is_hidden(path):
                    continue
                files += 1
                if files > limits.files:
                    raise DatasetError(f"it holds more than {limits.files} files")
                budget -= _write(member.stream, target / path, budget, limits)
    except DatasetError as error:
        raise DatasetError(f"The archive was not unpacked: {error}.") from error
    except FileExistsError as error:
        name = Path(error.filename).relative_to(target)
        raise DatasetError(f"The archive was not unpacked: it holds the name {str(name)!r} twice.") from error
    except (
        zipfile.BadZipFile,
        tarfile.TarError,
        zlib.error,
        EOFError,
        NotImplementedError,
        gzip.BadGzipFile,
    ) as error:
        raise DatasetError(
            f"The archive is damaged, or is no {archive_type}: {error}.{_glimpse(archive)}"
        ) from error
    except RuntimeError as error:  # what zipfile raises where a password is asked for
        raise DatasetError(f"The archive was not unpacked: {error}.") from error
    return files


def _members(archive: Path, archive_type: ArchiveType, limits: UnpackLimits) -> Generator[_Member]:
    if archive_type == "zip":
        return _zip_members(archive)
    return _tar_members(archive, compressed=archive_type != "tar", limits=limits)


def _zip_members(archive: Path) -> Generator[_Member]:
    with zipfile.ZipFile(archive) as opened:
        for info in opened.infolist():
            # Some writers use Windows's separator although the format forbids it.
            name = info.filename.replace("\\", "/")
            mode = info.external_attr >> 16
            if info.is_dir() or name.endswith("/"):
                yield _Member(name, "folder", "", None)
            elif stat.S_ISLNK(mode):
                with opened.open(info) as stream:
                    yield _Member(name, "link", stream.read(_PATH_BYTES + 1).decode("utf-8", "replace"), None)
            elif stat.S_IFMT(mode) not in (0, stat.S_IFREG):
                yield _Member(name, "other", "", None)
            else:
                with opened.open(info) as stream:
                    yield _Member(name, "file", "", stream)


def _tar_members(archive: Path, *, compressed: bool, limits: UnpackLimits) -> Generator[_Member]:
    # Unpacked as a stream, so that what is skipped counts against the limit too: a bomb may sit in an entry
    # that nobody asks for, or in a header.
    most = limits.total_bytes + limits.files * _TAR_OVERHEAD
    with (
        gzip.open(archive) if compressed else archive.open("rb") as raw,
        tarfile.open(fileobj=_Limited(raw, most, limits), mode="r|") as opened,
    ):
        for info in opened:
            if info.isdir():
                yield _Member(info.name, "folder", "", None)
            elif info.issym():
                yield _Member(info.name, "link", info.linkname, None)
            elif info.islnk():
                yield _Member(info.name, "hard link", info.linkname, None)
            elif info.isreg():
                yield _Member(info.name, "file", "", opened.extractfile(info))
            else:
                yield _Member(info.name, "other", "", None)


class _Limited(io.RawIOBase):
    """A file to read up to ``most`` bytes from."""

    def __init__(self, raw: io.BufferedIOBase, most: int, limits: UnpackLimits) -> None:
        self._raw = raw
        self._left = most
        self._limits = limits

    def read(self, size: int = -1) -> bytes:
        data = self._raw.read(size)
        self._left -= len(data)
        if self._left < 0:
            raise _too_big(self._limits)
        return data


def _too_big(limits: UnpackLimits) -> DatasetError:
    return DatasetError(f"it unpacks to more than {limits.total_bytes / 1e6:.0f} MB")


def _safe_path(name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    if path.is_absolute():
        raise DatasetError(f"it holds {_short(name)}, an absolute path")
    if ".." in path.parts:
        raise DatasetError(f"it holds {_short(name)}, which leads out of it")
    if "\0" in name:
        raise DatasetError(f"it holds {_short(name)}, which is no file name")
    if len(path.parts) > _DEPTH or len(_bytes(str(path))) > _PATH_BYTES:
        raise DatasetError(f"it holds {_short(name)}, which lies too deep ({_DEPTH} folders are allowed)")
    if any(len(_bytes(part)) > _NAME_BYTES for part in path.parts):
        raise DatasetError(f"it holds {_short(name)}, a name of more than {_NAME_BYTES} bytes")
    return path


def _bytes(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")


def _short(name: str) -> str:
    return repr(name if len(name) <= 60 else f"{name[:57]}...")


def _refuse_link_out(member: _Member, path: PurePosixPath) -> None:
    # A symbolic link counts from the folder it lies in, a hard link from the archive's top.
    depth = len(path.parts) - 1 if member.kind == "link" else 0
    aim = PurePosixPath(member.link)
    for part in aim.parts:
        depth += -1 if part == ".." else 1
        if depth < 0 or aim.is_absolute():
            raise DatasetError(
                f"it holds {_short(member.name)}, a {member.kind} that leads out to {_short(member.link)}"
            )


def _is_hidden(path: PurePosixPath) -> bool:
    return any(part.startswith(".") or part == "__MACOSX" for part in path.parts)


def _write(stream: IO[bytes], file: Path, budget: int, limits: UnpackLimits) -> int:
    """Copy what really comes, whatever size the archive states, and return how much that was."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except NotADirectoryError as error:
        raise FileExistsError(error.errno, error.strerror, str(file.parent)) from error
    written = 0
    with file.open("xb") as out:
        while chunk := stream.read(_CHUNK):
            written += len(chunk)
            if written > budget:
                raise _too_big(limits)
            out.write(chunk)
    return written


def _glimpse(archive: Path) -> str:
    """Servers answer with a web page where a file has moved; then say so."""
    with archive.open("rb") as stream:
        start = stream.read(64).lstrip().lower()
    return " It is a web page: the file may have moved." if start.startswith((b"<!doctype", b"<html")) else ""
