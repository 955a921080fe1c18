"""SSIM against scikit-image."""

from __future__ import annotations

import numpy as np
import pytest

from codecstudy.errors import ImageError
from codecstudy.metrics import ssim
from support import golden
from support.pictures import noisy, picture

Pixels = golden.Pixels


def scikit_image_ssim(a: Pixels, b: Pixels) -> float:
    metrics = pytest.importorskip("skimage.metrics")
    bt601 = np.array([0.299, 0.587, 0.114])
    return float(
        metrics.structural_similarity(
            a @ bt601,
            b @ bt601,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            data_range=255,
        )
    )


@pytest.mark.parametrize("image", ["astronaut", "chelsea", "text", "astronaut[60:73,180:211]"])
@pytest.mark.parametrize("distortion", ["blur", "noise", "redshift"])
def test_agrees_with_scikit_image(image: str, distortion: str) -> None:
    reference = golden.image(image)
    distorted = golden.distort(distortion, reference)
    expected = scikit_image_ssim(reference, distorted)
    assert ssim.prepare(reference).score(distorted) == pytest.approx(expected, abs=2e-6)


@pytest.mark.parametrize(("height", "width"), [(11, 11), (11, 90), (90, 11), (15, 16), (31, 27), (12, 107)])
def test_agrees_with_scikit_image_at_small_and_odd_sizes(height: int, width: int) -> None:
    reference = picture(height, width)
    distorted = noisy(reference, 12)
    expected = scikit_image_ssim(reference, distorted)
    assert ssim.prepare(reference).score(distorted) == pytest.approx(expected, abs=2e-6)


def test_identical_images_score_exactly_1_and_swapped_ones_the_same() -> None:
    a = picture(50, 60)
    b = noisy(a, 20)
    assert ssim.prepare(a).score(a) == 1.0
    assert ssim.prepare(a).score(b) == pytest.approx(ssim.prepare(b).score(a), abs=1e-7)


@pytest.mark.parametrize(("height", "width"), [(10, 200), (200, 10)])
def test_refuses_images_smaller_than_its_window(height: int, width: int) -> None:
    with pytest.raises(ImageError, match=f"{width} x {height} pixels.*at least 11"):
        ssim.prepare(np.zeros((height, width, 3), np.uint8))
