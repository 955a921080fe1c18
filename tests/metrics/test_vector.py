"""The vector type against numpy's float32 arithmetic, which rounds the same way."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numba import njit

from codecstudy.metrics import vector as v

RNG = np.random.default_rng(7)
A = RNG.normal(size=16).astype(np.float32)
B = RNG.normal(size=16).astype(np.float32)
C = RNG.normal(size=16).astype(np.float32)


def run(kernel: Any, *arrays: np.ndarray) -> np.ndarray:
    """What ``kernel(a, b, c, out)`` writes to 16 floats."""
    out = np.zeros(16, np.float32)
    kernel(*(arrays or (A, B, C)), out)
    return out


def test_operators_round_as_numpy_does() -> None:
    @njit
    def kernel(a: Any, b: Any, c: Any, out: Any) -> None:
        x, y, z = v.load(a, 0), v.load(b, 0), v.load(c, 0)
        v.store(out, 0, -(x + y) * z / (x - 2.5) + 3)

    expected = -(A + B) * C / (A - np.float32(2.5)) + np.float32(3)
    np.testing.assert_array_equal(run(kernel), expected)


def test_nothing_is_contracted_and_fma_rounds_once() -> None:
    @njit
    def two_roundings(a: Any, b: Any, c: Any, out: Any) -> None:
        v.store(out, 0, v.load(a, 0) * v.load(b, 0) + v.load(c, 0))

    @njit
    def one_rounding(a: Any, b: Any, c: Any, out: Any) -> None:
        v.store(out, 0, v.fma(v.load(a, 0), v.load(b, 0), v.load(c, 0)))

    # (1 + e)(1 - e) - 1 = -e^2, which the separately rounded product loses.
    e = np.float32(2.0**-13)
    a, b, c = np.full(16, 1 + e), np.full(16, 1 - e), np.full(16, np.float32(-1))
    assert (run(two_roundings, a, b, c) == 0).all()
    np.testing.assert_array_equal(run(one_rounding, a, b, c), -e * e)


def test_comparisons_and_select() -> None:
    @njit
    def kernel(a: Any, b: Any, c: Any, out: Any) -> None:
        x, y = v.load(a, 0), v.load(b, 0)
        inside = (x > -0.5) & (x <= 0.5) | (y != y)
        v.store(out, 0, v.select(inside, y, -1.0))

    with_nan = B.copy()
    with_nan[3] = np.nan
    expected = np.where(((A > -0.5) & (A <= 0.5)) | np.isnan(with_nan), with_nan, np.float32(-1))
    np.testing.assert_array_equal(run(kernel, A, with_nan, C), expected)


def test_minimum_maximum_absolute_sqrt() -> None:
    @njit
    def kernel(a: Any, b: Any, c: Any, out: Any) -> None:
        x = v.maximum(v.load(a, 0), v.load(b, 0)) - v.minimum(v.load(c, 0), 0.25)
        v.store(out, 0, v.sqrt(v.absolute(x)))

    expected = np.sqrt(np.abs(np.maximum(A, B) - np.minimum(C, np.float32(0.25))))
    np.testing.assert_array_equal(run(kernel), expected)


def test_bits_and_integers() -> None:
    @njit
    def kernel(a: Any, b: Any, c: Any, out: Any) -> None:
        exponent = (v.bits(v.load(a, 0)) >> 23) & 255
        v.store(out, 0, v.from_bits((exponent + v.lane_index()) * 8388608))
        v.store(out, 0, v.load(out, 0) + v.to_float(v.to_int(v.load(b, 0) * 100.0)))

    exponent = (A.view(np.int32) >> 23) & 255
    scaled = ((exponent + np.arange(16, dtype=np.int32)) * 8388608).view(np.float32)
    np.testing.assert_array_equal(run(kernel), scaled + np.trunc(B * np.float32(100)))


def test_memory_access_is_by_flat_index() -> None:
    @njit
    def kernel(image: Any, out: Any) -> None:
        r, g, b = v.load_rgb(image, 6)
        v.store(out, 0, v.to_float(r))
        v.store(out, 16, v.to_float(g))
        v.store(out, 32, v.to_float(b))
        v.store(out, 48, v.to_float(v.load_bytes(image, 5)))

    image = RNG.integers(0, 256, (9, 8, 3), dtype=np.uint8)
    out = np.zeros((4, 16), np.float32)
    kernel(image, out)
    np.testing.assert_array_equal(out[:3], image.reshape(-1, 3)[2:18].T)
    np.testing.assert_array_equal(out[3], image.ravel()[5:21])


def test_transpose_turns_a_tile_in_place_and_elsewhere() -> None:
    @njit
    def kernel(source: Any, target: Any) -> None:
        v.transpose(source, 20, 20, target, 3, 30)
        v.transpose(source, 20, 20, source, 20, 20)

    source = RNG.normal(size=(17, 20)).astype(np.float32)
    before = source.copy()
    target = np.zeros((16, 30), np.float32)
    kernel(source, target)
    np.testing.assert_array_equal(target[:, 3:19], before[1:, :16].T)
    np.testing.assert_array_equal(source[1:, :16], before[1:, :16].T)
    np.testing.assert_array_equal(source[:, 16:], before[:, 16:])


def test_total_and_largest() -> None:
    @njit
    def kernel(a: Any) -> tuple[float, float]:
        return v.total(v.load(a, 0)), v.largest(v.load(a, 0))

    total, largest = kernel(A)
    assert total == pytest.approx(A.astype(np.float64).sum(), rel=1e-14)
    assert largest == A.max()
