"""Numbers in plain language."""

from __future__ import annotations

import pytest

from codecstudy import metrics
from codecstudy.analysis.bootstrap import Estimate
from codecstudy.report import words
from codecstudy.types import Setting

SCALES = {column.name: column for column in metrics.columns(metrics.BUILT_IN)}


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.0123, "0.0123"), (1234.5, "1234"), (-2.5, "−2.50"), (float("inf"), "∞"), (0.5, "0.500")],
)
def test_number(value: float, text: str) -> None:
    assert words.number(value) == text


@pytest.mark.parametrize(
    ("ratio", "text"),
    [
        (0.7, "30 % smaller"),
        (0.905, "9.5 % smaller"),
        (1.0, "the same size"),
        (1.012, "1.2 % larger"),
        (2.5, "150 % larger"),
    ],
)
def test_change(ratio: float, text: str) -> None:
    assert words.change(ratio).replace(words.NARROW, " ") == text


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (0.68, 0.74, "26 to 32 % smaller"),
        (1.05, 1.2, "5 to 20 % larger"),
        (0.97, 1.07, "3 % smaller to 7 % larger"),
        (0.5999, 0.6001, "40 % smaller"),
        (1.0, 1.0, "the same size"),
        (None, None, None),
    ],
)
def test_change_range_runs_from_less_to_more(low: float | None, high: float | None, text: str | None) -> None:
    found = words.change_range(Estimate(0.9, low, high, 5))
    assert (found and found.replace(words.NARROW, " ")) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0.026, "26 ms"), (0.9996, "1.0 s"), (12.3, "12 s"), (0.4176, "418 ms")]
)
def test_seconds(value: float, text: str) -> None:
    assert words.seconds(value) == text


@pytest.mark.parametrize(("value", "text"), [(12, "12 B"), (180_300, "180 kB"), (999_900, "1.00 MB")])
def test_size(value: float, text: str) -> None:
    assert words.size(value) == text


def test_duration() -> None:
    assert [words.duration(s) for s in (4.2, 155, 7300)] == ["4.2 s", "2 min 35 s", "2 h 1 min"]


def test_a_setting_in_words() -> None:
    setting = Setting("avif", 72, "444", speed=6, extra_args=(("autotiling", True), ("tune", "ssim")))
    assert words.whole(setting, "AVIF") == "AVIF quality 72 (4:4:4, speed 6, autotiling, tune=ssim)"
    distance = Setting("jxl", extra_args=(("distance", 1.5),))
    assert words.swept(distance) == ("distance", "1.5")
    assert words.whole(Setting("own"), "own") == "own"


@pytest.mark.parametrize(
    ("metric", "target", "word"),
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
def test_looks(metric: str, target: float, word: str) -> None:
    assert words.looks(target, SCALES[metric])[0] == word
