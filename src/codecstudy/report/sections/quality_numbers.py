"""What the quality numbers mean: the scores at each number, and equivalent numbers of other encoders."""

from __future__ import annotations

from dataclasses import dataclass

from codecstudy.analysis.equivalence import Equivalent, equivalence
from codecstudy.report import text
from codecstudy.report.context import Context
from codecstudy.report.sections import SectionValues
from codecstudy.report.tables import Cell, TableData, empty_cell, tone, variant_row


@dataclass(frozen=True, slots=True, kw_only=True)
class Values(SectionValues):
    """Equivalent quality numbers."""

    tables: tuple[TableData, ...]
    spread: str
    """What the range over the images extends from and to."""


def build(context: Context) -> Values:
    """For each scope: every variant's equivalents of the baseline's usual quality numbers."""
    entries = equivalence(context.curves(context.metric), context.options.baseline)
    by_variant: dict[str, list[Equivalent]] = {}
    for entry in entries:
        by_variant.setdefault(entry.variant.key, []).append(entry)
    tables = []
    for index, scope in enumerate(context.scopes):
        variants = [v for v in context.variants if v.scope == scope and v.key in by_variant]
        if not variants:
            continue
        first = by_variant[variants[0].key]
        kept = [k for k, e in enumerate(first) if e.score is not None]
        if not kept:
            continue
        columns = tuple(Cell(f"{first[k].baseline_level:g}", sub=_score_of(first[k], context)) for k in kept)
        rows = [variant_row(context, v, [_cell(by_variant[v.key][k]) for k in kept]) for v in variants]
        base = first[0].baseline
        name = (
            ""
            if base is None
            else f"{context.facts_of(base).title} {text.details(base.setting, context.encoders)}".strip()
        )
        tables.append(TableData(index, context.metric, index == 0, columns, tuple(rows), name))
    return Values(tables=tuple(tables), spread=text.spread_range(len(context.points.images)))


def _score_of(entry: Equivalent, context: Context) -> str:
    return "" if entry.score is None else text.score(entry.score.value, context.scale)


def _cell(entry: Equivalent) -> Cell:
    level = entry.level
    if level is None or entry.lowest is None or entry.highest is None:
        return empty_cell(entry.reason)
    decimals = 2 if entry.variant.axis.step < 1 else 0
    median, low, high = (f"{value:.{decimals}f}" for value in (level.value, entry.lowest, entry.highest))
    title = f"median over {text.count(entry.images, 'image')}; single images {low} to {high} "
    title += f"({text.spread_range(entry.images)})"
    if entry.size_ratio is not None:
        title += f"; files {text.change(entry.size_ratio.value)}"
    if entry.left_out:
        title += f"; {text.count(entry.left_out, 'image')} left out: the score is not reached"
    sub = "" if entry.size_ratio is None else text.signed(entry.size_ratio.value)
    return Cell(median, title, 0 if entry.size_ratio is None else tone(entry.size_ratio.value), sub=sub)
