"""sRGB to CIE L*a*b*, and the CIEDE2000 difference of two Lab colours, 16 pixels at once.

The formula; hues are unit vectors instead of angles wherever possible, so that few functions of angles remain::

    C7(c)  = c^7 / (c^7 + 25^7)
    a'     = a (1 + (1 - sqrt(C7(mean C))) / 2)              C' = sqrt(a'^2 + b^2)
    dH'    = 2 sqrt(C1' C2') sin(dh' / 2)                    h  = mean hue: the bisector of both hues
    T      = 1 - 0.17 cos(h - 30) + 0.24 cos(2 h) + 0.32 cos(3 h + 6) - 0.20 cos(4 h - 63)
    S_L    = 1 + 0.015 (L - 50)^2 / sqrt(20 + (L - 50)^2)    S_C = 1 + 0.045 C'    S_H = 1 + 0.015 C' T
    R_T    = -2 sqrt(C7(C')) sin(60 exp(-((h - 275) / 25)^2))                      (L, C': means of both; degrees)
    dE^2   = (dL / S_L)^2 + (dC' / S_C)^2 + (dH' / S_H)^2 + R_T (dC' / S_C) (dH' / S_H)

Source: Sharma, Wu, Dalal, Color Research and Application 30(1), 2005.
"""

from __future__ import annotations

import math
from typing import Any

from numba import types

from codecstudy.metrics.kernels import kernel, stage
from codecstudy.metrics.srgb import load_linear_rgb
from codecstudy.metrics.vector import (
    LANES,
    absolute,
    bits,
    fma,
    from_bits,
    load,
    maximum,
    select,
    splat,
    sqrt,
    store,
    to_float,
    to_int,
)

STEPS_PER_UNIT = 1024
STEP = 1.0 / STEPS_PER_UNIT
"""Width of a bin of the histogram."""
BINS = 128 * STEPS_PER_UNIT
"""More than the difference of any two sRGB colours."""

_WHITE = (0.95047, 1.0, 1.08883)
"""XYZ of D65 for the 2 degree observer, as in scikit-image."""
_X = tuple(v / _WHITE[0] for v in (0.412453, 0.357580, 0.180423))
_Y = tuple(v / _WHITE[1] for v in (0.212671, 0.715160, 0.072169))
_Z = tuple(v / _WHITE[2] for v in (0.019334, 0.119193, 0.950227))
"""Linear sRGB to XYZ relative to white."""

_C25_7 = 25.0**7
_COS_30, _SIN_30 = math.cos(math.radians(30)), math.sin(math.radians(30))
_COS_6, _SIN_6 = math.cos(math.radians(6)), math.sin(math.radians(6))
_COS_63, _SIN_63 = math.cos(math.radians(63)), math.sin(math.radians(63))
_COS_275, _SIN_275 = math.cos(math.radians(275)), math.sin(math.radians(275))
_DEGREES = 180 / math.pi
_SQRT_2 = math.sqrt(2)
_LOG2_E = 1 / math.log(2)
_LN_2_HIGH, _LN_2_LOW = 0.693359375, -2.12194440e-4
"""Their sum is the natural logarithm of 2; the first has so few bits that its small multiples are exact."""

_F32 = types.float32
_LAB = _F32[:, ::1]


@stage
def _cube_root(x: Any) -> Any:
    """The cube root of positive ``x``: three Newton steps on x^(-1/3), from a third of the negated exponent."""
    r = from_bits(0x54800000 - (bits(x) >> 23) * 0x002AAAAA)
    for _ in range(4):
        r = fma(r * (1.0 / 3.0), 1.0 - x * (r * r * r), r)
    return x * (r * r)


@stage
def _compressed(t: Any) -> Any:
    """The f of L*a*b*: a cube root, with a straight line near black; scikit-image's constants."""
    return select(t > 0.008856, _cube_root(maximum(t, 0.001)), fma(t, 7.787, 16.0 / 116.0))


@stage
def _lab(pixels: Any, i: Any) -> Any:
    """L, a and b of the 16 pixels from flat byte index ``i``."""
    r, g, b = load_linear_rgb(pixels, i)
    x = _compressed(fma(r, _X[0], fma(g, _X[1], b * _X[2])))
    y = _compressed(fma(r, _Y[0], fma(g, _Y[1], b * _Y[2])))
    z = _compressed(fma(r, _Z[0], fma(g, _Z[1], b * _Z[2])))
    return fma(y, 116.0, -16.0), (x - y) * 500.0, (y - z) * 200.0


