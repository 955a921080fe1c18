"""``codecstudy report``: one HTML file with the answer, plots and pictures."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from codecstudy.cli.answers import (
    AssuranceOption,
    BaselineOption,
    ClusterOption,
    CoverageOption,
    MaxEncodeTimeOption,
    ResultsArgument,
    parse_cluster,
    parse_rate,
)
from codecstudy.cli.app import app, err, out, print_line, user_errors
from codecstudy.cli.display import Kernels
from codecstudy.errors import CodecstudyError
from codecstudy.report import PlotFormat
from codecstudy.results import QualityResults


def find_root(results: Path) -> Path:
    """The workspace of a results file in ``data/metrics``; for a file elsewhere, the folder that contains it."""
    # Before links are followed: data may be one.
    for path in (results.absolute(), results.resolve()):
        folder = path if path.is_dir() else path.parent
        # The results of a shard are in a folder in that of their study.
        for study in (folder, folder.parent):
            if study.parts[-3:-1] == ("data", "metrics"):
                return study.parents[2]
    return folder


@app.command()
@user_errors
def report(
    results: ResultsArgument,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="File to write; default: data/analysis/STUDY/report.html."),
    ] = None,
    plots: Annotated[
        Path | None, typer.Option("--plots", help="Also write the main plots into this folder.")
    ] = None,
    plots_format: Annotated[
        list[PlotFormat] | None,
        typer.Option("--plots-format", help="File format of the plots; may be given several times."),
    ] = None,
    images: Annotated[
        Path | None,
        typer.Option(
            "--images", help="Folder of the originals, if they are not in the workspace: to show pictures."
        ),
    ] = None,
    encode: Annotated[
        bool,
        typer.Option(
            "--encode/--no-encode",
            help="Encode pictures where no saved file has the wanted score, if their originals are unchanged.",
        ),
    ] = True,
    root: Annotated[
        Path | None,
        typer.Option("--root", help="Workspace with the encoded files; default: that of the results."),
    ] = None,
    metric: Annotated[
        str | None, typer.Option("--metric", help="Metric that the answer is based on.")
    ] = None,
    target: Annotated[float | None, typer.Option("--target", help="Score that is good enough.")] = None,
    coverage: CoverageOption = 0.95,
    assurance: AssuranceOption = "expected",
    cluster: ClusterOption = "near-duplicates",
    bd_range: Annotated[
        str | None,
        typer.Option(
            "--bd-range",
            metavar="LOW:HIGH",
            help="Two scores between which BD-rates are computed, e.g. 50:90, the default for SSIMULACRA2.",
        ),
    ] = None,
    max_encode_time: MaxEncodeTimeOption = None,
    baseline: BaselineOption = None,
) -> None:
    """Write a self-contained HTML report: the answer, plots, and pictures at the same score."""
    from codecstudy.api import load_results
    from codecstudy.report import Options

    if plots_format and plots is None:
        raise CodecstudyError("--plots-format says how to write plots; give their folder with --plots")
    if images is not None and not images.is_dir():
        raise CodecstudyError(f"{images} is not a folder; give the folder that contains the originals")
    loaded = load_results(results)
    options = Options(
        metric=metric,
        target=target,
        coverage=coverage,
        assurance=assurance,
        cluster=parse_cluster(cluster),
        bd_range=None if bd_range is None else parse_range(bd_range),
        max_encode_time=None if max_encode_time is None else parse_rate(max_encode_time),
        baseline=baseline,
        encode=encode,
        results_path=str(results),
        images=images,
    )
    workspace = find_root(results) if root is None else root
    for path in write(loaded, workspace, output, plots, options, plots_format or [PlotFormat.SVG]):
        print_line(out, str(path))


def parse_range(text: str) -> tuple[float, float]:
    """``50:90`` as (50.0, 90.0).

    Raises:
        CodecstudyError: It is not two different finite numbers.
    """
    try:
        low, high = (float(part) for part in text.split(":"))
    except ValueError:
        low = high = math.nan
    if not (math.isfinite(low) and math.isfinite(high)) or low == high:
        raise CodecstudyError(f"--bd-range {text!r} is not two different scores, such as 50:90")
    return low, high


def write(
    results: QualityResults,
    root: Path,
    output: Path | None,
    plots: Path | None,
    options: object = None,
    plots_formats: Sequence[PlotFormat] = (PlotFormat.SVG,),
) -> list[Path]:
    """Write the report, and the plots if a folder is given.

    Returns:
        The files written, the report first.
    """
    from codecstudy.api import write_report
    from codecstudy.report import Options, write_plots

    chosen = options if isinstance(options, Options) else Options()
    if output is None and not re.fullmatch(r"[a-z0-9][a-z0-9_-]*", results.study_id):
        raise CodecstudyError(f"the study id {results.study_id!r} is not the name of a folder; give --output")
    shard = results.run.shard
    part = "" if shard is None else shard.label.replace(" ", "-").replace("/", "-of-").replace(",", "")
    target = output or root / "data" / "analysis" / results.study_id / part / "report.html"
    # Write the plots first: without matplotlib, the command fails before it spends time on the report.
    drawn = [] if plots is None else write_plots(results, plots, chosen, plots_formats)
    written = write_report(results, target, root=root, options=chosen, compile_kernels=Kernels(err).ensure)
    return [written, *drawn]
