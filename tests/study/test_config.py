"""Studies that load: the forms a file may have, the settings they spell out, and the way back to a file."""

from __future__ import annotations

import itertools
import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codecstudy.errors import StudyError
from codecstudy.study import StudyConfig
from codecstudy.types import Setting
from support.study_documents import FULL, OLDER


def study(*encoders: dict[str, Any], **keys: Any) -> dict[str, Any]:
    """A valid study document with these encoders."""
    return {"id": "x", "dataset": {"id": "sample"}, "encoders": list(encoders), **keys}


def settings(*encoders: dict[str, Any], **keys: Any) -> tuple[Setting, ...]:
    return StudyConfig.model_validate(study(*encoders, **keys)).settings()


FULL_TOML = """
"$schema" = "../study.schema.json"
id = "full_study-1"
name = "Full study"
description = "Every key there is."
time_budget = "1h30m"
metrics = ["ssimulacra2", "psnr"]
analysis_fragment_size = 200
crop_too_small_strategy = "skip_measurement"

[dataset]
id = "sample"
max_images = 5
order = "name"
seed = 7

[[encoders]]
format = "jpeg"
quality = { start = 30, stop = 95, step = 10 }
chroma_subsampling = ["444", "420"]
extra_args = [{ progressive = [true, false] }, { optimize = true }]

[[encoders]]
format = "webp"
quality = 80
method = [0, 6]
crop = 400

[[encoders]]
format = "avif"
quality = [50, 60]
speed = 6
resolution = ["original", 640]

[[encoders]]
format = "jxl"
quality = 75
effort = 7
extra_args = { decodingspeed = 2 }

[[encoders]]
format = "jxl"
extra_args = { distance = { start = 1.5, stop = 2, step = 0.25 } }

[analysis]
x_axis = "quality"
group_by = "format"

[comparison]
tile_parameter = "format"
targets = [{ metric = "ssimulacra2", values = [70, 80.5] }]
exclude_images = ["0828.png"]
"""


def test_json_and_toml_are_the_same_study(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(FULL))
    (tmp_path / "a.toml").write_text(FULL_TOML)
    from_json = StudyConfig.load(tmp_path / "a.json")
    assert from_json == StudyConfig.load(str(tmp_path / "a.toml")) == StudyConfig.model_validate(FULL)
    assert from_json.time_budget == 5400
    assert (from_json.dataset.order, from_json.dataset.seed) == ("name", 7)
    assert from_json.encoders[0].quality.values() == (30, 40, 50, 60, 70, 80, 90)


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(FULL).encode())
    assert StudyConfig.load(path).id == "full_study-1"


def test_defaults() -> None:
    config = StudyConfig.model_validate(study({"format": "jpeg", "quality": 80}))
    assert config.name == "x"
    assert (config.dataset.order, config.dataset.seed, config.dataset.max_images) == ("hashed", 0, None)
    assert config.time_budget is None
    assert config.settings() == (Setting.of("jpeg", quality=80),)


def test_null_is_as_good_as_leaving_a_key_out() -> None:
    nothing = {"time_budget": None, "analysis": None, "comparison": None, "preprocessing": None, "name": None}
    encoder = {"format": "avif", "quality": 50, "speed": None, "resolution": None, "extra_args": None}
    config = StudyConfig.model_validate(study(encoder, **nothing))
    assert config == StudyConfig.model_validate(study({"format": "avif", "quality": 50}))


@pytest.mark.parametrize(("given_as", "seconds"), [(90, 90.0), (0.5, 0.5), ("30m", 1800.0)])
def test_time_budget_is_seconds(given_as: object, seconds: float) -> None:
    budget = StudyConfig.model_validate(
        study({"format": "jpeg", "quality": 1}, time_budget=given_as)
    ).time_budget
    assert budget == seconds
    assert isinstance(budget, float)


def test_an_older_file_loads_unchanged(tmp_path: Path) -> None:
    path = tmp_path / "resolution-impact.json"
    path.write_text(json.dumps(OLDER))
    config = StudyConfig.load(path)
    assert {key: config.to_dict()[key] for key in ("analysis", "comparison")} == {
        key: OLDER[key] for key in ("analysis", "comparison")
    }
    assert config.schema_uri == OLDER["$schema"]
    assert [s.label() for s in config.settings()] == [
        f"{encoder} r{resolution}"
        for resolution in (2048, 720)
        for encoder in (
            "jpeg q60",
            "jpeg q75",
            "avif q40 s4",
            "avif q60 s4",
            "avif q80 s4",
            "avif q40 s6",
            "avif q60 s6",
            "avif q80 s6",
        )
    ]


def test_an_older_crop_study_loads_unchanged() -> None:
    config = StudyConfig.model_validate(
        study(
            {"format": "avif", "quality": [40, 80], "speed": 4, "crop": [2048, 400, 1200]},
            analysis_fragment_size=200,
            crop_too_small_strategy="adjust_aspect_ratio",
            comparison={"exclude_images": ["0828.png"]},
        )
    )
    assert config.analysis_fragment_size == 200
    assert config.crop_too_small_strategy == "adjust_aspect_ratio"
    assert [s.crop for s in config.settings()] == [2048, 2048, 1200, 1200, 400, 400]


