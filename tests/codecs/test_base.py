"""Parameters accept what they say they accept, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codecstudy.types import Parameter

QUALITY = Parameter("quality", "", minimum=0, maximum=100)
DISTANCE = Parameter("distance", "", minimum=0, maximum=25, integer=False)
SAMPLING = Parameter("chroma_subsampling", "", choices=("444", "420"))
FLAG = Parameter("lossless", "", choices=(True, False))


@given(st.integers())
def test_an_integer_range_includes_its_ends_and_nothing_beyond(value: int) -> None:
    assert QUALITY.accepts(value) == (0 <= value <= 100)


@given(st.floats())
def test_an_integer_range_takes_no_decimals(value: float) -> None:
    assert not QUALITY.accepts(value)


@given(st.floats())
def test_a_decimal_range_takes_finite_decimals_inside(value: float) -> None:
    assert DISTANCE.accepts(value) == (0.0 <= value <= 25.0)


@given(st.one_of(st.text(), st.none(), st.booleans(), st.lists(st.integers())))
def test_a_range_takes_numbers_only(value: object) -> None:
    assert not QUALITY.accepts(value)
    assert not DISTANCE.accepts(value)


@given(st.one_of(st.text(), st.integers(), st.floats(), st.booleans(), st.none()))
def test_choices_take_exactly_the_values_listed(value: object) -> None:
    assert SAMPLING.accepts(value) == (value in ("444", "420"))
    assert FLAG.accepts(value) == (value is True or value is False)


@pytest.mark.parametrize("value", [444, 420.0, "4:4:4", ""])
def test_choices_do_not_convert(value: object) -> None:
    assert not SAMPLING.accepts(value)


@pytest.mark.parametrize(
    ("parameter", "text"),
    [
        (QUALITY, "0 to 100"),
        (DISTANCE, "0 to 25 (decimals allowed)"),
        (SAMPLING, "444, 420"),
        (FLAG, "true, false"),
    ],
)
def test_the_allowed_values_are_readable(parameter: Parameter, text: str) -> None:
    assert parameter.allowed() == text
