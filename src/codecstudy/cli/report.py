"""``codecstudy report``: one HTML file with the answer, the plots and the pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from codecstudy.cli.answers import ResultsArgument, load_results, parse_rate
from codecstudy.cli.app import app, err, out, user_errors
from codecstudy.cli.display import Kernels
from codecstudy.errors import CodecError, ImageError, ResultsError
from codecstudy.measurement.crops import DEFAULT_FRAGMENT, CropPlan
from codecstudy.report import PlotFormat
from codecstudy.results import QualityResults

if TYPE_CHECKING:
    from codecstudy.metrics import butteraugli
    from codecstudy.types import Pixels


class SavedFiles:
    """Opens what a run has kept: the report itself knows neither codecs nor metrics."""

    def __init__(self, results: QualityResults) -> None:
        fragment = results.study.get("analysis_fragment_size") or DEFAULT_FRAGMENT
        self._crops = CropPlan((), fragment, "adjust_aspect_ratio")
        self._reference: Pixels | None = None
        self._prepared: butteraugli.Prepared | None = None

    def original(self, path: Path, resolution: int | None, crop: int | None) -> Pixels:
        """The source at ``path``, resized and cropped as a setting says.

        Raises :class:`codecstudy.errors.ImageError` where it cannot be read or is smaller than that.
        """
        from codecstudy import images

        pixels: Pixels | None = images.load(path).pixels
        if pixels is not None and resolution is not None:
            pixels = images.resize(pixels, resolution)
        if pixels is None:
            raise ImageError(f"{path}: smaller than resolution {resolution}")
        if crop is not None:
            cut = self._crops.cut(pixels.shape[1], pixels.shape[0], crop)
            if isinstance(cut, str):
                raise ImageError(f"{path}: {cut}")
            pixels = np.ascontiguousarray(cut.window.of(pixels))
        return pixels

    def decodes(self, encoder: str) -> bool:
        """Whether ``encoder`` is installed here."""
        from codecstudy import codecs

        try:
            codecs.get(encoder)
        except CodecError:
            return False
        return True

    def decode(self, encoder: str, data: bytes) -> Pixels:
        """Decode a file that ``encoder`` made."""
        from codecstudy import codecs

        return codecs.get(encoder).decode(data)

    def distance_map(self, reference: Pixels, distorted: Pixels) -> NDArray[np.float32]:
        """Butteraugli distance at each pixel, shape (height, width)."""
        from codecstudy.metrics import butteraugli

        # One original after the other is compared with many files.
        if self._prepared is None or self._reference is not reference:
            Kernels(err).ensure(("butteraugli",))
            self._reference, self._prepared = reference, butteraugli.prepare(reference)
        return self._prepared.distance_map(distorted)


def find_root(results: Path) -> Path:
    """The workspace that a results file lies in, by the layout; its own folder where it lies elsewhere."""
    path = results.resolve()
    folder = path if path.is_dir() else path.parent
    return folder.parents[2] if folder.parts[-3:-1] == ("data", "metrics") else folder


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
        typer.Option("--plots-format", help="Kind of the plots' files; may be given several times."),
    ] = None,
    root: Annotated[
        Path | None,
        typer.Option("--root", help="Workspace with the encoded files; default: the results' own."),
    ] = None,
    metric: Annotated[str | None, typer.Option("--metric", help="Metric that the answer rests on.")] = None,
    target: Annotated[float | None, typer.Option("--target", help="Score that is good enough.")] = None,
    coverage: Annotated[
        float, typer.Option("--coverage", help="Share of images that must reach the target.")
    ] = 0.95,
    max_encode_time: Annotated[
        str | None, typer.Option("--max-encode-time", help="CPU time per megapixel, as 0.5s/MP.")
    ] = None,
    baseline: Annotated[
        str | None, typer.Option("--baseline", help="Encoder, format or variant that sizes are relative to.")
    ] = None,
) -> None:
    """Write a self-contained HTML report: the answer, the plots, and the pictures at equal quality."""
    from codecstudy.report import Options

    loaded = load_results(results)
    options = Options(
        metric=metric,
        target=target,
        coverage=coverage,
        max_encode_time=None if max_encode_time is None else parse_rate(max_encode_time),
        baseline=baseline,
        results_path=str(results),
    )
    workspace = find_root(results) if root is None else root
    for path in write(loaded, workspace, output, plots, options, plots_format or [PlotFormat.SVG]):
        out.print(str(path), markup=False, highlight=False, soft_wrap=True)


def write(
    results: QualityResults,
    root: Path,
    output: Path | None,
    plots: Path | None,
    options: object = None,
    plots_formats: Sequence[PlotFormat] = (PlotFormat.SVG,),
) -> list[Path]:
    """Write the report, and the plots where a folder is given; returns what was written, the report first."""
    from codecstudy.report import Options, write_plots, write_report

    chosen = options if isinstance(options, Options) else Options()
    target = output or root / "data" / "analysis" / results.study_id / "report.html"
    if target.is_dir():
        raise ResultsError(f"{target} is a folder; give the file to write, such as {target}/report.html")
    # The plots first: where matplotlib is missing, the command ends before the report takes its time.
    drawn = [] if plots is None else write_plots(results, plots, chosen, plots_formats)
    return [write_report(results, root, target, chosen, SavedFiles(results)), *drawn]
