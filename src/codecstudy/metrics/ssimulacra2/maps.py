"""The error maps of SSIMULACRA2 and their sums, one scale at a time, in one pass over 16 x 16 tiles.

Source: libjxl ``tools/ssimulacra2.cc`` at commit aea3a06e (``Downsample``, ``SSIMMap``, ``EdgeDiffMap``).

A tile goes through all stages while it is in the first-level cache: linear RGB, its half for the next scale,
XYB, blur along rows, blur along columns, error maps. The blurs put out their tile 4 columns to the left and 4
rows above the one that came in; what they still need of earlier tiles is kept in :class:`Workspace`, per
row (``columns``, ``row_memory``) and per strip of 16 columns (``strips``, ``last_rows``).

The reference goes through the same stages once. What the maps need of it is written, in the order in which
it will be read, to ``prepared``: tile by tile, channel by channel, for a channel with an SSIM map the value
(transposed, as it comes in), the edge strength, the mean and the variance, else the edge strength alone.
"""

# numba has no complete annotations.
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import types
from numpy.typing import NDArray

from codecstudy.metrics.kernels import kernel, stage
from codecstudy.metrics.srgb import load_linear_rgb
from codecstudy.metrics.ssimulacra2.blur import LAG, blur_columns, blur_rows
from codecstudy.metrics.ssimulacra2.xyb import positive_xyb
from codecstudy.metrics.vector import (
    LANES,
    absolute,
    even,
    lane_index,
    load,
    maximum,
    odd,
    prefetch,
    select,
    splat,
    store,
    total,
    transpose,
)

C2 = 0.0009
NOTHING, EDGES, EDGES_AND_SSIM = 0, 1, 2
"""What is needed of a channel at a scale."""
SUMS = 6
"""Sums per channel: of the SSIM, artifact and detail-loss errors, then of their fourth powers."""
TILE = LANES * LANES
AHEAD = 12 * TILE
"""Floats between what is read of the reference and what is brought near meanwhile: about two tiles' worth."""
_PAIR = 2 * LANES
IMAGES = 3
"""Images per channel that are blurred: value, square, product with the reference."""


class Workspace(NamedTuple):
    """Arrays that a pass over one scale works in; all float32 but for ``edge``."""

    edge: NDArray[np.uint8]
    """(48,): 16 pixels at the right end of a row, the last one repeated."""
    linear: NDArray[np.float32]
    """(3, 16, 16): linear RGB of the current tile."""
    xyb: NDArray[np.float32]
    """(3, 16, 32): XYB of the tile to the left and of the current one."""
    columns: NDArray[np.float32]
    """(9, 32, 16): the same per blurred image, as columns, at index x mod 32."""
    row_memory: NDArray[np.float32]
    """(9, 6, 16): state of the recursions along rows."""
    tile: NDArray[np.float32]
    """(16, 16): a tile blurred along rows."""
    blurred: NDArray[np.float32]
    """(3, 16, 16): the blurred images of one channel."""
    sums: NDArray[np.float32]
    """(3, 6, 16): sums over the current band of 16 rows, per lane."""
    strips: NDArray[np.float32]
    """(strips * 9, 16, 16): inputs and state of the recursions along columns."""
    last_rows: NDArray[np.float32]
    """(strips, 3, 4, 16): the last 4 rows of XYB in the band above."""


def workspace(width: int) -> Workspace:
    """Arrays for images up to ``width`` pixels wide."""
    strips = tiles_across(width)

    def zeros(*shape: int) -> NDArray[np.float32]:
        return np.zeros(shape, np.float32)

    return Workspace(
        edge=np.zeros(3 * LANES, np.uint8),
        linear=zeros(3, LANES, LANES),
        xyb=zeros(3, LANES, _PAIR),
        columns=zeros(3 * IMAGES, _PAIR, LANES),
        row_memory=zeros(3 * IMAGES, 6, LANES),
        tile=zeros(LANES, LANES),
        blurred=zeros(IMAGES, LANES, LANES),
        sums=zeros(3, SUMS, LANES),
        strips=zeros(strips * 3 * IMAGES, LANES, LANES),
        last_rows=zeros(strips, 3, LAG, LANES),
    )