@kernel(types.void(types.Array(types.uint8, 2, "C", readonly=True), _LAB))
def lab(pixels: Any, out: Any) -> None:
    """Fill ``out`` (3, n) with L, a and b of ``pixels``, uint8 (at most n, 3) of sRGB, a multiple of 16 of them."""
    stride = out.shape[1]
    for i in range(0, pixels.shape[0], LANES):
        lightness, a, b = _lab(pixels, 3 * i)
        store(out, i, lightness)
        store(out, stride + i, a)
        store(out, 2 * stride + i, b)


@stage
def _seventh(c: Any) -> Any:
    """sqrt(c^7 / (c^7 + 25^7))."""
    c2 = c * c
    c7 = c2 * c2 * c2 * c
    return sqrt(c7 / (c7 + _C25_7))


@stage
def _atan(x: Any) -> Any:
    """The arc tangent of ``x`` in 0 to 1, in radians, within 4e-8 (Abramowitz and Stegun, 4.4.49)."""
    x2 = x * x
    p = fma(x2, 0.0028662257, -0.0161657367)
    p = fma(p, x2, 0.0429096138)
    p = fma(p, x2, -0.0752896400)
    p = fma(p, x2, 0.1065626393)
    p = fma(p, x2, -0.1420889944)
    p = fma(p, x2, 0.1999355085)
    p = fma(p, x2, -0.3333314528)
    return fma(p * x2, x, x)


@stage
def _exp(x: Any) -> Any:
    """e^x for ``x`` in -80 to 0: a power of two times a Taylor polynomial of the rest."""
    k = to_int(fma(x, _LOG2_E, -0.5))
    r = fma(to_float(k), -_LN_2_LOW, fma(to_float(k), -_LN_2_HIGH, x))
    p = fma(r, 1 / 720, 1 / 120)
    p = fma(p, r, 1 / 24)
    p = fma(p, r, 1 / 6)
    p = fma(p, r, 0.5)
    p = fma(p, r, 1.0)
    p = fma(p, r, 1.0)
    return p * from_bits((k + 127) * (1 << 23))


@stage
def _sine(x: Any) -> Any:
    """The sine of ``x`` in 0 to pi / 3: a Taylor polynomial."""
    x2 = x * x
    p = fma(x2, -1 / 39916800, 1 / 362880)
    p = fma(p, x2, -1 / 5040)
    p = fma(p, x2, 1 / 120)
    p = fma(p, x2, -1 / 6)
    return fma(p * x2, x, x)


@stage
def _rotation(chroma: Any, c: Any, s: Any) -> Any:
    """R_T for a mean chroma and a mean hue with cosine ``c`` and sine ``s``; it matters only for blue.

    More than 90 degrees from 275 it is below 1e-5 and taken as 0. Hues lie in 0 to 360 degrees, so that hues above
    0 are far from 275, although the angle between them is small.
    """
    x = fma(c, _COS_275, s * _SIN_275)
    y = fma(s, _COS_275, c * -_SIN_275)
    size = absolute(y)
    near = x >= size
    angle = _atan(select(near, size, x) / maximum(select(near, x, size), 1e-30))
    degrees = select(near, angle, math.pi / 2 - angle) * _DEGREES
    counts = (x > 0.0) & ((y < 0.0) | (degrees <= 85.0))
    distance = degrees * (1.0 / 25.0)
    turned = select(counts, _exp(-(distance * distance)), 0.0)
    return -2.0 * (_seventh(chroma) * _sine(turned * (math.pi / 3)))


@stage
def _weight_of_hue(c: Any, s: Any) -> Any:
    """T, by the multiple-angle formulas."""
    c2, s2 = fma(2.0 * c, c, -1.0), 2.0 * (s * c)
    c3, s3 = c * c2 - s * s2, s * c2 + c * s2
    c4, s4 = fma(2.0 * c2, c2, -1.0), 2.0 * (s2 * c2)
    t = fma(-0.17, fma(c, _COS_30, s * _SIN_30), 1.0)
    t = fma(0.24, c2, t)
    t = fma(0.32, c3 * _COS_6 - s3 * _SIN_6, t)
    return fma(-0.20, fma(c4, _COS_63, s4 * _SIN_63), t)


