"""The kernels of MS-SSIM: luma, halving, local statistics of the reference, and the comparison of one scale."""

from __future__ import annotations

from typing import Any

from numba import types

from codecstudy.metrics.kernels import kernel, stage
from codecstudy.metrics.vector import LANES, even, lane_index, load, odd, select, splat, store, total
from codecstudy.metrics.window import C1, C2, OFFSET, WINDOW, filter_rows, load_luma, top, window

_PIXELS = types.Array(types.uint8, 3, "C", readonly=True)
_PLANE = types.float32[:, ::1]
_PLANES = types.float32[:, :, ::1]


@kernel(types.void(_PIXELS, _PLANE))
def fill_luma(pixels: Any, plane: Any) -> None:
    """Fill ``plane`` (rows, stride) with the luma of ``pixels`` (rows, width, 3), at least 16 wide."""
    height, width, _ = pixels.shape
    stride = plane.shape[1]
    for y in range(height):
        for start in range(0, width, LANES):
            x = min(start, width - LANES)
            store(plane, y * stride + x, load_luma(pixels, (y * width + x) * 3))


@kernel(types.void(_PLANE, types.intp, _PLANE))
def halve(plane: Any, width: Any, halved: Any) -> None:
    """Average 2 x 2 pixels of ``plane``, ``width`` columns wide, into the first rows of ``halved``.

    An odd last row or column is repeated; the latter is written to ``plane``.
    """
    height, stride = plane.shape
    half = halved.shape[1]
    if width % 2:
        for y in range(height):
            plane[y, width] = plane[y, width - 1]
    for y in range((height + 1) // 2):
        upper, lower = 2 * y * stride, min(2 * y + 1, height - 1) * stride
        for x in range(0, (width + 1) // 2, LANES):
            a, b = load(plane, upper + 2 * x), load(plane, upper + 2 * x + LANES)
            c, d = load(plane, lower + 2 * x), load(plane, lower + 2 * x + LANES)
            store(halved, y * half + x, ((even(a, b) + odd(a, b)) + (even(c, d) + odd(c, d))) * 0.25)


@kernel(types.void(_PLANE, _PLANE, _PLANE, _PLANE, _PLANES))
def fill_statistics(plane: Any, mean: Any, variance: Any, rows: Any, ring: Any) -> None:
    """Local mean and variance of ``plane``, at the first pixel of each window; ``rows``, ``ring``: scratch."""
    height, stride = plane.shape
    for y in range(height):
        for x in range(0, stride, LANES):
            value = load(plane, y * stride + x)
            store(rows, x, value)
            store(rows, stride + x, value * value)
        filter_rows(rows, ring, y)
        if y >= WINDOW - 1:
            for x in range(0, stride - LANES, LANES):
                mu = window(ring, top(0, y, stride) + x, stride)
                square = window(ring, top(1, y, stride) + x, stride)
                out = (y - WINDOW + 1) * stride + x
                store(mean, out, mu)
                store(variance, out, square - mu * mu)


@stage
def _luminance(mu_x: Any, mu_y: Any) -> Any:
    """Luminance, l of SSIM; exactly 1 for equal means."""
    return (2.0 * (mu_x * mu_y) + C1) / (mu_x * mu_x + mu_y * mu_y + C1)


@stage
def _contrast_and_structure(s_xx: Any, s_yy: Any, s_xy: Any) -> Any:
    """Contrast times structure, c s of SSIM; exactly 1 for equal images."""
    return (2.0 * s_xy + C2) / (s_xx + s_yy + C2)


@kernel(types.void(_PLANE, types.intp, _PLANE, _PLANE, _PLANE, _PLANE, _PLANES, types.float64[::1]))
def add_similarity(
    plane: Any, valid: Any, luma: Any, mean: Any, variance: Any, rows: Any, ring: Any, sums: Any
) -> None:
    """Add the sums over all windows of c s, and of l c s, to ``sums``.

    ``plane`` is the distorted image, ``luma`` the reference with its ``mean`` and ``variance``. Windows begin in
    the first ``valid`` columns.
    """
    height, stride = plane.shape
    for y in range(height):
        for x in range(0, stride, LANES):
            value = load(plane, y * stride + x)
            store(rows, x, value)
            store(rows, stride + x, value * value)
            store(rows, 2 * stride + x, value * load(luma, y * stride + x))
        filter_rows(rows, ring, y)
        if y >= WINDOW - 1:
            structure, similarity = splat(0.0), splat(0.0)
            for x in range(0, valid, LANES):
                at = (y - WINDOW + 1) * stride + x
                mu_x = load(mean, at)
                mu_y = window(ring, top(0, y, stride) + x, stride)
                s_yy = window(ring, top(1, y, stride) + x, stride) - mu_y * mu_y
                s_xy = window(ring, top(2, y, stride) + x, stride) - mu_x * mu_y
                cs = _contrast_and_structure(load(variance, at), s_yy, s_xy)
                cs = select(lane_index() < valid - x, cs, 0.0)
                structure += cs
                similarity += _luminance(mu_x + OFFSET, mu_y + OFFSET) * cs
            sums[0] += total(structure)
            sums[1] += total(similarity)
