"""How metric kernels are compiled, once per machine, and where the machine code is kept.

Metrics are written in Python and compiled by numba, which keeps what it compiled on disk. Compiling all of
them takes seconds, so a run does it beforehand, in fresh processes side by side (:func:`compile_all`), and
every process after that loads the machine code in a fraction of a second. numba itself recognises another
CPU, another numba and a changed file; that a kernel's *other* files have changed it does not see, hence one
folder per metric and state of its sources.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.metadata import version
from pathlib import Path
from typing import IO, Any

import platformdirs

from codecstudy.errors import CodecstudyError

_METRICS = Path(__file__).parent
_SHARED = ("kernels", "srgb", "vector")
"""Modules that the kernels of several metrics use."""
_POLL_SECONDS = 0.1
_STALE_SECONDS = 24 * 3600


class KernelError(CodecstudyError):
    """A metric's kernels could not be compiled."""


# --- decorators ------------------------------------------------------------------------------------------


# No reference counts: numba keeps one for every array that is passed or stored, at the price of an atomic
# operation each time. Kernels allocate nothing, and their caller keeps their arrays alive.
_OPTIONS = {"nogil": True, "error_model": "numpy", "_nrt": False}


def kernel(signature: Any) -> Callable[[Callable[..., Any]], Kernel]:
    """Decorate a function that is called from Python: compiled for the one numba ``signature``.

    No GIL, cached on disk, IEEE arithmetic (never ``fastmath``), and no allocation of arrays inside.
    """
    return lambda function: Kernel(function, signature)


def stage(function: Callable[..., Any]) -> Any:
    """Decorate a function that only kernels call: inlined in them, so not cached by itself."""
    return _jit(function, forceinline=True)


def routine(function: Callable[..., Any]) -> Any:
    """Decorate a function that kernels call for a row of pixels or more: not inlined, so compiled only once.

    Not cached by itself either: it is kept with each kernel that calls it.
    """
    return _jit(function)


def _jit(function: Callable[..., Any], *signature: Any, **options: Any) -> Any:
    import numba

    njit: Any = numba.njit  # its annotations do not know all options
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
        import numba

        module = self._function.__module__.removeprefix(f"{__package__}.")
        folder = _sources_folder(module.split(".")[0])
        # numba reads the folder from its global settings, which belong to the user's own functions.
        settings: Any = numba.config
        with _settings_lock:
            users = settings.CACHE_DIR
            settings.CACHE_DIR = str(folder)
            try:
                return _jit(self._function, self._signature, cache=True)
            finally:
                settings.CACHE_DIR = users


_settings_lock = threading.Lock()


# --- where the machine code is ---------------------------------------------------------------------------


def cache_folder() -> Path:
    """The folder that holds the compiled kernels on this machine."""
    return _cache()[0]


def cache_note() -> str | None:
    """A plain sentence for the user where the kernels can only be kept in a temporary folder, else None."""
    return _cache()[1]


@cache
def _cache() -> tuple[Path, str | None]:
    """The first folder that can be written to, and the note.

    The package's own folder comes first: it goes when the package goes.
    """
    wanted = (
        _METRICS / "__pycache__" / "kernels",
        Path(platformdirs.user_cache_dir("codecstudy", appauthor=False)) / "kernels",
    )
    for folder in wanted:
        if _can_write(folder):
            return folder, None
    folder = Path(tempfile.gettempdir()) / f"codecstudy-kernels-{os.getuid()}"
    if not (_can_write(folder) and _is_private(folder)):
        folder = Path(tempfile.mkdtemp(prefix="codecstudy-kernels-"))
    return folder, (
        f"compiled metric kernels are kept in {folder} and may have to be compiled again later: "
        f"neither {wanted[0]} nor {wanted[1]} can be written to"
    )


def _can_write(folder: Path) -> bool:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _is_private(folder: Path) -> bool:
    """Whether nobody else could have put machine code into ``folder``, which others know the name of."""
    facts = folder.lstat()
    return stat.S_ISDIR(facts.st_mode) and facts.st_uid == os.getuid() and not facts.st_mode & 0o022


