"""The names that the README promises, and what importing them costs."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import codecstudy
from conftest import picture
from support.synthetic import Formula, study


def test_every_promised_name_is_there() -> None:
    for name in codecstudy.__all__:
        assert getattr(codecstudy, name) is not None
        assert name in dir(codecstudy)
    with pytest.raises(AttributeError, match="no_such_name"):
        codecstudy.no_such_name  # noqa: B018


def test_importing_the_package_imports_nothing_heavy() -> None:
    script = (
        "import sys, codecstudy; heavy = {'numpy', 'numba', 'polars', 'PIL', 'scipy'} & set(sys.modules);"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_measure_takes_arrays_and_any_choice_of_metrics() -> None:
    original = picture()
    distorted = np.clip(original.astype(int) + 5, 0, 255).astype(np.uint8)
    everything = codecstudy.measure(original, distorted)
    assert list(everything) == ["ssimulacra2", "butteraugli", "butteraugli_3norm", "psnr", "ssim"]
    assert codecstudy.measure(original, distorted, metrics=("psnr",)) == {"psnr": everything["psnr"]}
    reference = codecstudy.Reference(original)
    assert reference.scores(distorted) == everything
    assert reference.scores(original)["ssimulacra2"] == 100


@pytest.mark.parametrize(
    ("reference", "distorted", "message"),
    [
        (picture(), picture(20, 20), r"\(40, 48, 3\).*\(20, 20, 3\)"),
        (picture().astype(float), picture(), "reference has dtype float64"),
        (picture(), picture()[:, :, 0], r"distorted has shape \(40, 48\)"),
        (picture()[:0], picture(), "reference is empty"),
    ],
)
def test_measure_names_what_does_not_fit(reference: object, distorted: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        codecstudy.measure(reference, distorted)  # type: ignore[arg-type]


def test_an_unknown_metric_is_named() -> None:
    with pytest.raises(ValueError, match="'vmaf'"):
        codecstudy.measure(picture(), picture(), metrics=("vmaf",))


def test_a_run_is_answered_compared_exported_and_reported(root: Path, photos: Path, tmp_path: Path) -> None:
    config = codecstudy.StudyConfig.model_validate(
        {
            "id": "library",
            "dataset": {"id": "sample"},
            "encoders": [{"format": name, "quality": [30, 60, 90]} for name in ("jpeg", "webp")],
        }
    )
    options = codecstudy.RunOptions(images=photos)
    codecstudy.PipelineRunner(root).run(config, save_artifacts=True, num_workers=1, options=options)
    results = codecstudy.load_results(root / "data" / "metrics" / "library")
    target = statistics.median(record.psnr or 0.0 for record in results.measurements)
    answer = codecstudy.recommend(results, "psnr", target=target)
    assert {item.format for item in answer.items} == {"jpeg", "webp"}
    assert codecstudy.diff(results, results, "psnr", targets=[target]).exit_code == 0
    (csv,) = codecstudy.export(results, "csv", tmp_path / "records.csv")
    assert len(csv.read_text().splitlines()) == 1 + len(results.measurements)
    page = codecstudy.write_report(
        results,
        tmp_path / "report.html",
        root=root,
        options=codecstudy.ReportOptions(metric="psnr", target=target),
    )
    assert "PSNR" in page.read_text()


def test_results_of_the_first_edition_are_completed_with_facts(root: Path, tmp_path: Path) -> None:
    results = study([Formula("jpeg"), Formula("webp")], 4)
    path = tmp_path / "quality.json"
    results.save(path)
    document = json.loads(path.read_text())
    for member in ("encoders", "metrics", "commands", "stop_reason", "checksum"):
        del document[member]
    path.write_text(json.dumps(document))
    with pytest.raises(codecstudy.CodecstudyError, match=r"codecstudy\.load_results"):
        codecstudy.recommend(codecstudy.QualityResults.load(path))
    assert codecstudy.recommend(codecstudy.load_results(path)) == codecstudy.recommend(results)


def test_the_sample_needs_no_download(root: Path) -> None:
    assert codecstudy.fetch_dataset(root, "sample").images
