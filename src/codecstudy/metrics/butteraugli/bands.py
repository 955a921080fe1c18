"""Frequency bands: each channel split into low, middle, high and ultra-high frequencies by three blurs.

::

    low  = blur(xyb, 7.156)          rest = xyb - low
    mid  = blur(rest, 3.225)         high = rest - mid      (X and Y only)
    hf   = blur(high, 1.564)         uhf  = high - hf       (X and Y only)

Between the splits the bands are modified: small values are removed or doubled, large ones compressed, and red-green
detail is suppressed where luminance detail is strong.

Source: SeparateFrequencies and what it calls in libjxl's lib/jxl/butteraugli/butteraugli.cc (commit aea3a06e).
"""

from __future__ import annotations

from codecstudy.metrics.butteraugli.strips import Lanes, Row
from codecstudy.metrics.kernels import routine, stage
from codecstudy.metrics.vector import LANES, fma, load, maximum, minimum, store

_SUPPRESS = 46.0
_SUPPRESS_FLOOR = 0.653020556257


@stage
def _clamp(x: Lanes, limit: float) -> Lanes:
    return maximum(minimum(x, limit), -limit)


@stage
def _remove_around_zero(x: Lanes, width: float) -> Lanes:
    """Move x towards zero by ``width``, not beyond."""
    return x - _clamp(x, width)


@stage
def _amplify_around_zero(x: Lanes, width: float) -> Lanes:
    """Move x away from zero by ``width``, or double it where it is smaller."""
    return x + _clamp(x, width)


@stage
def _compress(x: Lanes, limit: float) -> Lanes:
    """Above ``limit`` only 0.724 of the excess remains."""
    clamped = _clamp(x, limit)
    return fma(x - clamped, 0.724216145665, clamped)


@routine
def split_low_row(
    x: Row, y: Row, b: Row, low_x: Row, low_y: Row, low_b: Row, rest_x: Row, rest_y: Row, rest_b: Row
) -> None:
    """Remove the low frequencies from one row of X, Y, B, and convert them (in place) to a common scale."""
    for i in range(0, x.size, LANES):
        lx, ly, lb = load(low_x, i), load(low_y, i), load(low_b, i)
        store(rest_x, i, load(x, i) - lx)
        store(rest_y, i, load(y, i) - ly)
        store(rest_b, i, load(b, i) - lb)
        store(low_x, i, lx * 33.832837186260)
        store(low_y, i, ly * 14.458268100570)
        store(low_b, i, fma(-0.362267051518, ly, lb) * 49.87984651440)


@routine
def split_mid_row(rest_x: Row, rest_y: Row, mid_x: Row, mid_y: Row, high_x: Row, high_y: Row) -> None:
    """Remove the middle frequencies, modified in place, from one row of X and Y; luminance suppresses red-green."""
    for i in range(0, rest_x.size, LANES):
        mx, my = load(mid_x, i), load(mid_y, i)
        hy = load(rest_y, i) - my
        hx = load(rest_x, i) - mx
        suppression = fma(_SUPPRESS / fma(hy, hy, _SUPPRESS), 1.0 - _SUPPRESS_FLOOR, _SUPPRESS_FLOOR)
        store(high_x, i, hx * suppression)
        store(high_y, i, hy)
        store(mid_x, i, _remove_around_zero(mx, 0.29))
        store(mid_y, i, _amplify_around_zero(my, 0.1))


@routine
def split_high_row(high_x: Row, high_y: Row, hf_x: Row, hf_y: Row, uhf_x: Row, uhf_y: Row) -> None:
    """Split one row of X and Y into high (``hf``: the blur, modified in place) and ultra-high frequencies."""
    for i in range(0, high_x.size, LANES):
        smooth_x = load(hf_x, i)
        store(uhf_x, i, _remove_around_zero(load(high_x, i) - smooth_x, 0.04))
        store(hf_x, i, _remove_around_zero(smooth_x, 1.5))
        smooth_y = _compress(load(hf_y, i), 28.4691806922)
        store(uhf_y, i, _compress(load(high_y, i) - smooth_y, 5.19175294647) * 2.69313763794)
        store(hf_y, i, _amplify_around_zero(smooth_y * 2.155, 0.132))
