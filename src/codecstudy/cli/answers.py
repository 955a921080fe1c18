"""``codecstudy recommend``, ``diff`` and ``export``: commands that read a study's results."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from codecstudy.cli.app import app, err, out, print_json, user_errors
from codecstudy.cli.display import count
from codecstudy.errors import ResultsError
from codecstudy.results import QualityResults
from codecstudy.types import SHORT_NAMES, Setting

if TYPE_CHECKING:
    # The analysis imports SciPy, which takes time that other commands can save.
    from codecstudy.analysis.diff import Diff
    from codecstudy.analysis.estimates import Estimate
    from codecstudy.analysis.points import Points
    from codecstudy.analysis.recommend import Recommendation, Recommendations

ResultsArgument = Annotated[Path, typer.Argument(metavar="RESULTS", help="A quality.json, or its folder.")]


def parse_rate(value: str) -> float:
    """CPU seconds per megapixel from ``0.5s/MP``, ``500ms/MP``, ``0.5s`` or ``0.5``."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(ms|s)?(?:/MP)?", value.strip(), re.IGNORECASE)
    seconds = float(match[1]) * (0.001 if (match[2] or "").lower() == "ms" else 1) if match else 0.0
    if not seconds:
        raise ResultsError(f"{value!r} is not a valid encode time; use a format such as 0.5s/MP or 500ms/MP")
    return seconds


def percent(ratio: float) -> str:
    """A size ratio as a difference, e.g. ``-31.4 %``."""
    return f"{100 * (ratio - 1):+.1f} %"


def percent_interval(ratio: Estimate) -> str:
    """A size ratio with its interval, e.g. ``-31.4 % (-34.0 to -28.9)``; a single image has no interval."""
    if ratio.low is None or ratio.high is None:
        return percent(ratio.value)
    return f"{percent(ratio.value)} ({100 * (ratio.low - 1):+.1f} to {100 * (ratio.high - 1):+.1f})"


