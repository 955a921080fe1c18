"""Hints at the name that the user probably meant."""

from __future__ import annotations

import pytest

from codecstudy.errors import did_you_mean


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("avfi", "; did you mean avif?"),
        ("AVIF", "; did you mean avif?"),
        ("jpegxl", "; did you mean JPEG?"),
        ("tiff-bomb", "."),
        ("", "."),
    ],
)
def test_the_nearest_known_name_is_offered_where_one_is_near(name: str, hint: str) -> None:
    assert did_you_mean(name, ["avif", "JPEG", "webp"]) == hint


def test_where_nothing_is_known_nothing_is_offered() -> None:
    assert did_you_mean("avif", []) == "."
