"""The keys of an encoder in a study are the parameters that it declares, whoever wrote it."""

from __future__ import annotations

import dataclasses
import json
import pickle
from collections.abc import Callable
from importlib.metadata import EntryPoint
from typing import Any

import jsonschema
import pytest

from codecstudy import EncoderConfig, codecs, metrics, registry
from codecstudy.codecs.base import Encoder
from codecstudy.errors import StudyError
from codecstudy.study import StudyConfig, json_schema
from codecstudy.types import EncoderFacts, Parameter, RateParameter, Setting
from support import fake_codecs
from support.study_documents import GOOD, with_encoder

DISTANCE = Parameter("distance", "how coarse", minimum=0, maximum=10, integer=False)
DITHERING = Parameter("dithering", "noise in flat areas", choices=("none", "ordered"), default="none")

Install = Callable[..., Encoder]


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Install:
    """Registers an encoder with these facts, until the test ends."""
    monkeypatch.setattr(codecs._registry, "_loaded", {})
    monkeypatch.setattr(codecs._registry, "_registered", {})

    def add(id: str, *parameters: Parameter, **facts: Any) -> Encoder:
        values = {"format": id, "title": id.upper(), "extension": ".x", "rates": (), **facts}
        encoder = dataclasses.replace(
            fake_codecs.make(id), facts=EncoderFacts(id=id, parameters=parameters, **values)
        )
        monkeypatch.setattr(fake_codecs, f"OF_A_TEST_{id}", encoder, raising=False)
        return codecs.register(f"support.fake_codecs:OF_A_TEST_{id}")

    return add


def load(**encoder: Any) -> StudyConfig:
    document = {**GOOD, "encoders": [encoder]}
    config = StudyConfig.model_validate(document)
    # Whatever loads fits the schema, comes back from a file, and survives a pickle.
    jsonschema.validate(document, json_schema())
    assert StudyConfig.model_validate(json.loads(json.dumps(config.to_dict()))) == config
    assert pickle.loads(pickle.dumps(config)) == config
    return config


def refusal(**encoder: Any) -> str:
    document = {**GOOD, "encoders": [encoder]}
    with pytest.raises(StudyError) as caught:
        StudyConfig.model_validate(document)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, json_schema())
    return str(caught.value)


def test_a_new_parameter_is_a_key(install: Install) -> None:
    install("toy", Parameter("quality", "quality", 0, 100), DITHERING, rates=(RateParameter("quality"),))
    found = load(format="toy", quality=[1, 2], dithering=["ordered", "none"]).settings()
    assert [s.label() for s in found] == [
        "toy q1 dithering=ordered",
        "toy q2 dithering=ordered",
        "toy q1 dithering=none",
        "toy q2 dithering=none",
    ]
    assert found[0] == Setting.of("toy", quality=1, dithering="ordered")
    assert 'encoders[0].dithering: "stucki" is not allowed. Allowed: none, ordered' in refusal(
        format="toy", dithering="stucki"
    )
    assert "encoders[0].ditering: TOY has no ditering (given: 1); did you mean dithering?" in refusal(
        format="toy", ditering=1
    )


def test_its_default_is_known(install: Install) -> None:
    install("toy", DITHERING)
    entries = [{"format": "toy"}, {"format": "toy", "dithering": "none"}]
    with pytest.raises(StudyError, match=r"repeats settings .* toy and toy dithering=none, by default"):
        StudyConfig.model_validate({**GOOD, "encoders": entries})


def test_a_rate_parameter_of_decimals_takes_a_range(install: Install) -> None:
    install("toy", DISTANCE, rates=(RateParameter("distance", finer_is_higher=False, step=0.1),))
    found = load(format="toy", distance={"start": 0.1, "stop": 0.5, "step": 0.1}).settings()
    assert [s.get("distance") for s in found] == [0.1, 0.2, 0.3, 0.4, 0.5]
    message = refusal(format="toy", distance={"start": 0.1, "stop": 11, "step": 0})
    assert "encoders[0].distance.stop: 11 is out of range. Allowed: 0 to 10 (decimals allowed)" in message
    assert "encoders[0].distance.step: 0 is out of range. Allowed: more than 0" in message


