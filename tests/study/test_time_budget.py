"""Budget strings: what is accepted means what it says, everything else is refused with the accepted forms."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codecstudy.study.time_budget import parse_time_budget

counts = st.integers(min_value=0, max_value=10_000)
optional = st.one_of(st.none(), counts)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("3600", 3600.0),
        ("1h", 3600.0),
        ("30m", 1800.0),
        ("90s", 90.0),
        ("1h30m", 5400.0),
        ("2h15m30s", 8130.0),
        ("1h30s", 3630.0),
        ("0h30m", 1800.0),
        ("90m", 5400.0),
    ],
)
def test_accepted_forms(text: str, seconds: float) -> None:
    result = parse_time_budget(text)
    assert result == seconds
    assert isinstance(result, float)


@given(optional, optional, optional)
def test_units_add_up(hours: int | None, minutes: int | None, seconds: int | None) -> None:
    given_units = [(hours, "h", 3600), (minutes, "m", 60), (seconds, "s", 1)]
    text = "".join(f"{count}{unit}" for count, unit, _ in given_units if count is not None)
    total = sum(count * factor for count, _, factor in given_units if count is not None)
    if total:
        assert parse_time_budget(text) == total
    else:
        with pytest.raises(ValueError, match="1h30m"):
            parse_time_budget(text)


@given(st.integers(min_value=1, max_value=10**9))
def test_plain_seconds(seconds: int) -> None:
    assert parse_time_budget(str(seconds)) == seconds


REFUSED = [
    "",
    "0",
    "0s",
    "0h0m",
    "-1",
    "-30m",
    "+5",
    "nan",
    "inf",
    "-inf",
    "infinity",
    "30m1h",
    "1h1h",
    "1s1m",
]
REFUSED += [
    "h",
    "m",
    "1 h",
    "1h 30m",
    "1.5h",
    "1e3",
    "1_000",
    "0x10",
    "1d",
    "1H",
    "30min",
    "one hour",
    " 1h",
    "1h ",
    "30m\n",
    " ",
]
REFUSED += ["٣", "3٠m", "²", "1h30", "3600,5", "9" * 400, "9" * 5000 + "h"]


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: repr(text[:12]))
def test_anything_else_is_refused_with_the_accepted_forms(text: str) -> None:
    with pytest.raises(ValueError, match=r"3600.*1h.*30m.*90s.*1h30m.*2h15m30s"):
        parse_time_budget(text)


@given(st.text(alphabet="0123456789hms.-+ e٣\n", max_size=8))
def test_whatever_is_accepted_is_positive_and_has_units_in_order(text: str) -> None:
    try:
        seconds = parse_time_budget(text)
    except ValueError:
        return
    assert 0 < seconds < float("inf")
    units = [character for character in text if character in "hms"]
    assert units == sorted(set(units))  # h, m, s happens to be the alphabet's order
    assert text.isascii()
    assert not set(text) & set("-+e")
