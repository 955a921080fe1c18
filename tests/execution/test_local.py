"""Worker processes, real ones: what a task may do, and what must come of it."""

from __future__ import annotations

import ctypes.util
import math
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from codecstudy.execution.local import Died, Done, Event, HandlerError, Ready, Recalled, WorkerPool
from codecstudy.execution.local.process import OomKills

PATIENCE = 60.0
"""Seconds after which a test gives up: a bound for a slow machine, never a measurement."""
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="the system does not offer this")


def make_pool(workers: int = 1, handler: str = "factory", **options: Any) -> WorkerPool:
    options.setdefault("term_grace", 0.3)
    return WorkerPool(f"support.fake_handlers:{handler}", {"colour": "red"}, workers, **options)


@pytest.fixture
def pool() -> Iterator[WorkerPool]:
    """One worker that is about to be ready."""
    with make_pool() as pool:
        pool.start()
        yield pool


def events(pool: WorkerPool, until: Callable[[Event], bool]) -> list[Event]:
    """All but ``Ready``, up to the call that brings the one that is waited for."""
    seen: list[Event] = []
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        new = pool.poll(1.0)
        seen += [event for event in new if not isinstance(event, Ready)]
        if any(map(until, new)):
            return seen
    pytest.fail(f"it never came; what came: {seen}")


def one(pool: WorkerPool, payload: object, deadline: float = PATIENCE) -> Event:
    """What becomes of a single task."""
    pool.submit(0, "only", payload, deadline)
    (event,) = events(pool, lambda event: not isinstance(event, Ready))
    return event


def value(pool: WorkerPool, payload: object) -> Any:
    event = one(pool, payload)
    assert isinstance(event, Done), event
    return event.value


def death(pool: WorkerPool, payload: object, deadline: float = PATIENCE) -> Died:
    event = one(pool, payload, deadline)
    assert isinstance(event, Died), event
    assert event.worker == 0
    return event


def is_died(event: Event) -> bool:
    return isinstance(event, Died)


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.01)


