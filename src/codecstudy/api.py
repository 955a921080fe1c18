"""Entry points of the library that need both sides: what measures, and what reads results."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from codecstudy import codecs, metrics
from codecstudy.errors import ResultsError
from codecstudy.measurement.crops import DEFAULT_FRAGMENT
from codecstudy.measurement.inspection import InspectionProcess
from codecstudy.metrics import kernels
from codecstudy.report import Options
from codecstudy.report import write_report as write_page
from codecstudy.results import QualityResults


def load_results(path: Path | str) -> QualityResults:
    """Read results, with the facts of their encoders and metrics.

    Files written by codecstudy 0.1 do not contain those facts. They are completed with those of the encoders and
    metrics that are installed here.

    Args:
        path: A ``quality.json``, or the folder that contains it.

    Returns:
        What :func:`codecstudy.recommend`, :func:`codecstudy.diff`, :func:`codecstudy.export` and
        :func:`codecstudy.write_report` take.

    Raises:
        ResultsError: The file is missing or damaged, or was written with another schema version.
    """
    return metrics.describe(codecs.describe(QualityResults.load(path)))


def write_report(
    results: QualityResults,
    output: Path | str,
    *,
    root: Path | str = ".",
    options: Options | None = None,
    compile_kernels: Callable[[tuple[str, ...]], None] = kernels.compile_all,
) -> Path:
    """Write the report: one self-contained HTML file with the answer, the plots and the pictures.

    Files are decoded and encoded in a process of their own, with a deadline and a memory limit. Pictures are
    encoded only from sources whose content is what was measured, and only where no saved file has the wanted
    score; ``Options(encode=False)`` turns this off.

    Args:
        results: Results of a run, or of :func:`load_results`.
        output: File to write.
        root: Workspace that the paths in the results are relative to. The report has pictures if the sources are
            there.
        options: Metric, target and baseline; limits on pictures.
        compile_kernels: Called with the names of metrics whose kernels are needed, before they are used.

    Returns:
        The path of the file.

    Raises:
        ResultsError: Nothing was measured, an option is out of range, or ``output`` is a folder.
        OSError: ``output`` cannot be written.
    """
    output = Path(output)
    if output.is_dir():
        raise ResultsError(f"{output} is a folder; give the file to write, such as {output}/report.html")
    fragment = results.study.get("analysis_fragment_size") or DEFAULT_FRAGMENT
    with InspectionProcess(fragment, compile_kernels=compile_kernels) as saved_files:
        return write_page(results, Path(root), output, options, saved_files)
