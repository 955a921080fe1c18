"""The encoders that a study defines itself: a program with its command lines, and its parameters."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from math import isfinite
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    Field,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    model_validator,
)

from codecstudy import codecs
from codecstudy.codecs import command
from codecstudy.codecs.command import Definition
from codecstudy.errors import CodecError, did_you_mean
from codecstudy.study.messages import Part, Problem, ProblemsError, Text, fail, is_text, kind, show, translate
from codecstudy.study.sweeps import AS_GIVEN
from codecstudy.types import Parameter, RateParameter

FOLDER = "folder"
"""Key of the validation context: the folder of the study file."""


def _words(value: Any, info: ValidationInfo) -> Any:
    """A command line; files in it that begin with a dot, and the program, are made absolute."""
    if not isinstance(value, list | tuple):
        raise fail(f'must be a list of words, such as ["./cjxl", "{{input}}"], not {kind(value)}')
    if not value:
        raise fail("the list is empty; give a program and its options")
    folder: Path = (info.context or {}).get(FOLDER) or Path.cwd()
    return tuple(
        tuple(_word(part, folder, (i, j)) for j, part in enumerate(word))
        if isinstance(word, list | tuple)
        else _word(word, folder, (i,))
        for i, word in enumerate(value)
    )


def _word(word: Any, folder: Path, place: tuple[int, ...]) -> str:
    if not isinstance(word, str):
        raise fail(f"must be text, not {kind(word)}", *place)
    if not is_text(word) or "\0" in word:
        raise fail(f"{show(word)} cannot be a word of a command line", *place)
    is_path = re.match(r"\.\.?/", word) or (place == (0,) and "/" in word)
    if not is_path:
        return word
    path = (folder / word).absolute()
    if not path.exists():
        raise fail(f"there is no file {path}", *place)
    return str(path)


_Words = Annotated[
    tuple[Annotated[str, Field(min_length=1)] | tuple[Annotated[str, Field(min_length=1)], ...], ...],
    Field(strict=False, min_length=1),
    BeforeValidator(_words),
]
_PlainWords = Annotated[
    tuple[Annotated[str, Field(min_length=1)], ...],
    Field(strict=False, min_length=1),
    BeforeValidator(_words),
]


def _number(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise fail(f"must be a number, not {kind(value)}")
    return value


def _scalar(value: Any) -> Any:
    return value if isinstance(value, bool) or (isinstance(value, str) and is_text(value)) else _number(value)


def _extension(value: Any) -> Any:
    if isinstance(value, str) and not re.fullmatch(r"\.[A-Za-z0-9]+", value):
        raise fail(f"{show(value)} is not a file name extension; write a dot and letters, such as .jxl")
    return value


_Number = Annotated[int | float, BeforeValidator(_number), AS_GIVEN]
_Scalar = Annotated[bool | int | float | str, BeforeValidator(_scalar), AS_GIVEN]
_PixelFile = Literal["png", "ppm", "pam", "y4m"]


class CommandConfig(Part):
    """How a program encodes."""

    encode: _Words = Field(
        description="Command line that encodes: words with {input}, {output} and names of parameters in braces. "
        "A list of words is left out if a parameter in it is not given, or false."
    )
    decode: _PlainWords | None = Field(
        None,
        description="Command line that decodes {input} to {output}; by default, the format's default encoder does.",
    )
    input: _PixelFile = Field("png", description="Format of the file that the program is given.")
    output: Annotated[str, BeforeValidator(_extension)] = Field(
        description="File name extension of the files that it writes, with the dot.",
        json_schema_extra={"pattern": r"^\.[A-Za-z0-9]+$"},
    )
    decoded: Literal["png", "ppm"] | None = Field(
        None,
        description="Format of the file that decode writes; by default, input if that is png or ppm, or png.",
    )
    version: _PlainWords | None = Field(
        None, description="Command line that prints the version of the program in its first line."
    )


class ParameterConfig(Part):
    """A parameter of a program."""

    range: tuple[_Number, _Number] | None = Field(
        None,
        strict=False,
        description="Least and greatest value; whole numbers, unless one of the numbers has a point.",
    )
    choices: tuple[_Scalar, ...] | None = Field(
        None, strict=False, min_length=1, description="The values, instead of a range."
    )
    default: _Scalar | None = Field(None, description="Value if a study gives none.")
    step: _Number | None = Field(
        None, gt=0, description="Distance of the values that a recommendation may name; default 1."
    )
    rate: bool = Field(False, description="Whether it trades size for quality, as quality and distance do.")
    lower_is_finer: bool = Field(
        False, description="Whether a lower value means higher quality, as for a distance."
    )
    help: Text | None = Field(None, description="What it means.")

    @model_validator(mode="after")
    def _check(self) -> ParameterConfig:
        if (self.range is None) == (self.choices is None):
            raise fail("needs either range or choices")
        if self.range is not None and self.range[0] > self.range[1]:
            raise fail(f"the range is empty: {show(self.range[1])} is below {show(self.range[0])}", "range")
        if self.rate and self.range is None:
            raise fail("a rate parameter needs a range", "rate")
        for name in () if self.rate else ("step", "lower_is_finer"):
            if getattr(self, name):
                raise fail("means something only together with rate = true", name)
        parameter = self.parameter("")
        if self.default is not None and not parameter.accepts(self.default):
            raise fail(f"{show(self.default)} is not allowed. Allowed: {parameter.allowed()}", "default")
        return self

    def parameter(self, name: str) -> Parameter:
        """The declaration of the parameter under this name."""
        low, high = self.range or (None, None)
        whole = all(not isinstance(number, float) for number in (low, high, self.default, self.step))
        return Parameter(name, self.help or name, low, high, self.choices, whole, self.default)

    def rate_parameter(self, name: str) -> RateParameter:
        """The declaration of the rate parameter under this name."""
        return RateParameter(name, not self.lower_is_finer, float(self.step or 1))


_COMMAND, _PARAMETERS = TypeAdapter(CommandConfig), TypeAdapter(dict[str, ParameterConfig])


def definition_of(entry: Mapping[Any, Any], folder: Path) -> Definition:
    """The encoder that an entry of a study defines.

    Args:
        entry: The entry's keys and values; it has ``command``.
        folder: Folder to which relative paths belong: that of the study file.

    Raises:
        ProblemsError: It is not valid, or a program is not there.
    """
    problems: list[Problem] = []
    for key in ("format", "encoder"):
        value = entry.get(key)
        if value is None:
            problems.append(
                Problem((key,), "is missing: a study that defines an encoder names it, and its format")
            )
        elif not isinstance(value, str):
            problems.append(Problem((key,), f"must be text, not {kind(value)}"))
    given, parameters = CommandConfig.model_construct(), {}
    try:
        given = CommandConfig.model_validate(entry["command"], context={FOLDER: folder})
    except ValidationError as error:
        problems += _inside("command", translate(error, CommandConfig))
    try:
        parameters = _PARAMETERS.validate_python(entry.get("parameters") or {})
    except ValidationError as error:
        problems += _inside("parameters", translate(error, ParameterConfig))
    if problems:
        raise ProblemsError(problems)
    id_: str = entry["encoder"]
    if id_ in codecs.installed():
        raise fail(f"{show(id_)} is an encoder already; give yours another name", "encoder")
    definition = _definition(entry["format"], id_, given, parameters)
    if problems := [*_wrong_places(given, parameters)]:
        raise ProblemsError(problems)
    try:
        encoder = codecs.encoder_of(definition)
    except CodecError as error:
        raise fail(str(error), "command") from None
    if said := codecs.problem_with(encoder.facts):
        raise fail(said)
    if said := encoder.missing():
        raise fail(said, "command")
    return definition


def _inside(key: str, problems: Iterable[Problem]) -> list[Problem]:
    return [Problem((key, *problem.place), problem.message) for problem in problems]


def _definition(
    format: str, id_: str, given: CommandConfig, parameters: Mapping[str, ParameterConfig]
) -> Definition:
    return Definition(
        id=id_,
        format=format,
        extension=given.output,
        encode=given.encode,
        decode=given.decode,
        input=given.input,
        decoded=given.decoded or ("ppm" if given.input == "ppm" else "png"),
        version=given.version,
        parameters=tuple(parameter.parameter(name) for name, parameter in parameters.items()),
        rates=tuple(p.rate_parameter(name) for name, p in parameters.items() if p.rate),
    )


def _wrong_places(given: CommandConfig, parameters: Mapping[str, ParameterConfig]) -> Iterable[Problem]:
    """Placeholders that are unknown, or missing."""
    lines = {
        "encode": (given.encode, parameters),
        "decode": (given.decode, {}),
        "version": (given.version, {}),
    }
    for key, (words, own) in lines.items():
        if words is None:
            continue
        files = () if key == "version" else command.FILES
        found = list(command.places(words))
        used = dict(found)
        for name in used.keys() - {*files, *own}:
            hint = did_you_mean(name, [*files, *own])
            what = "no parameter has this name" if key == "encode" else f"{key} has no parameters"
            yield Problem(("command", key), f"unknown placeholder {{{name}}}: {what}{hint}")
        for name in files:
            if (name, False) not in found:
                yield Problem(("command", key), f"has no {{{name}}}, the place of the {name} file")
        for name, parameter in own.items():
            if name not in used:
                yield Problem(
                    ("parameters", name), f"the command line has no {{{name}}}, so it would be ignored"
                )
            elif (name, False) in found and parameter.choices and True in parameter.choices:
                said = 'is a switch, and needs a list of words of its own: ["--option{' + name + '}"]'
                yield Problem(("parameters", name), said)
