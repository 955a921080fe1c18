"""Where the machine code of metric kernels is kept, and which folders are trusted to keep it.

numba's cache is a set of pickles: anyone who can write to its folder can execute code in every process that reads
it. So a folder is used only if these rules are met; no other folder is read, and none is created inside one that
fails:

- The folder belongs to this process's effective user (root's are trusted, but cannot be written to). Neither its
  group nor others can write to it.
- Every folder on the path to it, from the root, belongs to this user, to root or to the owner of ``/`` (who
  controls the interpreter anyway; in a user namespace root's folders have another owner). Neither its group nor
  others can write to it, unless it is sticky, like ``/tmp``, where nobody can replace files of another user.
  Symbolic links are followed: the folders on both sides are checked, and each link's owner.
- Everything in the folder belongs to this user or to root, and is not a symbolic link.

Folders are created with mode 0700, and a trusted folder is set to that mode, so nobody else can access the files
in it, regardless of the umask. Therefore root running with another user's HOME does not use that user's cache. The
candidates, in this order:

1. the folder named by the environment variable ``CODECSTUDY_KERNEL_CACHE``: a run passes its choice to its workers
   and to the processes that compile for it, because their HOME or TMPDIR may differ;
2. ``__pycache__/kernels`` in this package, which is removed along with the package;
3. the user's cache folder;
4. ``codecstudy-kernels-<uid>`` among the temporary files, which later runs find again;
5. a new temporary folder, removed when the process that created it exits.

A candidate that fails is skipped, and :func:`cache_note` says why.

numba itself detects another CPU, another numba version and a changed file, but not that *other* files of a kernel
have changed. Therefore each metric has one subfolder for each state of its sources.
"""

from __future__ import annotations

import atexit
import errno
import hashlib
import itertools
import os
import platform
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.metadata import version
from itertools import chain
from pathlib import Path

import platformdirs

from codecstudy.errors import CodecstudyError

METRICS = Path(__file__).parent
FOLDER_VARIABLE = "CODECSTUDY_KERNEL_CACHE"
"""Environment variable that names the folder to try first."""
_SHARED = ("kernels", "srgb", "vector", "window")
"""Modules that the kernels of several metrics use."""
_STALE_SECONDS = 24 * 3600
_MAX_LINKS = 40
"""Largest number of symbolic links in one path, as in Linux (path_resolution(7))."""


class _UntrustedError(Exception):
    """Another user may have put code into a folder; the message says how."""


def cache_folder() -> Path:
    """The folder of the compiled kernels on this machine.

    Raises:
        CodecstudyError: No folder can be trusted.
    """
    return _cache()[0]


def cache_note() -> str | None:
    """Why the kernels are not kept in a permanent place, as a sentence for the user, or None."""
    return _cache()[1]


def cache_environment() -> dict[str, str]:
    """Environment variables that make another process use this process's folder."""
    return {FOLDER_VARIABLE: str(cache_folder())}


@cache
def _cache() -> tuple[Path, str | None]:
    """The first candidate that is trusted and can be written to, and the note."""
    # Absolute, because other processes are given this path.
    named = [Path.cwd() / name for name in [os.environ.get(FOLDER_VARIABLE)] if name]
    lasting = [
        *named,
        METRICS / "__pycache__" / "kernels",
        Path.cwd() / platformdirs.user_cache_dir("codecstudy", appauthor=False) / "kernels",
    ]
    passed_over: list[str] = []
    worth_a_note = False
    for folder in chain(lasting, _temporary_folder()):
        try:
            _open(folder)
        except _UntrustedError as error:
            passed_over.append(f"{folder} is not trusted, because {error}")
            worth_a_note = True
        except OSError as error:
            passed_over.append(f"{folder} cannot be written to ({error.strerror or error})")
            worth_a_note |= folder in named
        else:
            break
    else:
        folder = _new_temporary_folder(passed_over)
    if folder not in lasting:
        note = f"compiled metric kernels are kept in {folder} and may have to be compiled again later"
    elif worth_a_note:
        note = f"compiled metric kernels are kept in {folder}"
    else:
        return folder, None
    return folder, f"{note}: {'; '.join(passed_over)}"


def _temporary_folder() -> Iterator[Path]:
    """The one that later runs find again; a generator, because ``gettempdir`` fails if there is none."""
    yield Path(tempfile.gettempdir()) / f"codecstudy-kernels-{os.geteuid()}"


def _new_temporary_folder(passed_over: list[str]) -> Path:
    """A private folder for this process and its child processes."""
    folder = Path(tempfile.mkdtemp(prefix="codecstudy-kernels-"))
    maker = os.getpid()

    def remove() -> None:
        if os.getpid() == maker:  # forked processes have this function as well
            shutil.rmtree(folder, ignore_errors=True)

    atexit.register(remove)
    try:
        _open(folder)
    except _UntrustedError as error:
        reasons = "; ".join([*passed_over, f"{folder} is not trusted, because {error}"])
        raise CodecstudyError(
            f"There is no safe place for compiled metric kernels: {reasons}. Set {FOLDER_VARIABLE} to a folder "
            "that neither it nor any folder above it lets other users write to."
        ) from None
    return folder


