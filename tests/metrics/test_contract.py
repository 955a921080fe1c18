"""What every metric promises, whatever it measures."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codecstudy import metrics
from codecstudy.types import MetricFacts
from support.pictures import Pixels, noisy, picture

NAMES = metrics.BUILT_IN
SIZES = [(40, 70), (11, 11), (90, 33), (40, 70)]

every_metric = pytest.mark.parametrize("name", NAMES)

LARGER = {"ms_ssim": 165}
"""Pixels to add to the sides of images for metrics that refuse a side of 11."""


def size(name: str, height: int, width: int) -> tuple[int, int]:
    """A height and a width that the metric accepts, given one that most do."""
    return height + LARGER.get(name, 0), width + LARGER.get(name, 0)


def test_the_registry_lists_the_columns_in_order() -> None:
    assert metrics.names()[: len(NAMES)] == NAMES
    assert [column.name for column in metrics.columns(NAMES)] == [
        "ssimulacra2",
        "butteraugli",
        "butteraugli_3norm",
        "psnr",
        "ssim",
        "ciede2000",
        "ciede2000_p95",
        "ms_ssim",
        "psnr_hvs_m",
        "xpsnr",
    ]
    assert all(metrics.get(name).facts.name == name for name in NAMES)


@every_metric
def test_an_identical_image_scores_what_the_facts_say(name: str) -> None:
    metric, image = metrics.get(name), picture(*size(name, 20, 30))
    expected = {column.name: column.identical for column in metric.facts.columns}
    assert metric.prepare(image).scores(image) == expected


@every_metric
def test_the_facts_agree_with_themselves(name: str) -> None:
    facts = metrics.get(name).facts
    assert MetricFacts.from_dict(json.loads(json.dumps(facts.to_dict(), allow_nan=False))) == facts
    for column in facts.columns:
        ranks = [column.goodness(target) for target in column.targets]
        assert ranks == sorted(ranks)
        assert column.usual_target in column.targets
        words = (
            [column.quality_labels.at(t, column.higher_is_better) for t in column.targets]
            if (column.quality_labels)
            else []
        )
        assert len(set(words)) == len(words)


@every_metric
def test_scores_lie_in_the_range_of_the_facts(name: str) -> None:
    metric, image = metrics.get(name), picture(*size(name, 40, 50))
    for distorted in (noisy(image, 30), ~image, np.zeros_like(image)):
        scores = metric.prepare(image).scores(distorted)
        for column in metric.facts.columns:
            assert scores[column.name] >= (-math.inf if column.minimum is None else column.minimum)
            assert scores[column.name] <= (math.inf if column.maximum is None else column.maximum)


def test_importing_the_package_imports_neither_metrics_nor_numba() -> None:
    code = (
        "import sys, codecstudy.metrics as m; m.names()\n"
        "from codecstudy.metrics import kernels\n"
        "print(sorted(n for n in sys.modules if n.startswith(('numba', 'codecstudy.metrics.'))))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert (
        out.strip() == "['codecstudy.metrics.base', 'codecstudy.metrics.cache', 'codecstudy.metrics.kernels']"
    )


@every_metric
def test_scores_are_keyed_by_the_columns(name: str) -> None:
    metric = metrics.get(name)
    image = picture(*size(name, 20, 30))
    scores = metric.prepare(image).scores(noisy(image, 9))
    assert tuple(scores) == tuple(column.name for column in metric.facts.columns)
    assert all(type(score) is float for score in scores.values())


@every_metric
@given(height=st.integers(11, 50), width=st.integers(11, 50), seed=st.integers(0, 9))
@settings(max_examples=10, deadline=None)
def test_memory_layout_does_not_matter(name: str, height: int, width: int, seed: int) -> None:
    metric = metrics.get(name)
    height, width = size(name, height, width)
    a = picture(height, width, seed)
    b = noisy(a, 15)
    expected = metric.prepare(a).scores(b)
    frame = np.zeros((height + 5, 2 * width, 4), np.uint8)
    frame[3 : 3 + height, ::2, 1:] = b
    read_only = b.copy()
    read_only.flags.writeable = False
    for layout in (np.asfortranarray(b), frame[3 : 3 + height, ::2, 1:], read_only, b[::-1].copy()[::-1]):
        assert metric.prepare(a).scores(layout) == expected
    assert metric.prepare(np.asfortranarray(a)).scores(b) == expected


@every_metric
def test_more_noise_is_worse(name: str) -> None:
    metric = metrics.get(name)
    reference = picture(*size(name, 96, 120))
    prepared = metric.prepare(reference)
    scores = [prepared.scores(noisy(reference, strength)) for strength in (0, 2, 4, 8, 16, 32, 64)]
    for column in metric.facts.columns:
        values = [score[column.name] for score in scores]
        assert values == sorted(values, reverse=column.higher_is_better)
        assert len(set(values)) == len(values)


@every_metric
def test_a_prepared_reference_is_as_good_as_new_after_use(name: str) -> None:
    metric = metrics.get(name)
    images = [picture(*size(name, *sides)) for sides in SIZES]
    pairs = [(image, noisy(image, 10)) for image in images]
    fresh = [metric.prepare(a).scores(b) for a, b in pairs]
    prepared = [metric.prepare(a) for a, _ in pairs]
    for p, (a, _) in zip(prepared, pairs, strict=True):
        p.scores(~a)
    assert [p.scores(b) for p, (_, b) in zip(prepared, pairs, strict=True)] == fresh
    assert [p.scores(b) for p, (_, b) in zip(prepared[::-1], pairs[::-1], strict=True)] == fresh[::-1]


@every_metric
def test_the_reference_may_change_after_it_was_prepared(name: str) -> None:
    a = picture(*size(name, 20, 30))
    b = noisy(a, 10)
    prepared = metrics.get(name).prepare(a)
    expected = prepared.scores(b)
    a[:] = 0
    assert prepared.scores(b) == expected


@every_metric
def test_threads_with_their_own_reference_agree_with_one(name: str) -> None:
    metric = metrics.get(name)
    a = picture(*size(name, 120, 160))
    distorted = [noisy(a, strength) for strength in range(1, 9)]
    expected = [metric.prepare(a).scores(b) for b in distorted]

    def score_all(images: list[Pixels]) -> list[dict[str, float]]:
        prepared = metric.prepare(a)
        return [prepared.scores(b) for b in images]

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(score_all, [distorted, distorted])) == [expected, expected]


@every_metric
def test_no_pair_of_extremes_gives_nan(name: str) -> None:
    checkers = np.indices(size(name, 32, 32)).sum(axis=0) % 2 * 255
    checkers = np.repeat(checkers[:, :, None], 3, axis=2).astype(np.uint8)
    black, stripes = np.zeros_like(checkers), checkers[:, :1].repeat(checkers.shape[1], axis=1)
    colours = np.zeros_like(checkers)
    colours[:16, :, 0] = colours[:, 16:, 2] = 255
    images = [black, ~black, checkers, ~checkers, stripes, colours, ~colours]
    for a in images:
        prepared = metrics.get(name).prepare(a)
        assert not any(math.isnan(score) for b in images for score in prepared.scores(b).values())


@every_metric
def test_what_is_no_image_is_refused_with_its_name(name: str) -> None:
    metric = metrics.get(name)
    height, width = size(name, 20, 30)
    image = picture(height, width)
    prepared = metric.prepare(image)
    floats = image.astype(np.float32)
    with pytest.raises(ValueError, match="reference has dtype float32; expected uint8"):
        metric.prepare(floats)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="distorted has dtype float32; expected uint8"):
        prepared.scores(floats)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=rf"reference has shape \({height}, {width}\)"):
        metric.prepare(image[:, :, 0])
    with pytest.raises(ValueError, match=rf"reference is empty: shape \(0, {width}, 3\)"):
        metric.prepare(image[:0])
    shapes = rf"\({height}, {width}, 3\), distorted has shape \({height}, {width - 1}, 3\)"
    with pytest.raises(ValueError, match=f"reference has shape {shapes}"):
        prepared.scores(image[:, 1:])


ODD_SIZES = ((11, 13), (16, 17), (17, 16), (31, 97), (113, 64), (64, 114), (271, 130), (530, 301))


@every_metric
@pytest.mark.parametrize("sides", ODD_SIZES)
def test_streamed_scores_are_the_same_to_the_last_bit(name: str, sides: tuple[int, int]) -> None:
    metric = metrics.get(name)
    assert metric.stream is not None
    reference = picture(*size(name, *sides))
    others = [noisy(reference, 10), ~reference, reference]
    prepared, streamed = metric.prepare(reference), metric.stream(reference)
    for other in (*others, others[0]):
        assert streamed.scores(other) == prepared.scores(other)


@every_metric
def test_only_large_images_are_streamed(name: str) -> None:
    metric = metrics.get(name)
    height, width = size(name, 20, 30)
    reference = picture(height, width)
    assert type(metric.prepared(reference, height * width)) is type(metric.prepare(reference))
    assert metric.stream is not None
    streamed = metric.prepared(reference, height * width - 1)
    assert type(streamed) is type(metric.stream(reference))
    assert streamed.scores(noisy(reference, 9)) == metric.prepare(reference).scores(noisy(reference, 9))
    assert metric.bytes_for(width, height, height * width) == metric.memory.of(width, height)
    assert metric.bytes_for(width, height, height * width - 1) == metric.streamed_memory.of(width, height)


@every_metric
@pytest.mark.parametrize("way", ["prepare", "stream"])
def test_the_declared_memory_is_not_exceeded(name: str, way: str) -> None:
    metric = metrics.get(name)
    width, height = 1000, 500
    reference = picture(height, width)
    prepare = getattr(metric, way)
    small = picture(*size(name, 32, 32))
    prepare(small).scores(small)  # compiles
    tracemalloc.start()
    try:
        prepare(reference).scores(reference)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    declared = metric.memory if way == "prepare" else metric.streamed_memory
    assert peak <= declared.of(width, height) + 500_000