def lives(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def pid_in(path: Path) -> int:
    wait_until(path.exists)
    return int(path.read_text())


# What a task gives


def test_a_task_gives_its_value(pool: WorkerPool) -> None:
    event = one(pool, {"answer": 42})
    assert isinstance(event, Done)
    assert (event.worker, event.task, event.value) == (0, "only", {"answer": 42})
    assert event.wall_seconds >= 0


def test_the_factory_gets_the_config(pool: WorkerPool) -> None:
    assert value(pool, ("config",)) == {"colour": "red"}


def test_ready_tells_how_long_the_start_took() -> None:
    with make_pool(2) as pool:
        pool.start(1)
        (first,) = pool.poll(PATIENCE)
        assert isinstance(first, Ready)
        assert first.worker == 1
        assert first.startup_seconds > 0
        pool.start()
        (second,) = pool.poll(PATIENCE)
        assert isinstance(second, Ready)
        assert second.worker == 0


def test_every_task_is_done_exactly_once() -> None:
    with make_pool(5) as pool:
        pool.start()
        for task in range(200):
            pool.submit(task % 5, task, task * task, PATIENCE)
        done: list[Done] = []
        while len(done) < 200:
            done += [event for event in pool.poll(PATIENCE) if isinstance(event, Done)]
        assert {event.task: event.value for event in done} == {task: task * task for task in range(200)}
        assert all(event.worker == int(str(event.task)) % 5 for event in done)
        assert pool.poll(0.05) == []


def test_the_next_task_starts_without_the_parent(pool: WorkerPool, tmp_path: Path) -> None:
    for name in "abc":
        pool.submit(0, name, ("touch", str(tmp_path / name)), PATIENCE)
    wait_until((tmp_path / "c").exists)
    seen = events(pool, lambda event: isinstance(event, Done) and event.task == "c")
    assert [event.task for event in seen if isinstance(event, Done)] == ["a", "b", "c"]


def test_tasks_that_have_not_started_come_back(pool: WorkerPool, tmp_path: Path) -> None:
    pool.submit(0, "running", ("touch", str(tmp_path / "begun")), PATIENCE)
    pool.submit(0, "waiting", ("wait_for", str(tmp_path / "go")), PATIENCE)
    pool.submit(0, "b", "b", PATIENCE)
    pool.submit(0, "c", "c", PATIENCE)
    wait_until((tmp_path / "begun").exists)
    pool.recall(0)
    seen = events(pool, lambda event: isinstance(event, Recalled))
    (recalled,) = (event for event in seen if isinstance(event, Recalled))
    assert recalled.tasks[-2:] == ("b", "c")  # "waiting" too, if it had not started yet
    (tmp_path / "go").touch()
    pool.submit(0, "last", "last", PATIENCE)
    seen += events(pool, lambda event: isinstance(event, Done) and event.task == "last")
    done = [event.task for event in seen if isinstance(event, Done)]
    assert sorted([*done, *recalled.tasks]) == ["b", "c", "last", "running", "waiting"]


def test_payloads_larger_than_the_pipe_never_block_the_parent(pool: WorkerPool, tmp_path: Path) -> None:
    pool.submit(0, 0, ("wait_for", str(tmp_path / "go")), PATIENCE)
    large = bytes(20_000_000)
    for task in (1, 2, 3):
        pool.submit(0, task, ("length", large), PATIENCE)
    (tmp_path / "go").touch()
    seen = events(pool, lambda event: isinstance(event, Done) and event.task == 3)
    assert [event.value for event in seen if isinstance(event, Done)][1:] == [len(large)] * 3


def test_values_larger_than_the_pipe_arrive(pool: WorkerPool) -> None:
    large = bytes(range(256)) * 40_000
    assert value(pool, large) == large


@LINUX
def test_peak_memory_is_that_of_the_task(pool: WorkerPool) -> None:
    large, small = one(pool, ("allocate", 200 << 20)), one(pool, 1)
    assert isinstance(large, Done)
    assert isinstance(small, Done)
    assert large.peak_rss is not None
    assert small.peak_rss is not None
    assert large.peak_rss > 200 << 20
    assert 1 << 20 < small.peak_rss < large.peak_rss - (150 << 20)


def test_libraries_are_told_to_use_one_thread(pool: WorkerPool) -> None:
    environment = value(pool, ("environment",))
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS", "POLARS_MAX_THREADS"):
        assert environment[name] == "1"


def test_workers_and_their_replacements_have_the_environment_given_to_the_pool() -> None:
    with make_pool(environment={"COLOUR": "red", "OMP_NUM_THREADS": "9"}) as pool:
        pool.start()
        assert value(pool, ("environment",))["COLOUR"] == "red"
        pool.submit(0, "death", ("exit", 3), 10)
        events(pool, lambda event: isinstance(event, Died))
        pool.replace(0)
        environment = value(pool, ("environment",))
        assert (environment["COLOUR"], environment["OMP_NUM_THREADS"]) == ("red", "1")


def test_a_worker_starts_light(pool: WorkerPool) -> None:
    modules, _ = value(pool, ("modules",))
    assert not {"numpy", "numba", "polars", "pydantic", "codecstudy"} & set(modules)


# Errors are values


@pytest.mark.parametrize(
    ("payload", "kind"),
    [
        (("raise", "value"), "ValueError"),
        (("raise", "shy"), "ShyError"),
        (("raise", "panic"), "PanicError"),
        (("raise", "memory"), "MemoryError"),
        (("one_way",), "ValueError"),
    ],
)
def test_an_error_is_a_value_and_the_worker_lives(pool: WorkerPool, payload: object, kind: str) -> None:
    before = value(pool, ("pid",))
    error = value(pool, payload)
    assert isinstance(error, HandlerError)
    assert error.kind == kind
    assert value(pool, ("pid",)) == before


def test_a_value_that_cannot_be_pickled_is_an_error(pool: WorkerPool) -> None:
    error = value(pool, ("lambda",))
    assert isinstance(error, HandlerError)
    assert "pickle" in error.message
    assert value(pool, 1) == 1


def test_an_error_tells_where(pool: WorkerPool) -> None:
    error = value(pool, ("length", 5))
    assert error.kind == "TypeError"
    assert "len()" in error.message
    assert "fake_handlers.py" in error.traceback


def test_what_is_printed_does_not_reach_the_pipe(pool: WorkerPool) -> None:
    assert value(pool, ("make_noise",)) == "heard"
    assert value(pool, 1) == 1


# Death


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
    pool: WorkerPool, payload: object, signal_name: str | None, exit_code: int | None
) -> None:
    for task, work in enumerate(["before", payload, "after", "later"]):
        pool.submit(0, task, work, PATIENCE)
    done, died = events(pool, is_died)
    assert isinstance(done, Done)
    assert done.task == 0
    assert isinstance(died, Died)
    assert (died.running, died.queued, died.reason) == (1, (2, 3), "crash")
    assert (died.signal_name, died.exit_code) == (signal_name, exit_code)
    pool.replace(0)
    assert value(pool, "again") == "again"


