"""Which settings belong to one variant, and which parameter is swept."""

from __future__ import annotations

import pytest

from codecstudy import codecs
from codecstudy.analysis.encoders import Encoders
from codecstudy.analysis.variants import NO_RATE, QUALITY, Scope
from codecstudy.types import Setting

ENCODERS = Encoders(codecs.get(name).facts for name in codecs.BUILT_IN)
split = ENCODERS.split


def test_all_parameters_but_quality_are_the_variant() -> None:
    variant, level = split(Setting.of("avif", quality=60, chroma_subsampling="444", speed=6, resolution=1920))
    assert (variant.label, level, variant.axis) == ("avif 444 s6 r1920", 60.0, QUALITY)
    assert variant.scope == Scope(1920, None)
    assert variant.at(60) == Setting.of(
        "avif", quality=60, chroma_subsampling="444", speed=6, resolution=1920
    )


def test_distance_is_the_axis_of_jpeg_xl() -> None:
    setting = Setting.of("jxl", effort=7, extra_args=(("decodingspeed", 1), ("distance", 1.5)))
    variant, level = split(setting)
    assert (variant.label, level) == ("jxl e7 decodingspeed=1 (by distance)", 1.5)
    assert variant.axis.fineness(1.0) > variant.axis.fineness(2.0)
    assert variant.at(1.5) == setting


def test_quantizer_is_the_axis_of_avif_without_quality() -> None:
    extras = {"cq-level": 30, "tune": "ssim"}
    variant, level = split(Setting.of("avif", encoder="avif-pillow", extra_args=extras))
    assert (variant.label, level) == ("avif-pillow tune=ssim (by cq-level)", 30.0)


def test_distance_of_another_format_is_just_an_argument() -> None:
    variant, level = split(Setting.of("mine", quality=3, extra_args=(("distance", 1.5),)))
    assert (variant.label, level) == ("mine distance=1.5", 3.0)


def test_a_setting_without_a_rate_has_no_axis() -> None:
    setting = Setting.of("webp", extra_args=(("lossless", True),))
    variant, level = split(setting)
    assert (variant.axis, level) == (NO_RATE, None)
    assert variant.at(float("nan")) == setting


def test_order_puts_common_formats_first_and_plain_variants_before_special_ones() -> None:
    settings = [
        Setting.of("zzz", quality=1),
        Setting.of("jxl", quality=1),
        Setting.of("jpeg", quality=1, extra_args=(("progressive", True),)),
        Setting.of("jpeg", quality=1, chroma_subsampling="444"),
        Setting.of("jpeg", quality=1, chroma_subsampling="420"),
        Setting.of("webp", quality=1, method=6),
        Setting.of("webp", quality=1, method=4),
    ]
    ordered = sorted((split(s)[0] for s in settings), key=lambda v: v.order)
    assert [v.label for v in ordered] == [
        "jpeg progressive", "jpeg 420", "jpeg 444", "webp m4", "webp m6", "jxl", "zzz",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("scope", "label"),
    [
        (Scope(), "original"),
        (Scope(1920), "r1920"),
        (Scope(1920, 512), "r1920 c512"),
        (Scope(crop=64), "c64"),
    ],
)
def test_scopes_have_names(scope: Scope, label: str) -> None:
    assert scope.label == label
