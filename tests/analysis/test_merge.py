"""Merging results: what must be the same, what counts as a duplicate, and whose times are kept."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import pytest

from codecstudy.analysis import merge as merging
from codecstudy.analysis.diff import diff
from codecstudy.analysis.merge import merge
from codecstudy.analysis.recommend import recommend
from codecstudy.errors import ResultsError
from codecstudy.results import QualityRecord, QualityResults, Records, RunInfo, Shard
from support.synthetic import Formula, failed, measured, name_of, results_of

JPEG = Formula("jpeg", (30, 60, 90))


def part(*images: int, **changes: Any) -> QualityResults:
    records = [measured(JPEG, image, q) for image in images for q in JPEG.qualities]
    run = RunInfo(1, None, 1.0, 4, len(images), "hashed", 0, "a CPU", "an OS")
    return results_of(records, run=dataclasses.replace(run, **changes.pop("run", {})), **changes)


def shard(number: int, *images: int, of: int = 2, sha256: str = "5" * 64, **run: Any) -> QualityResults:
    found = Shard((number,), of, 4, sha256)
    return part(*images, run={"shard": found, "images_planned": len(images), **run})


def images(results: QualityResults) -> list[str]:
    return list(dict.fromkeys(record.source_image for record in results.measurements))


def changed(results: QualityResults, image: int, **values: Any) -> QualityResults:
    records = [
        dataclasses.replace(r, **values) if r.source_image == name_of(image) else r
        for r in results.measurements
    ]
    return dataclasses.replace(results, measurements=records)


@pytest.fixture(params=["list", "Records"])
def form(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Whether the merged records are a list or in the form of a Parquet file."""
    if request.param == "Records":
        monkeypatch.setattr(merging, "RECORDS_IN_JSON", 1)
    return str(request.param)


def test_images_of_several_runs_are_taken_once(form: str) -> None:
    merged = merge([part(0, 1, 2), part(1, 3)])
    assert isinstance(merged.measurements, Records) == (form == "Records")
    assert images(merged) == [name_of(image) for image in (0, 1, 2, 3)]
    assert merged.measurements == part(0, 1, 2, 3).measurements
    assert merged.complete
    assert [p.images_measured for p in merged.run.parts] == [3, 1]


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (part(0, study_id="other"), r"the id of the study \(synthetic and other\)"),
        (part(0, study={"metrics": ["psnr"]}), r"the study: metrics \(none and \['psnr'\]\)"),
        (part(0, run={"strata": {"a": 3}}), r"the folders of the dataset: a \(none and 3\)"),
        (shard(1, 0), "the sample: the first is of all of it, the other one is shard 1/2"),
    ],
)
def test_what_differs_is_named(other: QualityResults, said: str) -> None:
    with pytest.raises(ResultsError, match=said):
        merge([part(0), other])


def test_the_time_budget_may_differ() -> None:
    merged = merge([part(0, study={"time_budget": 3}, run={"time_budget": 3.0}), part(1, study={})])
    assert merged.run.time_budget == 3.0


def test_shards_must_be_of_one_sample_and_all_there() -> None:
    with pytest.raises(ResultsError, match=r"the number of shards \(2 and 3\)"):
        merge([shard(1, 0), shard(1, 0, of=3)])
    with pytest.raises(ResultsError, match="the machines had different images"):
        merge([shard(1, 0), shard(2, 1, sha256="6" * 64)])
    with pytest.raises(ResultsError, match="shards are missing: 2/2"):
        merge([shard(1, 0)])
    found = merge([shard(1, 0, 1)], partial=True)
    assert found.run.shard == Shard((1,), 2, 4, "5" * 64)
    assert found.complete
    both = merge([shard(2, 2, 3), shard(1, 0, 1)])
    assert images(both) == [name_of(image) for image in range(4)]
    assert both.run.shard is None


def test_tool_versions_must_be_the_same_unless_they_may_be_mixed() -> None:
    newer = part(1, tool_versions={"jpeg": "libjpeg-turbo 3.2", "avif": "libaom 3.13"})
    with pytest.raises(ResultsError, match=r"jpeg \(libjpeg-turbo 3.1 and libjpeg-turbo 3.2\)"):
        merge([part(0), newer])
    mixed = merge([part(0), newer, part(2)], allow_mixed=True)
    assert mixed.tool_versions == {"jpeg": "libjpeg-turbo 3.1 and libjpeg-turbo 3.2", "avif": "libaom 3.13"}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"file_size": 7}, r"img000.png, jpeg q\d+: file_size [\d]+ bytes and 7 bytes"),
        ({"ssimulacra2": 3.0}, "ssimulacra2 .* and 3.0"),
        ({"psnr": math.inf}, "psnr .* and inf"),
        ({"butteraugli": None}, "butteraugli .* and None"),
        ({"source_sha256": "f" * 64}, "the image itself has another content"),
    ],
)
def test_contradictions_are_named_unless_one_side_is_preferred(values: dict[str, Any], said: str) -> None:
    ours, theirs = part(0, 1), changed(part(0, 2), 0, **values)
    with pytest.raises(ResultsError, match=f"results 1 and results 2 contradict each other: .*{said}"):
        merge([ours, theirs])
    assert merge([ours, theirs], prefer="first").measurements == part(0, 1, 2).measurements
    chosen = merge([ours, theirs], prefer="last")
    assert [r for r in chosen.measurements if r.source_image == name_of(0)] == theirs.of_images([name_of(0)])


