"""What is wrong with a study, in words: where, which value, and what is allowed there instead."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from codecstudy.errors import did_you_mean

Place = tuple[str | int, ...]
"""Keys and list positions that lead to a part of a study: ``("encoders", 1, "speed")``."""

_LONGEST_VALUE = 60


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, and where."""

    place: Place
    message: str

    def __str__(self) -> str:
        where = show_place(self.place)
        return f"{where}: {self.message}" if where else self.message


class ProblemsError(ValueError):
    """Problems that a validator found; their places are relative to the part that it validates."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(str(problem) for problem in self.problems))


class Part(BaseModel):
    """What all parts of a study have in common: nothing can be changed, added or converted."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


def fail(message: str, *place: str | int) -> ProblemsError:
    """The error for a single problem."""
    return ProblemsError([Problem(place, message)])


def report(source: str, problems: Iterable[Problem]) -> str:
    """The message for people: every problem once, sorted by place, after the name of the study file."""
    ordered = sorted(set(problems), key=lambda p: (_natural(p.place), p.message))
    if len(ordered) == 1:
        return f"{source}: {ordered[0]}"
    return "\n  ".join([f"{source}: {len(ordered)} problems", *(str(problem) for problem in ordered)])


def show_place(place: Place) -> str:
    """``encoders[1].speed``; keys that are not plain words stand in quotes."""
    text = ""
    for part in place:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += ("." if text else "") + (part if re.fullmatch(r"[\w$-]+", part) else show(part))
    return text


def show(value: object) -> str:
    """A value as a study file would hold it, shortened where it is long."""
    try:
        text = json.dumps(value, ensure_ascii=False, default=str)
    except (ValueError, TypeError, RecursionError):
        # Integers of thousands of digits, circular and very deep structures.
        return f"a {type(value).__name__} that is too large to show"
    # A lone surrogate cannot be printed.
    text = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 3]}..."


def is_text(value: str) -> bool:
    """Whether a string can be written to a file: JSON's escapes can make lone surrogates, which cannot."""
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _check_text(value: str) -> str:
    if not is_text(value):
        raise fail(f"must be text, and {show(value)} has half of a surrogate pair in it")
    return value


Text = Annotated[str, AfterValidator(_check_text)]
"""A string that can be written to a file."""


def kind(value: object) -> str:
    """A value with its kind, for messages about a wrong one: ``"80" (text)``."""
    names = {bool: "a boolean", int: "a number", float: "a number", str: "text", dict: "an object"}
    if value is None:
        return "null"
    name = names.get(type(value), "a list" if isinstance(value, list | tuple) else type(value).__name__)
    return f"{show(value)} ({name})"


def unknown_key(key: object, known: Iterable[str]) -> str:
    """Message for a key that nobody knows: the nearest known one first, then all of them."""
    names = list(known)
    return f"unknown key {show(key)}{did_you_mean(str(key), names)} Known here: {', '.join(names)}"


def translate(error: ValidationError, model: type[BaseModel]) -> list[Problem]:
    """What pydantic found in ``model``'s input, in the words of this module."""
    problems: list[Problem] = []
    for item in error.errors(include_url=False):
        place: Place = item["loc"]
        context: Mapping[str, Any] = item.get("ctx", {})
        cause = context.get("error")
        if isinstance(cause, ProblemsError):
            problems += (Problem(place + inner.place, inner.message) for inner in cause.problems)
        elif item["type"] == "extra_forbidden":
            problems.append(Problem(place, unknown_key(place[-1], _keys_at(model, place[:-1]))))
        else:
            problems.append(Problem(place, _words(item["type"], item["input"], item["msg"], context)))
    return problems


def _words(type_: str, value: object, message: str, context: Mapping[str, Any]) -> str:
    match type_:
        case "missing":
            return "is missing"
        case "value_error":
            return str(context["error"])
        case "string_type" | "string_sub_type":
            return f"must be text, not {kind(value)}"
        case "int_type" | "int_from_float" | "int_parsing_size":
            return f"must be a whole number, not {kind(value)}"
        case "dict_type" | "model_type" | "model_attributes_type":
            return f"must be an object with keys, not {kind(value)}"
        case "literal_error":
            return f"{show(value)} is not allowed. Allowed: {context['expected']}"
        case "greater_than_equal":
            return f"{show(value)} is out of range. Allowed: {context['ge']} or more"
        case "string_too_short":
            return "must not be empty"
        case _:
            return f"{message}, not {kind(value)}"


def _keys_at(model: type[BaseModel], place: Place) -> list[str]:
    """The keys that ``model`` has at a place inside it."""
    for part in place:
        if isinstance(part, str):
            annotation = model.model_fields[part].annotation
            options = get_args(annotation) if get_origin(annotation) in _UNIONS else (annotation,)
            model = next(o for o in options if isinstance(o, type) and issubclass(o, BaseModel))
    return [field.alias or name for name, field in model.model_fields.items()]


_UNIONS = (Union, type(int | None))


def _natural(place: Place) -> tuple[tuple[int, int, str], ...]:
    """Sort key in which ``encoders[10]`` comes after ``encoders[2]``."""
    return tuple((0, part, "") if isinstance(part, int) else (1, 0, part) for part in place)
