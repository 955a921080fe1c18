"""``codecstudy recommend`` and ``export``: commands that read a study's results."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast, get_args

import typer
from rich.table import Table

from codecstudy.cli.app import app, cell, out, print_json, print_line, user_errors
from codecstudy.errors import ResultsError
from codecstudy.results import QualityResults
from codecstudy.types import SHORT_NAMES, Setting

if TYPE_CHECKING:
    # The analysis imports SciPy, which takes time that other commands can save.
    from codecstudy.analysis.estimates import Estimate
    from codecstudy.analysis.options import EncoderOptions
    from codecstudy.analysis.points import Points
    from codecstudy.analysis.recommend import Recommendation, Recommendations
    from codecstudy.analysis.sample import Clustering

ResultsArgument = Annotated[Path, typer.Argument(metavar="RESULTS", help="A quality.json, or its folder.")]
AssuranceOption = Annotated[
    str,
    typer.Option(
        "--assurance",
        help="expected: other images can be expected to reach the target with that share; 95%: they do with "
        "95 % certainty.",
    ),
]
ClusterOption = Annotated[
    str,
    typer.Option(
        "--cluster",
        help="Images that count as one for intervals and shares: near-duplicates, or folder (all of a folder).",
    ),
]
CoverageOption = Annotated[
    float, typer.Option("--coverage", help="Share of images that must reach the target.")
]
BaselineOption = Annotated[
    str | None, typer.Option("--baseline", help="Encoder, format or variant that sizes are relative to.")
]
MaxEncodeTimeOption = Annotated[
    str | None, typer.Option("--max-encode-time", help="Maximum CPU time per megapixel, e.g. 0.5s/MP.")
]


def parse_rate(value: str) -> float:
    """CPU seconds per megapixel from ``0.5s/MP``, ``500ms/MP``, ``0.5s`` or ``0.5``."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(ms|s)?(?:/MP)?", value.strip(), re.IGNORECASE)
    seconds = float(match[1]) * (0.001 if (match[2] or "").lower() == "ms" else 1) if match else 0.0
    if not seconds:
        raise ResultsError(f"{value!r} is not a valid encode time; use a format such as 0.5s/MP or 500ms/MP")
    return seconds


def parse_cluster(text: str) -> Clustering:
    """How images are clustered, by name."""
    from codecstudy.analysis.sample import Clustering

    for known in get_args(Clustering):
        if text == known:
            return cast("Clustering", known)
    raise ResultsError(f"--cluster {text!r} is not one of: {', '.join(get_args(Clustering))}")


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
    max_encode_time: MaxEncodeTimeOption = None,
    coverage: CoverageOption = 0.95,
    assurance: AssuranceOption = "expected",
    baseline: BaselineOption = None,
    cluster: ClusterOption = "near-duplicates",
    by_folder: Annotated[
        bool, typer.Option("--by-folder", help="Also give the answer for each subfolder of the dataset.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")] = False,
) -> None:
    """Show which format and settings to use, how much smaller the files are, and how certain that is."""
    from codecstudy.analysis.options import EncoderOptions
    from codecstudy.analysis.points import collect
    from codecstudy.analysis.recommend import recommend as find
    from codecstudy.api import load_results

    limit = None if max_encode_time is None else parse_rate(max_encode_time)
    loaded = load_results(results)
    points = collect(loaded, parse_cluster(cluster)).scored(metric)
    found = find(points, metric, target, limit, coverage, baseline, assurance)
    folders = {
        name: (part, find(part, found.metric, found.target, limit, coverage, baseline, assurance))
        for name, part in (points.by_folder().items() if by_folder else ())
    }
    if as_json:
        document = {**_document(points, found), "shard": plain(loaded.run.shard)}
        if by_folder:
            document["folders"] = {name: _document(*answer) for name, answer in folders.items()}
        print_json(document)
        return
    options = EncoderOptions.of(loaded)
    for note in (loaded.run.part_of_sample, loaded.run.times_of):
        if note:
            print_line(out, f"note: {note}", style="yellow")
    print_answer(points, found)
    for name, answer in folders.items():
        out.print()
        print_line(out, f"folder {name or '(top level)'}", style="bold")
        print_answer(*answer)
    for item in found.items:
        _print_commands(item, options)


def _document(points: Points, found: Recommendations) -> dict[str, Any]:
    """The answer as JSON: the sentences, and the numbers behind them."""
    from codecstudy.analysis.answer import answers

    sentences = [
        {
            "scope": answer.scope.label,
            "headline": answer.headline,
            "best": None if answer.best is None else plain(answer.best.setting),
            "chain": [plain(item.setting) for item in answer.chain],
            "sentences": plain(answer.sentences),
            "other_metrics": [] if answer.agreement is None else plain(answer.agreement.opinions),
        }
        for answer in answers(points, found)
    ]
    left_out = list(points.counts.images_without_score)
    return {**plain(found), "images_without_score": left_out, "answers": sentences}


def print_usual_answer(results: QualityResults) -> None:
    """Print the answer to the usual question: SSIMULACRA2 80 on 95 % of images."""
    from codecstudy.analysis.points import collect
    from codecstudy.analysis.recommend import recommend as find

    points = collect(results).scored()
    print_answer(points, find(points))


def print_answer(points: Points, found: Recommendations) -> None:
    """Print what to use in each scope, in a table and in sentences."""
    from codecstudy.analysis.answer import answers
    from codecstudy.analysis.wording import listed

    title = points.columns[found.metric].title
    for answer in answers(points, found):
        items = [item for item in found.items if item.scope == answer.scope]
        where = "" if len(points.scopes) == 1 else f", {answer.scope.label}"
        limit = f", at most {found.max_encode_time:g} s/MP to encode" if found.max_encode_time else ""
        print_line(
            out,
            f"Smallest settings with {title} {found.target:g} or better on {100 * found.coverage:g} % of images"
            f"{limit}{where}",
        )
        if any(item.setting is not None for item in items):
            out.print(_recommendation_table(items, found.baselines[answer.scope]))
        for item in items:
            if item.setting is None:
                print_line(out, f"{item.encoder}: {item.reason}")
        out.print()
        print_line(out, answer.headline, style="bold")
        for sentence in answer.sentences:
            print_line(out, sentence.text)
    if names := points.counts.images_without_score:
        print_line(out, f"Left out, because {title} needs larger images: {listed(names, 3)}")


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
            cell(item.setting.label()),
            *savings,
            "?" if bits is None else f"{bits.value:.3f}",
            _per_megapixel(item.encode_seconds_per_mp),
            _per_megapixel(item.decode_seconds_per_mp),
            f"{item.reached.images_reached}/{item.reached.images}",
        )
    return table


def _per_megapixel(seconds: Estimate | None) -> str:
    return "?" if seconds is None else f"{1000 * seconds.value:.0f} ms"


def _print_commands(item: Recommendation, options: EncoderOptions) -> None:
    if item.setting is None:
        return
    out.print()
    print_line(out, item.setting.label(), style="bold")
    for command in item.commands:
        text = command.text or "(not possible)"
        note = f"   # {command.note}" if command.note else ""
        print_line(out, f"  {command.tool:8} {text}{note}")
    if in_effect := options.at(item.setting):
        print_line(out, f"  in effect, defaults included: {in_effect}")


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
        print_line(out, str(path))
