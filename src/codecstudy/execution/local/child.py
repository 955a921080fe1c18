"""The program of a worker process: takes tasks from its pipe, one after the other, and answers.

The executor runs this file by its path instead of as a part of the package, so that a worker starts with the
standard library alone, has the parent's ``sys.path``, and never imports the parent's main program (a notebook, a
script without a main guard). The parent imports it for the wire format.

A frame is a header (magic, kind, length of the body) and a body. Only payloads, values and the first frame
are pickles; everything else has a fixed layout, so that garbage on the pipe is recognised and not unpickled.
"""

from __future__ import annotations

import contextlib
import faulthandler
import importlib
import os
import pickle
import signal
import socket
import struct
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator

MAGIC = b"cswp"
HEADER = struct.Struct("<4scQ")
MAX_BODY = 1 << 32
"""Largest size of a frame's body in bytes; a greater length is garbage."""

# From the parent.
HELLO = b"H"  # pickle of (sys.path, handler, pickled config, memory limit in bytes or None)
TASK = b"T"  # SEQUENCE, then the pickled payload
QUIT = b"Q"
# To the parent.
READY = b"r"  # CLOCK
BROKEN = b"b"  # text: why the handler could not be made
STARTED = b"s"  # STARTED_BODY
STAGE = b"g"  # text: what the running task is doing now
DONE = b"d"  # DONE_BODY, then the pickled value

SEQUENCE = struct.Struct("<Q")
CLOCK = struct.Struct("<d")
STARTED_BODY = struct.Struct("<QdQ")
"""Sequence number, ``time.monotonic`` at the start (one clock for all processes), bytes on standard error."""
DONE_BODY = struct.Struct("<Qdq?")
"""Sequence number, wall seconds, peak resident bytes (-1: unknown), whether the value is a handler error."""

STDERR_LIMIT = 1 << 20
"""Bytes on standard error after which the file is truncated, between two tasks."""
TRACEBACK_LIMIT = 20_000


def frame(kind: bytes, body: bytes = b"") -> bytes:
    """One message in the form in which it is sent over the pipe."""
    if len(body) > MAX_BODY:
        raise ValueError(
            f"A message of {len(body):,} bytes is over the limit of {MAX_BODY:,}: pass a path instead."
        )
    return HEADER.pack(MAGIC, kind, len(body)) + body


class CorruptStreamError(Exception):
    """The bytes on a pipe are not valid messages."""


class FrameReader:
    """Cuts a stream of bytes into messages."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    @property
    def partial(self) -> bool:
        """Whether a message has begun but not ended."""
        return bool(self._buffer)

    def feed(self, data: bytes) -> None:
        """Add bytes from the pipe."""
        self._buffer += data

    def frames(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield each whole message (kind, body) so far.

        Raises:
            CorruptStreamError: The bytes are not a message.
        """
        while len(self._buffer) >= HEADER.size:
            magic, kind, length = HEADER.unpack_from(self._buffer)
            if magic != MAGIC or length > MAX_BODY:
                raise CorruptStreamError(
                    f"a message does not start with {bytes(self._buffer[: HEADER.size])!r}"
                )
            end = HEADER.size + length
            if len(self._buffer) < end:
                return
            body = bytes(memoryview(self._buffer)[HEADER.size : end])
            del self._buffer[:end]
            yield kind, body


class _Connection:
    """The worker's end of the pipe. Sending is safe from several threads."""

    def __init__(self, fileno: int) -> None:
        # A child process of a task must not keep the pipe open after this process is gone.
        os.set_inheritable(fileno, False)
        self._socket = socket.socket(fileno=fileno)
        self._sending = threading.Lock()
        self._reader = FrameReader()

    def send(self, kind: bytes, body: bytes = b"") -> None:
        with self._sending:
            self._socket.sendall(frame(kind, body))

    def receive(self) -> Iterator[tuple[bytes, bytes]]:
        """Messages until the parent's end is closed."""
        while True:
            yield from self._reader.frames()
            data = self._socket.recv(1 << 18)
            if not data:
                return
            self._reader.feed(data)


_NO_MEMORY = b"MemoryError: a task does not fit into the memory limit\n"


class _Mailbox:
    """Tasks that have arrived but not started: filled by the reader thread, emptied by the main thread."""

    def __init__(self, connection: _Connection) -> None:
        self._connection = connection
        self._tasks: deque[tuple[int, bytes]] = deque()
        self._changed = threading.Condition()
        self._closed = False

    def listen(self) -> None:
        """Read the pipe until it ends: after QUIT as requested, without it because the parent is gone."""
        try:
            for kind, body in self._connection.receive():
                with self._changed:
                    if kind == TASK:
                        (sequence,) = SEQUENCE.unpack_from(body)
                        self._tasks.append((sequence, body[SEQUENCE.size :]))
                    elif kind == QUIT:
                        self._closed = True
                    self._changed.notify()
                if kind == QUIT:
                    return
        except (OSError, CorruptStreamError):
            pass
        except MemoryError:
            # A payload does not fit, and a worker that cannot read is useless. A traceback would need memory, too.
            os.write(2, _NO_MEMORY)
            os._exit(1)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        _die_with_children()

    def take(self) -> tuple[int, bytes] | None:
        """Wait for the next task and report its start to the parent; None if there are no more tasks."""
        with self._changed:
            while not self._tasks and not self._closed:
                self._changed.wait()
            if not self._tasks:
                return None
            sequence, payload = self._tasks.popleft()
        self._connection.send(STARTED, STARTED_BODY.pack(sequence, time.monotonic(), _stderr_size()))
        return sequence, payload


