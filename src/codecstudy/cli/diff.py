"""``codecstudy diff``: HEAD against BASE, as text, as Markdown or as JSON."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer
from rich.table import Table

from codecstudy.cli.answers import plain
from codecstudy.cli.app import app, cell, err, out, print_json, print_line, user_errors
from codecstudy.cli.display import count
from codecstudy.errors import ResultsError
from codecstudy.visible import visible

if TYPE_CHECKING:
    # The analysis imports SciPy, which takes time that other commands can save.
    from rich.console import JustifyMethod

    from codecstudy.analysis.comparison import Comparison, Gate
    from codecstudy.analysis.diff import At, Diff
    from codecstudy.analysis.problems import ProblemGroup

ALL_ROWS = 12
"""Of more comparisons than these, only the worst :data:`WORST_ROWS` are printed."""
WORST_ROWS = 8
FORMATS = ("text", "markdown", "json")

_STYLES = {"worse": "red", "inconclusive": "yellow", "better": "green", "equivalent": None}
_ORDER = tuple(_STYLES)
_GATES = {
    "corpus": "these very images",
    "population": "other images like these",
    "equivalence": "other images like these, and everything must be shown to be equivalent or better",
}


def parse_share(value: str, option: str) -> float:
    """A share from ``10%``, ``10 %`` or ``0.1``."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?|\.\d+)\s*(%?)", value.strip())
    if not match:
        raise ResultsError(f"{option}: {value!r} is not a share; use a format such as 2% or 0.02")
    return float(match[1]) / (100 if match[2] else 1)


@app.command()
@user_errors
def diff(
    base: Annotated[Path, typer.Argument(metavar="BASE", help="Results to compare with.")],
    head: Annotated[Path, typer.Argument(metavar="HEAD", help="Results to judge.")],
    gate: Annotated[
        str,
        typer.Option(
            "--gate",
            help="What fails. corpus: growth on these images. population: significant growth on other images "
            "like these. equivalence: anything that is not shown to be equivalent or better on those.",
        ),
    ] = "corpus",
    at: Annotated[
        str | None,
        typer.Option(
            "--at",
            help="matched (at the same score), fixed (at the same settings) or both; default: both where "
            "possible.",
        ),
    ] = None,
    metric: Annotated[
        str | None, typer.Option("--metric", help="Default: ssimulacra2, or the first metric in both.")
    ] = None,
    target: Annotated[
        list[float] | None,
        typer.Option(
            "--target",
            help="Score at which to compare sizes; may be given several times. Default: those of 50, 70, 80 and 90 "
            "that both sides reach.",
        ),
    ] = None,
    tolerance: Annotated[
        str, typer.Option("--tolerance", help="How much larger files may be, e.g. 2% or 0.02.")
    ] = "1%",
    score_tolerance: Annotated[
        float | None,
        typer.Option(
            "--score-tolerance",
            help="How much worse scores may be at the same settings, in units of the metric; default: the "
            "tolerance of sizes, of the metric's usual target.",
        ),
    ] = None,
    max_time_growth: Annotated[
        str | None,
        typer.Option(
            "--max-time-growth",
            help="Compare the CPU times of encoding and decoding too, and let them grow by this much, e.g. 10%.",
        ),
    ] = None,
    base_variant: Annotated[
        str | None,
        typer.Option("--base", help='Variant of BASE, e.g. "avif s7", that is compared with that of HEAD.'),
    ] = None,
    head_variant: Annotated[str | None, typer.Option("--head", help="Variant of HEAD.")] = None,
    format: Annotated[str, typer.Option("--format", help="text, markdown or json.")] = "text",
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
) -> None:
    """Compare two results, or two variants, image by image.

    Exit code 1: HEAD is worse, or something could not be compared. Exit code 2: there is no comparison.
    """
    from codecstudy.analysis.diff import diff as compare
    from codecstudy.api import load_results

    if format not in FORMATS:
        raise ResultsError(f"unknown format {format!r}; formats are {', '.join(FORMATS)}")
    if as_json and format == "markdown":
        raise ResultsError("--json and --format markdown contradict each other; give one of them")
    if (base_variant is None) != (head_variant is None):
        raise ResultsError("to compare two variants, give both --base and --head")
    growth = None if max_time_growth is None else parse_share(max_time_growth, "--max-time-growth")
    allowed = parse_share(tolerance, "--tolerance")
    before = load_results(base)
    found = compare(
        before,
        before if head == base else load_results(head),
        metric,
        target,
        allowed,
        gate=cast("Gate", gate),
        at=cast("At | None", at),
        score_tolerance=score_tolerance,
        max_time_growth=growth,
        base_variant=base_variant,
        head_variant=head_variant,
    )
    title = before.metric_columns[found.metric].title
    if as_json or format == "json":
        print_json({**plain(found), "failed": found.failed, "exit_code": found.exit_code})
    elif format == "markdown":
        out.print(_markdown(found, title), markup=False, highlight=False, soft_wrap=True)
    else:
        _print_text(found, title)
    raise typer.Exit(found.exit_code)


