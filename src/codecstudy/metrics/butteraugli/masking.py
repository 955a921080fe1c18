"""Visual masking: errors are less visible where the reference is busy.

The activity of an image is the energy of its high bands, compressed by a square root and blurred (sigma 2.7).
The mask is the reference's activity after a fuzzy erosion (a smooth spot nearby is enough to reveal an error); it
determines one factor for high-frequency and one for low-frequency errors.

Source: CombineChannelsForMasking, DiffPrecompute, FuzzyErosion, MaskY and MaskDcY in libjxl's
lib/jxl/butteraugli/butteraugli.cc (commit aea3a06e).
"""

from __future__ import annotations

from math import sqrt as square_root

import numpy as np

from codecstudy.metrics.butteraugli.strips import HALO, Lanes, Plane, Row, fill_void, wrap_strips
from codecstudy.metrics.kernels import routine, stage
from codecstudy.metrics.vector import LANES, fma, load, maximum, minimum, sqrt, store

_ACTIVITY = 6.19424080439
_ACTIVITY_BIAS = _ACTIVITY * 12.61050594197
_ACTIVITY_ZERO = square_root(_ACTIVITY_BIAS)
_SCALE = 1.0 / (17.83 * 0.79079917404)
EROSION = 3
"""Distance in pixels of the neighbours that the erosion uses."""


@routine
def activity_row(hf_x: Row, hf_y: Row, uhf_x: Row, uhf_y: Row, activity: Row) -> None:
    """Activity of one row, before the blur."""
    for i in range(0, activity.size, LANES):
        x = (load(uhf_x, i) + load(hf_x, i)) * 2.5
        y = (load(uhf_y, i) + load(hf_y, i)) * 0.4
        energy = sqrt(fma(x, x, y * y))
        store(activity, i, sqrt(fma(energy, _ACTIVITY, _ACTIVITY_BIAS)) - _ACTIVITY_ZERO)


@stage
def _insert(value: Lanes, first: Lanes, second: Lanes, third: Lanes) -> tuple[Lanes, Lanes, Lanes]:
    """The three smallest of four, given that the last three are sorted."""
    larger = maximum(value, first)
    first = minimum(value, first)
    largest = maximum(larger, second)
    second = minimum(larger, second)
    return first, second, minimum(largest, third)


@routine
def fuzzy_erosion(
    activity: Plane, y: int, height: int, width: int, neighbourhood: Plane, eroded: Row
) -> None:
    """Row ``y`` of the plane ``activity``: weighted sum of the three smallest of a pixel and 8 neighbours.

    Row y of the image, which has ``height`` rows, is row y modulo its length of the plane.
    ``neighbourhood`` is scratch of three rows with a halo. Pixels outside the image count as large.
    """
    length, pitch = activity.shape
    columns = pitch // LANES
    start = HALO * LANES
    for k in range(3):
        row = neighbourhood[k]
        source = y + EROSION * (k - 1)
        if 0 <= source < height:
            for i in range(0, pitch, LANES):
                store(row, start + i, load(activity, source % length * pitch + i))
            fill_void(row, start, columns, width, np.inf)
            wrap_strips(row, start, columns, EROSION, np.inf)
        else:
            row[:] = np.inf
    above, here, below = neighbourhood[0], neighbourhood[1], neighbourhood[2]
    step = EROSION * LANES
    for i in range(0, pitch, LANES):
        at = start + i
        first = load(here, at)
        second = first * 2.0
        third = second
        first, second, third = _insert(load(here, at - step), first, second, third)
        first, second, third = _insert(load(here, at + step), first, second, third)
        for row in (above, below):
            first, second, third = _insert(load(row, at - step), first, second, third)
            first, second, third = _insert(load(row, at), first, second, third)
            first, second, third = _insert(load(row, at + step), first, second, third)
        store(eroded, i, fma(first, 0.45, fma(second, 0.3, third * 0.25)))


@stage
def mask_factors(mask: Lanes) -> tuple[Lanes, Lanes]:
    """Factors of high- and low-frequency energy where the eroded activity is ``mask``."""
    high = (2.5485944793 / fma(mask, 0.451936922203, 0.829591754942) + 1.0) * _SCALE
    low = (0.505054525019 / fma(mask, 3.87449418804, 0.20025578522) + 1.0) * _SCALE
    return high * high, low * low