def _die_with_children() -> None:
    if os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)


def _stderr_size() -> int:
    """Bytes on standard error, which is a file; truncates it if it has grown long."""
    try:
        size = os.fstat(2).st_size
        if size > STDERR_LIMIT:
            os.ftruncate(2, 0)
            os.lseek(2, 0, os.SEEK_SET)
            return 0
    except OSError:  # a task has closed or replaced it
        return 0
    return size


class _PeakMemory:
    """Peak resident memory of this process since the last reset, if the system can report it.

    Linux: writing 5 to /proc/self/clear_refs resets VmHWM (proc(5)). Elsewhere: ``ru_maxrss``, the peak since
    the start of the process.
    """

    def __init__(self) -> None:
        self._reset = self._status = -1
        with contextlib.suppress(OSError):
            self._reset = os.open("/proc/self/clear_refs", os.O_WRONLY | os.O_CLOEXEC)
            self._status = os.open("/proc/self/status", os.O_RDONLY | os.O_CLOEXEC)

    def reset(self) -> None:
        with contextlib.suppress(OSError):
            if self._status >= 0:
                os.pwrite(self._reset, b"5", 0)

    def read(self) -> int:
        """The peak in bytes; -1 if unknown."""
        try:
            if self._status >= 0:
                _, found, rest = os.pread(self._status, 8192, 0).partition(b"VmHWM:")
                if found:
                    return int(rest.split(None, 1)[0]) * 1024
            import resource

            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            return peak if sys.platform == "darwin" else peak * 1024
        except (ImportError, OSError, ValueError):
            return -1


def _describe(error: BaseException) -> tuple[str, str, str]:
    """Type name, message and traceback of an exception, even if its own methods fail."""
    # A copy of the function in execution/inline.py: this file imports nothing of the package, and the inline
    # executor must work where this package's POSIX modules cannot be imported.
    try:
        message = str(error)
    except Exception:
        message = "(the exception has no readable message)"
    try:
        trace = "".join(traceback.format_exception(error))[-TRACEBACK_LIMIT:]
    except Exception:
        trace = ""
    return type(error).__name__, message, trace


def _run(
    handler: Callable[[object], object], payload: bytes, memory: _PeakMemory
) -> tuple[bytes, float, int, bool]:
    """One task: pickled value, wall seconds, peak bytes, whether the value describes an error."""
    memory.reset()
    started = time.monotonic()
    try:
        task = pickle.loads(payload)
        started = time.monotonic()
        value = handler(task)
        seconds, peak = time.monotonic() - started, memory.read()
        return pickle.dumps(value, pickle.HIGHEST_PROTOCOL), seconds, peak, False
    except (SystemExit, KeyboardInterrupt):
        raise
    except BaseException as error:  # a panic in a Rust extension is not an Exception
        seconds = time.monotonic() - started
        return pickle.dumps(_describe(error)), seconds, memory.read(), True


def _limit_resources(memory_limit: int | None) -> None:
    import resource

    # A core file for each crash would fill the disk during a long run.
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    if memory_limit is not None:
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        limit = memory_limit if hard == resource.RLIM_INFINITY else min(memory_limit, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def _make_handler(name: str, config: bytes) -> Callable[[object], object]:
    module, _, attribute = name.partition(":")
    handler = getattr(importlib.import_module(module), attribute)(pickle.loads(config))
    if not callable(handler):
        raise TypeError(f"{name} returned a {type(handler).__name__}, which is not callable.")
    return handler  # type: ignore[no-any-return]


def _restore_signals() -> None:
    """Let SIGINT and SIGTERM end this process even if its parent ignores them, as under nohup.

    Child processes inherit ignored signals, and deadlines end tasks by SIGTERM.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)


def main() -> int:
    """Run tasks until the parent closes the connection; returns the exit status."""
    _restore_signals()
    connection = _Connection(int(sys.argv[1]))
    kind, body = next(connection.receive())
    if kind != HELLO:
        raise CorruptStreamError(f"the first message is {kind!r}")
    sys.path[:], name, config, memory_limit = pickle.loads(body)
    faulthandler.enable()
    mailbox = _Mailbox(connection)
    threading.Thread(target=mailbox.listen, name="codecstudy-pipe", daemon=True).start()
    try:
        _limit_resources(memory_limit)
        handler = _make_handler(name, config)
    except Exception as error:
        connection.send(BROKEN, _describe(error)[2].encode(errors="replace"))
        return 1
    if hasattr(handler, "on_stage"):
        handler.on_stage = lambda stage: connection.send(STAGE, stage.encode())
    memory = _PeakMemory()
    connection.send(READY, CLOCK.pack(time.monotonic()))
    while (taken := mailbox.take()) is not None:
        sequence, payload = taken
        value, seconds, peak, is_error = _run(handler, payload, memory)
        connection.send(DONE, DONE_BODY.pack(sequence, seconds, peak, is_error) + value)
    return 0


if __name__ == "__main__":
    sys.exit(main())  # noqa: TID251 - this file is a program
