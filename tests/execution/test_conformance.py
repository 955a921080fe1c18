"""What every executor promises (codecstudy.execution.executor.Executor), held against each of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import pytest

from codecstudy.execution import Died, Done, Event, Executor, HandlerError, InlineExecutor, Ready
from codecstudy.execution.local import LocalExecutor
from support.executors import CONFIG, PATIENCE, events, one, value, wait_until

HANDLER = "support.fake_handlers:factory"

EXECUTORS: dict[str, Callable[[], Executor]] = {
    "local": lambda: LocalExecutor(2, term_grace=0.3),
    "inline": InlineExecutor,
}


@pytest.fixture(params=EXECUTORS)
def idle(request: pytest.FixtureRequest) -> Iterator[Executor]:
    """An executor that has not been started."""
    executor = EXECUTORS[request.param]()
    yield executor
    executor.stop()


@pytest.fixture
def executor(idle: Executor) -> Executor:
    """An executor that has been started."""
    idle.start(HANDLER, CONFIG)
    return idle


def gathered(executor: Executor, enough: Callable[[list[Event]], bool]) -> list[Event]:
    """All events until there are enough of them."""
    seen: list[Event] = []

    def waited() -> bool:
        seen.extend(executor.poll(0.2))
        return enough(seen)

    wait_until(waited)
    return seen


def values(seen: list[Event]) -> list[object]:
    return [event.value for event in seen if isinstance(event, Done)]


def test_every_worker_reports_that_it_is_ready(executor: Executor) -> None:
    seen = gathered(executor, lambda seen: len(seen) >= executor.capacity)
    assert all(isinstance(event, Ready) for event in seen)
    assert sorted(event.worker for event in seen) == list(range(executor.capacity))


def test_the_factory_gets_the_config(executor: Executor) -> None:
    assert value(executor, ("config",)) == CONFIG


def test_tasks_may_be_submitted_before_the_worker_is_ready(executor: Executor) -> None:
    executor.submit(0, "early", 1, PATIENCE)
    assert 1 in values(gathered(executor, lambda seen: bool(values(seen))))


def test_every_task_is_done_exactly_once_and_in_order(executor: Executor) -> None:
    workers = executor.capacity
    for task in range(40):
        executor.submit(task % workers, ("task", task), task * task, PATIENCE)
    done = [e for e in gathered(executor, lambda seen: len(values(seen)) == 40) if isinstance(e, Done)]
    assert {event.task: event.value for event in done} == {("task", n): n * n for n in range(40)}
    for worker in range(workers):
        mine = [event.task for event in done if event.worker == worker]
        assert mine == [("task", n) for n in range(worker, 40, workers)]
    assert executor.poll(0.05) == []


def test_done_tells_what_the_task_took(executor: Executor) -> None:
    event = one(executor, ("sleep", 0.05))
    assert isinstance(event, Done)
    assert event.wall_seconds >= 0.05
    assert event.peak_rss is None or event.peak_rss > 0


@pytest.mark.parametrize(
    ("payload", "kind"),
    [
        (("raise", "value"), "ValueError"),
        (("raise", "shy"), "ShyError"),
        (("raise", "panic"), "PanicError"),
        (("raise", "memory"), "MemoryError"),
        (("length", 5), "TypeError"),
    ],
)
def test_an_error_is_a_value_and_the_worker_goes_on(executor: Executor, payload: object, kind: str) -> None:
    error = value(executor, payload)
    assert isinstance(error, HandlerError)
    assert error.kind == kind
    assert "fake_handlers.py" in error.traceback
    assert value(executor, "again") == "again"


def test_a_factory_that_fails_is_the_death_of_a_worker_that_was_never_ready(idle: Executor) -> None:
    idle.start("support.fake_handlers:broken_factory", CONFIG)
    idle.submit(0, "task", None, PATIENCE)
    seen = events(idle, lambda event: isinstance(event, Died) and event.worker == 0)
    died = next(event for event in seen if isinstance(event, Died) and event.worker == 0)
    assert (died.running, died.queued, died.reason, died.was_ready) == (None, ("task",), "crash", False)
    assert "RuntimeError: no handler for {'colour': 'red'} today" in died.detail
    with pytest.raises(RuntimeError, match="not running"):
        idle.submit(0, "task", None, PATIENCE)
    idle.replace(0)
    again = events(idle, lambda event: isinstance(event, Died) and event.worker == 0)
    assert any(isinstance(event, Died) for event in again), "it still cannot be made"


def test_a_deadline_is_enforced_where_the_executor_says_so(executor: Executor) -> None:
    if not executor.ends_tasks:
        event = one(executor, ("sleep", 0.05), deadline=0.001)
        assert isinstance(event, Done), "the task runs to its end"
        return
    assert value(executor, "warm") == "warm"
    event = one(executor, ("hang",), deadline=0.2)
    assert isinstance(event, Died)
    assert (event.running, event.reason) == ("only", "timeout")
    executor.replace(event.worker)
    assert value(executor, "again") == "again"


def test_stop_drops_what_is_not_done_and_allows_another_start(executor: Executor) -> None:
    for task in range(100):
        executor.submit(0, task, task, PATIENCE)
    executor.stop(now=True)
    executor.stop()  # nothing is running: nothing happens
    for call in (
        lambda: executor.poll(0),
        lambda: executor.submit(0, 0, 0, 1.0),
        lambda: executor.replace(0),
    ):
        with pytest.raises(RuntimeError):
            call()
    executor.start(HANDLER, "another config")
    assert value(executor, ("config",)) == "another config"
    assert executor.poll(0.05) == [] or executor.capacity > 1


def test_misuse_is_refused(idle: Executor) -> None:
    for call in (lambda: idle.poll(0), lambda: idle.submit(0, 0, 0, 1.0), lambda: idle.replace(0)):
        with pytest.raises(RuntimeError, match=r"start|has not died"):
            call()
    with pytest.raises(ValueError, match=r"package\.module:factory"):
        idle.start("support.fake_handlers", None)
    idle.start(HANDLER, None)
    with pytest.raises(RuntimeError, match="already running"):
        idle.start(HANDLER, None)
    with pytest.raises(RuntimeError, match="not running"):
        idle.submit(idle.capacity, 0, None, 1.0)
    with pytest.raises(RuntimeError, match="has not died"):
        idle.replace(0)
    for deadline in (0.0, -1.0, math.nan):
        with pytest.raises(ValueError, match="deadline"):
            idle.submit(0, 0, None, deadline)
