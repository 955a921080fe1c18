"""The local executor's memory limit, and kills for lack of memory."""

from __future__ import annotations

import ctypes.util
import signal
from pathlib import Path

import pytest

from codecstudy import host
from codecstudy.execution import HandlerError
from support.executors import LINUX, death, local, value


@LINUX
def test_a_task_over_the_memory_limit_fails_and_the_worker_lives() -> None:
    with local(memory_limit=256 << 20) as executor:
        error = value(executor, ("allocate", 1 << 30))
        assert isinstance(error, HandlerError)
        assert error.kind == "MemoryError"
        assert value(executor, ("allocate", 1 << 20)) == 1 << 20


@LINUX
@pytest.mark.skipif(ctypes.util.find_library("stdc++") is None, reason="no C++ library")
def test_a_library_that_dies_for_want_of_memory_is_told_from_a_crash() -> None:
    with local(memory_limit=256 << 20) as executor:
        died = death(executor, ("allocate_in_cpp", 1 << 32))
    assert (died.reason, died.signal_name) == ("memory", "SIGABRT")
    assert "bad_alloc" in died.detail


@LINUX
def test_a_payload_that_does_not_fit_ends_the_worker() -> None:
    with local(memory_limit=64 << 20) as executor:
        died = death(executor, bytes(80 << 20))
    assert (died.reason, died.running, died.queued) == ("memory", None, ("only",))


def test_a_kill_is_for_memory_if_the_cgroup_counted_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counter = tmp_path / "memory.events"
    counter.write_text("low 0\nhigh 0\nmax 812\noom 2\noom_kill 2\n")
    monkeypatch.setattr(host, "_CGROUP", tmp_path)
    monkeypatch.setattr(host, "_MEMBERSHIP", tmp_path / "absent")
    with local() as executor:
        for counted, reason in (("3", "memory"), ("3", "crash"), ("4", "memory")):
            counter.write_text(f"oom_kill {counted}\noom_group_kill 0\n")
            assert death(executor, ("kill", signal.SIGKILL)).reason == reason
            executor.replace(0)
