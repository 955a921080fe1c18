"""The report of a study: one self-contained HTML file, and static plots."""

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
    """Write the report on ``results`` as one self-contained HTML file.

    Args:
        results: The results to report on.
        root: Workspace that the results' paths are relative to.
        output: The file to write.
        options: Metric, target, baseline, and limits on the size of the file.
        inspector: Opens and encodes files for the gallery. Without one, the report has no pictures.

    Returns:
        ``output``.

    Raises:
        ResultsError: If nothing was measured, or if an option is out of range.
        OSError: If ``output`` cannot be written.
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
    """Write the main plots to ``folder``, for print and for slides.

    Needs matplotlib, which the extra ``plots`` installs. The same results always produce the same bytes.

    Args:
        results: The results to plot.
        folder: Folder for the files; created if it does not exist.
        options: Metric, target and baseline, as for the report.
        formats: File formats; each plot is written in all of them.

    Returns:
        The files written.

    Raises:
        MissingExtraError: If matplotlib is not installed.
        ResultsError: If nothing was measured, or if an option is out of range.
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
