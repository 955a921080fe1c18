"""Which images a run measures, and what its results say about the sample."""

from __future__ import annotations

import dataclasses
import shutil
import sqlite3
from pathlib import Path

import pytest
from PIL import Image

from codecstudy.images import load
from codecstudy.images.phash import perceptual_hash
from codecstudy.pipeline import events
from codecstudy.pipeline.runner import PipelineRunner
from codecstudy.results import QualityResults
from conftest import picture
from support.pipeline_runs import study

JPEG = {"format": "jpeg", "quality": [50, 90]}


def files(results: QualityResults) -> list[str]:
    return list(dict.fromkeys(record.source_image for record in results.measurements))


@pytest.mark.parametrize("workers", [0, 2])
def test_a_content_is_measured_once_and_every_file_with_it_has_records(
    root: Path, photos: Path, workers: int
) -> None:
    shutil.copy(photos / "a.png", photos / "inner" / "a copy.png")
    shutil.copy(photos / "a.png", photos / "z.png")
    seen: list[events.Event] = []
    results = PipelineRunner(root).run(
        study(JPEG), save_artifacts=True, images=photos, num_workers=workers, on_event=seen.append
    )
    finished = [event for event in seen if isinstance(event, events.Finished)]
    assert len(finished) == 4 * 2
    assert finished[-1].images_done == 6
    (started,) = [event for event in seen if isinstance(event, events.Started)]
    assert (started.images, started.copies, started.tasks) == (6, 2, 8)
    assert (results.run.images_planned, results.run.images_measured, results.complete) == (6, 6, True)
    assert results.run.strata == {"": 3, "inner": 1}

    ordered = files(results)
    place = ordered.index("a.png")
    assert ordered[place : place + 3] == ["a.png", "inner/a copy.png", "z.png"]
    of = {name: [r for r in results.measurements if r.source_image == name] for name in ordered}
    for copy in ("inner/a copy.png", "z.png"):
        named = [dataclasses.replace(r, source_image="a.png", original_image="a.png") for r in of[copy]]
        assert named == of["a.png"]
    assert all((root / str(record.encoded_path)).is_file() for record in results.measurements)

    again = PipelineRunner(root).run(study(JPEG), images=photos, on_event=seen.append)
    assert len([event for event in seen if isinstance(event, events.Finished)]) == 4 * 2
    assert files(again) == ordered


def test_max_images_counts_contents(root: Path, photos: Path) -> None:
    for name in ("a.png", "b.png", "c.png"):
        shutil.copy(photos / name, photos / f"copy of {name}")
    config = study(JPEG, dataset={"id": "sample", "order": "name", "max_images": 2})
    results = PipelineRunner(root).run(config, images=photos, num_workers=0)
    assert files(results) == ["a.png", "copy of a.png", "b.png", "copy of b.png"]
    assert results.run.strata == {"": 3, "inner": 1}


def test_files_of_one_size_but_another_content_are_no_copies(root: Path, tmp_path: Path) -> None:
    folder = tmp_path / "bitmaps"
    folder.mkdir()
    for seed in range(3):
        Image.fromarray(picture(32, 32, seed)).save(folder / f"{seed}.bmp")
    started = PipelineRunner(root).preview(study(JPEG), images=folder)
    assert (started.images, started.copies, started.tasks) == (3, 0, 6)


def test_the_perceptual_hash_of_each_source_is_recorded_and_remembered(root: Path, photos: Path) -> None:
    (photos / "broken.png").write_bytes(b"not an image")
    config = study(JPEG | {"resolution": [None, 20]})
    results = PipelineRunner(root).run(config, images=photos, num_workers=1)
    wanted = {
        name: perceptual_hash(load(photos / name).pixels)
        for name in ("a.png", "b.png", "c.png", "inner/d.png")
    }
    recorded = {(r.source_image, r.source_phash) for r in results.measurements}
    assert recorded == {*wanted.items(), ("broken.png", None)}
    path = root / "data" / "metrics" / "test" / "quality.json"
    assert QualityResults.load(path) == results

    (photos / "broken.png").unlink()
    seen: list[events.Event] = []
    again = PipelineRunner(root).run(config, images=photos, on_event=seen.append)
    assert not any(isinstance(event, events.Finished) for event in seen)
    assert {(r.source_image, r.source_phash) for r in again.measurements} == set(wanted.items())


def test_a_store_without_perceptual_hashes_leaves_the_column_empty(root: Path, photos: Path) -> None:
    PipelineRunner(root).run(study(JPEG), images=photos, num_workers=0)
    with sqlite3.connect(root / "data" / "store.sqlite") as db:
        db.execute("DROP TABLE phash")
    db.close()
    results = PipelineRunner(root).run(study(JPEG), images=photos, num_workers=0)
    assert {record.source_phash for record in results.measurements} == {None}
    assert results.complete


def test_images_that_come_before_a_measured_one_are_listed(root: Path, photos: Path) -> None:
    runner = PipelineRunner(root)
    by_name = {"id": "sample", "order": "name"}
    everything = files(runner.run(study(JPEG, dataset=by_name), images=photos, num_workers=0))
    assert everything == ["a.png", "b.png", "c.png", "inner/d.png"]
    # Two of the four must be measured again, and no time is left for the second of them.
    for name, seed in (("a.png", 10), ("c.png", 11)):
        Image.fromarray(picture(48, 40, seed)).save(photos / name)
    results = runner.run(study(JPEG, dataset=by_name), 1e-6, images=photos, num_workers=0)
    assert files(results) == ["a.png", "b.png", "inner/d.png"]
    assert results.run.passed_over == ("c.png",)
    assert QualityResults.load(runner.results_path("test")).run.passed_over == ("c.png",)
