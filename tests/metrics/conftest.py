"""Kernels are compiled once for all test processes, which would else each compile their own."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import codecstudy
from codecstudy import metrics
from codecstudy.metrics import kernels


@pytest.fixture(scope="session", autouse=True)
def compiled_kernels() -> None:
    """Wait for the one compilation."""
    kernels.compile_all(metrics.BUILT_IN)


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A copy of the package's sources, with nothing compiled."""
    copy = tmp_path / "lib" / "codecstudy"
    shutil.copytree(Path(codecstudy.__file__).parent, copy, ignore=shutil.ignore_patterns("__pycache__"))
    return copy
