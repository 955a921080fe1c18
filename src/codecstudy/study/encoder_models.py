"""The encoders of a study. Each encoder has a model of its own, built from the parameters that it declares."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    GetPydanticSchema,
    ModelWrapValidatorHandler,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    create_model,
    field_validator,
    model_validator,
)

from codecstudy import codecs
from codecstudy.codecs.base import Encoder
from codecstudy.codecs.command import Definition
from codecstudy.errors import CodecError
from codecstudy.study.command_models import FOLDER, CommandConfig, ParameterConfig, definition_of
from codecstudy.study.messages import Part, fail, is_text, kind, show, unknown_extra, unknown_parameter
from codecstudy.study.sweeps import AS_GIVEN, Lengths, RateRange, sweep_of, value_of, with_message
from codecstudy.types import SETTING_KEYS, EncoderFacts, Parameter, Scalar, Setting


class EncoderConfig(Part):
    """One encoder and its sweep: every combination of the values of its keys is a setting.

    ``EncoderConfig(format="avif", quality=[50, 60])`` and :meth:`model_validate` return an instance of the named
    encoder's own subclass, which has a field for each parameter that the encoder declares.
    """

    format: str = Field(description="Image format.")
    encoder: str | None = Field(
        None, description="Which encoder of the format; by default, the format's default encoder."
    )
    resolution: Lengths = Field(
        None,
        description="Longest edge in pixels to which images are reduced before encoding: a value or a list; "
        "null or 'original' is the original size. Not together with crop.",
    )
    crop: Lengths = Field(
        None,
        description="Longest edge in pixels of a window that is cut out and encoded: a value or a list; null "
        "or 'original' is the whole image. Not together with resolution.",
    )
    extra_args: Any = Field(
        None,
        description="Further encoder options by name, each a value or a list of values, of which all combinations "
        "are measured. A list of such objects measures the combinations of each of them.",
    )

    made_for: ClassVar[Encoder]
    """The encoder; set only on subclasses."""
    definition: ClassVar[Definition | None] = None
    """The definition of the encoder, if the study defines it."""

    def __new__(cls, **keys: Any) -> Self:
        made = model_for(keys, Path.cwd()) if cls is EncoderConfig else cls
        return super().__new__(made)  # type: ignore[return-value]

    if TYPE_CHECKING:

        def __init__(self, **keys: Any) -> None: ...

    def __reduce__(self) -> tuple[Any, ...]:
        # Pickle finds classes by name, which fails for a model that was built from parameters.
        return EncoderConfig.model_validate, (self.model_dump(by_alias=True, exclude_unset=True),)

    @model_validator(mode="wrap")
    @classmethod
    def _as_its_encoder(
        cls, value: Any, handler: ModelWrapValidatorHandler[Self], info: ValidationInfo
    ) -> Self:
        if cls is EncoderConfig and not isinstance(value, EncoderConfig):
            folder = (info.context or {}).get(FOLDER) or Path.cwd()
            model = model_for(value, folder)
            return model.model_validate(value, context={FOLDER: folder})  # type: ignore[return-value]
        return handler(value)

    @field_validator("crop")
    @classmethod
    def _not_beside_resolution(cls, crop: Lengths, info: ValidationInfo) -> Lengths:
        if crop is not None and info.data.get("resolution") is not None:
            raise fail(
                "cannot be combined with resolution, because their effects could not be separated. "
                "Use two encoders"
            )
        return crop

    @classmethod
    def _unknown_key(cls, key: object, value: object) -> str:
        return unknown_parameter(key, value, cls._keys(), cls.made_for.facts)

    def sweeps(self) -> dict[str, Any]:
        """What is given for each parameter (None: nothing), in declaration order, with rate parameters last."""
        fields = {field.alias: name for name, field in type(self).model_fields.items()}
        rates = _rates(self.made_for.facts)
        names = [p.name for p in self.made_for.facts.parameters if p.name not in rates]
        return {name: getattr(self, fields[name]) for name in [*names, *reversed(rates)]}


def model_for(entry: object, folder: Path) -> type[EncoderConfig]:
    """The model of the encoder that an entry of a study names.

    This takes the place of a discriminated union with one member per encoder. Pydantic would need all members at
    once, which means importing the libraries of all encoders for a study that uses one, and failing if any plugin
    is broken.

    Args:
        entry: The entry's keys and values.
        folder: Folder to which relative paths of programs belong.

    Raises:
        ProblemsError: The entry names no encoder, or an unknown one, or defines one that cannot be used.
    """
    if not isinstance(entry, Mapping):
        raise fail(f"must be an object with keys, not {kind(entry)}")
    if entry.get("command") is not None:
        return model_of_definition(definition_of(entry, folder))
    key = "format" if entry.get("encoder") is None else "encoder"
    if key not in entry:
        raise fail("is missing", key)
    name = entry[key]
    if not isinstance(name, str):
        raise fail(f"must be text, not {kind(name)}", key)
    try:
        return model_of(codecs.usable(name) if key == "encoder" else _chosen(name, entry))
    except CodecError as error:
        raise fail(str(error), key) from None


def _chosen(format: str, entry: Mapping[Any, Any]) -> Encoder:
    """The encoder of an entry that names only a format."""
    given = {key for key, value in entry.items() if value is not None} - SETTING_KEYS
    extras = entry.get("extra_args")
    objects = extras if isinstance(extras, list | tuple) else [extras]
    further = {key for extra in objects if isinstance(extra, Mapping) for key in extra}
    return codecs.encoder_for(format, given, further, lambda encoder: _accepts(encoder, entry))


def _accepts(encoder: Encoder, entry: Mapping[Any, Any]) -> bool:
    """Whether an encoder would refuse none of the settings of an entry; also if the entry is wrong in itself."""
    from codecstudy.study.expansion import MAX_SETTINGS, count_of_settings, settings_of  # imports this module

    try:
        valid = model_of(encoder).model_validate(entry)
    except ValueError:
        return True
    if count_of_settings(valid) > MAX_SETTINGS:
        return True
    return all(encoder.check(setting) is None for setting in settings_of(valid))


_models: dict[str, type[EncoderConfig]] = {}


def model_of(encoder: Encoder) -> type[EncoderConfig]:
    """The model of entries that use ``encoder``; always the same class."""
    id_ = encoder.facts.id
    if id_ not in _models or _models[id_].made_for is not encoder:
        _models[id_] = _make(encoder)
    return _models[id_]


@functools.lru_cache(maxsize=256)
def model_of_definition(definition: Definition) -> type[EncoderConfig]:
    """The model of entries that define an encoder; always the same class for the same definition."""
    model = _make(
        codecs.encoder_of(definition),
        command=(CommandConfig, Field(description="How the program is run.")),
        parameters=(dict[str, ParameterConfig], Field({}, description="The parameters of the command line.")),
    )
    model.definition = definition
    return model


def _make(encoder: Encoder, **further: Any) -> type[EncoderConfig]:
    facts, rates = encoder.facts, _rates(encoder.facts)
    fields: dict[str, Any] = further
    for p in facts.parameters:
        ranged = p.name in rates and p.choices is None
        fields |= _field(p, _sweep_of(facts, p, ranged) | None, EncoderConfig)
    extra: Any = Annotated[_extra_model(facts), AfterValidator(_ExtraArgs.given)]
    extras = sweep_of(extra, "Give one object or more, or leave the key out")
    own: dict[str, Any] = {
        "format": Annotated[
            Literal[facts.format],
            with_message(lambda value: f"the encoder {facts.id} makes {facts.format}, not {show(value)}"),
        ],
        "encoder": Literal[facts.id, None],
        "extra_args": Annotated[extras | None, AS_GIVEN],
    }
    for key, type_ in own.items():
        fields[key] = (type_, EncoderConfig.model_fields[key])

    def complete(schema: dict[str, Any]) -> None:
        last = ("resolution", "crop", "extra_args")
        schema["properties"] = dict(sorted(schema["properties"].items(), key=lambda item: item[0] in last))
        # The rate must be set: by a parameter, or by an extra argument that replaces it.
        if encoder.check(Setting.of(facts.format, encoder=facts.id)) is not None:
            keys = rates or [p.name for p in facts.parameters]
            schema["anyOf"] = [{"required": [key]} for key in [*keys, "extra_args"]]

    options = {"title": facts.title, "json_schema_extra": complete}
    model = create_model(f"encoder-{facts.id}", __base__=EncoderConfig, __cls_kwargs__=options, **fields)
    model.made_for = encoder
    return model


def _sweep_of(facts: EncoderFacts, p: Parameter, ranged: bool) -> Any:
    """The type of what may be given for a parameter."""
    range_ = RateRange.of(p, f"{facts.id}-{p.name}-range") if ranged else None
    return sweep_of(value_of(p), f"Give a value, or leave the key out. Allowed: {p.allowed()}", range_)


class _ExtraArgs(Part):
    """Base of the models of ``extra_args``."""

    facts: ClassVar[EncoderFacts]

    @classmethod
    def _unknown_key(cls, key: object, value: object) -> str:
        return unknown_extra(key, value, cls.facts)

    def given(self) -> dict[str, Any]:
        """What is given for each entry: a value, a tuple of values, or a :class:`RateRange`."""
        declared = {field.alias or name: name for name, field in type(self).model_fields.items()}
        given = {key: getattr(self, name) for key, name in declared.items() if name in self.model_fields_set}
        return given | (self.model_extra or {})


def _scalar(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    if not (is_text(value) if isinstance(value, str) else isinstance(value, int | float) and isfinite(value)):
        raise fail(f"must be text, a number, true or false, not {kind(value)}")
    return value


_FURTHER = sweep_of(Annotated[Scalar, WrapValidator(_scalar)], "Give a value, or leave the entry out")


class _OpenExtraArgs(_ExtraArgs):
    """The same for an encoder that checks further names itself."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[
        Annotated[str, Field(min_length=1)],
        Annotated[Any, GetPydanticSchema(lambda _, handler: handler(_FURTHER))],
    ]


def _extra_model(facts: EncoderFacts) -> type[_ExtraArgs]:
    base = _OpenExtraArgs if facts.open_extra else _ExtraArgs
    fields: dict[str, Any] = {}
    rates = {rate.name for rate in facts.rates if rate.extra}
    for p in facts.extra_parameters:
        ranged = p.name in rates and p.choices is None
        fields |= _field(p, _sweep_of(facts, p, ranged), base)
    model = create_model(f"extra-{facts.id}", __base__=base, **fields)
    model.facts = facts
    return model


def _field(parameter: Parameter, type_: Any, base: type[Part]) -> dict[str, Any]:
    """The field for a parameter; in Python, under another name if the model has an attribute of that name."""
    name = parameter.name
    default = "" if parameter.default is None else f"; default {str(parameter.default).lower()}"
    description = f"{parameter.help} ({parameter.allowed()}{default})"
    free = name[:1].isalpha() and not hasattr(base, name) and name not in base.__class_vars__
    return {name if free else f"parameter_{name}": (type_, Field(None, alias=name, description=description))}


def _rates(facts: EncoderFacts) -> list[str]:
    """The parameters that set the rate, apart from those among the extra arguments."""
    return [rate.name for rate in facts.rates if not rate.extra]
