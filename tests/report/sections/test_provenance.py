"""The origin of the numbers, and what could not be measured."""

from __future__ import annotations

import dataclasses

from codecstudy.report.sections import provenance
from codecstudy.report.sections.provenance import Values
from codecstudy.results import Part, QualityResults, Shard
from codecstudy.types import EncoderFacts
from support.report_cases import BASE, context_of, four_formats
from support.synthetic import failed, measured, results_of


def values_of(results: QualityResults, **options: object) -> Values:
    return provenance.build(context_of(results, **options))


def test_failures_are_counted_by_reason() -> None:
    records = [measured(BASE, i, q) for i in range(2) for q in BASE.qualities]
    records += [failed(BASE, 2, q, "decode") for q in BASE.qualities]
    failures = values_of(results_of(records)).failures
    assert failures.failed == 5
    assert failures.reasons == (("decode broke", 5),)
    assert failures.without_points == ("class2/img002.png",)


def test_infinite_psnr_is_reported() -> None:
    results = four_formats(images=3)
    kept = [
        dataclasses.replace(r, psnr=float("inf") if r.quality == 90 else r.psnr) for r in results.measurements
    ]
    values = values_of(dataclasses.replace(results, measurements=kept), metric="psnr", target=37.0)
    assert any("lossless" in text for text in values.irregular)


def test_provenance_lists_study_sample_and_machine() -> None:
    facts = {fact.name: fact.text for fact in values_of(four_formats(images=2)).facts}
    assert facts["Processor"] == "a CPU"
    assert facts["Time budget"] == "none"
    assert "not a random sample" in facts["Sample"]
    assert facts["Date"] == "2025-01-02 03:04:05 UTC"
    assert facts["Measurements"] == "50 (25 settings): 50 measured, 0 failed, 0 skipped"
    assert "jackknife" in facts["Statistics"]
    assert "bootstrap (60 resamples for the latter, seed 0)" in facts["Statistics"]


def test_each_encoder_has_its_options_threads_and_memory() -> None:
    program = dataclasses.replace(BASE, setting={"encoder": "mine"}, format="jpeg")
    records = [
        measured(
            formula, i, q, encoder_options={"progressive": True, "quality": q}, encoding_peak_memory=memory
        )
        for formula, memory in ((BASE, None), (program, 200_000_000))
        for i in range(2)
        for q in BASE.qualities
    ]
    results = results_of(records)
    mine = EncoderFacts("mine", "jpeg", "mine", ".jpg")
    described = dataclasses.replace(results, encoders=(*results.encoders, mine))
    found = {fact.name: fact.text for fact in values_of(described).encoders}
    assert found == {
        "JPEG (libjpeg-turbo)": "libjpeg-turbo 3.1; progressive true; measured at quality 30 to 90 (5 values); "
        "0.5 threads (CPU time over wall-clock time)",
        "mine": "progressive true; measured at quality 30 to 90 (5 values); 0.5 threads (CPU time over wall-clock "
        "time); peak memory of the program 200 MB",
    }
    older = {fact.name: fact.text for fact in values_of(four_formats(images=1)).encoders}
    assert "options not recorded" in older["JPEG"]


def sample_of(results: QualityResults, **options: object) -> str:
    return next(fact.text for fact in values_of(results, **options).facts if fact.name == "Sample")


def partial(order: str = "hashed", passed_over: tuple[str, ...] = (), planned: int = 9) -> QualityResults:
    results = four_formats(images=4)
    run = dataclasses.replace(
        results.run,
        order=order,
        passed_over=passed_over,
        images_planned=planned,
        strata={},
        images_measured=4,
    )
    dataset = dataclasses.replace(results.dataset, image_count=20)
    return dataclasses.replace(results, run=run, dataset=dataset)


def test_a_sample_is_called_random_only_if_it_is() -> None:
    assert "a random sample of the dataset" in sample_of(partial())
    by_name = sample_of(partial("name"))
    assert by_name.startswith("4 of 9 planned images, the first in the order of their names")
    assert "not a random sample" in by_name
    incomplete = sample_of(partial(passed_over=("large.png",)))
    assert "1 image that did not fit into the time budget" in incomplete
    assert "not a random sample" in incomplete
    census = dataclasses.replace(partial("name", planned=4), dataset=four_formats(images=4).dataset)
    census = dataclasses.replace(census, dataset=dataclasses.replace(census.dataset, image_count=4))
    assert sample_of(census) == "4 of 4 planned images: all images of the dataset"


def test_shards_and_merged_runs_are_said() -> None:
    results = partial("name")
    shard = Shard((3,), 8, 72, "5" * 64)
    part = dataclasses.replace(results, run=dataclasses.replace(results.run, shard=shard))
    assert sample_of(part).startswith("4 of 9 planned images, chosen in the order of their names")
    assert sample_of(part).endswith("these are only shard 3/8 of the study's sample of 72")
    of = Part(None, 9, 2, "a CPU", "an OS", 2, 3.0, 60.0, results.timestamp)
    other = dataclasses.replace(of, cpu="another CPU", times=False)
    run = dataclasses.replace(results.run, parts=(of, other), workers=2, wall_seconds=6.0, time_budget=60.0)
    facts = {fact.name: fact.text for fact in values_of(dataclasses.replace(results, run=run)).facts}
    assert facts["Run time"] == "6.0 s in 2 runs, merged, each on up to 2 workers"
    assert facts["Time budget"] == "1 min 0 s for each of 2 runs"
    assert "times are those of 2 images" in facts["Times"]


def test_copies_and_clusters_are_said() -> None:
    results = partial()
    twins = [
        dataclasses.replace(r, source_sha256="0" * 64)
        if r.source_image in ("class0/img000.png", "class0/img003.png")
        else r
        for r in results.measurements
    ]
    found = sample_of(dataclasses.replace(results, measurements=twins))
    assert "1 file is a copy of other images, which count with the number of their files" in found
    assert "3 folders, each of which counts as one for intervals" in sample_of(results, cluster="folder")


def test_ranges_of_few_images_are_not_called_percentiles() -> None:
    assert values_of(four_formats(images=19)).percentiles is False
    assert values_of(four_formats(images=20)).percentiles is True
