"""Files: written whole or not at all, and known by the SHA-256 of their bytes."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import tempfile
from pathlib import Path


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_atomically(path: Path, content: str | bytes, *, fsync: bool = True) -> None:
    """Write a file through a temporary one beside it, which is then renamed.

    A crash at any moment leaves the old file or the new one, never part of one. A link is followed. A file
    that is replaced keeps its permissions; a new one can be read by everybody.

    Args:
        path: The file. Its folder is created where it is missing.
        content: The new content; text is written as UTF-8.
        fsync: Flush to the disk before renaming, so that this holds after a power failure too. Turn it off
            for many files that can be made again.

    Raises:
        OSError: The file cannot be written, or the path is that of something other than a regular file (a
            folder, a device), which replacing would destroy. The message names ``path``.
    """
    try:
        _replace(path.resolve(), content.encode() if isinstance(content, str) else content, fsync)
    except OSError as error:
        raise type(error)(error.errno, f"cannot be written: {error.strerror or error}", str(path)) from None


def _replace(path: Path, content: bytes, fsync: bool) -> None:
    mode = 0o644  # mkstemp makes a file that only its owner may read
    if path.exists():
        if not path.is_file():
            raise OSError(errno.EEXIST, "it exists and is not a regular file")
        mode = path.stat().st_mode & 0o777
    path.parent.mkdir(parents=True, exist_ok=True)
    # The temporary name does not repeat the file's own, which may be as long as a name can be.
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
