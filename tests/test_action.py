"""``action.yml``: valid, and its scripts do with real commands what they say."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from codecstudy.cli import app
from codecstudy.pipeline.runner import PipelineRunner
from support.pipeline_runs import study

ROOT = Path(__file__).resolve().parents[1]
ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text())
STEPS: dict[str, dict[str, Any]] = {step["name"]: step for step in ACTION["runs"]["steps"]}
JPEG = study({"format": "jpeg", "quality": [50, 90]})


def test_every_command_and_option_exists() -> None:
    commands: dict[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    used = re.findall(r"^ *codecstudy (\w+)((?:\\\n|.)*)", "\n".join(s["run"] for s in STEPS.values()), re.M)
    assert [name for name, _ in used] == ["run", "merge", "report", "diff"]
    for name, rest in used:
        options = {option for parameter in commands[name].params for option in parameter.opts}
        assert set(re.findall(r"(?<![\w-])--[a-z-]+", rest)) <= options, name


def test_every_expression_names_an_input_or_a_step() -> None:
    text = (ROOT / "action.yml").read_text()
    ids = {step["id"] for step in STEPS.values() if "id" in step}
    assert set(re.findall(r"inputs\.([\w-]+)", text)) == set(ACTION["inputs"])
    assert set(re.findall(r"steps\.(\w+)\.outputs", text)) <= ids
    for step in STEPS.values():
        assert step["shell"] == "bash"
        assert "${{" not in step["run"], "the text of an input could be a command"


def run(step: str, folder: Path, **variables: str) -> tuple[int, dict[str, str], str]:
    """Run the script of a step as the runner does: its exit code, its outputs, and what it prints."""
    output = folder / "github-output"
    output.write_text("")
    environment = dict.fromkeys(STEPS[step].get("env", {}), "") | variables
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", STEPS[step]["run"]],
        cwd=folder,
        env=os.environ
        | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "GITHUB_OUTPUT": str(output),
            "GITHUB_STEP_SUMMARY": str(folder / "summary.md"),
            "RUNNER_TEMP": str(folder),
        }
        | environment,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    outputs = dict(line.split("=", 1) for line in output.read_text().splitlines())
    return done.returncode, outputs, done.stdout + done.stderr


def test_a_shard_is_run_merged_with_the_other_and_compared(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "study.json").write_text(json.dumps(JPEG.to_dict()))
    shards = tmp_path / "shards"
    for number in (1, 2):
        PipelineRunner(tmp_path).run(JPEG, images=photos, num_workers=0, shard=(number, 2))
    made = tmp_path / "data" / "metrics" / "test"
    code, outputs, printed = run(
        "Run the study", tmp_path, STUDY="study.json", SHARD="2/2", IMAGES=str(photos), ROOT="."
    )
    assert (code, outputs) == (0, {"results": str(made / "shard-2-of-2")}), printed
    made.rename(shards)

    code, outputs, printed = run("Merge results", tmp_path, MERGE="shards/shard-*\n", OUTPUT="merged")
    assert (code, outputs) == (0, {"results": "merged"}), printed
    compare = {"GATE": "corpus", "TOLERANCE": "1%", "COMMENT": "false"}
    code, outputs, printed = run(
        "Compare with the base", tmp_path, RESULTS="merged", BASE="merged", **compare
    )
    assert code == 0, printed
    assert "### codecstudy diff passed" in (tmp_path / "summary.md").read_text()
    assert Path(outputs["comparison"]).read_text() == (tmp_path / "summary.md").read_text()


def test_nothing_to_merge_is_an_error(tmp_path: Path) -> None:
    code, outputs, printed = run("Merge results", tmp_path, MERGE="shards/*", OUTPUT="merged")
    assert (code, outputs) == (2, {})
    assert "::error::nothing to merge matches: shards/*" in printed


def test_the_page_uses_the_action_as_it_is() -> None:
    page = (ROOT / "docs" / "how-to" / "ci-matrix.md").read_text()
    (workflow,) = [yaml.safe_load(text) for text in re.findall(r"```text[^\n]*\n(name:.*?)```", page, re.S)]
    used = [
        step["with"]
        for job in workflow["jobs"].values()
        for step in job["steps"]
        if step.get("uses", "").startswith("codecstudy/codecstudy@")
    ]
    assert len(used) == 2
    for inputs in used:
        assert set(inputs) <= set(ACTION["inputs"])


@pytest.mark.parametrize("key", ["name", "description", "inputs", "outputs"])
def test_the_action_is_described(key: str) -> None:
    assert ACTION[key]
    for name, facts in (ACTION["inputs"] | ACTION["outputs"]).items():
        assert facts["description"].endswith("."), name
