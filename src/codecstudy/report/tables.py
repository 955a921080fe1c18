"""The tables: sizes at equal scores, equivalent quality numbers, BD-rates, groups of images."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from codecstudy.analysis.bdrate import BDRate, bd_matrix
from codecstudy.analysis.equivalence import Equivalent, equivalence
from codecstudy.analysis.matched import SizeRatio, size_ratios
from codecstudy.analysis.sensitivity import GroupRatio, by_content_class, by_image_size
from codecstudy.analysis.variants import Variant
from codecstudy.report import words
from codecstudy.report.context import Context
from codecstudy.report.data import Cell, Row, TableData

MATRIX_VARIANTS = 16
"""A larger matrix cannot be read: the recommended variants and the first of the others are taken."""
_TONES = (0.02, 0.10, 0.25)
"""Differences in size from which a cell is tinted light, middle, strong."""


def tone(ratio: float) -> int:
    """-3 (much smaller) to 3 (much larger)."""
    step = sum(abs(np.log(ratio)) > np.log1p(t) for t in _TONES)
    return int(-step if ratio < 1 else step)


def _empty(reason: str | None) -> Cell:
    return Cell("\N{EN DASH}", reason or "", empty=True)


def _row(context: Context, variant: Variant, cells: Iterable[Cell]) -> Row:
    facts = context.facts_of(variant)
    return Row(facts.slot, facts.title, words.details(variant.setting), tuple(cells))


def ratio_tables(context: Context) -> tuple[TableData, ...]:
    """For each metric and scope: size relative to the baseline at the usual scores."""
    tables: list[TableData] = []
    for metric in context.metrics:
        scale = context.columns[metric]
        matched = context.matched(metric)
        entries = size_ratios(matched, context.draw, context.options.baseline)
        by_variant = {(e.variant.key, e.target): e for e in entries}
        columns = tuple(Cell(f"{t:g}", words.looks(t, scale)[0]) for t in matched.targets)
        for index, scope in enumerate(context.scopes):
            rows = [
                _row(context, v, [_ratio_cell(by_variant[v.key, t]) for t in matched.targets])
                for v in context.variants
                if v.scope == scope
            ]
            shown = metric == context.metric and index == 0
            tables.append(TableData(index, metric, shown, columns, tuple(rows)))
    return tuple(tables)


def _ratio_cell(entry: SizeRatio) -> Cell:
    if entry.ratio is None or entry.p5 is None or entry.p95 is None:
        return _empty(entry.reason)
    if entry.variant == entry.baseline:
        return Cell("yardstick", f"the baseline, on {words.count(entry.images, 'image')}", empty=True)
    interval = words.change_range(entry.ratio)
    left_out = entry.only_variant + entry.only_baseline
    title = f"{words.change(entry.ratio.value)} over {words.count(entry.images, 'image')}"
    title += f"; 95 % interval {interval}" if interval else ""
    title += f"; single images {words.signed(entry.p5)} to {words.signed(entry.p95)} (p5 to p95)"
    title += f"; {words.count(left_out, 'image')} reached by one side only" if left_out else ""
    return Cell(
        words.signed(entry.ratio.value),
        title,
        tone(entry.ratio.value),
        sub=_sub(entry.ratio.low, entry.ratio.high),
    )


def _sub(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"{words.signed(low)} to {words.signed(high)}"


def bd_tables(context: Context) -> tuple[TableData, ...]:
    """For each metric and scope: BD-rate of every variant (rows) against every one (columns)."""
    tables: list[TableData] = []
    picks = context.picks()
    for metric in context.metrics:
        for index, scope in enumerate(context.scopes):
            matrix = bd_matrix(context.curves(metric), context.draw, scope)
            chosen = _most_wanted([row[0].variant for row in matrix], picks)
            columns = tuple(_column(context, matrix[k][0].variant) for k in chosen)
            rows = [
                _row(context, matrix[a][0].variant, [_bd_cell(context, matrix[a][b]) for b in chosen])
                for a in chosen
            ]
            note = ""
            if len(chosen) < len(matrix):
                note = f"{len(chosen)} of {len(matrix)} variants; all of them: codecstudy export."
            shown = metric == context.metric and index == 0
            tables.append(TableData(index, metric, shown, columns, tuple(rows), note))
    return tuple(tables)


def _column(context: Context, variant: Variant) -> Cell:
    return Cell(context.facts_of(variant).title, sub=words.details(variant.setting))


def _most_wanted(variants: list[Variant], picks: frozenset[str]) -> list[int]:
    order = sorted(range(len(variants)), key=lambda k: variants[k].key not in picks)
    return sorted(order[:MATRIX_VARIANTS])


def _bd_cell(context: Context, entry: BDRate) -> Cell:
    if entry.percent is None:
        return _empty(entry.reason)
    if entry.variant == entry.baseline:
        return Cell("\N{MIDDLE DOT}", "itself", empty=True)
    ratio = entry.percent.map(lambda p: 1 + p / 100)
    title = f"{words.change(ratio.value)} over {words.count(entry.images, 'image')}"
    if entry.overlap is not None:
        scale = context.columns[entry.metric]
        low, high = (words.score(end, scale) for end in entry.overlap)
        title += f", between {scale.title} {low} and {high}"
    if entry.refused:
        title += "; left out: " + ", ".join(f"{n} with {why}" for why, n in entry.refused.items())
    return Cell(words.signed(ratio.value), title, tone(ratio.value), sub=_sub(ratio.low, ratio.high))


def equivalence_tables(context: Context) -> tuple[TableData, ...]:
    """For each scope: the number of every variant that looks like the baseline at the usual numbers."""
    entries = equivalence(context.curves(context.metric), context.draw, context.options.baseline)
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
        rows = [_row(context, v, [_level_cell(by_variant[v.key][k]) for k in kept]) for v in variants]
        base = first[0].baseline
        name = "" if base is None else f"{context.facts_of(base).title} {words.details(base.setting)}".strip()
        tables.append(TableData(index, context.metric, index == 0, columns, tuple(rows), name))
    return tuple(tables)


def _score_of(entry: Equivalent, context: Context) -> str:
    return "" if entry.score is None else words.score(entry.score.value, context.scale)


def _level_cell(entry: Equivalent) -> Cell:
    level = entry.level
    if level is None or entry.p5 is None or entry.p95 is None:
        return _empty(entry.reason)
    decimals = 2 if entry.variant.axis.step < 1 else 0
    text, low, high = (f"{value:.{decimals}f}" for value in (level.value, entry.p5, entry.p95))
    title = f"median over {words.count(entry.images, 'image')}; single images {low} to {high} (p5 to p95)"
    if entry.size_ratio is not None:
        title += f"; files {words.change(entry.size_ratio.value)}"
    if entry.left_out:
        title += f"; {words.count(entry.left_out, 'image')} never at that score"
    sub = "" if entry.size_ratio is None else words.signed(entry.size_ratio.value)
    return Cell(text, title, 0 if entry.size_ratio is None else tone(entry.size_ratio.value), sub=sub)


def group_tables(context: Context) -> tuple[TableData, ...]:
    """For each scope: size relative to the baseline by folder and by image size, at the chosen target."""
    matched = context.matched(context.metric)
    baseline = context.options.baseline
    tables: list[TableData] = []
    for name, entries in (
        ("folder", by_content_class(matched, context.target, context.draw, baseline)),
        ("image size", by_image_size(matched, context.target, context.draw, baseline)),
    ):
        for index, scope in enumerate(context.scopes):
            mine = [e for e in entries if e.variant.scope == scope]
            if mine:
                tables.append(_group_table(context, name, index, mine))
    return tuple(tables)


def _group_table(context: Context, name: str, index: int, entries: list[GroupRatio]) -> TableData:
    groups = list(dict.fromkeys(e.group for e in entries))
    variants = list(dict.fromkeys(e.variant for e in entries))
    found = {(e.variant, e.group): e for e in entries}
    columns = tuple(Cell(group or "(top folder)") for group in groups)
    rows = [_row(context, v, [_group_cell(found[v, g]) for g in groups]) for v in variants]
    return TableData(index, context.metric, index == 0, columns, tuple(rows), name)


def _group_cell(entry: GroupRatio) -> Cell:
    if entry.ratio is None:
        return _empty("no image of the group reaches the score with both")
    title = f"{words.change(entry.ratio.value)} over {words.count(entry.images, 'image')}"
    if entry.left_out:
        title += f"; {words.count(entry.left_out, 'image')} left out: one side does not reach the score"
    return Cell(
        words.signed(entry.ratio.value),
        title,
        tone(entry.ratio.value),
        sub=_sub(entry.ratio.low, entry.ratio.high),
    )
