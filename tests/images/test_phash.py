from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from scipy.fft import dctn

from codecstudy.images.phash import perceptual_hash
from codecstudy.types import Pixels


def scene(seed: int, width: int = 256, height: int = 192) -> Pixels:
    """Random shapes of all sizes, as in a photograph; another picture for every seed."""
    random = np.random.default_rng(seed)
    planes = np.zeros((height, width, 3))
    for cells in (3, 6, 12, 24, 48):
        coarse = random.normal(0, 1, (cells, cells, 3)).astype(np.float32)
        for channel in range(3):
            plane = Image.fromarray(coarse[..., channel]).resize((width, height), Image.Resampling.BICUBIC)
            planes[..., channel] += np.asarray(plane) / cells**0.8
    return np.clip(128 + 90 * planes, 0, 255).astype(np.uint8)


def distance(a: Pixels, b: Pixels) -> int:
    return (int(perceptual_hash(a), 16) ^ int(perceptual_hash(b), 16)).bit_count()


def test_the_hash_is_that_of_the_definition() -> None:
    for seed in range(5):
        pixels = scene(seed)
        cells = (pixels.astype(float) @ [77, 150, 29]).reshape(32, 6, 32, 8).mean(axis=(1, 3))
        low = dctn(cells, type=2)[1:9, 1:9].ravel()
        bits = "".join("1" if bit else "0" for bit in low > np.median(low))
        assert perceptual_hash(pixels) == f"{int(bits, 2):016x}"


def test_the_hash_is_this_one() -> None:
    # Held fast: stores keep hashes, and compare those of one version with those of the next.
    y, x = np.mgrid[0:96, 0:130]
    pixels = np.stack([x * 255 // 129, (y * y) * 255 // 95**2, (x * y) % 256], axis=2).astype(np.uint8)
    assert perceptual_hash(pixels) == "0004170d1f1f7f7f"


@pytest.mark.parametrize("seed", range(4))
def test_versions_of_an_image_are_near_and_other_images_far(seed: int) -> None:
    pixels = scene(seed, 400, 300)
    image = Image.fromarray(pixels)
    saved = io.BytesIO()
    image.save(saved, "JPEG", quality=30)
    versions = {
        "smaller": np.asarray(image.resize((160, 120), Image.Resampling.LANCZOS)),
        "larger": np.asarray(image.resize((1200, 900), Image.Resampling.LANCZOS)),
        "compressed": np.asarray(Image.open(saved).convert("RGB")),
        "brighter": np.clip(pixels.astype(int) + 20, 0, 255).astype(np.uint8),
        "grey": np.asarray(image.convert("L").convert("RGB")),
    }
    assert {name: d for name, version in versions.items() if (d := distance(pixels, version)) > 6} == {}
    others = [distance(pixels, scene(other, 400, 300)) for other in range(4, 24)]
    assert min(others) > 14, others


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 900, 3), (3, 2, 3), (31, 33, 3), (700, 20, 3)])
def test_every_shape_has_a_hash(shape: tuple[int, int, int]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    assert len(perceptual_hash(pixels)) == 16
    assert perceptual_hash(pixels) == perceptual_hash(pixels.copy())


@pytest.mark.parametrize("level", [0, 3, 77, 255])
def test_a_flat_image_has_the_hash_zero(level: int) -> None:
    assert perceptual_hash(np.full((37, 61, 3), level, dtype=np.uint8)) == "0" * 16
