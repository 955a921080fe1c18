"""XYB opsin: linear RGB to the colour space in which SSIMULACRA2 compares, all components in about 0 to 1.

Sources, libjxl at commit aea3a06e: ``lib/jxl/cms/opsin_params.h`` (matrix, bias), ``lib/jxl/enc_xyb.cc``
(``LinearRGBToXYB``), ``lib/jxl/base/fast_math-inl.h`` (``CubeRootAndAdd``), ``tools/ssimulacra2.cc``
(``MakePositiveXYB``). Operations are fused and ordered as they are there: the score depends on the rounding.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from codecstudy.metrics.kernels import stage
from codecstudy.metrics.vector import bits, fma, from_bits

_ONE = np.float32(1)
M00, M02 = np.float32(0.30), np.float32(0.078)
M10, M12 = np.float32(0.23), np.float32(0.078)
M20, M21 = np.float32(0.24342268924547819), np.float32(0.20476744424496821)
M01 = _ONE - M02 - M00
M11 = _ONE - M12 - M10
M22 = _ONE - M20 - M21
"""Opsin absorbance: what red, green and blue (second index) add to the L, M and S (first index) responses."""
BIAS = np.float32(0.0037930732552754493)
CUBE_ROOT_OF_BIAS = np.float32(np.cbrt(np.float64(BIAS)))

_THIRD = np.float32(_ONE / np.float32(3))
_FOUR_THIRDS = np.float32(np.float32(4) / np.float32(3))


@stage
def cube_root_minus_bias(x: Any) -> Any:
    """The cube root of f32x16 ``x`` minus that of the bias; ``x`` must be positive and not denormal.

    Newton's iteration on x^(-1/3), starting from a third of the negated exponent.
    """
    third_of_x = _THIRD * x
    r = from_bits(0x54800000 - (bits(x) >> 23) * 0x002AAAAA)
    for _ in range(3):
        r2 = r * r
        r = fma(-third_of_x, r2 * r2, _FOUR_THIRDS * r)
    r2 = r * r
    r = fma(_THIRD, fma(-x, r2 * r2, r), r)
    return fma(r * r, x, -CUBE_ROOT_OF_BIAS)


@stage
def positive_xyb(r: Any, g: Any, b: Any) -> Any:
    """(X, Y, B) of linear light (r, g, b): f32x16 each, in 0 to 1.

    The responses are at least ``BIAS``, so the clamps that wide-gamut colours would need are omitted.
    """
    l_response = cube_root_minus_bias(fma(M00, r, fma(M01, g, fma(M02, b, BIAS))))
    m_response = cube_root_minus_bias(fma(M10, r, fma(M11, g, fma(M12, b, BIAS))))
    s_response = cube_root_minus_bias(fma(M20, r, fma(M21, g, fma(M22, b, BIAS))))
    x = 0.5 * (l_response - m_response)
    y = 0.5 * (l_response + m_response)
    return x * 14.0 + 0.42, y + 0.01, (s_response - y) + 0.55
