"""Programs that encode and decode: how they are found, identified and run.

Each process that runs programs has one launcher (:mod:`codecstudy.codecs.launcher`), and one folder for their
files, in memory if possible. In a worker, the executor names the folder, and removes it even if the worker is
killed; elsewhere the launcher does.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from codecstudy import host
from codecstudy.codecs.base import Cost, count_cpu_seconds
from codecstudy.errors import CodecError, ImageMemoryError
from codecstudy.visible import visible

_ASKING_SECONDS = 20.0
"""Time limit of a program that is asked for its version or its options."""
_SAID_LIMIT = 300
_OUT_OF_MEMORY = re.compile(
    r"bad_alloc|out of memory|cannot allocate memory|insufficient memory", re.IGNORECASE
)


def find(program: str) -> str | None:
    """Path of a program: looked up on PATH unless it contains a slash; None if there is none that can be run."""
    return shutil.which(program)


def first_line(words: Sequence[str]) -> str:
    """The first line that a program writes, on standard output or standard error.

    Raises:
        CodecError: It cannot be started, fails, or does not end in time.
    """
    lines = asked(tuple(words)).splitlines()
    return visible(next((line.strip() for line in lines if line.strip()), ""))[:200]


@functools.lru_cache(maxsize=64)
def asked(words: tuple[str, ...], may_fail: bool = False) -> str:
    """What a program writes to standard output and standard error, when it is asked for its version or its options.

    Args:
        words: The command line.
        may_fail: Whether any exit code is good: some programs show their options only as an error.

    Raises:
        CodecError: It cannot be started, fails, or does not end in time.
    """
    name = shown(words)
    try:
        done = subprocess.run(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_ASKING_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise CodecError(f"{name} did not end within {_ASKING_SECONDS:g} s") from None
    except OSError as error:
        raise CodecError(f"{name} cannot be started: {error.strerror}") from None
    if done.returncode != 0 and not may_fail:
        raise CodecError(f"{name} {_how(done.returncode)}{_quoted(done.stdout)}")
    return done.stdout.decode(errors="replace")


def shown(words: Iterable[str]) -> str:
    """A command line for messages."""
    return visible(" ".join(words))[:200]


def content_hash(words: Iterable[str]) -> str:
    """Hash of the files that a command line names: its program, with the libraries that it loads, and other files.

    Words that are not the path of a file do not count. Links are followed.
    """
    digest = hashlib.sha256()
    for path in dict.fromkeys(path for word in words for path in _files_of(word)):
        status = path.stat()
        digest.update(_content(path, status.st_size, status.st_mtime_ns, status.st_ino).encode())
    return digest.hexdigest()


def _files_of(word: str) -> tuple[Path, ...]:
    path = Path(word)
    if not path.is_absolute() or not path.is_file():
        return ()
    return (path.resolve(), *(_libraries(str(path)) if os.access(path, os.X_OK) else ()))


@functools.lru_cache(maxsize=1024)
def _content(path: Path, size: int, changed: int, inode: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _libraries(program: str) -> tuple[Path, ...]:
    """Shared libraries that the dynamic linker loads for a program; none if the system cannot tell."""
    ldd = shutil.which("ldd")
    if ldd is None:
        return ()
    try:
        done = subprocess.run(
            [ldd, program],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_ASKING_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ()
    found = re.findall(r"(?:=> |^\s*)(/\S+) \(0x", done.stdout.decode(errors="replace"), flags=re.M)
    return tuple(path for path in sorted(Path(name).resolve() for name in found) if path.is_file())


@contextlib.contextmanager
def scratch(room: int) -> Iterator[Path]:
    """A private folder for the files of one program, removed at the end.

    Args:
        room: Bytes that they may need. It is in memory if there is that much room, otherwise on disk.
    """
    folder = _launcher().folder
    if shutil.disk_usage(folder).free < room:
        folder = Path(tempfile.gettempdir())
    with tempfile.TemporaryDirectory(prefix="codecstudy-", dir=folder, ignore_cleanup_errors=True) as path:
        yield Path(path)


def run(words: Sequence[str], folder: Path, largest: int) -> Cost:
    """Run a program in ``folder`` and wait for it.

    Args:
        words: The command line; the first word is a path. There is no shell.
        folder: Its working directory.
        largest: It may not write a file of more bytes.

    Returns:
        What it took, with all processes that it has started and waited for. The memory is that of the largest of
        these processes, and not less than that of the launcher, about 12 MB.

    Raises:
        CodecError: It cannot be started, or fails; the message ends with what it said.
        ImageMemoryError: It fails and speaks of memory.
    """
    said = folder / ".said"
    answer = _launcher().ask(
        {"words": list(words), "folder": str(folder), "said": str(said), "limit": largest}
    )
    name = visible(Path(words[0]).name)
    if "error" in answer:
        raise CodecError(f"{name} cannot be started: {answer['error']}")
    count_cpu_seconds(answer["cpu"])
    status = answer["status"]
    if status == -signal.SIGXFSZ:
        raise CodecError(f"{name} was ended because it wrote a file of more than {largest:,} bytes")
    if status != 0:
        tail = said_in(folder)
        error = ImageMemoryError if _OUT_OF_MEMORY.search(tail) else CodecError
        raise error(f"{name} {_how(status)}{tail}")
    return Cost(answer["wall"], answer["cpu"], answer["memory"])


def said_in(folder: Path) -> str:
    """The end of what the program that was run in ``folder`` has said, to follow a message."""
    try:
        with (folder / ".said").open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 8 * _SAID_LIMIT))
            return _quoted(file.read())
    except OSError:
        return ""


def _how(status: int) -> str:
    if status > 0:
        return f"failed with exit code {status}"
    try:
        return f"was ended by {signal.Signals(-status).name}"
    except ValueError:  # a real-time signal
        return f"was ended by signal {-status}"


def _quoted(output: bytes) -> str:
    text = " ".join(visible(output.decode(errors="replace"), keep="\n\t\r").split())
    if not text:
        return " without a message"
    return f": {text}" if len(text) <= _SAID_LIMIT else f": ...{text[-_SAID_LIMIT:]}"


class _Launcher:
    """The launcher of this process, and the folder for the files of programs."""

    def __init__(self) -> None:
        self.owner = os.getpid()
        # In a worker, programs belong to its process group, so that deadlines and its end reach them.
        given = os.environ.get(host.SCRATCH)
        if given:
            self.folder = Path(given)
            self.folder.mkdir(mode=0o700, exist_ok=True)
        else:
            self.folder = Path(tempfile.mkdtemp(prefix="codecstudy-", dir=host.memory_folder()))
        self._asking = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(Path(__file__).with_name("launcher.py")), str(self.folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=not given,
        )

    def ask(self, request: dict[str, object]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._asking:
            try:
                self._process.stdin.write(json.dumps(request).encode() + b"\n")
                self._process.stdin.flush()
                line = self._process.stdout.readline()
            except BrokenPipeError:
                line = b""
            except BaseException:  # Ctrl-C: the launcher ends the program
                self.close()
                raise
        if not line:
            self.close()
            raise CodecError("the process that starts programs has been killed; run again")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        """End it, and with it the program that it may be running; the next program gets a new one."""
        global _current
        if _current is self:
            _current = None
        with contextlib.suppress(OSError):
            self._process.stdin.close()  # type: ignore[union-attr]
        with contextlib.suppress(OSError):
            self._process.stdout.close()  # type: ignore[union-attr]
        self._process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


_current: _Launcher | None = None
_starting = threading.Lock()


def _launcher() -> _Launcher:
    global _current
    with _starting:
        if _current is None or _current.owner != os.getpid():
            _current = _Launcher()
        return _current


@atexit.register
def _close() -> None:
    if _current is not None and _current.owner == os.getpid():
        _current.close()
