"""Recommendations in cases whose answer is known."""

from __future__ import annotations

import dataclasses
import math
import random

import pytest

from codecstudy.analysis.recommend import Recommendation, Recommendations, recommend
from codecstudy.analysis.variants import Scope
from codecstudy.errors import ResultsError
from codecstudy.types import Setting
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


def half(format: str, factor: float = 0.5, seconds: float = 0.5, **setting: object) -> Formula:
    return Formula(
        format, size=lambda s, i: exponential_size(s, i) * factor, cpu=lambda q, i: seconds, setting=setting
    )


def by_format(found: Recommendations) -> dict[str, Recommendation]:
    return {item.format: item for item in found.items}


def test_the_lowest_integer_quality_that_enough_images_reach() -> None:
    # Image i scores q - i: 20 of 39 images reach 60 at quality 79. k / (n + 1) = 38 / 40 needs 38 of them.
    codec = Formula("avif", score=lambda q, i: q - i / 2)
    found = by_format(recommend(study([JPEG, codec], 39), target=60))["avif"]
    assert found.setting == Setting.of("avif", quality=79)
    assert not found.measured
    assert found.reached.interpolated == 39
    assert (found.reached.images, found.reached.images_reached) == (39, 39)
    halves = Formula("avif", score=lambda q, i: q - i)
    found = by_format(recommend(study([JPEG, halves], 39), target=50))["avif"]
    assert found.setting == Setting.of("avif", quality=87)
    assert (found.reached.images, found.reached.images_reached) == (39, 38)
    assert found.reached.not_reached == (name_of(38),)
    assert found.reached.median == pytest.approx(87 - 19)
    assert found.reached.attainment.expected == pytest.approx(38 / 40)
    every = by_format(recommend(study([JPEG, halves], 39), target=50, coverage=1.0))["avif"]
    assert every.setting == Setting.of("avif", quality=88)


def test_a_fraction_is_rounded_towards_quality() -> None:
    codec = Formula("avif", score=lambda q, i: q + 0.3)
    found = recommend(study([codec], 2), target=60)
    assert found.items[0].setting == Setting.of("avif", quality=60)
    assert recommend(study([codec], 2), target=60.4).items[0].setting == Setting.of("avif", quality=61)


def test_a_measured_setting_is_marked_as_measured() -> None:
    found = recommend(study([JPEG], 2), target=70).items[0]
    assert found.measured
    assert found.setting == Setting.of("jpeg", quality=70)


def test_size_is_relative_to_the_baseline_at_its_own_setting() -> None:
    # AVIF reaches 60 at quality 40, with files of 0.5 times JPEG's at the same score.
    codec = Formula("avif", score=lambda q, i: q + 20, size=lambda s, i: exponential_size(s, i) / 2)
    found = recommend(study([JPEG, codec], 6), target=60)
    assert found.baselines == {Scope(): Setting.of("jpeg", quality=60)}
    avif = by_format(found)["avif"]
    assert avif.setting == Setting.of("avif", quality=40)
    assert avif.one_number is not None
    assert avif.one_number.ratio == pytest.approx(0.5, rel=1e-6)
    assert (avif.one_number.setting, avif.one_number.baseline) == (avif.setting, found.baselines[Scope()])
    assert (avif.one_number.median_score, avif.one_number.baseline_median_score) == pytest.approx((60, 60))
    assert avif.one_number.interval is None
    assert avif.one_number.no_interval == (
        "the choice of the numbers needs at least 60 images to be repeated"
    )
    assert avif.same_score is not None
    assert avif.same_score.ratio is not None
    assert avif.same_score.ratio.value == pytest.approx(0.5, rel=1e-6)
    assert avif.encode_seconds_per_mp is not None
    assert avif.encode_seconds_per_mp.value == pytest.approx(0.5)
    assert avif.decode_seconds_per_mp is not None
    assert avif.decode_seconds_per_mp.value == pytest.approx(0.01)
    assert [item.format for item in found.items] == ["avif", "jpeg"]
    jpeg = by_format(found)["jpeg"]
    assert (jpeg.same_score, jpeg.one_number) == (None, None)
    assert [c.tool for c in avif.commands] == ["imagecodecs", "avifenc", "Pillow", "sharp"]