def test_resize_of_an_older_file_stands_beside_the_same_resolution() -> None:
    encoders = [{"format": "jpeg", "quality": 5}, {"format": "webp", "quality": 5, "resolution": [720]}]
    found = settings(*encoders, preprocessing={"resize": 720})
    assert [(s.format, s.resolution) for s in found] == [("jpeg", 720), ("webp", 720)]


def test_sizes_stand_together_the_original_first() -> None:
    found = settings(
        {"format": "jpeg", "quality": [1, 2], "resolution": [320, None, 640]},
        {"format": "webp", "quality": 3, "crop": [100, "original", 200]},
        {"format": "avif", "quality": 4, "resolution": 640},
    )
    assert [s.label() for s in found] == [
        "jpeg q1",
        "jpeg q2",
        "webp q3",
        "jpeg q1 r640",
        "jpeg q2 r640",
        "avif q4 r640",
        "jpeg q1 r320",
        "jpeg q2 r320",
        "webp q3 c200",
        "webp q3 c100",
    ]


def test_parameters_that_are_not_given_stay_none() -> None:
    (setting,) = settings({"format": "avif", "quality": 50})
    assert setting == Setting.of("avif", quality=50)
    assert (setting.get("speed"), setting.get("chroma_subsampling"), setting.extra_args) == (None, None, ())


def test_every_extra_argument_reaches_its_settings_sorted_by_name() -> None:
    found = settings(
        {
            "format": "avif",
            "quality": 50,
            "extra_args": [{}, {"tune": "ssim", "range": "limited"}, {"sharpness": 2, "autotiling": False}],
        }
    )
    assert [s.extra_args for s in found] == [
        (),
        (("range", "limited"), ("tune", "ssim")),
        (("autotiling", False), ("sharpness", 2)),
    ]
    assert found[2].extra("autotiling") is False


def test_lists_in_extra_args_are_combined() -> None:
    found = settings(
        {
            "format": "avif",
            "quality": [50, 60],
            "extra_args": [{"tune": ["iq", "ssim"], "sharpness": [1, 2]}, {"range": "limited"}],
        }
    )
    assert [s.label() for s in found[::2]] == [
        "avif-pillow q50 sharpness=1 tune=iq",
        "avif-pillow q50 sharpness=2 tune=iq",
        "avif-pillow q50 sharpness=1 tune=ssim",
        "avif-pillow q50 sharpness=2 tune=ssim",
        "avif-pillow q50 range=limited",
    ]
    assert [s.quality for s in found] == [50, 60] * 5


def test_a_rate_parameter_in_extra_args_may_be_a_range() -> None:
    found = settings(
        {
            "format": "jxl",
            "extra_args": {"distance": {"start": 1, "stop": 2, "step": 0.5}, "decodingspeed": [0, 4]},
        }
    )
    assert [(s.extra("distance"), s.extra("decodingspeed")) for s in found] == [
        (distance, speed) for distance in (1, 1.5, 2) for speed in (0, 4)
    ]


def test_combinations_in_extra_args_are_counted_before_they_are_made() -> None:
    levels = {"start": 0, "stop": 25, "step": 1e-9}
    with pytest.raises(StudyError, match="100000000004 settings are too many"):
        settings({"format": "jxl", "extra_args": [{"distance": levels, "decodingspeed": [0, 1, 2, 3]}]})


def test_an_extra_argument_can_stand_in_for_the_quality() -> None:
    found = settings({"format": "jxl", "extra_args": [{"distance": 1}, {"distance": 0.5}]})
    assert [(s.quality, s.extra("distance")) for s in found] == [(None, 1), (None, 0.5)]


@given(st.integers(0, 100), st.integers(0, 100), st.integers(1, 120))
def test_a_range_starts_at_start_and_never_passes_stop(start: int, length: int, step: int) -> None:
    stop = min(start + length, 100)
    found = settings({"format": "webp", "quality": {"start": start, "stop": stop, "step": step}})
    qualities = [s.quality for s in found]
    assert qualities[0] == start
    assert all(b - a == step for a, b in itertools.pairwise(qualities))
    assert qualities[-1] <= stop < qualities[-1] + step
    assert (stop in qualities) == ((stop - start) % step == 0)


@given(st.randoms(use_true_random=False))
def test_the_order_of_keys_means_nothing(shuffler: random.Random) -> None:
    def shuffled(value: Any) -> Any:
        if isinstance(value, dict):
            keys = list(value)
            shuffler.shuffle(keys)
            return {key: shuffled(value[key]) for key in keys}
        return [shuffled(item) for item in value] if isinstance(value, list) else value

    config = StudyConfig.model_validate(shuffled(FULL))
    assert config == StudyConfig.model_validate(FULL)
    assert config.settings() == StudyConfig.model_validate(FULL).settings()


