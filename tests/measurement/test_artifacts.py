"""Names of kept files: one per task, telling apart what varies and nothing else."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from codecstudy.measurement import artifacts
from codecstudy.types import Setting


def test_names_hold_the_quality_and_what_varies() -> None:
    settings = [
        Setting.of("avif", quality=60, speed=6, chroma_subsampling="444"),
        Setting.of("avif", quality=60, speed=8, chroma_subsampling="444"),
        Setting.of("jpeg", quality=60, chroma_subsampling="420"),
    ]
    assert artifacts.suffixes(settings) == ["_q60_s6", "_q60_s8", "_q60"]


def test_several_encoders_of_a_format_do_not_overwrite_each_other() -> None:
    settings = [Setting.of("jpeg", encoder=name, quality=60) for name in ("jpeg", "mozjpeg", "jpegli")]
    assert artifacts.suffixes(settings) == ["_q60", "_q60_mozjpeg", "_q60_jpegli"]
    assert artifacts.suffixes(settings[1:2]) == ["_q60"]


def test_the_resolution_is_a_folder() -> None:
    small = Setting.of("webp", quality=80, resolution=1920)
    assert str(artifacts.location(small, "a/photo", "_q80", ".webp")) == "webp/r1920/a/photo_q80.webp"
    full = Setting.of("webp", quality=80)
    assert str(artifacts.location(full, "photo", "_q80", ".webp")) == "webp/original/photo_q80.webp"


def test_images_that_differ_in_their_suffix_alone_keep_it() -> None:
    assert artifacts.stems(["a.png", "a.jpg", "d/b.c.png"]) == {
        "a.png": "a.png",
        "a.jpg": "a.jpg",
        "d/b.c.png": "d/b.c",
    }


extra = st.dictionaries(st.sampled_from(["tune", "x"]), st.sampled_from(["a/b", "a-b", "../../c", 1, True]))
some_settings = st.lists(
    st.builds(
        Setting.of,
        format=st.sampled_from(["avif", "jxl"]),
        quality=st.one_of(st.none(), st.integers(0, 100)),
        speed=st.one_of(st.none(), st.integers(0, 10)),
        crop=st.one_of(st.none(), st.integers(100, 102)),
        encoder=st.sampled_from([None, "mine", "q60"]),
        extra_args=extra.map(lambda given: tuple(sorted(given.items()))),
    ),
    unique=True,
    max_size=8,
)


@given(some_settings)
def test_every_setting_has_a_file_of_its_own_in_its_folder(settings: list[Setting]) -> None:
    suffixes = artifacts.suffixes(settings)
    assert not any("/" in suffix or "\\" in suffix for suffix in suffixes)
    names = [artifacts.location(s, "a", x, ".x") for s, x in zip(settings, suffixes, strict=True)]
    assert len(set(names)) == len(settings)
    # Images may have names that look like the part of a file name that tells settings apart.
    ends = {(s.format, x) for s, x in zip(settings, suffixes, strict=True)}
    assert not any(f == g and x != y and x.endswith(y) for f, x in ends for g, y in ends)


def test_keep_replaces_whole_files(tmp_path: Path) -> None:
    path = tmp_path / "jxl" / "original" / "a.jxl"
    artifacts.keep(path, b"one")
    artifacts.keep(path, b"two")
    assert path.read_bytes() == b"two"
    assert [p.name for p in path.parent.iterdir()] == ["a.jxl"]


@given(st.lists(st.from_regex(r"[aAb](\.(png|jpg|webp)){1,3}", fullmatch=True), unique=True))
def test_no_two_images_share_a_name(images: list[str]) -> None:
    stems = artifacts.stems(images)
    assert set(stems) == set(images)
    assert len(set(stems.values())) == len(images)
    assert all(image.startswith(stem) for image, stem in stems.items())


def test_a_whole_name_does_not_clash_with_a_bare_one() -> None:
    images = ["a.png", "a.jpg", "a.png.webp"]
    assert artifacts.stems(images) == dict(zip(images, images, strict=True))
