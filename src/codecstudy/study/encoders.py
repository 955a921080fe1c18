"""The encoders of a study, and the settings that their sweeps spell out."""

from __future__ import annotations

import functools
import itertools
import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field, ValidationError, ValidationInfo, create_model, field_validator

from codecstudy import codecs
from codecstudy.codecs.base import Encoder
from codecstudy.errors import CodecError
from codecstudy.study.problems import Part, Problem, ProblemsError, fail, kind, show, translate
from codecstudy.study.sweeps import Lengths, QualityRange, read_extra_args, read_lengths, read_parameter
from codecstudy.types import SHORT_NAMES, Scalar, Setting

MAX_SETTINGS = 100_000
"""More settings than this are a slip of the pen, and would be held in memory for every image."""


class EncoderConfig(Part):
    """One encoder and its sweep: every combination of the values of its keys is a setting.

    :func:`config_of` adds the parameters of an encoder that have no field here.
    """

    encoder: str | None = Field(
        None, description="Which encoder of the format; without it, the format's default one."
    )
    format: str = Field(description="Image format.")
    quality: int | QualityRange | tuple[int, ...] | None = Field(
        None, description="Encoder's own quality scale: a value, a list, or a range {start, stop, step}."
    )
    chroma_subsampling: str | tuple[str, ...] | None = Field(
        None, description="Chroma subsampling: a value or a list."
    )
    speed: int | tuple[int, ...] | None = Field(None, description="Encoder speed: a value or a list.")
    effort: int | tuple[int, ...] | None = Field(None, description="Encoder effort: a value or a list.")
    method: int | tuple[int, ...] | None = Field(None, description="Compression method: a value or a list.")
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
    extra_args: dict[str, Scalar] | tuple[dict[str, Scalar], ...] | None = Field(
        None, description="Further encoder options by name; a list of such objects sweeps over them."
    )

    @field_validator("encoder")
    @classmethod
    def _read_encoder(cls, value: str | None) -> str | None:
        if value is not None:
            _known(value)
        return value

    @field_validator("format")
    @classmethod
    def _read_format(cls, value: str, info: ValidationInfo) -> str:
        chosen = info.data.get("encoder")
        made = _known(chosen or value).facts.format
        if made != value:
            raise fail(f"the encoder {chosen or value} makes {made}, not {show(value)}")
        return value

    @field_validator("quality", "chroma_subsampling", "speed", "effort", "method", mode="before")
    @classmethod
    def _read_parameter(cls, value: object, info: ValidationInfo) -> Any:
        return _read(value, info)

    @field_validator("resolution", "crop", mode="before")
    @classmethod
    def _read_lengths(cls, value: object, info: ValidationInfo) -> Any:
        lengths = read_lengths(value)
        if info.field_name == "crop" and lengths is not None and info.data.get("resolution") is not None:
            raise fail(
                "cannot stand beside resolution: the effect of the one could not be told from the other's. "
                "Use two encoders"
            )
        return lengths

    @field_validator("extra_args", mode="before")
    @classmethod
    def _read_extra_args(cls, value: object, info: ValidationInfo) -> Any:
        return read_extra_args(value, _encoder(info))

    def settings(self, resize: Lengths = None) -> Iterator[Setting]:
        """Every combination of values, qualities innermost; ``resize`` where there is no resolution."""
        resolution = resize if self.resolution is None else self.resolution
        # Further parameters, then those of all encoders, with the quality last.
        names = [*(name for name in type(self).model_fields if name not in _FIELDS), *_SHARED[1:], "quality"]
        sizes = (self.crop, resolution, self.extra_args)
        for crop, longest, extra, *values in itertools.product(
            *(_values(v) for v in (*sizes, *(getattr(self, name) for name in names)))
        ):
            yield Setting.of(
                self.format,
                encoder=self.encoder,
                resolution=longest,
                crop=crop,
                extra_args=extra or {},
                **dict(zip(names, values, strict=True)),
            )

    def count(self, resize: Lengths = None) -> int:
        """How many settings there are, without making them."""
        resolution = resize if self.resolution is None else self.resolution
        sweeps = (getattr(self, name) for name in type(self).model_fields if name != "resolution")
        return math.prod(len(_values(sweep)) for sweep in (*sweeps, resolution))


_FIELDS = frozenset(EncoderConfig.model_fields)
_SHARED = tuple(SHORT_NAMES)


def config_of(item: object) -> type[EncoderConfig]:
    """The model for one encoder of a study: with a field for each of its parameters."""
    if not isinstance(item, Mapping):
        return EncoderConfig
    chosen = item.get("encoder") or item.get("format")
    try:
        encoder = codecs.get(chosen) if isinstance(chosen, str) else None
    except CodecError:
        encoder = None
    further = () if encoder is None else [p.name for p in encoder.facts.parameters if p.name not in _FIELDS]
    return _with_fields(tuple(further)) if further else EncoderConfig


