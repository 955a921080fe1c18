"""The documentation's commands and examples run as they stand, one page after the other.

Blocks tagged ``sh`` are executed line by line, those tagged ``python`` each in a process of its own, in the page's
order and in one folder for the whole page. A block with a title is written to the file that the title names, and
not run. ``console`` and ``text`` are not run. Of ``make`` lines only the target's existence is checked. What ``pip
install`` installs goes into a folder of the page. Of CONTRIBUTING.md, ``test_contributing.py`` applies the blocks
with titles.

Each folder holds small images where the examples expect them. The dataset ``sample`` is those images, too: the
bundled photographs would take minutes.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from codecstudy.study import StudyConfig
from support.markdown import Block, blocks

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
WORKSPACES = (".", "base", "codecstudy-demo", "head", "shop", "workspace")
"""Folders that the examples give as ``--root`` or project root."""


def page_blocks(page: Path) -> list[Block]:
    """The page's fenced blocks, in order; those of CONTRIBUTING.md with a title are another test's."""
    found = blocks(page.read_text(encoding="utf-8"))
    return [block for block in found if not block.title] if page.name == "CONTRIBUTING.md" else found


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def commands(text: str) -> list[str]:
    """The commands of a ``sh`` block: a line each, without comments."""
    lines = text.replace("\\\n", " ").splitlines()
    return [command for line in lines if (command := re.sub(r"(^|\s+)#.*", "", line).strip())]


def smooth_picture(seed: int) -> Image.Image:
    """A picture that every encoder brings to SSIMULACRA2 80 within its usual qualities."""
    coarse = np.random.default_rng(seed).integers(20, 236, (8, 10, 3)).astype(np.uint8)
    return Image.fromarray(coarse).resize((96, 80), Image.Resampling.BICUBIC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A home folder in which the examples work."""
    photos = tmp_path / "photos"
    photos.mkdir()
    for seed in range(2):
        smooth_picture(seed).save(photos / f"{seed}.png")
    for example in ("original.png", "encoded.avif", "q40.avif", "q60.avif", "q80.avif"):
        smooth_picture(2).save(tmp_path / example)
    sample = {"id": "sample", "name": "Sample", "type": "folder", "path": str(photos)}
    for workspace in WORKSPACES:
        config = tmp_path / workspace / "config"
        config.mkdir(parents=True)
        (config / "datasets.json").write_text(json.dumps({"datasets": [sample]}))
    (tmp_path / ".venv").symlink_to(sys.prefix)
    return tmp_path


RUN = [page for page in PAGES if any(block.tag in ("sh", "python") for block in page_blocks(page))]


@pytest.mark.parametrize("page", RUN, ids=name)
def test_commands_and_examples_run(page: Path, folder: Path) -> None:
    environment = os.environ | {
        "HOME": str(folder),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(folder / "site"),
        # pip installs there, builds with what is installed, and fetches nothing.
        "PIP_TARGET": str(folder / "site"),
        "PIP_NO_BUILD_ISOLATION": "0",
        "PIP_NO_DEPS": "1",
        "PIP_NO_INDEX": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M)
    for block in page_blocks(page):
        if block.title:
            (folder / block.title).parent.mkdir(parents=True, exist_ok=True)
            (folder / block.title).write_text(block.text)
        elif block.tag == "sh":
            for command in commands(block.text):
                if command.startswith("make "):
                    assert command.removeprefix("make ") in targets, command
                    continue
                run(["bash", "-c", command], folder, environment)
        elif block.tag == "python":
            assert run([sys.executable, "-c", block.text], folder, environment), "the example prints nothing"


def run(command: list[str], folder: Path, environment: dict[str, str]) -> str:
    """What the command prints."""
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, f"{command[-1]}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_block_says_what_it_is(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    found = blocks(text)
    assert len(re.findall(r"^ *```", text, re.M)) == 2 * len(found)
    assert {block.tag for block in found} <= {"sh", "console", "python", "text", "toml", "diff", "jinja"}


@pytest.mark.parametrize(
    ("page", "settings"), [("README.md", 14), ("docs/how-to/own-study.md", 24)], ids=lambda value: str(value)
)
def test_study_files_have_as_many_settings_as_the_page_says(page: str, settings: int, tmp_path: Path) -> None:
    (example,) = [block.text for block in page_blocks(ROOT / page) if block.tag == "toml"]
    (tmp_path / "study.toml").write_text(example)
    assert len(StudyConfig.load(tmp_path / "study.toml").settings()) == settings


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere_and_no_placeholder_is_left(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!https?://|#)([^)#]+)(?:#[^)]*)?\)", text):
        assert (page.parent / target).exists(), target
    assert not re.findall(r"^[A-Z_]{4,}$", text, re.M)
