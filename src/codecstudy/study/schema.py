"""JSON Schema of study files, for editors that complete and check them while one types.

It says what a file may hold, codec by codec. Loading a study checks more: duplicates, ranges that are empty,
and what a codec says to a combination of values.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from codecstudy import codecs, metrics
from codecstudy.codecs.base import Encoder
from codecstudy.study.config import ID_PATTERN, DatasetConfig, Preprocessing, StudyConfig
from codecstudy.study.encoders import EncoderConfig
from codecstudy.study.sweeps import ORIGINAL
from codecstudy.types import Parameter, Setting

Schema = dict[str, Any]

_LENGTH: Schema = {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "null"}, {"const": ORIGINAL}]}
_POSITIVE: Schema = {"type": ["integer", "null"], "minimum": 1}
_TEXT: Schema = {"type": ["string", "null"]}
_SCALAR: Schema = {"type": ["string", "number", "boolean"]}


def json_schema() -> Schema:
    """JSON Schema (draft 2020-12) of a study, with the parameters and ranges of every codec that is known."""
    encoders = [codecs.get(name) for name in codecs.names()]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "codecstudy study",
        "description": "Which images are encoded with which codecs and settings.",
        **_object(
            StudyConfig,
            {
                "$schema": _TEXT,
                "id": {"type": "string", "pattern": f"^{ID_PATTERN}$"},
                "name": _TEXT,
                "description": _TEXT,
                "time_budget": {
                    "anyOf": [
                        {"type": "number", "exclusiveMinimum": 0},
                        {
                            "type": "string",
                            "pattern": r"^[0-9]+(\.[0-9]+)?$|^(?=.)([0-9]+h)?([0-9]+m)?([0-9]+s)?$",
                        },
                        {"type": "null"},
                    ]
                },
                "dataset": _object(
                    DatasetConfig,
                    {
                        "id": {"type": "string", "minLength": 1},
                        "max_images": _POSITIVE,
                        "order": {"enum": ["hashed", "name"], "default": "hashed"},
                        "seed": {"type": "integer", "default": 0},
                    },
                ),
                "preprocessing": {
                    "anyOf": [_object(Preprocessing, {"resize": _sweep(_LENGTH)}), {"type": "null"}]
                },
                "encoders": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/encoder"}},
                "metrics": {
                    "anyOf": [
                        {
                            "type": "array",
                            "minItems": 1,
                            "uniqueItems": True,
                            "items": {"enum": list(metrics.names())},
                        },
                        {"type": "null"},
                    ]
                },
                "analysis": {"type": ["object", "null"]},
                "comparison": {"type": ["object", "null"]},
                "analysis_fragment_size": _POSITIVE,
                "crop_too_small_strategy": {
                    "enum": ["skip_image", "skip_measurement", "adjust_aspect_ratio", None]
                },
            },
        ),
        "$defs": {
            "encoder": {
                "description": EncoderConfig.__doc__,
                "type": "object",
                "required": ["format"],
                "properties": {
                    "format": {
                        "description": EncoderConfig.model_fields["format"].description,
                        "enum": list(dict.fromkeys(encoder.facts.format for encoder in encoders)),
                    },
                    "encoder": {
                        "description": EncoderConfig.model_fields["encoder"].description,
                        "enum": [*(encoder.facts.id for encoder in encoders), None],
                    },
                },
                "allOf": [
                    {"if": _chosen(encoder), "then": {"$ref": f"#/$defs/encoder-{encoder.facts.id}"}}
                    for encoder in encoders
                ],
            },
            **{f"encoder-{encoder.facts.id}": _encoder(encoder) for encoder in encoders},
        },
    }


def _chosen(encoder: Encoder) -> Schema:
    """Schema of what names this encoder: its id or, if it is the format's default one, the format alone."""
    name = encoder.facts.id
    by_id = {"properties": {"encoder": {"const": name}}, "required": ["encoder"]}
    if name != encoder.facts.format:
        return by_id
    by_format = {
        "properties": {"format": {"const": name}, "encoder": {"type": "null"}},
        "required": ["format"],
    }
    return {"anyOf": [by_id, by_format]}


def _object(model: type[BaseModel], properties: Schema) -> Schema:
    """Schema of an object with these properties; descriptions and what is required come from the model."""
    required = []
    for name, field in model.model_fields.items():
        key = field.alias or name
        properties[key] = {"description": field.description, **properties[key]}
        if field.is_required():
            required.append(key)
    schema = {"type": "object", "additionalProperties": False, "properties": properties}
    return {**schema, "required": required} if required else schema


def _encoder(encoder: Encoder) -> Schema:
    """Schema of an encoder of one format: nothing but the parameters that it has."""
    own = encoder.facts
    properties: Schema = {
        "format": {"const": own.format},
        "encoder": {
            "description": EncoderConfig.model_fields["encoder"].description,
            "enum": [own.id, *([None] if own.id == own.format else [])],
        },
    }
    rates = [rate.name for rate in encoder.facts.rates if not rate.extra]
    for parameter in encoder.facts.parameters:
        sweep = _sweep({**_value(parameter)}, {"type": "null"})
        if parameter.integer and parameter.name in rates:
            sweep["anyOf"].append(_range(parameter))
        properties[parameter.name] = {"description": _describe(parameter), **sweep}
    for key in ("resolution", "crop"):
        properties[key] = {"description": EncoderConfig.model_fields[key].description, **_sweep(_LENGTH)}
    extra: Schema = {
        "type": "object",
        "properties": {
            p.name: {"description": _describe(p), **_value(p)} for p in encoder.facts.extra_parameters
        },
        "additionalProperties": _SCALAR if encoder.facts.open_extra else False,
    }
    properties["extra_args"] = {
        "description": EncoderConfig.model_fields["extra_args"].description,
        **_sweep(extra, {"type": "null"}),
    }
    schema: Schema = {
        "title": encoder.facts.title,
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
    }
    if (
        encoder.facts.parameter("quality") is not None
        and encoder.check(Setting.of(encoder.facts.format, encoder=encoder.facts.id)) is not None
    ):
        # Something has to set the rate: quality, or an extra argument that stands in for it.
        schema["anyOf"] = [{"required": ["quality"]}, {"required": ["extra_args"]}]
    return schema


def _sweep(value: Schema, *alone: Schema) -> Schema:
    """One value, a list of values that are all different, or one of the forms that only stand ``alone``."""
    return {"anyOf": [value, {"type": "array", "items": value, "minItems": 1, "uniqueItems": True}, *alone]}


def _range(parameter: Parameter) -> Schema:
    names = ("start", "stop", "step")
    ends = {name: _value(parameter) for name in names[:2]}
    return {
        "type": "object",
        "description": "From start on, step apart, up to stop.",
        "properties": {**ends, "step": {"type": "integer", "minimum": 1}},
        "required": list(names),
        "additionalProperties": False,
    }


def _value(parameter: Parameter) -> Schema:
    if parameter.choices is not None:
        return {"enum": list(parameter.choices)}
    schema: Schema = {"type": "integer" if parameter.integer else "number"}
    if parameter.minimum is not None:
        schema["minimum"] = parameter.minimum
    if parameter.maximum is not None:
        schema["maximum"] = parameter.maximum
    return schema


def _describe(parameter: Parameter) -> str:
    default = "" if parameter.default is None else f"; default {str(parameter.default).lower()}"
    return f"{parameter.help} ({parameter.allowed()}{default})"
