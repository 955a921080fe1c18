"""JSON Schema of study files, for editors that complete and check them during typing.

It is generated from the models that load a study. Loading also checks for duplicates, and asks encoders about
combinations of values.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, create_model
from pydantic.json_schema import GenerateJsonSchema

from codecstudy import codecs, metrics
from codecstudy.errors import CodecError
from codecstudy.study.command_models import CommandConfig, ParameterConfig
from codecstudy.study.encoder_models import EncoderConfig, model_of
from codecstudy.study.models import StudyConfig
from codecstudy.study.sweeps import Lengths

Schema = dict[str, Any]


def json_schema(on_unusable: Callable[[str], None] | None = None) -> Schema:
    """JSON Schema (draft 2020-12) of a study, with the parameters and ranges of every known encoder.

    Args:
        on_unusable: Called with a message for each encoder that cannot be loaded, which is then left out.

    Raises:
        CodecError: An encoder cannot be loaded, and there is no ``on_unusable``.
    """
    encoders = []
    for known in codecs.installed():
        try:
            encoders.append(codecs.get(known))
        except CodecError as error:
            if on_unusable is None:
                raise
            on_unusable(f"{error}; the schema is without this encoder")
    models = [*(model_of(encoder) for encoder in encoders), _Defined]
    entries: Any = functools.reduce(operator.or_, models)
    study = create_model(
        "study", __base__=StudyConfig, encoders=(list[entries], StudyConfig.model_fields["encoders"])
    )
    schema = study.model_json_schema(schema_generator=_ForEditors)
    listed = schema["properties"]["encoders"]
    listed["minItems"] = 1
    # Instead of a union: if an entry fits no member of one, editors cannot know which member was meant.
    names = [encoder.facts.id for encoder in encoders]
    *members, defined = listed["items"]["anyOf"]
    by_name = dict(zip(names, members, strict=True))
    installed: Schema = {
        "properties": {
            "format": {"enum": list(dict.fromkeys(encoder.facts.format for encoder in encoders))},
            "encoder": {"enum": [*names, None]},
        },
        "allOf": [
            *({"if": _named("encoder", name), "then": member} for name, member in by_name.items()),
            *({"if": _without_encoder(name), "then": _any_of(name, by_name)} for name in by_name),
        ],
    }
    listed["items"] = {
        "type": "object",
        "description": "One encoder and its sweep: every combination of the values of its keys is a setting.",
        "required": ["format"],
        "if": {"properties": {"command": {"type": "object"}}, "required": ["command"]},
        "then": defined,
        "else": installed,
    }
    schema["properties"]["metrics"]["anyOf"][0]["items"]["anyOf"] = [
        {"enum": list(metrics.names())},
        *({"pattern": f"^{variant}$"} for variant in metrics.VARIANTS),
    ]
    return {
        "$schema": GenerateJsonSchema.schema_dialect,
        **schema,
        "title": "codecstudy study",
        "description": "The images, encoders and settings of a study.",
    }


def _named(key: str, name: str) -> Schema:
    """Schema of an entry in which a key has this value."""
    return {"properties": {key: {"const": name}}, "required": [key]}


def _without_encoder(format: str) -> Schema:
    """Schema of an entry that selects the default encoder of a format, or an alternative to it."""
    return {"properties": {"format": {"const": format}, "encoder": {"const": None}}, "required": ["format"]}


def _any_of(format: str, members: dict[str, Schema]) -> Schema:
    """Schema of the entries of a format's default encoder, and of its alternatives."""
    found = [members[name] for name in (format, *codecs.ALTERNATIVES.get(format, ())) if name in members]
    return found[0] if len(found) == 1 else {"anyOf": found}


class _Defined(BaseModel):
    """An encoder that the study defines. Its parameters are keys, too, and their values are not checked here."""

    model_config = ConfigDict(title="own encoder", extra="allow")

    format: str = Field(description=EncoderConfig.model_fields["format"].description)
    encoder: str = Field(description="Name of the encoder, which no other encoder has.")
    command: CommandConfig = Field(description="How the program is run.")
    parameters: dict[str, ParameterConfig] = Field(
        {}, description="The parameters of the command line, by name."
    )
    resolution: Lengths = Field(None, description=EncoderConfig.model_fields["resolution"].description)
    crop: Lengths = Field(None, description=EncoderConfig.model_fields["crop"].description)


class _ForEditors(GenerateJsonSchema):
    """Without titles that repeat the keys, and without null as the default of every key."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def default_schema(self, schema: Any) -> Schema:
        generated = super().default_schema(schema)
        if generated.get("default", ...) is None:
            del generated["default"]
        return generated
