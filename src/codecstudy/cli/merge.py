"""``codecstudy merge``: one results file from those of all shards, or one measurement store from several."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from codecstudy.cli.app import app, out, print_json, print_line, print_warning, user_errors
from codecstudy.cli.display import count
from codecstudy.errors import CodecstudyError, ResultsError
from codecstudy.files import open_regular
from codecstudy.results import RECORDS_IN_JSON, QualityResults

if TYPE_CHECKING:
    from codecstudy.analysis.merge import Prefer

STORE_NAME = "store.sqlite"
RESULTS_NAME = "quality.json"


@app.command()
@user_errors
def merge(
    inputs: Annotated[
        list[Path],
        typer.Argument(
            metavar="INPUT...",
            help="Results (quality.json, or its folder), or measurement stores (store.sqlite).",
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", help="Folder of the merged results, or store that the others are added to."
        ),
    ],
    prefer: Annotated[
        str | None,
        typer.Option(
            "--prefer", help="first or last: which of two inputs to take if they contradict each other."
        ),
    ] = None,
    partial: Annotated[
        bool, typer.Option("--partial", help="Merge results although shards are missing.")
    ] = False,
    allow_mixed: Annotated[
        bool,
        typer.Option("--allow-mixed", help="Merge results of different versions of encoders or metrics."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was merged as JSON.")] = False,
) -> None:
    """Join the results of all shards of a study, or the measurement stores of several machines.

    Exit code 2: they are not of one study, shards are missing, or two of them contradict each other.
    """
    if prefer not in (None, "first", "last"):
        raise CodecstudyError(f"--prefer {prefer!r} is not one of: first, last")
    chosen = cast("Prefer | None", prefer)
    paths = [_found(path) for path in inputs]
    stores = [path for path in paths if _is_store(path)]
    if not stores:
        _merge_results(paths, output, chosen, partial, allow_mixed, as_json)
    elif len(stores) < len(paths):
        other = next(path for path in paths if path not in stores)
        raise CodecstudyError(
            f"{stores[0]} is a measurement store, and {other} is not; merge results with results, and stores with "
            "stores"
        )
    elif partial or allow_mixed:
        option = "--partial" if partial else "--allow-mixed"
        raise CodecstudyError(f"{option} is for results: stores keep all versions apart, and have no shards")
    else:
        _merge_stores(paths, output, chosen, as_json)


def _found(path: Path) -> Path:
    """The file that an argument names, or that is in the folder that it names."""
    if not path.is_dir():
        return path
    for name in (RESULTS_NAME, STORE_NAME):
        if (path / name).is_file():
            return path / name
    raise ResultsError(f"{path}: there is neither {RESULTS_NAME} nor {STORE_NAME} in this folder")


def _is_store(path: Path) -> bool:
    try:
        with open_regular(path) as file:
            return file.read(16) == b"SQLite format 3\0"
    except OSError:
        return path.suffix == ".sqlite"


def _merge_results(
    paths: Sequence[Path],
    output: Path,
    prefer: Prefer | None,
    partial: bool,
    allow_mixed: bool,
    as_json: bool,
) -> None:
    from codecstudy.analysis.merge import merge as join
    from codecstudy.api import load_results
    from codecstudy.cli.summary import failure_lines, summary_json, summary_table

    target = output if output.suffix == ".json" else output / RESULTS_NAME
    loaded: list[QualityResults] = []
    for path in paths:
        loaded.append(load_results(path))
        if sum(len(one.measurements) for one in loaded) > RECORDS_IN_JSON:
            # The merged records will not be objects either.
            loaded = [one.compact() for one in loaded]
    _check_target(target, loaded[0].study_id)
    results = join(
        loaded,
        names=[str(path) for path in paths],
        prefer=prefer,
        partial=partial,
        allow_mixed=allow_mixed,
        command=shlex.join(["codecstudy", *sys.argv[1:]]),
    )
    results.save(target, with_parquet=True)
    mixed = [f"{name} ({version})" for name, version in results.tool_versions.items() if " and " in version]
    if mixed and allow_mixed:
        print_warning(f"measured with different versions: {', '.join(mixed)}")
    run = results.run
    if as_json:
        print_json(summary_json(results, str(target)))
        return
    out.print(summary_table(results))
    for line in failure_lines(results):
        print_line(out, line)
    repeated = sum(one.run.images_measured for one in loaded) - run.images_measured
    duplicates = f"; {count(repeated, 'image')} of several inputs taken once" if repeated else ""
    merged = f"{count(len(paths), 'input')}, {count(run.images_measured, 'image')}"
    print_line(out, f"merged: {merged}, {count(len(results.measurements), 'record')}{duplicates}")
    for title, text in (
        ("part", run.part_of_sample),
        ("note", run.times_of),
        ("incomplete", results.incomplete_reason),
    ):
        if text:
            print_line(out, f"{title}: {text}")
    print_line(out, f"results: {target}")


def _check_target(target: Path, study: str) -> None:
    """Refuse to replace anything but results of the same study."""
    if not target.exists():
        return
    before = QualityResults.load(target)
    if before.study_id != study:
        raise ResultsError(
            f"{target} contains the results of another study, {before.study_id}; give another folder with --output"
        )


def _merge_stores(paths: Sequence[Path], output: Path, prefer: Prefer | None, as_json: bool) -> None:
    from codecstudy.store import merge_stores

    target = output / STORE_NAME if output.is_dir() or not output.suffix else output
    others = [path for path in paths if path.resolve() != target.resolve()]
    found = merge_stores(others, target, prefer=prefer)
    if as_json:
        print_json({"store": str(target), **{name: getattr(found, name) for name in found.__slots__}})
        return
    for number, text in (
        (found.added, "added"),
        (found.duplicates, "already there"),
        (found.contradicting, f"contradicting each other, of which the {prefer} were kept"),
        (found.damaged, "damaged and left out"),
    ):
        if number or text == "added":
            print_line(out, f"{number:,} {text}")
    print_line(out, f"store: {target}")