def test_the_smallest_variant_within_the_time_limit_is_recommended() -> None:
    variants = [
        half("avif", 0.9, 0.1, speed=9),
        half("avif", 0.7, 0.4, speed=6),
        half("avif", 0.5, 3.0, speed=2),
    ]
    results = study([JPEG, *variants], 3)
    for limit, speed in ((None, 2), (3.0, 2), (2.9, 6), (0.4, 6), (0.2, 9)):
        setting = by_format(recommend(results, target=50, max_encode_time=limit))["avif"].setting
        assert setting is not None
        assert setting.get("speed") == speed
    found = by_format(recommend(results, target=50, max_encode_time=0.05))["avif"]
    assert found.setting is None
    assert found.reason == (
        "no setting that reaches the target stays within 0.05 CPU seconds per megapixel; the fastest, "
        "avif q50 s9, takes 0.1"
    )
    assert found.reached.share == 1.0


def test_the_limit_does_not_apply_to_the_baseline() -> None:
    results = study([half("jpeg", 1.0, 5.0), half("avif", 0.5, 0.1)], 3)
    found = recommend(results, target=50, max_encode_time=1)
    assert by_format(found)["jpeg"].setting is None
    found_ratio = by_format(found)["avif"].one_number
    assert found_ratio is not None
    assert found_ratio.ratio == pytest.approx(0.5, rel=1e-6)


def test_without_any_image_at_the_target_the_finest_setting_is_reported() -> None:
    found = recommend(study([JPEG], 4), target=500).items[0]
    assert found.setting is None
    assert found.reached.images_reached == 0
    assert (
        found.reason
        == "no measured setting reaches the target on any image; the best score of an image is 90.0"
    )
    assert found.reached.setting.quality == max(record.quality for record in study([JPEG], 4).measurements)


def test_a_format_that_does_not_reach_the_target_reports_how_many_images_do() -> None:
    weak = Formula("webp", score=lambda q, i: q if i < 2 else q / 2)
    found = by_format(recommend(study([JPEG, weak], 4), target=60))["webp"]
    assert found.setting is None
    assert (
        found.reason
        == "no measured setting reaches the target on enough images; the best, webp q60, reaches it on 2 of 4"
    )
    assert found.reached.setting == Setting.of("webp", quality=60)
    assert found.reached.share == 0.5
    assert found.reached.not_reached == (name_of(3), name_of(2))  # by name, class0 first
    assert found.commands == ()


def test_a_baseline_that_misses_the_target_on_some_images_is_compared_on_the_others() -> None:
    # Two of 20 images of the baseline end at 50; AVIF has half the bytes at every quality.
    weak = Formula("jpeg", score=lambda q, i: q - 40 if i in (3, 4) else q)
    avif = Formula("avif", size=lambda s, i: exponential_size(s, i) / 2)
    found = by_format(recommend(study([weak, avif], 20), target=70))["avif"]
    assert found.setting == Setting.of("avif", quality=70)
    ratio = found.one_number
    assert ratio is not None
    assert not ratio.baseline_enough
    assert ratio.baseline_not_reached == (name_of(3), name_of(4))
    assert (ratio.images, ratio.baseline) == (18, Setting.of("jpeg", quality=70))
    assert ratio.ratio == pytest.approx(0.5, rel=1e-6)
    # Of the two images, the baseline has files of score 30: with more bytes it would come to 70.
    assert ratio.at_most == pytest.approx(math.exp((20 * math.log(0.5) + 2 * 40 / 25) / 20), rel=1e-6)
    assert ratio.no_interval == "the baseline does not reach the target on enough images"
    assert found.same_score is not None
    assert found.same_score.ratio is not None
    assert (found.same_score.images, found.same_score.only_variant) == (18, 2)


