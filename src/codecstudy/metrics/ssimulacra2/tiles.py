"""16 x 16 tiles of one scale: the arrays that a pass uses, and the stages before the blur.

Source: libjxl ``tools/ssimulacra2.cc`` at commit aea3a06e (``Downsample``).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from codecstudy.metrics.kernels import stage
from codecstudy.metrics.srgb import load_linear_rgb
from codecstudy.metrics.ssimulacra2.blur import LAG
from codecstudy.metrics.ssimulacra2.xyb import positive_xyb
from codecstudy.metrics.vector import LANES, even, lane_index, load, odd, prefetch, select, splat, store

SUMS = 6
"""Sums per channel: of the SSIM, artifact and detail-loss errors, then of their fourth powers."""
TILE = LANES * LANES
PAIR = 2 * LANES
IMAGES = 3
"""Images per channel that are blurred: value, square, product with the reference."""


class Workspace(NamedTuple):
    """Arrays that a pass over one scale uses; all float32 except ``edge``."""

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
        xyb=zeros(3, LANES, PAIR),
        columns=zeros(3 * IMAGES, PAIR, LANES),
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


@stage
def linear_from_pixels(pixels: Any, x: Any, y: Any, rows: Any, edge: Any, linear: Any) -> None:
    """Fill ``linear`` with the tile at (x, y) of the sRGB image; the last column is repeated beyond the image."""
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
def linear_from_planes(planes: Any, x: Any, y: Any, rows: Any, width: Any, linear: Any) -> None:
    """The same from linear RGB ``planes`` (3, height, at least width + 16)."""
    _, height, stride = planes.shape
    inside = lane_index() < width - x
    for c in range(3):
        for i in range(rows):
            row = (c * height + y + i) * stride
            value = select(inside, load(planes, row + x), planes[c, y + i, width - 1])
            store(linear, c * TILE + i * LANES, value)


@stage
def halve(linear: Any, x: Any, y: Any, rows: Any, halved: Any) -> None:
    """Average 2 x 2 pixels of the tile at (x, y) into ``halved``; an odd last row is repeated.

    Writes 8 columns and, after them, 8 that the next tile overwrites.
    """
    _, height, stride = halved.shape
    for c in range(3):
        for i in range(0, rows, 2):
            upper = load(linear, c * TILE + i * LANES)
            lower = load(linear, c * TILE + min(i + 1, rows - 1) * LANES)
            mean = (even(upper, upper) + odd(upper, upper) + even(lower, lower) + odd(lower, lower)) * 0.25
            store(halved, (c * height + (y + i) // 2) * stride + x // 2, mean)


@stage
def opsin(linear: Any, columns: Any, rows: Any, xyb: Any) -> None:
    """Fill the right tile of ``xyb``: zero outside the first ``columns`` columns and ``rows`` rows."""
    inside = lane_index() < columns
    for i in range(LANES):
        x, y, b = splat(0.0), splat(0.0), splat(0.0)
        if i < rows:
            x, y, b = positive_xyb(
                load(linear, i * LANES), load(linear, TILE + i * LANES), load(linear, 2 * TILE + i * LANES)
            )
        out = i * PAIR + LANES
        store(xyb, out, select(inside, x, 0.0))
        store(xyb, LANES * PAIR + out, select(inside, y, 0.0))
        store(xyb, 2 * LANES * PAIR + out, select(inside, b, 0.0))


@stage
def xyb_row(work: Any, channel: Any, strip: Any, i: Any) -> Any:
    """Row ``i`` of the output tile: 4 rows above and 4 columns left of the current tile."""
    if i < LAG:
        return load(work.last_rows, ((strip * 3 + channel) * LAG + i) * LANES)
    return load(work.xyb, (channel * LANES + i - LAG) * PAIR + LANES - LAG)
