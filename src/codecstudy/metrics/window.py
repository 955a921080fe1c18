"""What SSIM and MS-SSIM share: luma, and local means under the 11 x 11 Gaussian window of sigma 1.5, for kernels.

Luma is BT.601, unrounded, and stored minus 128: variances stay the same, and their float32 rounding errors become
smaller.

Source: Wang, Bovik, Sheikh, Simoncelli 2004, IEEE TIP 13(4), and the authors' ``ssim_index.m``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from codecstudy.metrics.kernels import stage
from codecstudy.metrics.vector import LANES, fma, load, load_rgb, store, to_float

RADIUS = 5
WINDOW = 2 * RADIUS + 1
SIGMA = 1.5
C1 = (0.01 * 255) ** 2
C2 = (0.03 * 255) ** 2
OFFSET = 128.0

_gauss = np.exp(-0.5 * (np.arange(RADIUS + 1) / SIGMA) ** 2)
_gauss /= 2 * _gauss.sum() - _gauss[0]
W0, W1, W2, W3, W4, W5 = (float(weight) for weight in _gauss)
"""Weights of the window at distance 0 to 5 from its centre, in one dimension; the whole window sums to 1."""


@stage
def window(image: Any, i: Any, step: Any) -> Any:
    """The one-dimensional window over elements i, i + step, ... of flat ``image``; 16 columns at once."""
    c = i + RADIUS * step
    result = load(image, c) * W0
    result = fma(load(image, c - step) + load(image, c + step), W1, result)
    result = fma(load(image, c - 2 * step) + load(image, c + 2 * step), W2, result)
    result = fma(load(image, c - 3 * step) + load(image, c + 3 * step), W3, result)
    result = fma(load(image, c - 4 * step) + load(image, c + 4 * step), W4, result)
    return fma(load(image, c - 5 * step) + load(image, c + 5 * step), W5, result)


@stage
def load_luma(pixels: Any, i: Any) -> Any:
    """BT.601 luma minus 128 of the 16 pixels from flat byte index ``i``."""
    r, g, b = load_rgb(pixels, i)
    return fma(to_float(r), 0.299, fma(to_float(g), 0.587, fma(to_float(b), 0.114, -OFFSET)))


@stage
def filter_rows(rows: Any, ring: Any, y: Any) -> Any:
    """Filter every row of ``rows`` (n, stride) along x into row ``y`` of the n images of ``ring``.

    ``ring`` (n, 2 * WINDOW, stride) keeps the last WINDOW rows of each image. Every row is stored twice, so that
    there are always WINDOW consecutive rows in order, from row :func:`top` on.
    """
    stride = rows.shape[1]
    for image in range(rows.shape[0]):
        target = (image * 2 * WINDOW + y % WINDOW) * stride
        for x in range(0, stride - LANES, LANES):
            filtered = window(rows, image * stride + x, 1)
            store(ring, target + x, filtered)
            store(ring, target + WINDOW * stride + x, filtered)


@stage
def top(image: Any, y: Any, stride: Any) -> Any:
    """Flat index in the ring of the first of the WINDOW rows that end with row ``y``."""
    return (image * 2 * WINDOW + (y + 1) % WINDOW) * stride