@stage
def _hues(a1: Any, b1: Any, c1: Any, a2: Any, b2: Any, c2: Any) -> Any:
    """dH', and cosine and sine of the mean hue, of two colours with chroma ``c1`` and ``c2``.

    Every expression is the one of several equal ones that does not cancel: for hues less than 90 degrees apart, and
    for others. If they are opposite, the mean lies 90 degrees after the smaller of the two.
    """
    # No fma: exactly opposite hues must give exactly 0.
    cross = a1 * (b2 - b1) - b1 * (a2 - a1)
    dot = fma(a1, a2, b1 * b2)
    product = c1 * c2
    near = dot > 0.0
    first_is_smaller = (b1 > 0.0) | ((b1 == 0.0) & (a1 > 0.0))
    sign = select((cross > 0.0) | ((cross == 0.0) & first_is_smaller), splat(1.0), -1.0)
    small = _SQRT_2 * cross / sqrt(maximum(product + dot, 1e-30))
    large = sign * sqrt(2.0 * maximum(product - dot, 0.0))
    x1, y1 = a1 / maximum(c1, 1e-30), b1 / maximum(c1, 1e-30)
    x2, y2 = a2 / maximum(c2, 1e-30), b2 / maximum(c2, 1e-30)
    achromatic = (c1 == 0.0) | (c2 == 0.0)
    x = select(near | achromatic, x1 + x2, sign * (y2 - y1))
    y = select(near | achromatic, y1 + y2, sign * (x1 - x2))
    length = sqrt(fma(x, x, y * y))
    some = length > 0.0
    scale = 1.0 / maximum(length, 1e-30)
    return select(near, small, large), select(some, x * scale, 1.0), select(some, y * scale, 0.0)


@kernel(types.void(_LAB, _LAB, _F32[::1]))
def differences(first: Any, second: Any, out: Any) -> None:
    """Fill ``out`` (n,) with the differences of ``first`` and ``second``, L, a and b (3, n); n is a multiple of 16.

    Symmetric up to rounding, and exactly 0 for equal colours.
    """
    stride = first.shape[1]
    for i in range(0, stride, LANES):
        l1, a1, b1 = load(first, i), load(first, stride + i), load(first, 2 * stride + i)
        l2, a2, b2 = load(second, i), load(second, stride + i), load(second, 2 * stride + i)
        chroma = 0.5 * (sqrt(fma(a1, a1, b1 * b1)) + sqrt(fma(a2, a2, b2 * b2)))
        stretch = fma(-0.5, _seventh(chroma), 1.5)
        a1, a2 = a1 * stretch, a2 * stretch
        c1, c2 = sqrt(fma(a1, a1, b1 * b1)), sqrt(fma(a2, a2, b2 * b2))
        hue, cosine, sine = _hues(a1, b1, c1, a2, b2, c2)
        chroma = 0.5 * (c1 + c2)
        lightness = 0.5 * (l1 + l2) - 50.0
        lightness2 = lightness * lightness
        of_l = (l2 - l1) / fma(0.015, lightness2 / sqrt(lightness2 + 20.0), 1.0)
        of_c = (c2 - c1) / fma(0.045, chroma, 1.0)
        of_h = hue / fma(0.015 * chroma, _weight_of_hue(cosine, sine), 1.0)
        square = fma(of_l, of_l, fma(of_c, of_c, of_h * of_h))
        square = fma(_rotation(chroma, cosine, sine) * of_c, of_h, square)
        store(out, i, sqrt(maximum(square, 0.0)))


@kernel(types.float64(_F32[::1], types.intp, types.int64[::1]))
def add_differences(values: Any, count: Any, histogram: Any) -> Any:
    """Count the first ``count`` values in ``histogram``, and return their sum.

    Bin k counts those above (k - 1) / 1024 and up to k / 1024.
    """
    result = 0.0
    for i in range(count):
        result += values[i]
        histogram[min(math.ceil(values[i] * STEPS_PER_UNIT), BINS - 1)] += 1
    return result
