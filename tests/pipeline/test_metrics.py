"""A study measures the metrics that it names; a new or corrected one is scored without measuring the rest again."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

import codecstudy
from codecstudy import metrics, registry
from codecstudy.pipeline import events
from codecstudy.pipeline.runner import PipelineRunner
from codecstudy.results import QualityRecord, QualityResults
from support import fake_codecs
from support.pipeline_runs import fake, study, timeless

ENCODER = {"format": "jpeg", "quality": [30, 50, 70, 90]}


@pytest.fixture(autouse=True)
def unchanged_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics._registry, "_loaded", {})
    monkeypatch.setattr(metrics._registry, "_registered", {})


@pytest.fixture
def run(root: Path, photos: Path) -> Callable[..., tuple[QualityResults, int]]:
    """Run a study of these metrics; its results, and how many tasks that took."""

    def run_study(
        *names: str, save_artifacts: bool = False, fresh: bool = False
    ) -> tuple[QualityResults, int]:
        seen: list[events.Event] = []
        config = study(ENCODER, metrics=list(names))
        runner = PipelineRunner(root)
        results = runner.run(
            config, None, save_artifacts, 1, images=photos, on_event=seen.append, fresh=fresh
        )
        assert all(record.status == "measured" for record in results.measurements)
        return results, sum(isinstance(event, events.Finished) for event in seen)

    return run_study


def correct(monkeypatch: pytest.MonkeyPatch, name: str, version: str) -> None:
    """Give a metric another version, as a release that corrects it would."""
    metric = metrics.get(name)
    facts = dataclasses.replace(metric.facts, version=version)
    monkeypatch.setitem(metrics._registry._loaded, name, dataclasses.replace(metric, facts=facts))


def scored(records: list[QualityRecord], column: str) -> list[float | None]:
    return [record.score(column) for record in records]


def without_scores(records: list[QualityRecord]) -> list[QualityRecord]:
    names = ("ssimulacra2", "psnr", "ssim", "butteraugli", "butteraugli_3norm", "metrics_cpu_time")
    return [dataclasses.replace(r, scores={}, **dict.fromkeys(names)) for r in records]


def test_only_the_metrics_that_a_study_names_are_measured(
    run: Callable[..., tuple[QualityResults, int]],
) -> None:
    results, _ = run("ssim", "psnr")
    assert [facts.name for facts in results.metrics] == ["ssim", "psnr"]
    for record in results.measurements:
        assert record.psnr is not None
        assert record.ssim is not None
        assert (record.ssimulacra2, record.butteraugli, record.butteraugli_3norm) == (None, None, None)
    assert {"ssim", "psnr"} == results.tool_versions.keys() - {"codecstudy", "images", "jpeg"}


@pytest.mark.parametrize("save_artifacts", [True, False])
def test_a_new_metric_is_scored_and_sizes_and_times_stay(
    run: Callable[..., tuple[QualityResults, int]], save_artifacts: bool
) -> None:
    first, measured = run("psnr", save_artifacts=save_artifacts)
    assert measured == 16
    more, measured = run("psnr", "ssim", save_artifacts=save_artifacts)
    assert measured == 16
    assert without_scores(more.measurements) == without_scores(first.measurements), "times among it"
    assert scored(more.measurements, "psnr") == scored(first.measurements, "psnr")
    fresh, _ = run("psnr", "ssim", save_artifacts=save_artifacts, fresh=True)
    assert timeless(fresh.measurements) == timeless(more.measurements)
    again, measured = run("ssim", save_artifacts=save_artifacts)
    assert (measured, scored(again.measurements, "psnr")) == (0, [None] * 16)


@pytest.mark.parametrize("save_artifacts", [True, False])
def test_a_corrected_metric_alone_is_scored_again(
    run: Callable[..., tuple[QualityResults, int]], monkeypatch: pytest.MonkeyPatch, save_artifacts: bool
) -> None:
    first, _ = run("psnr", "ssim", save_artifacts=save_artifacts)
    correct(monkeypatch, "psnr", "2")
    second, measured = run("psnr", "ssim", save_artifacts=save_artifacts)
    assert measured == 16
    assert second.tool_versions["psnr"] == "2"
    assert without_scores(second.measurements) == without_scores(first.measurements), "times among it"
    third, measured = run("psnr", "ssim", save_artifacts=save_artifacts)
    assert (measured, third.measurements) == (0, second.measurements)
    correct(monkeypatch, "psnr", "1")
    back, measured = run("psnr", "ssim", save_artifacts=save_artifacts)
    assert (measured, back.measurements) == (0, first.measurements), "scores of the earlier version are kept"


def test_saved_files_are_scored_without_encoding(
    root: Path, photos: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    format = fake("COUNTER")
    monkeypatch.setenv(fake_codecs.COUNTER_FILE, str(root.parent / "encodes"))

    def run(*names: str, save_artifacts: bool) -> tuple[QualityResults, int]:
        (root.parent / "encodes").write_text("")
        config = study({"format": format, "quality": [20, 40]}, metrics=list(names))
        results = PipelineRunner(root).run(config, None, save_artifacts, 1, images=photos)
        return results, len((root.parent / "encodes").read_text())

    first, encodes = run("psnr", save_artifacts=True)
    assert encodes == 8
    for save_artifacts, names in ((True, ("psnr", "ssim")), (False, ("psnr", "ssimulacra2"))):
        results, encodes = run(*names, save_artifacts=save_artifacts)
        assert encodes == 0
        assert scored(results.measurements, "psnr") == scored(first.measurements, "psnr")
    (root / str(first.measurements[0].encoded_path)).write_bytes(b"another file")
    _, encodes = run("psnr", "butteraugli", save_artifacts=False)
    assert encodes == 1
    assert not caplog.records


def test_an_encoder_that_gives_other_bytes_replaces_what_was_measured(
    root: Path, photos: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    format = fake("DRIFTING")

    def run(drift: str, *names: str) -> list[QualityRecord]:
        monkeypatch.setenv(fake_codecs.DRIFT, drift)
        config = study({"format": format, "quality": 20}, metrics=list(names))
        return PipelineRunner(root).run(config, images=photos, num_workers=1).measurements

    first = run("0", "psnr")
    assert scored(run("0", "psnr", "ssim"), "psnr") == scored(first, "psnr")
    assert not caplog.records
    drifted = run("1", "psnr", "ssimulacra2")
    assert all(a.score("psnr") != b.score("psnr") for a, b in zip(first, drifted, strict=True))
    assert [record.message for record in caplog.records if "is replaced" in record.message]
    assert len(caplog.records) == 4


# -- a metric of somebody else's

PLUGIN = textwrap.dedent(
    """
    import numpy as np
    from codecstudy.metrics.base import Metric, check_pair
    from codecstudy.types import MetricColumn, MetricFacts

    FACTS = MetricFacts(
        name="mymetric",
        title="My metric",
        version="7",
        columns=(
            MetricColumn(
                name="mymetric",
                title="My metric",
                description="Mean absolute error; lower is better",
                higher_is_better=False,
                targets=(12.0, 10.0, 8.0, 7.0),
                usual_target=8.0,
                identical=0.0,
                digits=3,
            ),
        ),
        citation="none",
        explanation="is how far the samples are apart.",
    )


    class Prepared:
        def __init__(self, reference):
            self.reference = reference.astype(float)

        def scores(self, distorted):
            pixels = check_pair(self.reference.shape, distorted)
            return {"mymetric": float(np.abs(self.reference - pixels).mean())}


    METRIC = Metric(FACTS, Prepared)
    """
)


@pytest.fixture(params=["entry point", "registered"])
def plugin(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An installed package with a metric; how it was made known."""
    site = tmp_path / "site"
    (site / "my_package").mkdir(parents=True)
    (site / "my_package" / "__init__.py").write_text(PLUGIN)
    monkeypatch.syspath_prepend(str(site))
    if request.param == "entry point":
        info = site / "my_package-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-package\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text("[codecstudy.metrics]\nmymetric = my_package:METRIC\n")
    else:
        metrics.register("my_package:METRIC")
    yield request.param
    sys.modules.pop("my_package", None)


