"""Mean curves over images at measured levels."""

from __future__ import annotations

import math

import pytest

from codecstudy.analysis.points import collect
from codecstudy.analysis.sweep import LevelSummary, level_summaries
from codecstudy.errors import ResultsError
from codecstudy.results import QualityResults
from support.synthetic import Formula, failed, measured, records_of, results_of, study

JPEG = Formula("jpeg", score=lambda q, i: q + i - 2, cpu=lambda q, i: 0.1 * (i + 1))


def summaries(results: QualityResults, metric: str = "ssimulacra2") -> dict[float | None, LevelSummary]:
    points = collect(results)
    found = level_summaries(points, metric)
    return {s.level: s for s in found}


def test_a_level_has_the_mean_score_and_the_geometric_mean_size() -> None:
    level = summaries(study([JPEG], 5))[50.0]
    assert level.score is not None
    assert level.bits_per_pixel is not None
    assert level.encode_seconds_per_mp is not None
    assert level.decode_seconds_per_mp is not None
    assert level.score.value == pytest.approx(50)
    assert (level.score_low, level.score_median, level.score_high) == pytest.approx((48, 50, 52))
    logs = [math.log(8e-6 * 1e8 * (1 + i)) + (50 + i - 2) / 25 for i in range(5)]
    assert level.bits_per_pixel.value == pytest.approx(math.exp(sum(logs) / 5), rel=1e-6)
    assert level.encode_seconds_per_mp.value == pytest.approx(0.3)
    assert level.decode_seconds_per_mp.value == pytest.approx(0.01)
    assert (level.images, level.left_out, level.lossless) == (5, 0, 0)


def test_all_levels_are_based_on_the_same_images() -> None:
    records = [
        failed(JPEG, 4, 90) if (r.quality, r.source_sha256) == (90, f"{4:064x}") else r
        for r in records_of([JPEG], 5)
    ]
    found = summaries(results_of(records))
    assert [(s.images, s.left_out) for s in found.values()] == [(4, 1)] * 4 + [(4, 0)]
    score = found[50.0].score
    assert score is not None
    assert score.value == pytest.approx(49.5)


def test_no_common_image_gives_no_summary() -> None:
    assert summaries(results_of([measured(JPEG, 0, 10), measured(JPEG, 1, 20)])) == {}


def test_lossless_images_are_counted_and_kept_in_the_percentiles() -> None:
    records = [measured(JPEG, i, 50, psnr=math.inf if i else 40.0) for i in range(4)]
    level = summaries(results_of(records), "psnr")[50.0]
    assert level.lossless == 3
    assert level.score is not None
    assert level.score.value == pytest.approx(40)
    assert (level.score_low, level.score_median, level.score_high) == (40.0, math.inf, math.inf)


def test_a_variant_that_is_not_swept_has_one_level() -> None:
    lossless = Formula("webp", (0,), setting={"quality": None, "extra_args": {"lossless": True}})
    assert list(summaries(study([lossless], 3))) == [None]


def test_a_metric_without_scores_is_refused() -> None:
    records = [measured(JPEG, 0, 50, butteraugli=None)]
    with pytest.raises(
        ResultsError, match="have no butteraugli scores; they have ssimulacra2, butteraugli_3norm, psnr, ssim"
    ):
        summaries(results_of(records), "butteraugli")