def test_processors_may_round_scores_differently() -> None:
    theirs = part(0)
    nearly = [dataclasses.replace(r, ssimulacra2=(r.ssimulacra2 or 0) + 5e-4) for r in theirs.measurements]
    assert (
        merge([part(0), dataclasses.replace(theirs, measurements=nearly)]).measurements
        == part(0).measurements
    )


def test_a_failure_gives_way_to_a_measurement(form: str) -> None:
    records: list[QualityRecord] = [failed(JPEG, 0, q) for q in JPEG.qualities]
    broken = results_of(records, run=part(0).run)
    assert merge([broken, part(0, 1)]).measurements == part(0, 1).measurements


def test_times_are_those_of_one_kind_of_machine(form: str) -> None:
    merged = merge([part(0, run={"cpu": "another CPU"}), part(1, 2)])
    assert merged.run.cpu == "a CPU"
    assert merged.run.times_of is not None
    assert "of 2 images, measured on a CPU, an OS; the others have none (1 measured on another" in (
        merged.run.times_of
    )
    for record in merged.measurements:
        assert (record.encoding_cpu_time is None) == (record.source_image == name_of(0))
    sizes = [record.file_size for record in merged.measurements]
    assert sizes == [record.file_size for record in part(0, 1, 2).measurements]
    with_times, without = recommend(part(1, 2)).items[0], recommend(merged).items[0]
    assert without.encode_seconds_per_mp is not None
    assert with_times.encode_seconds_per_mp is not None
    assert without.encode_seconds_per_mp.value == pytest.approx(with_times.encode_seconds_per_mp.value)


def test_times_that_an_earlier_merge_dropped_do_not_count() -> None:
    merged = merge([part(0, 1, run={"cpu": "another CPU"}), part(2, 3, 4)])
    again = merge([merged, part(5, 6, run={"cpu": "another CPU"})])
    assert again.run.cpu == "a CPU"
    assert again.run.times_of is not None
    assert "those of 3 images, measured on a CPU" in again.run.times_of
    assert "(4 measured on another CPU, an OS)" in again.run.times_of
    timed = {r.source_image for r in again.measurements if r.encoding_cpu_time is not None}
    assert timed == {name_of(image) for image in (2, 3, 4)}


def test_merged_parts_must_fit_their_records() -> None:
    merged = merge([part(0), part(1)])
    with pytest.raises(ResultsError, match="its parts do not have as many images as its records"):
        merge([dataclasses.replace(merged, measurements=part(0).measurements)])


def test_passed_over_images_that_another_run_measured_are_not_missing() -> None:
    names = (name_of(0), name_of(3))
    assert merge([part(1, run={"passed_over": names}), part(0)]).run.passed_over == (name_of(3),)


def test_a_comparison_of_times_says_which_images_have_them() -> None:
    mixed = merge([part(0, run={"cpu": "another CPU"}), part(1, 2)])
    notes = diff(part(0, 1, 2), mixed, max_time_growth=0.1).notes
    assert any(note.startswith("HEAD: times are those of 2 images") for note in notes)
    assert not diff(part(0, 1, 2), mixed).notes


def test_damaged_parts_and_shards_are_refused_when_a_file_is_read(tmp_path: Path) -> None:
    merge([shard(1, 0, 1)], partial=True).save(tmp_path / "quality.json")
    document = json.loads((tmp_path / "quality.json").read_text())
    del document["checksum"]
    for key, value in (
        ("shard", {"numbers": [3], "of": 2}),
        ("shard", document["run"]["shard"] | {"of": 1e300}),
        ("shard", document["run"]["shard"] | {"numbers": "12"}),
        ("parts", [document["run"]["parts"][0] | {"images_measured": -1}]),
        ("parts", [3]),
    ):
        broken = document | {"run": document["run"] | {key: value}}
        (tmp_path / "quality.json").write_text(json.dumps(broken))
        with pytest.raises(ResultsError, match="a damaged results file"):
            QualityResults.load(tmp_path)
