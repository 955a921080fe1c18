"""The studies that come along: they load, say what they ask, and sweep far enough to draw curves."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from codecstudy import codecs
from codecstudy.errors import StudyError
from codecstudy.study import StudyConfig
from codecstudy.study import builtin as studies
from codecstudy.study.builtin import builtin_ids, builtin_path, load_builtin
from codecstudy.types import Setting

FOLDER = Path(studies.__file__).parent


def test_every_file_is_listed() -> None:
    assert sorted(builtin_ids()) == sorted(path.stem for path in FOLDER.glob("*.toml"))
    assert builtin_ids()[0] == "demo"
    assert len(set(builtin_ids())) == 10


LACKING = [
    text for name in ("mozjpeg", "jpegli", "webp-vips") if (text := codecs.get(name).missing()) is not None
]
STUDIES = [
    pytest.param(
        name, marks=pytest.mark.skipif(name == "fair-comparison" and bool(LACKING), reason=str(LACKING))
    )
    for name in builtin_ids()
]


@pytest.mark.parametrize("name", STUDIES)
def test_each_loads_under_its_own_id(name: str) -> None:
    config = load_builtin(name)
    assert config.id == name
    assert config == StudyConfig.load(builtin_path(name))
    assert config.dataset.id == "sample"
    assert config.name != name
    assert config.description


@pytest.mark.parametrize("name", STUDIES)
def test_each_has_enough_qualities_per_curve(name: str) -> None:
    curves: dict[Setting, list[int]] = {}
    for setting in load_builtin(name).settings():
        assert setting.quality is not None
        without_quality = Setting.of(
            setting.format,
            encoder=setting.encoder,
            depth=setting.get("depth"),
            quality=None,
            chroma_subsampling=setting.get("chroma_subsampling"),
            speed=setting.get("speed"),
            effort=setting.get("effort"),
            method=setting.get("method"),
            resolution=setting.resolution,
            crop=setting.crop,
            extra_args=setting.extra_args,
        )
        curves.setdefault(without_quality, []).append(setting.quality)
    for qualities in curves.values():
        assert len(qualities) >= 7
        assert min(qualities) <= 20
        assert max(qualities) >= 96


SWEPT = {
    "demo": {"format": {"jpeg", "webp", "avif", "jxl"}},
    "format-comparison": {"format": {"jpeg", "webp", "avif", "jxl"}},
    "fair-comparison": {"format": {"jpeg", "webp", "avif", "jxl"}, "depth": {None, 10}, "method": {None, 6}},
    "avif-quality-sweep": {"quality": set(range(5, 101, 5))},
    "avif-speed-sweep": {"speed": {0, 2, 4, 5, 6, 7, 8, 9}},
    "avif-chroma-subsampling": {"chroma_subsampling": {"444", "422", "420"}},
    "jxl-effort-sweep": {"effort": set(range(1, 11))},
    "webp-method-sweep": {"method": set(range(7))},
    "resolution-impact": {"resolution": {None, 1920, 1280, 640, 480, 320}},
    "speed-effort-comparison": {"speed": {None, 2, 4, 6, 8, 9}, "effort": {None, 1, 3, 5, 7, 9}},
}


@pytest.mark.parametrize("name", STUDIES)
def test_each_sweeps_what_its_name_says(name: str) -> None:
    found = load_builtin(name).settings()
    for parameter, values in SWEPT[name].items():
        assert {
            getattr(s, parameter) if parameter in ("format", "resolution") else s.get(parameter)
            for s in found
        } == values


def test_the_demo_is_small() -> None:
    assert len(load_builtin("demo").settings()) <= 60


def test_an_unknown_one_names_the_known_ones() -> None:
    with pytest.raises(StudyError, match=r"'demmo'.*demo, format-comparison"):
        load_builtin("demmo")


def test_the_fair_comparison_names_the_extra_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyjpegli", None)
    monkeypatch.setitem(sys.modules, "pyvips", None)
    with pytest.raises(StudyError) as raised:
        load_builtin("fair-comparison")
    for extra in ("jpegli", "webp"):
        assert f"pip install 'codecstudy[{extra}]'" in str(raised.value)
