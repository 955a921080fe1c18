"""What one more point of score costs in bits per pixel, which the page's scripts draw."""

from __future__ import annotations

from codecstudy.report.context import Context
from codecstudy.report.sections import SectionValues


def build(context: Context) -> SectionValues:
    """No values: the template contains only the plot and its controls."""
    return SectionValues()
