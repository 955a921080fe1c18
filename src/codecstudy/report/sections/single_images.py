"""How much sizes differ from one image to the next, and between groups of images."""

from __future__ import annotations

from dataclasses import dataclass

from codecstudy.analysis.sensitivity import GroupRatio, by_content_class, by_image_size
from codecstudy.report import text
from codecstudy.report.chart_data import listed_images
from codecstudy.report.context import Context
from codecstudy.report.sections import SectionValues
from codecstudy.report.tables import Cell, TableData, empty_cell, ratio_cell, variant_row


@dataclass(frozen=True, slots=True, kw_only=True)
class Values(SectionValues):
    """Size ratios of groups of images."""

    tables: tuple[TableData, ...]
    listed: int
    """Images that have a point in the chart."""
    images: int


def build(context: Context) -> Values:
    """For each scope: size relative to the baseline by folder and by image size, at the chosen target."""
    matched = context.matched(context.metric)
    baseline = context.options.baseline
    tables: list[TableData] = []
    for name, entries in (
        ("folder", by_content_class(matched, context.target, baseline)),
        ("image size", by_image_size(matched, context.target, baseline)),
    ):
        for index, scope in enumerate(context.scopes):
            mine = [e for e in entries if e.variant.scope == scope]
            if mine:
                tables.append(_table(context, name, index, mine))
    return Values(tables=tuple(tables), listed=len(listed_images(context)), images=len(context.points.images))


def _table(context: Context, name: str, index: int, entries: list[GroupRatio]) -> TableData:
    groups = list(dict.fromkeys(e.group for e in entries))
    variants = list(dict.fromkeys(e.variant for e in entries))
    found = {(e.variant, e.group): e for e in entries}
    columns = tuple(Cell(group or "(top folder)") for group in groups)
    rows = [variant_row(context, v, [_cell(found[v, g]) for g in groups]) for v in variants]
    return TableData(index, context.metric, index == 0, columns, tuple(rows), name)


def _cell(entry: GroupRatio) -> Cell:
    if entry.ratio is None:
        return empty_cell("no image of the group reaches the score with both")
    title = f"{text.change(entry.ratio.value)} over {text.count(entry.images, 'image')}"
    if entry.left_out:
        title += f"; {text.count(entry.left_out, 'image')} left out: one side does not reach the score"
    return ratio_cell(entry.ratio, title)
