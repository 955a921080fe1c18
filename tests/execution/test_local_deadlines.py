"""Tasks and starts of the local executor that take too long."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from codecstudy.execution import Died, Done
from codecstudy.execution.local import LocalExecutor
from support.executors import PATIENCE, death, events, is_died, lives, local, pid_in, value, wait_until


@pytest.mark.parametrize(
    ("action", "signal_name"),
    [
        ("hang", "SIGTERM"),
        ("hang_with_lock", "SIGTERM"),
        ("hang_ignoring_sigterm", "SIGKILL"),
        ("close_pipe", "SIGTERM"),
    ],
)
def test_a_deadline_ends_the_worker(executor: LocalExecutor, action: str, signal_name: str) -> None:
    assert value(executor, "warm") == "warm"
    executor.submit(0, "hang", (action,), 0.2)
    executor.submit(0, "next", 1, PATIENCE)
    (died,) = events(executor, is_died)
    assert isinstance(died, Died)
    assert (died.running, died.queued, died.reason) == ("hang", ("next",), "timeout")
    assert (died.signal_name, died.exit_code) == (signal_name, None)
    assert "deadline of 0.2 s" in died.detail
    executor.replace(0)
    assert value(executor, "again") == "again"


def test_a_worker_can_be_terminated_where_its_parent_ignores_that() -> None:
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        with local() as executor:
            assert value(executor, "warm") == "warm"
            assert death(executor, ("hang",), 0.2).signal_name == "SIGTERM"
    finally:
        signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize("own_session", [False, True])
def test_a_deadline_ends_the_whole_process_tree(
    executor: LocalExecutor, tmp_path: Path, own_session: bool
) -> None:
    assert value(executor, "warm") == "warm"
    pid = tmp_path / "pid"
    died = death(executor, ("spawn_and", "hang", str(pid), own_session), 1.0)
    assert died.reason == "timeout"
    wait_until(lambda: not lives(pid_in(pid)))


def test_a_stopped_process_ends_at_its_deadline(executor: LocalExecutor) -> None:
    assert value(executor, "warm") == "warm"
    assert death(executor, ("kill", signal.SIGSTOP), 0.2).reason == "timeout"


def test_a_worker_that_takes_no_task_ends_at_the_deadline(executor: LocalExecutor) -> None:
    os.kill(value(executor, ("pid",)), signal.SIGSTOP)
    died = death(executor, bytes(5_000_000), 0.2)
    assert (died.running, died.queued, died.reason) == (None, ("only",), "timeout")


def test_a_deadline_counts_from_the_start_of_its_task(executor: LocalExecutor) -> None:
    executor.submit(0, "long", ("sleep", 1.2), PATIENCE)
    executor.submit(0, "short", 1, 1.0)
    seen = events(executor, lambda event: isinstance(event, Died) or getattr(event, "task", None) == "short")
    assert [type(event) for event in seen] == [Done, Done]


def test_a_task_that_ended_in_time_is_done_however_late_the_parent_asks(executor: LocalExecutor) -> None:
    assert value(executor, "warm") == "warm"
    executor.submit(0, "quick", ("bytes", 3_000_000), 0.4)
    time.sleep(0.8)
    (event,) = events(executor, lambda event: True)
    assert isinstance(event, Done)


def test_a_handler_that_does_not_exist_says_so() -> None:
    with local(handler="no_such_factory") as executor:
        (died,) = events(executor, is_died)
    assert isinstance(died, Died)
    assert "no_such_factory" in died.detail


def test_a_factory_that_hangs_is_ended() -> None:
    with local(handler="hanging_factory", start_limit=0.3) as executor:
        (died,) = events(executor, is_died)
    assert isinstance(died, Died)
    assert (died.reason, died.was_ready) == ("timeout", False)
