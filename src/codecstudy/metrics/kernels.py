"""Compilation of metric kernels, once per machine.

Metrics are written in Python and compiled by numba, which keeps its output on disk (:mod:`.cache`). Compiling all
of them takes seconds, so a run does it beforehand, in parallel in fresh processes (:func:`compile_all`); every
process after that loads the machine code in a fraction of a second.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, Any

from codecstudy.errors import CodecstudyError
from codecstudy.metrics.cache import (
    METRICS,
    cache_environment,
    cache_folder,
    cache_note,
    marker,
    remove_stale_folders,
    sources,
    sources_folder,
)

__all__ = [
    "Kernel",
    "KernelError",
    "Progress",
    "cache_environment",
    "cache_folder",
    "cache_note",
    "compile_all",
    "is_compiled",
    "kernel",
    "routine",
    "stage",
]

_POLL_SECONDS = 0.1


class KernelError(CodecstudyError):
    """A metric's kernels could not be compiled."""


# --- decorators ------------------------------------------------------------------------------------------


# No reference counting: numba would keep a count for every array that is passed or stored, which takes an atomic
# operation each time. Kernels allocate nothing, and their caller keeps their arrays alive.
_OPTIONS = {"nogil": True, "error_model": "numpy", "_nrt": False}


def kernel(signature: Any) -> Callable[[Callable[..., Any]], Kernel]:
    """Decorate a function that is called from Python: compiled for the one numba ``signature``.

    No GIL, cached on disk, IEEE arithmetic (never ``fastmath``), and no allocation of arrays inside.
    """
    return lambda function: Kernel(function, signature)


def stage(function: Callable[..., Any]) -> Any:
    """Decorate a function that only kernels call; it is inlined and therefore not cached by itself."""
    return _jit(function, forceinline=True)


def routine(function: Callable[..., Any]) -> Any:
    """Decorate a function that kernels call for a row of pixels or more; it is compiled once instead of inlined.

    It is not cached by itself either, but with each kernel that calls it.
    """
    return _jit(function)


def _jit(function: Callable[..., Any], *signature: Any, **options: Any) -> Any:
    import numba

    njit: Any = numba.njit  # its annotations lack some options
    return njit(*signature, **_OPTIONS, **options)(function)


class Kernel:
    """A function with one signature, compiled or loaded from the cache when it is first called."""

    def __init__(self, function: Callable[..., Any], signature: Any) -> None:
        self._function = function
        self._signature = signature
        self.__doc__ = function.__doc__
        self.__name__ = function.__name__

    def __call__(self, *args: Any) -> Any:
        return self._compiled(*args)

    def compile(self) -> None:
        """Compile now, or load from the cache."""
        _ = self._compiled

    @cached_property
    def _compiled(self) -> Any:
        from numba.core.errors import NumbaError

        module = self._function.__module__.removeprefix(f"{__package__}.")
        folder = sources_folder(module.split(".")[0])
        with _settings_lock, _numba_settings(CACHE_DIR=str(folder), CACHE_LOCATOR_CLASSES=_LOCATOR):
            try:
                return self._load_or_compile()
            except NumbaError:  # of the source, not of the cache
                raise
            except Exception:
                # Most likely a file of the cache was truncated or damaged: unpickling raises almost anything.
                # Of all processes that notice it, one compiles, and the others load the result.
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                with _lock(folder / "repairing.lock"):
                    try:
                        return self._load_or_compile()
                    except Exception:
                        self._remove_cached(folder)
                        return self._load_or_compile()

    def _load_or_compile(self) -> Any:
        return _jit(self._function, self._signature, cache=True)

    def _remove_cached(self, folder: Path) -> None:
        """Remove this kernel's index and machine code; files that another process is writing are kept."""
        name = self._function.__qualname__.replace("<", "").replace(">", "")  # as numba spells it
        for suffix in (".nbi", ".nbc"):
            for file in folder.glob(f"*/*.{name}-*{suffix}"):
                file.unlink(missing_ok=True)


_settings_lock = threading.Lock()
_LOCATOR = "UserProvidedCacheLocator"
"""numba keeps its files in ``CACHE_DIR`` or fails; by default it would try other folders, which have not been
checked."""


