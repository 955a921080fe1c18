"""sRGB to linear light against the formula of IEC 61966-2-1."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from codecstudy.metrics import vector as v
from codecstudy.metrics.srgb import load_linear_rgb


def test_all_bytes_of_all_channels_agree_with_the_standard() -> None:
    @njit
    def kernel(pixels: Any, planes: Any) -> None:
        for i in range(0, 256, 16):
            r, g, b = load_linear_rgb(pixels, 3 * i)
            v.store(planes[0], i, r)
            v.store(planes[1], i, g)
            v.store(planes[2], i, b)

    levels = np.arange(256)
    pixels = np.stack([levels, levels[::-1], (levels * 7) % 256], axis=1).astype(np.uint8)
    planes = np.zeros((3, 256), np.float32)
    kernel(pixels, planes)
    encoded = pixels / 255
    linear = np.where(encoded > 0.04045, ((encoded + 0.055) / 1.055) ** 2.4, encoded / 12.92)
    # libjxl's polynomial is accurate to some 5e-6 of the value.
    np.testing.assert_allclose(planes.T, linear, rtol=6e-6, atol=0)
    assert planes[0, 0] == 0
