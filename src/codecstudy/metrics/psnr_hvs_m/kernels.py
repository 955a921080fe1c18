"""The kernels of PSNR-HVS-M: DCT and masking of one row of 8 x 8 blocks, and the error between two such rows.

All arithmetic is float64: coefficients reach 2040, and rounded to float32 they would change high scores by 1e-5 dB.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types

from codecstudy.metrics.kernels import kernel, stage

SIDE = 8
_CELLS = SIDE * SIDE

_k, _n = np.mgrid[0:SIDE, 0:SIDE]
DCT = np.cos(np.pi * _k * (2 * _n + 1) / (2 * SIDE)) * np.where(_k == 0, SIDE**-0.5, (SIDE / 2) ** -0.5)
"""The orthonormal DCT-II: index of the frequency, index of the pixel."""
_DCT_TRANSPOSED = np.ascontiguousarray(DCT.T)

_WEIGHTS = """
1.608443 2.339554 2.573509 1.608443 1.072295 0.643377 0.504610 0.421887
2.144591 2.144591 1.838221 1.354478 0.989811 0.443708 0.428918 0.467911
1.838221 1.979622 1.608443 1.072295 0.643377 0.451493 0.372972 0.459555
1.838221 1.513829 1.169777 0.887417 0.504610 0.295806 0.321689 0.415082
1.429727 1.169777 0.695543 0.459555 0.378457 0.236102 0.249855 0.334222
1.072295 0.735288 0.467911 0.402111 0.317717 0.247453 0.227744 0.279729
0.525206 0.402111 0.329937 0.295806 0.249855 0.212687 0.214459 0.254803
0.357432 0.279729 0.270896 0.262603 0.229778 0.257351 0.249855 0.259950
"""
WEIGHTS = np.array(_WEIGHTS.split(), np.float64)
"""Sensitivity of the eye to each coefficient, row by row (the authors' ``CSFCof``)."""

_MASKING = """
0.390625 0.826446 1.000000 0.390625 0.173611 0.062500 0.038447 0.026874
0.694444 0.694444 0.510204 0.277008 0.147929 0.029727 0.027778 0.033058
0.510204 0.591716 0.390625 0.173611 0.062500 0.030779 0.021004 0.031888
0.510204 0.346021 0.206612 0.118906 0.038447 0.013212 0.015625 0.026015
0.308642 0.206612 0.073046 0.031888 0.021626 0.008417 0.009426 0.016866
0.173611 0.081633 0.033058 0.024414 0.015242 0.009246 0.007831 0.011815
0.041649 0.024414 0.016437 0.013212 0.009426 0.006830 0.006944 0.009803
0.019290 0.011815 0.011080 0.010412 0.007972 0.010000 0.009426 0.010203
"""
MASKING = np.array(_MASKING.split(), np.float64)
"""How much each coefficient masks, row by row (the authors' ``MaskCof``)."""
MASKING[0] = 0.0  # the mean masks nothing ...
_THRESHOLDS = np.where(MASKING > 0, 1 / np.where(MASKING > 0, MASKING, 1), 0)  # ... and is not masked

_F64 = types.float64
_COEFFICIENTS = _F64[:, ::1]


@stage
def _spread(luma: Any, y0: Any, x0: Any, side: Any) -> Any:
    """Unbiased variance of ``side`` x ``side`` pixels, times their number."""
    count = side * side
    total = 0.0
    for y in range(side):
        for x in range(side):
            total += luma[y0 + y, x0 + x]
    mean = total / count
    squares = 0.0
    for y in range(side):
        for x in range(side):
            difference = luma[y0 + y, x0 + x] - mean
            squares += difference * difference
    return squares * count / (count - 1)


@stage
def _masking(luma: Any, x0: Any, coefficients: Any, block: Any) -> Any:
    """How much a block masks: its energy, less where it is due to an edge between flat quarters."""
    whole = _spread(luma, 0, x0, 8)
    if whole == 0.0:
        return 0.0
    quarters = _spread(luma, 0, x0, 4) + _spread(luma, 0, x0 + 4, 4)
    quarters += _spread(luma, 4, x0, 4) + _spread(luma, 4, x0 + 4, 4)
    energy = 0.0
    for k in range(_CELLS):
        value = coefficients[block, k]
        energy += value * value * MASKING[k]
    return np.sqrt(energy * quarters / whole) / 32


@kernel(
    types.void(types.Array(types.uint8, 3, "C", readonly=True), _F64[:, :, ::1], _COEFFICIENTS, _F64[::1])
)
def transform(pixels: Any, work: Any, coefficients: Any, masking: Any) -> None:
    """Fill ``coefficients`` (blocks, 64) and ``masking`` (blocks,) of 8 rows of ``pixels`` (8, width, 3).

    ``work`` (2, 8, 8 * blocks) is scratch: luma, and luma transformed along columns. Columns of pixels that fill no
    whole block are not read.
    """
    luma, columns = work[0], work[1]
    blocks = coefficients.shape[0]
    for y in range(SIDE):
        for x in range(SIDE * blocks):
            luma[y, x] = 0.299 * pixels[y, x, 0] + 0.587 * pixels[y, x, 1] + 0.114 * pixels[y, x, 2]
    for k in range(SIDE):
        for x in range(SIDE * blocks):
            total = 0.0
            for y in range(SIDE):
                total += DCT[k, y] * luma[y, x]
            columns[k, x] = total
    for block in range(blocks):
        for k in range(SIDE):
            for m in range(SIDE):
                total = 0.0
                for x in range(SIDE):
                    total += columns[k, SIDE * block + x] * _DCT_TRANSPOSED[x, m]
                coefficients[block, SIDE * k + m] = total
        masking[block] = _masking(luma, SIDE * block, coefficients, block)


@kernel(_F64(_F64, _COEFFICIENTS, _F64[::1], _COEFFICIENTS, _F64[::1]))
def add_errors(result: Any, first: Any, masking: Any, second: Any, other_masking: Any) -> Any:
    """``result`` plus the sum of the squared visible errors of all coefficients of a row of blocks."""
    for block in range(first.shape[0]):
        mask = max(masking[block], other_masking[block])
        total = 0.0
        for k in range(_CELLS):
            error = abs(first[block, k] - second[block, k])
            visible = max(error - mask * _THRESHOLDS[k], 0.0) * WEIGHTS[k]
            total += visible * visible
        result += total
    return result