def test_a_baseline_that_reaches_the_target_on_no_image_has_no_comparison() -> None:
    weak = Formula("jpeg", score=lambda q, i: q / 2)
    found = by_format(recommend(study([weak, Formula("avif")], 3), target=60))["avif"]
    assert found.setting is not None
    assert found.one_number is None
    assert found.same_score is not None
    assert found.same_score.ratio is None
    assert found.same_score.at_most is not None


def test_a_local_peak_of_the_curve_is_not_counted() -> None:
    scores = {10: 20.0, 30: 65.0, 50: 55.0, 70: 80.0, 90: 90.0}
    codec = Formula("jpeg", score=lambda q, i: scores[q])
    found = recommend(study([codec], 3), target=60).items[0]
    assert found.setting is not None
    assert found.setting.quality is not None
    assert 50 < found.setting.quality <= 70


def test_images_without_a_measurement_do_not_reach_the_target() -> None:
    codec = Formula("avif")
    records = (
        records_of([JPEG], 4) + records_of([codec], 4)[5:] + [failed(codec, 0, q) for q in codec.qualities]
    )
    found = by_format(recommend(results_of(records), target=50))["avif"]
    assert found.setting is None
    assert found.reached.images_reached == 3
    enough = by_format(recommend(results_of(records), target=50, coverage=0.6))["avif"]
    assert enough.setting == Setting.of("avif", quality=50)
    assert enough.reached.not_reached == (name_of(0),)


def test_a_failed_finest_level_does_not_exclude_the_image() -> None:
    records = [
        failed(JPEG, 0, 90) if (r.quality, r.source_image) == (90, name_of(0)) else r
        for r in records_of([JPEG], 3)
    ]
    assert recommend(results_of(records), target=50, coverage=1.0).items[0].setting == Setting.of(
        "jpeg", quality=50
    )


def test_a_distance_is_recommended_in_twentieths() -> None:
    records = [
        measured(Formula("jxl"), i, 0, quality=None, effort=7, extra_args={"distance": d}, ssimulacra2=100 - 10 * d,
                 file_size=round(1e6 * math.exp(-d)))
        for i in range(3) for d in (0.5, 1.0, 2.0, 4.0)
    ]  # fmt: skip
    found = recommend(results_of(records), target=83.1).items[0]
    # 1.69 is the distance that just reaches it: the next finer twentieth.
    assert found.setting == Setting.of("jxl", effort=7, extra_args=(("distance", 1.65),))


def test_butteraugli_has_its_own_usual_target() -> None:
    found = recommend(study([JPEG], 2), metric="butteraugli")
    assert found.target == 1.5
    assert found.items[0].setting == Setting.of("jpeg", quality=85)
    assert found.items[0].reached.median == pytest.approx(1.5)


def test_a_variant_without_a_quality_is_recommended_as_it_is() -> None:
    lossless = Formula(
        "webp", (0,), score=lambda q, i: 100.0, setting={"quality": None, "extra_args": {"lossless": True}}
    )
    records = [dataclasses.replace(r, psnr=math.inf) for r in records_of([lossless], 3)]
    for metric, target in (("ssimulacra2", 80), ("psnr", 60)):
        found = recommend(results_of(records), metric, target).items[0]
        assert found.setting == Setting.of("webp", extra_args=(("lossless", True),))
        assert found.measured


def test_the_quality_of_a_lossless_webp_is_its_effort_and_not_a_level() -> None:
    sizes = {20: 9000, 75: 7000, 100: 7100}
    records = [
        measured(
            Formula("webp"),
            i,
            effort,
            extra_args={"lossless": True},
            ssimulacra2=100.0,
            file_size=sizes[effort],
        )
        for i in range(3)
        for effort in sizes
    ]
    found = recommend(results_of(records), target=80).items
    assert [(item.setting, item.measured) for item in found] == [
        (Setting.of("webp", quality=75, extra_args={"lossless": True}), True)
    ]


def test_every_resolution_has_its_own_answers() -> None:
    small = {"resolution": 640}
    codecs = [JPEG, half("avif"), Formula("jpeg", setting=small), half("avif", 0.25, resolution=640)]
    found = recommend(study(codecs, 3), target=50)
    ratios = {(i.scope, i.format): i.one_number.ratio for i in found.items if i.one_number}
    assert ratios[Scope(), "avif"] == pytest.approx(0.5, rel=1e-6)
    assert ratios[Scope(640), "avif"] == pytest.approx(0.25, rel=1e-6)
    assert [i.scope for i in found.items] == [Scope()] * 2 + [Scope(640)] * 2


