"""PSNR against its formula."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codecstudy.metrics import psnr
from support import golden
from support.pictures import noisy, picture


@pytest.mark.parametrize("row", golden.rows()[::7], ids=lambda row: f"{row['image']} {row['distortion']}")
def test_agrees_with_the_table(row: dict[str, str]) -> None:
    reference = golden.image(row["image"])
    score = psnr.prepare(reference).score(golden.distort(row["distortion"], reference))
    assert score == pytest.approx(float(row["psnr_rgb"]), abs=1e-6)


@given(height=st.integers(1, 40), width=st.integers(1, 40), strength=st.floats(2, 90))
@settings(max_examples=25, deadline=None)
def test_is_the_formula_at_any_size_and_symmetric(height: int, width: int, strength: float) -> None:
    a = picture(height, width)
    b = noisy(a, strength)
    mse = np.mean((a.astype(np.float64) - b) ** 2)
    expected = 10 * math.log10(255**2 / mse) if mse else math.inf
    assert psnr.prepare(a).score(b) == pytest.approx(expected, rel=1e-12)
    assert psnr.prepare(b).score(a) == psnr.prepare(a).score(b)


def test_identical_images_are_infinitely_good_and_opposite_ones_score_0() -> None:
    black = np.zeros((700, 800, 3), np.uint8)
    assert psnr.prepare(black).score(black) == math.inf
    # The largest sum there is: more than 32 bits hold.
    assert psnr.prepare(black).score(~black) == 0.0
