"""What the page's scripts are given."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from codecstudy.report.context import Context
from codecstudy.report.data import Options
from codecstudy.report.payload import embed, payload, significant
from support.report_cases import HOSTILE, four_formats


def document_of(**changes: object) -> dict:
    return payload(Context.of(four_formats(**changes), Options(resamples=50)))


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


def test_it_holds_the_measured_points_by_variant_and_image() -> None:
    document = document_of(images=4)
    avif = document["variants"][2]
    assert avif["name"] == "AVIF 4:2:0"
    assert avif["details"] == "4:2:0, speed 6"
    assert avif["levels"] == [30, 50, 70, 80, 90]
    assert np.shape(avif["bpp"]) == (4, 5)
    assert avif["scores"]["ssimulacra2"][0] == [30, 50, 70, 80, 90]
    assert [v["base"] for v in document["variants"]] == [True, False, False, False, False]
    assert [v["pick"] for v in document["variants"]] == [True, True, True, False, True]
    assert document["best"] == "avif"


def test_every_point_has_commands() -> None:
    for variant in document_of(images=2)["variants"]:
        for level, tools in zip(variant["levels"], variant["tools"], strict=True):
            assert any(str(level) in text for _, text, _ in tools if text)


def test_the_size_at_equal_quality_is_the_ratio_of_the_formulas() -> None:
    document = document_of(images=5)
    ratio = document["ratio"]["ssimulacra2"]
    assert ratio["at"][0] == 30
    assert ratio["at"][-1] == 90
    # Images 0 to 4 have each of the five wobbles once.
    expected = 0.6 * np.exp(np.mean(np.log([0.94, 0.97, 1.0, 1.03, 1.06])))
    for value, low, high in ratio["series"][2]["ratio"]:
        assert value == pytest.approx(expected, rel=1e-3)
        assert low < value < high
    assert all(value == 1 for value, *_ in ratio["series"][0]["ratio"])


def test_places_that_few_images_reach_are_not_drawn() -> None:
    results = four_formats(images=4)
    for k, record in enumerate(results.measurements):
        if record.source_image == "class0/img000.png" or record.source_image == "class1/img001.png":
            object.__setattr__(
                results.measurements[k], "ssimulacra2", min(record.ssimulacra2, 75 + record.quality / 100)
            )
    document = payload(Context.of(results, Options(resamples=50)))
    ratio = document["ratio"]["ssimulacra2"]
    drawn = [at for at, n in zip(ratio["at"], ratio["series"][2]["images"], strict=True) if n]
    assert max(drawn) < 80


def test_embedded_json_cannot_leave_its_element() -> None:
    text = embed(document_of(images=4, names=HOSTILE))
    assert "<" not in text
    assert ">" not in text
    assert set(json.loads(text)["images"]) == set(HOSTILE)
    assert text.isascii()


def test_it_has_no_infinity() -> None:
    results = four_formats(images=3)
    records = [
        dataclasses.replace(r, psnr=float("inf") if r.quality == 90 else r.psnr) for r in results.measurements
    ]
    results = dataclasses.replace(results, measurements=records)
    document = payload(Context.of(results, Options(metric="psnr", target=38.0, resamples=50)))
    embed(document)
    assert document["mean"]["psnr"][0]["lossless"] == [0, 0, 0, 0, 3]
    assert document["variants"][0]["scores"]["psnr"][0][-1] is None
