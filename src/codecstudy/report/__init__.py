"""The report: data, templates, and one self-contained HTML file."""

from __future__ import annotations

from pathlib import Path

from codecstudy.files import write_atomically
from codecstudy.report.data import Inspector, Options
from codecstudy.results import QualityResults

__all__ = ["Inspector", "Options", "write_plots", "write_report"]


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


def write_plots(results: QualityResults, folder: Path, options: Options | None = None) -> list[Path]:
    """Write the main plots to ``folder`` as SVG files for print, and return their paths.

    Raises as :func:`write_report` does.
    """
    from codecstudy.report.context import Context
    from codecstudy.report.svgplots import plots

    drawn = plots(Context.of(results, options or Options()))
    for name, text in drawn.items():
        write_atomically(folder / name, text)
    return [folder / name for name in drawn]
