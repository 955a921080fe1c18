"""The report: data, templates, and one self-contained HTML file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from codecstudy.files import write_atomically
from codecstudy.report.options import Inspector, Options, PlotFormat
from codecstudy.results import QualityResults

__all__ = ["Inspector", "Options", "PlotFormat", "write_plots", "write_report"]


def write_report(
    results: QualityResults,
    root: Path,
    output: Path,
    options: Options | None = None,
    inspector: Inspector | None = None,
) -> Path:
    """Write the report on ``results`` to ``output``, one self-contained HTML file, and return its path.

    ``root`` is the workspace that the results' paths are relative to. ``inspector`` opens saved files for the
    gallery; without one, or without saved files, the report says how to get them.

    Raises :class:`codecstudy.errors.ResultsError` where nothing was measured, and for options out of range;
    ``OSError`` where ``output`` cannot be written.
    """
    from codecstudy.report.build import build
    from codecstudy.report.render import render

    write_atomically(output, render(build(results, root, options or Options(), inspector)))
    return output


def write_plots(
    results: QualityResults,
    folder: Path,
    options: Options | None = None,
    formats: Sequence[PlotFormat] = (PlotFormat.SVG,),
) -> list[Path]:
    """Write the main plots to ``folder``, for print and for slides, and return their paths.

    Needs matplotlib, which the extra ``plots`` installs. The same results give the same bytes.

    Args:
        results: What to plot.
        folder: Where the files go; created where it is missing.
        options: Metric, target and baseline, as for the report.
        formats: One file of each plot for each of these.

    Raises:
        MissingExtraError: matplotlib is not installed.
        ResultsError: Nothing was measured, or an option is out of range.
    """
    from codecstudy.report.context import Context
    from codecstudy.report.drawing import draw, require_matplotlib
    from codecstudy.report.figures import plots

    require_matplotlib()
    written: list[Path] = []
    for plot in plots(Context.of(results, options or Options())):
        for format in dict.fromkeys(formats):
            path = folder / f"{plot.name}.{format}"
            write_atomically(path, draw(plot, format))
            written.append(path)
    return written
