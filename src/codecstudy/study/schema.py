"""JSON Schema of study files, for editors that complete and check them during typing.

It is generated from the models that load a study. Loading also checks for duplicates, and asks encoders about
combinations of values.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from typing import Any

from pydantic import create_model
from pydantic.json_schema import GenerateJsonSchema

from codecstudy import codecs, metrics
from codecstudy.errors import CodecError
from codecstudy.study.encoder_models import model_of
from codecstudy.study.models import StudyConfig

Schema = dict[str, Any]


def json_schema(on_unusable: Callable[[str], None] | None = None) -> Schema:
    """JSON Schema (draft 2020-12) of a study, with the parameters and ranges of every known encoder.

    Args:
        on_unusable: Called with a message for each encoder that cannot be loaded, which is then left out.

    Raises:
        CodecError: An encoder cannot be loaded, and there is no ``on_unusable``.
    """
    encoders = []
    for known in codecs.names():
        try:
            encoders.append(codecs.get(known))
        except CodecError as error:
            if on_unusable is None:
                raise
            on_unusable(f"{error}; the schema is without this encoder")
    entries: Any = functools.reduce(operator.or_, (model_of(encoder) for encoder in encoders))
    study = create_model(
        "study", __base__=StudyConfig, encoders=(list[entries], StudyConfig.model_fields["encoders"])
    )
    schema = study.model_json_schema(schema_generator=_ForEditors)
    listed = schema["properties"]["encoders"]
    listed["minItems"] = 1
    # Instead of a union: if an entry fits no member of one, editors cannot know which member was meant.
    names = [encoder.facts.id for encoder in encoders]
    listed["items"] = {
        "type": "object",
        "description": "One encoder and its sweep: every combination of the values of its keys is a setting.",
        "required": ["format"],
        "properties": {
            "format": {"enum": list(dict.fromkeys(encoder.facts.format for encoder in encoders))},
            "encoder": {"enum": [*names, None]},
        },
        "allOf": [
            {"if": _chosen(name), "then": member}
            for name, member in zip(names, listed["items"]["anyOf"], strict=True)
        ],
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


def _chosen(name: str) -> Schema:
    """Schema of an entry that selects this encoder: by its id, or by the format whose default it is."""
    return {
        "anyOf": [
            {"properties": {"encoder": {"const": name}}, "required": ["encoder"]},
            {"properties": {"format": {"const": name}, "encoder": {"const": None}}, "required": ["format"]},
        ]
    }


class _ForEditors(GenerateJsonSchema):
    """Without titles that repeat the keys, and without null as the default of every key."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def default_schema(self, schema: Any) -> Schema:
        generated = super().default_schema(schema)
        if generated.get("default", ...) is None:
            del generated["default"]
        return generated
