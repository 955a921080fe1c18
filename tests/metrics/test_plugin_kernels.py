"""A plugin's metric may compile kernels with our decorators; they follow all of its sources."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

KERNEL = """
from numba import types
from codecstudy.metrics.kernels import kernel
from my_kernels.helper import add

@kernel(types.int64(types.int64))
def increased(x):
    return add(x)
"""

HELPER = """
from codecstudy.metrics.kernels import stage

@stage
def add(x):
    return x + {}
"""


def test_a_change_in_any_file_of_a_plugin_compiles_its_kernels_again(tmp_path: Path) -> None:
    package = tmp_path / "my_kernels"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "kernels.py").write_text(KERNEL)

    def result() -> str:
        code = "from my_kernels.kernels import increased; print(increased(1))"
        env = {**os.environ, "PYTHONPATH": str(tmp_path)}
        return subprocess.run(
            [sys.executable, "-c", code], env=env, check=True, capture_output=True, text=True
        ).stdout.strip()

    (package / "helper.py").write_text(HELPER.format(1))
    assert (result(), result()) == ("2", "2")
    (package / "helper.py").write_text(HELPER.format(2))
    assert result() == "3"