def plain(value: Any) -> Any:
    """``value`` as JSON values: dataclasses become objects; infinity and NaN become null."""
    if isinstance(value, Setting):
        sizes = {"resolution": value.resolution, "crop": value.crop, "extra_args": plain(value.extra_args)}
        given = {"format": value.format, **dict.fromkeys(SHORT_NAMES), **dict(value.parameters), **sizes}
        return given | {"encoder": value.encoder}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {getattr(key, "label", key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


@app.command()
@user_errors
def recommend(
    results: ResultsArgument,
    metric: Annotated[
        str | None,
        typer.Option(
            "--metric",
            help="Metric of the target; default: ssimulacra2, or the first metric that was measured.",
        ),
    ] = None,
    target: Annotated[
        float | None,
        typer.Option(
            "--target", help="Score to reach; default: the metric's usual target, 80 for SSIMULACRA2."
        ),
    ] = None,
    max_encode_time: Annotated[
        str | None, typer.Option("--max-encode-time", help="Maximum CPU time per megapixel, e.g. 0.5s/MP.")
    ] = None,
    coverage: Annotated[
        float, typer.Option("--coverage", help="Share of images that must reach the target.")
    ] = 0.95,
    assurance: Annotated[
        str,
        typer.Option(
            "--assurance",
            help="expected: other images can be expected to reach the target with that share; 95%: they do with "
            "95 % certainty.",
        ),
    ] = "expected",
    baseline: Annotated[
        str | None, typer.Option("--baseline", help="Encoder, format or variant that sizes are relative to.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")] = False,
) -> None:
    """Show which format and settings to use, how much smaller the files are, and how certain that is."""
    from codecstudy.analysis.points import collect
    from codecstudy.analysis.recommend import recommend as find
    from codecstudy.api import load_results

    limit = None if max_encode_time is None else parse_rate(max_encode_time)
    points = collect(load_results(results))
    found = find(points, metric, target, limit, coverage, baseline, assurance)
    if as_json:
        print_json(_document(points, found))
        return
    print_answer(points, found)
    for item in found.items:
        _print_commands(item)


def _document(points: Points, found: Recommendations) -> dict[str, Any]:
    """The answer as JSON: the sentences, and the numbers behind them."""
    from codecstudy.analysis.answer import answers

    sentences = [
        {
            "scope": answer.scope.label,
            "best": None if answer.best is None else plain(answer.best.setting),
            "chain": [plain(item.setting) for item in answer.chain],
            "sentences": plain(answer.sentences),
            "other_metrics": [] if answer.agreement is None else plain(answer.agreement.opinions),
        }
        for answer in answers(points, found)
    ]
    return {**plain(found), "answers": sentences}


def print_usual_answer(results: QualityResults) -> None:
    """Print the answer to the usual question: SSIMULACRA2 80 on 95 % of images."""
    from codecstudy.analysis.points import collect
    from codecstudy.analysis.recommend import recommend as find

    points = collect(results)
    print_answer(points, find(points))


def print_answer(points: Points, found: Recommendations) -> None:
    """Print what to use in each scope, in a table and in sentences."""
    from codecstudy.analysis.answer import answers, full_name

    title = points.columns[found.metric].title
    for answer in answers(points, found):
        items = [item for item in found.items if item.scope == answer.scope]
        where = "" if len(points.scopes) == 1 else f", {answer.scope.label}"
        limit = f", at most {found.max_encode_time:g} s/MP to encode" if found.max_encode_time else ""
        _print_line(
            f"Smallest settings with {title} {found.target:g} or better on {100 * found.coverage:g} % of images"
            f"{limit}{where}"
        )
        if any(item.setting is not None for item in items):
            out.print(_recommendation_table(items, found.baselines[answer.scope]))
        for item in items:
            if item.setting is None:
                _print_line(f"{item.encoder}: {item.reason}")
        if answer.best is not None and answer.best.setting is not None:
            best = full_name(answer.best.setting, points.encoders)
            out.print(f"\nUse {best}.", style="bold", markup=False, highlight=False)
        for sentence in answer.sentences:
            _print_line(sentence.text)


def _print_line(text: str) -> None:
    out.print(text, markup=False, highlight=False, soft_wrap=True)


def _recommendation_table(items: Sequence[Recommendation], base: Setting | None) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("setting", no_wrap=True)
    names = ("same score (95 % interval)", "one number", "bits/px", "encode/MP", "decode/MP", "reached")
    for name in names:
        table.add_column(name, justify="right", no_wrap=True)
    for item in items:
        if item.setting is None:
            continue
        bits, same, one = item.bits_per_pixel, item.same_score, item.one_number
        savings = ("baseline", "baseline")
        if item.setting != base:
            savings = (
                "?" if same is None or same.ratio is None else percent_interval(same.ratio),
                "?" if one is None else percent(one.ratio),
            )
        table.add_row(
            escape(item.setting.label()),
            *savings,
            "?" if bits is None else f"{bits.value:.3f}",
            _per_megapixel(item.encode_seconds_per_mp),
            _per_megapixel(item.decode_seconds_per_mp),
            f"{item.reached.images_reached}/{item.reached.images}",
        )
    return table


def _per_megapixel(seconds: Estimate | None) -> str:
    return "?" if seconds is None else f"{1000 * seconds.value:.0f} ms"


def _print_commands(item: Recommendation) -> None:
    if item.setting is None:
        return
    out.print(f"\n{item.setting.label()}", style="bold", markup=False, highlight=False)
    for command in item.commands:
        text = command.text or "(not possible)"
        note = f"   # {command.note}" if command.note else ""
        out.print(f"  {command.tool:8} {text}{note}", markup=False, highlight=False, soft_wrap=True)


@app.command()
@user_errors
def diff(
    base: Annotated[Path, typer.Argument(metavar="BASE", help="Results to compare with.")],
    head: Annotated[Path, typer.Argument(metavar="HEAD", help="Results to judge.")],
    metric: Annotated[
        str | None,
        typer.Option(
            "--metric",
            help="Metric that defines equal quality; default: ssimulacra2, or the first metric in both.",
        ),
    ] = None,
    target: Annotated[
        list[float] | None, typer.Option("--target", help="Score to compare at; may be given several times.")
    ] = None,
    tolerance: Annotated[
        float | None,
        typer.Option("--tolerance", help="How much larger files may be, as a share; default: 0.01 (1 %)."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the comparison as JSON.")] = False,
) -> None:
    """Compare two results at equal quality; exit code 1 if HEAD is worse or cannot be compared."""
    from codecstudy.analysis.diff import DEFAULT_TOLERANCE
    from codecstudy.analysis.diff import diff as compare
    from codecstudy.api import load_results

    allowed = DEFAULT_TOLERANCE if tolerance is None else tolerance
    found = compare(load_results(base), load_results(head), metric, target, allowed)
    if as_json:
        print_json({**plain(found), "exit_code": found.exit_code})
    else:
        _print_diff(found)
    raise typer.Exit(found.exit_code)


MAX_PROBLEM_LINES = 20


def _note_few(images: int | None) -> None:
    from codecstudy.analysis.estimates import FEW_IMAGES

    if images is not None and images < FEW_IMAGES:
        out.print(f"note: {count(images, 'image')} only; measure more before you decide", highlight=False)


def _print_diff(found: Diff) -> None:
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("variant", overflow="fold")
    for name in (found.metric, "size, HEAD to BASE (95 % interval)", "images", "verdict"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in found.comparisons:
        verdict = f"{row.verdict}: {row.reason}" if row.reason else row.verdict
        style = "red" if row.verdict in {"worse", "unknown"} else "green" if row.verdict == "better" else None
        table.add_row(
            escape(row.variant.label),
            f"{row.target:g}",
            "?" if row.ratio is None else percent_interval(row.ratio),
            f"{row.images}/{row.images + row.only_base + row.only_head + row.neither}",
            escape(verdict),
            style=style,
        )
    out.print(table)
    _note_few(min((row.images for row in found.comparisons if row.images), default=None))
    for name, (before, after) in found.versions.items():
        out.print(f"{name}: {before} -> {after}", markup=False, highlight=False, soft_wrap=True)
    for problem in found.problems[:MAX_PROBLEM_LINES]:
        place = ", ".join(part for part in (problem.image, problem.setting) if part)
        err.print(
            f"{problem.kind} ({problem.side}): {place}: {problem.detail}",
            style="red",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
    if len(found.problems) > MAX_PROBLEM_LINES:
        err.print(
            f"... and {count(len(found.problems) - MAX_PROBLEM_LINES, 'more problem')}", highlight=False
        )


@app.command()
@user_errors
def export(
    results: ResultsArgument,
    format: Annotated[str, typer.Option("--format", help="csv, summary, parquet or codec-compare.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write; a folder for codec-compare.")
    ] = None,
) -> None:
    """Write results for other programs: CSV, Parquet, or the JSON of Google's codec-compare viewer.

    csv and parquet have a row per image and setting; summary is CSV with a row per setting: mean, median, 5th and
    95th percentile, minimum and maximum of scores, sizes and times.
    """
    from codecstudy.analysis.export import FORMATS
    from codecstudy.analysis.export import export as write
    from codecstudy.api import load_results

    known = {name: name for name in FORMATS}
    if format not in known:
        raise ResultsError(f"unknown export format {format!r}; formats are {', '.join(FORMATS)}")
    loaded = load_results(results)
    folder = results if results.is_dir() else results.parent
    default = folder / {"codec-compare": format, "summary": "summary.csv"}.get(format, f"quality.{format}")
    for path in write(loaded, known[format], output or default):
        out.print(str(path), markup=False, highlight=False, soft_wrap=True)
