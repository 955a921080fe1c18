"""The values that one key of an encoder sweeps over: a value, a list of values, or a range of qualities.

Every function here takes what a study file holds, checks it against what the encoder declares, and returns it
in one frozen form. Wrong values raise :class:`codecstudy.study.problems.ProblemsError`, all of them at once.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from codecstudy.codecs.base import Encoder
from codecstudy.errors import did_you_mean
from codecstudy.study.problems import (
    Part,
    Problem,
    ProblemsError,
    fail,
    is_text,
    kind,
    show,
    unknown_key,
)
from codecstudy.types import Parameter

ORIGINAL = "original"
"""What a study writes for the original size (TOML has no null)."""

Lengths = int | tuple[int | None, ...] | None
"""Longest edges in pixels; None, alone or in a list, is the original size."""


class QualityRange(Part):
    """Qualities from ``start`` on, ``step`` apart, up to ``stop``; ``stop`` itself where a step hits it."""

    start: int
    stop: int
    step: int

    def values(self) -> tuple[int, ...]:
        """All qualities of the range, ascending: 30 to 95 by 10 gives 30, 40, ..., 90."""
        return tuple(range(self.start, self.stop + 1, self.step))


def read_parameter(key: str, value: object, encoder: Encoder | None) -> Any:
    """Value or tuple of values of a codec's parameter ``key``; a QualityRange where a quality is one.

    Without a encoder (its format is not known) nothing is checked: there is nothing to check it against.
    """
    if encoder is None or value is None:
        return None
    parameter = encoder.facts.parameter(key)
    if parameter is None:
        raise fail(f"{encoder.facts.title} has no {key} (given: {show(value)}). {takes(encoder)}")
    if isinstance(value, Mapping):
        if parameter.integer and any(rate.name == key and not rate.extra for rate in encoder.facts.rates):
            return _read_range(value, parameter)
        raise fail(f"must be a value or a list of values, not {kind(value)}. Allowed: {parameter.allowed()}")
    if not isinstance(value, list | tuple):
        if problem := _wrong(value, parameter):
            raise fail(problem)
        return value
    problems = [
        Problem((i,), problem) for i, item in enumerate(value) if (problem := _wrong(item, parameter))
    ]
    return _swept(value, problems, f"Allowed: {parameter.allowed()}")


def read_lengths(value: object) -> Any:
    """Longest edge in pixels, or a tuple of them; None is the original size."""

    def length(item: object) -> int | None:
        if item is None or item == ORIGINAL:
            return None
        if isinstance(item, bool) or not isinstance(item, int) or item < 1:
            raise fail(
                f"{kind(item)} is no length. Allowed: pixels of the longest edge, 1 or more, or null "
                f"(or {show(ORIGINAL)}) for the original size"
            )
        return item

    if not isinstance(value, list | tuple):
        return length(value)
    problems: list[Problem] = []
    lengths: list[int | None] = []
    for i, item in enumerate(value):
        try:
            lengths.append(length(item))
        except ProblemsError as error:
            problems += (Problem((i,), problem.message) for problem in error.problems)
    return _swept(lengths if not problems else value, problems, "Allowed: pixels of the longest edge")


def read_extra_args(value: object, encoder: Encoder | None) -> Any:
    """Entries of ``extra_args``, or a tuple of such objects where the study sweeps over them."""
    if encoder is None or value is None:
        return None
    if isinstance(value, Mapping):
        if problems := _wrong_extras(value, encoder):
            raise ProblemsError(problems)
        return dict(value)
    if not isinstance(value, list | tuple):
        raise fail(f"must be an object, or a list of objects of which each is one variant, not {kind(value)}")
    problems = []
    for i, variant in enumerate(value):
        if isinstance(variant, Mapping):
            problems += (Problem((i, *p.place), p.message) for p in _wrong_extras(variant, encoder))
        else:
            problems.append(Problem((i,), f"must be an object, not {kind(variant)}"))
    variants = [dict(variant) for variant in value] if not problems else value
    return _swept(variants, problems, "Give one object or more")


def takes(encoder: Encoder) -> str:
    """What a codec's encoders may hold, for messages."""
    keys = [f"{p.name} ({p.allowed()})" for p in encoder.facts.parameters]
    text = f"{encoder.facts.title} takes {', '.join([*keys, 'resolution', 'crop'])}"
    extras = [f"{p.name} ({p.allowed()})" for p in encoder.facts.extra_parameters]
    if encoder.facts.open_extra:
        extras.append("and further options of its encoder")
    return f"{text}; in extra_args {', '.join(extras)}" if extras else text


