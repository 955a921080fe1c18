"""The rows that are kept while bands of rows go through the stages.

A blur needs rows above and below, so each stage lags behind the one before it by the radius of the blur between
them, and its input is a *window*: the rows of the newest band and the earlier rows that are still needed. Only the
planes kept for a reference are as large as the image.
"""

from __future__ import annotations

from typing import NamedTuple

from numba.core import types

from codecstudy.metrics.butteraugli.blur import (
    GROUP,
    RADIUS_HIGH,
    RADIUS_LOW,
    RADIUS_MASK,
    RADIUS_MID,
    RADIUS_OPSIN,
)
from codecstudy.metrics.butteraugli.malta import REACH
from codecstudy.metrics.butteraugli.strips import HALO, Window, aligned_zeros
from codecstudy.metrics.kernels import routine
from codecstudy.metrics.vector import LANES, load, store

BAND = 16
"""Number of rows that move from stage to stage together: whole groups of the filters."""

# How many rows each stage is behind the stage that reads the image.
LAG_LIGHT = RADIUS_OPSIN
LAG_OPSIN = LAG_LIGHT + RADIUS_OPSIN
LAG_LOW = LAG_OPSIN + RADIUS_LOW
LAG_MID = LAG_LOW + RADIUS_MID
LAG_HIGH = LAG_MID + RADIUS_HIGH
LAG_DISTANCE = LAG_HIGH + RADIUS_MASK


class Windows(NamedTuple):
    """Rows in use: float32 (planes, rows, floats of a row), the newest band last."""

    light: Window
    """Light in nits: R, G, B."""
    xyb: Window
    rest: Window
    """X, Y, B without low frequencies."""
    high: Window
    """X, Y without low and middle frequencies."""
    activity: Window
    """Activity of the high bands, one plane."""
    low_energy: Window
    """Error energy of low frequencies, one plane."""
    high_energy: Window
    """Error energy of all others, one plane."""
    malta_mid: Window
    """Scaled differences of middle frequencies: X, Y."""
    malta_high: Window
    """Scaled differences of hf X, hf Y, uhf X and uhf Y."""
    bands: Window
    """The output of the current stage, one band of up to four planes."""
    scratch: Window
    """Rows with a halo, for filters."""


WINDOWS_TYPE = types.NamedUniTuple(types.float32[:, :, ::1], len(Windows._fields), Windows)


def windows_for(columns: int) -> Windows:
    """Windows for images whose strips have ``columns`` columns."""
    # The distance between rows that a filter reads is an odd number of cache lines. With a power of two, all
    # rows of a column would compete for the same few places of the cache.
    pitch = LANES * (columns | 1)
    with_reach = LANES * (columns + 2 * REACH | 1)
    whole_groups = LANES * GROUP * -(-columns // GROUP)

    def window(planes: int, kept: int, floats: int = pitch) -> Window:
        return aligned_zeros(planes, kept + BAND, floats)

    return Windows(
        light=window(3, 2 * RADIUS_OPSIN),
        xyb=window(3, 2 * RADIUS_LOW),
        rest=window(3, 2 * RADIUS_MID),
        high=window(2, 2 * RADIUS_HIGH),
        activity=window(1, 2 * RADIUS_MASK),
        low_energy=window(1, LAG_DISTANCE - LAG_LOW),
        high_energy=window(1, LAG_DISTANCE - LAG_MID),
        malta_mid=window(2, 2 * REACH, with_reach),
        malta_high=window(4, 2 * REACH, with_reach),
        bands=window(4, 0, whole_groups),
        scratch=aligned_zeros(1, GROUP, whole_groups + 2 * HALO * LANES),
    )


def half_windows(windows: Windows, columns: int) -> Windows:
    """Windows for strips of half as many ``columns``, in the memory of ``windows``."""

    def narrow(window: Window, like: Window) -> Window:
        return window.reshape(-1)[: like.size].reshape(like.shape)

    narrowed = (narrow(window, like) for window, like in zip(windows, windows_for(columns // 2), strict=True))
    return Windows(*narrowed)


@routine
def clear(window: Window, first: int) -> None:
    """Zero the rows of every plane from row ``first`` on."""
    planes, rows, pitch = window.shape
    for plane in range(planes):
        for i in range((plane * rows + first) * pitch, (plane + 1) * rows * pitch, LANES):
            store(window, i, 0.0)


@routine
def advance(window: Window) -> None:
    """Move the rows up to make room for the next band."""
    planes, rows, pitch = window.shape
    for plane in range(planes):
        start = plane * rows * pitch
        for i in range(start, start + (rows - BAND) * pitch, LANES):
            store(window, i, load(window, i + BAND * pitch))


@routine
def keep(bands: Window, count: int, y: int, height: int, planes: Window, first: int) -> None:
    """Copy ``count`` planes of the band that starts at image row ``y`` to ``planes`` from ``first`` on.

    Row y of the image, which has ``height`` rows, is row y modulo their length of the planes.
    """
    length, pitch = planes.shape[1:]
    for plane in range(count):
        for k in range(max(0, -y), min(BAND, height - y)):
            source = (plane * BAND + k) * bands.shape[2]
            target = ((first + plane) * length + (y + k) % length) * pitch
            for i in range(0, pitch, LANES):
                store(planes, target + i, load(bands, source + i))
