"""Shards of a study: together they are the study, each is a sample, and merged they are one run of the whole."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import pytest

from codecstudy import merge
from codecstudy.analysis import merge as merging
from codecstudy.api import load_results
from codecstudy.pipeline.runner import PipelineRunner
from codecstudy.results import QualityResults, Records
from codecstudy.verify import run_verified
from support.pipeline_runs import study, timeless

SWEEP = (
    {"format": "jpeg", "quality": [50, 90]},
    {"format": "webp", "quality": 60, "method": 2, "resolution": 20},
)


def files(results: QualityResults) -> list[str]:
    return list(dict.fromkeys(record.source_image for record in results.measurements))


@pytest.mark.parametrize("order", ["hashed", "name"])
def test_merged_shards_are_one_run_of_the_whole(
    root: Path, photos: Path, order: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(photos / "a.png", photos / "inner" / "copy.png")
    (photos / "broken.png").write_bytes(b"not an image")
    config = study(*SWEEP, dataset={"id": "sample", "order": order})
    whole = PipelineRunner(root / "whole").run(config, images=photos, num_workers=0)
    folders = []
    for number in (1, 2, 3):
        runner = PipelineRunner(root / f"{number}")
        workers = 2 if (order, number) == ("hashed", 2) else 0
        results = runner.run(config, images=photos, num_workers=workers, shard=(number, 3))
        assert results.run.shard is not None
        assert (results.run.shard.numbers, results.run.shard.of) == ((number,), 3)
        assert results.run.part_of_sample is not None
        assert results.run.strata == whole.run.strata
        assert results.complete
        folders.append(runner.results_path("test", (number, 3)).parent)
        assert folders[-1].name == f"shard-{number}-of-3"
    parts = [load_results(folder) for folder in folders]
    assert [len({r.source_sha256 for r in part.measurements}) for part in parts] == [1, 2, 2]

    merged = merge([parts[2], parts[0], parts[1]])
    assert timeless(list(merged.measurements)) == timeless(list(whole.measurements))
    same = ("study_id", "study_name", "dataset", "tool_versions", "study", "complete", "stop_reason", "encoders",
            "commands", "metrics", "incomplete_reason")  # fmt: skip
    for name in same:
        assert getattr(merged, name) == getattr(whole, name), name
    kept = (
        "images_planned",
        "images_measured",
        "order",
        "seed",
        "cpu",
        "os",
        "strata",
        "passed_over",
        "shard",
    )
    assert [getattr(merged.run, name) for name in kept] == [getattr(whole.run, name) for name in kept]
    assert [part.shard for part in merged.run.parts] == [1, 2, 3]
    merged.save(root / "all" / "quality.json")
    assert load_results(root / "all") == merged

    again = merge([merge([parts[2], parts[0]], partial=True), parts[1], parts[2]])
    assert again.measurements == merged.measurements
    monkeypatch.setattr(merging, "RECORDS_IN_JSON", 1)
    many = merge([merge([parts[2], parts[0]], partial=True), parts[1], parts[2]])
    assert isinstance(many.measurements, Records)
    assert many.measurements == merged.measurements
    assert many.run == again.run


def test_a_sample_is_taken_first_and_then_divided(root: Path, photos: Path) -> None:
    config = study({"format": "jpeg", "quality": 50}, dataset={"id": "sample", "max_images": 3})
    whole = PipelineRunner(root / "whole").run(config, images=photos, num_workers=0)
    runner = PipelineRunner(root)
    parts = [runner.run(config, images=photos, num_workers=0, shard=(k, 2)) for k in (1, 2)]
    assert files(parts[0]) + files(parts[1]) == files(whole)
    assert [len(files(part)) for part in parts] == [1, 2]


def test_there_may_be_more_shards_than_images(root: Path, photos: Path) -> None:
    config = study({"format": "jpeg", "quality": 50})
    runner = PipelineRunner(root)
    parts = [runner.run(config, images=photos, num_workers=0, shard=(k, 5)) for k in range(1, 6)]
    assert [part.run.images_measured for part in parts] == [0, 1, 1, 1, 1]
    merged = merge(parts)
    assert merged.complete
    assert len(merged.measurements) == 4
    assert load_results(runner.results_path("test", (1, 5))).complete


def test_a_shard_that_was_cut_short_says_so_in_the_merged_results(root: Path, photos: Path) -> None:
    config = study({"format": "jpeg", "quality": 50})
    runner = PipelineRunner(root)
    parts = [
        runner.run(config, images=photos, num_workers=0, shard=(1, 2)),
        runner.run(config, 1e-6, images=photos, num_workers=0, shard=(2, 2)),
    ]
    merged = merge(parts)
    assert (merged.run.images_planned, merged.run.images_measured) == (4, 3)
    assert not merged.complete
    assert merged.stop_reason == "time_budget"
    assert merged.incomplete_reason is not None
    assert "shard 2/2: the time budget" in merged.incomplete_reason
    assert merged.run.time_budget == 1e-6


@pytest.mark.parametrize("shard", [(0, 3), (4, 3), (1, 0), (1, 10**6)])
def test_shards_out_of_range_are_refused(shard: tuple[int, int], root: Path, photos: Path) -> None:
    with pytest.raises(ValueError, match="shards are numbered from 1"):
        PipelineRunner(root).run(study(*SWEEP), images=photos, shard=shard)


def test_a_shard_is_not_verified(root: Path, photos: Path) -> None:
    from codecstudy import RunOptions

    with pytest.raises(ValueError, match="a recommendation needs all images"):
        run_verified(PipelineRunner(root), study(*SWEEP), options=RunOptions(images=photos, shard=(1, 2)))


def test_damaged_shard_numbers_are_refused(root: Path, photos: Path) -> None:
    results = PipelineRunner(root).run(study(*SWEEP), images=photos, num_workers=0, shard=(1, 2))
    assert results.run.shard is not None
    for numbers, of in (((), 2), ((2, 1), 2), ((3,), 2), ((1,), 10**12)):
        with pytest.raises(ValueError, match="the shards are"):
            dataclasses.replace(results.run.shard, numbers=numbers, of=of)