def test_a_range_that_never_ends_is_refused_before_it_is_expanded(install: Install) -> None:
    install("toy", DISTANCE, rates=(RateParameter("distance"),))
    with pytest.raises(StudyError, match=r"1000000000000\d settings are too many"):
        StudyConfig.model_validate(
            with_encoder(format="toy", distance={"start": 0, "stop": 10, "step": 1e-12})
        )


def test_the_rate_parameter_changes_fastest_and_others_stand_as_declared(install: Install) -> None:
    install(
        "toy", DISTANCE, DITHERING, Parameter("effort", "effort", 1, 3), rates=(RateParameter("distance"),)
    )
    found = load(format="toy", effort=[1, 2], distance=[3, 4], dithering=["none", "ordered"]).settings()
    assert [(s.get("dithering"), s.get("effort"), s.get("distance")) for s in found] == [
        (dithering, effort, distance)
        for dithering in ("none", "ordered")
        for effort in (1, 2)
        for distance in (3, 4)
    ]


def test_a_whole_number_stays_one_where_decimals_are_allowed(install: Install) -> None:
    install("toy", DISTANCE)
    config = load(format="toy", distance=1)
    for again in (config, StudyConfig.model_validate(json.loads(json.dumps(config.to_dict())))):
        assert again.settings()[0].canonical() == '{"distance":1,"format":"toy"}'


@pytest.mark.parametrize(
    ("limits", "good", "bad", "allowed"),
    [
        ({}, -(10**9), float("inf"), "any number"),
        ({"minimum": 2}, 10**9, 1, "2 or more"),
        ({"maximum": 2}, -5, 10**400, "at most 2"),
    ],
)
def test_a_parameter_may_be_without_limits(
    install: Install, limits: dict[str, float], good: int, bad: float, allowed: str
) -> None:
    install("toy", Parameter("gain", "a number", **limits, integer=False), rates=(RateParameter("gain"),))
    assert load(format="toy", gain=good).settings()[0].get("gain") == good
    for value, place in ((bad, ""), ({"start": good, "stop": bad, "step": 1}, ".stop")):
        with pytest.raises(StudyError) as caught:
            StudyConfig.model_validate(with_encoder(format="toy", gain=value))
        assert f"encoders[1].gain{place}: " in str(caught.value)
        assert f"Allowed: {allowed} (decimals allowed)" in str(caught.value)


def test_types_of_choices_are_exact(install: Install) -> None:
    install("toy", Parameter("flag", "a switch", choices=(True, False)))
    assert load(format="toy", flag=[True, False]).settings()[0].get("flag") is True
    message = refusal(format="toy", flag=1)
    assert "encoders[0].flag: 1 is not allowed. Allowed: true, false" in message


@pytest.mark.parametrize("name", ["copy", "sweeps", "model_dump", "made_for", "json", "cq-distance", "class"])
def test_any_name_can_be_a_parameter(install: Install, name: str) -> None:
    install(
        "toy",
        Parameter(name, "its name is also one in Python", 0, 9),
        extra_parameters=(Parameter("dict", "", 0, 9),),
    )
    config = load(format="toy", extra_args={"dict": 3}, **{name: [4, 5]})
    assert [s.get(name) for s in config.settings()] == [4, 5]
    assert config.to_dict()["encoders"] == [{"format": "toy", name: [4, 5], "extra_args": {"dict": 3}}]