@dataclass(frozen=True, slots=True)
class _Section:
    """The comparisons of one kind, as a table."""

    title: str
    counts: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    verdicts: tuple[str, ...]
    """Of each row."""
    more: str
    """What the rows leave out."""


def _sections(found: Diff, metric: str) -> Iterator[_Section]:
    kinds = (
        ("matched", "size", f"Size at the same {metric}", "size"),
        ("fixed", "size", "Size at the same settings", "size"),
        ("fixed", "score", f"{metric} at the same settings", metric),
        ("fixed", "encode_cpu", "Encode CPU time at the same settings", "time"),
        ("fixed", "decode_cpu", "Decode CPU time at the same settings", "time"),
        ("matched", "encode_cpu", f"Encode CPU time at the same {metric}", "time"),
        ("matched", "decode_cpu", f"Decode CPU time at the same {metric}", "time"),
    )
    for at, quantity, title, name in kinds:
        members = [c for c in found.comparisons if (c.at, c.quantity) == (at, quantity)]
        if not members:
            continue
        shown, more = _worst(members)
        yield _Section(
            title,
            _verdict_counts(members),
            (
                *(("variant", metric) if at == "matched" else ("setting",)),
                f"{name}, HEAD to BASE (95 % interval)",
                *(("all bytes",) if quantity == "size" else ()),
                "images",
                "verdict",
                "smallest visible",
                "images needed",
            ),
            tuple(_row(c) for c in shown),
            tuple(c.verdict for c in shown),
            more,
        )


def _worst(members: Sequence[Comparison]) -> tuple[Sequence[Comparison], str]:
    """The comparisons to print, and what to say of the others."""
    if len(members) <= ALL_ROWS:
        return members, ""
    ranked = sorted(members, key=_severity)
    shown = [c for c in ranked if c.fails or c.verdict != "equivalent"][:WORST_ROWS]
    left = ranked[len(shown) :]
    if not left:
        return shown, ""
    worst = max(left, key=lambda c: float("-inf") if c.growth is None else c.growth)
    at = "" if worst.target is None else f" at {worst.target:g}"
    most = f"largest change {_change(worst)}: {worst.label}{at} (--json shows all)"
    return shown, f"{len(left)} more: {_verdict_counts(left)}, {most}" if shown else most


def _severity(comparison: Comparison) -> tuple[bool, int, float]:
    """Sorts the worst first."""
    growth = float("inf") if comparison.growth is None else comparison.growth
    return not comparison.fails, _ORDER.index(comparison.verdict), -growth


def _verdict_counts(comparisons: Sequence[Comparison]) -> str:
    counts: Counter[str] = Counter(c.verdict for c in comparisons)
    return ", ".join(f"{counts[v]} {v}" for v in _ORDER if counts[v])


def _row(c: Comparison) -> tuple[str, ...]:
    total = () if c.quantity != "size" else ("?" if c.total is None else _percent(c.total.value),)
    return (
        c.label,
        *(() if c.target is None else (f"{c.target:g}",)),
        _change(c),
        *total,
        f"{c.images}/{c.images + c.only_base + c.only_head + c.neither}",
        c.verdict,
        _effect(c),
        "?" if c.images_needed is None else f"{c.images_needed:,}",
    )


def _change(c: Comparison) -> str:
    """The change with its interval, e.g. ``+1.2 % (+0.3 to +2.1)``; a single image has no interval."""
    if c.change is None:
        return "?"
    value, low, high = c.change.value, c.change.low, c.change.high
    unit = "" if c.quantity == "score" else " %"

    def text(value: float) -> str:
        return f"{100 * (value - 1):+.1f}" if unit else f"{value:+.2f}"

    interval = "" if low is None or high is None else f" ({text(low)} to {text(high)})"
    return f"{text(value)}{unit}{interval}"


def _effect(c: Comparison) -> str:
    if c.smallest_effect is None:
        return "?"
    return f"-{c.smallest_effect:.2f}" if c.quantity == "score" else f"{100 * c.smallest_effect:+.1f} %"


def _percent(ratio: float) -> str:
    return f"{100 * (ratio - 1):+.1f} %"


def _summary(found: Diff) -> str:
    worse = sum(c.verdict == "worse" for c in found.comparisons)
    undecided = sum(c.verdict == "inconclusive" and c.fails for c in found.comparisons)
    parts = [
        f"{worse} worse" if worse else "",
        f"{undecided} inconclusive" if undecided else "",
        count(len(found.problems), "problem") if found.problems else "",
    ]
    why = ", ".join(part for part in parts if part)
    return f"failed: {why}" if found.failed else "passed"