def tiles_across(length: int) -> int:
    """Tiles that cover ``length`` pixels and the lag of the blur."""
    return -(-(length + LAG) // LANES)


# --- linear light ----------------------------------------------------------------------------------------


@stage
def _linear_from_pixels(pixels: Any, x: Any, y: Any, rows: Any, edge: Any, linear: Any) -> None:
    """Fill ``linear`` with the tile at (x, y) of the sRGB image; the last column stands for those after it."""
    width = pixels.shape[1]
    for i in range(rows):
        prefetch(pixels, ((y + i) * width + x + 8 * LANES) * 3)
        if x + LANES <= width:
            r, g, b = load_linear_rgb(pixels, ((y + i) * width + x) * 3)
        else:
            for k in range(LANES):
                for c in range(3):
                    edge[3 * k + c] = pixels[y + i, min(x + k, width - 1), c]
            r, g, b = load_linear_rgb(edge, 0)
        store(linear, i * LANES, r)
        store(linear, TILE + i * LANES, g)
        store(linear, 2 * TILE + i * LANES, b)


@stage
def _linear_from_planes(planes: Any, x: Any, y: Any, rows: Any, width: Any, linear: Any) -> None:
    """The same from linear RGB ``planes`` (3, height, at least width + 16)."""
    _, height, stride = planes.shape
    inside = lane_index() < width - x
    for c in range(3):
        for i in range(rows):
            row = (c * height + y + i) * stride
            value = select(inside, load(planes, row + x), planes[c, y + i, width - 1])
            store(linear, c * TILE + i * LANES, value)


@stage
def _halve(linear: Any, x: Any, y: Any, rows: Any, halved: Any) -> None:
    """Average 2 x 2 pixels of the tile at (x, y) into ``halved``; a last odd row stands for the one after it.

    Writes 8 columns and, behind them, 8 that the next tile overwrites.
    """
    _, height, stride = halved.shape
    for c in range(3):
        for i in range(0, rows, 2):
            upper = load(linear, c * TILE + i * LANES)
            lower = load(linear, c * TILE + min(i + 1, rows - 1) * LANES)
            mean = (even(upper, upper) + odd(upper, upper) + even(lower, lower) + odd(lower, lower)) * 0.25
            store(halved, (c * height + (y + i) // 2) * stride + x // 2, mean)


@stage
def _opsin(linear: Any, columns: Any, rows: Any, xyb: Any) -> None:
    """Fill the right tile of ``xyb``: zero outside the first ``columns`` columns and ``rows`` rows."""
    inside = lane_index() < columns
    for i in range(LANES):
        x, y, b = splat(0.0), splat(0.0), splat(0.0)
        if i < rows:
            x, y, b = positive_xyb(
                load(linear, i * LANES), load(linear, TILE + i * LANES), load(linear, 2 * TILE + i * LANES)
            )
        out = i * _PAIR + LANES
        store(xyb, out, select(inside, x, 0.0))
        store(xyb, LANES * _PAIR + out, select(inside, y, 0.0))
        store(xyb, 2 * LANES * _PAIR + out, select(inside, b, 0.0))


# --- maps ------------------------------------------------------------------------------------------------


@stage
def _xyb_row(work: Any, channel: Any, strip: Any, i: Any) -> Any:
    """Row ``i`` of the output tile: 4 rows above and 4 columns left of the current tile."""
    if i < LAG:
        return load(work.last_rows, ((strip * 3 + channel) * LAG + i) * LANES)
    return load(work.xyb, (channel * LANES + i - LAG) * _PAIR + LANES - LAG)


@stage
def _write_reference(work: Any, channel: Any, strip: Any, part: Any, prepared: Any, p: Any) -> None:
    """Append edge strength and, for an SSIM map, mean and variance of the output tile to ``prepared``."""
    for i in range(LANES):
        mean = load(work.blurred, i * LANES)
        store(prepared, p + i * LANES, absolute(_xyb_row(work, channel, strip, i) - mean))
        if part == EDGES_AND_SSIM:
            variance = load(work.blurred, TILE + i * LANES) - mean * mean
            store(prepared, p + TILE + i * LANES, mean)
            store(prepared, p + 2 * TILE + i * LANES, variance)


@stage
def _ssim_error(mean1: Any, variance1: Any, mean2: Any, square2: Any, product: Any) -> Any:
    """1 - SSIM, at least 0, without the luminance term's denominator; 0 where both images agree."""
    difference = mean1 - mean2
    luminance = 1.0 - difference * difference
    covariance = 2.0 * (product - mean1 * mean2) + C2
    variances = variance1 + (square2 - mean2 * mean2) + C2
    return maximum(1.0 - luminance * covariance / variances, 0.0)


@stage
def _fourth_power(x: Any) -> Any:
    x2 = x * x
    return x2 * x2


@stage
def _add_errors(
    work: Any, channel: Any, strip: Any, part: Any, inside: Any, first: Any, stop: Any, prepared: Any, p: Any
) -> None:
    """Add the errors in rows ``first`` to ``stop`` and columns ``inside`` of the output tile to the sums.

    The edge error is (1 + edge2) / (1 + edge1) - 1, written such that little is lost to rounding: an artifact
    where it is positive, lost detail where it is negative.
    """
    s = channel * SUMS * LANES
    ssim1, artifact1, lost1 = load(work.sums, s), load(work.sums, s + LANES), load(work.sums, s + 2 * LANES)
    s4 = s + 3 * LANES
    ssim4, artifact4, lost4 = (
        load(work.sums, s4),
        load(work.sums, s4 + LANES),
        load(work.sums, s4 + 2 * LANES),
    )
    for i in range(first, stop):
        row = i * LANES
        mean2 = load(work.blurred, row)
        edge1 = load(prepared, p + row)
        prefetch(prepared, p + AHEAD + row)
        edge2 = absolute(_xyb_row(work, channel, strip, i) - mean2)
        error = select(inside, (edge2 - edge1) / (1.0 + edge1), 0.0)
        artifact = maximum(error, 0.0)
        lost = maximum(-error, 0.0)
        artifact1 += artifact
        artifact4 += _fourth_power(artifact)
        lost1 += lost
        lost4 += _fourth_power(lost)
        if part == EDGES_AND_SSIM:
            mean1 = load(prepared, p + TILE + row)
            variance1 = load(prepared, p + 2 * TILE + row)
            prefetch(prepared, p + AHEAD + TILE + row)
            prefetch(prepared, p + AHEAD + 2 * TILE + row)
            square2 = load(work.blurred, TILE + row)
            product = load(work.blurred, 2 * TILE + row)
            ssim = select(inside, _ssim_error(mean1, variance1, mean2, square2, product), 0.0)
            ssim1 += ssim
            ssim4 += _fourth_power(ssim)
    store(work.sums, s, ssim1)
    store(work.sums, s + LANES, artifact1)
    store(work.sums, s + 2 * LANES, lost1)
    store(work.sums, s4, ssim4)
    store(work.sums, s4 + LANES, artifact4)
    store(work.sums, s4 + 2 * LANES, lost4)


# --- the pass --------------------------------------------------------------------------------------------


def _array(element: Any, dimensions: int, readonly: bool = False) -> Any:
    return types.Array(element, dimensions, "C", readonly=readonly)


_F32 = types.float32
_WORKSPACE = types.NamedTuple(
    [_array(types.uint8, 1)] + [_array(_F32, n) for n in (3, 3, 3, 3, 2, 3, 3, 3, 4)], Workspace
)


@kernel(
    types.void(
        _array(types.uint8, 3, readonly=True),
        _array(_F32, 3),
        types.UniTuple(types.intp, 2),
        types.boolean,
        types.UniTuple(types.intp, 3),
        _array(_F32, 3),
        _array(_F32, 1),
        types.boolean,
        _WORKSPACE,
        _array(types.float64, 2),
    )
)
def pass_over_scale(
    pixels: Any,
    planes: Any,
    size: Any,
    full_scale: Any,
    parts: Any,
    halved: Any,
    prepared: Any,
    preparing: Any,
    work: Any,
    sums: Any,
) -> None:
    """Take one image through one scale: the reference to ``prepared``, or a distorted one to ``sums``.

    The image is ``pixels``, uint8 (height, width, 3), at full scale and else ``planes``, linear RGB float32
    (3, height, at least width + 16); ``size`` is its (height, width) and ``parts`` what is needed of its
    three channels. Where ``halved`` has rows, the next scale's linear RGB is written to it. ``sums``, float64
    (3, 6), is added to: per channel the sums described at ``SUMS``.
    """
    height, width = size
    across, down = (width + LAG + LANES - 1) // LANES, (height + LAG + LANES - 1) // LANES
    work.strips[:] = 0.0
    p = 0
    for band in range(down):
        y = band * LANES
        rows = max(0, min(LANES, height - y))
        first, stop = max(0, LAG - y), min(LANES, height + LAG - y)
        work.columns[:] = 0.0
        work.row_memory[:] = 0.0
        work.sums[:] = 0.0
        for strip in range(across):
            x = strip * LANES
            column = lane_index() + (x - LAG)
            inside = (column >= 0) & (column < width)
            if x < width:
                if full_scale:
                    _linear_from_pixels(pixels, x, y, rows, work.edge, work.linear)
                else:
                    _linear_from_planes(planes, x, y, rows, width, work.linear)
                if halved.shape[1] > 0:
                    _halve(work.linear, x, y, rows, halved)
            _opsin(work.linear, width - x, rows, work.xyb)
            for channel in range(3):
                part = parts[channel]
                if part == NOTHING:
                    continue
                image = channel * IMAGES
                here = (image * _PAIR + (x & (_PAIR - 1))) * LANES
                transpose(work.xyb, channel * LANES * _PAIR + LANES, _PAIR, work.columns, here, LANES)
                images = 1
                if part == EDGES_AND_SSIM:
                    images = 2 if preparing else 3
                    for i in range(0, TILE, LANES):
                        value = load(work.columns, here + i)
                        store(work.columns, here + _PAIR * LANES + i, value * value)
                        if preparing:
                            store(prepared, p + i, value)
                        else:
                            product = value * load(prepared, p + i)
                            prefetch(prepared, p + AHEAD + i)
                            store(work.columns, here + 2 * _PAIR * LANES + i, product)
                    p += TILE
                for k in range(images):
                    blur_rows(work.columns, image + k, x, width, work.row_memory, work.tile)
                    blur_columns(
                        work.tile, work.strips, strip * 3 * IMAGES + image + k, work.blurred, k * TILE
                    )
                if preparing:
                    _write_reference(work, channel, strip, part, prepared, p)
                else:
                    _add_errors(work, channel, strip, part, inside, first, stop, prepared, p)
                p += 3 * TILE if part == EDGES_AND_SSIM else TILE
                for i in range(LAG):
                    last = _xyb_row(work, channel, strip, LANES + i)
                    store(work.last_rows, ((strip * 3 + channel) * LAG + i) * LANES, last)
                for i in range(channel * LANES * _PAIR, (channel + 1) * LANES * _PAIR, _PAIR):
                    store(work.xyb, i, load(work.xyb, i + LANES))
        for channel in range(3):
            for k in range(SUMS):
                sums[channel, k] += total(load(work.sums, (channel * SUMS + k) * LANES))
