"""``codecstudy run --shard`` and ``codecstudy merge`` as commands."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from codecstudy.api import load_results
from codecstudy.cli import app
from codecstudy.pipeline.runner import PipelineRunner
from support.pipeline_runs import study, timeless

JPEG = study({"format": "jpeg", "quality": [50, 90]})


def codecstudy(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "codecstudy", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


def shard(root: Path, photos: Path, number: int) -> Path:
    """The folder with the results of one of two shards."""
    runner = PipelineRunner(root)
    runner.run(JPEG, images=photos, num_workers=0, shard=(number, 2))
    return runner.results_path("test", (number, 2)).parent


def test_shards_are_run_merged_and_compared(photos: Path, tmp_path: Path) -> None:
    file = tmp_path / "study.json"
    file.write_text(json.dumps(JPEG.to_dict()))
    done = codecstudy(
        "run", file, "--images", photos, "--shard", "2/2", "--root", tmp_path / "2", "--workers", 2
    )
    assert done.returncode == 0, done.stderr
    assert "part: shard 2/2 of the sample: 2 of 4 images" in done.stdout
    shard(tmp_path / "1", photos, 1)
    whole = PipelineRunner(tmp_path / "whole").run(JPEG, images=photos, num_workers=0)
    parts = [tmp_path / str(k) / "data/metrics/test" / f"shard-{k}-of-2" for k in (1, 2)]
    done = codecstudy("merge", *parts, "-o", tmp_path / "all")
    assert done.returncode == 0, done.stderr
    assert "merged: 2 inputs, 4 images, 8 records" in done.stdout
    assert (tmp_path / "all" / "quality.parquet").exists()
    merged = load_results(tmp_path / "all")
    assert timeless(list(merged.measurements)) == timeless(list(whole.measurements))
    assert merged.run.command is not None
    assert merged.run.command.startswith("codecstudy merge")

    def invoke(*arguments: object) -> str:
        return CliRunner().invoke(app, [*map(str, arguments)]).output

    said = invoke("diff", tmp_path / "all", parts[0], "--format", "markdown")
    assert "HEAD is shard 1/2 of the sample: 2 of 4 images" in said
    assert "failed: 2 problems" in said
    assert "note: shard 1/2 of the sample" in invoke("recommend", parts[0], "--target", 20)
    page = tmp_path / "1" / "data/analysis/test/shard-1-of-2/report.html"
    assert invoke("report", parts[0]).split() == [str(page)]
    assert "(only shard 1/2 of the sample)" in page.read_text()
    assert "these are only shard 1/2 of the study&#39;s sample of 4" in page.read_text()


def test_stores_are_merged_and_a_run_knows_what_they_know(photos: Path, tmp_path: Path) -> None:
    for number in (1, 2):
        shard(tmp_path / f"{number}", photos, number)
    stores = [tmp_path / str(k) / "data" for k in (1, 2)]
    target = tmp_path / "all" / "data" / "store.sqlite"
    done = CliRunner().invoke(app, ["merge", *map(str, stores), "-o", str(target), "--json"])
    assert json.loads(done.stdout)["added"] == 8
    assert PipelineRunner(tmp_path / "all").preview(JPEG, images=photos).known == 8


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["a"], "shards are missing: 2/2. Add their results, or give --partial"),
        (["a", "store"], "merge results with results, and stores with stores"),
        (["store", "--partial"], "--partial is for results"),
        (["a", "--prefer", "newest"], "--prefer 'newest' is not one of: first, last"),
        (["a", "empty"], "there is neither quality.json nor store.sqlite"),
        (["a", "missing.json"], "missing.json: no such results file"),
        (["missing.sqlite"], "missing.sqlite: there is no measurement store"),
    ],
    ids=lambda value: str(value),
)
def test_what_cannot_be_merged_is_refused_with_advice(
    options: list[str], said: str, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(shard(tmp_path / "root", photos, 1), tmp_path / "a")
    (tmp_path / "store").mkdir()
    (tmp_path / "empty").mkdir()
    shutil.copy(tmp_path / "root" / "data" / "store.sqlite", tmp_path / "store")
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["merge", *options, "-o", "all"])
    assert done.exit_code == 2
    assert said in done.output
    assert not (tmp_path / "all").exists()


def test_results_of_another_study_are_not_replaced(photos: Path, tmp_path: Path) -> None:
    folder = shard(tmp_path, photos, 1)
    other = tmp_path / "other"
    results = PipelineRunner(tmp_path).run(
        study({"format": "jpeg", "quality": 50}, id="other"), images=photos, num_workers=0
    )
    results.save(other / "quality.json")
    done = CliRunner().invoke(app, ["merge", str(folder), "--partial", "-o", str(other)])
    assert done.exit_code == 2
    assert "the results of another study, other" in done.output


@pytest.mark.parametrize("value", ["3", "0/2", "3/2", "a/b", "1/2/3", "-1/2"])
def test_a_shard_that_is_none_is_refused(value: str, photos: Path) -> None:
    done = CliRunner().invoke(app, ["run", "demo", "--images", str(photos), "--shard", value])
    assert done.exit_code == 2
    assert "as in 3/8" in done.output
