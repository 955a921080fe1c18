"""Checks that values read from a file have the types that annotations declare."""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from collections.abc import Mapping
from typing import Any, Literal, Union

LARGEST = 2**53
"""Largest number: floats hold all whole numbers up to it, and sums of many do not overflow."""


def check_type(value: object, annotation: Any, name: str) -> None:
    """Check a value, and what it contains, against a type annotation.

    Numbers must not be larger than :data:`LARGEST`, ``True`` is not a number, and a whole number is a valid
    ``float``.

    Args:
        value: The value: plain values, tuples, lists, dictionaries, dataclasses.
        annotation: Its type: those, ``Literal``, unions, and ``Any``.
        name: What the value is, for the message: ``run.workers``.

    Raises:
        ValueError: The value has another type; the message names the part that does.
    """
    if not _matches(value, annotation, name):
        raise ValueError(f"{name} is {_shown(value)}, not {_described(annotation)}")


def _matches(value: object, annotation: Any, name: str) -> bool:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if annotation is Any:
        return True
    if annotation is None or annotation is type(None):
        return value is None
    if origin in (Union, types.UnionType):
        return any(_matches_quietly(value, one, name) for one in arguments)
    if origin is Literal:
        return type(value) is str and value in arguments
    if annotation is float:
        return is_number(value)
    if annotation is int:
        return type(value) is int and is_number(value)
    if origin is tuple and isinstance(value, tuple):
        kinds = [arguments[0]] * len(value) if arguments[1:] == (...,) else arguments
        if len(kinds) != len(value):
            return False
        for number, (item, kind) in enumerate(zip(value, kinds, strict=True)):
            check_type(item, kind, f"{name}[{number}]")
        return True
    if origin is list and isinstance(value, list):
        for number, item in enumerate(value):
            check_type(item, arguments[0], f"{name}[{number}]")
        return True
    if origin is dict and isinstance(value, dict):
        for key, item in value.items():
            check_type(key, arguments[0], f"a key of {name}")
            check_type(item, arguments[1], f"{name}.{key}")
        return True
    if origin is not None:
        return False
    if not isinstance(value, annotation):
        return False
    if dataclasses.is_dataclass(value):
        dataclass: Any = annotation
        for field, kind in _annotations(dataclass).items():
            check_type(getattr(value, field), kind, f"{name}.{field}")
    return True


def _matches_quietly(value: object, annotation: Any, name: str) -> bool:
    try:
        return _matches(value, annotation, name)
    except ValueError:
        return False


def is_number(value: object) -> bool:
    """Whether ``value`` is a finite number of a plausible size; ``True`` is not a number."""
    return type(value) in (int, float) and -LARGEST <= value <= LARGEST  # type: ignore[operator]


@functools.cache
def _annotations(kind: Any) -> Mapping[str, Any]:
    return typing.get_type_hints(kind)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:40]}..."


def _described(annotation: Any) -> str:
    if isinstance(annotation, type):
        return {
            "str": "text",
            "int": "a whole number",
            "float": "a finite number",
            "bool": "true or false",
        }.get(annotation.__name__, annotation.__name__)
    return str(annotation).replace("typing.", "")
