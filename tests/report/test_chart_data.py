"""The data in the page: compact, and safe inside its element."""

from __future__ import annotations

import json

import pytest

from codecstudy.report.chart_data import chart_data, embed, significant
from codecstudy.report.context import Context
from codecstudy.report.options import Options
from support.report_cases import HOSTILE, four_formats


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (0.123456, 0.1235),
        (123456.0, 123500),
        (0.0, 0),
        (float("nan"), None),
        (float("inf"), None),
        (None, None),
    ],
)
def test_significant(value: float | None, kept: float | None) -> None:
    assert significant(value) == kept


def test_embedded_json_cannot_close_its_element() -> None:
    text = embed(chart_data(Context.of(four_formats(images=4, names=HOSTILE), Options(resamples=50))))
    assert "<" not in text
    assert ">" not in text
    assert set(json.loads(text)["images"]) == set(HOSTILE)
    assert text.isascii()
