"""What this machine offers to a run: CPUs, memory, and a name for it."""

from __future__ import annotations

import os
import platform
import shutil
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import psutil

_MEMORY_SHARE = 0.8
"""Fraction of the available memory that a run, or a command that decodes files, may use if no limit is given."""

_SMALLEST_LIMIT = 1 << 30
"""Bytes. With less, a worker cannot even load its libraries and kernels (about 0.35 GB) and do its work."""

SMALLEST_WORKER = 384 << 20
"""Bytes that a worker may need just to start: 0.31 GB with all built-in encoders and metrics. With less, a library
may fail to load, or try to allocate in an endless loop."""

SCRATCH = "CODECSTUDY_SCRATCH"
"""Environment variable of a worker: folder for the files of programs that it runs, in memory if possible. The
worker creates it when it needs it, and its executor removes it."""

_CGROUP = Path("/sys/fs/cgroup")
_MEMBERSHIP = Path("/proc/self/cgroup")


def usable_cpus() -> int:
    """CPUs that this process may use: its affinity and its cgroup's quota, not the machine's count."""
    if hasattr(os, "sched_getaffinity"):
        count = len(os.sched_getaffinity(0))
    else:
        count = os.cpu_count() or 1
    quota = _cgroup_cpu_quota()
    return max(1, min(count, quota) if quota else count)


def available_memory() -> int:
    """Bytes of memory that this process may still use: the machine's, or its cgroup's if that is less."""
    available = int(psutil.virtual_memory().available)
    for group in _cgroups("memory"):
        for limit_name, used_name, cache_name in _MEMORY_NAMES:
            limit, used = _read_number(group / limit_name), _read_number(group / used_name)
            if limit is not None and used is not None:
                # The page cache counts as used until the memory is needed.
                left = limit - used + (_read_field(group / "memory.stat", cache_name) or 0)
                available = min(available, max(0, left))
    return available


def oom_kills() -> int:
    """Number of processes of this process's cgroup that the kernel has killed when memory ran out; 0 if unknown."""
    # The innermost cgroup that has the count: v2's memory.events, v1's memory.oom_control.
    for group in reversed(list(_cgroups("memory"))):
        for name in ("memory.events", "memory.oom_control"):
            if (count := _read_field(group / name, "oom_kill")) is not None:
                return count
    return 0


def default_memory() -> int:
    """Bytes of memory that a run may use if no limit is given: 80 % of what is available."""
    return max(1, int(_MEMORY_SHARE * available_memory()))


def worker_limit(memory: int) -> int:
    """The hard limit in bytes of one worker process if the user has not given one.

    It is all of the run's memory, not a share of it: a large image may need that much, and the scheduler then runs
    it alone. So the workers of a run exceed its memory together only if several of them need far more than
    estimated at the same moment; a single worker never does.
    """
    return max(memory, _SMALLEST_LIMIT)


def memory_left() -> int | None:
    """Bytes that this process may still allocate under its own limit (RLIMIT_DATA).

    None if it has no such limit, or if the system does not report how much is in use.
    """
    try:
        import resource
    except ImportError:  # Windows
        return None

    limit, _ = resource.getrlimit(resource.RLIMIT_DATA)
    used = _read_field(Path("/proc/self/status"), "VmData:")  # in KiB
    if limit == resource.RLIM_INFINITY or used is None:
        return None
    return max(0, limit - 1024 * used)


def disk_free(path: Path) -> int | None:
    """Bytes that this user may still write at ``path``, which need not exist; None if unknown."""
    while not path.exists() and path != path.parent:
        path = path.parent
    try:
        return shutil.disk_usage(path).free
    except OSError:
        return None


@cache
def memory_folder() -> Path | None:
    """Folder for temporary files in memory, which this user can write to; None if there is none."""
    shared = Path("/dev/shm")
    usable = shared.is_dir() and os.access(shared, os.W_OK | os.X_OK) and _file_system(shared) == "tmpfs"
    return shared if usable else None


def limits(workspace: Path) -> list[tuple[str, str]]:
    """The limits that apply to a run in ``workspace``, by name, for display."""
    shown = [(name, _gib(limit)) for name, limit in _memory_limits()]
    try:
        import resource
    except ImportError:  # Windows
        pass
    else:
        for name, text in (("RLIMIT_AS", "address space"), ("RLIMIT_DATA", "data")):
            limit, _ = resource.getrlimit(getattr(resource, name))
            shown.append(
                (f"{text} ({name})", "unlimited" if limit == resource.RLIM_INFINITY else _gib(limit))
            )
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        shown.append(("open files (RLIMIT_NOFILE)", f"{soft:,}, at most {hard:,}"))
    temporary = Path(tempfile.gettempdir())
    for name, path in (("disk of the workspace", workspace.absolute()), ("temporary files", temporary)):
        free = disk_free(path)
        kind = _file_system(path)
        in_memory = ", in memory: what is written there counts as used memory" if kind == "tmpfs" else ""
        shown.append((name, f"{path}: {'?' if free is None else _gib(free)} free ({kind or '?'}{in_memory})"))
    return shown


