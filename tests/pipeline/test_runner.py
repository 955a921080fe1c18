"""What the pipeline promises, on real processes with real codecs."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest
from PIL import Image

from codecstudy.pipeline import events
from codecstudy.pipeline.runner import PipelineRunner
from codecstudy.results import QualityRecord, QualityResults
from conftest import picture
from support.pipeline_runs import FOUR, fake, many_photos, start_script, study, timeless

# -- the main job


def test_every_image_gets_every_setting_with_all_scores(root: Path, photos: Path) -> None:
    results = PipelineRunner(root).run(study(*FOUR), images=photos, num_workers=2)
    assert len(results.measurements) == 4 * 5
    assert results.complete
    assert results.incomplete_reason is None
    for record in results.measurements:
        assert record.status == "measured", record.measurement_error
        scores = (record.ssimulacra2, record.butteraugli, record.butteraugli_3norm, record.psnr, record.ssim)
        assert all(isinstance(score, float) for score in scores)
        assert record.file_size
        assert record.encoding_cpu_time is not None
        assert record.encoded_path is None
        with Image.open(photos / record.source_image) as image:
            assert (record.width, record.height) == image.size
        assert record.source_file_size == (photos / record.source_image).stat().st_size


def test_results_are_saved_where_the_layout_says(root: Path, photos: Path) -> None:
    results = PipelineRunner(root).run(study(FOUR[0]), images=photos, num_workers=1)
    path = root / "data" / "metrics" / "test" / "quality.json"
    assert QualityResults.load(path) == results
    assert path.with_suffix(".parquet").is_file()
    assert not (root / "data" / "encoded").exists()
    assert {"jpeg", "ssimulacra2", "codecstudy"} <= set(results.tool_versions)


def test_records_do_not_depend_on_the_worker_count(tmp_path: Path, photos: Path) -> None:
    found = []
    for workers in (1, 2, 5):
        root = tmp_path / str(workers)
        found.append(PipelineRunner(root).run(study(*FOUR), images=photos, num_workers=workers))
    first = timeless(found[0].measurements)
    assert all(timeless(other.measurements) == first for other in found[1:])


def test_the_order_is_a_stable_sample(tmp_path: Path, photos: Path) -> None:
    def order(**dataset: object) -> list[str]:
        config = study(FOUR[0] | {"quality": 50}, dataset={"id": "sample", **dataset})
        results = PipelineRunner(tmp_path / "w").run(config, images=photos, num_workers=2)
        assert (results.run.order, results.run.seed) == (
            dataset.get("order", "hashed"),
            dataset.get("seed", 0),
        )
        return [record.source_image for record in results.measurements]

    assert order(order="name") == ["a.png", "b.png", "c.png", "inner/d.png"]
    assert order(max_images=2) == order()[:2]
    assert len({tuple(order(seed=seed)) for seed in range(6)}) > 1


def test_resolutions_never_enlarge_and_say_what_they_skipped(root: Path, photos: Path) -> None:
    config = study({"format": "jpeg", "quality": 80, "resolution": [32, 49, None]})
    results = PipelineRunner(root).run(config, images=photos, num_workers=2)
    by_size = {(r.source_image, r.resolution): r for r in results.measurements}
    assert by_size["a.png", 32].width == 32
    assert by_size["a.png", None].width == 48
    small = by_size["a.png", 49]
    assert (small.status, small.file_size) == ("skipped", None)
    assert "never enlarged" in str(small.measurement_error)
    assert by_size["b.png", 49].status == "measured"
    assert results.complete


def test_crops_are_encoded_whole_and_scored_on_the_fragment(root: Path, tmp_path: Path) -> None:
    folder = tmp_path / "large"
    folder.mkdir()
    Image.fromarray(picture(300, 200)).save(folder / "a.png")
    config = study(
        {"format": "jpeg", "quality": 50, "crop": [120, 240]},
        analysis_fragment_size=64,
        crop_too_small_strategy="skip_measurement",
    )
    records = PipelineRunner(root).run(config, images=folder, num_workers=1).measurements
    assert sorted((r.crop, r.width, r.height) for r in records) == [(120, 120, 80), (240, 240, 160)]
    assert all(r.status == "measured" for r in records)


def test_artifacts_are_kept_only_on_request_and_named_after_what_varies(root: Path, photos: Path) -> None:
    config = study(
        {"format": "jpeg", "quality": [50, 90], "resolution": [None, 32]},
        {"format": "webp", "quality": 60},
    )
    results = PipelineRunner(root).run(config, None, True, 2, images=photos)
    for record in results.measurements:
        assert record.encoded_path is not None
        assert (root / record.encoded_path).stat().st_size == record.file_size
    paths = {record.encoded_path for record in results.measurements}
    assert "data/encoded/test/jpeg/r32/inner/d_q50.jpg" in paths
    assert "data/encoded/test/webp/original/a_q60.webp" in paths


def test_artifacts_of_another_state_of_the_study_are_not_taken_for_this_ones(
    root: Path, photos: Path
) -> None:
    def run(method: int, save_artifacts: bool = True) -> list[QualityRecord]:
        # A method that does not vary is not in the file's name.
        config = study({"format": "webp", "quality": 60, "method": method})
        return PipelineRunner(root).run(config, None, save_artifacts, 1, images=photos).measurements

    run(6)
    run(0)
    for record in run(6):
        assert record.encoded_path is not None
        assert (root / record.encoded_path).stat().st_size == record.file_size
    (root / "data" / "encoded" / "test" / "webp" / "original" / "a_q60.webp").unlink()
    assert all(record.encoded_path is None for record in run(6, save_artifacts=False))
    assert all((root / str(record.encoded_path)).is_file() for record in run(6))


def test_a_lossless_result_is_infinite_psnr_and_100(root: Path, photos: Path) -> None:
    results = PipelineRunner(root).run(study({"format": "jxl", "quality": 100}), images=photos, num_workers=1)
    again = QualityResults.load(root / "data" / "metrics" / "test" / "quality.json")
    for record in (*results.measurements, *again.measurements):
        assert (record.ssimulacra2, record.psnr, record.butteraugli) == (100.0, float("inf"), 0.0)


# -- options and datasets


@pytest.mark.parametrize(
    "options", [{"num_workers": -1}, {"time_budget": 0.0}, {"time_budget": -1.0}, {"max_memory": 0}]
)
def test_options_out_of_range_are_refused(root: Path, photos: Path, options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"must be more than 0|give 1 or more"):
        PipelineRunner(root).run(study(FOUR[0]), images=photos, **options)  # type: ignore[arg-type]


def test_an_unknown_dataset_is_a_value_error(root: Path) -> None:
    with pytest.raises(ValueError, match="no-such"):
        PipelineRunner(root).run(study(FOUR[0], dataset={"id": "no-such"}))


def test_a_dataset_that_is_not_there_names_the_command(root: Path) -> None:
    with pytest.raises(FileNotFoundError, match="codecstudy datasets fetch div2k-valid"):
        PipelineRunner(root).run(study(FOUR[0], dataset={"id": "div2k-valid"}))


def test_a_folder_without_images_is_file_not_found(root: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError):
        PipelineRunner(root).run(study(FOUR[0]), images=tmp_path / "empty")


# -- failures are values


# -- the store: run again, and it grows


def test_what_is_known_is_not_measured_again(root: Path, photos: Path) -> None:
    def run(*encoders: dict[str, object], **options: object) -> tuple[QualityResults, int]:
        seen: list[events.Event] = []
        results = PipelineRunner(root).run(
            study(*encoders),
            images=photos,
            num_workers=2,
            on_event=seen.append,
            **options,  # type: ignore[arg-type]
        )
        return results, sum(isinstance(event, events.Finished) for event in seen)

    first, measured = run({"format": "jpeg", "quality": [50, 90]})
    assert measured == 8
    again, measured = run({"format": "jpeg", "quality": [50, 90]})
    assert measured == 0
    assert again.measurements == first.measurements
    more, measured = run({"format": "jpeg", "quality": [50, 70, 90]})
    assert measured == 4
    assert len(more.measurements) == 12
    fresh, measured = run({"format": "jpeg", "quality": [50, 90]}, fresh=True)
    assert measured == 8
    assert timeless(fresh.measurements) == timeless(first.measurements)


def test_a_changed_image_is_a_new_source(root: Path, photos: Path) -> None:
    runner = PipelineRunner(root)
    config = study({"format": "jpeg", "quality": 50})
    before = {
        r.source_image: r.file_size for r in runner.run(config, images=photos, num_workers=1).measurements
    }
    Image.fromarray(picture(48, 40, 99)).save(photos / "a.png")
    after = {
        r.source_image: r.file_size for r in runner.run(config, images=photos, num_workers=1).measurements
    }
    assert [name for name in before if before[name] != after[name]] == ["a.png"]


# -- time budget and interrupts


def test_a_script_without_a_main_guard_works(root: Path, photos: Path) -> None:
    script = start_script(root, photos, [20, 40])
    out, _ = script.communicate(timeout=120)
    assert script.returncode == 0
    assert out.split() == ["0", "complete", "True"]


def test_a_run_in_another_thread_works(root: Path, photos: Path) -> None:
    found: list[QualityResults] = []
    config = study({"format": fake("GOOD"), "quality": 50})
    thread = threading.Thread(
        target=lambda: found.append(PipelineRunner(root).run(config, images=photos, num_workers=2))
    )
    thread.start()
    thread.join()
    assert found[0].complete


# -- workers and memory


def test_free_workers_help_to_finish_the_last_image(root: Path, tmp_path: Path) -> None:
    config = study({"format": fake("SLOW"), "quality": list(range(10, 90, 4))})
    seen: list[events.Event] = []
    results = PipelineRunner(root).run(
        config, images=many_photos(tmp_path / "one", 1), num_workers=2, on_event=seen.append
    )
    assert results.complete
    assert any(isinstance(event, events.Helped) for event in seen)
    assert {event.worker for event in seen if isinstance(event, events.Finished)} == {0, 1}


def test_no_more_workers_start_than_there_are_tasks(root: Path, tmp_path: Path) -> None:
    folder = many_photos(tmp_path / "one", 1)
    config = study({"format": fake("GOOD"), "quality": [20, 40]})
    assert PipelineRunner(root).run(config, images=folder, num_workers=50).run.workers == 2


def test_the_preview_says_what_a_run_would_do(root: Path, photos: Path) -> None:
    runner = PipelineRunner(root)
    config = study({"format": fake("GOOD"), "quality": [20, 40]})
    assert (runner.preview(config, images=photos).tasks, root.exists()) == (8, False)
    runner.run(config, images=photos, num_workers=1)
    known = runner.preview(config, images=photos)
    assert (known.tasks, known.known, known.images) == (0, 8, 4)
    assert runner.preview(config, images=photos, fresh=True).tasks == 8
    assert runner.preview(config, images=photos, save_artifacts=True).tasks == 8, "there are no files yet"


# -- nothing lost: kill the parent anywhere


def test_quality_json_is_the_documented_shape(root: Path, photos: Path) -> None:
    PipelineRunner(root).run(study(FOUR[0]), images=photos, num_workers=1)
    document = json.loads((root / "data" / "metrics" / "test" / "quality.json").read_text())
    assert document["study_id"] == "test"
    assert document["dataset"]["image_count"] == 4
    assert document["timestamp"].endswith("+00:00")
    assert document["run"]["images_measured"] == 4
