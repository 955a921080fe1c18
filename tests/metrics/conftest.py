"""Kernels are compiled once for all test processes, which would else each compile their own."""

from __future__ import annotations

import pytest

from codecstudy import metrics
from codecstudy.metrics import kernels


@pytest.fixture(scope="session", autouse=True)
def compiled_kernels() -> None:
    """Wait for the one compilation."""
    kernels.compile_all(metrics.BUILT_IN)
