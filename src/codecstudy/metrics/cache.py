"""Where the machine code of metric kernels is kept.

numba itself recognises another CPU, another numba and a changed file; that a kernel's *other* files have
changed it does not see. Hence one folder per metric and state of its sources.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import platform
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import Iterable
from functools import cache
from importlib.metadata import version
from pathlib import Path

import platformdirs

METRICS = Path(__file__).parent
_SHARED = ("kernels", "srgb", "vector")
"""Modules that the kernels of several metrics use."""
_STALE_SECONDS = 24 * 3600


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
        METRICS / "__pycache__" / "kernels",
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


def sources(module: str) -> list[Path]:
    """The source files of a metric, or of a module that metrics share; of a plugin those of its whole package."""
    own = METRICS / f"{module}.py"
    if own.exists() or (METRICS / module).is_dir():
        return [own] if own.exists() else sorted((METRICS / module).glob("*.py"))
    file = getattr(sys.modules.get(module), "__file__", None)
    if file is None:
        return []
    return sorted(Path(file).parent.rglob("*.py")) if Path(file).name == "__init__.py" else [Path(file)]


@cache
def sources_folder(metric: str) -> Path:
    """Where the kernels of ``metric`` (or of a shared module) are: one folder per state of their sources."""
    digest = hashlib.sha256()
    for file in itertools.chain.from_iterable(map(sources, (*_SHARED, metric))):
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


def marker(metric: str) -> Path:
    """The file that says: everything of ``metric`` is compiled for this kind of machine."""
    return sources_folder(metric) / f"{_platform()}.compiled"


def remove_stale_folders(metrics: Iterable[str]) -> None:
    """Remove machine code of earlier states of the sources, where no other installation can be using it."""
    if not cache_folder().is_relative_to(METRICS):
        return
    for metric in metrics:
        for folder in cache_folder().glob(f"{metric}-*"):
            if folder != sources_folder(metric) and time.time() - folder.stat().st_mtime > _STALE_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)
