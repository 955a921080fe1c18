"""PSNR-HVS-M against psnr_hvsm."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codecstudy.errors import ImageError
from codecstudy.metrics import psnr_hvs_m
from support.pictures import noisy, picture

PSNR_HVSM = (
    (8, 8, 0, 10, 49.4688856831572),
    (64, 80, 1, 3, 53.137323090393366),
    (192, 528, 2, 60, 19.480216298334664),
    (200, 104, 3, 0.5, 70.47835340921802),
    (120, 160, 4, 20, 29.577647172150556),
    (96, 96, 5, 120, 14.665277687429015),
)
"""Height, width and seed of a picture, strength of its noise, and the score: ``psnr_hvs_hvsm`` of psnr_hvsm 0.3.0
(NumPy backend, float64) on unrounded BT.601 luma."""


@pytest.mark.parametrize(("height", "width", "seed", "strength", "expected"), PSNR_HVSM)
def test_agrees_with_psnr_hvsm(height: int, width: int, seed: int, strength: float, expected: float) -> None:
    reference = picture(height, width, seed)
    score = psnr_hvs_m.prepare(reference).score(noisy(reference, strength))
    assert score == pytest.approx(expected, abs=1e-9)


@given(height=st.integers(8, 50), width=st.integers(8, 50), strength=st.floats(1, 60))
@settings(max_examples=15, deadline=None)
def test_ignores_pixels_that_fill_no_block_and_is_symmetric(height: int, width: int, strength: float) -> None:
    a = picture(height, width)
    b = noisy(a, strength)
    score = psnr_hvs_m.prepare(a).score(b)
    assert psnr_hvs_m.prepare(b).score(a) == score
    whole = slice(height // 8 * 8), slice(width // 8 * 8)
    assert psnr_hvs_m.prepare(a[whole]).score(b[whole]) == score


def test_an_error_of_the_mean_is_not_masked() -> None:
    a = np.full((16, 24, 3), 100, np.uint8)
    expected = 20 * math.log10(255 / (10 * 8 * 1.608443 / 8))
    assert psnr_hvs_m.prepare(a).score(a + np.uint8(10)) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(("height", "width"), [(7, 200), (200, 7)])
def test_refuses_images_smaller_than_a_block(height: int, width: int) -> None:
    with pytest.raises(ImageError, match=f"{width} x {height} pixels.*at least 8"):
        psnr_hvs_m.prepare(np.zeros((height, width, 3), np.uint8))
