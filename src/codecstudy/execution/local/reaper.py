"""Ends the workers when the process that started them is gone, for any reason.

A worker notices the end of its pipe, but not while a task holds the interpreter's lock; the kernel's
PR_SET_PDEATHSIG fires when the *thread* that started the worker ends, and does not reach the worker's own
children. So each executor has a reaper: a small process in a session of its own that waits for its parent to
disappear, then kills every worker's process group and every process that carries the executor's mark in its
environment, and removes the executor's temporary folders.

The executor runs this file by its path with the standard library alone.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import subprocess
import sys
from pathlib import Path

MARK = "CODECSTUDY_WORKER"
"""Environment variable that a worker passes on to all its descendants: ``<executor>.<process>``."""
PARENT_CHECK_SECONDS = 1.0


def marked(value: str, *, prefix: bool = False) -> list[int]:
    """Ids of the processes whose mark is (or starts with) ``value``; none if there is no /proc.

    This finds descendants that left their process group and whose parents are already dead.
    """
    wanted = f"{MARK}={value}".encode()
    found = []
    try:
        numbers = [int(name) for name in os.listdir("/proc") if name.isdigit()]  # noqa: PTH208
    except OSError:
        return []
    for pid in numbers:
        try:
            entries = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        except OSError:  # it has ended, or belongs to someone else
            continue
        if any(entry == wanted or (prefix and entry.startswith(wanted)) for entry in entries):
            found.append(pid)
    return found


def kill_marked(value: str, *, prefix: bool = False) -> None:
    """Send SIGKILL to all marked processes until none is alive (zombies have no environment)."""
    for _ in range(10):
        pids = [pid for pid in marked(value, prefix=prefix) if pid != os.getpid()]
        if not pids:
            return
        for pid in pids:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)


def kill_group(pid: int, signum: int) -> None:
    """Signal the process group of a worker, if it still has members."""
    with contextlib.suppress(OSError):
        os.killpg(pid, signum)


class Reaper:
    """The executor's connection to its reaper process."""

    def __init__(self, executor: str, folder: Path, scratch: Path) -> None:
        """Start it.

        Args:
            executor: How the mark of each of the executor's processes begins.
            folder: The executor's temporary folder.
            scratch: How the paths of further folders of its workers begin.
        """
        self._arguments = [str(os.getpid()), executor, str(folder), str(scratch)]
        self._workers: set[int] = set()
        self._process = self._spawn()

    def _spawn(self) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", __file__, *self._arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        assert process.stdin is not None
        os.set_blocking(process.stdin.fileno(), False)
        return process

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def add(self, pid: int) -> None:
        """Report that a worker has started."""
        self._workers.add(pid)
        self._tell(f"+{pid}\n")

    def remove(self, pid: int) -> None:
        """Report that a worker is dead, before it is reaped, while its id cannot belong to another process."""
        self._workers.discard(pid)
        self._tell(f"-{pid}\n")

    def check(self) -> None:
        """Start it again if it has been killed."""
        if self._process.poll() is not None:
            self._close_pipe()
            self._process = self._spawn()
            self._tell("".join(f"+{pid}\n" for pid in self._workers))

    def close(self) -> None:
        """Let it end; the workers that it still knows end with it."""
        self._close_pipe()
        try:
            self._process.wait(10.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _tell(self, text: str) -> None:
        assert self._process.stdin is not None
        # A broken or full pipe means that the reaper is dead or stopped: check() replaces a dead one, and the
        # workers watch their own pipes as well.
        with contextlib.suppress(OSError):
            os.write(self._process.stdin.fileno(), text.encode())

    def _close_pipe(self) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()


def main() -> None:
    """Wait until the parent is gone (end of the pipe, or another parent), then end what it left behind."""
    parent, executor, folder, scratch = int(sys.argv[1]), sys.argv[2], sys.argv[3], Path(sys.argv[4])
    workers: set[int] = set()
    rest = b""
    # The parent's id is checked too: a process forked by the parent may keep the pipe open.
    while os.getppid() == parent:
        if not select.select([0], [], [], PARENT_CHECK_SECONDS)[0]:
            continue
        data = os.read(0, 65536)
        if not data:
            break
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            (workers.add if line.startswith(b"+") else workers.discard)(int(line[1:]))
    for pid in workers:
        kill_group(pid, signal.SIGKILL)
    kill_marked(executor, prefix=True)
    for left in (Path(folder), *scratch.parent.glob(f"{scratch.name}*")):
        shutil.rmtree(left, ignore_errors=True)


if __name__ == "__main__":
    main()
