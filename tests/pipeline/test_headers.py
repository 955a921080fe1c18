"""Sizes from headers, read in a process of its own: right, and unknown for the files that end that process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from codecstudy.pipeline import PipelineRunner, headers
from codecstudy.pipeline.headers import read_headers
from conftest import picture
from support.pipeline_runs import FOUR, many_photos, study

MISBEHAVING = """
import dataclasses, os, signal, time
from codecstudy.images import formats

def crash(file):
    os.kill(os.getpid(), signal.SIGSEGV)

def hang(file):
    time.sleep(600)

parsers = {"BMP": crash, "TIFF": hang}
formats.FORMATS = tuple(
    dataclasses.replace(format, state=parsers.get(format.name, format.state)) for format in formats.FORMATS
)
"""
"""A parser of BMP headers that ends its process, and one of TIFF headers that does not return."""


@pytest.fixture
def misbehaving(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes that start from here on have parsers that crash and hang; this one keeps its own."""
    folder = tmp_path / "misbehaving"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(MISBEHAVING)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(folder), *sys.path]))
    monkeypatch.setattr(headers, "_BATCH_SECONDS", 3.0)
    monkeypatch.setattr(headers, "_FILE_SECONDS", 1.0)


def sizes(paths: list[Path]) -> list[tuple[int, int] | None]:
    return [header and (header.width, header.height) for header in read_headers(paths)]


def test_sizes_come_in_the_order_of_the_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(headers, "_BATCH", 3)
    paths = [tmp_path / f"{n}.png" for n in range(8)]
    for n, path in enumerate(paths):
        Image.fromarray(picture(20 + n, 30)).save(path)
    paths[4].write_text("no image")
    paths[6].unlink()
    expected = [None if n in (4, 6) else (20 + n, 30) for n in range(8)]
    assert sizes(paths) == expected
    assert read_headers([]) == []


def test_a_header_that_crashes_or_hangs_costs_its_own_size(tmp_path: Path, misbehaving: None) -> None:
    paths = [tmp_path / name for name in ("a.png", "crash.bmp", "b.png", "hang.tif", "c.png")]
    for path in paths:
        Image.fromarray(picture(20, 30)).save(path)
    assert sizes(paths) == [(20, 30), None, (20, 30), None, (20, 30)]


def test_a_plan_lives_on_with_a_header_that_crashes(root: Path, tmp_path: Path, misbehaving: None) -> None:
    folder = many_photos(tmp_path / "many", 3)
    before = PipelineRunner(root).preview(study(FOUR[0]), images=folder)
    Image.fromarray(picture(320, 320)).save(folder / "crash.bmp")
    after = PipelineRunner(root).preview(study(FOUR[0]), images=folder)
    assert after.images == before.images + 1
    assert after.megapixels == before.megapixels


def test_reading_headers_does_not_load_the_compiler_of_the_metrics() -> None:
    code = "import sys, codecstudy.images.header; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
