"""What this machine gives to a run: CPUs, memory, and a name for it."""

from __future__ import annotations

import os
import platform
from functools import cache
from pathlib import Path

import psutil

_CGROUP = Path("/sys/fs/cgroup")


def usable_cpus() -> int:
    """CPUs that this process may use: its affinity and its cgroup's quota, not the machine's count."""
    if hasattr(os, "sched_getaffinity"):
        count = len(os.sched_getaffinity(0))
    else:
        count = os.cpu_count() or 1
    quota = _cgroup_cpu_quota()
    return max(1, min(count, quota) if quota else count)


def available_memory() -> int:
    """Bytes of memory that this process may still use: the machine's, or its cgroup's where that is less."""
    available = int(psutil.virtual_memory().available)
    limit, used = _read_number("memory.max"), _read_number("memory.current")
    if limit is None:
        limit = _read_number("memory/memory.limit_in_bytes")
        used = _read_number("memory/memory.usage_in_bytes")
    if limit is not None and used is not None:
        available = min(available, max(0, limit - used))
    return available


@cache
def cpu_model() -> str:
    """Name of the CPU as the system gives it: ``AMD EPYC 9V74 80-Core Processor``."""
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
    # Virtual machines often hide the model's number; family, model and stepping still tell CPUs apart.
    numbers = [facts[key] for key in ("cpu family", "model", "stepping") if key in facts]
    return f"{name} ({'/'.join(numbers)})" if numbers else name


@cache
def operating_system() -> str:
    """System and machine, without a kernel's build number: ``Linux x86_64``."""
    return f"{platform.system()} {platform.machine()}"


def fingerprint() -> str:
    """Text that is equal on machines whose timings may be compared: CPU model and operating system."""
    return f"{cpu_model()}; {operating_system()}"


def _cgroup_cpu_quota() -> int | None:
    # cgroup v2 writes "max 100000" or "150000 100000"; a part of a CPU still counts as one.
    try:
        quota, period = (_CGROUP / "cpu.max").read_text(encoding="ascii").split()[:2]
        return max(1, -(-int(quota) // int(period)))
    except (OSError, ValueError):
        pass
    limit, period_us = _read_number("cpu/cpu.cfs_quota_us"), _read_number("cpu/cpu.cfs_period_us")
    if limit is None or period_us is None or limit <= 0 or period_us <= 0:
        return None
    return max(1, -(-limit // period_us))


def _read_number(name: str) -> int | None:
    try:
        return int((_CGROUP / name).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
