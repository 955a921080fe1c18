"""One pass over an image: bands of 16 rows go through all stages, so that rows are used while they are in cache.

::

    light -> opsin -> low, rest -> mid, high -> hf, uhf -> activity
                       |            |            |           |
                       keep as the reference's planes, or compare with them -> energies -> distance

Each stage lags behind the one before it by the number of rows that the blur between them reads ahead (see
:mod:`~codecstudy.metrics.butteraugli.windows`): within one iteration, ``y`` moves up the image from stage to stage.
Rows outside the image are never written; those that a blur may read are zeros.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba.core import types
from numpy.typing import NDArray

from codecstudy.metrics.butteraugli.bands import split_high_row, split_low_row, split_mid_row
from codecstudy.metrics.butteraugli.blur import (
    RADIUS_HIGH,
    RADIUS_LOW,
    RADIUS_MASK,
    RADIUS_MID,
    RADIUS_OPSIN,
    SIGMA_HIGH,
    SIGMA_LOW,
    SIGMA_MASK,
    SIGMA_MID,
    blur,
    border_scale,
)
from codecstudy.metrics.butteraugli.comparison import (
    add_half_resolution,
    distance_row,
    finish_malta_row,
    high_energy_row,
    low_energy_row,
    mid_energy_row,
    pool_row,
)
from codecstudy.metrics.butteraugli.malta import REACH, add_full_lines, add_sparse_lines
from codecstudy.metrics.butteraugli.masking import EROSION, activity_row, fuzzy_erosion
from codecstudy.metrics.butteraugli.opsin import opsin_row
from codecstudy.metrics.butteraugli.strips import Plane, Row, Window, fill_void, gather_halved_row, gather_row
from codecstudy.metrics.butteraugli.windows import (
    BAND,
    LAG_DISTANCE,
    LAG_HIGH,
    LAG_LIGHT,
    LAG_LOW,
    LAG_MID,
    LAG_OPSIN,
    WINDOWS_TYPE,
    Windows,
    advance,
    clear,
    keep,
)
from codecstudy.metrics.kernels import kernel, routine
from codecstudy.metrics.vector import LANES
from codecstudy.types import Pixels

# The planes of a reference: index of the first plane of each kind.
LOW, MID, HIGH, ACTIVITY, MASK, PLANES = 0, 3, 6, 10, 11, 12


class Scales(NamedTuple):
    """Border factors of the blurs along one side of an image: float32 each of shape (pixels of the side,)."""

    low: Row
    mid: Row
    high: Row
    mask: Row


SCALES_TYPE = types.NamedUniTuple(types.float32[::1], len(Scales._fields), Scales)


def scales_for(size: int) -> Scales:
    """Border factors along a side of ``size`` pixels."""
    return Scales(*(border_scale(sigma, size) for sigma in (SIGMA_LOW, SIGMA_MID, SIGMA_HIGH, SIGMA_MASK)))


# --- from pixels to bands --------------------------------------------------------------------------------


@routine
def _read(pixels: Pixels, halving: bool, nits: Row, y: int, height: int, size: int, light: Window) -> None:
    """Read a band of light, at full or half resolution; above and below, the image is mirrored."""
    for k in range(BAND):
        source = y + k
        source = -1 - source if source < 0 else source
        source = 2 * height - 1 - source if source >= height else source
        if source < 0:
            continue  # further outside than any blur reads
        to = 2 * RADIUS_OPSIN + k
        red, green, blue = light[0, to, :size], light[1, to, :size], light[2, to, :size]
        if halving:
            gather_halved_row(nits, pixels, source, red, green, blue)
        else:
            gather_row(nits, pixels, source, red, green, blue)


@routine
def _opsin(light: Window, blurred: Window, y: int, height: int, width: int, size: int, xyb: Window) -> None:
    for k in range(max(0, -y), min(BAND, height - y)):
        here, to = RADIUS_OPSIN + k, 2 * RADIUS_LOW + k
        opsin_row(
            light[0, here, :size], light[1, here, :size], light[2, here, :size],
            blurred[0, k], blurred[1, k], blurred[2, k],
            xyb[0, to, :size], xyb[1, to, :size], xyb[2, to, :size],
        )  # fmt: skip
        for channel in range(3):
            fill_void(xyb[channel, to, :size], 0, size // LANES, width, 0.0)


@routine
def _split_low(xyb: Window, low: Window, y: int, height: int, width: int, size: int, rest: Window) -> None:
    for k in range(max(0, -y), min(BAND, height - y)):
        here, to = RADIUS_LOW + k, 2 * RADIUS_MID + k
        split_low_row(
            xyb[0, here, :size], xyb[1, here, :size], xyb[2, here, :size],
            low[0, k], low[1, k], low[2, k],
            rest[0, to, :size], rest[1, to, :size], rest[2, to, :size],
        )  # fmt: skip
        for channel in range(3):
            fill_void(rest[channel, to, :size], 0, size // LANES, width, 0.0)


@routine
def _split_mid(rest: Window, mid: Window, y: int, height: int, width: int, size: int, high: Window) -> None:
    for k in range(max(0, -y), min(BAND, height - y)):
        here, to = RADIUS_MID + k, 2 * RADIUS_HIGH + k
        split_mid_row(
            rest[0, here, :size], rest[1, here, :size],
            mid[0, k], mid[1, k],
            high[0, to, :size], high[1, to, :size],
        )  # fmt: skip
        for channel in range(2):
            fill_void(high[channel, to, :size], 0, size // LANES, width, 0.0)


@routine
def _split_high(
    high: Window, fine: Window, y: int, height: int, width: int, size: int, activity: Window
) -> None:
    for k in range(max(0, -y), min(BAND, height - y)):
        here, to = RADIUS_HIGH + k, 2 * RADIUS_MASK + k
        split_high_row(
            high[0, here, :size], high[1, here, :size],
            fine[0, k], fine[1, k], fine[2, k], fine[3, k],
        )  # fmt: skip
        activity_row(fine[0, k], fine[1, k], fine[2, k], fine[3, k], activity[0, to, :size])
        fill_void(activity[0, to, :size], 0, size // LANES, width, 0.0)


# --- comparing bands -------------------------------------------------------------------------------------


@routine
def _compare_low(planes: Window, low: Window, y: int, height: int, low_energy: Window) -> None:
    size = planes.shape[2]
    for k in range(max(0, -y), min(BAND, height - y)):
        row = (y + k) % planes.shape[1]
        low_energy_row(
            planes[LOW, row], planes[LOW + 1, row], planes[LOW + 2, row],
            low[0, k], low[1, k], low[2, k],
            low_energy[0, LAG_DISTANCE - LAG_LOW + k, :size],
        )  # fmt: skip


@routine
def _compare_mid(
    planes: Window, mid: Window, y: int, height: int, width: int, energy: Window, malta: Window
) -> None:
    size = planes.shape[2]
    to = malta.shape[1] - BAND
    for k in range(max(0, -y), min(BAND, height - y)):
        row = (y + k) % planes.shape[1]
        mid_energy_row(
            planes[MID, row], planes[MID + 1, row], planes[MID + 2, row],
            mid[0, k], mid[1, k], mid[2, k],
            energy[0, LAG_DISTANCE - LAG_MID + k, :size], malta[0, to + k], malta[1, to + k],
        )  # fmt: skip
        for channel in range(2):
            finish_malta_row(malta[channel, to + k], size // LANES, width)


@routine
def _compare_high(
    planes: Window, fine: Window, y: int, height: int, width: int, energy: Window, malta: Window
) -> None:
    size = planes.shape[2]
    to = malta.shape[1] - BAND
    for k in range(max(0, -y), min(BAND, height - y)):
        row = (y + k) % planes.shape[1]
        high_energy_row(
            (planes[HIGH, row], planes[HIGH + 1, row], planes[HIGH + 2, row], planes[HIGH + 3, row]),
            (fine[0, k], fine[1, k], fine[2, k], fine[3, k]),
            energy[0, LAG_DISTANCE - LAG_HIGH + k, :size],
            (malta[0, to + k], malta[1, to + k], malta[2, to + k], malta[3, to + k]),
        )
        for channel in range(4):
            finish_malta_row(malta[channel, to + k], size // LANES, width)


STREAMED_ROWS = 2 * BAND
"""Rows of a reference's planes that suffice if comparing follows it one band behind."""