def test_a_death_carries_what_the_task_wrote_last(pool: WorkerPool) -> None:
    assert value(pool, ("complain", "earlier\n")) is None
    assert value(pool, ("complain", "much earlier\n", 200_000)) is None  # more than is kept
    died = death(pool, ("segfault",))
    assert died.detail.startswith("Fatal Python error: Segmentation fault")
    assert "fake_handlers.py" in died.detail


def test_a_worker_killed_while_idle_blames_no_task(pool: WorkerPool) -> None:
    os.kill(value(pool, ("pid",)), signal.SIGKILL)
    (died,) = events(pool, is_died)
    assert isinstance(died, Died)
    assert (died.running, died.queued, died.was_ready) == (None, (), True)


def test_tasks_given_to_a_worker_that_is_dead_already_are_told(pool: WorkerPool) -> None:
    pid = value(pool, ("pid",))
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not lives(pid))
    for task in range(3):
        pool.submit(0, task, bytes(1_000_000), PATIENCE)
    (died,) = events(pool, is_died)
    assert isinstance(died, Died)
    assert (died.running, died.queued) == (None, (0, 1, 2))
    with pytest.raises(RuntimeError, match="not running"):
        pool.submit(0, 4, None, PATIENCE)


def test_a_run_goes_on_over_many_deaths() -> None:
    todo = deque([("kill", signal.SIGKILL) if task % 5 == 2 else task for task in range(40)])
    done, lost = [], 0
    with make_pool(3) as pool:
        pool.start()
        while len(done) + lost < 40:
            for event in pool.poll(PATIENCE):
                if isinstance(event, Done):
                    done.append(event.value)
                elif isinstance(event, Died):
                    lost += event.running is not None
                    todo.extend(task for task in event.queued)  # type: ignore[misc]
                    pool.replace(event.worker)
                for _ in range(2 if isinstance(event, Ready) else int(isinstance(event, Done))):
                    if todo:
                        task = todo.popleft()
                        pool.submit(event.worker, task, task, PATIENCE)
    assert sorted(done) == [task for task in range(40) if task % 5 != 2]
    assert lost == 8


def test_garbage_on_the_pipe_is_a_death(pool: WorkerPool) -> None:
    died = death(pool, ("write_garbage",))
    assert (died.running, died.reason) == ("only", "crash")
    assert "no message" in died.detail


def test_a_pipe_that_ends_is_a_death(pool: WorkerPool) -> None:
    died = death(pool, ("shut_pipe",))
    assert (died.running, died.reason, died.signal_name) == ("only", "crash", "SIGKILL")


