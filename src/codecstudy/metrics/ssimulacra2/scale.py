"""One scale of one image: from pixels to the sums of its error maps in a single pass over 16 x 16 tiles.

A tile goes through all stages while it is in the first-level cache: linear RGB, its half for the next scale, XYB,
blur along rows, blur along columns, error maps. The output tile of the blurs is 4 columns left of the input tile
and 4 rows above it; the parts of earlier tiles that they still need are kept in :class:`.tiles.Workspace`, per row
(``columns``, ``row_memory``) and per strip of 16 columns (``strips``, ``last_rows``).

The reference goes through the same stages once. The values that the maps need are written to ``prepared`` in the
order in which they will be read: tile by tile, channel by channel; for a channel with an SSIM map the value
(transposed, as in the input), the edge strength, the mean and the variance, otherwise only the edge strength.
"""

# numba's annotations are incomplete.
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

from typing import Any

from numba import types

from codecstudy.metrics.kernels import kernel, stage
from codecstudy.metrics.ssimulacra2.blur import LAG, blur_columns, blur_rows
from codecstudy.metrics.ssimulacra2.maps import (
    AHEAD,
    EDGES,
    EDGES_AND_SSIM,
    NOTHING,
    add_errors,
    write_reference,
)
from codecstudy.metrics.ssimulacra2.tiles import (
    IMAGES,
    PAIR,
    SUMS,
    TILE,
    Workspace,
    halve,
    linear_from_pixels,
    linear_from_planes,
    opsin,
    xyb_row,
)
from codecstudy.metrics.vector import LANES, lane_index, load, prefetch, store, total, transpose


@stage
def _take_in(work: Any, channel: Any, x: Any, part: Any, preparing: Any, prepared: Any, p: Any) -> Any:
    """Turn the channel's tile into ``work.columns``, with its square and its product with the reference.

    Returns the number of these images. An SSIM map's reference is written to ``prepared`` at ``p``, or read.
    """
    here = (channel * IMAGES * PAIR + (x & (PAIR - 1))) * LANES
    transpose(work.xyb, channel * LANES * PAIR + LANES, PAIR, work.columns, here, LANES)
    if part == EDGES:
        return 1
    for i in range(0, TILE, LANES):
        value = load(work.columns, here + i)
        store(work.columns, here + PAIR * LANES + i, value * value)
        if preparing:
            store(prepared, p + i, value)
        else:
            product = value * load(prepared, p + i)
            prefetch(prepared, p + AHEAD + i)
            store(work.columns, here + 2 * PAIR * LANES + i, product)
    return 2 if preparing else 3


@stage
def _remember(work: Any, channel: Any, strip: Any) -> None:
    """Keep the XYB values that later output tiles need: 4 rows for the band below, the tile for the next strip."""
    for i in range(LAG):
        last = xyb_row(work, channel, strip, LANES + i)
        store(work.last_rows, ((strip * 3 + channel) * LAG + i) * LANES, last)
    for row in range(channel * LANES * PAIR, (channel + 1) * LANES * PAIR, PAIR):
        store(work.xyb, row, load(work.xyb, row + LANES))


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
    bands: Any,
    full_scale: Any,
    parts: Any,
    halved: Any,
    prepared: Any,
    preparing: Any,
    work: Any,
    sums: Any,
) -> None:
    """Process bands of one image at one scale: the reference to ``prepared``, or a distorted one to ``sums``.

    The image is ``pixels``, uint8 (height, width, 3), at full scale and otherwise ``planes``, linear RGB float32
    (3, height, at least width + 16); ``size`` is its (height, width) and ``parts`` the parts that are needed of its
    three channels. ``bands`` is the first band of 16 rows and the one after the last. ``prepared`` begins with the
    first of them. Bands may be passed over in several calls, from top to bottom, with the same ``work``.
    If ``halved`` has rows, the next scale's linear RGB is written to it. The sums of each channel
    described at ``SUMS`` are added to ``sums``, float64 (3, 6).
    """
    height, width = size
    across = (width + LAG + LANES - 1) // LANES
    if bands[0] == 0:
        work.strips[:] = 0.0
    p = 0
    for band in range(bands[0], bands[1]):
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
                    linear_from_pixels(pixels, x, y, rows, work.edge, work.linear)
                else:
                    linear_from_planes(planes, x, y, rows, width, work.linear)
                if halved.shape[1] > 0:
                    halve(work.linear, x, y, rows, halved)
            opsin(work.linear, width - x, rows, work.xyb)
            for channel in range(3):
                part = parts[channel]
                if part == NOTHING:
                    continue
                images = _take_in(work, channel, x, part, preparing, prepared, p)
                if part == EDGES_AND_SSIM:
                    p += TILE
                for k in range(images):
                    image = channel * IMAGES + k
                    blur_rows(work.columns, image, x, width, work.row_memory, work.tile)
                    blur_columns(work.tile, work.strips, strip * 3 * IMAGES + image, work.blurred, k * TILE)
                if preparing:
                    write_reference(work, channel, strip, part, prepared, p)
                else:
                    add_errors(work, channel, strip, part, inside, first, stop, prepared, p)
                p += 3 * TILE if part == EDGES_AND_SSIM else TILE
                _remember(work, channel, strip)
        for channel in range(3):
            for k in range(SUMS):
                sums[channel, k] += total(load(work.sums, (channel * SUMS + k) * LANES))
