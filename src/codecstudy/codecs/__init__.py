"""The encoders that studies may name: built-in ones, registered ones, and installed plugins.

A plugin is a :class:`codecstudy.codecs.base.Encoder` that a package declares as an entry point of group
``codecstudy.codecs``, under its id. The modules of encoders are imported when they are first needed.
"""

from __future__ import annotations

import dataclasses
import importlib
import re
from collections.abc import Iterable, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING

from codecstudy.codecs.base import Encoder
from codecstudy.errors import CodecError, did_you_mean
from codecstudy.results import DERIVED_COLUMNS, RECORD_COLUMNS
from codecstudy.types import MARKERS, SETTING_KEYS, SHORT_NAMES, CommandTemplate, EncoderFacts, Setting

if TYPE_CHECKING:
    from codecstudy.results import QualityResults

ENTRY_POINT_GROUP = "codecstudy.codecs"

BUILT_IN = {
    "jpeg": "codecstudy.codecs.jpeg:ENCODER",
    "webp": "codecstudy.codecs.webp:ENCODER",
    "avif": "codecstudy.codecs.avif:ENCODER",
    "jxl": "codecstudy.codecs.jxl:ENCODER",
}
"""Id to reference, in the order of results. The id of a format's default encoder is the format's name."""

_ID = re.compile(r"[a-z0-9][a-z0-9_-]*")

_loaded: dict[str, Encoder] = {}
_registered: dict[str, str] = {}
"""Id to reference, of encoders added by :func:`register`."""


class UnknownCodecError(CodecError, ValueError):
    """No encoder has this id."""


def get(encoder: str) -> Encoder:
    """The encoder with this id. The id of a format's default encoder is the name of the format.

    Raises:
        UnknownCodecError: No encoder has this id; the message names the known ones.
        CodecError: A plugin of that name cannot be loaded.
    """
    if encoder in _loaded:
        return _loaded[encoder]
    if encoder in BUILT_IN:
        found = _load(BUILT_IN[encoder])
    elif encoder in (plugins := _plugins()):
        found = _load(plugins[encoder].value)
    else:
        raise UnknownCodecError(_unknown(encoder))
    if found.facts.id != encoder:
        reference = BUILT_IN.get(encoder) or plugins[encoder].value
        raise CodecError(
            f"encoder {reference} is installed under the name {encoder!r}, but its id is {found.facts.id!r}; "
            "its package must declare it under that name"
        )
    _loaded[encoder] = found
    return found


def names() -> tuple[str, ...]:
    """Every id that :func:`get` knows: built-in encoders first, then registered ones, then plugins."""
    return tuple(dict.fromkeys([*BUILT_IN, *_registered, *_plugins()]))


def register(reference: str) -> Encoder:
    """Add the encoder at ``"package.module:ATTRIBUTE"`` and return it.

    The reference is remembered, so that worker processes can register it as well. Registering the same one twice
    has no effect.

    Raises:
        CodecError: There is no encoder at that place, or another one already has its id.
    """
    encoder = _load(reference)
    name = encoder.facts.id
    if name in BUILT_IN or _registered.get(name, reference) != reference:
        other = BUILT_IN.get(name) or _registered[name]
        raise CodecError(f"cannot register {reference}: {other} already has the id {name!r}")
    _loaded[name] = encoder
    _registered[name] = reference
    return encoder


def registered() -> tuple[str, ...]:
    """The references given to :func:`register`, in order."""
    return tuple(_registered.values())


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


def _plugins() -> dict[str, EntryPoint]:
    return {point.name: point for point in sorted(entry_points(group=ENTRY_POINT_GROUP))}


def _load(reference: str) -> Encoder:
    module_name, colon, attribute = reference.partition(":")
    if not (module_name and colon and attribute):
        raise CodecError(f"{reference!r} does not name an encoder; write it as package.module:ATTRIBUTE")
    try:
        encoder = getattr(importlib.import_module(module_name), attribute)
    except ImportError as error:
        raise CodecError(f"cannot load encoder {reference}: {error}") from error
    except AttributeError as error:
        raise CodecError(f"cannot load encoder {reference}: {module_name} has no {attribute}") from error
    except Exception as error:
        raise CodecError(f"cannot load encoder {reference}: {type(error).__name__}: {error}") from error
    if not isinstance(encoder, Encoder):
        raise CodecError(
            f"cannot load encoder {reference}: it is of type {type(encoder).__name__}, not "
            "codecstudy.codecs.base.Encoder"
        )
    if problem := _wrong(encoder.facts):
        raise CodecError(f"cannot load encoder {reference}: {problem}")
    return encoder


def _wrong(facts: EncoderFacts) -> str | None:
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


def _unknown(encoder: str) -> str:
    known = names()
    return f"no encoder is named {encoder!r}{did_you_mean(encoder, known)} Known encoders: {', '.join(known)}"
