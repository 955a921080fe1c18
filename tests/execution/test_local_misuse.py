"""Wrong use of the local executor that other executors do not share; see test_conformance.py."""

from __future__ import annotations

import pickle

import pytest

from codecstudy.execution.local import LocalExecutor
from support.executors import local


def test_an_executor_without_workers_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        LocalExecutor(0)


def test_a_payload_that_cannot_be_pickled_is_refused() -> None:
    with (
        local() as executor,
        pytest.raises((AttributeError, TypeError, pickle.PicklingError), match="pickle"),
    ):
        executor.submit(0, 0, lambda: None, 1.0)
