"""The region with the strongest artifacts."""

from __future__ import annotations

import numpy as np
import pytest

from codecstudy.report.regions import worst_region
from codecstudy.types import Box


def test_it_centres_on_the_worst_spot() -> None:
    distances = np.zeros((600, 900), dtype=np.float32)
    distances[300:310, 500:510] = 3
    box = worst_region([distances], (200, 100))
    assert (box.width, box.height) == (200, 100)
    assert box.left <= 500
    assert box.left + box.width >= 510
    assert box.top <= 300
    assert box.top + box.height >= 310


@pytest.mark.parametrize(("y", "x"), [(0, 0), (599, 899), (0, 899)])
def test_it_stays_inside_the_image(y: int, x: int) -> None:
    distances = np.zeros((600, 900), dtype=np.float32)
    distances[y, x] = 1
    box = worst_region([distances])
    assert 0 <= box.left <= x < box.left + box.width <= 900
    assert 0 <= box.top <= y < box.top + box.height <= 600


def test_the_region_of_a_small_image_is_the_whole_image() -> None:
    assert worst_region([np.ones((30, 50), dtype=np.float32)]) == Box(0, 0, 50, 30)


def test_strong_damage_in_one_codec_counts_more_than_weak_in_all() -> None:
    weak = np.zeros((400, 800), dtype=np.float32)
    weak[100:160, 100:160] = 1
    strong = weak.copy()
    strong[300:360, 700:760] = 2
    box = worst_region([weak, weak, strong], (100, 100))
    assert box.left > 600
