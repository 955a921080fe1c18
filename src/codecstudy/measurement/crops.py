"""Crop sweeps: how much does the surrounding of a region influence how an encoder compresses that region?

All crops of an image share one *fragment*, the square in its middle. A crop is a window around it whose longest
edge has the given length; the window is encoded, and the scores are computed on the fragment alone, so that every
crop level is scored on the same pixels. See ``docs/decisions/0005-crops-share-the-middle-fragment.md``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from codecstudy.types import Box

DEFAULT_FRAGMENT = 200
"""Side of the fragment in pixels if a study gives none."""

TooSmall = Literal["skip_image", "skip_measurement", "adjust_aspect_ratio"]


@dataclass(frozen=True, slots=True)
class Cut:
    """A window of the image, and the fragment in the window's own coordinates."""

    window: Box
    fragment: Box


@dataclass(frozen=True, slots=True)
class CropPlan:
    """All crop levels of a study, and what happens if the fragment does not fit into one of them."""

    levels: tuple[int, ...]
    """Longest edges in pixels."""
    fragment: int = DEFAULT_FRAGMENT
    """Side of the scored square in pixels; a smaller image is scored on all of its pixels."""
    too_small: TooSmall = "skip_image"
    """``skip_image``: no crop of an image is measured unless the fragment fits into all of them;
    ``skip_measurement``: only that crop is skipped; ``adjust_aspect_ratio``: the window is enlarged."""

    def cut(self, width: int, height: int, level: int) -> Cut | str:
        """Find the window of one level.

        Args:
            width: Width of the image in pixels.
            height: Height of the image in pixels.
            level: Longest edge of the window in pixels.

        Returns:
            The window, or the reason why there is none, as text.
        """
        if level > max(width, height):
            return (
                f"the image is {width} x {height}: smaller than crop {level}, and images are never enlarged"
            )
        if self.too_small == "skip_image":
            for other in sorted(self.levels):
                if other <= max(width, height) and not self._fits(width, height, other):
                    return self._misfit(width, height, other) + "; crop_too_small_strategy is skip_image"
        elif self.too_small == "skip_measurement" and not self._fits(width, height, level):
            return self._misfit(width, height, level)
        fragment_width, fragment_height = self._fragment(width, height)
        window_width, window_height = _scaled(width, height, level)
        # If the fragment fits, this changes nothing; adjust_aspect_ratio asks for it otherwise.
        window_width, window_height = max(window_width, fragment_width), max(window_height, fragment_height)
        return Cut(
            Box((width - window_width) // 2, (height - window_height) // 2, window_width, window_height),
            Box(
                (width - fragment_width) // 2 - (width - window_width) // 2,
                (height - fragment_height) // 2 - (height - window_height) // 2,
                fragment_width,
                fragment_height,
            ),
        )

    def _fragment(self, width: int, height: int) -> tuple[int, int]:
        return min(self.fragment, width), min(self.fragment, height)

    def _fits(self, width: int, height: int, level: int) -> bool:
        window, fragment = _scaled(width, height, level), self._fragment(width, height)
        return window[0] >= fragment[0] and window[1] >= fragment[1]

    def _misfit(self, width: int, height: int, level: int) -> str:
        w, h = _scaled(width, height, level)
        fw, fh = self._fragment(width, height)
        return (
            f"crop {level} of a {width} x {height} image is {w} x {h}: the {fw} x {fh} fragment does not fit"
        )


def _scaled(width: int, height: int, level: int) -> tuple[int, int]:
    longest = max(width, height)
    return max(1, (2 * width * level + longest) // (2 * longest)), max(
        1, (2 * height * level + longest) // (2 * longest)
    )
