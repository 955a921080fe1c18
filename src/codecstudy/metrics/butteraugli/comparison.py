"""Comparison of bands: the error energy that a distorted row adds to the reference's row, and its sum.

Three kinds of energy are added at each pixel: squared differences of bands (L2), symmetric or not; Malta's lines;
and the squared difference of the activities. After masking, they yield the distance::

    distance = sqrt(mask_low * low_energy + mask_high * high_energy)

Source: DiffmapPsychoImage, L2Diff, L2DiffAsymmetric, CombineChannelsToDiffmap, AddSupersampled2x and
ComputeDistanceP (lib/extras/metrics.cc) in libjxl (commit aea3a06e).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from codecstudy.metrics.butteraugli.malta import (
    HF_X,
    HF_Y,
    MF_X,
    MF_Y,
    REACH,
    UHF_X,
    UHF_Y,
    scaled_difference,
)
from codecstudy.metrics.butteraugli.masking import mask_factors
from codecstudy.metrics.butteraugli.strips import Lanes, Row, fill_void, wrap_strips
from codecstudy.metrics.kernels import routine, stage
from codecstudy.metrics.vector import (
    LANES,
    absolute,
    fma,
    largest,
    load,
    maximum,
    select,
    splat,
    sqrt,
    store,
    total,
)

FourRows = tuple[Row, Row, Row, Row]
"""Rows of hf X, hf Y, uhf X and uhf Y."""

_ACTIVITY_WEIGHT = 10.0
_HALF_WEIGHT = 0.5
_FULL_WEIGHT = 1.0 - 0.3 * _HALF_WEIGHT


@routine
def low_energy_row(ref_x: Row, ref_y: Row, ref_b: Row, x: Row, y: Row, b: Row, energy: Row) -> None:
    """Weighted squared differences of one row of low frequencies: X, Y and B of both images."""
    for i in range(0, energy.size, LANES):
        dx = load(ref_x, i) - load(x, i)
        dy = load(ref_y, i) - load(y, i)
        db = load(ref_b, i) - load(b, i)
        weighted = fma(dx * dx, 29.2353797994, fma(dy * dy, 0.844626970982, db * db * 0.703646627719))
        store(energy, i, weighted)


@routine
def mid_energy_row(
    ref_x: Row, ref_y: Row, ref_b: Row, x: Row, y: Row, b: Row, energy: Row, malta_x: Row, malta_y: Row
) -> None:
    """Squared differences of one row of middle frequencies (X, Y, B); scaled differences for Malta (X, Y)."""
    for i in range(0, energy.size, LANES):
        rx, ry = load(ref_x, i), load(ref_y, i)
        px, py = load(x, i), load(y, i)
        dx, dy, db = rx - px, ry - py, load(ref_b, i) - load(b, i)
        store(energy, i, fma(dx * dx, 2150.0, fma(dy * dy, 10.6195433239, db * db * 16.2176043152)))
        store(malta_x, REACH * LANES + i, scaled_difference(rx, px, MF_X))
        store(malta_y, REACH * LANES + i, scaled_difference(ry, py, MF_Y))


@stage
def _asymmetric(reference: Lanes, distorted: Lanes, weight: float) -> Lanes:
    """Squared difference, plus that to the range from 0.4 to 1 times the reference."""
    size = absolute(reference)
    along = select(reference < 0.0, -distorted, distorted)
    difference = size - along
    outside = maximum(size * 0.4 - along, 0.0) + maximum(-difference, 0.0)
    return fma(difference, difference, outside * outside) * (0.8 * weight)


@routine
def high_energy_row(reference: FourRows, distorted: FourRows, energy: Row, malta: FourRows) -> None:
    """Add one row's asymmetric squared differences to ``energy``; scaled differences for Malta.

    ``reference``, ``distorted`` and ``malta`` are the rows of hf X, hf Y, uhf X and uhf Y.
    """
    ref_hf_x, ref_hf_y, ref_uhf_x, ref_uhf_y = reference
    hf_x, hf_y, uhf_x, uhf_y = distorted
    malta_hf_x, malta_hf_y, malta_uhf_x, malta_uhf_y = malta
    for i in range(0, energy.size, LANES):
        to = REACH * LANES + i
        rx, ry = load(ref_hf_x, i), load(ref_hf_y, i)
        px, py = load(hf_x, i), load(hf_y, i)
        store(energy, i, load(energy, i) + _asymmetric(rx, px, 400.0) + _asymmetric(ry, py, 1.50815703118))
        store(malta_hf_x, to, scaled_difference(rx, px, HF_X))
        store(malta_hf_y, to, scaled_difference(ry, py, HF_Y))
        store(malta_uhf_x, to, scaled_difference(load(ref_uhf_x, i), load(uhf_x, i), UHF_X))
        store(malta_uhf_y, to, scaled_difference(load(ref_uhf_y, i), load(uhf_y, i), UHF_Y))


@routine
def finish_malta_row(row: Row, columns: int, width: int) -> None:
    """Prepare a row of scaled differences for the lines: zeros outside the image, and strip neighbours copied."""
    fill_void(row, REACH * LANES, columns, width, 0.0)
    wrap_strips(row, REACH * LANES, columns, REACH, 0.0)


@routine
def distance_row(low: Row, high: Row, ref_activity: Row, activity: Row, mask: Row, distance: Row) -> None:
    """Combine the energies of one row into its distance."""
    for i in range(0, distance.size, LANES):
        change = load(ref_activity, i) - load(activity, i)
        mask_high, mask_low = mask_factors(load(mask, i))
        all_high = fma(change * change, _ACTIVITY_WEIGHT, load(high, i))
        store(distance, i, sqrt(fma(load(low, i), mask_low, all_high * mask_high)))


@routine
def add_half_resolution(distance: Row, half: Row) -> None:
    """Add the distance of the same pixels at half resolution."""
    for i in range(0, half.size, LANES):
        coarse = load(half, i) * _HALF_WEIGHT
        store(distance, 2 * i, fma(load(distance, 2 * i), _FULL_WEIGHT, coarse))
        store(distance, 2 * i + LANES, fma(load(distance, 2 * i + LANES), _FULL_WEIGHT, coarse))


@routine
def pool_row(distance: Row, pooled: NDArray[np.float64]) -> None:
    """Update ``pooled`` (float64: maximum, sums of the 3rd, 6th and 12th powers) with one row without void."""
    top = splat(0.0)
    for i in range(0, distance.size, LANES):
        top = maximum(load(distance, i), top)
    peak = float(largest(top))
    if peak == 0.0:
        return
    # Relative to the row's peak, so that no 12th power exceeds the range of float32.
    sum3 = splat(0.0)
    sum6 = splat(0.0)
    sum12 = splat(0.0)
    for i in range(0, distance.size, LANES):
        relative = load(distance, i) * (1.0 / peak)
        power3 = relative * relative * relative
        power6 = power3 * power3
        sum3 = sum3 + power3
        sum6 = sum6 + power6
        sum12 = fma(power6, power6, sum12)
    pooled[0] = max(pooled[0], peak)
    pooled[1] += total(sum3) * peak**3
    pooled[2] += total(sum6) * peak**6
    pooled[3] += total(sum12) * peak**12
