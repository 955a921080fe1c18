"""CIEDE2000 against the authors' test data and scikit-image."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codecstudy.metrics import ciede2000
from support import golden
from support.pictures import noisy, picture

SHARMA = """
50.0000   2.6772 -79.7751 50.0000   0.0000 -82.7485  2.0425
50.0000   3.1571 -77.2803 50.0000   0.0000 -82.7485  2.8615
50.0000   2.8361 -74.0200 50.0000   0.0000 -82.7485  3.4412
50.0000  -1.3802 -84.2814 50.0000   0.0000 -82.7485  1.0000
50.0000  -1.1848 -84.8006 50.0000   0.0000 -82.7485  1.0000
50.0000  -0.9009 -85.5211 50.0000   0.0000 -82.7485  1.0000
50.0000   0.0000   0.0000 50.0000  -1.0000   2.0000  2.3669
50.0000  -1.0000   2.0000 50.0000   0.0000   0.0000  2.3669
50.0000   2.4900  -0.0010 50.0000  -2.4900   0.0009  7.1792
50.0000   2.4900  -0.0010 50.0000  -2.4900   0.0010  7.1792
50.0000   2.4900  -0.0010 50.0000  -2.4900   0.0011  7.2195
50.0000   2.4900  -0.0010 50.0000  -2.4900   0.0012  7.2195
50.0000  -0.0010   2.4900 50.0000   0.0009  -2.4900  4.8045
50.0000  -0.0010   2.4900 50.0000   0.0010  -2.4900  4.8045
50.0000  -0.0010   2.4900 50.0000   0.0011  -2.4900  4.7461
50.0000   2.5000   0.0000 50.0000   0.0000  -2.5000  4.3065
50.0000   2.5000   0.0000 73.0000  25.0000 -18.0000 27.1492
50.0000   2.5000   0.0000 61.0000  -5.0000  29.0000 22.8977
50.0000   2.5000   0.0000 56.0000 -27.0000  -3.0000 31.9030
50.0000   2.5000   0.0000 58.0000  24.0000  15.0000 19.4535
50.0000   2.5000   0.0000 50.0000   3.1736   0.5854  1.0000
50.0000   2.5000   0.0000 50.0000   3.2972   0.0000  1.0000
50.0000   2.5000   0.0000 50.0000   1.8634   0.5757  1.0000
50.0000   2.5000   0.0000 50.0000   3.2592   0.3350  1.0000
60.2574 -34.0099  36.2677 60.4626 -34.1751  39.4387  1.2644
63.0109 -31.0961  -5.8663 62.8187 -29.7946  -4.0864  1.2630
61.2901   3.7196  -5.3901 61.4292   2.2480  -4.9620  1.8731
35.0831 -44.1164   3.7933 35.0232 -40.0716   1.5901  1.8645
22.7233  20.0904 -46.6940 23.0331  14.9730 -42.5619  2.0373
36.4612  47.8580  18.3852 36.2715  50.5065  21.2231  1.4146
90.8027  -2.0831   1.4410 91.1528  -1.6435   0.0447  1.4441
90.9257  -0.5406  -0.9208 88.6381  -0.8985  -0.7239  1.5381
 6.7747  -0.2908  -2.4247  5.8714  -0.0985  -2.2286  0.6377
 2.0776   0.0795  -1.1350  0.9033  -0.0636  -0.5514  0.9082
"""
"""L, a, b of two colours, and their difference: table 1 of Sharma, Wu, Dalal 2005."""


def test_agrees_with_the_authors_test_data() -> None:
    pairs = np.array([[float(number) for number in line.split()] for line in SHARMA.split("\n")[1:-1]])
    assert pairs.shape == (34, 7)
    lab = np.zeros((6, 48), np.float32)
    lab[:, :34] = pairs[:, :6].T
    found = np.zeros(48, np.float32)
    ciede2000.differences(lab[:3], lab[3:], found)
    assert found[:34] == pytest.approx(pairs[:, 6], abs=1e-4)


def scikit_image_differences(a: golden.Pixels, b: golden.Pixels) -> np.ndarray:
    color = pytest.importorskip("skimage.color")
    return np.asarray(color.deltaE_ciede2000(color.rgb2lab(a), color.rgb2lab(b)))


@given(height=st.integers(1, 70), width=st.integers(1, 70), seed=st.integers(0, 99), random=st.booleans())
@settings(max_examples=20, deadline=None)
def test_agrees_with_scikit_image_at_any_size(height: int, width: int, seed: int, random: bool) -> None:
    a = picture(height, width, seed)
    b = np.random.default_rng(seed).integers(0, 256, a.shape, np.uint8) if random else noisy(a, seed / 4)
    expected = scikit_image_differences(a, b)
    mean, high = ciede2000.prepare(a).score(b)
    assert mean == pytest.approx(expected.mean(), abs=1e-4)
    # The smallest of the differences that at least 95 % do not exceed, rounded up to the next 1/1024.
    percentile = np.sort(expected.ravel())[math.ceil(0.95 * expected.size) - 1]
    assert -5e-4 <= high - percentile <= 1 / 1024 + 5e-4


@pytest.mark.parametrize("distortion", sorted(golden.DISTORTIONS))
def test_agrees_with_scikit_image_on_a_photograph(distortion: str) -> None:
    a = golden.image("coffee[100:230,200:371]")
    b = golden.distort(distortion, a)
    mean, _ = ciede2000.prepare(a).score(b)
    assert mean == pytest.approx(scikit_image_differences(a, b).mean(), abs=2e-5)


def test_is_symmetric() -> None:
    a = picture(50, 60)
    b = noisy(a, 40)
    assert ciede2000.prepare(a).score(b) == pytest.approx(ciede2000.prepare(b).score(a), abs=1e-5)


def test_one_pixel_in_twenty_is_what_the_percentile_leaves_out() -> None:
    a = np.full((10, 20, 3), 128, np.uint8)
    b = a.copy()
    b[0, :10] = 255
    assert ciede2000.prepare(a).score(b)[1] == 0.0
    b[0, 10] = 255
    assert ciede2000.prepare(a).score(b)[1] > 20.0