@cache
def _sources_folder(metric: str) -> Path:
    """Where the kernels of ``metric`` (or of a shared module) are: one folder per state of their sources."""
    files: list[Path] = []
    for module in (*_SHARED, metric):
        files += [_METRICS / f"{module}.py", *sorted((_METRICS / module).glob("*.py"))]
    digest = hashlib.sha256()
    for file in filter(Path.exists, files):
        digest.update(file.read_bytes())
    return cache_folder() / f"{metric}-{digest.hexdigest()[:16]}"


@cache
def _platform() -> str:
    """What machine code depends on, beside its sources."""
    from llvmlite import binding

    facts = (
        sys.implementation.cache_tag,
        platform.machine(),
        version("numba"),
        version("llvmlite"),
        binding.get_host_cpu_name(),
        binding.get_host_cpu_features().flatten(),
    )
    return hashlib.sha256("\n".join(map(str, facts)).encode()).hexdigest()[:16]


def _marker(metric: str) -> Path:
    """The file that says: everything of ``metric`` is compiled for this kind of machine."""
    return _sources_folder(metric) / f"{_platform()}.compiled"


# --- compiling -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Progress:
    """How far compilation is."""

    metric: str | None
    """The metric that has just been compiled; None where time has passed and nothing else."""
    done: int
    """Metrics that are compiled."""
    total: int
    """Metrics that were asked for."""
    elapsed: float
    """Seconds since the call."""


def is_compiled(metrics: Iterable[str]) -> bool:
    """Whether the kernels of all ``metrics`` are on disk already; imports neither them nor numba."""
    return all(_marker(metric).exists() for metric in metrics)


def compile_all(
    metrics: Iterable[str],
    on_progress: Callable[[Progress], None] | None = None,
    processes: int | None = None,
) -> None:
    """Compile the kernels of ``metrics`` that are not on disk yet, side by side, each in a fresh process.

    Concurrent callers, in this process or another, wait for the one that compiles. ``on_progress`` is called
    at once, after each metric and several times a second. ``processes`` is the number that may run at once,
    as many as the CPUs that this process may use by default. Raises :class:`KernelError` with the output of
    the process that failed.
    """
    wanted = list(dict.fromkeys(metrics))
    started = time.monotonic()

    def report(metric: str | None = None) -> None:
        if on_progress is not None:
            done = sum(_marker(name).exists() for name in wanted)
            on_progress(Progress(metric, done, len(wanted), time.monotonic() - started))

    report()
    with _lock(cache_folder() / "compiling.lock", while_waiting=report):
        missing = [name for name in wanted if not _marker(name).exists()]
        _remove_stale_folders(missing)
        _compile_side_by_side(missing, processes or _usable_cpus(), report)


def _usable_cpus() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def _lock(path: Path, while_waiting: Callable[[], None]) -> Iterator[None]:
    """Hold the lock on file ``path``; the system releases it should this process die."""
    import fcntl  # not on Windows, which nothing else here needs to know

    with path.open("w") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                while_waiting()
                time.sleep(_POLL_SECONDS)
        yield


def _remove_stale_folders(metrics: Iterable[str]) -> None:
    """Remove machine code of earlier states of the sources, where no other installation can be using it."""
    if not cache_folder().is_relative_to(_METRICS):
        return
    for metric in metrics:
        for folder in cache_folder().glob(f"{metric}-*"):
            if folder != _sources_folder(metric) and time.time() - folder.stat().st_mtime > _STALE_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)


def _compile_side_by_side(metrics: list[str], processes: int, report: Callable[[str | None], None]) -> None:
    # The last metric in the order of columns is the largest: begin with it.
    waiting = list(metrics)
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
    """A fresh interpreter that finds this very package and never imports the caller's main module."""
    output = tempfile.TemporaryFile()  # noqa: SIM115 - closed by _finish_compiling or _compile_side_by_side
    paths = [str(_METRICS.parent.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", f"from codecstudy import metrics; metrics.get({metric!r}).compile()"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
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
            f"Leave the metric out of the study, or remove {cache_folder()} and try again."
        )
    _marker(metric).parent.mkdir(parents=True, exist_ok=True)
    _marker(metric).touch()
