"""Butteraugli once more, in float64 NumPy and as plainly as its definition allows.

What the fast kernels are held against, stage by stage, on any image size. It follows libjxl's
lib/jxl/butteraugli/butteraugli.cc (commit aea3a06e) and shares no code with the kernels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float64]

MIX = np.array(
    [
        [0.29956550340058319, 0.63373087833825936, 0.077705617820981968],
        [0.22158691104574774, 0.69391388044116142, 0.0987313588422],
        [0.02, 0.02, 0.20480129041026129],
    ]
)
BIAS = np.array([1.7557483643287353, 1.7557483643287353, 12.226454707163354])


def linear_rgb(pixels: NDArray[np.uint8]) -> Plane:
    """Linear light, 0 to 1, channels first, of sRGB bytes."""
    x = pixels.astype(np.float64) / 255
    return np.moveaxis(np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4), 2, 0)


def _kernel(sigma: float) -> Plane:
    radius = max(1, int(2.25 * sigma))
    return np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)


def _convolve_rows(plane: Plane, kernel: Plane) -> Plane:
    """Along the last axis; taps outside the image count as zero."""
    radius = len(kernel) // 2
    padded = np.pad(plane, [(0, 0)] * (plane.ndim - 1) + [(radius, radius)])
    windows = np.lib.stride_tricks.sliding_window_view(padded, len(kernel), axis=-1)
    return windows @ kernel


def blur(plane: Plane, sigma: float) -> Plane:
    """Truncated Gaussian; at the borders the weights that remain are renormalised."""
    kernel = _kernel(sigma)
    for _ in range(2):
        weight = _convolve_rows(np.ones((1, plane.shape[1])), kernel)
        plane = (_convolve_rows(plane, kernel) / weight).T
    return plane


def blur_mirrored(plane: Plane, sigma: float) -> Plane:
    """Truncated Gaussian over an image that is mirrored at its borders, edge pixels repeated."""
    kernel = _kernel(sigma)
    radius = len(kernel) // 2
    for _ in range(2):
        padded = np.pad(plane, ((0, 0), (radius, radius)), mode="symmetric")
        plane = (_convolve_rows(padded, kernel / kernel.sum())[:, radius:-radius]).T
    return plane


def opsin_dynamics(rgb: Plane, intensity_target: float = 80.0) -> Plane:
    """Linear RGB to the X, Y and B planes."""
    blurred = np.stack([blur_mirrored(channel, 1.2) for channel in rgb])
    absorbed = np.tensordot(MIX, blurred * intensity_target, 1) + BIAS[:, None, None]
    absorbed = np.maximum(absorbed, BIAS[:, None, None])
    gamma = 19.245013259874995 * np.log(absorbed + 9.9710635769299145) - 23.16046239805755
    sensitivity = np.maximum(gamma / absorbed, 1e-4)
    mixed = (np.tensordot(MIX, rgb * intensity_target, 1) + BIAS[:, None, None]) * sensitivity
    mixed = np.maximum(mixed, BIAS[:, None, None])
    return np.stack([mixed[0] - mixed[1], mixed[0] + mixed[1], mixed[2]])


def _remove_around_zero(x: Plane, width: float) -> Plane:
    return np.sign(x) * np.maximum(np.abs(x) - width, 0)


def _amplify_around_zero(x: Plane, width: float) -> Plane:
    return x + np.clip(x, -width, width)


def _clamp_softly(x: Plane, limit: float) -> Plane:
    excess = np.maximum(np.abs(x) - limit, 0)
    return np.sign(x) * (np.minimum(np.abs(x), limit) + 0.724216145665 * excess)


class Bands:
    """The frequency bands of one image."""

    def __init__(self, xyb: Plane) -> None:
        low = np.stack([blur(plane, 7.15593339443) for plane in xyb])
        rest = xyb - low
        mid = np.stack([blur(plane, 3.22489901262) for plane in rest])
        high_x, high_y = rest[0] - mid[0], rest[1] - mid[1]
        high_x = high_x * (0.653020556257 + (1 - 0.653020556257) * 46.0 / (high_y**2 + 46.0))
        smooth_x, smooth_y = blur(high_x, 1.56416327805), blur(high_y, 1.56416327805)
        clamped_y = _clamp_softly(smooth_y, 28.4691806922)

        self.lf = np.stack(
            [
                low[0] * 33.832837186260,
                low[1] * 14.458268100570,
                (low[2] - 0.362267051518 * low[1]) * 49.87984651440,
            ]
        )
        self.mf = np.stack([_remove_around_zero(mid[0], 0.29), _amplify_around_zero(mid[1], 0.1), mid[2]])
        self.hf = np.stack(
            [_remove_around_zero(smooth_x, 1.5), _amplify_around_zero(clamped_y * 2.155, 0.132)]
        )
        self.uhf = np.stack(
            [
                _remove_around_zero(high_x - smooth_x, 0.04),
                _clamp_softly(high_y - clamped_y, 5.19175294647) * 2.69313763794,
            ]
        )

    def activity(self) -> Plane:
        """What masks: the energy of the high bands, softened and blurred."""
        x = (self.uhf[0] + self.hf[0]) * 2.5
        y = self.uhf[1] * 0.4 + self.hf[1] * 0.4
        bias = 6.19424080439 * 12.61050594197
        return blur(np.sqrt(6.19424080439 * np.hypot(x, y) + bias) - np.sqrt(bias), 2.7)


# The lines of a Malta unit as (dy, dx) of one half; the other half is its point reflection.
_LINES_FULL = [
    [(0, 4), (0, 3), (0, 2), (0, 1)],
    [(4, 0), (3, 0), (2, 0), (1, 0)],
    [(3, 3), (2, 2), (1, 1)],
    [(3, -3), (2, -2), (1, -1)],
    [(4, -1), (3, -1), (2, -1), (1, 0)],
    [(4, 1), (3, 1), (2, 1), (1, 0)],
    [(1, 4), (1, 3), (1, 2), (0, 1)],
    [(1, -4), (1, -3), (1, -2), (0, -1)],
    [(3, 2), (2, 1), (1, 1)],
    [(3, -2), (2, -1), (1, -1)],
    [(2, 3), (1, 2), (1, 1)],
    [(2, -3), (1, -2), (1, -1)],
    [(1, -4), (1, -3), (1, -2), (0, -1)],
    [(1, 4), (1, 3), (1, 2), (0, 1)],
    [(4, 1), (3, 1), (2, 1), (1, 0)],
    [(4, -1), (3, -1), (2, -1), (1, 0)],
]
_LINES_LOW = [
    [(0, 4), (0, 2)],
    [(4, 0), (2, 0)],
    [(3, 3), (2, 2)],
    [(3, -3), (2, -2)],
    [(4, -1), (2, -1)],
    [(4, 1), (2, 1)],
    [(1, 4), (1, 2)],
    [(1, -4), (1, -2)],
    [(3, 2), (2, 1)],
    [(3, -2), (2, -1)],
    [(2, 3), (1, 2)],
    [(2, -3), (1, -2)],
    [(2, -4), (1, -2)],
    [(2, 4), (1, 2)],
    [(4, 2), (2, 1)],
    [(4, -2), (2, -1)],
]


def malta(reference: Plane, distorted: Plane, weight: float, norm: float, *, low: bool) -> Plane:
    """Energy of the difference along 16 lines through each pixel."""
    mulli = 0.611612573796 if low else 0.39905817637
    primary = mulli * np.sqrt(0.5 * weight) / 8.5 * norm
    secondary = mulli * np.sqrt(np.float32(0.33) * weight) / 8.5 * norm
    sign = np.where(reference < 0, -1.0, 1.0)
    size, other = np.abs(reference), distorted * sign
    lost = np.maximum(0.55 * size - other, 0)
    gained = np.maximum(other - 1.05 * size, 0)
    scale = 1 / (norm + 0.5 * (size + np.abs(distorted)))
    difference = scale * (primary * (reference - distorted) + secondary * sign * (lost - gained))
    padded = np.pad(difference, 4)
    h, w = difference.shape

    def shifted(dy: int, dx: int) -> Plane:
        return padded[4 + dy : 4 + dy + h, 4 + dx : 4 + dx + w]

    total = np.zeros_like(difference)
    for line in _LINES_LOW if low else _LINES_FULL:
        total += (difference + sum(shifted(dy, dx) + shifted(-dy, -dx) for dy, dx in line)) ** 2
    return total


def fuzzy_erosion(plane: Plane) -> Plane:
    """0.45, 0.3 and 0.25 times the three smallest of a pixel and its eight neighbours at distance 3."""
    h, w = plane.shape
    padded = np.pad(plane, 3, constant_values=np.inf)
    neighbours = [
        padded[3 + dy : 3 + dy + h, 3 + dx : 3 + dx + w] for dy in (-3, 0, 3) for dx in (-3, 0, 3) if dy or dx
    ]
    smallest = np.sort(np.stack([plane, 2 * plane, 2 * plane, *neighbours]), axis=0)
    return 0.45 * smallest[0] + 0.3 * smallest[1] + 0.25 * smallest[2]


def _l2_asymmetric(reference: Plane, distorted: Plane, weight: float) -> Plane:
    size, other = np.abs(reference), distorted * np.where(reference < 0, -1.0, 1.0)
    outside = np.maximum(0.4 * size - other, 0) + np.maximum(other - size, 0)
    return 0.8 * weight * ((reference - distorted) ** 2 + outside**2)


def _one_resolution(rgb0: Plane, rgb1: Plane, nits: float) -> Plane:
    a, b = Bands(opsin_dynamics(rgb0, nits)), Bands(opsin_dynamics(rgb1, nits))
    ac = malta(a.uhf[1], b.uhf[1], 1.10039032555, 71.7800275169, low=False)
    ac += malta(a.uhf[0], b.uhf[0], 173.5, 5.0, low=False)
    ac += malta(a.hf[1], b.hf[1], 18.7237414387, 4498534.45232, low=True)
    ac += malta(a.hf[0], b.hf[0], 6923.99476109, 8051.15833247, low=True)
    ac += malta(a.mf[1], b.mf[1], 37.0819870399, 130262059.556, low=True)
    ac += malta(a.mf[0], b.mf[0], 8246.75321353, 1009002.70582, low=True)
    ac += _l2_asymmetric(a.hf[0], b.hf[0], 400.0) + _l2_asymmetric(a.hf[1], b.hf[1], 1.50815703118)
    ac += np.tensordot([2150.0, 10.6195433239, 16.2176043152], (a.mf - b.mf) ** 2, 1)
    dc = np.tensordot([29.2353797994, 0.844626970982, 0.703646627719], (a.lf - b.lf) ** 2, 1)
    activity0, activity1 = a.activity(), b.activity()
    ac += 10 * (activity0 - activity1) ** 2
    mask = fuzzy_erosion(activity0)
    scale = 1 / (17.83 * 0.79079917404)
    mask_ac = (scale * (1 + 2.5485944793 / (0.451936922203 * mask + 0.829591754942))) ** 2
    mask_dc = (scale * (1 + 0.505054525019 / (3.87449418804 * mask + 0.20025578522))) ** 2
    return np.sqrt(dc * mask_dc + ac * mask_ac)


def _halve(rgb: Plane) -> Plane:
    """Means of 2 x 2 pixels; of those that exist at an odd border."""
    padded = np.pad(rgb, ((0, 0), (0, rgb.shape[1] % 2), (0, rgb.shape[2] % 2)), mode="edge")
    return (padded[:, ::2, ::2] + padded[:, 1::2, ::2] + padded[:, ::2, 1::2] + padded[:, 1::2, 1::2]) / 4


def distance_map(reference: NDArray[np.uint8], distorted: NDArray[np.uint8], nits: float = 80.0) -> Plane:
    """Butteraugli's difference map, (height, width); zero where a side is under 8 pixels.

    ``nits`` is the luminance of white, libjxl's ``intensity_target``.
    """
    height, width = reference.shape[:2]
    if min(height, width) < 8:
        return np.zeros((height, width))
    rgb0, rgb1 = linear_rgb(reference), linear_rgb(distorted)
    full = _one_resolution(rgb0, rgb1, nits)
    if min(height, width) < 15:
        return full
    half = _one_resolution(_halve(rgb0), _halve(rgb1), nits)
    return 0.85 * full + 0.5 * half.repeat(2, 0).repeat(2, 1)[:height, :width]


def score(
    reference: NDArray[np.uint8], distorted: NDArray[np.uint8], nits: float = 80.0
) -> tuple[float, float]:
    """Maximum, and the mean of the 3-, 6- and 12-norms, as butteraugli_main prints them."""
    values = distance_map(reference, distorted, nits)
    norms = [np.mean(values**p) ** (1 / p) for p in (3, 6, 12)]
    return float(values.max()), float(np.mean(norms))
