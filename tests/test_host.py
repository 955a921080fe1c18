"""What this machine gives to a run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from codecstudy import host


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no CPU affinity on this system")
def test_affinity_counts_and_not_the_machine() -> None:
    script = "import os; os.sched_setaffinity(0, {0}); from codecstudy import host; print(host.usable_cpus())"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1"


@pytest.mark.parametrize(
    ("quota", "cpus"), [("max 100000", 64), ("150000 100000", 2), ("1000 100000", 1), ("x", 64)]
)
def test_a_cgroups_quota_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quota: str, cpus: int
) -> None:
    (tmp_path / "cpu.max").write_text(quota)
    monkeypatch.setattr(host, "_CGROUP", tmp_path)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(64)), raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    assert host.usable_cpus() == cpus


def test_a_cgroups_memory_limit_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "_CGROUP", tmp_path)
    whole = host.available_memory()
    (tmp_path / "memory.max").write_text("2000000")
    (tmp_path / "memory.current").write_text("500000")
    assert host.available_memory() == 1500000 < whole
    (tmp_path / "memory.max").write_text("max")
    assert host.available_memory() > 1500000


@pytest.mark.parametrize(("line", "below"), [("0::/job/step", ""), ("4:cpu,memory:/job/step", "{}")])
def test_the_limits_of_every_cgroup_that_holds_this_process_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, below: str
) -> None:
    membership = tmp_path / "membership"
    membership.write_text(f"7:pids:/other\n{line}\n")
    monkeypatch.setattr(host, "_CGROUP", tmp_path)
    monkeypatch.setattr(host, "_MEMBERSHIP", membership)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(64)), raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    cpu, memory = tmp_path / below.format("cpu") / "job", tmp_path / below.format("memory") / "job" / "step"
    memory.mkdir(parents=True)
    cpu.mkdir(parents=True, exist_ok=True)
    names = ("limit_in_bytes", "usage_in_bytes") if below else ("max", "current")
    for name, value in zip(names, (3_000_000, 1_000_000), strict=True):
        (memory / f"memory.{name}").write_text(str(value))
    if below:
        (cpu / "cpu.cfs_quota_us").write_text("300000")
        (cpu / "cpu.cfs_period_us").write_text("100000")
    else:
        (cpu / "cpu.max").write_text("300000 100000")
    assert host.usable_cpus() == 3
    assert host.available_memory() == 2_000_000


def test_files_that_were_read_do_not_count_as_memory_in_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host, "_CGROUP", tmp_path)
    (tmp_path / "memory.max").write_text("2000000")
    (tmp_path / "memory.current").write_text("2000000")
    (tmp_path / "memory.stat").write_text("anon 500000\ninactive_file 1200000\nactive_file 300000\n")
    assert host.available_memory() == 1_200_000


def test_the_fingerprint_names_cpu_and_system() -> None:
    assert host.cpu_model() in host.fingerprint()
    assert host.operating_system() in host.fingerprint()
    assert host.cpu_model()
