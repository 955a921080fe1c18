"""The codecs that studies may name: the four built-in ones, registered ones, and installed plugins.

A plugin is a :class:`codecstudy.codecs.base.Codec` that a package declares as an entry point of group
``codecstudy.codecs``, under the name of its format. Codec modules are imported when they are first asked for.
"""

from __future__ import annotations

import importlib
import re
from importlib.metadata import EntryPoint, entry_points

from codecstudy.codecs.base import Codec
from codecstudy.errors import CodecError, did_you_mean

ENTRY_POINT_GROUP = "codecstudy.codecs"

_BUILT_IN = {
    "jpeg": "codecstudy.codecs.jpeg:CODEC",
    "webp": "codecstudy.codecs.webp:CODEC",
    "avif": "codecstudy.codecs.avif:CODEC",
    "jxl": "codecstudy.codecs.jxl:CODEC",
}
_FORMAT = re.compile(r"[a-z0-9][a-z0-9_-]*")

_loaded: dict[str, Codec] = {}
_registered: dict[str, str] = {}
"""Format to reference, of codecs added by :func:`register`."""


class UnknownCodecError(CodecError, ValueError):
    """No codec has this name."""


def get(format: str) -> Codec:
    """The codec of ``format``; :class:`UnknownCodecError`, naming the known ones, where there is none.

    Raises :class:`CodecError` when a plugin of that name cannot be loaded.
    """
    if format in _loaded:
        return _loaded[format]
    if format in _BUILT_IN:
        codec = _load(_BUILT_IN[format])
    elif format in (plugins := _plugins()):
        codec = _load(plugins[format].value)
        if codec.format != format:
            raise CodecError(
                f"plugin {plugins[format].value} is installed under the name {format!r}, but its format is "
                f"{codec.format!r}; its package must declare it under that name"
            )
    else:
        raise UnknownCodecError(_unknown(format))
    _loaded[format] = codec
    return codec


def names() -> tuple[str, ...]:
    """Every format that :func:`get` knows: built-in ones first, then registered ones, then plugins."""
    return tuple(dict.fromkeys([*_BUILT_IN, *_registered, *_plugins()]))


def register(reference: str) -> Codec:
    """Add the codec at ``"package.module:ATTRIBUTE"`` and return it.

    The reference is remembered, so that worker processes can be told to register it again. Registering the
    same one twice is fine. Raises :class:`CodecError` when there is no codec at that place, or when another
    one has its format already.
    """
    codec = _load(reference)
    if codec.format in _BUILT_IN or _registered.get(codec.format, reference) != reference:
        other = _BUILT_IN.get(codec.format) or _registered[codec.format]
        raise CodecError(f"cannot register {reference}: {other} has the format {codec.format!r} already")
    _loaded[codec.format] = codec
    _registered[codec.format] = reference
    return codec


def registered() -> tuple[str, ...]:
    """The references given to :func:`register`, in order."""
    return tuple(_registered.values())


def _plugins() -> dict[str, EntryPoint]:
    return {point.name: point for point in sorted(entry_points(group=ENTRY_POINT_GROUP))}


def _load(reference: str) -> Codec:
    module_name, colon, attribute = reference.partition(":")
    if not (module_name and colon and attribute):
        raise CodecError(f"{reference!r} names no codec; write it as package.module:ATTRIBUTE")
    try:
        codec = getattr(importlib.import_module(module_name), attribute)
    except ImportError as error:
        raise CodecError(f"cannot load codec {reference}: {error}") from error
    except AttributeError as error:
        raise CodecError(f"cannot load codec {reference}: {module_name} has no {attribute}") from error
    if not isinstance(codec, Codec):
        raise CodecError(
            f"cannot load codec {reference}: that is a {type(codec).__name__}, no codecstudy Codec"
        )
    if not _FORMAT.fullmatch(codec.format) or not re.fullmatch(r"\.\w+", codec.extension):
        raise CodecError(
            f"cannot load codec {reference}: format {codec.format!r} must be small letters, digits, _ and -, "
            f"and extension {codec.extension!r} a dot and letters"
        )
    return codec


def _unknown(format: str) -> str:
    known = names()
    return f"no codec is named {format!r}{did_you_mean(format, known)} Known ones: {', '.join(known)}"
