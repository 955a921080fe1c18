"""Settings: equal ones are equal, and their texts never change, because stores and file names hold them."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codecstudy.measurement import artifacts
from codecstudy.types import MAX_LEVELS, QUALITY, EncoderFacts, Parameter, RateParameter, Setting

DISTANCE = RateParameter("distance", finer_is_higher=False, step=0.05, extra=True)
BITRATE = RateParameter("bitrate", step=0.1)

TEXTS = [
    (Setting.of("jpeg", quality=75), '{"format":"jpeg","quality":75}', "jpeg q75"),
    (
        Setting.of("avif", quality=60, chroma_subsampling="444", speed=6, resolution=1920),
        '{"chroma_subsampling":"444","format":"avif","quality":60,"resolution":1920,"speed":6}',
        "avif q60 444 s6 r1920",
    ),
    (
        Setting.of("jxl", effort=3, extra_args={"distance": 1.5, "decodingspeed": 2}),
        '{"effort":3,"extra_args":{"decodingspeed":2,"distance":1.5},"format":"jxl"}',
        "jxl e3 decodingspeed=2 distance=1.5",
    ),
    (
        Setting.of("webp", quality=0, method=6, crop=300, extra_args={"lossless": True, "exact": False}),
        '{"crop":300,"extra_args":{"exact":false,"lossless":true},"format":"webp","method":6,"quality":0}',
        "webp q0 m6 c300 exact=false lossless",
    ),
    (
        Setting.of("jpeg", encoder="mozjpeg", quality=75, trellis=True, dithering="fine"),
        '{"dithering":"fine","encoder":"mozjpeg","format":"jpeg","quality":75,"trellis":true}',
        "mozjpeg q75 dithering=fine trellis",
    ),
]


@pytest.mark.parametrize(("setting", "canonical", "label"), TEXTS)
def test_the_texts_of_a_setting_never_change(setting: Setting, canonical: str, label: str) -> None:
    assert setting.canonical() == canonical
    assert setting.label() == label


def test_the_names_of_artifacts_never_change() -> None:
    settings = [
        Setting.of("avif", quality=60, chroma_subsampling="444", speed=6),
        Setting.of("avif", quality=60, chroma_subsampling="420", speed=8, crop=300),
        Setting.of("avif", extra_args={"cq-level": 20}),
        Setting.of("jpeg", quality=75, chroma_subsampling="420"),
        Setting.of("jpeg", encoder="mozjpeg", quality=75, chroma_subsampling="420", dithering="fine"),
    ]
    assert artifacts.suffixes(settings) == [
        "_q60_444_s6",
        "_q60_420_s8_c300",
        "_cq-level-20",
        "_q75",
        "_q75_dithering-fine_mozjpeg",
    ]


@given(
    st.permutations(
        [("quality", 3), ("chroma_subsampling", "444"), ("speed", 2), ("zebra", 1), ("apple", True)]
    )
)
def test_the_order_in_which_parameters_are_given_does_not_matter(pairs: list[tuple[str, int]]) -> None:
    setting = Setting.of("x", **dict(pairs))
    assert setting == Setting.of("x", quality=3, chroma_subsampling="444", speed=2, apple=True, zebra=1)
    assert setting.label() == "x q3 444 s2 apple zebra=1"


@pytest.mark.parametrize(
    ("setting", "rate", "level"),
    [
        (Setting.of("jxl", quality=90, effort=7), QUALITY, 90.0),
        (Setting.of("jxl", effort=7, extra_args={"distance": 1.5, "x": 1}), DISTANCE, 1.5),
        (Setting.of("x", bitrate=2.5, zebra=1), BITRATE, 2.5),
    ],
)
def test_a_setting_is_what_is_left_of_it_with_its_rate(
    setting: Setting, rate: RateParameter, level: float
) -> None:
    rest, found, value = setting.split((QUALITY, DISTANCE, BITRATE))
    assert (found, value) == (rate, level)
    assert rest != setting
    assert rest.with_value(rate, rate.plain(level)) == setting


@pytest.mark.parametrize(
    "setting",
    [
        Setting.of("webp", extra_args={"lossless": True}),
        Setting.of("jxl", extra_args={"distance": True}),
        Setting.of("x", distance=1),
        Setting.of("webp", quality=75, extra_args={"lossless": True}),
        Setting.of("x", quality=75, lossless=True),
    ],
)
def test_a_setting_without_a_rate_is_left_whole(setting: Setting) -> None:
    unless_lossless = dataclasses.replace(QUALITY, unless=(("lossless", True),))
    assert setting.split((unless_lossless, DISTANCE)) == (setting, None, None)


@given(st.lists(st.integers(0, 100), min_size=1))
def test_a_recommendation_may_name_every_whole_quality_between_the_measured_ones(measured: list[int]) -> None:
    assert QUALITY.grid(measured) == list(range(min(measured), max(measured) + 1))


def test_levels_are_written_as_a_study_would_write_them() -> None:
    assert DISTANCE.grid([0.0, 0.13, 0.2]) == [0.2, 0.15, 0.13, 0.1, 0.05, 0]
    assert [type(level) for level in DISTANCE.grid([1.0])] == [int]


def test_a_wide_scale_has_a_bounded_number_of_levels() -> None:
    levels = RateParameter("bits_per_second").grid([1e3 + 1, 5e8])
    assert len(levels) <= MAX_LEVELS + 2
    assert (levels[0], levels[-1]) == (1001, 500_000_000)


def test_a_step_of_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="the step of rate parameter 'quality' must be more than 0"):
        RateParameter("quality", step=0)


def test_facts_survive_json() -> None:
    import json

    facts = EncoderFacts(
        id="mozjpeg",
        format="jpeg",
        title="mozjpeg",
        extension=".jpg",
        parameters=(
            Parameter("quality", "of the file", minimum=0, maximum=100),
            Parameter("sampling", "chroma", choices=("444", "420"), default="420", show=(("420", "4:2:0"),)),
        ),
        extra_parameters=(Parameter("distance", "d", minimum=0, maximum=25, integer=False),),
        rates=(dataclasses.replace(QUALITY, unless=(("lossless", True),)), DISTANCE),
        colour=("#111111", "#eeeeee"),
        marker="M0 0h1z",
        version="mozjpeg 4",
    )
    assert EncoderFacts.from_dict(json.loads(json.dumps(facts.to_dict()))) == facts
    assert EncoderFacts.from_dict(facts.to_dict() | {"of_a_later_version": 1}) == facts
