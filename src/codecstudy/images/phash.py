"""A 64-bit perceptual hash: images that look alike have hashes that differ in few bits.

The hash is the DCT hash of C. Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions" (thesis,
Upper Austria University of Applied Sciences, 2010; pHash's ``ph_dct_imagehash``): luma at 32 x 32, its
two-dimensional DCT-II, the 8 x 8 coefficients of the lowest frequencies without the row and the column of frequency
zero, and one bit for each: whether it is above their median. Brightness and contrast change a coefficient's size
but hardly its rank, and noise, resampling and compression change high frequencies.

Two things differ from pHash. The image is reduced to 32 x 32 by averaging areas, instead of a 7 x 7 mean filter and
nearest neighbours. And of a large image at most 384 rows and columns are read, evenly spaced, so that the cost does
not grow with the image.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from codecstudy.types import Floats, Pixels

ALGORITHM = "dct-1"
"""Hashes are comparable only if they come from the same algorithm; changes with every change of a hash."""

_LUMA = tuple(np.uint16(weight) for weight in (77, 150, 29))
"""Weights of R, G and B in 1/256: ITU-R BT.601. The largest sum, 255 x 256, fits into 16 bits."""
_CELLS = 32
_FREQUENCIES = 8
_SAMPLES = 384
"""Largest number of rows, and of columns, that are read."""
_DIGITS = 6
"""Coefficients are rounded to so many decimals, so that those of a flat image are equal despite rounding errors."""


def perceptual_hash(pixels: Pixels) -> str:
    """The perceptual hash of an image.

    Args:
        pixels: uint8, height x width x 3, sRGB; any size from 1 x 1.

    Returns:
        16 lower-case hexadecimal digits. Bit 63 (the first) belongs to the lowest frequencies, and horizontal
        frequency varies fastest. A flat image has the hash 0.
    """
    rows, columns = (-(-edge // _SAMPLES) for edge in pixels.shape[:2])
    sampled = pixels[rows // 2 :: rows, columns // 2 :: columns]
    red, green, blue = (sampled[..., channel] * weight for channel, weight in enumerate(_LUMA))
    luma = (red + green + blue).astype(np.float64)
    height, width = luma.shape
    coefficients = np.round(_basis(height) @ luma @ _basis(width).T, _DIGITS)
    return np.packbits(coefficients > np.median(coefficients)).tobytes().hex()


@lru_cache(maxsize=256)
def _basis(samples: int) -> Floats:
    """The rows of a DCT-II of 32 cells, for frequencies 1 to 8, applied to the means of ``samples`` over the cells.

    Returns:
        Shape (8, samples). A sample that lies in two cells counts in each with the share that lies there.
    """
    edges = np.arange(_CELLS + 1) * (samples / _CELLS)
    first = np.arange(samples)
    overlap = np.minimum(edges[1:, None], first + 1) - np.maximum(edges[:-1, None], first)
    mean = np.clip(overlap, 0.0, None) * (_CELLS / samples)
    frequency, cell = np.arange(1, _FREQUENCIES + 1)[:, None], np.arange(_CELLS)
    basis: Floats = np.cos(np.pi * frequency * (2 * cell + 1) / (2 * _CELLS)) @ mean
    return basis
