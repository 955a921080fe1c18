"""Recursive Gaussian blur of sigma 1.5, rounded exactly as libjxl rounds it.

Charalampidis, "Recursive Implementation of the Gaussian Filter Using Truncated Cosine Functions" (2016),
equation numbers below; libjxl at commit aea3a06e: ``tools/gauss_blur.cc``. The Gaussian is a sum of three
cosines, each of which a second-order recursion filters. Outside the image everything is zero.

In exact arithmetic this is a symmetric filter of 9 taps. The recursions, however, keep their rounding errors, which
affect the scores. So each step is done in libjxl's order and in float32.

Images are processed in 16 x 16 tiles. The filter needs the 4 pixels that follow, hence a blurred tile is 4 pixels
before the input tile: it covers [x - 4, x + 12). Rows are filtered as columns of a transposed tile, 16 of them in
lockstep.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from codecstudy.metrics.kernels import stage
from codecstudy.metrics.vector import LANES, fma, load, store, transpose

SIGMA = 1.5
RADIUS = 5
"""N of (57): round(3.2795 sigma + 0.2546). Output n needs the inputs n - N - 1 and n + N - 1."""
LAG = RADIUS - 1
"""Number of pixels by which output lags behind input."""
HISTORY = 2 * RADIUS
"""Number of inputs before a tile that its outputs need."""
_FIRST_OF_FOUR = 8
"""libjxl filters a row's first outputs one by one up to here, and the others four at a time."""


def _recursion() -> tuple[list[float], list[float]]:
    """n2 and d1 of (33) for the three cosines, k = 1, 3, 5."""
    omega = [k * math.pi / (2 * RADIUS) for k in (1, 3, 5)]
    signs = (1, -1, 1)
    p = [sign / math.tan(0.5 * w) for sign, w in zip(signs, omega, strict=True)]  # (37)
    r = [sign * pk * pk / math.sin(w) for sign, pk, w in zip(signs, p, omega, strict=True)]  # (44)
    rho = [math.exp(-0.5 * SIGMA**2 * w * w) / RADIUS for w in omega]  # (50)
    d13, d35, d51 = (p[i] * r[j] - r[i] * p[j] for i, j in ((0, 1), (1, 2), (2, 0)))
    zeta = [d35 / d13, d51 / d13, 1.0]  # (52)
    gamma = [1, RADIUS**2 - SIGMA**2, float(np.dot(zeta, rho))]  # (55)
    beta = np.linalg.solve(np.array([p, r, zeta]), np.array(gamma))  # (53)
    n2 = [-float(b) * math.cos(w * (RADIUS + 1)) for b, w in zip(beta, omega, strict=True)]
    d1 = [-2 * math.cos(w) for w in omega]
    return n2, d1


def _four_at_once(n2: float, d1: float) -> tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...]]:
    """Factors of the input and of the last two outputs in each of four successive outputs.

    They follow from o_n = n2 i_n - d1 o_(n-1) - o_(n-2), substituted into itself.
    """
    d2 = d1 * d1
    before_last = (-1.0, d1, 1.0 - d2, d2 * d1 - 2 * d1)
    last = (-d1, d2 - 1.0, -d2 * d1 + 2 * d1, d2 * d2 - 3 * d2 + 1.0)
    inputs = (n2, -d1 * n2, d2 * n2 - n2, -d2 * d1 * n2 + 2 * d1 * n2)
    return inputs, last, before_last


(_N1, _N3, _N5), (_D1, _D3, _D5) = _recursion()
_IN1, _LAST1, _BEFORE1 = _four_at_once(_N1, _D1)
_IN3, _LAST3, _BEFORE3 = _four_at_once(_N3, _D3)
_IN5, _LAST5, _BEFORE5 = _four_at_once(_N5, _D5)


@stage
def _four(s0: Any, s1: Any, s2: Any, s3: Any, last: Any, before: Any, n: Any, dl: Any, db: Any) -> Any:
    """Four successive outputs of one recursion, as in libjxl's ``FastGaussian1D`` in the middle of a row."""
    o0 = fma(dl[0], last, fma(db[0], before, n[0] * s0))
    o1 = fma(dl[1], last, fma(db[1], before, fma(n[0], s1, n[1] * s0)))
    o2 = fma(dl[2], last, fma(db[2], before, fma(n[0], s2, fma(n[1], s1, n[2] * s0))))
    o3 = fma(dl[3], last, fma(db[3], before, fma(n[0], s3, fma(n[1], s2, fma(n[2], s1, n[3] * s0)))))
    return o0, o1, o2, o3


@stage
def _one_by_one(s0: Any, s1: Any, s2: Any, s3: Any, last: Any, before: Any, n: Any, dl: Any) -> Any:
    """Four successive outputs of one recursion, as computed by ``FastGaussian1D`` near the ends of a row."""
    o0 = fma(dl[0], last, n[0] * s0 - before)
    o1 = fma(dl[0], o0, n[0] * s1 - last)
    o2 = fma(dl[0], o1, n[0] * s2 - o0)
    o3 = fma(dl[0], o2, n[0] * s3 - o1)
    return o0, o1, o2, o3


