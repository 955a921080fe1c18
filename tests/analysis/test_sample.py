from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codecstudy.analysis.points import collect
from codecstudy.analysis.sample import NEAR_DUPLICATE_BITS, Sample, describe_sample, representatives
from codecstudy.errors import ResultsError
from codecstudy.results import DatasetInfo, QualityResults, RunInfo
from support.synthetic import Formula, measured, results_of

RUN = RunInfo(1, None, 1.0, 3, 3, "hashed", 0, "a CPU", "an OS")


def results(
    phashes: dict[str, int | None], contents: dict[str, str] | None = None, files: int = 0, **run: Any
) -> QualityResults:
    """Results of images given by the name and perceptual hash; each has a content of its own unless given."""
    records = [
        measured(
            Formula("jpeg"),
            0,
            quality,
            source_image=name,
            source_sha256=(contents or {}).get(name, name),
            source_phash=None if phash is None else f"{phash:016x}",
        )
        for name, phash in phashes.items()
        for quality in (50, 90)
    ]
    return results_of(
        records,
        dataset=DatasetInfo("photos", "data/datasets/photos", files or len(phashes)),
        run=dataclasses.replace(RUN, **run),
    )


def sample_of(found: QualityResults, **options: Any) -> Sample:
    images = collect(found).images
    return describe_sample(found, [images[i] for i in representatives(found, images)], **options)


def far(number: int) -> int:
    """Hashes of which no two are within 8 bits: an exclusive or of two has 16 ones or more."""
    return sum(0xFFFF << 16 * place for place in range(4) if number >> place & 1)


# -- copies


def test_equal_contents_are_one_image_with_a_weight() -> None:
    contents = {"a.png": "x", "b/1.png": "x", "b/2.png": "y", "c.png": "x"}
    found = results(dict.fromkeys(("c.png", "b/2.png", "a.png", "b/1.png")), contents)
    sample = sample_of(found)
    assert sample.images == ("a.png", "b/2.png")
    assert sample.weights.tolist() == [3.0, 1.0]
    assert sample.duplicates == {"a.png": ("b/1.png", "c.png")}
    assert sample.near_duplicates == ()


def test_copies_change_nothing_but_the_weights() -> None:
    phashes: dict[str, int | None] = {f"{n}.png": far(n) for n in range(6)}
    copies = {f"copy {c} of {name}": value for name, value in phashes.items() for c in range(2)}
    contents = {name: name.rpartition(" ")[2] for name in copies}
    once, thrice = sample_of(results(phashes)), sample_of(results(phashes | copies, contents))
    assert thrice.images == once.images
    assert thrice.weights.tolist() == [3.0] * 6
    for name in ("clusters", "strata", "stratum_sizes"):
        np.testing.assert_array_equal(getattr(once, name), getattr(thrice, name))
    assert (once.is_census, thrice.is_census) == (True, True)


def test_images_of_unknown_content_are_all_kept() -> None:
    found = results({"a.png": None, "b.png": None})
    unknown = [dataclasses.replace(r, source_sha256=None) for r in found.measurements]
    sample = sample_of(dataclasses.replace(found, measurements=unknown))
    assert sample.images == ("a.png", "b.png")


def test_a_sample_with_a_copy_in_it_is_refused() -> None:
    found = results({"a.png": None, "b.png": None}, {"a.png": "x", "b.png": "x"})
    with pytest.raises(ValueError, match="representatives"):
        describe_sample(found, ["a.png", "b.png"])


# -- near-duplicates


def test_images_that_look_alike_are_one_cluster_also_by_way_of_others() -> None:
    step = (1 << NEAR_DUPLICATE_BITS) - 1
    found = results(
        {
            "a": 0,
            "b": step,
            "c": step << 8 | step,
            "d": far(8),
            "e": far(8) ^ (2 * step + 1),
            "f": None,
            "g": None,
        }
    )
    sample = sample_of(found)
    assert sample.near_duplicates == (("a", "b", "c"),)
    assert sample.clusters.tolist() == [0, 0, 0, 1, 2, 3, 4]


close_to_zero = st.sets(st.integers(0, 63), max_size=9).map(lambda bits: sum(1 << bit for bit in bits))
hashes = st.lists(st.none() | st.integers(0, 2**64 - 1) | close_to_zero, max_size=40)


