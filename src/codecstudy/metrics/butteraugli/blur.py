"""Separable truncated Gaussians, the only filter that Butteraugli uses.

A kernel of standard deviation sigma extends ``int(2.25 * sigma)`` pixels. At the borders of the image the remaining
taps are renormalised, implemented here as zero padding times a factor for each border row and column; the blur of
the opsin dynamics mirrors the image instead.

Source: ComputeKernel, Blur and ConvolutionWithTranspose in libjxl's lib/jxl/butteraugli/butteraugli.cc
(commit aea3a06e).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba.core import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from codecstudy.metrics.butteraugli.strips import (
    HALO,
    Plane,
    Row,
    Window,
    mirror_edges,
    scale_edges,
    wrap_strips,
)
from codecstudy.metrics.butteraugli.unrolled import Writer, is_plane
from codecstudy.metrics.kernels import routine
from codecstudy.metrics.vector import LANES, load, store

GROUP = 8
"""Outputs of one step of a filter."""

SIGMA_OPSIN = 1.2
SIGMA_LOW = 7.15593339443
SIGMA_MID = 3.22489901262
SIGMA_HIGH = 1.56416327805
SIGMA_MASK = 2.7


def radius_of(sigma: float) -> int:
    """Number of pixels that a kernel extends to either side."""
    return max(1, int(2.25 * sigma))


def gaussian_taps(sigma: float) -> NDArray[np.float64]:
    """Taps 0 (the centre) to radius, with sum 1 over the whole symmetric kernel."""
    half = np.exp(-0.5 * (np.arange(radius_of(sigma) + 1) / sigma) ** 2)
    return half / (2 * half.sum() - half[0])


def border_scale(sigma: float, size: int) -> NDArray[np.float32]:
    """Factor that renormalises each of ``size`` positions: 1 over the sum of the taps inside the image."""
    half = gaussian_taps(sigma)
    taps = np.concatenate([half[:0:-1], half])
    reach = len(half) - 1
    inside = np.convolve(np.ones(size), taps)[reach : reach + size]
    return (1 / inside).astype(np.float32)


def _symmetric_filter(sigma: float) -> Any:
    """The filter step for one sigma: every input is loaded once, and the taps are constants."""
    taps = [float(tap) for tap in gaussian_taps(sigma)]
    reach = len(taps) - 1

    def filter_step(
        typing: Any, source: Any, at: Any, stride: Any, target: Any, to: Any, to_stride: Any
    ) -> Any:
        """Filter 8 vectors, ``stride`` floats apart, around ``source[at]`` to ``target[to]``."""
        if not (is_plane(source) and is_plane(target)):
            return None

        def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            write = Writer(context, builder)
            inputs = {
                k: write.load(source, args[0], write.along(args[1], args[2], k))
                for k in range(-reach, reach + GROUP)
            }
            sums = [write.constant(0.0)] * GROUP
            for k in range(reach, 0, -1):
                tap = write.constant(taps[k])
                for j in range(GROUP):
                    sums[j] = write.fma(tap, write.add(inputs[j - k], inputs[j + k]), sums[j])
            for j in range(GROUP):
                filtered = write.fma(write.constant(taps[0]), inputs[j], sums[j])
                write.store(target, args[3], write.along(args[4], args[5], j), filtered)
            return context.get_dummy_value()

        index = types.intp
        return types.void(source, index, index, target, index, index), code

    return intrinsic(filter_step)


_filter_opsin = _symmetric_filter(SIGMA_OPSIN)
_filter_low = _symmetric_filter(SIGMA_LOW)
_filter_mid = _symmetric_filter(SIGMA_MID)
_filter_high = _symmetric_filter(SIGMA_HIGH)
_filter_mask = _symmetric_filter(SIGMA_MASK)

RADIUS_OPSIN, RADIUS_LOW, RADIUS_MID, RADIUS_HIGH, RADIUS_MASK = (
    radius_of(sigma) for sigma in (SIGMA_OPSIN, SIGMA_LOW, SIGMA_MID, SIGMA_HIGH, SIGMA_MASK)
)


@routine
def _convolve(
    radius: int, source: Plane, at: int, stride: int, step: int,
    target: Plane, to: int, to_stride: int, to_step: int, steps: int,
) -> None:  # fmt: skip
    """Filter ``steps`` times 8 vectors that lie ``stride`` apart, advancing by ``step``; likewise ``target``."""
    if radius == RADIUS_LOW:
        for k in range(steps):
            _filter_low(source, at + k * step, stride, target, to + k * to_step, to_stride)
    elif radius == RADIUS_MID:
        for k in range(steps):
            _filter_mid(source, at + k * step, stride, target, to + k * to_step, to_stride)
    elif radius == RADIUS_MASK:
        for k in range(steps):
            _filter_mask(source, at + k * step, stride, target, to + k * to_step, to_stride)
    elif radius == RADIUS_HIGH:
        for k in range(steps):
            _filter_high(source, at + k * step, stride, target, to + k * to_step, to_stride)
    else:
        for k in range(steps):
            _filter_opsin(source, at + k * step, stride, target, to + k * to_step, to_stride)


@routine
def blur_band(
    window: Plane,
    y: int,
    height: int,
    width: int,
    size: int,
    row_scale: Row,
    column_scale: Row,
    scratch: Plane,
    blurred: Plane,
) -> None:
    """Blur the rows of a band that are inside the image; the band starts at image row ``y``.

    ``window`` contains the band between two margins, (radius + rows + radius, at least ``size`` floats): the size
    of the margins selects the blur. Rows outside the image are zeros there; or, with empty scales, they already
    mirror the image, and so will the columns.
    ``scratch`` has 8 rows with a halo; ``blurred`` has room for whole groups of 8 vectors in a row.
    """
    pitch = window.shape[1]
    columns = size // LANES
    radius = (window.shape[0] - blurred.shape[0]) // 2
    mirrored = row_scale.size == 0
    start = HALO * LANES
    for first in range(0, blurred.shape[0], GROUP):
        top = y + first  # first of 8 rows
        if top + GROUP <= 0 or top >= height:
            continue
        at = (first + radius) * pitch
        _convolve(radius, window, at, pitch, LANES, scratch, start, scratch.shape[1], LANES, columns)
        for k in range(max(0, -top), min(GROUP, height - top)):
            if not mirrored and (top + k < radius or top + k >= height - radius):
                _scale_row(scratch[k], row_scale[top + k])
            wrap_strips(scratch[k], start, columns, radius, 0.0)
            if mirrored:
                mirror_edges(scratch[k], start, columns, width, radius)
            at, to = k * scratch.shape[1] + start, (first + k) * blurred.shape[1]
            groups = (columns + GROUP - 1) // GROUP
            _convolve(radius, scratch, at, LANES, GROUP * LANES, blurred, to, LANES, GROUP * LANES, groups)
            if not mirrored:
                scale_edges(blurred[first + k], columns, width, column_scale, radius)


@routine
def _scale_row(row: Row, factor: float) -> None:
    for i in range(0, row.size, LANES):
        store(row, i, load(row, i) * factor)


@routine
def blur(
    window: Window, count: int, y: int, height: int, width: int, size: int,
    row_scale: Row, column_scale: Row, scratch: Window, blurred: Window,
) -> None:  # fmt: skip
    """Blur the first ``count`` planes of a window as :func:`blur_band` does one."""
    for plane in range(count):
        blur_band(window[plane], y, height, width, size, row_scale, column_scale, scratch[0], blurred[plane])
