"""The error maps: of structure (SSIM) and of edges.

Source: libjxl ``tools/ssimulacra2.cc`` at commit aea3a06e (``SSIMMap``, ``EdgeDiffMap``).
"""

from __future__ import annotations

from typing import Any

from codecstudy.metrics.kernels import stage
from codecstudy.metrics.ssimulacra2.tiles import SUMS, TILE, xyb_row
from codecstudy.metrics.vector import LANES, absolute, load, maximum, prefetch, select, store

C2 = 0.0009
NOTHING, EDGES, EDGES_AND_SSIM = 0, 1, 2
"""The parts that are needed of a channel at a scale."""
AHEAD = 12 * TILE
"""Floats between the part of the reference that is read and the part that is prefetched: about two tiles."""


@stage
def write_reference(work: Any, channel: Any, strip: Any, part: Any, prepared: Any, p: Any) -> None:
    """Append edge strength and, for an SSIM map, mean and variance of the output tile to ``prepared``."""
    for i in range(LANES):
        mean = load(work.blurred, i * LANES)
        store(prepared, p + i * LANES, absolute(xyb_row(work, channel, strip, i) - mean))
        if part == EDGES_AND_SSIM:
            variance = load(work.blurred, TILE + i * LANES) - mean * mean
            store(prepared, p + TILE + i * LANES, mean)
            store(prepared, p + 2 * TILE + i * LANES, variance)


@stage
def _ssim_error(mean1: Any, variance1: Any, mean2: Any, square2: Any, product: Any) -> Any:
    """1 - SSIM, at least 0, without the luminance term's denominator; 0 where both images are equal."""
    difference = mean1 - mean2
    luminance = 1.0 - difference * difference
    covariance = 2.0 * (product - mean1 * mean2) + C2
    variances = variance1 + (square2 - mean2 * mean2) + C2
    return maximum(1.0 - luminance * covariance / variances, 0.0)


@stage
def _fourth_power(x: Any) -> Any:
    x2 = x * x
    return x2 * x2


@stage
def add_errors(
    work: Any, channel: Any, strip: Any, part: Any, inside: Any, first: Any, stop: Any, prepared: Any, p: Any
) -> None:
    """Add the errors in rows ``first`` to ``stop`` and columns ``inside`` of the output tile to the sums.

    The edge error is (1 + edge2) / (1 + edge1) - 1, in a form with little rounding error: an artifact
    where it is positive, lost detail where it is negative.
    """
    s = channel * SUMS * LANES
    ssim1, artifact1, lost1 = load(work.sums, s), load(work.sums, s + LANES), load(work.sums, s + 2 * LANES)
    s4 = s + 3 * LANES
    ssim4, artifact4, lost4 = (
        load(work.sums, s4),
        load(work.sums, s4 + LANES),
        load(work.sums, s4 + 2 * LANES),
    )
    for i in range(first, stop):
        row = i * LANES
        mean2 = load(work.blurred, row)
        edge1 = load(prepared, p + row)
        prefetch(prepared, p + AHEAD + row)
        edge2 = absolute(xyb_row(work, channel, strip, i) - mean2)
        error = select(inside, (edge2 - edge1) / (1.0 + edge1), 0.0)
        artifact = maximum(error, 0.0)
        lost = maximum(-error, 0.0)
        artifact1 += artifact
        artifact4 += _fourth_power(artifact)
        lost1 += lost
        lost4 += _fourth_power(lost)
        if part == EDGES_AND_SSIM:
            mean1 = load(prepared, p + TILE + row)
            variance1 = load(prepared, p + 2 * TILE + row)
            prefetch(prepared, p + AHEAD + TILE + row)
            prefetch(prepared, p + AHEAD + 2 * TILE + row)
            square2 = load(work.blurred, TILE + row)
            product = load(work.blurred, 2 * TILE + row)
            ssim = select(inside, _ssim_error(mean1, variance1, mean2, square2, product), 0.0)
            ssim1 += ssim
            ssim4 += _fourth_power(ssim)
    store(work.sums, s, ssim1)
    store(work.sums, s + LANES, artifact1)
    store(work.sums, s + 2 * LANES, lost1)
    store(work.sums, s4, ssim4)
    store(work.sums, s4 + LANES, artifact4)
    store(work.sums, s4 + 2 * LANES, lost4)