@contextmanager
def _numba_settings(**values: str) -> Iterator[None]:
    """Set numba's global settings, which also affect the user's own functions, temporarily."""
    import numba

    settings: Any = numba.config
    users = {name: getattr(settings, name) for name in values}
    try:
        for name, value in values.items():
            setattr(settings, name, value)
        yield
    finally:
        for name, value in users.items():
            setattr(settings, name, value)


# --- compiling -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Progress:
    """Progress of compilation."""

    metric: str | None
    """The metric that has just been compiled; None for a periodic update."""
    done: int
    """Number of compiled metrics."""
    total: int
    """Number of requested metrics."""
    elapsed: float
    """Seconds since the start."""


def is_compiled(metrics: Iterable[str]) -> bool:
    """Whether the kernels of all ``metrics`` are on disk already; imports neither them nor numba."""
    return all(marker(metric).exists() for metric in metrics)


def compile_all(
    metrics: Iterable[str],
    on_progress: Callable[[Progress], None] | None = None,
    processes: int | None = None,
) -> None:
    """Compile the kernels of ``metrics`` that are not on disk yet, in parallel, each in a fresh process.

    Concurrent callers, in this process or another, wait for the one that compiles.

    Args:
        metrics: Names of metrics.
        on_progress: Called at once, after each metric and several times a second.
        processes: Number of processes that may run at once; by default, the CPUs that this process may use.

    Raises:
        KernelError: A process failed; the message contains its output.
    """
    from codecstudy import host  # imports psutil, which is not needed to load kernels

    wanted = list(dict.fromkeys(metrics))
    started = time.monotonic()

    def report(metric: str | None = None) -> None:
        if on_progress is not None:
            done = sum(marker(name).exists() for name in wanted)
            on_progress(Progress(metric, done, len(wanted), time.monotonic() - started))

    report()
    with _lock(cache_folder() / "compiling.lock", while_waiting=report):
        missing = [name for name in wanted if not marker(name).exists()]
        remove_stale_folders(missing)
        _compile_side_by_side(missing, processes or host.usable_cpus(), report)


@contextmanager
def _lock(path: Path, while_waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Hold the lock on file ``path``; the system releases it if this process dies."""
    import fcntl  # not available on Windows

    with path.open("w") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                while_waiting()
                time.sleep(_POLL_SECONDS)
        yield


def _compile_side_by_side(metrics: list[str], processes: int, report: Callable[[str | None], None]) -> None:
    # The metric with the most source code takes longest, so it is started first.
    waiting = sorted(metrics, key=lambda metric: sum(file.stat().st_size for file in sources(metric)))
    running: dict[str, tuple[subprocess.Popen[bytes], IO[bytes]]] = {}
    try:
        while waiting or running:
            while waiting and len(running) < processes:
                metric = waiting.pop()
                running[metric] = _start_compiling(metric)
            time.sleep(_POLL_SECONDS)
            report(None)
            for metric, (process, output) in list(running.items()):
                if process.poll() is not None:
                    del running[metric]
                    _finish_compiling(metric, process.returncode, output)
                    report(metric)
    finally:
        for process, output in running.values():
            process.kill()
            process.wait()
            output.close()


def _start_compiling(metric: str) -> tuple[subprocess.Popen[bytes], IO[bytes]]:
    """A fresh interpreter that uses this package and never imports the caller's main module."""
    output = tempfile.TemporaryFile()  # noqa: SIM115 - closed by _finish_compiling or _compile_side_by_side
    paths = [str(METRICS.parent.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", f"from codecstudy import metrics; metrics.get({metric!r}).compile()"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), **cache_environment()},
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
    )
    return process, output


def _finish_compiling(metric: str, returncode: int, output: IO[bytes]) -> None:
    with output:
        output.seek(0)
        text = output.read().decode(errors="replace").strip()
    if returncode != 0:
        reason = f"was killed by signal {-returncode}" if returncode < 0 else f"ended with {returncode}"
        raise KernelError(
            f"compiling the kernels of metric {metric} {reason}; its output:\n{text or '(none)'}\n"
            f"Remove {cache_folder()} and try again; if that does not help, please report it."
        )
    marker(metric).parent.mkdir(parents=True, exist_ok=True)
    marker(metric).touch()
