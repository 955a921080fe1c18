"""Butteraugli against libjxl's tool, against the plain oracle, and against its own promises."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from codecstudy import metrics
from codecstudy.errors import MetricError
from codecstudy.metrics import butteraugli
from codecstudy.metrics.butteraugli import malta
from support import butteraugli_oracle as oracle
from support import golden
from support.pictures import Pixels, noisy, picture


def assert_same_distances(found: NDArray[np.float32], expected: NDArray[np.float64]) -> None:
    """Equal but for float32 rounding, of the distances and of what they are differences of."""
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4 + 2e-4 * expected.max())


@pytest.mark.parametrize("row", golden.rows(), ids=lambda row: f"{row['image']} {row['distortion']}")
def test_agrees_with_butteraugli_main(row: dict[str, str]) -> None:
    reference = golden.image(row["image"])
    score = butteraugli.prepare(reference).score(golden.distort(row["distortion"], reference))
    assert score.max_norm == pytest.approx(float(row["butteraugli"]), rel=1e-4)
    assert score.norm3 == pytest.approx(float(row["butteraugli_3norm"]), rel=1e-4)


@given(
    height=st.integers(8, 60), width=st.integers(8, 90), seed=st.integers(0, 99), strength=st.floats(0.5, 60)
)
@settings(max_examples=40, deadline=None)
def test_map_is_the_oracles_at_every_size(height: int, width: int, seed: int, strength: float) -> None:
    reference = picture(height, width, seed)
    distorted = noisy(reference, strength, seed)
    found = butteraugli.prepare(reference).distance_map(distorted)
    expected = oracle.distance_map(reference, distorted)
    assert_same_distances(found, expected)


@pytest.mark.parametrize(
    ("height", "width"),
    [
        (8, 8),
        (14, 40),
        (15, 15),
        (17, 512),
        (300, 9),
        (65, 545),
        (16, 16),
        (20, 31),
        (33, 64),
        (40, 129),
        (9, 100),
    ],
)
def test_map_is_the_oracles_at_the_edges_of_the_layout(height: int, width: int) -> None:
    reference = picture(height, width)
    distorted = np.roll(reference, 1, axis=1)
    found = butteraugli.prepare(reference).distance_map(distorted)
    expected = oracle.distance_map(reference, distorted)
    assert found.dtype == np.float32
    assert_same_distances(found, expected)


@pytest.mark.parametrize("size", [(8, 8), (31, 47), (64, 200)])
def test_identical_images_score_exactly_zero(size: tuple[int, int]) -> None:
    reference = picture(*size)
    prepared = butteraugli.prepare(reference)
    assert prepared.score(reference.copy()) == (0.0, 0.0)
    assert not prepared.distance_map(reference).any()


@pytest.mark.parametrize("size", [(7, 64), (64, 7), (1, 1)])
def test_images_under_8_pixels_score_zero_as_the_tool_does(size: tuple[int, int]) -> None:
    reference = picture(*size)
    prepared = butteraugli.prepare(reference)
    assert prepared.score(255 - reference) == (0.0, 0.0)
    assert prepared.distance_map(255 - reference).shape == size


def test_extremes_stay_finite() -> None:
    black = np.zeros((40, 50, 3), np.uint8)
    checkers = np.where(np.indices((40, 50)).sum(0) % 2, 255, 0).astype(np.uint8)[:, :, None].repeat(3, 2)
    for reference in (black, 255 - black, checkers):
        for distorted in (black, 255 - black, checkers):
            assert np.isfinite(butteraugli.prepare(reference).score(distorted)).all()


def test_score_pools_the_distance_map() -> None:
    reference = picture(77, 131)
    prepared = butteraugli.prepare(reference)
    distorted = noisy(reference, 9)
    distances = prepared.distance_map(distorted).astype(np.float64)
    score = prepared.score(distorted)
    assert score.max_norm == distances.max()
    norms = [np.mean(distances**p) ** (1 / p) for p in (3, 6, 12)]
    assert score.norm3 == pytest.approx(np.mean(norms), rel=1e-5)


def test_scores_are_named_as_the_columns_of_the_metric() -> None:
    reference = picture(20, 20)
    prepared = butteraugli.prepare(reference)
    score = prepared.score(255 - reference)
    assert prepared.scores(255 - reference) == {
        "butteraugli": score.max_norm,
        "butteraugli_3norm": score.norm3,
    }
    assert tuple(prepared.scores(reference)) == tuple(column.name for column in butteraugli.FACTS.columns)


def test_more_noise_never_scores_better() -> None:
    reference = picture(64, 96)
    prepared = butteraugli.prepare(reference)
    scores = [prepared.score(noisy(reference, strength)) for strength in (0, 2, 5, 10, 20, 40, 80)]
    assert scores == sorted(scores)
    assert [score.norm3 for score in scores] == sorted(score.norm3 for score in scores)


def _sliced(pixels: Pixels) -> Pixels:
    height, width, channels = pixels.shape
    canvas = np.zeros((2 * height, width + 5, channels + 1), np.uint8)
    view = canvas[::2, 3:-2, :channels]
    view[:] = pixels
    return view


def _read_only(pixels: Pixels) -> Pixels:
    copy = pixels.copy()
    copy.setflags(write=False)
    return copy


@pytest.mark.parametrize("layout", [np.asfortranarray, _sliced, _read_only])
def test_memory_layout_does_not_matter(layout: Callable[[Pixels], Pixels]) -> None:
    reference = picture(33, 50)
    distorted = noisy(reference, 6)
    expected = butteraugli.prepare(reference).score(distorted)
    assert butteraugli.prepare(layout(reference)).score(layout(distorted)) == expected


def test_a_prepared_reference_forgets_what_it_scored() -> None:
    reference = picture(50, 70)
    images = [noisy(reference, 30), np.zeros_like(reference), reference, noisy(reference, 3)]
    prepared = butteraugli.prepare(reference)
    reused = [prepared.score(image) for image in images]
    assert reused == [butteraugli.prepare(reference).score(image) for image in images]
    prepared.distance_map(images[1])
    assert prepared.score(images[0]) == reused[0]


def test_threads_with_their_own_reference_agree_with_one() -> None:
    references = [picture(90, 120, seed) for seed in range(4)]

    def scores(reference: Pixels) -> list[butteraugli.ButteraugliScore]:
        prepared = butteraugli.prepare(reference)
        return [prepared.score(noisy(reference, strength)) for strength in (1, 4, 16)]

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(scores, references)) == [scores(reference) for reference in references]


def test_shape_mismatch_names_both_sides() -> None:
    prepared = butteraugli.prepare(picture(20, 30))
    with pytest.raises(
        ValueError, match=r"reference has shape \(20, 30, 3\), distorted has shape \(30, 20, 3\)"
    ):
        prepared.score(picture(30, 20))
    with pytest.raises(ValueError, match="reference"):
        prepared.distance_map(picture(20, 31))


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((20, 30, 3), np.float32),
        np.zeros((20, 30), np.uint8),
        np.zeros((20, 30, 4), np.uint8),
        np.zeros((0, 30, 3), np.uint8),
    ],
    ids=["float", "grey", "alpha", "empty"],
)
def test_wrong_arrays_are_refused_by_name(wrong: NDArray[np.generic]) -> None:
    with pytest.raises(ValueError, match="reference"):
        butteraugli.prepare(wrong)
    with pytest.raises(ValueError, match="distorted"):
        butteraugli.prepare(picture(20, 30)).score(wrong)


def test_memory_of_a_prepared_reference_is_bounded_and_scores_allocate_nothing_large() -> None:
    height, width = 512, 512
    reference = picture(height, width)
    distorted = noisy(reference, 5)
    butteraugli.prepare(reference[:16, :16]).score(distorted[:16, :16])  # compiles
    tracemalloc.start()
    try:
        prepared = butteraugli.prepare(reference)
        _, peak = tracemalloc.get_traced_memory()
        assert prepared.nbytes <= peak < 70 * height * width
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        prepared.score(distorted)
        _, peak = tracemalloc.get_traced_memory()
        assert peak - before < 10_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("lines", [malta.LINES_FULL, malta.LINES_SPARSE])
def test_malta_has_sixteen_lines_that_mirror_each_other(lines: list[malta.Line]) -> None:
    assert len(lines) == 16
    assert sorted(tuple((dy, -dx) for dy, dx in line) for line in lines[2:]) == sorted(lines[2:])
    assert all(max(abs(dy), abs(dx)) <= malta.REACH for line in lines for dy, dx in line)


@pytest.mark.parametrize("nits", [1, 10, 203, 1000, 10_000])
@pytest.mark.parametrize("strength", [1, 8, 40])
def test_other_intensities_are_the_oracles(nits: int, strength: float) -> None:
    reference = picture(45, 70)
    distorted = noisy(reference, strength)
    metric = metrics.get(f"butteraugli@{nits}")
    expected = oracle.score(reference, distorted, nits)
    scores = metric.prepare(reference).scores(distorted)
    assert tuple(scores) == (f"butteraugli_{nits}nits", f"butteraugli_{nits}nits_3norm")
    assert tuple(scores.values()) == pytest.approx(expected, rel=1e-4)
    assert metric.stream is not None
    assert metric.stream(reference).scores(distorted) == scores


def test_the_facts_of_another_intensity_name_it() -> None:
    facts = metrics.get("butteraugli@203").facts
    assert (facts.name, facts.title) == ("butteraugli@203", "Butteraugli (203 nits)")
    assert [column.name for column in facts.columns] == ["butteraugli_203nits", "butteraugli_203nits_3norm"]
    assert [column.title for column in facts.columns] == [
        "Butteraugli (203 nits)",
        "Butteraugli (203 nits) 3-norm",
    ]
    assert metrics.get("butteraugli@203") is metrics.get("butteraugli@203")
    assert metrics.packages(["butteraugli@203", "butteraugli@1000", "psnr"]) == ("butteraugli", "psnr")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("butteraugli@", "an integer from 1 to 10000"),
        ("butteraugli@0", "an integer from 1 to 10000"),
        ("butteraugli@0203", "an integer from 1 to 10000"),
        ("butteraugli@203.5", "an integer from 1 to 10000"),
        ("butteraugli@10001", "an integer from 1 to 10000"),
        ("butteraugli@80", "80 nits is the default; write butteraugli"),
        ("psnr@203", "no metric is named 'psnr@203'"),
    ],
)
def test_what_is_no_intensity_is_refused(name: str, says: str) -> None:
    with pytest.raises(MetricError, match=says):
        metrics.get(name)
