"""Messages about problems in a study: where, which value, and what is allowed instead.

Pydantic finds the problems in the parts of a study. Its errors are turned into ours only here: each part
(:class:`Part`) translates those of its own keys, and passes on those of the parts inside it.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    ModelWrapValidatorHandler,
    ValidationError,
    model_validator,
)

from codecstudy.errors import did_you_mean
from codecstudy.types import EncoderFacts, Parameter

Place = tuple[str | int, ...]
"""Keys and list positions that lead to a part of a study: ``("encoders", 1, "speed")``."""

SHAPES = ("a value", "a list", "a range")
"""Names that pydantic is given for the forms of a sweep; it inserts them into the locations of errors."""

_LONGEST_VALUE = 60


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem, and its place."""

    place: Place
    message: str

    def __str__(self) -> str:
        where = show_place(self.place)
        return f"{where}: {self.message}" if where else self.message


class ProblemsError(ValueError):
    """Problems found by a validator; their places are relative to the part that it validates."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(str(problem) for problem in self.problems))


class Part(BaseModel):
    """Base of all parts of a study: immutable, without unknown keys and type conversions."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, protected_namespaces=())

    @model_validator(mode="wrap")
    @classmethod
    def _with_our_messages(cls, value: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return handler(value)
        except ValidationError as error:
            raise ProblemsError(translate(error, cls)) from None

    @classmethod
    def _unknown_key(cls, key: object, value: object) -> str:
        """The message for a key that this part does not have."""
        return unknown_key(key, cls._keys())

    @classmethod
    def _keys(cls) -> list[str]:
        return [field.alias or name for name, field in cls.model_fields.items()]


def fail(message: str, *place: str | int) -> ProblemsError:
    """The error for a single problem."""
    return ProblemsError([Problem(place, message)])


def report(source: str, problems: Iterable[Problem]) -> str:
    """The message for users: every problem once, sorted by place, after the name of the study file."""
    ordered = sorted(set(problems), key=lambda p: (_natural(p.place), p.message))
    if len(ordered) == 1:
        return f"{source}: {ordered[0]}"
    return "\n  ".join([f"{source}: {len(ordered)} problems", *(str(problem) for problem in ordered)])


def translate(error: ValidationError, model: type[Part]) -> list[Problem]:
    """The errors that pydantic found in ``model``'s input, as problems with our messages."""
    problems: list[Problem] = []
    for item in error.errors(include_url=False):
        context: Mapping[str, Any] = item.get("ctx", {})
        cause, value = context.get("error"), item["input"]
        if item["type"] in ("extra_forbidden", "invalid_key"):
            key = item["loc"][-1]
            problems.append(Problem(item["loc"], model._unknown_key(key, value)))
            continue
        place: Place = tuple(part for part in item["loc"] if part not in SHAPES)
        if isinstance(cause, ProblemsError):
            problems += (Problem(place + inner.place, inner.message) for inner in cause.problems)
        else:
            problems.append(Problem(place, _message_of(item["type"], value, item["msg"], context)))
    return problems


def _message_of(type_: str, value: object, message: str, context: Mapping[str, Any]) -> str:
    match type_:
        case "missing":
            return "is missing"
        case "value_error":
            return str(context["error"])
        case "string_type" | "string_sub_type":
            return f"must be text, not {kind(value)}"
        case "string_unicode":
            return half_surrogate(value)
        case "int_type" | "int_from_float" | "int_parsing_size":
            return f"must be a whole number, not {kind(value)}"
        case "float_type" | "finite_number":
            return f"must be a number, not {kind(value)}"
        case "tuple_type":
            return f"must be a list, not {kind(value)}"
        case "dict_type" | "model_type" | "model_attributes_type":
            return f"must be an object with keys, not {kind(value)}"
        case "literal_error":
            return f"{show(value)} is not allowed. Allowed: {context['expected']}"
        case "greater_than_equal":
            return f"{show(value)} is out of range. Allowed: {context['ge']} or more"
        case "greater_than":
            return f"{show(value)} is out of range. Allowed: more than {context['gt']:g}"
        case "string_pattern_mismatch":
            # Only ids have a pattern.
            allowed = "lower-case letters, digits, _ and -, beginning with a letter or digit"
            return f"{show(value)} is not allowed. Allowed: {allowed}"
        case "string_too_short":
            return "must not be empty"
        case _:
            return f"{message}, not {kind(value)}"


def show_place(place: Place) -> str:
    """``encoders[1].speed``; keys that are not plain words are quoted."""
    text = ""
    for part in place:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += ("." if text else "") + (part if re.fullmatch(r"[\w$-]+", part) else show(part))
    return text


def show(value: object) -> str:
    """A value as it would appear in a study file, shortened if it is long."""
    try:
        text = json.dumps(value, ensure_ascii=False, default=str)
    except (ValueError, TypeError, RecursionError):
        # Integers with thousands of digits, circular and very deep structures.
        return f"a {type(value).__name__} that is too large to show"
    # A lone surrogate cannot be printed.
    text = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 3]}..."


