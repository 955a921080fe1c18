"""Quality against size: the rate-distortion curves, which the page's scripts draw."""

from __future__ import annotations

from dataclasses import dataclass

from codecstudy.report.chart_data import drawn_images
from codecstudy.report.context import Context
from codecstudy.report.sections import SectionValues


@dataclass(frozen=True, slots=True, kw_only=True)
class Values(SectionValues):
    """How many images have curves of their own on the page."""

    drawn: int
    images: int


def build(context: Context) -> Values:
    """The template contains only the plot and its controls, and a note if not all images can be shown."""
    return Values(drawn=len(drawn_images(context)), images=len(context.points.images))
