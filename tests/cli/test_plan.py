"""``codecstudy plan`` and ``codecstudy run --verify``, as a user's shell sees them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from codecstudy.cli.plan import parse_share
from codecstudy.errors import ResultsError

STUDY = {
    "id": "mine",
    "dataset": {"id": "sample"},
    "encoders": [{"format": "jpeg", "quality": [10, 50, 98]}, {"format": "webp", "quality": [5, 60, 100]}],
    "metrics": ["ssimulacra2"],
}

HERE = ("--workers", 0)
"""Without worker processes, whose start takes longer than the little there is to measure."""


def codecstudy(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "codecstudy", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={**os.environ, "COLUMNS": "200", "NO_COLOR": "1"},
    )


@pytest.fixture
def study_file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(STUDY))
    return path


@pytest.fixture
def smooth(tmp_path: Path) -> Path:
    folder = tmp_path / "smooth"
    folder.mkdir()
    for seed in range(14):
        coarse = np.random.default_rng(seed).integers(20, 236, (8, 10, 3)).astype(np.uint8)
        Image.fromarray(coarse).resize((96, 80), Image.Resampling.BICUBIC).save(folder / f"{seed:02}.png")
    return folder


def test_a_plan_measures_twelve_images_or_uses_what_the_store_knows(
    study_file: Path, smooth: Path, root: Path
) -> None:
    command = ("plan", study_file, "--images", smooth, "--root", root, "--json", "--time-budget", "1h", *HERE)
    first = codecstudy(*command)
    assert first.returncode == 0, first.stderr
    document = json.loads(first.stdout)
    assert (document["pilot"], document["population"], document["available_images"]) == (12, 14, 14)
    (saving,) = document["savings"]
    assert saving["images_without_interpolation"] >= 20
    assert document["without_interpolation"]["images"] == saving["images_without_interpolation"]
    assert document["dataset"]["further_images"] == document["dataset"]["images"] - 12
    assert document["budget"]["images"] == 14
    assert not (root / "data" / "metrics" / "mine").exists()

    assert codecstudy("run", study_file, "--images", smooth, "--root", root, "--quiet", *HERE).returncode == 0
    again = codecstudy("plan", study_file, "--images", smooth, "--root", root, "--precision", "50%", *HERE)
    assert again.returncode == 0, again.stderr
    assert "planned from 14 images" in again.stdout
    assert "0 tasks" in again.stderr


@pytest.mark.parametrize(
    ("text", "share"), [("2%", 0.02), ("0.5 %", 0.005), ("0.02", 0.02), (".1", 0.1), ("99%", 0.99)]
)
def test_a_precision_is_a_share_or_a_percentage(text: str, share: float) -> None:
    assert parse_share(text) == pytest.approx(share)


@pytest.mark.parametrize("text", ["2x", "0", "100%", "2", "-1%", "", "nan"])
def test_any_other_precision_is_refused(text: str) -> None:
    with pytest.raises(ResultsError, match=r"is not a valid precision; use a format such as 2% or 0\.02"):
        parse_share(text)


def test_verify_names_what_it_verified(study_file: Path, smooth: Path, root: Path) -> None:
    for extra in sorted(smooth.iterdir())[4:]:
        extra.unlink()
    run = ("run", study_file, "--images", smooth, "--root", root, "--verify", *HERE)
    done = codecstudy(*run)
    assert done.returncode == 0, done.stderr
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("verified: ")]
    assert "jpeg q" in line
    assert "webp q" in line
    assert "measured for that, in addition to the study: " in done.stdout
    results = root / "data" / "metrics" / "mine"
    answer = codecstudy("recommend", results).stdout
    assert "interpolated" not in answer
    assert all(setting in answer for setting in line.removeprefix("verified: ").split(", "))
    assert codecstudy("diff", results, results).returncode == 0

    document = json.loads(codecstudy(*run, "--json", "--target", "70").stdout)["verification"]
    assert (document["target"], document["unverified"], document["reason"]) == (70, [], None)
    assert len(document["verified"]) == 2


def test_a_target_without_verification_is_refused(study_file: Path, root: Path) -> None:
    refused = codecstudy("run", study_file, "--root", root, "--target", "70")
    assert refused.returncode == 2
    assert "--target says what to verify; add --verify" in refused.stderr
