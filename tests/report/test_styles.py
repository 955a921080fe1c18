"""The encoders' colours are readable on both backgrounds, and distinguishable with every kind of colour vision."""

from __future__ import annotations

import itertools
from importlib import resources

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codecstudy import codecs
from codecstudy.report.styles import BACKGROUNDS, CONTRAST, FREE_COLOURS, Style, contrast, styles
from codecstudy.types import MARKERS, EncoderFacts

COMMON = ("jpeg", "webp", "avif", "jxl")
COLOURS = {
    **{name: codecs.get(name).facts.colour for name in COMMON},
    **{f"free{k}": pair for k, pair in enumerate(FREE_COLOURS)},
}
THEMES = ["light", "dark"]

# G. Machado, M. Oliveira, L. Fernandes, "A Physiologically-based Model for Simulation of Color Vision Deficiency",
# IEEE TVCG 15:6, 2009: severity 1, on linear sRGB.
EYES = {
    "usual": np.eye(3),
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}  # fmt: skip


def linear(colour: str) -> np.ndarray:
    c = np.array([int(colour[k : k + 2], 16) for k in (1, 3, 5)]) / 255
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def oklab(rgb: np.ndarray) -> np.ndarray:
    """B. Ottosson, "A perceptual color space for image processing", 2020."""
    cones = [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
    axes = [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
    return np.array(axes) @ np.cbrt(np.array(cones) @ np.clip(rgb, 0, 1))


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("style", COLOURS)
def test_names_in_these_colours_can_be_read(theme: str, style: str) -> None:
    here = THEMES.index(theme)
    assert contrast(COLOURS[style][here], BACKGROUNDS[here]) >= CONTRAST


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("eyes", EYES)
def test_the_four_formats_can_be_distinguished(theme: str, eyes: str) -> None:
    seen = {
        style: oklab(np.array(EYES[eyes]) @ linear(COLOURS[style][THEMES.index(theme)])) for style in COMMON
    }
    for one, other in itertools.combinations(COMMON, 2):
        assert np.linalg.norm(seen[one] - seen[other]) > 0.09, (one, other)


def own(name: str, **facts: object) -> EncoderFacts:
    return EncoderFacts(name, name, name, "", **facts)


def test_an_encoder_has_the_colour_and_the_marker_of_its_facts() -> None:
    style = styles([own("mine", colour=("#123456", "#abcdef"), marker="star")])["mine"]
    assert (style.name, style.light, style.dark, style.marker) == ("mine", "#123456", "#abcdef", "star")


@given(st.text("0123456789abcdef", min_size=12, max_size=12))
def test_names_in_any_encoders_colours_can_be_read(digits: str) -> None:
    given_colours = (f"#{digits[:6]}", f"#{digits[6:]}")
    style = styles([own("mine", colour=given_colours)])["mine"]
    for before, after, paper in zip(given_colours, (style.light, style.dark), BACKGROUNDS, strict=True):
        assert contrast(after, paper) >= CONTRAST
        assert after == before or contrast(before, paper) < CONTRAST


def test_contrast_is_that_of_wcag() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)


def test_the_backgrounds_are_those_of_the_style_sheet() -> None:
    css = resources.files("codecstudy.report").joinpath("static/css/base.css").read_text(encoding="utf-8")
    assert f"--sunk: {BACKGROUNDS[0]}" in css
    assert css.count(f"--raised: {BACKGROUNDS[1]}") == 2


def test_encoders_without_a_colour_get_free_ones_in_turn() -> None:
    jpeg = codecs.get("jpeg").facts
    found = styles([own("mine"), jpeg, own("yours")])
    assert [(found[name].light, found[name].dark) for name in ("mine", "yours")] == list(FREE_COLOURS[:2])
    assert found["jpeg"].marker == "circle"
    many = styles([own(f"f{k}") for k in range(9)]).values()
    assert {style.marker for style in many} == set(MARKERS[4:])


def test_only_valid_colours_and_names_from_a_file_get_into_the_style_sheet() -> None:
    found = styles([own("a}body{", colour=("red;}", "#ffffff"), marker="</style>")])["a}body{"]
    assert (found.name, found.light, found.marker) == ("other-0", FREE_COLOURS[0][0], "triangle-down")


FORMATS = [codecs.get(name).facts for name in COMMON]


def shades(count: int, *others: EncoderFacts) -> dict[str, Style]:
    """The styles of the four formats, each with so many further encoders without a colour."""
    more = [EncoderFacts(f"{f.id}-{k}", f.format, f"{f.id}-{k}", "") for f in FORMATS for k in range(count)]
    return styles([*more, *FORMATS, *others])


@pytest.mark.parametrize("theme", THEMES)
def test_encoders_of_a_format_have_shades_of_its_colour(theme: str) -> None:
    here = THEMES.index(theme)
    found = shades(2)
    colours = {name: (style.light, style.dark)[here] for name, style in found.items()}
    seen = {name: oklab(linear(colour)) for name, colour in colours.items()}
    assert {name: colours[name] for name in COMMON} == {name: COLOURS[name][here] for name in COMMON}
    for name, colour in colours.items():
        assert contrast(colour, BACKGROUNDS[here]) >= CONTRAST, name
        assert found[name].marker == found[name.partition("-")[0]].marker
    for one, other in itertools.combinations(seen, 2):
        assert np.linalg.norm(seen[one] - seen[other]) > 0.06, (one, other)
    # Shades of blue are not red: hues stay near, where the colour of the format has one.
    for name in ("webp", "avif", "jxl"):
        hue = np.arctan2(*seen[name][:0:-1])
        for k in range(2):
            turn = np.arctan2(*seen[f"{name}-{k}"][:0:-1]) - hue
            assert abs((turn + np.pi) % (2 * np.pi) - np.pi) < np.radians(36), (name, k)


def test_a_colour_is_not_given_twice_and_shades_stay_when_others_are_added() -> None:
    avif = FORMATS[2]
    copy = EncoderFacts("copy", "avif", "copy", "", colour=avif.colour, marker=avif.marker)
    found = styles([copy, avif])
    assert (found["avif"].light, found["avif"].dark) == avif.colour
    assert found["copy"].light != found["avif"].light
    assert styles([copy, avif, EncoderFacts("more", "avif", "more", "")])["copy"] == found["copy"]
    alone = styles([copy])["copy"]
    assert (alone.light, alone.dark) == avif.colour


def test_encoders_of_a_format_without_a_colour_share_a_free_one() -> None:
    found = styles([EncoderFacts(name, "mine", name, "") for name in ("mine", "mine-fast")])
    assert (found["mine"].light, found["mine"].dark) == FREE_COLOURS[0]
    assert found["mine-fast"].marker == found["mine"].marker
    assert found["mine-fast"].light not in itertools.chain(*FREE_COLOURS)