def kind(value: object) -> str:
    """A value with its kind, for messages about a wrong one: ``"80" (text)``."""
    names = {bool: "a boolean", int: "a number", float: "a number", str: "text", dict: "an object"}
    if value is None:
        return "null"
    name = names.get(type(value), "a list" if isinstance(value, list | tuple) else type(value).__name__)
    return f"{show(value)} ({name})"


def is_text(value: str) -> bool:
    """Whether a string can be written to a file: JSON's escapes can make lone surrogates, which cannot."""
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def half_surrogate(value: object) -> str:
    """Message for a string that is not text in the sense of :func:`is_text`."""
    return f"must be text, and {show(value)} contains half of a surrogate pair"


def _check_text(value: str) -> str:
    if not is_text(value):
        raise fail(half_surrogate(value))
    return value


Text = Annotated[str, AfterValidator(_check_text)]
"""A string that can be written to a file."""


def unknown_key(key: object, known: Iterable[str]) -> str:
    """Message for an unknown key: the nearest known one first, then all of them."""
    names = list(known)
    return f"unknown key {show(key)}{did_you_mean(str(key), names)} Known here: {', '.join(names)}"


def unknown_parameter(key: object, value: object, known: Iterable[str], facts: EncoderFacts) -> str:
    """Message for a key of an encoder's entry that the encoder does not accept."""
    if facts.extra_parameter(str(key)) is not None:
        hint = "; write it in extra_args."
    else:
        hint = did_you_mean(str(key), known)
    return f"{facts.title} has no {_word(key)} (given: {show(value)}){hint} {takes(facts)}"


def unknown_extra(key: object, value: object, facts: EncoderFacts) -> str:
    """Message for an entry of ``extra_args`` that the encoder does not accept."""
    if facts.parameter(str(key)) is not None:
        hint = "; write it next to extra_args, not inside it."
    else:
        hint = did_you_mean(str(key), [parameter.name for parameter in facts.extra_parameters])
    return f"{facts.title} has no extra argument {show(key)} (given: {show(value)}){hint} {takes(facts)}"


def takes(facts: EncoderFacts) -> str:
    """The keys that the entry of an encoder may contain, as a sentence."""
    keys = [f"{p.name} ({p.allowed()})" for p in facts.parameters]
    text = f"{facts.title} takes {', '.join([*keys, 'resolution', 'crop'])}"
    extras = [f"{p.name} ({p.allowed()})" for p in facts.extra_parameters]
    if facts.open_extra:
        extras.append("and further options of its encoder")
    return f"{text}; in extra_args {', '.join(extras)}" if extras else text


def wrong_value(value: object, parameter: Parameter) -> str:
    """Message for a value that ``parameter`` does not accept."""
    allowed = f"Allowed: {parameter.allowed()}"
    if isinstance(value, Mapping):
        return f"must be one value, or a list of values, not {kind(value)}. {allowed}"
    if parameter.choices is not None:
        if not isinstance(value, str) and show(value) in parameter.choices:
            return f'must be text, not {kind(value)}; write "{show(value)}". {allowed}'
        return f"{show(value)} is not allowed. {allowed}"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return f"must be a number, not {kind(value)}. {allowed}"
    if parameter.integer and isinstance(value, float) and math.isfinite(value):
        return f"must be a whole number, not {show(value)}. {allowed}"
    return f"{show(value)} is out of range. {allowed}"


def _word(key: object) -> str:
    """A key, quoted unless it is a plain word."""
    return key if isinstance(key, str) and re.fullmatch(r"[\w-]+", key) else show(key)


def _natural(place: Place) -> tuple[tuple[int, int, str], ...]:
    """Sort key by which ``encoders[10]`` comes after ``encoders[2]``."""
    return tuple((0, part, "") if isinstance(part, int) else (1, 0, part) for part in place)
