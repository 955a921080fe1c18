"""Local executors of a handler that misbehaves on request, and what tests ask of them."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from codecstudy.execution import Died, Done, Event, Executor, Ready
from codecstudy.execution.local import LocalExecutor

PATIENCE = 60.0
"""Seconds after which a test gives up: a bound for a slow machine, never a measurement."""
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="the system does not offer this")
CONFIG = {"colour": "red"}


@contextmanager
def local(workers: int = 1, handler: str = "factory", **options: Any) -> Iterator[LocalExecutor]:
    """A running local executor."""
    executor = LocalExecutor(workers, **{"term_grace": 0.3} | options)
    executor.start(f"support.fake_handlers:{handler}", CONFIG)
    try:
        yield executor
    finally:
        executor.stop()


def events(executor: Executor, until: Callable[[Event], bool]) -> list[Event]:
    """All events but ``Ready``, up to the call that brings the one that is waited for."""
    seen: list[Event] = []
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        new = executor.poll(1.0)
        seen += [event for event in new if not isinstance(event, Ready)]
        if any(map(until, new)):
            return seen
    pytest.fail(f"it never came; what came: {seen}")


def one(executor: Executor, payload: object, deadline: float = PATIENCE) -> Event:
    """What becomes of a single task."""
    executor.submit(0, "only", payload, deadline)
    (event,) = events(executor, lambda event: not isinstance(event, Ready))
    return event


def value(executor: Executor, payload: object) -> Any:
    """The value of a task that is done."""
    event = one(executor, payload)
    assert isinstance(event, Done), event
    return event.value


def death(executor: Executor, payload: object, deadline: float = PATIENCE) -> Died:
    """The death that a task causes."""
    event = one(executor, payload, deadline)
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