@functools.cache
def _with_fields(names: tuple[str, ...]) -> type[EncoderConfig]:
    fields: dict[str, Any] = dict.fromkeys(names, (Any, None))
    validators: dict[str, Any] = {"read_further": field_validator(*names, mode="before")(_read)}
    return create_model("EncoderConfig", __base__=EncoderConfig, __validators__=validators, **fields)


def _read(value: object, info: ValidationInfo) -> Any:
    assert info.field_name is not None
    return read_parameter(info.field_name, value, _encoder(info))


def _known(name: str) -> Encoder:
    try:
        return codecs.get(name)
    except CodecError as error:
        raise fail(str(error)) from None


def _encoder(info: ValidationInfo) -> Encoder | None:
    """The encoder in validation, or None where its format is missing or wrong."""
    if "format" not in info.data:
        return None
    return codecs.get(info.data.get("encoder") or info.data["format"])


def _values(sweep: Any) -> tuple[Any, ...]:
    """The values of one key; a key that was not given has the single value None."""
    if isinstance(sweep, QualityRange):
        return sweep.values()
    return sweep if isinstance(sweep, tuple) else (sweep,)


def read_encoders(value: object, resize: Lengths) -> tuple[EncoderConfig, ...]:
    """All encoders of a study, each checked by itself and against the others.

    ``resize`` is the resolution of encoders that have none, out of an older file's ``preprocessing``. Places
    of the problems that :class:`ProblemsError` holds begin with an encoder's position in the list.
    """
    if not isinstance(value, list | tuple):
        raise fail(f"must be a list of encoders, not {kind(value)}")
    if not value:
        raise fail("the list is empty, so that nothing would be measured. Give at least one encoder")
    problems: list[Problem] = []
    valid: dict[int, EncoderConfig] = {}
    for i, item in enumerate(value):
        try:
            encoder = config_of(item).model_validate(item)
        except ValidationError as error:
            problems += (Problem((i, *p.place), p.message) for p in translate(error, config_of(item)))
            continue
        if resize is not None and encoder.crop is not None:
            problems.append(Problem((i, "crop"), "cannot stand beside preprocessing.resize; remove one"))
        elif (
            resize is not None
            and encoder.resolution is not None
            and _values(encoder.resolution) != _values(resize)
        ):
            problems.append(
                Problem(
                    (i, "resolution"),
                    f"{show(encoder.resolution)} contradicts preprocessing.resize "
                    f"{show(resize)}; remove one of them",
                )
            )
        else:
            valid[i] = encoder
    total = sum(encoder.count(resize) for encoder in valid.values())
    if total > MAX_SETTINGS:
        problems.append(Problem((), f"{total} settings are too many; the most are {MAX_SETTINGS}"))
    else:
        problems += _wrong_settings(valid, resize)
    if problems:
        raise ProblemsError(problems)
    return tuple(valid.values())


def _wrong_settings(encoders: dict[int, EncoderConfig], resize: Lengths) -> Iterator[Problem]:
    """What the codecs themselves refuse, and what would be measured twice."""
    first_at: dict[str, tuple[int, Setting]] = {}
    for i, encoder in encoders.items():
        codec = codecs.get(encoder.encoder or encoder.format)
        settings = list(encoder.settings(resize))
        refused = list(dict.fromkeys(said for s in settings if (said := codec.check(s)) is not None))
        yield from (Problem((i,), said) for said in refused)
        repeated: dict[int, list[tuple[Setting, Setting]]] = {}
        for setting in settings:
            j, first = first_at.setdefault(_as_encoded(setting, codec), (i, setting))
            if first is not setting:
                repeated.setdefault(j, []).append((first, setting))
        for j, pairs in repeated.items():
            first, again = pairs[0]
            same = first.label() if first == again else f"{first.label()} and {again.label()}, by default"
            others = f" and {len(pairs) - 1} more" if len(pairs) > 1 else ""
            yield Problem((i,), f"measures again what encoders[{j}] has: {same}{others}. Remove one of them")


def _as_encoded(setting: Setting, encoder: Encoder) -> str:
    """Identity of what the encoder is asked to do: with the defaults of everything that was not given."""
    given = json.loads(setting.canonical())
    extras = {p.name: p.default for p in encoder.facts.extra_parameters if p.default is not None}
    defaults = {p.name: p.default for p in encoder.facts.parameters if p.default is not None}
    return json.dumps(
        {**defaults, **given, "extra_args": {**extras, **given.get("extra_args", {})}}, sort_keys=True
    )
