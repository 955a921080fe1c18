"""Each variant at each measured level: what a quality number means."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from codecstudy.analysis.estimates import Estimate, mean_estimates
from codecstudy.analysis.percentiles import spread
from codecstudy.analysis.points import Points, VariantPoints
from codecstudy.analysis.sample import Sample
from codecstudy.analysis.variants import Variant
from codecstudy.types import MetricColumn


@dataclass(frozen=True, slots=True)
class LevelSummary:
    """One variant at one measured level over images."""

    variant: Variant
    level: float | None
    """Value of the swept parameter; None if nothing is swept."""
    metric: str
    images: int
    """Images that the numbers are based on: those measured at every level of the variant, so that neighbouring
    levels compare the same images."""
    left_out: int
    """Images measured at this level, but not at every other level."""
    score: Estimate | None
    """Mean of the finite scores (the PSNR of a lossless file is infinite)."""
    score_low: float
    """Lowest score of an image; from 20 images on the 5th percentile, and ``score_high`` the 95th."""
    score_median: float
    score_high: float
    lossless: int
    """Images with an infinite PSNR, which ``score`` excludes."""
    bits_per_pixel: Estimate | None
    """Geometric mean."""
    encode_seconds_per_mp: Estimate | None
    """Mean CPU seconds per megapixel; None if no CPU time was recorded."""
    decode_seconds_per_mp: Estimate | None


def level_summaries(points: Points, metric: str) -> tuple[LevelSummary, ...]:
    """Every variant at every measured level, coarsest first.

    A variant has no entries if no image was measured at all of its levels (every image failed at some level),
    because its levels then have no common images.

    Raises:
        ResultsError: If the metric is unknown, or if no record has a score of it.
    """
    scale = points.require(metric)
    return tuple(
        summary for block in points.blocks for summary in _block_summaries(block, scale, points.sample)
    )


def _block_summaries(block: VariantPoints, scale: MetricColumn, sample: Sample) -> list[LevelSummary]:
    score = block.scores[scale.name]
    here = ~np.isnan(score) & ~np.isnan(block.size)
    common = np.asarray(here.all(axis=1))
    if not common.any():
        return []
    score = np.where(common[:, None], score, np.nan)
    finite = np.where(np.isinf(score), np.nan, score)
    per_pixel = 1 / np.where(common, block.megapixels, np.nan)[:, None]
    scores = mean_estimates(finite, sample)
    bits = mean_estimates(np.log(block.size * 8e-6 * per_pixel), sample, np.exp)
    encode = mean_estimates(block.times["encode_cpu"] * per_pixel, sample)
    decode = mean_estimates(block.times["decode_cpu"] * per_pixel, sample)
    entries = []
    for k, level in enumerate(block.levels):
        low, median, high = spread(score[:, k])
        entries.append(
            LevelSummary(
                variant=block.variant,
                level=None if np.isnan(level) else float(level),
                metric=scale.name,
                images=int(common.sum()),
                left_out=int(here[:, k].sum() - common.sum()),
                score=scores[k],
                score_low=low,
                score_median=median,
                score_high=high,
                lossless=int(np.isinf(score[:, k]).sum()),
                bits_per_pixel=bits[k],
                encode_seconds_per_mp=encode[k],
                decode_seconds_per_mp=decode[k],
            )
        )
    return entries