def test_a_death_is_seen_while_a_child_holds_the_pipe(pool: WorkerPool, tmp_path: Path) -> None:
    died = death(pool, ("fork_and_exit", str(tmp_path / "pid")))
    assert (died.running, died.exit_code) == ("only", 5)
    wait_until(lambda: not lives(pid_in(tmp_path / "pid")))


def test_children_of_a_crashed_task_die(pool: WorkerPool, tmp_path: Path) -> None:
    assert death(pool, ("spawn_and", "die", str(tmp_path / "pid"))).reason == "crash"
    wait_until(lambda: not lives(pid_in(tmp_path / "pid")))


@LINUX
def test_children_of_a_crashed_task_die_in_another_session(pool: WorkerPool, tmp_path: Path) -> None:
    assert death(pool, ("spawn_and", "die", str(tmp_path / "pid"), True)).reason == "crash"
    wait_until(lambda: not lives(pid_in(tmp_path / "pid")))


# Deadlines


@pytest.mark.parametrize(
    ("action", "signal_name"),
    [
        ("hang", "SIGTERM"),
        ("hang_with_lock", "SIGTERM"),
        ("hang_ignoring_sigterm", "SIGKILL"),
        ("close_pipe", "SIGTERM"),
    ],
)
def test_a_deadline_ends_the_worker(pool: WorkerPool, action: str, signal_name: str) -> None:
    assert value(pool, "warm") == "warm"
    pool.submit(0, "hang", (action,), 0.2)
    pool.submit(0, "next", 1, PATIENCE)
    (died,) = events(pool, is_died)
    assert isinstance(died, Died)
    assert (died.running, died.queued, died.reason) == ("hang", ("next",), "timeout")
    assert (died.signal_name, died.exit_code) == (signal_name, None)
    assert "deadline of 0.2 s" in died.detail
    pool.replace(0)
    assert value(pool, "again") == "again"


@pytest.mark.parametrize("own_session", [False, True])
def test_a_deadline_ends_the_whole_process_tree(pool: WorkerPool, tmp_path: Path, own_session: bool) -> None:
    assert value(pool, "warm") == "warm"
    pid = tmp_path / "pid"
    died = death(pool, ("spawn_and", "hang", str(pid), own_session), 1.0)
    assert died.reason == "timeout"
    wait_until(lambda: not lives(pid_in(pid)))


def test_a_stopped_process_ends_at_its_deadline(pool: WorkerPool) -> None:
    assert value(pool, "warm") == "warm"
    assert death(pool, ("kill", signal.SIGSTOP), 0.2).reason == "timeout"


def test_a_worker_that_takes_no_task_ends_at_the_deadline(pool: WorkerPool) -> None:
    os.kill(value(pool, ("pid",)), signal.SIGSTOP)
    died = death(pool, bytes(5_000_000), 0.2)
    assert (died.running, died.queued, died.reason) == (None, ("only",), "timeout")


def test_a_deadline_counts_from_the_start_of_its_task(pool: WorkerPool) -> None:
    pool.submit(0, "long", ("sleep", 1.2), PATIENCE)
    pool.submit(0, "short", 1, 1.0)
    seen = events(pool, lambda event: isinstance(event, Died) or getattr(event, "task", None) == "short")
    assert [type(event) for event in seen] == [Done, Done]


def test_a_task_that_ended_in_time_is_done_however_late_the_parent_asks(pool: WorkerPool) -> None:
    assert value(pool, "warm") == "warm"
    pool.submit(0, "quick", ("bytes", 3_000_000), 0.4)
    time.sleep(0.8)
    (event,) = events(pool, lambda event: True)
    assert isinstance(event, Done)


def test_a_factory_that_fails_says_why() -> None:
    with make_pool(handler="broken_factory") as pool:
        pool.start()
        pool.submit(0, "task", None, PATIENCE)
        (died,) = events(pool, is_died)
    assert isinstance(died, Died)
    assert (died.running, died.queued, died.exit_code, died.was_ready) == (None, ("task",), 1, False)
    assert "RuntimeError: no handler for {'colour': 'red'} today" in died.detail


