"""What a task of the local executor gives: values, errors, memory, environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from codecstudy.execution import Died, Done, HandlerError
from codecstudy.execution.local import LocalExecutor
from support.executors import LINUX, PATIENCE, events, local, one, value, wait_until


def test_a_task_gives_its_value(executor: LocalExecutor) -> None:
    event = one(executor, {"answer": 42})
    assert isinstance(event, Done)
    assert (event.worker, event.task, event.value) == (0, "only", {"answer": 42})
    assert event.wall_seconds >= 0


def test_the_next_task_starts_without_the_parent(executor: LocalExecutor, tmp_path: Path) -> None:
    for name in "abc":
        executor.submit(0, name, ("touch", str(tmp_path / name)), PATIENCE)
    wait_until((tmp_path / "c").exists)
    seen = events(executor, lambda event: isinstance(event, Done) and event.task == "c")
    assert [event.task for event in seen if isinstance(event, Done)] == ["a", "b", "c"]


def test_payloads_larger_than_the_pipe_never_block_the_parent(
    executor: LocalExecutor, tmp_path: Path
) -> None:
    executor.submit(0, 0, ("wait_for", str(tmp_path / "go")), PATIENCE)
    large = bytes(20_000_000)
    for task in (1, 2, 3):
        executor.submit(0, task, ("length", large), PATIENCE)
    (tmp_path / "go").touch()
    seen = events(executor, lambda event: isinstance(event, Done) and event.task == 3)
    assert [event.value for event in seen if isinstance(event, Done)][1:] == [len(large)] * 3


def test_values_larger_than_the_pipe_arrive(executor: LocalExecutor) -> None:
    large = bytes(range(256)) * 40_000
    assert value(executor, large) == large


@LINUX
def test_peak_memory_is_that_of_the_task(executor: LocalExecutor) -> None:
    large, small = one(executor, ("allocate", 200 << 20)), one(executor, 1)
    assert isinstance(large, Done)
    assert isinstance(small, Done)
    assert large.peak_rss is not None
    assert small.peak_rss is not None
    assert large.peak_rss > 200 << 20
    assert 1 << 20 < small.peak_rss < large.peak_rss - (150 << 20)


def test_libraries_are_told_to_use_one_thread(executor: LocalExecutor) -> None:
    environment = value(executor, ("environment",))
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS", "POLARS_MAX_THREADS"):
        assert environment[name] == "1"


def test_workers_and_their_replacements_have_the_environment_given_to_the_pool() -> None:
    with local(environment={"COLOUR": "red", "OMP_NUM_THREADS": "9"}) as executor:
        assert value(executor, ("environment",))["COLOUR"] == "red"
        executor.submit(0, "death", ("exit", 3), 10)
        events(executor, lambda event: isinstance(event, Died))
        executor.replace(0)
        environment = value(executor, ("environment",))
        assert (environment["COLOUR"], environment["OMP_NUM_THREADS"]) == ("red", "1")


def test_a_worker_starts_light(executor: LocalExecutor) -> None:
    modules, _ = value(executor, ("modules",))
    assert not {"numpy", "numba", "polars", "pydantic", "codecstudy"} & set(modules)


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
def test_an_error_is_a_value_and_the_worker_lives(
    executor: LocalExecutor, payload: object, kind: str
) -> None:
    before = value(executor, ("pid",))
    error = value(executor, payload)
    assert isinstance(error, HandlerError)
    assert error.kind == kind
    assert value(executor, ("pid",)) == before


def test_a_value_that_cannot_be_pickled_is_an_error(executor: LocalExecutor) -> None:
    error = value(executor, ("lambda",))
    assert isinstance(error, HandlerError)
    assert "pickle" in error.message
    assert value(executor, 1) == 1


def test_what_is_printed_does_not_reach_the_pipe(executor: LocalExecutor) -> None:
    assert value(executor, ("make_noise",)) == "heard"
    assert value(executor, 1) == 1
