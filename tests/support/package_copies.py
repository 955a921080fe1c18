"""Copies of the package of their own, for tests of where kernels are kept and how they are compiled."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from codecstudy.metrics import cache

COMPILE = """
from codecstudy.metrics import kernels
print("was", kernels.is_compiled(["psnr"]))
kernels.compile_all(["psnr"], lambda p: p.metric and print("compiled", p.metric, p.done, "of", p.total))
print("is", kernels.is_compiled(["psnr"]))
print("in", kernels.cache_folder())
print("note", kernels.cache_note())
"""


def start(package: Path, code: str, **env: str) -> subprocess.Popen[str]:
    """A process that imports ``package`` and has its user cache and temporary files beside it."""
    root = package.parent.parent
    (root / "tmp").mkdir(exist_ok=True)
    places = {"HOME": str(root / "home"), "XDG_CACHE_HOME": str(root / "cache"), "TMPDIR": str(root / "tmp")}
    places[cache.FOLDER_VARIABLE] = ""
    return subprocess.Popen(
        [sys.executable, "-P", "-c", code],
        env={**os.environ, "PYTHONPATH": str(package.parent), **places, **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def output(process: subprocess.Popen[str]) -> str:
    """What it printed, once it has ended well."""
    text, _ = process.communicate()
    assert process.returncode == 0, text
    return text


def make_unwritable(folder: Path) -> None:
    """A file in its place: permissions would not stop a test that runs as root."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.write_text("")