def test_a_handler_that_does_not_exist_says_so() -> None:
    with make_pool(handler="no_such_factory") as pool:
        pool.start()
        (died,) = events(pool, is_died)
    assert isinstance(died, Died)
    assert "no_such_factory" in died.detail


def test_a_factory_that_hangs_is_ended() -> None:
    with make_pool(handler="hanging_factory", start_limit=0.3) as pool:
        pool.start()
        (died,) = events(pool, is_died)
    assert isinstance(died, Died)
    assert (died.reason, died.was_ready) == ("timeout", False)


# Memory


@LINUX
def test_a_task_over_the_memory_limit_fails_and_the_worker_lives() -> None:
    with make_pool(memory_limit=256 << 20) as pool:
        pool.start()
        error = value(pool, ("allocate", 1 << 30))
        assert isinstance(error, HandlerError)
        assert error.kind == "MemoryError"
        assert value(pool, ("allocate", 1 << 20)) == 1 << 20


@LINUX
@pytest.mark.skipif(ctypes.util.find_library("stdc++") is None, reason="no C++ library")
def test_a_library_that_dies_for_want_of_memory_is_told_from_a_crash() -> None:
    with make_pool(memory_limit=256 << 20) as pool:
        pool.start()
        died = death(pool, ("allocate_in_cpp", 1 << 32))
    assert (died.reason, died.signal_name) == ("memory", "SIGABRT")
    assert "bad_alloc" in died.detail


@LINUX
def test_a_payload_that_does_not_fit_ends_the_worker() -> None:
    with make_pool(memory_limit=64 << 20) as pool:
        pool.start()
        died = death(pool, bytes(80 << 20))
    assert (died.reason, died.running, died.queued) == ("memory", None, ("only",))


def test_a_kill_is_for_memory_if_the_cgroup_counted_one(pool: WorkerPool, tmp_path: Path) -> None:
    counter = tmp_path / "memory.events"
    counter.write_text("low 0\nhigh 0\nmax 812\noom 2\noom_kill 2\n")
    pool._oom_kills = OomKills([tmp_path / "absent", counter])
    for counted, reason in (("3", "memory"), ("3", "crash"), ("4", "memory")):
        counter.write_text(f"oom_kill {counted}\noom_group_kill 0\n")
        assert death(pool, ("kill", signal.SIGKILL)).reason == reason
        pool.replace(0)


# Nothing stays behind


def test_nothing_stays_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    descriptors = Path("/proc/self/fd") if sys.platform == "linux" else Path("/dev/fd")
    open_before = len(list(descriptors.iterdir()))
    children_before = psutil.Process().children()
    with make_pool(3) as pool:
        pool.start()
        died = death(pool, ("leave_temporary_file",))
        assert died.exit_code == 1
        pool.replace(0)
        assert isinstance(value(pool, ("pid",)), int)
        pool.submit(1, "busy", ("hang_ignoring_sigterm",), math.inf)
        assert len(list(tmp_path.glob("codecstudy-*/*"))) == 3
    assert len(list(descriptors.iterdir())) == open_before
    assert psutil.Process().children() == children_before
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("now", [False, True])
def test_stop_ends_all_workers(tmp_path: Path, now: bool) -> None:
    pool = make_pool(3)
    pool.start()
    pool.submit(0, "hang", ("hang", str(tmp_path / "hang")), math.inf)
    pool.submit(1, "spawn", ("spawn_and", "hang", str(tmp_path / "spawn"), True), math.inf)
    pids = [pid_in(tmp_path / name) for name in ("hang", "spawn")]
    pool.poll(0)
    pool.stop(now)
    wait_until(lambda: not any(map(lives, pids)))
    pool.stop()  # once more does no harm
    with pytest.raises(RuntimeError):
        pool.replace(0)
    with pytest.raises(RuntimeError, match="stopped"):
        pool.poll(0)


