"""Size against encode time: which variants are on the Pareto front."""

from __future__ import annotations

import numpy as np

from codecstudy.report.context import Context
from codecstudy.report.sections import SectionValues


def build(context: Context) -> SectionValues | None:
    """No values: the template contains only the plot and its controls. None without measured encode times."""
    timed = any((~np.isnan(b.times["encode_cpu"])).any() for b in context.points.blocks)
    return SectionValues() if timed else None
