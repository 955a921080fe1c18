"""Images that are smaller than a metric needs keep the scores that exist, from the run to the report."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from codecstudy import PipelineRunner, StudyConfig, measure
from codecstudy.analysis.points import collect
from codecstudy.cli import app
from codecstudy.pipeline import events
from codecstudy.results import QualityResults
from conftest import picture

EDGES = (1, 8, 10, 48, 49)
STUDY = {
    "id": "small",
    "dataset": {"id": "small"},
    "encoders": [{"format": format, "quality": [40, 90]} for format in ("jpeg", "webp")],
}


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("small")
    (folder / "images").mkdir()
    for edge in EDGES:
        Image.fromarray(picture(edge, edge)).save(folder / "images" / f"{edge:02}.png")
    return folder


@pytest.fixture(scope="module")
def results(workspace: Path) -> QualityResults:
    config = StudyConfig.model_validate(STUDY)
    return PipelineRunner(workspace).run(config, images=workspace / "images", num_workers=0)


def test_a_metric_that_needs_larger_images_gives_no_score_and_a_note(results: QualityResults) -> None:
    known = {
        record.source_image: (
            [
                name
                for name in ("ssimulacra2", "butteraugli", "psnr", "ssim")
                if record.score(name) is not None
            ],
            record.source_notes,
        )
        for record in results.measurements
    }
    assert {record.status for record in results.measurements} == {"measured"}
    assert known["01.png"][0] == ["psnr"]
    assert known["08.png"] == (
        ["ssimulacra2", "butteraugli", "psnr"],
        "no SSIM: it needs 11 pixels per side",
    )
    assert known["10.png"] == known["08.png"]
    assert known["48.png"] == (["ssimulacra2", "butteraugli", "psnr", "ssim"], None)


def test_it_is_not_tried_again(workspace: Path, results: QualityResults) -> None:
    seen: list[events.Event] = []
    config = StudyConfig.model_validate(STUDY)
    again = PipelineRunner(workspace).run(
        config, images=workspace / "images", num_workers=0, on_event=seen.append
    )
    assert not any(isinstance(event, events.Finished) for event in seen)
    assert list(again.measurements) == list(results.measurements)


def test_an_answer_leaves_them_out_by_name(results: QualityResults) -> None:
    points = collect(results)
    for metric, left_out in (
        ("psnr", ()),
        ("ssimulacra2", ("01.png",)),
        ("ssim", ("01.png", "08.png", "10.png")),
    ):
        scored = points.scored(metric)
        assert scored.counts.images_without_score == left_out
        assert set(scored.images) == set(points.images) - set(left_out)


@pytest.mark.parametrize(
    "arguments",
    [
        ("recommend", "{}", "--target", "20"),
        ("recommend", "{}", "--metric", "ssim", "--target", "0.5"),
        ("report", "{}"),
        ("export", "{}", "--format", "csv"),
        ("export", "{}", "--format", "summary"),
        ("export", "{}", "--format", "codec-compare"),
        ("diff", "{}", "{}"),
    ],
    ids=" ".join,
)
def test_every_command_reads_them(
    workspace: Path, results: QualityResults, arguments: tuple[str, ...]
) -> None:
    path = workspace / "data" / "metrics" / "small" / "quality.json"
    done = CliRunner().invoke(app, [argument.format(path) for argument in arguments])
    assert done.exit_code == 0, done.output
    if arguments[0] == "recommend":
        assert "needs larger images: 01.png" in done.stdout
        assert "/5" not in done.stdout


def test_a_reference_has_the_scores_that_exist(workspace: Path) -> None:
    path = workspace / "images" / "08.png"
    assert measure(path, path).keys() == {"ssimulacra2", "butteraugli", "butteraugli_3norm", "psnr"}
    done = CliRunner().invoke(app, ["measure", str(path), str(path), "--json"])
    assert json.loads(done.stdout)["ssimulacra2"] == 100