def command(*arguments: object, cwd: Path, **env: str) -> str:
    """What a ``codecstudy`` command prints in a process of its own, which has no plugin."""
    line = [sys.executable, "-m", "codecstudy", *map(str, arguments)]
    done = subprocess.run(line, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_results_of_a_plugins_metric_are_whole_where_the_plugin_is_not(
    plugin: str, run: Callable[..., tuple[QualityResults, int]], root: Path, tmp_path: Path
) -> None:
    results, _ = run("psnr", "mymetric", save_artifacts=True)
    assert results.tool_versions["mymetric"].startswith("7 (source ")
    assert all(record.scores.keys() == {"mymetric"} for record in results.measurements)
    folder = root / "data" / "metrics" / "test"
    assert "no module" in _import_error(tmp_path)

    answer = json.loads(command("recommend", folder, "--metric", "mymetric", "--json", cwd=tmp_path))
    assert (answer["metric"], answer["target"]) == ("mymetric", 8.0)
    assert answer["items"][0]["setting"] is not None
    assert "My metric 8 or better" in command("recommend", folder, "--metric", "mymetric", cwd=tmp_path)
    assert "PSNR (dB) 40 or better" in command("recommend", folder, "--target", 40, cwd=tmp_path)
    verdicts = json.loads(command("diff", folder, folder, "--metric", "mymetric", "--json", cwd=tmp_path))
    assert verdicts["exit_code"] == 0

    page = tmp_path / "report.html"
    command("report", folder, "--metric", "mymetric", "-o", page, cwd=tmp_path)
    text = page.read_text()
    assert "<dfn>My metric</dfn>" in text
    assert "<dt>My metric</dt><dd>is how far the samples are apart.</dd>" in text
    assert '"mymetric":{"title":"My metric","up":false,"digits":3}' in text

    command("export", folder, "--format", "csv", "-o", tmp_path / "rows.csv", cwd=tmp_path)
    assert "mymetric" in (tmp_path / "rows.csv").read_text().splitlines()[0]
    command("export", folder, "--format", "codec-compare", "-o", tmp_path / "viewer", cwd=tmp_path)
    (batch,) = [p for p in (tmp_path / "viewer").iterdir() if p.name != "batches.json"]
    fields = json.loads(batch.read_text())["field_descriptions"]
    assert {"mymetric": "Mean absolute error; lower is better"} in fields


def _import_error(folder: Path) -> str:
    line = [sys.executable, "-c", "import my_package"]
    return subprocess.run(line, cwd=folder, capture_output=True, text=True, check=False).stderr.lower()


def test_measure_and_doctor_know_an_installed_plugin(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    points = [EntryPoint("absolute", "support.fake_metrics:ABSOLUTE", metrics.ENTRY_POINT_GROUP)]
    monkeypatch.setattr(registry, "entry_points", lambda group: points)
    found = codecstudy.measure(photos / "a.png", photos / "a.png", ["absolute", "psnr"])
    assert found == {"absolute": 0.0, "absolute_max": 0.0, "psnr": float("inf")}
    assert set(codecstudy.measure(photos / "a.png", photos / "a.png")) == {
        *("ssimulacra2", "butteraugli", "butteraugli_3norm", "psnr", "ssim")
    }