def _read_range(value: Mapping[Any, object], parameter: Parameter) -> QualityRange:
    names = ("start", "stop", "step")
    problems = [Problem((str(key),), unknown_key(key, names)) for key in value if key not in names]
    for name in names:
        number = value.get(name)
        if name not in value:
            problems.append(Problem((name,), "is missing; a range has start, stop and step"))
        elif isinstance(number, bool) or not isinstance(number, int):
            problems.append(Problem((name,), f"must be a whole number, not {kind(number)}"))
        elif name == "step" and number < 1:
            problems.append(Problem((name,), f"{show(number)} is out of range. Allowed: 1 or more"))
        elif name != "step" and not parameter.accepts(number):
            problems.append(
                Problem((name,), f"{show(number)} is out of range. Allowed: {parameter.allowed()}")
            )
    wrong = {problem.place[0] for problem in problems}
    if not wrong & {"start", "stop"}:
        start, stop = value["start"], value["stop"]
        assert isinstance(start, int)
        assert isinstance(stop, int)
        if stop < start:
            problems.append(Problem((), f"the range is empty: stop {stop} is below start {start}. Swap them"))
    if problems:
        raise ProblemsError(problems)
    return QualityRange.model_validate(dict(value))


def _wrong(value: object, parameter: Parameter) -> str | None:
    """What is wrong with one value, or None."""
    if parameter.accepts(value):
        return None
    allowed = f"Allowed: {parameter.allowed()}"
    if parameter.choices is not None:
        if not isinstance(value, str) and show(value) in parameter.choices:
            return f'must be text, not {kind(value)}; write "{show(value)}". {allowed}'
        return f"{show(value)} is not allowed. {allowed}"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return f"must be a number, not {kind(value)}. {allowed}"
    if parameter.integer and isinstance(value, float) and math.isfinite(value):
        return f"must be a whole number, not {show(value)}. {allowed}"
    return f"{show(value)} is out of range. {allowed}"


def _wrong_extras(entries: Mapping[Any, object], encoder: Encoder) -> list[Problem]:
    problems = []
    for name, value in entries.items():
        declared = encoder.facts.extra_parameter(name)
        if declared is not None:
            message = _wrong(value, declared)
        elif encoder.facts.open_extra and isinstance(name, str) and name and is_text(name):
            message = (
                None if _is_scalar(value) else f"must be text, a number, true or false, not {kind(value)}"
            )
        else:
            message = _unknown_extra(name, value, encoder)
        if message:
            problems.append(Problem((str(name),), message))
    return problems


def _unknown_extra(name: object, value: object, encoder: Encoder) -> str:
    known = [parameter.name for parameter in encoder.facts.extra_parameters]
    if encoder.facts.parameter(str(name)) is not None:
        hint = "; write it beside extra_args, not in it."
    else:
        hint = did_you_mean(str(name), known)
    return f"{encoder.facts.title} has no extra argument {show(name)} (given: {show(value)}){hint} {takes(encoder)}"


def _is_scalar(value: object) -> bool:
    if isinstance(value, str):
        return is_text(value)
    return isinstance(value, int) or (isinstance(value, float) and math.isfinite(value))


def _swept(values: Sequence[Any], problems: list[Problem], allowed: str) -> tuple[Any, ...]:
    """``values`` as a tuple, if nothing is wrong with any of them, none is there twice and there are some."""
    if not values:
        raise fail(
            f"the list is empty, so that nothing would be measured. Give a value, or leave the key out. {allowed}"
        )
    if problems:
        raise ProblemsError(problems)
    seen: set[str] = set()
    for i, item in enumerate(values):
        # As JSON text, because True and 1 are equal in Python and two different values of an encoder.
        text = json.dumps(item, sort_keys=True)
        if text in seen:
            problems.append(Problem((i,), f"{show(item)} is given twice; remove one of them"))
        seen.add(text)
    if problems:
        raise ProblemsError(problems)
    return tuple(values)