def fronts_for(height: int) -> range:
    """Where each band begins that has to be read until the last stage has seen the last of ``height`` rows."""
    return range(0, height + LAG_DISTANCE, BAND)


# --- the pass --------------------------------------------------------------------------------------------


@kernel(
    types.void(
        types.Array(types.uint8, 3, "C", readonly=True), types.UniTuple(types.intp, 2), types.boolean,
        types.float32[::1],
        WINDOWS_TYPE, SCALES_TYPE, SCALES_TYPE, types.boolean, types.float32[:, :, ::1],
        types.float32[:, ::1], types.float32[:, ::1], types.float64[::1],
    )
)  # fmt: skip
def stream(
    pixels: Pixels, fronts: tuple[int, int], halving: bool, nits: Row,
    windows: Windows, rows: Scales, columns: Scales, comparing: bool, planes: Window,
    half: Plane, distances: Plane, pooled: NDArray[np.float64],
) -> None:  # fmt: skip
    """Stream an image through all stages: fill a reference's ``planes`` or, ``comparing``, compare with them.

    ``pixels`` is uint8 (height, width, 3), read at half resolution if ``halving``; ``nits`` (256,) is the light
    of each byte. ``planes`` is (12, rows, 16 * strip columns); row y of the image is their row y modulo ``rows``.
    ``fronts`` is a range of rows that are read, in whole bands; see :func:`fronts_for`. The pass may be made in
    several calls, from top to bottom, with the same ``windows``. Comparing must be at least one band behind the
    reference.
    ``half`` has the distances at half resolution, (half the rows, 8 * strip columns), or is empty.
    ``distances`` stores row y in its row y modulo its length: one row is enough if only the score is wanted.
    ``pooled`` (4,) receives the maximum and the sums of the 3rd, 6th and 12th powers of the distances.
    """
    height, width, size = rows.low.size, columns.low.size, planes.shape[2]
    bands, scratch, mirrored = windows.bands, windows.scratch, rows.low[:0]
    if fronts[0] == 0:
        for window in windows:
            clear(window, 0)
        pooled[:] = 0.0
    for front in range(fronts[0], fronts[1], BAND):
        y = front - LAG_LIGHT
        _read(pixels, halving, nits, y, height, size, windows.light)

        y = front - LAG_OPSIN
        blur(windows.light, 3, y, height, width, size, mirrored, mirrored, scratch, bands)
        _opsin(windows.light, bands, y, height, width, size, windows.xyb)

        y = front - LAG_LOW
        blur(windows.xyb, 3, y, height, width, size, rows.low, columns.low, scratch, bands)
        _split_low(windows.xyb, bands, y, height, width, size, windows.rest)
        if comparing:
            _compare_low(planes, bands, y, height, windows.low_energy)
        else:
            keep(bands, 3, y, height, planes, LOW)

        y = front - LAG_MID
        blur(windows.rest, 3, y, height, width, size, rows.mid, columns.mid, scratch, bands)
        _split_mid(windows.rest, bands, y, height, width, size, windows.high)
        if comparing:
            _compare_mid(planes, bands, y, height, width, windows.high_energy, windows.malta_mid)
            first, end = max(0, REACH - y), min(BAND, height - y + REACH)
            to = LAG_DISTANCE - LAG_MID - REACH
            for channel in range(2):
                add_sparse_lines(windows.malta_mid[channel], first, end, windows.high_energy[0], to, size)
        else:
            keep(bands, 3, y, height, planes, MID)

        y = front - LAG_HIGH
        blur(windows.high, 2, y, height, width, size, rows.high, columns.high, scratch, bands)
        _split_high(windows.high, bands, y, height, width, size, windows.activity)
        if comparing:
            _compare_high(planes, bands, y, height, width, windows.high_energy, windows.malta_high)
            first, end = max(0, REACH - y), min(BAND, height - y + REACH)
            to = LAG_DISTANCE - LAG_HIGH - REACH
            for channel in range(2):
                add_sparse_lines(windows.malta_high[channel], first, end, windows.high_energy[0], to, size)
                add_full_lines(windows.malta_high[2 + channel], first, end, windows.high_energy[0], to, size)
        else:
            keep(bands, 4, y, height, planes, HIGH)

        y = front - LAG_DISTANCE
        blur(windows.activity, 1, y, height, width, size, rows.mask, columns.mask, scratch, bands)
        if comparing:
            for k in range(max(0, -y), min(BAND, height - y)):
                distance, row = distances[(y + k) % distances.shape[0]], (y + k) % planes.shape[1]
                distance_row(
                    windows.low_energy[0, k], windows.high_energy[0, k],
                    planes[ACTIVITY, row], bands[0, k], planes[MASK, row], distance,
                )  # fmt: skip
                if half.size:
                    add_half_resolution(distance, half[(y + k) // 2])
                fill_void(distance, 0, size // LANES, width, 0.0)
                pool_row(distance, pooled)
        else:
            keep(bands, 1, y, height, planes, ACTIVITY)
            # As far as the rows below are known.
            end = height if y + BAND >= height else y + BAND - EROSION
            for eroded in range(max(0, y - EROSION), end):
                mask = planes[MASK, eroded % planes.shape[1]]
                fuzzy_erosion(planes[ACTIVITY], eroded, height, width, scratch[0], mask)

        for window in windows[:-2]:  # all but bands and scratch, which keep nothing between bands
            advance(window)
            if front + 2 * BAND > height:  # the part that the next band does not fill is outside the image
                clear(window, window.shape[1] - BAND)