def _gib(size: int) -> str:
    return f"{size / 2**30:.1f} GiB"


def _memory_limits() -> list[tuple[str, int]]:
    """The memory limits of the cgroups of this process, outermost first."""
    found = []
    for group in dict.fromkeys(_cgroups("memory")):
        for version, (limit_name, _, _) in zip(("v2", "v1"), _MEMORY_NAMES, strict=True):
            limit = _read_number(group / limit_name)
            # In v1, "no limit" is a number near 2**63.
            if limit is not None and limit < 1 << 60:
                found.append((f"memory of cgroup {version} {group}", limit))
    return found


def _file_system(path: Path) -> str | None:
    """Kind of the file system at ``path``, such as ``ext4`` or ``tmpfs``; None if unknown."""
    while not path.exists() and path != path.parent:
        path = path.parent
    path = path.resolve()
    kinds = {Path(part.mountpoint): part.fstype for part in psutil.disk_partitions(all=True)}
    return next((kinds[folder] for folder in (path, *path.parents) if folder in kinds), None)


@cache
def cpu_model() -> str:
    """Name of the CPU as the system reports it: ``AMD EPYC 9V74 80-Core Processor``."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    facts: dict[str, str] = {}
    for line in lines:
        key, colon, value = line.partition(":")
        if colon:
            facts.setdefault(key.strip(), value.strip())
    name = facts.get("model name") or facts.get("Model") or platform.processor() or platform.machine()
    # Virtual machines often hide the model's number; family, model and stepping still distinguish CPUs.
    numbers = [facts[key] for key in ("cpu family", "model", "stepping") if key in facts]
    return f"{name} ({'/'.join(numbers)})" if numbers else name


@cache
def operating_system() -> str:
    """System and machine, without the kernel's build number: ``Linux x86_64``."""
    return f"{platform.system()} {platform.machine()}"


def fingerprint() -> str:
    """Text that is equal on machines with comparable timings: CPU model and operating system."""
    return f"{cpu_model()}; {operating_system()}"


_MEMORY_NAMES = (
    ("memory.max", "memory.current", "inactive_file"),
    ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
)
"""Limit, usage, and the part of the usage that is page cache: in cgroup v2 and in v1."""


def _cgroups(controller: str) -> Iterator[Path]:
    """Folders of the cgroups that limit this process: the outermost one, then those inside it down to its own."""
    yield _CGROUP
    yield _CGROUP / controller
    try:
        lines = _MEMBERSHIP.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return
    for line in lines:
        # "0::/system.slice/job" in v2, "4:memory:/system.slice/job" in v1. Without a namespace of its own, a
        # container sees a path that exists only on its host; then the outermost folder is its own.
        _, controllers, path = line.split(":", 2)
        if not controllers or controller in controllers.split(","):
            folder = _CGROUP / controller if controllers else _CGROUP
            for part in Path(path).parts[1:]:
                folder /= part
                yield folder


def _cgroup_cpu_quota() -> int | None:
    quotas = [quota for group in _cgroups("cpu") if (quota := _cpu_quota(group)) is not None]
    return min(quotas, default=None)


def _cpu_quota(group: Path) -> int | None:
    # cgroup v2 writes "max 100000" or "150000 100000"; a fraction of a CPU counts as one.
    try:
        quota, period = (group / "cpu.max").read_text(encoding="ascii").split()[:2]
        return max(1, -(-int(quota) // int(period)))
    except (OSError, ValueError):
        pass
    limit, period_us = _read_number(group / "cpu.cfs_quota_us"), _read_number(group / "cpu.cfs_period_us")
    if limit is None or period_us is None or limit <= 0 or period_us <= 0:
        return None
    return max(1, -(-limit // period_us))


def _read_number(path: Path) -> int | None:
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def _read_field(path: Path, name: str) -> int | None:
    """The number in the line ``name number`` of a file; None if there is none."""
    try:
        lines = path.read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) for line in lines if line.split()[:1] == [name])
    except (OSError, ValueError, IndexError, StopIteration):
        return None
