"""Size at the same score: every variant compared with the baseline, image by image."""

from __future__ import annotations

from dataclasses import dataclass

from codecstudy.analysis.matched import SizeRatio, size_ratios
from codecstudy.report import text
from codecstudy.report.context import Context
from codecstudy.report.sections import SectionValues
from codecstudy.report.tables import Cell, TableData, empty_cell, ratio_cell, variant_row


@dataclass(frozen=True, slots=True, kw_only=True)
class Values(SectionValues):
    """Sizes at the usual scores."""

    tables: tuple[TableData, ...]


def build(context: Context) -> Values:
    """One table for each metric and scope."""
    tables: list[TableData] = []
    for metric in context.metrics:
        scale = context.columns[metric]
        matched = context.matched(metric)
        entries = size_ratios(matched, context.options.baseline)
        by_variant = {(e.variant.key, e.target): e for e in entries}
        columns = tuple(Cell(f"{t:g}", text.appearance(t, scale)[0]) for t in matched.targets)
        for index, scope in enumerate(context.scopes):
            rows = [
                variant_row(context, v, [_cell(by_variant[v.key, t]) for t in matched.targets])
                for v in context.variants
                if v.scope == scope
            ]
            shown = metric == context.metric and index == 0
            tables.append(TableData(index, metric, shown, columns, tuple(rows)))
    return Values(tables=tuple(tables))


def _cell(entry: SizeRatio) -> Cell:
    if entry.ratio is None or entry.lowest is None or entry.highest is None:
        return empty_cell(entry.reason)
    images = text.count(entry.images, "image")
    if entry.variant == entry.baseline:
        return Cell("baseline", f"the other sizes are compared with this one, on {images}", empty=True)
    interval = text.change_range(entry.ratio)
    left_out = entry.only_variant + entry.only_baseline
    title = f"{text.change(entry.ratio.value)} over {images}"
    title += f"; 95 % interval {interval}" if interval else ""
    low, high = (text.signed(end) for end in (entry.lowest, entry.highest))
    title += f"; single images {low} to {high} ({text.spread_range(entry.images)})"
    title += (
        f"; {text.count(left_out, 'image')} left out: only one side reaches the score" if left_out else ""
    )
    return ratio_cell(entry.ratio, title)
