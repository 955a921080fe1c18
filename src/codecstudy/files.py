"""Files: safe opening, atomic writing, and SHA-256 hashes."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import stat
import tempfile
from io import BufferedReader
from pathlib import Path

_OTHER_KINDS = (
    (stat.S_ISFIFO, "a named pipe (FIFO)"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a character device"),
    (stat.S_ISBLK, "a block device"),
)


_READ_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
"""Only POSIX systems have O_NONBLOCK, only Windows has O_BINARY."""


def open_regular(path: Path) -> BufferedReader:
    """Open a regular file, or a link to one, for reading, without ever blocking.

    Raises:
        OSError: The file cannot be opened, or is something else: a folder, a named pipe, a device, a socket.
    """
    # Checked before it is opened, which has effects on some devices, and again after, in case it was replaced.
    _check_regular(path, path.stat())
    handle = os.open(path, _READ_FLAGS)
    try:
        _check_regular(path, os.fstat(handle))
    except OSError:
        os.close(handle)
        raise
    return os.fdopen(handle, "rb")


def _check_regular(path: Path, status: os.stat_result) -> None:
    if stat.S_ISREG(status.st_mode):
        return
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    kind = next((name for is_kind, name in _OTHER_KINDS if is_kind(status.st_mode)), "a special file")
    raise OSError(errno.EINVAL, f"it is {kind}, not a regular file", str(path))


def sha256_of(path: Path) -> str:
    """SHA-256 of a regular file's bytes, in hexadecimal; raises as :func:`open_regular` does."""
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_atomically(path: Path, content: str | bytes, *, fsync: bool = True) -> None:
    """Write a file by way of a temporary file next to it, which is then renamed.

    A crash at any moment leaves either the old file or the new one, never a part. Links are followed. A file
    that is replaced keeps its permissions; a new one can be read by everybody.

    Args:
        path: The file. Its folder is created if it is missing.
        content: The new content; text is written as UTF-8.
        fsync: Flush to the disk before renaming, so that this also holds after a power failure. Turn it off for
            large numbers of files that can be recreated.

    Raises:
        OSError: The file cannot be written, or the path is that of something other than a regular file (a
            folder, a device), which replacing would destroy. The message names ``path``.
    """
    try:
        _replace(path.resolve(), content.encode() if isinstance(content, str) else content, fsync)
    except OSError as error:
        raise type(error)(error.errno, f"cannot be written: {error.strerror or error}", str(path)) from None


def check_writable(path: Path) -> None:
    """Raise what :func:`write_atomically` would raise for ``path``, as far as that can be known beforehand.

    Nothing is created: the nearest folder that exists is tested with a temporary file.

    Raises:
        OSError: The message names ``path``.
    """
    try:
        os.fsencode(path).decode()  # a name that is not UTF-8 cannot be stored in results
        _try_to_write(path.resolve())
    except UnicodeDecodeError:
        raise OSError(errno.EILSEQ, "cannot be written: its name is not valid UTF-8", str(path)) from None
    except OSError as error:
        raise type(error)(error.errno, f"cannot be written: {error.strerror or error}", str(path)) from None


def _try_to_write(path: Path) -> None:
    if path.exists() and not path.is_file():
        raise OSError(errno.EEXIST, "it exists and is not a regular file")
    folder = path.parent
    while not folder.exists():
        if folder.is_symlink():
            raise OSError(errno.ENOENT, f"{folder} is a link to a folder that does not exist")
        folder = folder.parent
    longest = os.pathconf(folder, "PC_NAME_MAX") if hasattr(os, "pathconf") else 255
    if any(len(os.fsencode(part)) > longest for part in path.parts):
        raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
    with tempfile.TemporaryFile(dir=folder, prefix=".", suffix=".tmp"):
        pass


def _replace(path: Path, content: bytes, fsync: bool) -> None:
    mode = 0o644  # mkstemp creates files that only their owner may read
    if path.exists():
        if not path.is_file():
            raise OSError(errno.EEXIST, "it exists and is not a regular file")
        mode = path.stat().st_mode & 0o777
    path.parent.mkdir(parents=True, exist_ok=True)
    # The temporary name does not include the file's own, which may already have the maximum length.
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            if fsync:
                file.flush()
                os.fsync(file.fileno())
        Path(temporary).chmod(mode)
        Path(temporary).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(temporary).unlink()
        raise
