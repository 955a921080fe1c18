"""Fixtures of the executors' tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from codecstudy.execution.local import LocalExecutor
from support.executors import local


@pytest.fixture
def executor() -> Iterator[LocalExecutor]:
    """A local executor with one worker that is about to be ready."""
    with local() as executor:
        yield executor
