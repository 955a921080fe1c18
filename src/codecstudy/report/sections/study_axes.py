"""A plot with the axes that the study's ``analysis`` block requests."""

from __future__ import annotations

from dataclasses import dataclass

from codecstudy.report.context import Context
from codecstudy.report.sections import SectionValues

_AXES = {
    "quality": "quality setting",
    "speed": "speed",
    "effort": "effort",
    "method": "method",
    "resolution": "resolution",
    "crop": "crop",
    "chroma_subsampling": "chroma subsampling",
    "format": "format",
}
"""Titles of the parameters that an ``analysis`` block may name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Values(SectionValues):
    """Titles of the axes."""

    x: str
    group: str


def build(context: Context) -> Values | None:
    """The study's x axis and grouping; None if it requests none, or an unknown one."""
    block = context.results.study.get("analysis")
    if not isinstance(block, dict) or block.get("x_axis") not in _AXES:
        return None
    x, group = str(block["x_axis"]), str(block.get("group_by"))
    if group not in _AXES or group == x:
        group = "format"
    axes = {name: {"key": key, "title": _AXES[key]} for name, key in (("x", x), ("group", group))}
    return Values(x=_AXES[x], group=_AXES[group], chart_data={"axes": axes})
