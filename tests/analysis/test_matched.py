"""Sizes at equal scores, and their ratios to the baseline."""

from __future__ import annotations

import dataclasses
import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codecstudy.analysis.curves import fit
from codecstudy.analysis.matched import SizeRatio, match, size_ratios
from codecstudy.analysis.points import collect
from codecstudy.errors import ResultsError
from codecstudy.results import QualityResults
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

JPEG = Formula("jpeg")


def ratios(
    results: QualityResults,
    targets: list[float] | None = None,
    metric: str = "ssimulacra2",
    baseline: str | None = None,
) -> dict[tuple[str, float], SizeRatio]:
    points = collect(results)
    found = size_ratios(match(fit(points, metric), targets), baseline)
    return {(r.variant.label, r.target): r for r in found}


def varied(share: float, spread: float = 0.3) -> Formula:
    """A codec that needs ``share`` of JPEG's bytes on geometric average over pairs of images."""
    return Formula("avif", size=lambda s, i: exponential_size(s, i) * share * math.exp(spread * (-1) ** i))


def test_the_ratio_is_the_geometric_mean_over_images() -> None:
    ratio = ratios(study([JPEG, varied(0.6)], 20), [40, 70])["avif", 70]
    assert ratio.ratio is not None
    assert ratio.median is not None
    assert ratio.ratio.value == pytest.approx(0.6, rel=1e-6)
    assert ratio.ratio.low is not None
    assert ratio.ratio.high is not None
    assert 0.6 * math.exp(-0.3) < ratio.ratio.low < 0.6 < ratio.ratio.high < 0.6 * math.exp(0.3)
    assert ratio.lowest == pytest.approx(0.6 * math.exp(-0.3))
    assert ratio.highest == pytest.approx(0.6 * math.exp(0.3))
    assert (ratio.images, ratio.only_variant, ratio.only_baseline, ratio.neither) == (20, 0, 0, 0)


def test_level_and_times_are_interpolated_at_the_target() -> None:
    codec = Formula("avif", score=lambda q, i: q / 2 + 40, cpu=lambda q, i: q / 10)
    matched = match(fit(collect(study([JPEG, codec], 2)), "ssimulacra2"), [60])
    np.testing.assert_allclose(matched.level[:, :, 0], [[60, 60], [40, 40]])
    np.testing.assert_allclose(matched.times["encode_cpu"][1, :, 0], 4.0)
    np.testing.assert_allclose(matched.seconds_per_megapixel("encode_cpu")[1, :, 0], 4.0)
    np.testing.assert_allclose(matched.bits_per_pixel[0, 0, 0], 8e-6 * 1e8 * math.exp(60 / 25), rtol=1e-6)


def test_images_on_which_one_side_does_not_reach_the_target_are_excluded_and_counted() -> None:
    # Image 0 of the other codec ends at 65, image 1 begins at 75, image 2 reaches 70 where JPEG does not.
    tops = {0: 65, 1: 200}
    records = [measured(JPEG, i, q) for i in range(5) for q in (10, 50, 90) if i not in (2, 3) or q < 60]
    other = Formula("webp")
    for i in range(5):
        scores = (75, 80, 85) if i == 1 else (20, 40, min(90, tops.get(i, 90)))
        if i == 3:
            scores = (1, 2, 3)
        records += [
            measured(other, i, q, ssimulacra2=float(s)) for q, s in zip((1, 2, 3), scores, strict=True)
        ]
    ratio = ratios(results_of(records), [70])["webp", 70]
    assert (ratio.images, ratio.only_variant, ratio.only_baseline, ratio.neither) == (1, 1, 2, 1)
    assert ratio.ratio is None
    assert ratio.reason == "only 1 of 5 images reach SSIMULACRA2 70 with both, less than 90%"
    assert ratio.unmeasured == 0
    # Two images end below the target with the other codec, one begins above it: there is a bound on neither side.
    assert (ratio.at_least, ratio.at_most) == (None, None)


def test_a_truncated_sweep_is_bounded_by_its_ends() -> None:
    # 10 % larger at every score; the sweep ends at 65 on one of 20 images.
    longer = Formula("webp", size=lambda s, i: 1.1 * exponential_size(s, i))
    records = records_of([JPEG, longer], 20)
    cut = [r for r in records if not (r.format == "webp" and r.source_image == name_of(4) and r.quality > 60)]
    whole = ratios(results_of(records), [70])["webp", 70]
    part = ratios(results_of(cut), [70])["webp", 70]
    assert whole.ratio is not None
    assert part.ratio is not None
    assert (whole.ratio.value, whole.at_least, whole.at_most) == pytest.approx((1.1, 1.1, 1.1), rel=1e-6)
    assert (part.images, part.only_baseline) == (19, 1)
    assert part.at_most is None
    assert part.at_least is not None
    # The file of that image at 50 is exp(-20 / 25) as large as at 70.
    assert part.at_least == pytest.approx(1.1 * math.exp(-20 / 25 / 20))
    inverse = ratios(results_of(cut), [70], baseline="webp")["jpeg", 70]
    assert inverse.at_least is None
    assert inverse.at_most == pytest.approx(1 / part.at_least)


def test_totals_weigh_images_by_their_bytes() -> None:
    # Image i has 1 + i times the bytes; half as many on the last one, equal on the others.
    half = Formula("avif", size=lambda s, i: exponential_size(s, i) * (0.5 if i == 4 else 1))
    entry = ratios(study([JPEG, half], 5), [70])["avif", 70]
    assert entry.ratio is not None
    assert entry.total_ratio is not None
    assert entry.ratio.value == pytest.approx(0.5 ** (1 / 5))
    assert entry.total_ratio.value == pytest.approx(12.5 / 15)


