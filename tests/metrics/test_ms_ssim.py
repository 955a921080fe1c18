"""MS-SSIM against TensorFlow's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codecstudy.errors import ImageError
from codecstudy.metrics import ms_ssim
from support.pictures import noisy, picture

TENSORFLOW = (
    (176, 176, 0, 10, 0.98744136095047),
    (192, 256, 1, 3, 0.9987649321556091),
    (190, 533, 2, 60, 0.8302291631698608),
    (777, 201, 3, 0.5, 0.9999513626098633),
    (301, 530, 4, 20, 0.9575930833816528),
)
"""Height, width and seed of a picture, strength of its noise, and the score: ``tf.image.ssim_multiscale`` of
TensorFlow 2.21.0 with its defaults, on unrounded BT.601 luma. It computes in float32."""


@pytest.mark.parametrize(("height", "width", "seed", "strength", "expected"), TENSORFLOW)
def test_agrees_with_tensorflow(height: int, width: int, seed: int, strength: float, expected: float) -> None:
    reference = picture(height, width, seed)
    score = ms_ssim.prepare(reference).score(noisy(reference, strength))
    assert score == pytest.approx(expected, abs=1e-6)


def formula(a: np.ndarray, b: np.ndarray) -> float:
    """The definition, in float64."""
    ndimage = pytest.importorskip("scipy.ndimage")
    window = np.exp(-0.5 * (np.arange(-5, 6) / 1.5) ** 2)
    window /= window.sum()

    def mean(image: np.ndarray) -> np.ndarray:
        rows = ndimage.correlate1d(image, window, axis=0)
        return np.asarray(ndimage.correlate1d(rows, window, axis=1)[5:-5, 5:-5])

    def halved(image: np.ndarray) -> np.ndarray:
        height, width = image.shape
        even = np.pad(image, ((0, height % 2), (0, width % 2)), mode="edge")
        return np.asarray((even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]) / 4)

    x, y = (image @ np.array([0.299, 0.587, 0.114]) for image in (a, b))
    score = 1.0
    for k, weight in enumerate((0.0448, 0.2856, 0.3001, 0.2363, 0.1333)):
        mu_x, mu_y = mean(x), mean(y)
        s_xx, s_yy, s_xy = mean(x * x) - mu_x**2, mean(y * y) - mu_y**2, mean(x * y) - mu_x * mu_y
        similarity = (2 * s_xy + 7.65**2) / (s_xx + s_yy + 7.65**2)
        if k == 4:
            similarity *= (2 * mu_x * mu_y + 2.55**2) / (mu_x**2 + mu_y**2 + 2.55**2)
        score *= max(similarity.mean(), 0) ** weight
        x, y = halved(x), halved(y)
    return float(score)


@given(
    height=st.integers(176, 300),
    width=st.integers(176, 300),
    seed=st.integers(0, 9),
    strength=st.floats(0.5, 90),
)
@settings(max_examples=8, deadline=None)
def test_is_the_formula_at_any_size(height: int, width: int, seed: int, strength: float) -> None:
    reference = picture(height, width, seed)
    distorted = noisy(reference, strength)
    assert ms_ssim.prepare(reference).score(distorted) == pytest.approx(
        formula(reference, distorted), abs=1e-6
    )


def test_is_symmetric_and_0_where_structures_are_opposite() -> None:
    a = picture(180, 200)
    b = noisy(a, 20)
    assert ms_ssim.prepare(a).score(b) == pytest.approx(ms_ssim.prepare(b).score(a), abs=1e-7)
    assert ms_ssim.prepare(a).score(~a) == 0.0


@pytest.mark.parametrize(("height", "width"), [(175, 400), (400, 175)])
def test_refuses_images_smaller_than_its_window_at_the_smallest_scale(height: int, width: int) -> None:
    with pytest.raises(ImageError, match=f"{width} x {height} pixels.*at least 176"):
        ms_ssim.prepare(np.zeros((height, width, 3), np.uint8))
