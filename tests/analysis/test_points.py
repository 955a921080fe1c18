"""Records become arrays; records without a number are counted."""

from __future__ import annotations

import random

import numpy as np
import pytest

from codecstudy import metrics
from codecstudy.analysis.points import collect
from codecstudy.analysis.recommend import recommend
from codecstudy.analysis.variants import Scope
from codecstudy.errors import ResultsError
from support.synthetic import (
    Formula,
    exponential_size,
    failed,
    measured,
    name_of,
    records_of,
    results_of,
    study,
)

JPEG, WEBP = Formula("jpeg"), Formula("webp")


def test_arrays_are_images_by_levels_coarsest_first() -> None:
    jxl = Formula("jxl", (2, 1))  # distances, written in another order
    records = [
        measured(jxl, i, 0, quality=None, extra_args={"distance": d}) for i in (0, 1) for d in (0.5, 3.0)
    ]
    block = collect(results_of(records)).blocks[0]
    assert block.levels.tolist() == [3.0, 0.5]
    assert block.size.shape == (2, 2)


def test_order_of_records_does_not_matter() -> None:
    records = records_of([WEBP, JPEG], 4)
    shuffled = random.Random(1).sample(records, len(records))
    one, other = collect(results_of(records)), collect(results_of(shuffled))
    assert one.images == other.images
    assert one.variants == other.variants
    for a, b in zip(one.blocks, other.blocks, strict=True):
        np.testing.assert_array_equal(a.size, b.size)
        np.testing.assert_array_equal(a.scores["ssimulacra2"], b.scores["ssimulacra2"])


def test_failed_and_skipped_records_are_counted_and_become_nan() -> None:
    records = records_of([JPEG, WEBP], 3)
    records[0] = failed(JPEG, 0, 10)
    skipped = measured(
        WEBP, 2, 90, status="skipped", file_size=None, ssimulacra2=None, measurement_error="small"
    )
    records[-1] = skipped
    records += [failed(JPEG, 3, q, "source") for q in (10, 30)]
    points = collect(results_of(records))
    counts = points.counts
    assert (counts.records, counts.measured, counts.skipped, counts.failed) == (32, 28, 1, 3)
    assert counts.failures == {"source": 2, "encode": 1}
    assert counts.reasons == {"source broke": 2, "encode broke": 1, "small": 1}
    assert counts.images_without_points == (name_of(3),)
    assert len(points.images) == 3
    assert np.isnan(points.blocks[0].size[0, 0])
    assert np.isnan(points.blocks[1].size[2, 4])


def test_a_record_that_failed_in_one_metric_keeps_its_other_scores() -> None:
    broken = measured(JPEG, 0, 50, status="failed", failure="metric", butteraugli=None, measurement_error="x")
    block = collect(results_of([broken, measured(JPEG, 1, 50)])).blocks[0]
    assert block.scores["ssimulacra2"][0, 0] == 50
    assert np.isnan(block.scores["butteraugli"][0, 0])


def test_the_error_for_only_failures_gives_the_reason() -> None:
    with pytest.raises(ResultsError, match=r"none of its 2 records was measured \(2 failed.*decode broke"):
        collect(results_of([failed(JPEG, 0, q, "decode") for q in (10, 20)]))


def test_results_without_records_are_refused() -> None:
    with pytest.raises(ResultsError, match="contain no records"):
        collect(results_of([]))


def test_two_records_of_one_task_are_refused() -> None:
    with pytest.raises(ResultsError, match=r"class0/img000.png: jpeg q10 has more than one record"):
        collect(results_of([measured(JPEG, 0, 10)] * 2))


def test_scopes_are_the_resolutions_and_crops() -> None:
    small = Formula("jpeg", setting={"resolution": 640})
    points = collect(study([JPEG, small], 2))
    assert points.scopes == (Scope(), Scope(640))
    assert [points.variants[i].label for i in points.in_scope(Scope(640))] == ["jpeg r640"]


def test_the_metric_is_ssimulacra2_or_the_first_that_was_measured() -> None:
    records = [measured(JPEG, 0, 50)]
    assert collect(results_of(records)).require().name == "ssimulacra2"
    without = [measured(JPEG, 0, 50, ssimulacra2=None, butteraugli=None)]
    points = collect(results_of(without))
    assert points.require().name == "butteraugli_3norm"
    assert list(points.columns) == ["butteraugli_3norm", "psnr", "ssim"]


def test_results_that_do_not_describe_their_scores_are_refused_until_they_are_described() -> None:
    old = results_of([measured(JPEG, 0, 50)], metrics=())
    with pytest.raises(ResultsError, match=r"codecstudy\.load_results"):
        collect(old)
    assert collect(metrics.describe(old)).require("butteraugli").higher_is_better is False


def test_each_folder_is_a_sample_of_its_own_images() -> None:
    found = collect(study([Formula("jpeg"), Formula("avif")], 7)).by_folder()
    assert {name: len(points.images) for name, points in found.items()} == {
        "class0": 3,
        "class1": 2,
        "class2": 2,
    }
    points = found["class0"]
    assert points.sample.stratum_names == ("class0",)
    assert points.sample.images == points.images
    assert all(block.size.shape == (3, 5) for block in points.blocks)


def test_a_folder_has_answers_of_its_own() -> None:
    # AVIF is worth nothing in one folder.
    by_folder = Formula("avif", size=lambda s, i: exponential_size(s, i) * (1.0 if i % 3 else 0.5))
    found = collect(study([Formula("jpeg"), by_folder], 12)).by_folder()
    ratios = {}
    for name, points in found.items():
        avif = next(item for item in recommend(points, target=70).items if item.encoder == "avif")
        assert avif.same_score is not None
        assert avif.same_score.ratio is not None
        ratios[name] = avif.same_score.ratio.value
    assert ratios == pytest.approx({"class0": 0.5, "class1": 1.0, "class2": 1.0}, rel=1e-6)
