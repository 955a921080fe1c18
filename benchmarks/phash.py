"""The perceptual hash: its cost, and the distances between versions of an image and between different images.

    python benchmarks/phash.py DIR     images in DIR and its subfolders; screenshots in a subfolder "screens"

These are the figures behind the threshold for near-duplicates in docs/explanation/statistics.md.
"""

from __future__ import annotations

import io
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"  # as in a worker

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from codecstudy import images, metrics
from codecstudy.datasets import open_folder
from codecstudy.images.phash import perceptual_hash

CROPS = 60
"""Random crops of each image, for each range of sizes."""
NEAR = 8
Pixels = NDArray[np.uint8]


def bits(pixels: Pixels) -> int:
    """The hash as a number."""
    return int(perceptual_hash(pixels), 16)


def versions(pixels: Pixels) -> Iterator[tuple[str, Pixels]]:
    """What people do to pictures."""
    image, values = Image.fromarray(pixels), pixels.astype(np.float32)
    width, height = image.size

    def saved(picture: Image.Image, format: str, quality: int) -> Pixels:
        file = io.BytesIO()
        picture.save(file, format, quality=quality)
        return np.asarray(Image.open(file).convert("RGB"))

    def levels(changed: NDArray[np.float32]) -> Pixels:
        return np.clip(changed, 0, 255).astype(np.uint8)

    for share in (0.75, 0.5, 0.25):
        size = max(1, int(width * share)), max(1, int(height * share))
        yield f"resized to {share:.0%}", np.asarray(image.resize(size, Image.Resampling.LANCZOS))
    for quality in (90, 50, 20, 10):
        yield f"JPEG {quality}", saved(image, "JPEG", quality)
    yield "WebP 30", saved(image, "WEBP", 30)
    half = image.resize((max(1, width // 2), max(1, height // 2)), Image.Resampling.LANCZOS)
    yield "half size, JPEG 60", saved(half, "JPEG", 60)
    yield "brightness x 1.2", levels(values * 1.2)
    yield "brightness x 0.8", levels(values * 0.8)
    yield "brightness + 25", levels(values + 25)
    yield "contrast x 1.3", levels((values - 128) * 1.3 + 128)
    yield "gamma 1.3", levels(255 * (values / 255) ** 1.3)
    yield "grey", np.asarray(image.convert("L").convert("RGB"))
    yield "noise, 8 levels", levels(values + np.random.default_rng(0).normal(0, 8, values.shape))
    for share in (0.01, 0.02, 0.05):
        x, y = int(width * share), int(height * share)
        yield f"{share:.0%} cut off", pixels[y : height - y or None, x : width - x or None]
    yield "mirrored", pixels[:, ::-1]


def crops(pixels: Pixels, low: float, high: float, random: np.random.Generator) -> Iterator[Pixels]:
    """Random crops whose edges are ``low`` to ``high`` of the image's."""
    height, width = pixels.shape[:2]
    for _ in range(CROPS):
        h, w = int(height * random.uniform(low, high)), int(width * random.uniform(low, high))
        y, x = random.integers(0, height - h), random.integers(0, width - w)
        yield pixels[y : y + h, x : x + w]


def best(call: Callable[[], object], times: int) -> float:
    """Milliseconds of the fastest of several calls."""
    found = []
    for _ in range(times):
        start = time.perf_counter()
        call()
        found.append(time.perf_counter() - start)
    return 1000 * min(found)


def print_cost(folder: Path, names: list[str]) -> None:
    """The hash, next to what preparing a source takes."""
    ready = [metrics.get(name) for name in metrics.DEFAULT]
    for name in names:
        path = folder / name
        pixels = images.load(path).pixels
        own = best(lambda pixels=pixels: bits(pixels), 20)
        preparing = best(lambda path=path: images.load(path), 3) + best(
            lambda pixels=pixels: [metric.prepare(pixels) for metric in ready], 3
        )
        megapixels = pixels.shape[0] * pixels.shape[1] / 1e6
        print(f"{name:28} {megapixels:5.2f} MP: {own:.3f} ms, {own / preparing:.2%} of preparing")


def main(folder: Path) -> None:
    """Print all figures."""
    names = list(open_folder(folder).images)
    print_cost(folder, names)
    pictures = [images.load(folder / name).pixels for name in names]
    hashes = [bits(pixels) for pixels in pictures]
    found: dict[str, list[int]] = {}
    for value, pixels in zip(hashes, pictures, strict=True):
        for version, changed in versions(pixels):
            found.setdefault(version, []).append((value ^ bits(changed)).bit_count())
    for version, distances in found.items():
        print(f"{version:20} median {np.median(distances):4.0f}, largest {max(distances):2}")
    pairs = [(a ^ b).bit_count() for i, a in enumerate(hashes) for b in hashes[:i]]
    print(f"different images: {len(pairs)} pairs, smallest {min(pairs)}, median {np.median(pairs):.0f}")
    random = np.random.default_rng(1)
    screen = np.repeat([name.startswith("screens/") for name in names], CROPS)
    image = np.repeat(np.arange(len(names)), CROPS)
    for low, high in ((0.6, 0.9), (0.3, 0.6)):
        cut = np.array([bits(c) for pixels in pictures for c in crops(pixels, low, high, random)], np.uint64)
        distance = np.bitwise_count(cut[:, None] ^ cut)
        different = image[:, None] < image
        for what, chosen in (
            ("of photographs", different & ~(screen[:, None] | screen)),
            ("at least one of a screenshot", different & (screen[:, None] | screen)),
        ):
            near = int((distance[chosen] <= NEAR).sum())
            print(f"crops of {low} to {high}, {what}: {chosen.sum():,} pairs, {near} within {NEAR}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
