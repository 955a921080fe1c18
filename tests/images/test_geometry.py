"""Resizing keeps the aspect ratio and never enlarges."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codecstudy.images import fitted_size, resize
from support.image_files import colours

EDGES = st.integers(1, 40000)


@given(EDGES, EDGES, EDGES)
def test_the_longest_edge_is_the_one_asked_for(width: int, height: int, edge: int) -> None:
    size = fitted_size(width, height, edge)
    if edge > max(width, height):
        assert size is None
        return
    assert size is not None
    assert max(size) == edge
    assert (size[0] >= size[1]) == (width >= height) or size[0] == size[1]
    for fitted, original in zip(size, (width, height), strict=True):
        exact = Fraction(original * edge, max(width, height))
        assert fitted == max(1, (2 * exact + 1) // 2)


@pytest.mark.parametrize(
    ("size", "edge", "expected"),
    [
        ((768, 512), 384, (384, 256)),
        ((512, 768), 384, (256, 384)),
        ((100, 25), 10, (10, 3)),  # 2.5 goes up
        ((1000, 1), 10, (10, 1)),
        ((300, 200), 300, (300, 200)),
        ((300, 200), 301, None),
        ((1, 1), 1, (1, 1)),
    ],
)
def test_known_sizes(size: tuple[int, int], edge: int, expected: tuple[int, int] | None) -> None:
    assert fitted_size(*size, edge) == expected


@pytest.mark.parametrize("edge", [0, -5])
def test_an_edge_without_pixels_is_an_error(edge: int) -> None:
    with pytest.raises(ValueError, match="at least 1 pixel"):
        fitted_size(10, 10, edge)


def test_resizing_makes_canonical_pixels() -> None:
    small = resize(colours(40, 60), 20)
    assert small is not None
    assert small.shape == (13, 20, 3)
    assert small.dtype == np.uint8
    assert small.flags.c_contiguous
    assert small.flags.writeable


def test_a_smaller_image_is_not_enlarged_and_an_equal_one_not_touched() -> None:
    pixels = colours(40, 60)
    assert resize(pixels, 61) is None
    assert resize(pixels, 60) is pixels


def test_a_flat_image_stays_flat_and_a_gradient_a_gradient() -> None:
    flat = resize(np.full((50, 80, 3), 77, np.uint8), 16)
    assert flat is not None
    assert (flat == 77).all()
    ramp = np.repeat(np.repeat(np.arange(0, 240, 2, dtype=np.uint8)[np.newaxis, :, np.newaxis], 30, 0), 3, 2)
    small = resize(ramp, 30)
    assert small is not None
    inner = small[2, 3:-3, 0].astype(int)
    assert np.array_equal(np.diff(inner), np.full(len(inner) - 1, 8))


def test_views_are_taken_too() -> None:
    pixels = colours(40, 60)
    turned = resize(pixels[:, ::-1], 30)
    copied = resize(pixels[:, ::-1].copy(), 30)
    assert np.array_equal(turned, copied)
