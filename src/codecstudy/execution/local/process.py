"""One worker process as its parent sees it: pipe, standard error, process tree, out-of-memory kills."""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil

from codecstudy import host
from codecstudy.execution.local import child
from codecstudy.execution.local.reaper import MARK, kill_group, kill_marked

SINGLE_THREADED = dict.fromkeys(
    (
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "VECLIB_MAXIMUM_THREADS",
        "NUMBA_NUM_THREADS",
        "POLARS_MAX_THREADS",
    ),
    "1",
)
"""Environment of a worker: parallelism is one process per worker, never threads within one."""

DETAIL_LIMIT = 4000
_READS_AT_ONCE = 32
_SMALL = 1 << 12
_OUT_OF_MEMORY = re.compile(
    r"bad_alloc|out of memory|cannot allocate memory|memory allocation of \d+ bytes failed|\bMemoryError\b",
    re.IGNORECASE,
)


class WorkerProcess:
    """A running worker: exchanges frames without ever blocking, and ends its process tree.

    The process leads a session of its own, so that Ctrl-C in a terminal reaches only the parent, and a signal to
    its process group reaches the processes that its tasks have started.

    Raises:
        OSError: The process cannot be started.
    """

    def __init__(
        self, hello: bytes, mark: str, folder: Path, scratch: Path, environment: Mapping[str, str]
    ) -> None:
        """Start the process.

        Args:
            hello: The first message.
            mark: See ``reaper.MARK``.
            folder: Temporary files of its tasks; removed with it.
            scratch: Folder that it may create, see ``host.SCRATCH``; removed with it.
            environment: Variables added to those of this process.
        """
        self.started = time.monotonic()
        self._mark = mark
        self._folders = (folder, scratch)
        self._out: deque[memoryview] = deque()
        self._reader = child.FrameReader()
        self._descendants: dict[int, psutil.Process] = {}
        self.at_end = False
        self.heard = self.started
        folder.mkdir()
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115  it has no name, so it cannot be left behind
        self._socket, theirs = socket.socketpair()
        self._socket.setblocking(False)
        try:
            self._process = subprocess.Popen(
                # -P: with this package's folder on the path, its modules would hide others of the same name.
                [sys.executable, "-P", child.__file__, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=self._stderr,  # output of libraries must not get into the pipe
                stderr=self._stderr,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
                env={
                    **os.environ,
                    **environment,
                    **SINGLE_THREADED,
                    MARK: mark,
                    "TMPDIR": str(folder),
                    host.SCRATCH: str(scratch),
                },
            )
        except BaseException:
            self._close_files()
            raise
        finally:
            theirs.close()
        self.send(child.HELLO, hello)

    @property
    def pid(self) -> int:
        """Process id, which is also the id of its process group."""
        return self._process.pid

    def fileno(self) -> int:
        """The pipe's file descriptor, for a selector."""
        return self._socket.fileno()

    @property
    def unsent(self) -> bool:
        """Whether there are bytes that the worker has not read yet."""
        return bool(self._out)

    def send(self, kind: bytes, body: bytes = b"") -> None:
        """Queue a message and send as much as the pipe accepts now."""
        self._out.append(memoryview(child.frame(kind, body)))
        self.flush()

    def flush(self) -> bool:
        """Send what the pipe accepts; returns whether it accepted anything."""
        progress = False
        try:
            while self._out:
                sent = self._socket.send(self._out[0])
                progress = True
                if sent == len(self._out[0]):
                    self._out.popleft()
                else:
                    self._out[0] = self._out[0][sent:]
        except (BlockingIOError, InterruptedError):
            pass
        except OSError:  # it is dead or has closed its end, which reading reveals
            self._out.clear()
        return progress

    @property
    def receiving(self) -> bool:
        """Whether a message has arrived in part."""
        return self._reader.partial

    def receive(self, drain: bool = False) -> Iterator[tuple[bytes, bytes]]:
        """Whole messages that have arrived; sets ``at_end`` once no more can come.

        Args:
            drain: Read everything; otherwise one worker with much output does not delay the others.

        Raises:
            child.CorruptStreamError: The bytes are not a message.
        """
        for _ in itertools.count() if drain else range(_READS_AT_ONCE):
            try:
                data = self._socket.recv(1 << 18)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                data = b""
            if not data:
                self.at_end = True
                return
            self.heard = time.monotonic()
            self._reader.feed(data)
            yield from self._reader.frames()
            if not drain and len(data) < _SMALL:
                return  # there is probably nothing more yet, and another call costs as much as this one

    def exited(self) -> bool:
        """Whether the process is dead. It is not reaped yet, so its id still belongs to its group."""
        if self._process.returncode is not None:
            return True
        if not hasattr(os, "waitid"):
            return self._process.poll() is not None
        try:
            status = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:  # the program ignores SIGCHLD
            return True
        return status is not None

    def terminate_tree(self) -> None:
        """SIGTERM to the process and all its descendants."""
        self._signal_tree(signal.SIGTERM)

    def kill_tree(self) -> None:
        """SIGKILL to the process and all its descendants."""
        self._signal_tree(signal.SIGKILL)

    def kill_orphans(self) -> None:
        """SIGKILL to descendants that left the process group and whose parents are dead, found by their mark."""
        kill_marked(self._mark)

    def tree_lives(self) -> bool:
        """Whether the process, or a descendant seen when its tree was last signalled, still exists."""
        return not self.exited() or any(_lives(process) for process in self._descendants.values())

    def reap(self) -> int:
        """Exit status in the convention of ``subprocess``; only after ``exited()``."""
        return self._process.wait()

    def close(self) -> None:
        """Release the pipe and the temporary files."""
        self._close_files()
        for folder in self._folders:
            shutil.rmtree(folder, ignore_errors=True)

    def stderr_tail(self, start: int) -> str:
        """The end of what was written to standard error since ``start`` bytes."""
        try:
            size = os.fstat(self._stderr.fileno()).st_size
            start = max(start if start <= size else 0, size - DETAIL_LIMIT)
            return os.pread(self._stderr.fileno(), size - start, start).decode(errors="replace").strip()
        except OSError:
            return ""

    def _signal_tree(self, signum: int) -> None:
        with contextlib.suppress(psutil.Error):  # a dead process has no information
            for process in [] if self.exited() else psutil.Process(self.pid).children(recursive=True):
                self._descendants[process.pid] = process
        kill_group(self.pid, signum)
        for process in self._descendants.values():
            with contextlib.suppress(psutil.Error, OSError):
                if os.getpgid(process.pid) != self.pid:
                    process.send_signal(signum)

    def _close_files(self) -> None:
        self._socket.close()
        self._stderr.close()


def _lives(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def tells_of_memory(stderr: str) -> bool:
    """Whether a dying process reported that it could not allocate memory."""
    return _OUT_OF_MEMORY.search(stderr) is not None


class OomKills:
    """Kills by the kernel's out-of-memory killer in this process's cgroup, which the workers share.

    Each counts once. A kill of a worker's child cannot be distinguished from a kill of a worker, so the next worker
    that is killed is then assumed to be its victim.
    """

    def __init__(self) -> None:
        self._seen = host.oom_kills()

    def take(self) -> bool:
        """Whether there was a kill that has not been counted yet."""
        if host.oom_kills() <= self._seen:
            return False
        self._seen += 1
        return True
