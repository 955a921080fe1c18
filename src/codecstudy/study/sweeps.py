"""The types of the values of one encoder key: a value, a list of values, or a range of the rate parameter.

They are built from what the encoder declares. Values are also checked with :meth:`Parameter.accepts`, because its
types are exact (pydantic's ``Literal[True]`` accepts 1), and are left unconverted (pydantic's ``float`` would turn
1 into 1.0).
"""

from __future__ import annotations

import functools
import json
import math
import operator
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    Discriminator,
    Field,
    FiniteFloat,
    GetPydanticSchema,
    PlainSerializer,
    Tag,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    create_model,
    field_validator,
)

from codecstudy.study.messages import SHAPES, Part, Problem, ProblemsError, fail, kind, show, wrong_value
from codecstudy.types import Parameter

ORIGINAL = "original"
"""How a study file writes the original size (TOML has no null)."""

_VALUE, _LIST, _RANGE = SHAPES

AS_GIVEN = PlainSerializer(lambda value: value)
"""Annotation of a type whose values are serialized unchanged."""


class RateRange(Part):
    """Levels of a rate parameter: from ``start`` in steps of ``step``, up to and including ``stop``."""

    start: int | float
    stop: int | float
    step: int | float

    @field_validator("stop")
    @classmethod
    def _not_empty(cls, stop: int | float, info: ValidationInfo) -> int | float:
        start = info.data.get("start")
        if start is not None and stop < start:
            raise fail(f"the range is empty: stop {show(stop)} is below start {show(start)}. Swap them")
        return stop

    @property
    def count(self) -> int:
        """Number of levels."""
        if isinstance(self.step, int):
            return int((self.stop - self.start) // self.step) + 1
        return math.floor((self.stop - self.start) / self.step + 1e-9) + 1

    def values(self) -> tuple[int | float, ...]:
        """All levels, ascending: 30 to 95 by 10 is 30, 40, ..., 90."""
        # Rounded, because 0.1 + 2 * 0.1 is 0.30000000000000004.
        return tuple(round(self.start + i * self.step, 9) for i in range(self.count))

    @classmethod
    def of(cls, parameter: Parameter, name: str) -> type[Self]:
        """The model of ranges of ``parameter``, under ``name`` in the JSON Schema."""
        end = (value_of(parameter), Field())
        step: Any = (int, Field(ge=1)) if parameter.integer else (FiniteFloat, Field(gt=0))
        return create_model(
            name,
            __base__=cls,
            __doc__="From start on, step apart, up to stop.",
            start=end,
            stop=end,
            step=step,
        )


def with_message(message: Callable[[Any], str]) -> Any:
    """Annotation of a type: ``message`` makes the message about a value that it does not accept."""

    def check(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
        try:
            return handler(value)
        except ValidationError:
            raise fail(message(value)) from None

    return WrapValidator(check)


def value_of(parameter: Parameter) -> Any:
    """The type of one value of ``parameter``."""

    def check(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
        try:
            handler(value)
            accepted = parameter.accepts(value)
        except ValidationError:
            accepted = False
        if not accepted:
            raise fail(wrong_value(value, parameter))
        return value

    if parameter.choices is not None:
        return Annotated[Literal[tuple(parameter.choices)], WrapValidator(check)]
    number = int if parameter.integer else FiniteFloat
    return Annotated[
        number, Field(ge=parameter.minimum, le=parameter.maximum), WrapValidator(check), AS_GIVEN
    ]


def sweep_of(value: Any, hint: str, range_: type[RateRange] | None = None) -> Any:
    """The type of a sweep.

    Args:
        value: Type of a single value.
        hint: End of the message about an empty list.
        range_: Model of ranges, if they are allowed.

    Returns:
        The type of ``value``, of a list of distinct values, or of a range.
    """

    def shape(given: object) -> str:
        if isinstance(given, list | tuple):
            return _LIST
        return _RANGE if range_ is not None and isinstance(given, Mapping | RateRange) else _VALUE

    forms: list[Any] = [Annotated[value, Tag(_VALUE)], Annotated[list_of(value, hint), Tag(_LIST)]]
    if range_ is not None:
        forms.append(Annotated[range_, Tag(_RANGE)])
    return Annotated[functools.reduce(operator.or_, forms), Discriminator(shape)]


def list_of(value: Any, hint: str) -> Any:
    """The type of a list of distinct values; ``hint`` ends the message about an empty one."""

    def check(values: tuple[Any, ...]) -> tuple[Any, ...]:
        if not values:
            raise fail(f"the list is empty, so nothing would be measured. {hint}")
        # Compared as JSON text, because True and 1 are equal in Python but different values for an encoder.
        first_at: dict[str, int] = {}
        texts = [json.dumps(item, sort_keys=True, default=RateRange.model_dump) for item in values]
        repeated = [i for i, text in enumerate(texts) if first_at.setdefault(text, i) != i]
        if repeated:
            raise ProblemsError(
                Problem((i,), f"{show(values[i])} is given twice; remove one of them") for i in repeated
            )
        return values

    extra: dict[str, Any] = {"minItems": 1, "uniqueItems": True}
    return Annotated[tuple[value, ...], Field(strict=False, json_schema_extra=extra), AfterValidator(check)]


def values_of(sweep: Any) -> tuple[Any, ...]:
    """The values of one key; a key that was not given has the single value None."""
    if isinstance(sweep, RateRange):
        return sweep.values()
    return sweep if isinstance(sweep, tuple) else (sweep,)


def count_of(sweep: Any) -> int:
    """Number of values, without creating them."""
    return sweep.count if isinstance(sweep, RateRange) else len(values_of(sweep))


_LENGTHS = sweep_of(
    Annotated[
        Annotated[int, Field(ge=1)] | Literal["original"] | None,
        with_message(
            lambda value: (
                f"{kind(value)} is not a valid length. Allowed: pixels of the longest edge, 1 or more, "
                f"or null (or {show(ORIGINAL)}) for the original size"
            )
        ),
        AfterValidator(lambda value: None if value == ORIGINAL else value),
    ],
    "Allowed: pixels of the longest edge",
)

Lengths = Annotated[
    int | tuple[int | None, ...] | None, GetPydanticSchema(lambda _, handler: handler(_LENGTHS))
]
"""Longest edges in pixels; None, alone or in a list, is the original size."""
