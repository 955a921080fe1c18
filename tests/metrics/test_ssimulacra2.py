"""SSIMULACRA2 against libjxl's tool, and at sizes that the table lacks against a plain oracle."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codecstudy.errors import ImageError
from codecstudy.metrics import ssimulacra2
from support import golden
from support import ssimulacra2_oracle as oracle
from support.pictures import noisy, picture


@pytest.mark.parametrize("row", golden.rows(), ids=lambda row: f"{row['image']} {row['distortion']}")
def test_agrees_with_libjxls_tool(row: dict[str, str]) -> None:
    reference = golden.image(row["image"])
    score = ssimulacra2.prepare(reference).score(golden.distort(row["distortion"], reference))
    assert score == pytest.approx(float(row["ssimulacra2"]), abs=1e-4)


@given(height=st.integers(8, 70), width=st.integers(8, 70), strength=st.floats(8, 40))
@settings(max_examples=15, deadline=None)
def test_agrees_with_the_oracle_at_any_size(height: int, width: int, strength: float) -> None:
    reference = picture(height, width)
    distorted = noisy(reference, strength)
    expected = oracle.score(reference, distorted)
    assert ssimulacra2.prepare(reference).score(distorted) == pytest.approx(expected, abs=0.05)


@pytest.mark.parametrize(("height", "width"), [(8, 8), (12, 13), (28, 29), (113, 112), (17, 300)])
def test_identical_images_score_exactly_100(height: int, width: int) -> None:
    reference = picture(height, width)
    assert ssimulacra2.prepare(reference).score(reference.copy()) == 100.0


@pytest.mark.parametrize(("height", "width"), [(7, 200), (200, 7), (1, 1)])
def test_refuses_what_libjxls_tool_refuses(height: int, width: int) -> None:
    with pytest.raises(ImageError, match=f"{width} x {height} pixels.*at least 8"):
        ssimulacra2.prepare(np.zeros((height, width, 3), np.uint8))


def test_what_is_prepared_and_the_workspaces_stay_within_70_bytes_per_pixel() -> None:
    import tracemalloc

    reference = picture(500, 700)
    ssimulacra2.prepare(reference[:8, :8])
    tracemalloc.start()
    try:
        prepared = ssimulacra2.prepare(reference)
        assert tracemalloc.get_traced_memory()[1] < 70 * 500 * 700
        tracemalloc.reset_peak()
        held = tracemalloc.get_traced_memory()[0]
        prepared.score(reference)
        assert tracemalloc.get_traced_memory()[1] - held < 20_000
    finally:
        tracemalloc.stop()