def _encoders() -> st.SearchStrategy[dict[str, Any]]:
    def some(low: int, high: int) -> st.SearchStrategy[Any]:
        return st.integers(low, high) | st.lists(st.integers(low, high), min_size=1, max_size=4, unique=True)

    sizes = st.lists(st.sampled_from([None, 100, 200, 300]), min_size=1, unique=True)
    keys = {
        "jpeg": {"chroma_subsampling": st.sampled_from(["444", "422", "420"])},
        "webp": {"method": some(0, 6)},
        "avif": {"speed": some(0, 10)},
        "jxl": {"effort": some(1, 10)},
    }
    return st.one_of(
        [
            st.fixed_dictionaries(
                {"format": st.just(name), "quality": some(0, 100)}, optional={**own, "resolution": sizes}
            )
            for name, own in keys.items()
        ]
    )


@given(st.lists(_encoders(), min_size=1, max_size=3, unique_by=lambda encoder: encoder["format"]))
def test_settings_are_unique_ordered_by_size_and_survive_the_round_trip(
    encoders: list[dict[str, Any]],
) -> None:
    config = StudyConfig.model_validate(study(*encoders))
    found = config.settings()
    assert len(set(found)) == len(found)
    sizes = [s.resolution or 10**9 for s in found]
    assert sizes == sorted(sizes, reverse=True)
    again = StudyConfig.model_validate(json.loads(json.dumps(config.to_dict(), allow_nan=False)))
    assert again == config
    assert again.settings() == found


@pytest.mark.parametrize("document", [FULL, OLDER, study({"format": "jpeg", "quality": 80})])
def test_to_dict_gives_the_study_back(document: dict[str, Any]) -> None:
    config = StudyConfig.model_validate(document)
    plain = config.to_dict()
    assert set(document) <= set(plain)
    assert StudyConfig.model_validate(plain) == config
    assert StudyConfig.model_validate(plain).to_dict() == plain


def test_a_study_does_not_change_after_it_was_checked() -> None:
    document = study(
        {"format": "jpeg", "quality": 5, "extra_args": {"optimize": True}},
        comparison={"exclude_images": ["a.png"]},
    )
    config = StudyConfig.model_validate(document)
    document["encoders"][0]["extra_args"]["optimize"] = "broken"
    document["comparison"]["exclude_images"].append("b.png")
    assert config.settings()[0].extra("optimize") is True
    assert config.to_dict()["comparison"] == {"exclude_images": ["a.png"]}
    with pytest.raises(ValueError, match="frozen"):
        config.id = "y"  # type: ignore[misc]


def test_a_study_may_name_its_metrics() -> None:
    encoder = {"format": "jpeg", "quality": 5}
    plain = StudyConfig.model_validate(study(encoder))
    assert plain.metric_names == ("ssimulacra2", "butteraugli", "psnr", "ssim")
    config = StudyConfig.model_validate(study(encoder, metrics=["psnr", "ssimulacra2"]))
    assert config.metric_names == ("psnr", "ssimulacra2")
    assert config.to_dict()["metrics"] == ["psnr", "ssimulacra2"]
    assert "metrics" not in plain.to_dict()


def test_a_study_may_measure_more_than_the_default_and_compare_at_it() -> None:
    targets = [
        {"metric": "ciede2000_p95", "values": [3]},
        {"metric": "butteraugli_203nits_3norm", "values": [1]},
    ]
    config = StudyConfig.model_validate(
        study(
            {"format": "jpeg", "quality": 5},
            metrics=["ciede2000", "butteraugli@203"],
            comparison={"targets": targets},
        )
    )
    assert config.metric_names == ("ciede2000", "butteraugli@203")
    assert config.comparison is not None
    assert [t.metric for t in config.comparison.targets or ()] == [t["metric"] for t in targets]


def test_what_the_report_shows_may_name_any_parameter_of_the_encoders() -> None:
    config = StudyConfig.model_validate(
        study(
            {"format": "avif", "quality": [50, 70], "speed": [4, 8]},
            {"format": "jxl", "extra_args": [{"distance": 1}, {"distance": 2}]},
            analysis={"x_axis": "speed", "group_by": "quality"},
            comparison={
                "targets": [
                    {"metric": "butteraugli_3norm", "values": [1]},
                    {"metric": "bits_per_pixel", "values": [0.5, 1.0]},
                ],
                "tile_parameter": "speed",
                "source_image": "a.png",
            },
        )
    )
    assert StudyConfig.model_validate(config.to_dict()) == config
    assert config.comparison is not None
    assert [target.values for target in config.comparison.targets or ()] == [(1,), (0.5, 1)]


def test_a_study_error_is_a_value_error() -> None:
    with pytest.raises(ValueError, match=r"^study: ") as caught:
        StudyConfig.model_validate({})
    assert isinstance(caught.value, StudyError)