def test_the_baseline_may_be_one_variant() -> None:
    slow, fast = half("avif", 0.5, speed=2), half("avif", 0.8, speed=9)
    results = study([JPEG, slow, fast], 3)
    for baseline, expected in (("avif s9", 1 / 0.8), ("avif", 1 / 0.5)):
        ratio = by_format(recommend(results, target=50, baseline=baseline))["jpeg"].one_number
        assert ratio is not None
        assert ratio.ratio == pytest.approx(expected, rel=1e-6)


def test_order_of_records_does_not_matter() -> None:
    records = records_of([JPEG, half("avif"), half("webp", 0.8)], 5)
    shuffled = random.Random(0).sample(records, len(records))
    assert recommend(results_of(shuffled), target=55) == recommend(results_of(records), target=55)


def test_a_single_image_gives_an_answer_without_an_interval() -> None:
    same = by_format(recommend(study([JPEG, half("avif")], 1), target=55))["avif"].same_score
    assert same is not None
    assert same.ratio is not None
    assert same.ratio.value == pytest.approx(0.5, rel=1e-6)
    assert same.ratio.low is None


def test_without_cpu_times_a_limit_cannot_be_checked() -> None:
    records = [dataclasses.replace(r, encoding_cpu_time=None) for r in records_of([JPEG], 2)]
    found = recommend(results_of(records), target=50, max_encode_time=1).items[0]
    assert found.reason == "its records have no encode CPU time, so the limit cannot be checked"
    assert recommend(results_of(records), target=50).items[0].encode_seconds_per_mp is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"target": math.nan}, "target must be a finite score"),
        ({"coverage": 0.0}, "coverage must be above 0"),
        ({"coverage": 95}, "coverage must be above 0 and at most 1"),
        ({"assurance": "sure"}, "assurance must be expected or 95%, not 'sure'"),
        ({"max_encode_time": 0.0}, "max encode time must be above 0"),
        ({"metric": "vmaf"}, "have no vmaf scores"),
        ({"baseline": "gif"}, "baseline 'gif' is not in these results"),
    ],
)
def test_invalid_arguments_are_refused(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ResultsError, match=message):
        recommend(study([JPEG], 1), **arguments)  # type: ignore[arg-type]


def test_only_failures_are_refused_with_the_reason() -> None:
    with pytest.raises(ResultsError, match="encode broke"):
        recommend(results_of([failed(JPEG, 0, 10)]))


def test_an_encode_that_failed_at_the_level_is_not_counted_as_reached() -> None:
    # Interpolation between its neighbours would say that image 0 reaches 50 at quality 50.
    records = [
        failed(JPEG, 0, 50) if (r.quality, r.source_image) == (50, name_of(0)) else r
        for r in records_of([JPEG], 4)
    ]
    found = recommend(results_of(records), target=50).items[0]
    assert found.setting == Setting.of("jpeg", quality=51)
    assert found.reached.interpolated == 4


def test_certainty_needs_more_images_and_allows_fewer_misses() -> None:
    # One of 100 images needs a quality of 88, the others 50.
    codec = Formula("jpeg", score=lambda q, i: q - 38 if i == 7 else q)
    results = study([codec], 100)
    expected, certain = (recommend(results, target=50, assurance=a) for a in ("expected", "95%"))
    assert (expected.required, certain.required, expected.images) == (96, 99, 100)
    assert expected.items[0].setting == certain.items[0].setting == Setting.of("jpeg", quality=50)
    assert certain.items[0].reached.attainment.bound == pytest.approx(0.9534, abs=1e-4)
    fewer = recommend(study([codec], 58), target=50, assurance="95%")
    assert (fewer.required, fewer.assured, fewer.images_needed) == (58, False, 59)
    assert fewer.items[0].setting == Setting.of("jpeg", quality=88)
