"""Small synthetic images for metric tests."""

from __future__ import annotations

import numpy as np

from codecstudy.types import Pixels


def picture(height: int, width: int, seed: int = 0) -> Pixels:
    """Smooth colours, an edge and some texture."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    waves = [127 + 90 * np.sin(x / (4 + 3 * c) + y / (9 - 2 * c) + seed) for c in range(3)]
    pixels = np.stack(waves, axis=2)
    pixels[height // 3 : height // 2, width // 4 : width // 2] = (220, 40, 90)
    return np.clip(pixels + rng.normal(0, 5, pixels.shape), 0, 255).astype(np.uint8)


def noisy(pixels: Pixels, strength: float, seed: int = 1) -> Pixels:
    """``pixels`` with Gaussian noise of ``strength`` levels; the same noise, scaled, at every strength."""
    noise = np.random.default_rng(seed).normal(0, 1, pixels.shape)
    return np.clip(np.rint(pixels + strength * noise), 0, 255).astype(np.uint8)