def test_a_second_encoder_of_a_format_is_chosen_by_its_id(install: Install) -> None:
    install("ditherjpeg", DITHERING, format="jpeg", title="DitherJPEG")
    entries = [
        {"format": "jpeg", "encoder": "ditherjpeg", "dithering": "ordered"},
        {"format": "jpeg", "quality": 5},
        {"format": "jpeg", "encoder": "jpeg", "quality": 6},
    ]
    document = {**GOOD, "encoders": entries}
    jsonschema.validate(document, json_schema())
    found = StudyConfig.model_validate(document).settings()
    assert [(s.format, s.encoder) for s in found] == [
        ("jpeg", "ditherjpeg"),
        ("jpeg", "jpeg"),
        ("jpeg", "jpeg"),
    ]


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        (
            {"format": "jpeg", "encoder": "ditherjpg"},
            ".encoder: no encoder is named 'ditherjpg'; did you mean ditherjpeg",
        ),
        (
            {"format": "avif", "encoder": "ditherjpeg"},
            '.format: the encoder ditherjpeg makes jpeg, not "avif"',
        ),
        ({"encoder": "ditherjpeg"}, ".format: is missing"),
        ({"format": "jpeg", "encoder": 3}, ".encoder: must be text, not 3"),
        ({"format": "jpeg", "encoder": "ditherjpeg", "quality": 3}, ".quality: DitherJPEG has no quality"),
        ({"format": "jpeg", "dithering": "none"}, ".dithering: JPEG has no dithering"),
    ],
)
def test_a_wrong_choice_of_encoder_is_refused(install: Install, entry: dict[str, Any], says: str) -> None:
    install("ditherjpeg", DITHERING, format="jpeg", title="DitherJPEG")
    assert f"encoders[0]{says}" in refusal(**entry)


def test_an_encoder_that_cannot_be_loaded_is_an_error_only_where_it_is_named(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = EntryPoint("broken", "no_such_module:ENCODER", codecs.ENTRY_POINT_GROUP)
    monkeypatch.setattr(registry, "entry_points", lambda group: [broken])
    assert StudyConfig.model_validate(GOOD).settings()
    with pytest.raises(StudyError, match=r"encoders\[1\].format: cannot load encoder no_such_module"):
        StudyConfig.model_validate(with_encoder(format="broken"))


def test_an_encoder_replaced_under_the_same_id_has_its_own_keys(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    install("toy", DISTANCE)
    load(format="toy", distance=1)
    monkeypatch.setattr(codecs._registry, "_registered", {})
    install("toy", DITHERING)
    load(format="toy", dithering="none")
    assert "has no distance" in refusal(format="toy", distance=1)


def test_an_encoder_can_be_made_in_python() -> None:
    encoder = EncoderConfig(format="avif", quality=[50, 60], extra_args={"range": "full"})
    assert isinstance(encoder, EncoderConfig)
    document = {"format": "avif", "quality": [50, 60], "extra_args": {"range": "full"}}
    assert encoder == EncoderConfig.model_validate(document)
    config = StudyConfig.model_validate({**GOOD, "encoders": [encoder]})
    assert [s.label() for s in config.settings()] == [
        "avif-pillow q50 range=full",
        "avif-pillow q60 range=full",
    ]
    with pytest.raises(ValueError, match="AVIF has no qualty"):
        EncoderConfig(format="avif", qualty=5)
    with pytest.raises(ValueError, match="did you mean avif"):
        EncoderConfig(format="avfi")


def test_a_metric_whose_column_is_a_parameter_is_refused(
    monkeypatch: pytest.MonkeyPatch, install: Install
) -> None:
    monkeypatch.setattr(metrics._registry, "_loaded", {})
    monkeypatch.setattr(metrics._registry, "_registered", {})
    metrics.register("support.fake_metrics:ABSOLUTE")
    install("toy", Parameter("absolute_max", "", 0, 5))
    document = {**GOOD, "encoders": [{"format": "toy", "absolute_max": 3}], "metrics": ["psnr", "absolute"]}
    says = r"metrics\[1\]: absolute fills a column absolute_max, which is also the name of a parameter"
    with pytest.raises(StudyError, match=says):
        StudyConfig.model_validate(document)