def _open(folder: Path) -> None:
    """Create ``folder`` if it is missing, and make sure that it is trusted and can be written to.

    Raises:
        _UntrustedError: Somebody else may have written, or may yet write, to it.
        OSError: This user cannot write to it.
    """
    user, root = os.geteuid(), Path("/").stat().st_uid
    for step in _way_to(folder):
        try:
            facts = step.lstat()
        except FileNotFoundError:
            step.mkdir(mode=0o700, exist_ok=True)
            facts = step.lstat()
        _trust(step, distrust(facts.st_mode, facts.st_uid, {user, 0, root}, parent=True))
    facts = folder.stat()
    _trust(folder, distrust(facts.st_mode, facts.st_uid, {user, 0}))
    if facts.st_uid != user:  # root's, from a run of the same installation
        raise _no_permission(folder)
    closed = not facts.st_mode & 0o077
    for entry in _contents(folder):
        try:
            facts = entry.lstat()
        except FileNotFoundError:  # another process has replaced or removed it
            continue
        if stat.S_ISLNK(facts.st_mode):
            raise _UntrustedError(f"{entry} is a symbolic link")
        # If the folder is closed to others, the permissions of the files in it do not matter.
        mode = facts.st_mode & ~0o022 if closed else facts.st_mode
        _trust(entry, distrust(mode, facts.st_uid, {user, 0}))
        if stat.S_ISDIR(facts.st_mode) and not os.access(entry, os.W_OK | os.X_OK):
            raise _no_permission(entry)
    if not closed:
        folder.chmod(0o700)
    with tempfile.TemporaryFile(dir=folder):
        pass


def _no_permission(path: Path) -> OSError:
    return PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))


def _way_to(path: Path) -> Iterator[Path]:
    """Every folder and symbolic link that the system resolves to reach ``path``, from the root, and its end.

    A step is yielded before it is examined, so the caller may create it.
    """
    here = Path("/")
    yield here
    left = list(reversed((Path.cwd() / path).parts[1:]))
    links = 0
    while left:
        part = left.pop()
        if part == "..":
            here = here.parent
            continue
        step = here / part
        yield step
        if not step.is_symlink():
            here = step
            continue
        links += 1
        if links > _MAX_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
        target = step.readlink()
        if target.is_absolute():
            here = Path("/")
        left += reversed([part for part in target.parts if part != target.anchor])


def _contents(folder: Path) -> Iterator[Path]:
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            yield Path(parent, name)


def distrust(mode: int, owner: int, trusted: set[int], *, parent: bool = False) -> str | None:
    """Why a file with this mode and owner may be another user's work, or None.

    Args:
        mode: As returned by ``os.lstat``.
        owner: User id.
        trusted: User ids of possible owners.
        parent: Whether it is a folder above the cache's, which may be sticky.

    Returns:
        A phrase that follows the name of the file or folder.
    """
    if owner not in trusted:
        return f"belongs to another user (uid {owner})"
    if stat.S_ISLNK(mode):  # its permissions mean nothing
        return None
    if mode & (stat.S_IWGRP | stat.S_IWOTH) and not (parent and mode & stat.S_ISVTX):
        return f"can be written to by other users (mode {stat.S_IMODE(mode):04o})"
    return None


def _trust(path: Path, reason: str | None) -> None:
    if reason is not None:
        raise _UntrustedError(f"{path} {reason}")


def sources(module: str) -> list[Path]:
    """The source files of a metric, or of a module that metrics share; for a plugin, those of its whole package."""
    own = METRICS / f"{module}.py"
    if own.exists() or (METRICS / module).is_dir():
        return [own] if own.exists() else sorted((METRICS / module).glob("*.py"))
    file = getattr(sys.modules.get(module), "__file__", None)
    if file is None:
        return []
    return sorted(Path(file).parent.rglob("*.py")) if Path(file).name == "__init__.py" else [Path(file)]


@cache
def sources_folder(metric: str) -> Path:
    """Folder of the kernels of ``metric`` (or of a shared module): one per state of their sources."""
    digest = hashlib.sha256()
    for file in itertools.chain.from_iterable(map(sources, (*_SHARED, metric))):
        digest.update(file.read_bytes())
    return cache_folder() / f"{metric}-{digest.hexdigest()[:16]}"


@cache
def _platform() -> str:
    """Everything besides the sources that machine code depends on."""
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
    """The file whose existence means that all of ``metric`` is compiled for this kind of machine."""
    return sources_folder(metric) / f"{_platform()}.compiled"


def remove_stale_folders(metrics: Iterable[str]) -> None:
    """Remove machine code of earlier states of the sources, unless another installation may be using it."""
    if not cache_folder().is_relative_to(METRICS):
        return
    for metric in metrics:
        for folder in cache_folder().glob(f"{metric}-*"):
            if folder != sources_folder(metric) and time.time() - folder.stat().st_mtime > _STALE_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)
