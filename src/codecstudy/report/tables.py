"""Tables of variants: one table for each metric and scope, of which the page shows the chosen one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from codecstudy.analysis.estimates import Estimate
from codecstudy.analysis.variants import Variant
from codecstudy.report import text
from codecstudy.report.context import Context

_TONES = (0.02, 0.10, 0.25)
"""Size differences above which a cell is tinted lightly, moderately and strongly."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a table."""

    text: str
    title: str = ""
    """Additional text for a tooltip and for screen readers."""
    tone: int = 0
    """-3 (much smaller) to 3 (much larger)."""
    empty: bool = False
    sub: str = ""
    """A second line in smaller text."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table, for one variant."""

    style: str
    """Name of its colour."""
    title: str
    details: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class TableData:
    """The table for one scope and metric."""

    scope: int
    metric: str
    shown: bool
    columns: tuple[Cell, ...]
    rows: tuple[Row, ...]
    note: str = ""


def tone(ratio: float) -> int:
    """-3 (much smaller) to 3 (much larger)."""
    step = sum(abs(np.log(ratio)) > np.log1p(t) for t in _TONES)
    return int(-step if ratio < 1 else step)


def empty_cell(reason: str | None) -> Cell:
    """A dash, with the reason why there is no number."""
    return Cell("\N{EN DASH}", reason or "", empty=True)


def ratio_cell(ratio: Estimate, title: str) -> Cell:
    """A size ratio as a signed difference with its interval, tinted by how large it is."""
    interval = ""
    if ratio.low is not None and ratio.high is not None:
        interval = f"{text.signed(ratio.low)} to {text.signed(ratio.high)}"
    return Cell(text.signed(ratio.value), title, tone(ratio.value), sub=interval)


def variant_row(context: Context, variant: Variant, cells: Iterable[Cell]) -> Row:
    """The row of one variant."""
    facts = context.facts_of(variant)
    return Row(
        context.styles[variant.encoder].name,
        facts.title,
        text.details(variant.setting, context.encoders),
        tuple(cells),
    )