def _question(found: Diff, metric: str) -> str:
    growth = found.max_time_growth
    fixed = any(c.at == "fixed" for c in found.comparisons)
    allowed = [
        f"sizes may grow by {100 * found.tolerance:g} %",
        f"{metric} may get worse by {found.score_tolerance:g}" if fixed else "",
        "" if growth is None else f"CPU times may grow by {100 * growth:g} %",
    ]
    return (
        f"HEAD against BASE on {count(found.images, 'image')}; {', '.join(filter(None, allowed))}. "
        f"Gate {found.gate}: {_GATES[found.gate]}."
    )


def _undecided(found: Diff) -> Iterator[str]:
    """What was not decided, why, and what it would take."""
    reasons: dict[str, list[Comparison]] = {}
    for c in found.comparisons:
        if c.reason is not None and c.change is not None:
            reasons.setdefault(c.reason, []).append(c)
    for reason, members in reasons.items():
        of = f"{len(members)} of {count(len(found.comparisons), 'comparison')}"
        yield f"inconclusive: {of}: {reason}.{_passing(members)}{_what_it_takes(found, reason, members)}"


def _passing(members: Sequence[Comparison]) -> str:
    passing = sum(not c.fails for c in members)
    if not passing:
        return ""
    return f" {'They' if passing == len(members) else f'{passing} of them'} pass this gate undecided."


def _what_it_takes(found: Diff, reason: str, members: Sequence[Comparison]) -> str:
    from codecstudy.analysis.comparison import HIDDEN

    needed = [c.images_needed for c in members if c.images_needed is not None]
    if reason == HIDDEN or not needed or max(needed) <= found.images:
        return ""
    of = "these" if len(needed) == len(members) else f"{len(needed)} of these"
    return f" If nothing changed, about {max(needed):,} images would show it for {of}."


LEGEND = (
    "interval, smallest visible, images needed: for other images like these. Smallest visible: the growth (of "
    "scores, loss) that would be found with a probability of 80 %. Images needed: with about so many, an unchanged "
    "quantity would be shown to be equivalent, with the same probability."
)


def _print_text(found: Diff, metric: str) -> None:
    _line(_question(found, metric))
    for section in _sections(found, metric):
        out.print()
        _line(f"{section.title}: {section.counts}", style="bold")
        if section.rows:
            out.print(_table(section))
        if section.more:
            _line(section.more)
    if any(section.rows for section in _sections(found, metric)):
        out.print()
        _line(LEGEND)
    for line in _details(found):
        _line(line)
    for line in _undecided(found):
        _line(line, style="yellow")
    for group in found.problem_groups:
        text = f"{group.kind} ({group.side}): {_problem(group)}"
        print_line(err, text, style="red")
    _line(_summary(found), style="red" if found.failed else "green")


def _table(section: _Section) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for k, name in enumerate(section.header):
        justify: JustifyMethod = "right" if k else "left"
        table.add_column(cell(name), justify=justify, no_wrap=k > 0, overflow="fold")
    for row, verdict in zip(section.rows, section.verdicts, strict=True):
        table.add_row(*map(cell, row), style=_STYLES[verdict])
    return table


def _line(text: str, style: str | None = None) -> None:
    print_line(out, text, style=style)


def _details(found: Diff) -> Iterator[str]:
    for name, (before, after) in found.versions.items():
        yield f"{name}: {before or 'not in BASE'} -> {after or 'not in HEAD'}"
    yield from (f"note: {note}" for note in found.notes)


def _problem(group: ProblemGroup) -> str:
    examples = "; ".join(group.examples)
    more = f" and {group.count - len(group.examples):,} more" if group.count > len(group.examples) else ""
    return f"{examples}{more}: {group.detail}"


def _markdown(found: Diff, metric: str) -> str:
    """A comment for a pull request."""
    parts = [f"### codecstudy diff {_summary(found)}", _cell(_question(found, metric))]
    for section in _sections(found, metric):
        header = [_cell(name) for name in section.header]
        marks = ["---", *["---:"] * (len(header) - 1)]
        rows = [[_cell(cell) for cell in row] for row in section.rows]
        for row, verdict in zip(rows, section.verdicts, strict=True):
            at = section.header.index("verdict")
            row[at] = f"**{verdict}**" if verdict in ("worse", "inconclusive") else verdict
        lines = [f"| {' | '.join(cells)} |" for cells in (header, marks, *rows)]
        table = ["\n".join(lines)] if rows else []
        more = [_cell(section.more)] if section.more else []
        parts += [f"**{_cell(section.title)}**: {section.counts}", *table, *more]
    problems = [
        f"**{group.kind}** ({group.side}): {_cell(_problem(group))}" for group in found.problem_groups
    ]
    points = [*problems, *map(_cell, _undecided(found)), *map(_cell, _details(found))]
    if points:
        parts.append("\n".join(f"- {point}" for point in points))
    return "\n\n".join([*parts, f"<sub>{LEGEND}</sub>"])


def _cell(text: str) -> str:
    """``text`` for a Markdown table: names of files and variants cannot break it, or become HTML or links."""
    return re.sub(r"([\\`*_\[\]<>|#@])", r"\\\1", visible(text))
