"""The examples are what the guides show, which ``test_docs.py`` installs and runs; their own tests pass."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.markdown import blocks

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("example", ["encoder-plugin", "metric-plugin"])
def test_an_example_is_what_its_guide_shows(example: str) -> None:
    folder, page = ROOT / "examples" / example, ROOT / "docs" / "how-to" / f"{example}.md"
    shown = {
        block.title.removeprefix("plugin/"): block.text.rstrip()
        for block in blocks(page.read_text(encoding="utf-8"))
        if block.title and block.title.startswith("plugin/")
    }
    assert len(shown) == 2
    assert {name: (folder / name).read_text(encoding="utf-8").rstrip() for name in shown} == shown


@pytest.mark.parametrize("example", ["encoder-plugin", "metric-plugin"])
def test_the_test_of_an_example_passes(example: str, tmp_path: Path) -> None:
    folder = ROOT / "examples" / example
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "--rootdir",
            str(folder),
            "-c",
            os.devnull,
        ]
        + [str(path) for path in folder.glob("test_*.py")],
        cwd=tmp_path,
        env=os.environ
        | {"PYTHONPATH": os.pathsep.join([str(folder), *sys.path]), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
