"""8-bit sRGB to linear light as computed by libjxl, for kernels that must agree with its tools.

Source of the polynomial: libjxl ``lib/jxl/cms/transfer_functions-inl.h`` (``TF_SRGB``) and
``lib/jxl/base/rational_polynomial-inl.h`` at commit aea3a06e.
"""

from __future__ import annotations

from typing import Any

from codecstudy.metrics.kernels import stage
from codecstudy.metrics.vector import fma, load_rgb, select, to_float


@stage
def linear_from_srgb(x: Any) -> Any:
    """Linear light of the encoded value ``x``, both f32x16 in 0 to 1.

    x / 12.92 up to 0.04045, above that a rational polynomial (4, 4) instead of ((x + 0.055) / 1.055) ^ 2.4, with
    the fused operations of libjxl, so that the result is bit for bit that of its SIMD code.
    """
    p = fma(8.210152774e-01, x, 7.961564959e-01)
    p = fma(p, x, 1.624820318e-01)
    p = fma(p, x, 1.043637593e-02)
    p = fma(p, x, 2.200248328e-04)
    q = fma(6.521209011e-03, x, -5.512498495e-02)
    q = fma(q, x, 4.987528350e-01)
    q = fma(q, x, 1.076976492e00)
    q = fma(q, x, 2.631846970e-01)
    return select(x > 0.04045, p / q, x * (1.0 / 12.92))


@stage
def load_linear_rgb(pixels: Any, index: Any) -> Any:
    """Linear light (r, g, b), f32x16 each in 0 to 1, of the 16 interleaved sRGB pixels at flat ``index``.

    ``pixels`` is a C-contiguous uint8 array; 48 bytes are read.
    """
    r, g, b = load_rgb(pixels, index)
    return (
        linear_from_srgb(to_float(r) * (1.0 / 255.0)),
        linear_from_srgb(to_float(g) * (1.0 / 255.0)),
        linear_from_srgb(to_float(b) * (1.0 / 255.0)),
    )