def test_between_levels_the_interval_includes_the_interpolation_bound() -> None:
    # From 50 to 70 each file grows by exp(20 / 25): 0.2 of that on each side of the ratio.
    exact = ratios(study([JPEG, varied(0.6, 0.0)], 20), [70])["avif", 70].ratio
    between = ratios(study([JPEG, varied(0.6, 0.0)], 20), [60])["avif", 60].ratio
    assert exact is not None
    assert between is not None
    assert exact.interpolation == 0
    assert (exact.low, exact.high) == pytest.approx((0.6, 0.6))
    assert between.interpolation == pytest.approx(2 * 0.2 * 20 / 25)
    assert between.low == pytest.approx(0.6 * math.exp(-0.32))
    assert between.high == pytest.approx(0.6 * math.exp(0.32))


def test_the_ratio_of_a_codec_to_itself_is_exactly_one() -> None:
    noise = random.Random(3)
    codec = Formula("jpeg", score=lambda q, i: q + noise.random())
    records = records_of([codec], 7)
    twin = [dataclasses.replace(r, speed=4) for r in records]
    for target in (30.0, 60.0, 80.0):
        ratio = ratios(results_of(records + twin), [target])["jpeg s4", target].ratio
        assert ratio is not None
        assert (ratio.value, ratio.folder) == (1.0, (1.0, 1.0))
        assert ratio.interpolation > 0
        own = ratios(results_of(records + twin), [target])["jpeg", target].ratio
        assert own is not None
        assert (own.value, own.low, own.high, own.interpolation) == (1.0, 1.0, 1.0, 0.0)


@settings(max_examples=8, deadline=None)
@given(factor=st.floats(0.05, 20), target=st.floats(15, 85))
def test_scaling_all_sizes_scales_the_ratio(factor: float, target: float) -> None:
    codec = varied(0.7)
    before = ratios(study([JPEG, codec], 6), [target])["avif", target]
    after = ratios(study([JPEG, codec.scaled(factor)], 6), [target])["avif", target]
    for one, other in ((before.ratio, after.ratio), (before.median, after.median)):
        assert one is not None
        assert other is not None
        assert other.value == pytest.approx(one.value * factor, rel=1e-6)
        assert (other.low, other.high) == pytest.approx((one.low * factor, one.high * factor), rel=1e-6)  # type: ignore[operator]


@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 1000))
def test_order_of_records_does_not_matter(seed: int) -> None:
    records = records_of([JPEG, varied(0.7), Formula("webp")], 5)
    shuffled = random.Random(seed).sample(records, len(records))
    assert ratios(results_of(shuffled), [50]) == ratios(results_of(records), [50])


def test_lower_butteraugli_is_better() -> None:
    # Butteraugli falls with the score: at 2 it is the score 80.
    ratio = ratios(study([JPEG, varied(0.5)], 4), metric="butteraugli")["avif", 2.0]
    assert ratio.ratio is not None
    assert ratio.ratio.value == pytest.approx(0.5, rel=1e-6)
    beyond = ratios(study([JPEG, varied(0.5)], 4), metric="butteraugli")["avif", 0.5]
    assert beyond.ratio is None
    assert beyond.reason == "no image has measured scores on both sides of Butteraugli 0.5 with avif or jpeg"


def test_each_resolution_has_its_own_baseline() -> None:
    small = {"resolution": 640}
    codecs = [
        JPEG,
        Formula("jpeg", setting=small).scaled(0.1),
        Formula("avif", setting=small).scaled(0.05),
        Formula("avif", setting={"resolution": 99}),
    ]
    found = ratios(study(codecs, 3), [50])
    ratio = found["avif r640", 50]
    assert ratio.baseline is not None
    assert ratio.baseline.label == "jpeg r640"
    assert ratio.ratio is not None
    assert ratio.ratio.value == pytest.approx(0.5, rel=1e-6)
    assert found["avif r99", 50].reason == "the baseline was not measured at r99"


def test_the_baseline_may_be_a_format_or_a_label() -> None:
    codecs = [
        JPEG,
        Formula("webp", setting={"method": 4}),
        Formula("webp", setting={"method": 6}).scaled(2.0),
    ]
    for name, expected in (("webp", 2.0), ("webp m4", 2.0), ("webp m6", 1.0)):
        ratio = ratios(study(codecs, 2), [50], baseline=name)["webp m6", 50].ratio
        assert ratio is not None
        assert ratio.value == pytest.approx(expected, rel=1e-6)
    with pytest.raises(
        ResultsError,
        match=r"baseline 'gif' is not in these results\. Give a format, an encoder or one of: jpeg, webp m4",
    ):
        ratios(study(codecs, 2), [50], baseline="gif")


def test_without_jpeg_the_first_variant_is_the_baseline() -> None:
    ratio = ratios(study([Formula("jxl"), Formula("webp")], 2), [50])["jxl", 50]
    assert ratio.baseline is not None
    assert ratio.baseline.label == "webp"


def test_failures_leave_the_rest_of_an_image_usable() -> None:
    records = [
        failed(JPEG, 0, 50) if (r.quality, r.format) == (50, "jpeg") else r
        for r in records_of([JPEG, varied(0.5)], 2)
    ]
    ratio = ratios(results_of(records), [80])["avif", 80]
    assert ratio.images == 2


@pytest.mark.parametrize("targets", [[], [float("nan")], [float("inf"), 50.0]])
def test_targets_must_be_numbers(targets: list[float]) -> None:
    with pytest.raises(ResultsError, match="targets must be finite SSIMULACRA2 scores"):
        ratios(study([JPEG], 1), targets)
