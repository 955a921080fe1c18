"""A handler for worker pools that does what its payload says, most of it evil: ``(action, *arguments)``."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

FOREVER = 600.0


def factory(config: Any) -> Callable[[Any], Any]:
    """The handler; ``config`` is what the action ``config`` gives back."""

    def handle(payload: Any) -> Any:
        if not isinstance(payload, tuple):
            return payload
        action, *arguments = payload
        return config if action == "config" else ACTIONS[action](*arguments)

    return handle


def broken_factory(config: Any) -> NoReturn:
    """Cannot make its handler."""
    raise RuntimeError(f"no handler for {config!r} today")


def hanging_factory(config: Any) -> None:
    """Never ends."""
    time.sleep(FOREVER)


class ShyError(Exception):
    """Cannot be pickled, nor turned into text."""

    def __init__(self) -> None:
        super().__init__(lambda: None)

    def __str__(self) -> str:
        raise RuntimeError("no text")


class PanicError(BaseException):
    """As Rust extensions raise: not an ``Exception``."""


class OneWay:
    """Can be pickled, and not come back."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (int, ("not a number",))


def wait_for(path: str) -> str:
    """Until the file exists."""
    while not Path(path).exists():
        time.sleep(0.005)
    return path


def touch(path: str) -> str:
    Path(path).touch()
    return path


def raise_(kind: str) -> NoReturn:
    raise {"shy": ShyError, "panic": PanicError, "value": ValueError, "memory": MemoryError}[kind]()


def kill_self(signum: int) -> None:
    os.kill(os.getpid(), signum)
    time.sleep(FOREVER)


def hang(pid_file: str | None = None) -> None:
    _note_pid(pid_file, os.getpid())
    time.sleep(FOREVER)


def hang_ignoring_sigterm() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(FOREVER)


def hang_with_lock(pid_file: str | None = None) -> None:
    """Holds the interpreter's lock, as an extension in a long loop does; no thread of Python can run."""
    _note_pid(pid_file, os.getpid())
    ctypes.PyDLL(None).sleep(int(FOREVER))


def spawn_and(then: str, pid_file: str, own_session: bool = False) -> None:
    """Start a child that ignores SIGTERM, then hang or die."""
    command = ["sh", "-c", "trap '' TERM; echo; exec sleep 600"]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=own_session)
    assert child.stdout is not None
    child.stdout.readline()  # it ignores SIGTERM from here on
    _note_pid(pid_file, child.pid)
    if then == "die":
        kill_self(signal.SIGKILL)
    time.sleep(FOREVER)


def fork_and_exit(pid_file: str) -> None:
    """Die while a forked child, which has a copy of every file descriptor, lives on."""
    pid = os.fork()
    if pid == 0:
        time.sleep(FOREVER)
    _note_pid(pid_file, pid)
    os._exit(5)


def write_garbage() -> None:
    for fd in _sockets():
        os.write(fd, b"HTTP/1.1 200 OK\r\n\r\n" * 100)
    time.sleep(FOREVER)


def close_pipe() -> None:
    for fd in _sockets():
        os.close(fd)
    time.sleep(FOREVER)


def shut_pipe() -> None:
    for fd in _sockets():
        socket.socket(fileno=os.dup(fd)).shutdown(socket.SHUT_RDWR)
    time.sleep(FOREVER)


def make_noise() -> str:
    sys.stdout.write("noise")
    sys.stdout.flush()
    os.write(1, b"noise")
    ctypes.CDLL(None).puts(b"noise")
    return "heard"


def complain(text: str, times: int = 1) -> None:
    os.write(2, text.encode() * times)


def allocate(size: int) -> int:
    """Make ``size`` bytes resident."""
    data = bytearray(size)
    data[::4096] = b"x" * len(range(0, size, 4096))
    return len(data)


def allocate_in_cpp(size: int) -> None:
    """What a C++ library does that gets no memory: an exception that nobody catches ends the process."""
    new = ctypes.CDLL("libstdc++.so.6")["_Znwm"]
    new.argtypes, new.restype = [ctypes.c_size_t], ctypes.c_void_p
    new(size)


def leave_temporary_file() -> None:
    with tempfile.NamedTemporaryFile(delete=False) as file:
        file.write(b"left behind")
    os._exit(1)


def make_scratch(told: str) -> None:
    """Create the folder for the files of programs, and tell its path."""
    folder = Path(os.environ["CODECSTUDY_SCRATCH"])
    folder.mkdir()
    Path(told).write_text(f"{folder}\n")
    time.sleep(FOREVER)


def _note_pid(path: str | None, pid: int) -> None:
    if path is not None:
        part = Path(path + ".part")
        part.write_text(str(pid))
        part.rename(path)


def _sockets() -> list[int]:
    found = []
    for fd in range(3, 256):
        try:
            if stat.S_ISSOCK(os.fstat(fd).st_mode):
                found.append(fd)
        except OSError:
            continue
    assert found
    return found


def temporary_modes() -> tuple[str, int]:
    """The folder of all workers' temporary files, and its permissions."""
    folder = Path(tempfile.gettempdir()).parent
    return str(folder), stat.S_IMODE(folder.stat().st_mode)


ACTIONS: dict[str, Callable[..., Any]] = {
    "sleep": time.sleep,
    "wait_for": wait_for,
    "touch": touch,
    "raise": raise_,
    "lambda": lambda: lambda: None,
    "one_way": OneWay,
    "environment": lambda: dict(os.environ),
    "modules": lambda: (sorted(sys.modules), sys.modules["__main__"].__file__),
    "pid": os.getpid,
    "make_scratch": make_scratch,
    "temporary_modes": temporary_modes,
    "kill": kill_self,
    "segfault": lambda: ctypes.string_at(0),
    "exit": sys.exit,
    "_exit": os._exit,
    "hang": hang,
    "hang_ignoring_sigterm": hang_ignoring_sigterm,
    "hang_with_lock": hang_with_lock,
    "spawn_and": spawn_and,
    "fork_and_exit": fork_and_exit,
    "write_garbage": write_garbage,
    "close_pipe": close_pipe,
    "shut_pipe": shut_pipe,
    "make_noise": make_noise,
    "complain": complain,
    "allocate": allocate,
    "allocate_in_cpp": allocate_in_cpp,
    "leave_temporary_file": leave_temporary_file,
    "length": len,
    "bytes": bytes,
}
