"""Starts programs for a process that has much memory, waits for them, and reports what they took.

Linux counts the memory of the process that starts a program as memory of the program: a small encoder that is
started by a worker with large images would seem to need as much as the worker. So each process that runs encoder
programs has a launcher, which is small itself. It starts one program at a time. When its parent is gone, it kills
the program and what that has started, and removes the folder of its temporary files.

The parent runs this file by its path with the standard library alone. A request is a line of JSON:

- ``words``: the command line; the first word is a path
- ``folder``: working directory
- ``said``: file for what the program writes to standard output and standard error
- ``limit``: the program may write no file of more bytes

An answer is a line, too: ``status`` (as ``os.waitstatus_to_exitcode``), ``wall`` and ``cpu`` (seconds), ``memory``
(bytes); or ``error``.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import select
import shutil
import signal
import sys
import time
from typing import Any

_RSS_UNIT = 1 if sys.platform == "darwin" else 1024
"""``ru_maxrss`` is in bytes on macOS and in KiB elsewhere."""


class ParentGoneError(Exception):
    """The other end of the pipe is closed."""


def run(request: dict[str, Any], woken: int) -> dict[str, Any]:
    """Run one program.

    Args:
        request: See above.
        woken: File descriptor that becomes readable when a child has ended.

    Raises:
        ParentGoneError: The parent has gone meanwhile; the program may still be running.
    """
    words, limit = request["words"], request["limit"]
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    os.chdir(request["folder"])
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, request["said"], flags, 0o600),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    started = time.perf_counter()
    try:
        # Python ignores these two, and a program would inherit that.
        pid = os.posix_spawn(
            words[0], words, os.environ, file_actions=actions, setsigdef=(signal.SIGPIPE, signal.SIGXFSZ)
        )
    except (OSError, ValueError) as error:
        return {"error": getattr(error, "strerror", None) or str(error)}
    while True:
        done, status, usage = os.wait4(pid, os.WNOHANG)
        if done:
            break
        readable, _, _ = select.select([0, woken], [], [])
        if 0 in readable:  # nothing is sent while a program runs
            raise ParentGoneError
        os.read(woken, 4096)
    return {
        "status": os.waitstatus_to_exitcode(status),
        "wall": time.perf_counter() - started,
        "cpu": usage.ru_utime + usage.ru_stime,
        "memory": usage.ru_maxrss * _RSS_UNIT,
    }


def main() -> None:
    """Answer requests until the parent is gone; the argument is the folder to remove then."""
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    try:
        for line in sys.stdin:
            print(json.dumps(run(json.loads(line), woken)), flush=True)  # noqa: T201  the parent reads it
    except (ParentGoneError, BrokenPipeError):
        # The group is that of the worker that has died, or the launcher's own.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.killpg(0, signal.SIGTERM)
        _remove(sys.argv[1])
        os.killpg(0, signal.SIGKILL)
    _remove(sys.argv[1])


def _remove(folder: str) -> None:
    with contextlib.suppress(OSError):
        os.chdir("/")
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
