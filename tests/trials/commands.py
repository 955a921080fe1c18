"""Commands of the command line, each in a process of its own, watched for deadline, memory and orphans."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import TypeVar

import psutil

TESTS = Path(__file__).resolve().parents[1]
MARK = "CODECSTUDY_TRIAL"
"""Environment variable by which the processes that a command has started are found."""
_SAMPLE_SECONDS = 0.1

T = TypeVar("T")
U = TypeVar("U")


@dataclass(frozen=True, slots=True)
class Ended:
    """How one command ended.

    Attributes:
        code: The exit code; minus the signal's number if a signal ended it.
        out: What it printed to standard output.
        err: What it printed to standard error.
        hung: Whether it had to be killed at its deadline.
        peak: The most memory that it used, in bytes: the sum over its processes, sampled, or the peak of its main
            process if that is more. Memory that processes share is counted once for each.
    """

    code: int
    out: str
    err: str
    hung: bool
    peak: int


class Command:
    """A running command."""

    def __init__(
        self, pid: int, out: Path, err: Path, mark: str, wait: Callable[[], tuple[int, int]]
    ) -> None:
        self.pid = pid
        self._out, self._err, self._mark, self._wait = out, err, mark, wait
        self._peak = 0
        self._done = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()

    def send(self, number: signal.Signals) -> None:
        """Send a signal; nothing happens if the command has ended."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def workers(self) -> list[int]:
        """Process ids of the running processes that it has started, workers and others."""
        with contextlib.suppress(psutil.Error):
            return [child.pid for child in psutil.Process(self.pid).children(recursive=True)]
        return []

    def wait(self, seconds: float) -> Ended:
        """Wait until it ends; kill it after ``seconds``."""
        hung = threading.Event()

        def end() -> None:
            hung.set()
            for pid in [*self.workers(), self.pid]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

        timer = threading.Timer(seconds, end)
        timer.start()
        code, peak = self._wait()
        timer.cancel()
        self._done.set()
        self._watcher.join()
        out, err = (path.read_text("utf-8", "backslashreplace") for path in (self._out, self._err))
        return Ended(code, out, err, hung.is_set(), max(peak, self._peak))

    def orphans(self, seconds: float) -> list[int]:
        """Processes that it has started and that still run ``seconds`` after its end; they are killed."""
        deadline = time.monotonic() + seconds
        while (left := _marked(self._mark)) and time.monotonic() < deadline:
            time.sleep(0.05)
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return left

    def _watch(self) -> None:
        while not self._done.wait(_SAMPLE_SECONDS):
            with contextlib.suppress(psutil.Error):
                process = psutil.Process(self.pid)
                total = 0
                for one in (process, *process.children(recursive=True)):
                    with contextlib.suppress(psutil.Error):
                        total += one.memory_info().rss
                self._peak = max(self._peak, total)


def _marked(mark: str) -> list[int]:
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
    return found


def _environment(further: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    mark = uuid.uuid4().hex
    # A width makes the tables the same on every terminal.
    return mark, {MARK: mark, "COLUMNS": "200", "NO_COLOR": "1", **further}


def start(arguments: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None) -> Command:
    """Start ``python -m codecstudy`` in a new interpreter, with ``folder`` as its working folder."""
    mark, added = _environment(environment or {})
    out, err = folder / f"{mark}.out", folder / f"{mark}.err"
    with out.open("wb") as stdout, err.open("wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "codecstudy", *arguments],
            cwd=folder,
            env=os.environ | added,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
        )

    def wait() -> tuple[int, int]:
        return process.wait(), 0

    return Command(process.pid, out, err, mark, wait)


class Server:
    """A process that forks once for each command; see :mod:`trials.forkserver`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "trials.forkserver"],
            # One thread in the libraries: a process with several threads must not fork.
            env=os.environ | {"PYTHONPATH": _path(), "OPENBLAS_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def start(
        self, arguments: Sequence[str], cwd: Path, environment: Mapping[str, str] | None = None
    ) -> Command:
        """Start a command. One at a time: wait for it before the next one."""
        mark, added = _environment(environment or {})
        out, err = self.folder / "stdout", self.folder / "stderr"
        for file in (out, err):
            file.write_bytes(b"")  # a command that is killed at once has not opened them
        request = {
            "arguments": list(arguments),
            "cwd": str(cwd),
            "environment": added,
            "out": str(out),
            "err": str(err),
        }
        assert self._process.stdin is not None
        print(json.dumps(request), file=self._process.stdin, flush=True)
        pid = self._answer()["pid"]

        def wait() -> tuple[int, int]:
            ended = self._answer()
            return ended["code"], ended["peak"]

        return Command(pid, out, err, mark, wait)

    def run(
        self,
        arguments: Sequence[str],
        cwd: Path,
        seconds: float,
        environment: Mapping[str, str] | None = None,
    ) -> Ended:
        """Run a command, for ``seconds`` at most."""
        return self.start(arguments, cwd, environment).wait(seconds)

    def close(self) -> None:
        self._process.communicate()

    def _answer(self) -> dict[str, int]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the fork server has ended")
        answer: dict[str, int] = json.loads(line)
        return answer


def _path() -> str:
    return os.pathsep.join([str(TESTS), *os.environ.get("PYTHONPATH", "").split(os.pathsep)])


class Servers:
    """Several servers, to use all CPUs."""

    def __init__(self, folder: Path, count: int) -> None:
        self._all = [Server(folder / str(number)) for number in range(count)]
        self._free: SimpleQueue[Server] = SimpleQueue()
        for server in self._all:
            self._free.put(server)

    def close(self) -> None:
        for server in self._all:
            server.close()

    def map(self, function: Callable[[Server, T], U], items: Sequence[T]) -> Iterator[U]:
        """``function(server, item)`` for each item, on all servers, in order."""

        def on_a_free_one(item: T) -> U:
            server = self._free.get()
            try:
                return function(server, item)
            finally:
                self._free.put(server)

        with ThreadPoolExecutor(len(self._all)) as pool:
            yield from pool.map(on_a_free_one, items)
