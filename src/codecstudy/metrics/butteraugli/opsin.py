"""Opsin dynamics: linear light to the opponent channels X (red-green), Y (yellow) and B (blue).

Photopsins absorb a mix of the primaries; the eye adapts, so the sensitivity at a pixel is the slope of a gamma
curve at the light around it (a blur of sigma 1.2)::

    absorbance(l) = M l + bias            gamma(a) = 19.245 ln(a + 9.971) - 23.16
    sensitivity   = gamma(absorbance(blurred l)) / absorbance(blurred l)
    mixed         = max(absorbance(l) * sensitivity, bias)
    X, Y, B       = mixed_0 - mixed_1, mixed_0 + mixed_1, mixed_2

Source: OpsinDynamicsImage, OpsinAbsorbance and Gamma in libjxl's lib/jxl/butteraugli/butteraugli.cc, and
FastLog2f in lib/jxl/base/fast_math-inl.h (commit aea3a06e). libjxl's clamps of the absorbance and of the
sensitivity are left out: light is never negative here, so they never act.
"""

from __future__ import annotations

from math import log

import numpy as np
from numpy.typing import NDArray

from codecstudy.metrics.butteraugli.strips import Lanes, Row
from codecstudy.metrics.kernels import routine, stage
from codecstudy.metrics.vector import LANES, bits, fma, from_bits, load, maximum, store, to_float

INTENSITY_TARGET = 80
"""Luminance of full white in nits that butteraugli_main assumes for sRGB images."""

_BIAS_01 = 1.7557483643287353
_BIAS_2 = 12.226454707163354
_GAMMA_MULTIPLIER = 19.245013259874995 * log(2.0)
_GAMMA_OFFSET = -23.16046239805755
_GAMMA_BIAS = 9.9710635769299145


def nits_of_bytes(intensity_target: float) -> NDArray[np.float32]:
    """Light in nits of each 8-bit sRGB value, ``intensity_target`` of 255: float32 (256,)."""
    encoded = np.arange(256) / 255
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    return (intensity_target * linear).astype(np.float32)


@stage
def _absorbance(r: Lanes, g: Lanes, b: Lanes) -> tuple[Lanes, Lanes, Lanes]:
    """What the three photopsins absorb."""
    a0 = fma(0.29956550340058319, r, fma(0.63373087833825936, g, fma(0.077705617820981968, b, _BIAS_01)))
    a1 = fma(0.22158691104574774, r, fma(0.69391388044116142, g, fma(0.0987313588422, b, _BIAS_01)))
    a2 = fma(0.02, r, fma(0.02, g, fma(0.20480129041026129, b, _BIAS_2)))
    return a0, a1, a2


@stage
def _sensitivity(absorbed: Lanes) -> Lanes:
    """gamma(a) / a, with log2 as a rational polynomial p / q, so that one division serves both."""
    pattern = bits(absorbed + _GAMMA_BIAS)
    exponent = (pattern - 0x3F2AAAAB) >> 23  # such that the mantissa lies between 2/3 and 4/3
    m = from_bits(pattern - exponent * (1 << 23)) - 1.0
    p = fma(fma(7.4245873327820566e-01, m, 1.4287160470083755), m, -1.8503833400518310e-06)
    q = fma(fma(1.7409343003366853e-01, m, 1.0096718572241148), m, 9.9032814277590719e-01)
    whole = fma(to_float(exponent), _GAMMA_MULTIPLIER, _GAMMA_OFFSET)
    return fma(p, _GAMMA_MULTIPLIER, whole * q) / (q * absorbed)


@routine
def opsin_row(
    r: Row, g: Row, b: Row, blurred_r: Row, blurred_g: Row, blurred_b: Row, x: Row, y: Row, blue: Row
) -> None:
    """One row of light in nits and its blur to the X, Y and B channels (float32 rows)."""
    for i in range(0, r.size, LANES):
        around0, around1, around2 = _absorbance(load(blurred_r, i), load(blurred_g, i), load(blurred_b, i))
        mixed0, mixed1, mixed2 = _absorbance(load(r, i), load(g, i), load(b, i))
        mixed0 = maximum(mixed0 * _sensitivity(around0), _BIAS_01)
        mixed1 = maximum(mixed1 * _sensitivity(around1), _BIAS_01)
        mixed2 = maximum(mixed2 * _sensitivity(around2), _BIAS_2)
        store(x, i, mixed0 - mixed1)
        store(y, i, mixed0 + mixed1)
        store(blue, i, mixed2)