@stage
def _sum_of_inputs(columns: Any, image: Any, n: Any) -> Any:
    """Sum of input columns n - N - 1 and n + N - 1 of ``image``."""
    before = (image * 2 * LANES + ((n - RADIUS - 1) & (2 * LANES - 1))) * LANES
    after = (image * 2 * LANES + ((n + RADIUS - 1) & (2 * LANES - 1))) * LANES
    return load(columns, before) + load(columns, after)


@stage
def blur_rows(columns: Any, image: Any, x: Any, width: Any, memory: Any, tile: Any) -> None:
    """Filter 16 rows along x, from where the last call for this image stopped: columns [x - 4, x + 12).

    ``columns`` (images, 32, 16) holds column x of 16 rows at index x mod 32, for the columns
    [x - 16, x + 16); those outside the image, ``width`` columns wide, are zero. ``memory`` (images, 6, 16) is
    the state of the recursions. The result is ``tile`` (16, 16), rows by columns.
    """
    m = image * 6 * LANES
    last1, before1 = load(memory, m), load(memory, m + LANES)
    last3, before3 = load(memory, m + 2 * LANES), load(memory, m + 3 * LANES)
    last5, before5 = load(memory, m + 4 * LANES), load(memory, m + 5 * LANES)
    for k in range(0, LANES, 4):
        n = x - LAG + k
        s0 = _sum_of_inputs(columns, image, n)
        s1 = _sum_of_inputs(columns, image, n + 1)
        s2 = _sum_of_inputs(columns, image, n + 2)
        s3 = _sum_of_inputs(columns, image, n + 3)
        if _FIRST_OF_FOUR <= n < width - RADIUS - 2:
            a0, a1, a2, a3 = _four(s0, s1, s2, s3, last1, before1, _IN1, _LAST1, _BEFORE1)
            b0, b1, b2, b3 = _four(s0, s1, s2, s3, last3, before3, _IN3, _LAST3, _BEFORE3)
            c0, c1, c2, c3 = _four(s0, s1, s2, s3, last5, before5, _IN5, _LAST5, _BEFORE5)
        else:
            a0, a1, a2, a3 = _one_by_one(s0, s1, s2, s3, last1, before1, _IN1, _LAST1)
            b0, b1, b2, b3 = _one_by_one(s0, s1, s2, s3, last3, before3, _IN3, _LAST3)
            c0, c1, c2, c3 = _one_by_one(s0, s1, s2, s3, last5, before5, _IN5, _LAST5)
        store(tile, k * LANES, a0 + (b0 + c0))
        store(tile, (k + 1) * LANES, a1 + (b1 + c1))
        store(tile, (k + 2) * LANES, a2 + (b2 + c2))
        store(tile, (k + 3) * LANES, a3 + (b3 + c3))
        last1, before1, last3, before3, last5, before5 = a3, a2, b3, b2, c3, c2
    store(memory, m, last1)
    store(memory, m + LANES, before1)
    store(memory, m + 2 * LANES, last3)
    store(memory, m + 3 * LANES, before3)
    store(memory, m + 4 * LANES, last5)
    store(memory, m + 5 * LANES, before5)
    transpose(tile, 0, LANES, tile, 0, LANES)


@stage
def blur_columns(tile: Any, strips: Any, strip: Any, blurred: Any, out: Any) -> None:
    """Filter ``tile`` (16, 16) along y, from where the last call for this strip of columns stopped.

    The 16 rows are written 4 rows late, at flat index ``out`` of ``blurred``. ``strips`` (strips, 16, 16) keeps
    each strip's last 10 input rows and, after them, the state of the recursions.
    """
    m = strip * LANES * LANES
    state = m + HISTORY * LANES
    last1, before1 = load(strips, state), load(strips, state + LANES)
    last3, before3 = load(strips, state + 2 * LANES), load(strips, state + 3 * LANES)
    last5, before5 = load(strips, state + 4 * LANES), load(strips, state + 5 * LANES)
    for i in range(LANES):
        if i < HISTORY:
            above = load(strips, m + i * LANES)
        else:
            above = load(tile, (i - HISTORY) * LANES)
        s = above + load(tile, i * LANES)
        next1 = fma(_N1, s, fma(-_D1, last1, -before1))
        next3 = fma(_N3, s, fma(-_D3, last3, -before3))
        next5 = fma(_N5, s, fma(-_D5, last5, -before5))
        store(blurred, out + i * LANES, next1 + (next3 + next5))
        last1, before1, last3, before3, last5, before5 = next1, last1, next3, last3, next5, last5
    for i in range(HISTORY):
        store(strips, m + i * LANES, load(tile, (i + LANES - HISTORY) * LANES))
    store(strips, state, last1)
    store(strips, state + LANES, before1)
    store(strips, state + 2 * LANES, last3)
    store(strips, state + 3 * LANES, before3)
    store(strips, state + 4 * LANES, last5)
    store(strips, state + 5 * LANES, before5)
