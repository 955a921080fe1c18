"""Numbers, settings and quality levels as text."""

from __future__ import annotations

import pytest

from codecstudy import codecs, metrics
from codecstudy.analysis.encoders import Encoders
from codecstudy.analysis.estimates import Estimate
from codecstudy.report import text
from codecstudy.types import Setting

ENCODERS = Encoders(codecs.get(name).facts for name in ("jpeg", "webp", "avif", "jxl"))
SCALES = {column.name: column for column in metrics.columns(metrics.DEFAULT)}


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0, "0"), (0.0123, "0.0123"), (1234.5, "1234"), (-2.5, "−2.50"), (float("inf"), "∞"), (0.5, "0.500")],
)
def test_number(value: float, expected: str) -> None:
    assert text.number(value) == expected


@pytest.mark.parametrize(
    ("ratio", "expected"),
    [
        (0.7, "30 % smaller"),
        (0.905, "9.5 % smaller"),
        (1.0, "the same size"),
        (1.012, "1.2 % larger"),
        (2.5, "150 % larger"),
    ],
)
def test_change(ratio: float, expected: str) -> None:
    assert text.change(ratio).replace(text.NARROW, " ") == expected


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.68, 0.74, "26 to 32 % smaller"),
        (1.05, 1.2, "5 to 20 % larger"),
        (0.97, 1.07, "3 % smaller to 7 % larger"),
        (0.5999, 0.6001, "40 % smaller"),
        (1.0, 1.0, "the same size"),
        (None, None, None),
    ],
)
def test_change_range_runs_from_less_to_more(
    low: float | None, high: float | None, expected: str | None
) -> None:
    found = text.change_range(Estimate(0.9, low, high, 5))
    assert (found and found.replace(text.NARROW, " ")) == expected


@pytest.mark.parametrize(
    ("value", "expected"), [(0.026, "26 ms"), (0.9996, "1.0 s"), (12.3, "12 s"), (0.4176, "418 ms")]
)
def test_seconds(value: float, expected: str) -> None:
    assert text.seconds(value) == expected


@pytest.mark.parametrize(("value", "expected"), [(12, "12 B"), (180_300, "180 kB"), (999_900, "1.00 MB")])
def test_size(value: float, expected: str) -> None:
    assert text.size(value) == expected


def test_duration() -> None:
    assert [text.duration(s) for s in (4.2, 155, 7300)] == ["4.2 s", "2 min 35 s", "2 h 1 min"]


def test_a_setting() -> None:
    setting = Setting.of(
        "avif",
        quality=72,
        chroma_subsampling="444",
        speed=6,
        extra_args={"autotiling": True, "tune": "ssim"},
    )
    assert text.full_name(setting, ENCODERS) == "AVIF quality 72 (4:4:4, speed 6, autotiling, tune=ssim)"
    distance = Setting.of("jxl", extra_args={"distance": 1.5})
    assert text.swept(distance, ENCODERS) == ("distance", "1.5")
    own = Setting.of("own", bitrate=3, tune="a", exact=True)
    assert text.full_name(own, ENCODERS) == "own (bitrate 3, exact true, tune a)"
    assert text.full_name(Setting.of("own"), ENCODERS) == "own"


@pytest.mark.parametrize(
    ("metric", "target", "label"),
    [
        ("ssimulacra2", 92, "visually lossless"),
        ("ssimulacra2", 80, "very good"),
        ("ssimulacra2", 79.9, "good"),
        ("ssimulacra2", 5, "very poor"),
        ("butteraugli", 1.0, "excellent"),
        ("butteraugli", 9.0, "poor"),
        ("psnr", 40, ""),
    ],
)
def test_appearance(metric: str, target: float, label: str) -> None:
    assert text.appearance(target, SCALES[metric])[0] == label
