"""The kernels of XPSNR: luma, the activity of blocks, and the squared error of blocks; all in float64."""

from __future__ import annotations

from typing import Any

from numba import types

from codecstudy.metrics.kernels import kernel, stage

_F64 = types.float64
_PIXELS = types.Array(types.uint8, 3, "C", readonly=True)


@stage
def _luma(r: Any, g: Any, b: Any) -> Any:
    """BT.601, unrounded."""
    return 0.299 * r + 0.587 * g + 0.114 * b


@kernel(types.void(_PIXELS, _F64[:, ::1]))
def fill_luma(pixels: Any, luma: Any) -> None:
    """Fill ``luma`` (rows, width) with the luma of ``pixels`` (rows, width, 3)."""
    for y in range(pixels.shape[0]):
        for x in range(pixels.shape[1]):
            luma[y, x] = _luma(float(pixels[y, x, 0]), float(pixels[y, x, 1]), float(pixels[y, x, 2]))


@stage
def _high_pass(a: Any, y: Any, x: Any) -> Any:
    """A 3 x 3 high-pass filter of gain 12."""
    sides = a[y, x - 1] + a[y, x + 1] + a[y - 1, x] + a[y + 1, x]
    corners = a[y - 1, x - 1] + a[y - 1, x + 1] + a[y + 1, x - 1] + a[y + 1, x + 1]
    return 12 * a[y, x] - 2 * sides - corners


@stage
def _line(a: Any, y: Any, x: Any, count: Any) -> Any:
    total = 0.0
    for i in range(count):
        total += a[y, x + i]
    return total


@stage
def _high_pass_of_four(a: Any, y: Any, x: Any) -> Any:
    """The same for the 2 x 2 pixels from (y, x), with a 6 x 6 filter without corners."""
    inner = _line(a, y, x, 2) + _line(a, y + 1, x, 2)
    sides = _line(a, y - 1, x, 2) + _line(a, y + 2, x, 2)
    sides += a[y, x - 1] + a[y, x + 2] + a[y + 1, x - 1] + a[y + 1, x + 2]
    corners = a[y - 1, x - 1] + a[y - 1, x + 2] + a[y + 2, x - 1] + a[y + 2, x + 2]
    outer = _line(a, y - 2, x - 1, 4) + _line(a, y + 3, x - 1, 4)
    for i in range(-1, 3):
        outer += a[y + i, x - 2] + a[y + i, x + 3]
    return 12 * inner - 3 * sides - 2 * corners - outer


@kernel(types.void(_F64[:, ::1], types.intp, types.intp, types.intp, types.intp, _F64[::1]))
def fill_activity(luma: Any, first: Any, stop: Any, side: Any, border: Any, activity: Any) -> None:
    """Mean magnitude of the filtered luma in each block of one row of blocks.

    The centres are rows ``first`` to ``stop`` of ``luma``, which also has the rows around them that the filter
    reads; ``border`` columns at each end of the image are not centres. With a border of 2, the filter is that of
    2 x 2 pixels. A block without centres has activity 0.
    """
    width = luma.shape[1]
    for block in range(activity.shape[0]):
        left = max(block * side, border)
        right = min((block + 1) * side, width - border)
        total = 0.0
        if border == 1:
            for y in range(first, stop):
                for x in range(left, right):
                    total += abs(_high_pass(luma, y, x))
        else:
            for y in range(first, min(stop, luma.shape[0] - 3), 2):
                for x in range(left, min(right, width - 3), 2):
                    total += abs(_high_pass_of_four(luma, y, x))
        centres = (right - left) * (stop - first)
        activity[block] = total / centres if right > left and stop > first else 0.0


@kernel(_F64(_PIXELS, _PIXELS, types.intp, _F64[::1], _F64))
def add_errors(reference: Any, distorted: Any, side: Any, weights: Any, result: Any) -> Any:
    """``result`` plus the weighted squared errors of luma of one row of blocks."""
    rows, width, _ = reference.shape
    for block in range(weights.shape[0]):
        total = 0.0
        for y in range(rows):
            for x in range(block * side, min((block + 1) * side, width)):
                r = float(reference[y, x, 0]) - float(distorted[y, x, 0])
                g = float(reference[y, x, 1]) - float(distorted[y, x, 1])
                b = float(reference[y, x, 2]) - float(distorted[y, x, 2])
                error = _luma(r, g, b)
                total += error * error
        result += total * weights[block]
    return result
