"""Pictures inside the page."""

from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image

from codecstudy.report.pictures import Picture, as_is, heat_map, lossless_crop, thumbnail
from codecstudy.types import Box

RNG = np.random.default_rng(1)
PIXELS = np.asarray(RNG.integers(0, 256, (40, 60, 3)), dtype=np.uint8)


def opened(picture: Picture) -> np.ndarray:
    head, _, body = picture.uri.partition(",")
    assert head == "data:image/webp;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(body))).convert("RGB"))


def test_a_crop_is_lossless() -> None:
    box = Box(10, 5, 21, 13)
    picture = lossless_crop(PIXELS, box)
    np.testing.assert_array_equal(opened(picture), PIXELS[5:18, 10:31])
    assert (picture.width, picture.height, picture.left, picture.top) == (21, 13, 0, 0)


def test_a_file_is_embedded_unchanged() -> None:
    picture = as_is(b"\x00\x01", "image/avif", (60, 40), Box(10, 5, 21, 13))
    assert picture.uri == "data:image/avif;base64,AAE="
    assert (picture.width, picture.height, picture.left, picture.top) == (60, 40, 10, 5)


def test_heat_rises_from_black_to_bright_and_stops_at_the_top() -> None:
    distances = np.zeros((8, 8), dtype=np.float32)
    distances[2, 2], distances[6, 6] = 1, 5
    image = opened(heat_map(distances, Box(0, 0, 8, 8), 2.0)).astype(int)
    assert image.shape == (4, 4, 3)
    light = image.sum(axis=2)
    assert light[0, 0] == 4
    assert light[0, 0] < light[1, 1] < light[3, 3] == 252 + 255 + 164


def test_heat_of_a_single_pixel() -> None:
    assert opened(heat_map(np.ones((1, 1), dtype=np.float32), Box(0, 0, 1, 1), 1.0)).shape == (1, 1, 3)


def test_thumbnails_keep_their_shape() -> None:
    picture = thumbnail(np.zeros((300, 600, 3), dtype=np.uint8))
    assert (picture.width, picture.height) == (168, 84)
