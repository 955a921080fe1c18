"""SSIMULACRA2 written down plainly, whole images at a time, to hold the tiled kernels against.

Independent of them but for the weights. Follows libjxl's float32 recursions, because their rounding shows in
the score; a fused multiply-add is a float64 one rounded to float32.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from codecstudy.metrics.ssimulacra2.pooling import weights

Plane = NDArray[np.float32]
F = np.float32


def fma(a: Plane | np.float32, b: Plane | np.float32, c: Plane | np.float32) -> Plane:
    return (np.float64(a) * np.float64(b) + np.float64(c)).astype(F)


def linear_rgb(pixels: NDArray[np.uint8]) -> Plane:
    x = pixels.astype(np.float64) / 255
    return np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4).astype(F)


def xyb(linear: Plane) -> Plane:
    matrix = np.array([[0.3, 0.622, 0.078], [0.23, 0.692, 0.078], [0, 0, 0]])
    matrix[2] = 0.24342268924547819, 0.20476744424496821, 1 - 0.24342268924547819 - 0.20476744424496821
    bias = 0.0037930732552754493
    lms = (np.cbrt(linear @ matrix.T + bias) - np.cbrt(bias)).astype(F)
    x, y = (lms[..., 0] - lms[..., 1]) / 2, (lms[..., 0] + lms[..., 1]) / 2
    return np.stack([x * F(14) + F(0.42), y + F(0.01), (lms[..., 2] - y) + F(0.55)]).astype(F)


def recursion() -> list[tuple[float, float]]:
    """(n2, d1) of the three cosines: the input's factor and the last output's, negated."""
    radius, sigma = 5, 1.5
    omega = np.array([1, 3, 5]) * math.pi / (2 * radius)
    p = np.array([1, -1, 1]) / np.tan(omega / 2)
    r = np.array([1, -1, 1]) * p**2 / np.sin(omega)
    rho = np.exp(-0.5 * sigma**2 * omega**2) / radius
    zeta = np.cross(p, r)
    zeta /= zeta[2]
    beta = np.linalg.solve([p, r, zeta], [1, radius**2 - sigma**2, zeta @ rho])
    return [(-b * math.cos(w * (radius + 1)), -2 * math.cos(w)) for b, w in zip(beta, omega, strict=True)]


def blur_columns(image: Plane) -> Plane:
    height, width = image.shape
    padded = np.zeros((height + 20, width), F)
    padded[10 : 10 + height] = image
    outputs = np.zeros((3, height + 20, width), F)
    for k, (n2, d1) in enumerate(recursion()):
        o = outputs[k]
        for n in range(-4, height):
            s = padded[n + 4] + padded[n + 14]
            o[n + 10] = fma(F(n2), s, fma(-F(d1), o[n + 9], -o[n + 8]))
    return (outputs[0] + (outputs[1] + outputs[2]))[10 : 10 + height]


def blur_rows(image: Plane) -> Plane:
    width = image.shape[1]
    padded = np.zeros((width + 20, image.shape[0]), F)
    padded[10 : 10 + width] = image.T
    outputs = np.zeros((3, width + 20, image.shape[0]), F)
    for k, (n2, d1) in enumerate(recursion()):
        d2 = d1 * d1
        inputs = [F(v) for v in (n2, -d1 * n2, d2 * n2 - n2, -d2 * d1 * n2 + 2 * d1 * n2)]
        last = [F(v) for v in (-d1, d2 - 1, -d2 * d1 + 2 * d1, d2 * d2 - 3 * d2 + 1)]
        before = [F(v) for v in (-1, d1, 1 - d2, d2 * d1 - 2 * d1)]
        o = outputs[k]
        n = -4
        while n < width:
            amid = 8 <= n < width - 7
            for lane in range(4 if amid else 1):
                value = np.zeros_like(o[0])
                for i in range(lane + 1):
                    value = fma(inputs[lane - i], padded[n + i + 4] + padded[n + i + 14], value)
                value = fma(before[lane], o[n + 8], value)
                o[n + lane + 10] = fma(last[lane], o[n + 9], value)
            n += 4 if amid else 1
    return (outputs[0] + (outputs[1] + outputs[2]))[10 : 10 + width].T


def blur(image: Plane) -> Plane:
    return blur_columns(np.ascontiguousarray(blur_rows(image)))


def norms(error: NDArray[np.float64]) -> tuple[float, float]:
    return float(error.mean()), float((error**4).mean() ** 0.25)


def channel_norms(a: Plane, b: Plane) -> NDArray[np.float64]:
    """(norm, map) of one component at one scale."""
    mu1, mu2 = blur(a), blur(b)
    s11, s22, s12 = blur(a * a), blur(b * b), blur(a * b)
    luminance = F(1) - (mu1 - mu2) ** 2
    numerator = F(2) * (s12 - mu1 * mu2) + F(0.0009)
    denominator = (s11 - mu1 * mu1) + (s22 - mu2 * mu2) + F(0.0009)
    ssim = np.maximum(0, 1 - np.float64(luminance * numerator / denominator))
    edges = (1 + np.abs(np.float64(b - mu2))) / (1 + np.abs(np.float64(a - mu1))) - 1
    return np.array([norms(ssim), norms(np.maximum(edges, 0)), norms(np.maximum(-edges, 0))]).T


def halve(linear: Plane) -> Plane:
    padded = np.pad(linear, ((0, linear.shape[0] % 2), (0, linear.shape[1] % 2), (0, 0)), mode="edge")
    quarters = padded[::2, ::2] + padded[::2, 1::2] + padded[1::2, ::2] + padded[1::2, 1::2]
    return quarters * F(0.25)


def score(reference: NDArray[np.uint8], distorted: NDArray[np.uint8]) -> float:
    a, b = linear_rgb(reference), linear_rgb(distorted)
    scales: list[NDArray[np.float64]] = []
    for scale in range(6):
        if scale:
            if min(a.shape[:2]) < 8:
                break
            a, b = halve(a), halve(b)
        scales.append(np.stack([channel_norms(x, y) for x, y in zip(xyb(a), xyb(b), strict=True)]))
    error = float((weights(len(scales)) * np.stack(scales, axis=1)).sum()) * 0.9562382616834844
    error = 2.326765642916932 * error - 0.020884521182843837 * error**2 + 6.248496625763138e-05 * error**3
    return 100 - 10 * error**0.6276336467831387 if error > 0 else 100.0