@settings(max_examples=40, deadline=None)
@given(hashes)
def test_clusters_are_the_connected_parts_of_the_near_pairs(values: list[int | None]) -> None:
    names = [f"{n:03}" for n in range(len(values))]
    found = results(dict(zip(names, values, strict=True)))
    clusters = describe_sample(found, names).clusters.tolist()
    # The slow way: spread the lowest number until nothing changes.
    labels = list(range(len(values)))
    near = [
        (i, j)
        for i, a in enumerate(values)
        for j, b in enumerate(values)
        if a is not None and b is not None and (a ^ b).bit_count() <= NEAR_DUPLICATE_BITS
    ]
    for _ in values:
        for i, j in near:
            labels[i] = labels[j] = min(labels[i], labels[j])
    number = {label: index for index, label in enumerate(dict.fromkeys(labels))}
    assert clusters == [number[label] for label in labels]


def test_ten_thousand_images_are_compared() -> None:
    random = np.random.default_rng(0)
    values = [int(v) for v in random.integers(0, 2**64, 10_000, dtype=np.uint64)]
    values[5_000:5_100] = [v ^ 0b111 for v in values[:100]]
    names = [f"{n:05}" for n in range(10_000)]
    sample = describe_sample(results(dict(zip(names, values, strict=True))), names)
    assert sample.near_duplicates == tuple((names[n], names[5_000 + n]) for n in range(100))
    assert sample.clusters.max() == 9_899


def test_near_duplicates_in_several_folders_are_resampled_in_the_one_with_most() -> None:
    sample = sample_of(results({"a/1": 0, "b/1": 1, "b/2": 2, "c/1": far(1), "a/2": far(2)}))
    assert sample.near_duplicates == (("a/1", "b/1", "b/2"),)
    assert [sample.stratum_names[s] for s in sample.cluster_strata] == ["b", "a", "c"]


# -- folders


def test_folders_are_the_content_classes_of_the_points() -> None:
    names = ["x.png", "a/x.png", "a/b/x.png", "a b/ö.png", "a/b/c/./x.png"]
    found = results({name: far(n) for n, name in enumerate(names)})
    points, sample = collect(found), sample_of(found)
    assert tuple(sample.stratum_names[s] for s in sample.strata) == points.content_classes
    assert sample.stratum_names == tuple(sorted(set(points.content_classes)))


def test_strata_have_the_sizes_that_the_run_recorded() -> None:
    found = results({"a/1": far(1), "b/1": far(2), "b/2": far(4)}, strata={"": 5, "a": 1, "b": 40}, files=90)
    sample = sample_of(found)
    assert sample.stratum_names == ("", "a", "b")
    assert sample.stratum_sizes.tolist() == [5, 1, 40]
    assert sample.stratum_counts.tolist() == [0, 1, 2]
    assert (sample.population, sample.is_census) == (46, False)


def test_without_recorded_sizes_the_rest_of_the_dataset_is_distributed() -> None:
    phashes = {"a/1": far(1), "a/2": far(2), "a/3": far(3), "b/1": far(4)}
    complete, partial = sample_of(results(phashes)), sample_of(results(phashes, files=10))
    assert (complete.stratum_sizes.tolist(), complete.is_census) == ([3, 1], True)
    # Six more: 4.5 in the first folder and 1.5 in the second one.
    assert (partial.stratum_sizes.tolist(), partial.is_census) == ([8, 3], False)


def test_folders_as_clusters_leave_one_stratum() -> None:
    found = results({"a/1": 0, "a/2": far(2), "b/1": 0, "c/1": far(4)}, strata={"a": 2, "b": 1, "c": 7})
    sample = sample_of(found, cluster="folder")
    assert sample.clusters.tolist() == [0, 0, 1, 2]
    assert sample.strata.tolist() == [0, 0, 0, 0]
    assert (sample.stratum_names, sample.stratum_sizes.tolist()) == (("",), [10])
    assert sample.near_duplicates == (("a/1", "b/1"),)


def test_an_unknown_clustering_is_refused() -> None:
    with pytest.raises(ResultsError, match="near-duplicates, folder"):
        sample_of(results({"a": 0}), cluster="camera")


def test_images_that_were_passed_over_are_told() -> None:
    assert sample_of(results({"a": 0}, passed_over=["b", "c"])).passed_over == ("b", "c")


def test_no_images_make_an_empty_sample() -> None:
    sample = describe_sample(results({"a": 0}), [])
    assert (len(sample.clusters), len(sample.strata), len(sample.cluster_strata)) == (0, 0, 0)
    assert sample.population == 1
