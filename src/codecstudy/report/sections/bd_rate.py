"""BD-rates of every variant against every other."""

from __future__ import annotations

from dataclasses import dataclass

from codecstudy.analysis.bdrate import BDRate, bd_matrix
from codecstudy.analysis.variants import Variant
from codecstudy.report import text
from codecstudy.report.context import Context
from codecstudy.report.sections import SectionValues
from codecstudy.report.tables import Cell, TableData, empty_cell, ratio_cell, variant_row

MATRIX_VARIANTS = 16
"""A larger matrix would be unreadable: it shows the recommended variants and the first of the others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Values(SectionValues):
    """BD-rates, rows against columns."""

    tables: tuple[TableData, ...]


def build(context: Context) -> Values:
    """One matrix for each metric and scope."""
    tables: list[TableData] = []
    picks = context.picks()
    for metric in context.metrics:
        for index, scope in enumerate(context.scopes):
            over = context.options.bd_range if metric == context.metric else None
            matrix = bd_matrix(context.curves(metric), scope, over)
            chosen = _chosen([row[0].variant for row in matrix], picks)
            columns = tuple(_column(context, matrix[k][0].variant) for k in chosen)
            rows = [
                variant_row(context, matrix[a][0].variant, [_cell(context, matrix[a][b]) for b in chosen])
                for a in chosen
            ]
            scale = context.columns[metric]
            low, high = matrix[0][0].range
            note = f"Over {scale.title} {low:g} to {high:g}."
            if len(chosen) < len(matrix):
                note += f" {len(chosen)} of {len(matrix)} variants. Use codecstudy export for all of them."
            shown = metric == context.metric and index == 0
            tables.append(TableData(index, metric, shown, columns, tuple(rows), note))
    return Values(tables=tuple(tables))


def _column(context: Context, variant: Variant) -> Cell:
    return Cell(context.facts_of(variant).title, sub=text.details(variant.setting, context.encoders))


def _chosen(variants: list[Variant], picks: frozenset[str]) -> list[int]:
    order = sorted(range(len(variants)), key=lambda k: variants[k].key not in picks)
    return sorted(order[:MATRIX_VARIANTS])


def _cell(context: Context, entry: BDRate) -> Cell:
    if entry.percent is None:
        scale = context.columns[entry.metric]
        reason = f"{entry.reason}"
        if entry.covered is not None:
            low, high = (text.score(end, scale) for end in entry.covered)
            reason += f"; both cover {scale.title} {low} to {high} on nine tenths of the images (--bd-range)"
        return empty_cell(reason)
    if entry.variant == entry.baseline:
        return Cell("\N{MIDDLE DOT}", "itself", empty=True)
    ratio = entry.percent.map(lambda p: 1 + p / 100)
    title = f"{text.change(ratio.value)} over {text.count(entry.images, 'image')}"
    if entry.error:
        title += f"; leaving alternate points out changes it by {text.percent(entry.error / 100)}"
    if entry.refused:
        title += "; left out: " + ", ".join(f"{n} ({why})" for why, n in entry.refused.items())
    return ratio_cell(ratio, title)
