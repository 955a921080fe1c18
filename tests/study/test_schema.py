"""The JSON Schema of studies: it takes what loads, and refuses what a file cannot hold."""

from __future__ import annotations

import json
from typing import Any

import pytest

from codecstudy import codecs
from codecstudy.study import StudyConfig, json_schema
from codecstudy.study import builtin as studies
from codecstudy.study.messages import show
from support.optional import needs
from support.study_documents import ENCODERS, FULL, GOOD, OLDER, STUDIES, with_encoder

jsonschema = pytest.importorskip("jsonschema", reason="jsonschema checks the schema; pip install jsonschema")


@pytest.fixture(scope="module")
def validator() -> Any:
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def test_the_schema_is_plain_json_and_names_its_draft() -> None:
    schema = json_schema()
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert json.loads(json.dumps(schema, allow_nan=False)) == schema


def test_it_has_every_key_and_describes_it() -> None:
    properties = json_schema()["properties"]
    fields = StudyConfig.model_fields
    assert list(properties) == [field.alias or name for name, field in fields.items()]
    assert all(properties[key]["description"] for key in properties)


def test_the_parameters_of_an_encoder_come_before_the_sizes() -> None:
    avif = json_schema()["$defs"]["encoder-avif"]["properties"]
    assert list(avif) == [
        *("format", "encoder", "quality", "chroma_subsampling", "speed", "depth"),
        *("resolution", "crop", "extra_args"),
    ]


@pytest.mark.parametrize("name", studies.builtin_ids())
def test_built_in_studies_are_valid(validator: Any, name: str) -> None:
    validator.validate(studies.load_builtin(name).to_dict())


@pytest.mark.parametrize("document", [FULL, OLDER, GOOD], ids=["full", "older", "smallest"])
def test_what_loads_is_valid(validator: Any, document: dict[str, Any]) -> None:
    validator.validate(document)
    validator.validate(StudyConfig.model_validate(document).to_dict())


REFUSED = [with_encoder(**encoder) for encoder, _, _ in ENCODERS] + [document for document, _, _ in STUDIES]


@pytest.mark.parametrize("document", REFUSED, ids=show)
def test_what_does_not_load_is_not_valid(validator: Any, document: Any) -> None:
    assert not validator.is_valid(document)


@pytest.mark.parametrize("name", codecs.names())
def test_an_encoder_has_the_parameters_of_its_codec_and_no_others(validator: Any, name: str) -> None:
    codec = codecs.get(name)
    for parameter in codec.facts.parameters:
        low = parameter.choices[0] if parameter.choices else parameter.minimum
        encoder = {"format": codec.facts.format, "encoder": name, "quality": 5, parameter.name: [low]}
        assert validator.is_valid({**GOOD, "encoders": [encoder]})
        if parameter.maximum is not None:
            above = {**encoder, parameter.name: parameter.maximum + 1}
            assert not validator.is_valid({**GOOD, "encoders": [above]})
    for other in {"chroma_subsampling", "speed", "effort", "method"} - {
        p.name for p in codec.facts.parameters
    }:
        value = "444" if other == "chroma_subsampling" else 4
        encoder = {"format": codec.facts.format, "encoder": name, "quality": 5, other: value}
        assert not validator.is_valid({**GOOD, "encoders": [encoder]})


@pytest.mark.parametrize(
    "entry",
    [
        {"format": "avif", "quality": 50, "extra_args": {"tune": ["ssim", "psnr"]}},
        {"format": "avif", "extra_args": {"cq-level": 20}},
        pytest.param(
            {"format": "webp", "quality": 50, "extra_args": {"sharp_yuv": True}}, marks=needs("webp-vips")
        ),
    ],
    ids=str,
)
def test_an_entry_may_have_the_options_of_another_encoder_of_its_format(
    validator: Any, entry: dict[str, Any]
) -> None:
    document = {**GOOD, "encoders": [entry]}
    StudyConfig.model_validate(document)
    validator.validate(document)
    with pytest.raises(jsonschema.ValidationError):
        validator.validate({**GOOD, "encoders": [{**entry, "encoder": entry["format"]}]})
