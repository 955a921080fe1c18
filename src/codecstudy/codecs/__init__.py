"""The encoders that studies may name: built-in ones, registered ones, and installed plugins.

A plugin is a :class:`codecstudy.codecs.base.Encoder` that a package declares as an entry point of group
``codecstudy.codecs``, under its id. The modules of encoders are imported when they are first needed.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import TYPE_CHECKING

from codecstudy.codecs.base import Encoder
from codecstudy.errors import CodecError
from codecstudy.registry import Registry
from codecstudy.results import DERIVED_COLUMNS, RECORD_COLUMNS
from codecstudy.types import MARKERS, SETTING_KEYS, SHORT_NAMES, CommandTemplate, EncoderFacts, Setting

if TYPE_CHECKING:
    from codecstudy.codecs.command import Definition
    from codecstudy.results import QualityResults

ENTRY_POINT_GROUP = "codecstudy.codecs"

BUILT_IN = {
    "jpeg": "codecstudy.codecs.jpeg:ENCODER",
    "webp": "codecstudy.codecs.webp:ENCODER",
    "avif": "codecstudy.codecs.avif:ENCODER",
    "jxl": "codecstudy.codecs.jxl:ENCODER",
    "avif-pillow": "codecstudy.codecs.avif_pillow:ENCODER",
    "avif-plugin": "codecstudy.codecs.avif_plugin:AOM",
    "avif-svt": "codecstudy.codecs.avif_plugin:SVT",
    "avif-rav1e": "codecstudy.codecs.avif_plugin:RAV1E",
    "mozjpeg": "codecstudy.codecs.mozjpeg:ENCODER",
    "jpegli": "codecstudy.codecs.jpegli:ENCODER",
    "webp-vips": "codecstudy.codecs.webp_vips:ENCODER",
    "cjpeg": "codecstudy.codecs.programs:CJPEG",
    "cjpegli": "codecstudy.codecs.programs:CJPEGLI",
    "cwebp": "codecstudy.codecs.programs:CWEBP",
    "avifenc": "codecstudy.codecs.programs:AVIFENC",
    "cjxl": "codecstudy.codecs.programs:CJXL",
}
"""Id to reference, in the order of results. The id of a format's default encoder is the format's name."""

_ID = re.compile(r"[a-z0-9][a-z0-9_-]*")


class UnknownCodecError(CodecError, ValueError):
    """No encoder has this id."""


def problem_with(facts: EncoderFacts) -> str | None:
    """What is wrong with an encoder's facts, or None."""
    for name, value in (("id", facts.id), ("format", facts.format)):
        if not _ID.fullmatch(value):
            return f"{name} {value!r} must consist of lower-case letters, digits, _ and -"
    if not re.fullmatch(r"\.\w+", facts.extension):
        return f"extension {facts.extension!r} must be a dot followed by letters"
    own, extra = ([p.name for p in parameters] for parameters in (facts.parameters, facts.extra_parameters))
    reserved = {*SETTING_KEYS, *RECORD_COLUMNS, *DERIVED_COLUMNS}.difference(SHORT_NAMES)
    for name in own:
        if name in reserved:
            return f"no parameter can be named {name!r}: results have a column of that name"
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*", name):
            return f"parameter {name!r} must consist of letters, digits, _ and -"
    for rate in facts.rates:
        if not rate.extra and rate.name not in own:
            return f"rate parameter {rate.name!r} is not among its parameters"
        if rate.extra and rate.name not in extra and not facts.open_extra:
            return f"rate parameter {rate.name!r} is not among its extra_parameters"
    if facts.colour is not None and not all(re.fullmatch("#[0-9a-fA-F]{6}", c) for c in facts.colour):
        return f"colour {facts.colour} must be two CSS colours such as #0b69c7"
    if facts.marker is not None and facts.marker not in MARKERS:
        return f"marker {facts.marker!r} must be one of {', '.join(MARKERS)}"
    return None


def _with_source(encoder: Encoder, source: str) -> Encoder:
    """An encoder from a plugin, with the hash of its source in its version: ``mycodec 1.2 (source 3f9a1c2b)``."""
    return dataclasses.replace(encoder, version=lambda: f"{encoder.version()} (source {source})")


_registry = Registry(
    kind="encoder",
    group=ENTRY_POINT_GROUP,
    built_in=BUILT_IN,
    type=Encoder,
    name_of=lambda encoder: encoder.facts.id,
    problem_with=lambda encoder, reference: problem_with(encoder.facts),
    error=CodecError,
    unknown=UnknownCodecError,
    with_source=_with_source,
)
register, registered = _registry.register, _registry.registered

_defined: ContextVar[Mapping[str, tuple[Definition, Encoder]]] = ContextVar(
    "defined", default=MappingProxyType({})
)
"""The encoders that the current study defines, by id."""


def get(name: str) -> Encoder:
    """The encoder called ``name``: one that the current study defines, or any other.

    Raises:
        CodecError: It does not exist (the message lists those that do), or cannot be loaded.
    """
    defined = _defined.get().get(name)
    return _registry.get(name) if defined is None else defined[1]


