"""What a dying worker of the local executor costs, and what is reported of it."""

from __future__ import annotations

import os
import signal
from collections import deque
from pathlib import Path

import pytest

from codecstudy.execution import Died, Done, Ready
from codecstudy.execution.local import LocalExecutor
from support.executors import LINUX, PATIENCE, death, events, is_died, lives, local, pid_in, value, wait_until


@pytest.mark.parametrize(
    ("payload", "signal_name", "exit_code"),
    [
        (("kill", signal.SIGKILL), "SIGKILL", None),
        (("kill", signal.SIGTERM), "SIGTERM", None),
        (("kill", signal.SIGINT), "SIGINT", None),
        (("segfault",), "SIGSEGV", None),
        (("_exit", 3), None, 3),
        (("exit", 4), None, 4),
        (("exit", 0), None, 0),
    ],
)
def test_a_death_costs_one_task(
    executor: LocalExecutor, payload: object, signal_name: str | None, exit_code: int | None
) -> None:
    for task, work in enumerate(["before", payload, "after", "later"]):
        executor.submit(0, task, work, PATIENCE)
    done, died = events(executor, is_died)
    assert isinstance(done, Done)
    assert done.task == 0
    assert isinstance(died, Died)
    assert (died.running, died.queued, died.reason) == (1, (2, 3), "crash")
    assert (died.signal_name, died.exit_code) == (signal_name, exit_code)
    executor.replace(0)
    assert value(executor, "again") == "again"


def test_a_death_carries_what_the_task_wrote_last(executor: LocalExecutor) -> None:
    assert value(executor, ("complain", "earlier\n")) is None
    assert value(executor, ("complain", "much earlier\n", 200_000)) is None  # more than is kept
    died = death(executor, ("segfault",))
    assert died.detail.startswith("Fatal Python error: Segmentation fault")
    assert "fake_handlers.py" in died.detail


def test_a_worker_killed_while_idle_blames_no_task(executor: LocalExecutor) -> None:
    os.kill(value(executor, ("pid",)), signal.SIGKILL)
    (died,) = events(executor, is_died)
    assert isinstance(died, Died)
    assert (died.running, died.queued, died.was_ready) == (None, (), True)


def test_tasks_given_to_a_worker_that_is_dead_already_are_told(executor: LocalExecutor) -> None:
    pid = value(executor, ("pid",))
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not lives(pid))
    for task in range(3):
        executor.submit(0, task, bytes(1_000_000), PATIENCE)
    (died,) = events(executor, is_died)
    assert isinstance(died, Died)
    assert (died.running, died.queued) == (None, (0, 1, 2))
    with pytest.raises(RuntimeError, match="not running"):
        executor.submit(0, 4, None, PATIENCE)


def test_a_death_is_not_reported_with_what_the_worker_did_before(executor: LocalExecutor) -> None:
    # Whoever answers the end of a task with the next one must not find that the worker is gone.
    pid = value(executor, ("pid",))
    executor.submit(0, "done", ("bytes", 10_000), PATIENCE)
    executor.submit(0, "deadly", ("kill", signal.SIGKILL), PATIENCE)
    wait_until(lambda: not lives(pid))
    (done,) = executor.poll(PATIENCE)
    assert isinstance(done, Done)
    with pytest.raises(RuntimeError, match="has not died"):
        executor.replace(0)
    executor.submit(0, "next", 1, PATIENCE)
    (died,) = executor.poll(PATIENCE)
    assert isinstance(died, Died)
    assert (died.running, died.queued) == ("deadly", ("next",))


def test_a_run_goes_on_over_many_deaths() -> None:
    todo = deque([("kill", signal.SIGKILL) if task % 5 == 2 else task for task in range(40)])
    done, lost = [], 0
    with local(3) as executor:
        while len(done) + lost < 40:
            for event in executor.poll(PATIENCE):
                if isinstance(event, Done):
                    done.append(event.value)
                elif isinstance(event, Died):
                    lost += event.running is not None
                    todo.extend(task for task in event.queued)  # type: ignore[misc]
                    executor.replace(event.worker)
                for _ in range(2 if isinstance(event, Ready) else int(isinstance(event, Done))):
                    if todo:
                        task = todo.popleft()
                        executor.submit(event.worker, task, task, PATIENCE)
    assert sorted(done) == [task for task in range(40) if task % 5 != 2]
    assert lost == 8


def test_garbage_on_the_pipe_is_a_death(executor: LocalExecutor) -> None:
    died = death(executor, ("write_garbage",))
    assert (died.running, died.reason) == ("only", "crash")
    assert "not a message" in died.detail


def test_a_pipe_that_ends_is_a_death(executor: LocalExecutor) -> None:
    died = death(executor, ("shut_pipe",))
    assert (died.running, died.reason, died.signal_name) == ("only", "crash", "SIGKILL")


def test_a_death_is_seen_while_a_child_holds_the_pipe(executor: LocalExecutor, tmp_path: Path) -> None:
    died = death(executor, ("fork_and_exit", str(tmp_path / "pid")))
    assert (died.running, died.exit_code) == ("only", 5)
    wait_until(lambda: not lives(pid_in(tmp_path / "pid")))


def test_children_of_a_crashed_task_die(executor: LocalExecutor, tmp_path: Path) -> None:
    assert death(executor, ("spawn_and", "die", str(tmp_path / "pid"))).reason == "crash"
    wait_until(lambda: not lives(pid_in(tmp_path / "pid")))


@LINUX
def test_children_of_a_crashed_task_die_in_another_session(executor: LocalExecutor, tmp_path: Path) -> None:
    assert death(executor, ("spawn_and", "die", str(tmp_path / "pid"), True)).reason == "crash"
    wait_until(lambda: not lives(pid_in(tmp_path / "pid")))