def test_a_dead_guardian_is_replaced(pool: WorkerPool) -> None:
    assert pool._guardian is not None
    first = pool._guardian.pid
    os.kill(first, signal.SIGKILL)
    guardian = pool._guardian
    end = time.monotonic() + PATIENCE
    while guardian.pid == first and time.monotonic() < end:
        pool.poll(0.05)
    assert lives(guardian.pid)
    assert guardian.pid != first


PARENT = """
import sys
sys.path.insert(0, {tests!r})
from codecstudy.execution.local import WorkerPool
pool = WorkerPool("support.fake_handlers:factory", None, 3)
pool.start()
pool.submit(0, 0, ("hang_with_lock", {folder!r} + "/locked"), float("inf"))
pool.submit(1, 1, ("spawn_and", "hang", {folder!r} + "/child"), float("inf"))
pool.submit(2, 2, ("spawn_and", "hang", {folder!r} + "/stray", True), float("inf"))
while True:
    pool.poll(1.0)
"""


@LINUX
def test_workers_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(PARENT.format(tests=str(Path(__file__).parents[1]), folder=str(tmp_path)))
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    environment = {**os.environ, "TMPDIR": str(temporary)}
    with subprocess.Popen([sys.executable, str(script)], env=environment) as parent:
        pids = {pid_in(tmp_path / name) for name in ("locked", "child", "stray")}
        pids |= {process.pid for process in psutil.Process(parent.pid).children(recursive=True)}
        assert len(pids) >= 6  # three workers, two of their children, the guardian
        parent.kill()
    wait_until(lambda: not any(map(lives, pids)))
    assert list(temporary.iterdir()) == []


UNGUARDED = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
with Path({log!r}).open("a") as log:
    log.write("main\\n")
from codecstudy.execution.local import Done, WorkerPool
with WorkerPool("support.fake_handlers:factory", None, 2) as pool:
    pool.start()
    for task in range(6):
        pool.submit(task % 2, task, task, 60.0)
    done = []
    while len(done) < 6:
        done += [event.value for event in pool.poll(60.0) if isinstance(event, Done)]
print(sorted(done))
"""


@pytest.mark.parametrize("way", ["script", "command", "stdin"])
def test_it_works_from_a_program_without_a_main_guard(tmp_path: Path, way: str) -> None:
    log = tmp_path / "log"
    code = textwrap.dedent(UNGUARDED.format(tests=str(Path(__file__).parents[1]), log=str(log)))
    script = tmp_path / "study.py"
    script.write_text(code)
    arguments = {"script": [str(script)], "command": ["-c", code], "stdin": ["-"]}[way]
    result = subprocess.run(
        [sys.executable, *arguments],
        input=code if way == "stdin" else "",
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    assert result.stdout == "[0, 1, 2, 3, 4, 5]\n"
    assert result.stderr == ""
    assert log.read_text() == "main\n"


# Misuse


def test_misuse_is_refused() -> None:
    with pytest.raises(ValueError, match=r"package\.module:factory"):
        WorkerPool("support.fake_handlers", None, 1)
    with pytest.raises(ValueError, match="at least one"):
        WorkerPool("support.fake_handlers:factory", None, 0)
    with make_pool(2) as pool:
        with pytest.raises(RuntimeError, match="start"):
            pool.submit(0, 0, None, 1.0)
        pool.start()
        with pytest.raises(RuntimeError, match="has not died"):
            pool.replace(0)
        for deadline in (0.0, -1.0, math.nan):
            with pytest.raises(ValueError, match="deadline"):
                pool.submit(0, 0, None, deadline)
        with pytest.raises((AttributeError, TypeError, pickle.PicklingError), match="pickle"):
            pool.submit(0, 0, lambda: None, 1.0)
