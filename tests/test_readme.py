"""The examples in the README and in the docs run as they stand."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from conftest import picture

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = (ROOT / "README.md", ROOT / "docs" / "metrics.md")


def blocks(path: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", path.read_text(encoding="utf-8"), re.S | re.M)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_python_examples_run(path: Path, tmp_path: Path) -> None:
    for name in ("original.png", "encoded.avif", "q40.avif", "q60.avif", "q80.avif"):
        Image.fromarray(picture()).save(tmp_path / name)
    examples = blocks(path, "python")
    assert examples
    for example in examples:
        done = subprocess.run(
            [sys.executable, "-c", example], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert "ssimulacra2" in done.stdout


def test_the_study_file_loads(tmp_path: Path) -> None:
    from codecstudy.study import StudyConfig

    (example,) = blocks(ROOT / "README.md", "toml")
    (tmp_path / "shop.toml").write_text(example)
    assert len(StudyConfig.load(tmp_path / "shop.toml").settings()) == 14


@pytest.mark.parametrize(
    "path", [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))], ids=str
)
def test_links_lead_somewhere_and_no_placeholder_is_left(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!https?://|#)([^)#]+)(?:#[^)]*)?\)", text):
        assert (path.parent / target).exists(), target
    assert not re.findall(r"^[A-Z_]{4,}$", text, re.M)
