"""One rate-distortion curve for all images, through the means at each measured level, with its interval.

The curve passes through (mean score, geometric mean of bits per pixel) at every measured level of a variant, so
that these points correspond to settings that anybody can run again. Its interval says how much the rate at that
score would vary with other images of the same kind. To first order, an image that only moves its point along the
curve adds no uncertainty. Therefore the quantity behind the interval is, per image,
log bits - slope * (score - mean score): the rate at the mean score, with the slope of the mean curve (delta
method).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from codecstudy.analysis.estimates import mean_estimates
from codecstudy.analysis.points import Points, VariantPoints
from codecstudy.analysis.sample import Sample
from codecstudy.analysis.variants import Variant
from codecstudy.types import Floats, MetricColumn

WIDEST = 100.0
"""Largest ratio of an end of an interval to the curve."""


@dataclass(frozen=True, slots=True, eq=False)
class MeanCurve:
    """The mean curve of one variant, sampled densely. Arrays are float64 of shape (samples,), worst score first.

    The arrays are empty if the variant has fewer than two levels with a finite mean score.
    """

    variant: Variant
    metric: str
    images: int
    """Images measured at every level of the variant: the curve is based on these."""
    score: Floats
    bits_per_pixel: Floats
    low: Floats
    """Ends of the 95 % interval of bits per pixel. NaN for a single image, and where an end is further from the
    curve than a factor of :data:`WIDEST`: few images with different scores say nothing there."""
    high: Floats


def mean_curves(points: Points, metric: str, samples: int = 40) -> tuple[MeanCurve, ...]:
    """The mean curve of every variant, in the order of the variants.

    Args:
        points: The measured points.
        metric: Column of the results.
        samples: Number of equally spaced scores at which each curve is sampled, at least 2; the measured levels
            are added.

    Raises:
        ResultsError: If the metric is unknown, or if no record has a score of it.
    """
    scale = points.require(metric)
    return tuple(_mean_curve(block, scale, points.sample, samples) for block in points.blocks)


def _mean_curve(block: VariantPoints, scale: MetricColumn, sample: Sample, samples: int) -> MeanCurve:
    goodness = block.scores[scale.name] * (1 if scale.higher_is_better else -1)
    here = ~np.isnan(goodness) & (block.size > 0)
    common = np.asarray(here.all(axis=1))
    # A lossless PSNR is infinite and cannot be on a curve.
    finite = np.isfinite(np.where(common[:, None], goodness, 0.0)).all(axis=0)
    empty = np.empty(0)
    nothing = MeanCurve(block.variant, scale.name, int(common.sum()), empty, empty, empty, empty)
    if not common.any() or finite.sum() < 2:
        return nothing
    score = goodness[np.ix_(common, finite)]
    bits = np.log(block.size[np.ix_(common, finite)] * 8e-6 / block.megapixels[common][:, None])
    mean_score, mean_bits = score.mean(axis=0), bits.mean(axis=0)
    order = _rising(mean_score)
    if order.size < 2:
        return nothing
    x = mean_score[order]
    curve = PchipInterpolator(x, mean_bits[order])
    at_mean = np.full((len(common), order.size), np.nan)
    at_mean[common] = bits[:, order] - curve.derivative()(x) * (score[:, order] - x)
    ends = np.array(
        [
            (np.nan, np.nan) if e is None or e.low is None else (e.low, e.high)
            for e in mean_estimates(at_mean, sample)
        ],
        dtype=np.float64,
    )
    grid = np.unique(np.concatenate([np.linspace(x[0], x[-1], samples), x]))
    middle = curve(grid)
    # Interpolate the half-widths, not the ends, so that the band always contains its curve.
    below, above = (np.interp(grid, x, np.abs(end - curve(x))) for end in ends.T)
    unknown = ~(np.maximum(below, above) <= np.log(WIDEST))
    below[unknown] = above[unknown] = np.nan
    return MeanCurve(
        block.variant,
        scale.name,
        int(common.sum()),
        np.array([scale.score(float(g)) for g in grid]),
        np.exp(middle),
        np.exp(middle - below),
        np.exp(middle + above),
    )


def _rising(scores: Floats) -> NDArray[np.intp]:
    """Indices of strictly rising scores, worst first; of several equal scores, the first."""
    order = np.argsort(scores, kind="stable")
    first = np.concatenate([[True], np.diff(scores[order]) > 0])
    return np.asarray(order[first], dtype=np.intp)
