"""Memory layout of rows of pixels: 16 vertical strips, interleaved, one strip per vector lane.

An image row of ``width`` pixels is cut into 16 strips of ``columns`` pixels. Column ``x = lane * columns + i``
is float ``16 * i + lane`` of the row, so that vector ``i`` holds the i-th column of every strip::

    strip 0: a b c d      strip 1: e f g h      ...      memory: a e ..  b f ..  c g ..  d h ..

Operations on a pixel and its neighbours, left and right as well as above and below, then become operations on whole
vectors: a horizontal filter is the vertical one with another stride, no load straddles a cache line, and no
shuffles are needed. Only the ends of the strips need extra work, because their neighbours are in the next lane:
:func:`wrap_strips` copies them into a halo of vectors on either side of the row.

The columns from ``width`` to ``16 * columns`` are *void*. Rows that a filter reads keep zeros there.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from codecstudy.metrics.kernels import routine, stage
from codecstudy.metrics.vector import LANES, load, store
from codecstudy.types import Pixels

Row = NDArray[np.float32]
"""16 * columns floats, interleaved, with or without a halo."""
Lanes = Any
"""A vector in registers: one column of every strip."""
Plane = NDArray[np.float32]
"""Rows of one channel: (rows, floats of a row)."""
Window = NDArray[np.float32]
"""Rows of several channels: (planes, rows, floats of a row)."""

HALO = 16
"""Vectors on either side of a row that is filtered: the largest radius."""


def aligned_zeros(*shape: int) -> NDArray[np.float32]:
    """Zeros aligned to a cache line, so that no vector of a row straddles two."""
    size = int(np.prod(shape))
    memory = np.zeros(size + LANES, np.float32)
    start = -(memory.ctypes.data // memory.itemsize) % LANES
    return memory[start : start + size].reshape(shape)


def strip_columns(width: int) -> int:
    """Columns of a strip: even, so that halving an image halves its strips, and at least 4."""
    return max(4, 2 * -(-width // (2 * LANES)))


def to_raster(rows: Plane, width: int) -> NDArray[np.float32]:
    """Undo the interleaving: float32 (height, 16 * columns) to (height, width)."""
    height, pitch = rows.shape
    strips = rows.reshape(height, pitch // LANES, LANES).transpose(0, 2, 1)
    return np.ascontiguousarray(strips.reshape(height, pitch)[:, :width])


@stage
def _lanes_inside(i: int, columns: int, width: int) -> int:
    """How many strips have a pixel in their column ``i``."""
    return min(LANES, max(0, (width - i + columns - 1) // columns))


@stage
def _mean4(
    values: Row, pixels: Pixels, above: int, below: int, left: int, right: int, channel: int
) -> np.float32:
    upper = values[pixels[above, left, channel]] + values[pixels[above, right, channel]]
    lower = values[pixels[below, left, channel]] + values[pixels[below, right, channel]]
    return (upper + lower) * np.float32(0.25)


@routine
def gather_row(values: Row, pixels: Pixels, y: int, red: Row, green: Row, blue: Row) -> None:
    """Look up each byte of image row ``y`` in ``values`` (256 entries) and distribute the pixels to the strips."""
    width = pixels.shape[1]
    columns = red.size // LANES
    for i in range(columns):
        lanes = _lanes_inside(i, columns, width)
        at = LANES * i
        for lane in range(lanes):
            x = lane * columns + i
            red[at + lane] = values[pixels[y, x, 0]]
            green[at + lane] = values[pixels[y, x, 1]]
            blue[at + lane] = values[pixels[y, x, 2]]
        for lane in range(lanes, LANES):
            red[at + lane] = green[at + lane] = blue[at + lane] = 0.0


@routine
def gather_halved_row(values: Row, pixels: Pixels, y: int, red: Row, green: Row, blue: Row) -> None:
    """Row ``y`` at half resolution: means of 2 x 2 looked up values; at an odd border, of those that exist."""
    height, width = pixels.shape[:2]
    columns = red.size // LANES
    above, below = 2 * y, min(2 * y + 1, height - 1)
    for i in range(columns):
        lanes = _lanes_inside(i, columns, (width + 1) // 2)
        at = LANES * i
        for lane in range(lanes):
            left = 2 * (lane * columns + i)
            right = min(left + 1, width - 1)
            red[at + lane] = _mean4(values, pixels, above, below, left, right, 0)
            green[at + lane] = _mean4(values, pixels, above, below, left, right, 1)
            blue[at + lane] = _mean4(values, pixels, above, below, left, right, 2)
        for lane in range(lanes, LANES):
            red[at + lane] = green[at + lane] = blue[at + lane] = 0.0


@routine
def fill_void(row: Row, start: int, columns: int, width: int, value: float) -> None:
    """Set the void columns of the row whose column 0 is at ``row[start]``."""
    lane = width // columns
    i = width - lane * columns
    while lane < LANES:
        row[start + LANES * i + lane] = value
        i += 1
        if i == columns:
            i = 0
            lane += 1


@routine
def wrap_strips(row: Row, start: int, columns: int, radius: int, outside: float) -> None:
    """Fill ``radius`` vectors on either side of a row with the strips' neighbours; ``outside`` beyond them."""
    for k in range(1, radius + 1):
        lanes = (k + columns - 1) // columns
        to = start - LANES * k
        store(row, to, load(row, to + LANES * columns * lanes - lanes))
        for lane in range(min(lanes, LANES)):
            row[to + lane] = outside

        i = columns - 1 + k
        lanes = i // columns
        to = start + LANES * i
        store(row, to, load(row, to - LANES * columns * lanes + lanes))
        for lane in range(max(0, LANES - lanes), LANES):
            row[to + lane] = outside


@routine
def mirror_edges(row: Row, start: int, columns: int, width: int, radius: int) -> None:
    """Continue a wrapped row beyond the image: column -1 repeats column 0, -2 column 1, and so on."""
    for k in range(radius):
        row[start - LANES * (1 + k)] = row[start + LANES * k]
        lane = (width - 1 - k) // columns
        edge = row[start + LANES * (width - 1 - k - lane * columns) + lane]
        last = (width - 1) // columns
        for lane in range(max(0, last - 1), last + 1):
            i = width + k - lane * columns
            if i < columns + radius:
                row[start + LANES * i + lane] = edge


@routine
def scale_edges(row: Row, columns: int, width: int, scale: Row, radius: int) -> None:
    """Multiply the first and the last ``radius`` columns of a row by their entries in ``scale``."""
    for first, end in ((0, min(radius, width)), (max(min(radius, width), width - radius), width)):
        lane = first // columns
        i = first - lane * columns
        for x in range(first, end):
            row[LANES * i + lane] *= scale[x]
            i += 1
            if i == columns:
                i = 0
                lane += 1
