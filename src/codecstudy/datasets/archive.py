"""Unpack an archive that may be damaged or hostile.

``tarfile.data_filter`` checks every entry, those of zip archives too; the limits here are additional. Only
folders and regular files are created, and only by this module: there is never a link to write through, and no
owners, permissions or times are taken from the archive.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import shutil
import stat
import tarfile
import unicodedata
import zipfile
import zlib
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

from codecstudy.errors import DatasetError

ArchiveType = Literal["zip", "tar", "tar.gz", "tgz"]
_Entry = tuple[tarfile.TarInfo, IO[bytes] | None]
"""An entry, and its content if it is a regular file."""

_NAME_BYTES = 255
_PATH_BYTES = 512
_HEADER_BYTES = 1 << 20
"""More than the headers of one tar entry need. tarfile reads them into memory whole, regardless of their size."""
_PADDING_BYTES = 16 << 20
"""Allowance for the padding after a tar's end mark."""
_CHUNK_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class UnpackLimits:
    """How much an archive may contain.

    Attributes:
        total_bytes: Bytes of all entries, unpacked.
        entries: Number of entries, folders and links included.
    """

    total_bytes: int
    entries: int = 200_000

    @classmethod
    def for_archive(cls, archive_bytes: int) -> UnpackLimits:
        """The default limits: 20 times the archive's size, at least 1 GiB, at most 64 GiB.

        Archives of compressed images hardly shrink; uncompressed images shrink to a tenth at best. The largest
        dataset in use (CID22 with all its distorted versions) is 7 GB.
        """
        return cls(total_bytes=min(64 << 30, max(1 << 30, 20 * archive_bytes)))


def unpack(archive: Path, target: Path, archive_type: ArchiveType, limits: UnpackLimits) -> int:
    """Unpack an archive into a new folder.

    Hidden files and macOS's ``__MACOSX`` are left out, because a dataset never shows them. So are links: the
    target of a link inside the archive is unpacked anyway.

    Args:
        archive: The archive.
        target: The folder, which must not exist. After an error it contains what was unpacked so far; the
            caller removes it.
        archive_type: How the archive is packed.
        limits: How much it may contain.

    Returns:
        The number of files.

    Raises:
        DatasetError: The archive is damaged or of another type, exceeds the limits, or contains a path or a link
            that leads out of it, a device, a path that is too long, or two names that differ only in case.
        OSError: ``target`` cannot be written, which is not a problem of the archive.
    """
    target.mkdir(parents=True)
    members = _zip_members(archive) if archive_type == "zip" else _tar_members(archive, archive_type)
    count = total = 0
    names: set[str] = set()
    try:
        with contextlib.closing(members):
            for count, (member, content) in enumerate(members, start=1):
                name = _checked_name(member, target)
                total += member.size
                if count > limits.entries:
                    raise DatasetError(f"it contains more than {limits.entries} entries")
                if total > limits.total_bytes:
                    raise DatasetError(f"it unpacks to more than {limits.total_bytes / 1e6:.0f} MB")
                if content is None or _is_hidden(name):
                    continue
                # Some file systems treat these as the same name.
                folded = unicodedata.normalize("NFC", name).casefold()
                if folded in names:
                    raise DatasetError(f"it contains the name {name!r} twice (case is ignored)")
                names.add(folded)
                (target / name).parent.mkdir(parents=True, exist_ok=True)
                with (target / name).open("xb") as out:
                    shutil.copyfileobj(content, out)
    except (DatasetError, tarfile.FilterError, RuntimeError) as error:  # RuntimeError: a password is needed
        raise DatasetError(f"The archive was not unpacked: {error}.") from error
    except (FileExistsError, NotADirectoryError) as error:
        path = os.path.relpath(error.filename, target)
        raise DatasetError(
            f"The archive was not unpacked: {path!r} is both a file and a folder in it."
        ) from error
    except (
        zipfile.BadZipFile,
        tarfile.TarError,
        gzip.BadGzipFile,
        zlib.error,
        EOFError,
        ValueError,
    ) as error:
        raise DatasetError(
            f"The archive is damaged, or is not a {archive_type}: {error}.{_web_page(archive)}"
        ) from error
    return len(names)


def _zip_members(archive: Path) -> Generator[_Entry]:
    with zipfile.ZipFile(archive) as opened:
        for info in opened.infolist():
            # Some writers use the Windows separator although the format forbids it.
            member = tarfile.TarInfo(info.filename.replace("\\", "/"))
            member.size = info.file_size
            if info.header_offset < 0:  # zipfile would seek there
                raise zipfile.BadZipFile("an entry begins before the start of the file")
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                # zipfile unpacks a chunk of the other methods into memory whole, which may take gigabytes.
                raise DatasetError(f"it contains {member.name!r}, which is not packed with DEFLATE")
            kind = stat.S_IFMT(info.external_attr >> 16)
            if member.name.endswith("/"):
                member.type = tarfile.DIRTYPE
                yield member, None
            elif kind == stat.S_IFLNK:
                member.type = tarfile.SYMTYPE
                with opened.open(info) as content:
                    member.linkname = os.fsdecode(content.read(_PATH_BYTES))
                yield member, None
            elif kind in (0, stat.S_IFREG):
                with opened.open(info) as content:
                    yield member, content
            else:
                member.type = tarfile.CHRTYPE
                yield member, None


def _tar_members(archive: Path, archive_type: ArchiveType) -> Generator[_Entry]:
    with archive.open("rb") if archive_type == "tar" else gzip.open(archive) as raw:
        limited = _Limited(raw)
        with tarfile.open(fileobj=limited, mode="r|") as opened:
            for member in opened:
                limited.left = member.size + _HEADER_BYTES
                yield member, opened.extractfile(member) if member.isreg() else None
        # tarfile stops at the end mark, but gzip's checksum comes after it.
        limited.left = _PADDING_BYTES
        while limited.read(_CHUNK_BYTES):
            pass


class _Limited(io.RawIOBase):
    """A stream that refuses to return more than ``left`` bytes."""

    def __init__(self, raw: IO[bytes] | gzip.GzipFile) -> None:
        self._raw = raw
        self.left = _HEADER_BYTES

    def read(self, size: int = -1) -> bytes:
        data = self._raw.read(size)
        self.left -= len(data)
        if self.left < 0:
            raise DatasetError(
                f"it contains a header of more than {_HEADER_BYTES} bytes, or padding of more than "
                f"{_PADDING_BYTES} bytes"
            )
        return data


def _checked_name(member: tarfile.TarInfo, target: Path) -> str:
    """The entry's path below ``target``; raises DatasetError or tarfile's FilterError for a hostile entry."""
    name = member.name
    if name.startswith("/"):
        raise DatasetError(f"it contains {name[:60]!r}, an absolute path")
    if "\0" in name or any(len(os.fsencode(part)) > _NAME_BYTES for part in name.split("/")):
        raise DatasetError(f"it contains {name[:60]!r}..., which is not a possible file name")
    if len(os.fsencode(name)) > _PATH_BYTES:
        raise DatasetError(f"it contains {name[:60]!r}..., a path of more than {_PATH_BYTES} bytes")
    return os.path.normpath(tarfile.data_filter(member, str(target)).name)


def _is_hidden(name: str) -> bool:
    return any(part.startswith(".") or part == "__MACOSX" for part in name.split("/"))


def _web_page(archive: Path) -> str:
    """What to add to the message if a server has sent a web page instead of the file."""
    with archive.open("rb") as stream:
        start = stream.read(64).lstrip().lower()
    return " It is a web page: the file may have moved." if start.startswith((b"<!doctype", b"<html")) else ""
