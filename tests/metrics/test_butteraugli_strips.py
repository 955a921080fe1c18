"""The interleaved strips, the blurs on them and Malta's lines, each by itself."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from codecstudy.metrics.butteraugli import blur, malta, strips
from codecstudy.metrics.butteraugli.streaming import Scales, scales_for
from codecstudy.metrics.butteraugli.windows import BAND, windows_for
from codecstudy.metrics.vector import LANES
from support import butteraugli_oracle as oracle

WIDTHS = (8, 9, 16, 31, 64, 100, 129, 512)


def to_strips(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Interleave raster rows, void columns zero."""
    height, width = rows.shape
    columns = strips.strip_columns(width)
    padded = np.zeros((height, LANES * columns), np.float32)
    padded[:, :width] = rows
    return np.ascontiguousarray(padded.reshape(height, LANES, columns).transpose(0, 2, 1)).reshape(height, -1)


@pytest.mark.parametrize("width", WIDTHS)
def test_gathered_rows_come_back_as_the_raster(width: int) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (2, width, 3), dtype=np.uint8)
    values = np.arange(256, dtype=np.float32)
    columns = strips.strip_columns(width)
    assert columns % 2 == 0
    assert LANES * columns >= width
    channels = strips.aligned_zeros(3, 1, LANES * columns)
    strips.gather_row(values, pixels, 1, channels[0, 0], channels[1, 0], channels[2, 0])
    for channel in range(3):
        assert (strips.to_raster(channels[channel], width)[0] == pixels[1, :, channel]).all()
        assert np.count_nonzero(channels[channel]) == np.count_nonzero(pixels[1, :, channel])


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("radius", [1, 4, 16])
def test_wrapped_rows_hold_every_neighbour(width: int, radius: int) -> None:
    line = np.arange(1, width + 1, dtype=np.float32)
    columns = strips.strip_columns(width)
    start = strips.HALO * LANES
    row = strips.aligned_zeros(LANES * (columns + 2 * strips.HALO))
    row[start : start + LANES * columns] = to_strips(line[None])[0]
    strips.wrap_strips(row, start, columns, radius, -1.0)
    vectors = row.reshape(-1, LANES)[strips.HALO - radius : strips.HALO + columns + radius]
    for lane in range(LANES):
        for i, value in enumerate(vectors[:, lane], start=lane * columns - radius):
            inside = 0 <= i < LANES * columns
            assert value == (line[i] if 0 <= i < width else 0 if inside else -1)


@pytest.mark.parametrize("size", [(8, 8), (20, 33), (40, 129)])
@pytest.mark.parametrize("sigma", [blur.SIGMA_LOW, blur.SIGMA_MID, blur.SIGMA_HIGH, blur.SIGMA_MASK])
def test_blur_renormalises_at_the_borders(size: tuple[int, int], sigma: float) -> None:
    height, width = size
    plane = np.random.default_rng(1).normal(0, 50, size).astype(np.float32)
    field = Scales._fields[[blur.SIGMA_LOW, blur.SIGMA_MID, blur.SIGMA_HIGH, blur.SIGMA_MASK].index(sigma)]
    radius, columns = blur.radius_of(sigma), strips.strip_columns(width)
    windows = windows_for(columns)
    margin = np.zeros((radius, LANES * columns), np.float32)
    tail = np.zeros((BAND, LANES * columns), np.float32)
    padded = np.concatenate([margin, to_strips(plane), margin, tail])
    for y in range(0, height, BAND):
        window = np.ascontiguousarray(padded[y : y + BAND + 2 * radius])[None]
        scales = getattr(scales_for(height), field), getattr(scales_for(width), field)
        blur.blur(window, 1, y, height, width, LANES * columns, *scales, windows.scratch, windows.bands)
        found = strips.to_raster(np.ascontiguousarray(windows.bands[0, :, : LANES * columns]), width)
        expected = oracle.blur(plane.astype(np.float64), sigma)[y : y + BAND]
        np.testing.assert_allclose(found[: len(expected)], expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("lines", [malta.LINES_FULL, malta.LINES_SPARSE])
def test_malta_has_sixteen_lines_that_mirror_each_other(lines: list[malta.Line]) -> None:
    assert len(lines) == 16
    assert sorted(tuple((dy, -dx) for dy, dx in line) for line in lines[2:]) == sorted(lines[2:])
    assert all(max(abs(dy), abs(dx)) <= malta.REACH for line in lines for dy, dx in line)