def names() -> tuple[str, ...]:
    """Every name that :func:`get` knows: those of :func:`installed`, and those of the current study."""
    return (*installed(), *_defined.get())


def installed() -> tuple[str, ...]:
    """The names of encoders that every study may use: built-in ones, registered ones, plugins."""
    return _registry.names()


def encoder_of(definition: Definition) -> Encoder:
    """The encoder that a study defines; the same object for the same definition.

    Raises:
        CodecError: It has no command to decode, and its format has no default encoder, which could.
    """
    from codecstudy.codecs import command

    known = definition.format in installed()
    if definition.decode is None and not known:
        raise CodecError(f"there is no decoder for format {definition.format!r} here: say how to decode it")
    return command.make(definition, _registry.get(definition.format) if known else None)


@contextmanager
def defined(definitions: Iterable[Definition]) -> Iterator[None]:
    """Let :func:`get` and :func:`names` know the encoders that a study defines, and those of no other study.

    It applies to this thread, or task of asyncio, within the ``with`` block.
    """
    token = _defined.set({definition.id: (definition, encoder_of(definition)) for definition in definitions})
    try:
        yield
    finally:
        _defined.reset(token)


def define(definitions: Iterable[Definition]) -> None:
    """The same as :func:`defined` for good, for a process that serves one study."""
    _defined.set({definition.id: (definition, encoder_of(definition)) for definition in definitions})


def definitions() -> tuple[Definition, ...]:
    """The definitions of the current study, which worker processes need, too."""
    return tuple(definition for definition, _ in _defined.get().values())


ALTERNATIVES: dict[str, tuple[str, ...]] = {"avif": ("avif-pillow",), "webp": ("webp-vips",)}
"""Encoders of a format that take over an entry of a study that names no encoder, if it gives options that the
format's default encoder does not have and they do, or values that it refuses and they accept; by format."""


def usable(name: str) -> Encoder:
    """The encoder called ``name``.

    Raises:
        CodecError: There is none, or this machine lacks what it needs; the message says what.
    """
    encoder = get(name)
    if (lacking := encoder.missing()) is not None:
        raise CodecError(f"encoder {name} cannot be used here: {lacking}")
    return encoder


def encoder_for(
    format: str,
    parameters: set[str],
    extra_args: set[str],
    accepts: Callable[[Encoder], bool] = lambda _: True,
) -> Encoder:
    """The encoder of an entry of a study that names none.

    Args:
        format: The format.
        parameters: Names of the parameters that the entry gives.
        extra_args: Names of the entries of ``extra_args`` that it gives.
        accepts: Whether an encoder that has all of these options accepts their values.

    Returns:
        The format's default encoder, or the first alternative that has all of these options and accepts their
        values if the default one does not.

    Raises:
        CodecError: There is no such format, or this machine lacks what the encoder needs.
    """
    fitting = []
    for name in (format, *ALTERNATIVES.get(format, ())):
        facts = get(name).facts
        if parameters <= {p.name for p in facts.parameters} and (
            facts.open_extra or extra_args <= {p.name for p in facts.extra_parameters}
        ):
            fitting.append(name)
    # What all of them refuse is for the first one to refuse.
    chosen = fitting[0] if fitting else format
    if len(fitting) > 1:
        chosen = next((name for name in fitting if accepts(get(name))), chosen)
    return usable(chosen)


def facts_of(settings: Iterable[Setting], versions: Mapping[str, str]) -> tuple[EncoderFacts, ...]:
    """Facts of the encoders of ``settings`` in the form in which results store them.

    Args:
        settings: Settings of any number of encoders.
        versions: Version of each encoder, by id.
    """
    wanted = {setting.encoder for setting in settings}
    # Unknown ids are left out: readers then show the id alone.
    return tuple(
        dataclasses.replace(get(name).facts, version=versions.get(name, ""))
        for name in names()
        if name in wanted
    )


def commands_of(settings: Iterable[Setting]) -> tuple[CommandTemplate, ...]:
    """The commands of ``settings`` for other tools, in the form in which results store them.

    Raises:
        CodecError: An encoder cannot provide its commands.
    """
    from codecstudy.codecs.commands import command_templates

    by_encoder: dict[str, list[Setting]] = {}
    for setting in settings:
        by_encoder.setdefault(setting.encoder, []).append(setting)
    known = names()
    found: list[CommandTemplate] = []
    for name, mine in by_encoder.items():
        if name not in known:
            continue
        encoder = get(name)
        try:
            found += command_templates(encoder, mine)
        except Exception as error:
            raise CodecError(
                f"encoder {name}: its commands failed: {type(error).__name__}: {error}"
            ) from error
    return tuple(found)


def describe(results: QualityResults) -> QualityResults:
    """Add facts and commands to results that have none for some of their encoders.

    Files of older versions have none at all. Encoders that are not installed here are left out.
    """
    described = {facts.id for facts in results.encoders}
    missing = [setting for setting in results.settings() if setting.encoder not in described]
    if not missing:
        return results
    return dataclasses.replace(
        results,
        encoders=(*results.encoders, *facts_of(missing, results.tool_versions)),
        commands=(*results.commands, *commands_of(missing)),
    )
