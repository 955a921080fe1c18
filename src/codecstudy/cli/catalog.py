"""``codecstudy datasets``, ``codecstudy studies`` and ``codecstudy schema``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn
from rich.table import Table

from codecstudy.cli.app import app, cell, err, out, print_json, print_line, print_warning, user_errors
from codecstudy.cli.run import RootOption

datasets_app = typer.Typer(help="List, fetch and add datasets.", no_args_is_help=True)
studies_app = typer.Typer(help="List studies.", no_args_is_help=True)
app.add_typer(datasets_app, name="datasets")
app.add_typer(studies_app, name="studies")


@datasets_app.command("list")
@user_errors
def datasets_list(
    root: RootOption = Path(),
    as_json: Annotated[bool, typer.Option("--json", help="Print the list as JSON.")] = False,
) -> None:
    """List the datasets with their size, and whether they are downloaded."""
    from codecstudy.datasets import list_datasets

    statuses = list_datasets(root)
    if as_json:
        rows = [
            {
                "id": s.id,
                "name": s.name,
                "images": s.image_count,
                "bytes": s.size_bytes,
                "downloaded": s.downloaded,
                "verified": s.verified,
                "license": s.license,
                "source": s.source,
            }
            for s in statuses
        ]
        print_json(rows)
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("id", no_wrap=True)
    table.add_column("images", justify="right")
    table.add_column("size", justify="right")
    table.add_column("state")
    table.add_column("licence", overflow="fold")
    for status in statuses:
        if status.downloaded:
            state = "downloaded"
        elif status.can_fetch:
            state = "can be fetched" if status.verified else "can be fetched unverified"
        else:
            state = "manual download"
        table.add_row(
            cell(status.id),
            "?" if status.image_count is None else f"{status.image_count:,}",
            "?" if status.size_bytes is None else f"{status.size_bytes / 1e6:,.1f} MB",
            state,
            cell(status.license or "?"),
        )
    out.print(table)


@datasets_app.command("fetch")
@user_errors
def datasets_fetch(
    dataset_id: Annotated[str, typer.Argument(metavar="ID", help="Id of a dataset in the list.")],
    root: RootOption = Path(),
    force: Annotated[
        bool, typer.Option("--force", help="Download again and replace the existing images.")
    ] = False,
    unverified: Annotated[
        bool, typer.Option("--unverified", help="Allow a download for which the registry has no SHA-256.")
    ] = False,
) -> None:
    """Download a dataset, verify it, and unpack it."""
    from codecstudy.datasets import fetch

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=err, transient=True) as progress:
        bar = progress.add_task(cell(dataset_id), total=None)
        dataset = fetch(
            root,
            dataset_id,
            on_progress=lambda done, total: progress.update(bar, completed=done, total=total),
            force=force,
            unverified=unverified,
        )
    print_line(out, f"{dataset.id}: {len(dataset.images):,} images in {dataset.folder}")


@datasets_app.command("add")
@user_errors
def datasets_add(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder that contains the images.")],
    dataset_id: Annotated[str, typer.Option("--id", help="Id to use in study files.")],
    root: RootOption = Path(),
) -> None:
    """Register a local folder as a dataset."""
    from codecstudy.datasets import add_folder

    dataset = add_folder(root, folder, dataset_id)
    print_line(out, f"{dataset.id}: {len(dataset.images):,} images")


@studies_app.command("list")
@user_errors
def studies_list(root: RootOption = Path()) -> None:
    """List the built-in studies and those under config/studies."""
    from codecstudy.cli.display import count
    from codecstudy.errors import StudyError
    from codecstudy.study import StudyConfig
    from codecstudy.study import builtin as studies

    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("id", no_wrap=True)
    table.add_column("settings", justify="right")
    table.add_column("question", overflow="fold")
    for study_id in studies.builtin_ids():
        config = studies.load_builtin(study_id)
        table.add_row(
            cell(study_id), str(len(config.settings())), cell(config.description or config.name or "")
        )
    broken = []
    folder = root / "config" / "studies"
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if path.suffix.lower() not in {".json", ".toml"}:
            continue
        try:
            config = StudyConfig.load(path)
        except StudyError as error:
            broken.append(str(error))
            continue
        table.add_row(cell(path.stem), str(len(config.settings())), cell(config.description or str(path)))
    out.print(table)
    for message in broken:
        print_warning(message)
    if broken:
        err.print(f"{count(len(broken), 'study file')} cannot be used", highlight=False)


@app.command()
@user_errors
def schema() -> None:
    """Print the JSON Schema of study files."""
    from codecstudy.study import json_schema

    print_json(json_schema(on_unusable=print_warning))
