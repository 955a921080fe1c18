"""``codecstudy measure``: scores of image files compared with their original."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from codecstudy.cli.app import EXIT_FAILURES, app, cell, err, out, print_error, print_json, user_errors
from codecstudy.cli.display import Kernels
from codecstudy.errors import ImageError
from codecstudy.types import score_to_json


@app.command()
@user_errors
def measure(
    reference: Annotated[Path, typer.Argument(help="The original image.")],
    distorted: Annotated[list[Path], typer.Argument(help="One or more images to compare with it.")],
    metric: Annotated[
        list[str] | None,
        typer.Option(
            "--metric",
            help="Metric to compute; may be given several times. Default: SSIMULACRA2, Butteraugli, PSNR and SSIM.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the scores as JSON.")] = False,
) -> None:
    """Score images against their original: SSIMULACRA2, Butteraugli, PSNR and SSIM, or others."""
    from codecstudy import metrics
    from codecstudy.measurement.inspection import InspectionProcess

    names = None if metric is None else tuple(dict.fromkeys(metric))
    columns = [column.name for column in metrics.columns(names or metrics.DEFAULT)]
    scores: dict[Path, dict[str, float]] = {}
    failures: dict[Path, str] = {}
    with InspectionProcess(compile_kernels=Kernels(err).ensure) as files:
        files.prepare(reference, names)
        for path in distorted:
            try:
                scores[path] = files.scores(reference, path, names)
            except ImageError as error:
                failures[path] = str(error) if str(path) in str(error) else f"{path}: {error}"

    if as_json:
        rows = [{"distorted": str(path), **_json_scores(scores[path])} for path in scores]
        rows += [{"distorted": str(path), "error": reason} for path, reason in failures.items()]
        # For a single image, the common case, the document contains just its scores.
        document: object = rows if len(distorted) > 1 else rows[0]
        if isinstance(document, dict):
            document.pop("distorted")
        print_json(document)
    elif scores:
        left_out = [column for column in columns if not any(column in row for row in scores.values())]
        columns = [column for column in columns if column not in left_out]
        if left_out:
            err.print(f"no {', '.join(left_out)}: the images are too small", highlight=False)
        table = Table(box=None, header_style="bold", pad_edge=False)
        table.add_column("image", overflow="fold")
        for column in columns:
            table.add_column(cell(column), justify="right")
        for path, row in scores.items():
            table.add_row(cell(str(path)), *(f"{row[column]:.6g}" for column in columns))
        out.print(table)
    for reason in failures.values():
        print_error(reason)
    if failures:
        raise typer.Exit(EXIT_FAILURES)


def _json_scores(row: dict[str, float]) -> dict[str, float | str | None]:
    # The same representation as in results files.
    return {name: score_to_json(value) for name, value in row.items()}
