"""The data in the page: compact, and safe inside its element."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from codecstudy.report import write_report
from codecstudy.report.chart_data import chart_data, embed, significant
from codecstudy.report.context import Context
from codecstudy.report.options import Options
from codecstudy.types import EncoderFacts
from support.report_cases import BASE, HOSTILE, context_of, four_formats
from support.synthetic import measured, results_of


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


def test_with_many_images_the_page_shows_some_of_them_and_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("codecstudy.report.chart_data.MAX_LISTED", 12)
    monkeypatch.setattr("codecstudy.report.chart_data.MAX_DRAWN", 1)
    results = four_formats(images=30)
    context = Context.of(results, Options(resamples=50))
    document = chart_data(context)
    names = context.points.images
    assert document["images"] == [names[k * 30 // 12] for k in range(12)]
    assert len(document["drawn"]) == 8
    for variant, block in zip(document["variants"], context.points.blocks, strict=True):
        assert len(variant["bpp"]) == 8
        row = names.index(document["images"][document["drawn"][3]])
        assert variant["scores"]["ssimulacra2"][3] == pytest.approx(
            block.scores["ssimulacra2"][row], rel=1e-4
        )
    for entries in document["single"].values():
        assert all(max(entry["image"]) < 12 for entry in entries)
    write_report(results, tmp_path, tmp_path / "report.html", Options(resamples=50), None)
    page = (tmp_path / "report.html").read_text()
    assert "for 8 of 30 images" in page
    assert "12 of 30 images are shown" in page


def test_encoders_of_a_format_share_dash_patterns_and_only_the_smallest_has_bands() -> None:
    other = dataclasses.replace(BASE.scaled(0.8), setting={"encoder": "mine"})
    records = [measured(f, i, q) for f in (BASE, other) for i in range(3) for q in BASE.qualities]
    results = results_of(records)
    mine = EncoderFacts("mine", "jpeg", "mine", ".jpg")
    described = dataclasses.replace(results, encoders=(*results.encoders, mine))
    variants = chart_data(context_of(described))["variants"]
    assert {one["title"]: (one["dash"], one["pick"], one["banded"]) for one in variants} == {
        "JPEG (libjpeg-turbo)": (0, True, False),
        "mine": (1, True, True),
    }
