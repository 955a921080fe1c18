"""Crop plans: every level shares the middle fragment, and nothing reaches out of the image."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from codecstudy.measurement.crops import CropPlan, Cut

sizes = st.integers(1, 3000)


@given(sizes, sizes, st.integers(1, 3000), st.integers(1, 400), st.booleans())
def test_the_fragment_lies_in_the_window_and_the_window_in_the_image(
    width: int, height: int, level: int, fragment: int, adjust: bool
) -> None:
    plan = CropPlan((level,), fragment, "adjust_aspect_ratio" if adjust else "skip_measurement")
    cut = plan.cut(width, height, level)
    if isinstance(cut, str):
        assert level > max(width, height) or not adjust
        return
    window, scored = cut.window, cut.fragment
    assert window.left >= 0
    assert window.top >= 0
    assert window.left + window.width <= width
    assert window.top + window.height <= height
    assert scored.left >= 0
    assert scored.left + scored.width <= window.width
    assert scored.top >= 0
    assert scored.top + scored.height <= window.height


@given(st.integers(400, 3000), st.integers(400, 3000))
def test_all_levels_score_the_same_pixels(width: int, height: int) -> None:
    plan = CropPlan((400, 380), 100, "adjust_aspect_ratio")
    places = set()
    for level in plan.levels:
        cut = plan.cut(width, height, level)
        assert isinstance(cut, Cut)
        places.add(
            (cut.window.left + cut.fragment.left, cut.window.top + cut.fragment.top, cut.fragment.width)
        )
    assert len(places) == 1


def test_the_longest_edge_is_the_level_and_the_aspect_is_kept() -> None:
    cut = CropPlan((600,), 100).cut(3000, 2000, 600)
    assert isinstance(cut, Cut)
    assert (cut.window.width, cut.window.height) == (600, 400)


def test_too_small_says_why() -> None:
    assert "never enlarged" in str(CropPlan((600,)).cut(500, 300, 600))
    skip_image = CropPlan((150, 600), 200)
    assert "skip_image" in str(skip_image.cut(3000, 2000, 600))
    skip_one = CropPlan((150, 600), 200, "skip_measurement")
    assert isinstance(skip_one.cut(3000, 2000, 600), Cut)
    assert "does not fit" in str(skip_one.cut(3000, 2000, 150))
