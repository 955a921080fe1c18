"""``codecstudy run`` and ``codecstudy demo``."""

from __future__ import annotations

import dataclasses
import re
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from codecstudy.cli.app import (
    EXIT_FAILURES,
    EXIT_INTERRUPTED,
    app,
    err,
    fail,
    out,
    print_json,
    print_line,
    user_errors,
)
from codecstudy.cli.display import count, disk_needed, display_for, duration
from codecstudy.errors import ResultsError, StudyError, did_you_mean
from codecstudy.results import QualityResults, StopReason

if TYPE_CHECKING:
    from codecstudy.verify import Verification

MAX_REASONS = 50
"""Number of failure reasons in the summary; results files contain all of them."""

RootOption = Annotated[
    Path, typer.Option("--root", help="Workspace folder with datasets, results and the measurement store.")
]


def parse_size(value: str) -> int:
    """Bytes from ``4G``, ``512M``, ``1.5GiB`` or a plain number; units are powers of 1024.

    Raises:
        ValueError: If ``value`` has another form, or is less than 1 MiB.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?", value.strip(), re.IGNORECASE)
    size = int(float(match[1]) * 1024 ** " KMGT".index(match[2].upper() or " ")) if match else 0
    if size < 1024**2:
        # A user who writes 8 means 8G.
        raise ValueError(f"{value!r} is not a valid memory size; use a format such as 8G or 512M")
    return size


def parse_pixels(value: str) -> int:
    """Pixels from ``100M``, ``0.5M`` or a plain number; units are powers of 1000.

    Raises:
        ValueError: If ``value`` has another form, or is less than 1000.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMG]?)", value.strip(), re.IGNORECASE)
    pixels = int(float(match[1]) * 1000 ** " KMG".index(match[2].upper() or " ")) if match else 0
    if pixels < 1000:
        # A user who writes 100 means 100M.
        raise ValueError(f"{value!r} is not a valid number of pixels; use a format such as 100M")
    return pixels


def find_study(study: str, root: Path) -> tuple[object, str]:
    """Load a study from a file, by its id under ``config/studies``, or by the id of a built-in one.

    Returns:
        The study, and where it comes from.

    Raises:
        StudyError: If there is no such study, or if it is not valid.
    """
    from codecstudy.study import StudyConfig
    from codecstudy.study import builtin as studies

    path = Path(study)
    if path.suffix.lower() in {".json", ".toml"} or path.is_file():
        return StudyConfig.load(path), str(path)
    for suffix in (".json", ".toml"):
        own = root / "config" / "studies" / f"{study}{suffix}"
        if own.is_file():
            return StudyConfig.load(own), str(own)
    if study in studies.builtin_ids():
        return studies.load_builtin(study), f"built-in {study}"
    known = studies.builtin_ids()
    raise StudyError(
        f"no study file and no built-in study is named {study!r}{did_you_mean(study, known)} Built-in studies: "
        f"{', '.join(known)}. For your own study, give the path of a JSON or TOML file."
    )


def parse_shard(value: str) -> tuple[int, int]:
    """Number of a shard and number of shards, from ``3/8``.

    Raises:
        ValueError: If ``value`` has another form.
    """
    match = re.fullmatch(r"(\d{1,9})/(\d{1,9})", value.strip(), re.ASCII)
    if not match:
        raise ValueError(f"--shard {value!r}: give a number of 1 or more and the number of shards, as in 3/8")
    return int(match[1]), int(match[2])


@dataclass(frozen=True, slots=True)
class VerifyFor:
    """What the verified settings are for."""

    target: float | None = None
    coverage: float = 0.95


@app.command()
@user_errors
def run(
    study: Annotated[str, typer.Argument(help="A study file (JSON or TOML), or the id of a built-in study.")],
    images: Annotated[
        Path | None, typer.Option("--images", help="Folder of images to use instead of the study's dataset.")
    ] = None,
    root: RootOption = Path(),
    shard: Annotated[
        str | None,
        typer.Option(
            "--shard",
            metavar="K/N",
            help="Measure only the K-th of N equal parts of the sample, e.g. 3/8; 'codecstudy merge' joins the "
            "results of all of them.",
        ),
    ] = None,
    time_budget: Annotated[
        str | None,
        typer.Option(
            "--time-budget", help="Wall-clock time after which no new image is started: 90s, 30m, 1h30m."
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers",
            min=0,
            help="Number of worker processes; default: the usable CPUs. 0: run in this process, for debugging.",
        ),
    ] = None,
    save_artifacts: Annotated[
        bool, typer.Option("--save-artifacts", help="Keep encoded files under data/encoded/.")
    ] = False,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Repeat measurements that are already in the store.")
    ] = False,
    task_timeout: Annotated[
        float | None,
        typer.Option(
            "--task-timeout",
            help="Seconds one task may take; default: 20 x its estimate, at least 60. Not with --workers 0.",
        ),
    ] = None,
    max_memory: Annotated[
        str | None,
        typer.Option(
            "--max-memory",
            help="Memory for all workers together, e.g. 8G; default: 80 % of the available memory.",
        ),
    ] = None,
    strict_order: Annotated[
        bool,
        typer.Option(
            "--strict-order",
            help="End at the first image that does not fit into the time budget, instead of passing over it.",
        ),
    ] = False,
    max_pixels: Annotated[
        str | None,
        typer.Option(
            "--max-pixels",
            help="Do not measure images with more pixels, e.g. 100M; default: 500M.",
        ),
    ] = None,
    verify: Annotated[
        bool,
        typer.Option(
            "--verify",
            help="Also encode every image at the recommended level of each encoder, and at finer ones until it "
            "holds. The study itself may use two thirds of a time budget.",
        ),
    ] = False,
    target: Annotated[
        float | None,
        typer.Option(
            "--target", help="Score to verify; default: the metric's usual target. With --verify only."
        ),
    ] = None,
    coverage: Annotated[
        float | None,
        typer.Option(
            "--coverage", help="Share of images that must reach it; default: 0.95. With --verify only."
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be done.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print only errors.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Run a study: encode and measure every image with every setting, and save the results."""
    if not verify and (target is not None or coverage is not None):
        fail(f"{'--coverage' if target is None else '--target'} says what to verify; add --verify")
    execute(
        study,
        root=root,
        time_budget=time_budget,
        workers=workers,
        save_artifacts=save_artifacts,
        dry_run=dry_run,
        quiet=quiet,
        as_json=as_json,
        verify=VerifyFor(target, 0.95 if coverage is None else coverage) if verify else None,
        images=images,
        shard=None if shard is None else parse_shard(shard),
        fresh=fresh,
        task_timeout=task_timeout,
        max_memory=None if max_memory is None else parse_size(max_memory),
        strict_order=strict_order,
        max_pixels=None if max_pixels is None else parse_pixels(max_pixels),
    )


@app.command()
@user_errors
def demo(
    root: RootOption = Path("codecstudy-demo"),
    verify: Annotated[
        bool,
        typer.Option(
            "--verify/--no-verify", help="Encode and measure the recommended settings on every image as well."
        ),
    ] = True,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print only errors.")] = False,
) -> None:
    """Run the built-in demo study on the bundled photographs, and write its report."""
    from codecstudy.cli import answers, report

    results = execute(
        "demo", root=root, quiet=quiet, save_artifacts=True, verify=VerifyFor() if verify else None
    )
    assert results is not None
    if not quiet:
        out.print()
        answers.print_usual_answer(results)
    path = report.write(results, root, None, None)[0].resolve()
    if not quiet:
        out.print()
        print_line(out, f"report: {path}")


def execute(
    study: str,
    *,
    root: Path,
    time_budget: str | None = None,
    workers: int | None = None,
    save_artifacts: bool = False,
    dry_run: bool = False,
    quiet: bool = False,
    as_json: bool = False,
    verify: VerifyFor | None = None,
    **further: Any,
) -> QualityResults | None:
    """Run one study and show its results.

    Args:
        study: Study file, or id of a study.
        root: Workspace.
        time_budget: The budget as text, as given by the user.
        workers: Number of worker processes.
        save_artifacts: Keep the encoded files.
        dry_run: Only show what would be done.
        quiet: Print only errors.
        as_json: Print the summary as JSON.
        verify: Whether, and for what, to measure the recommended settings as well.
        **further: Fields of :class:`codecstudy.pipeline.RunOptions`.

    Returns:
        The results; None for a dry run.

    Raises:
        typer.Exit: If the run was interrupted or had failures.
    """
    from codecstudy.pipeline import PipelineRunner, RunOptions, events, parse_time_budget
    from codecstudy.study import StudyConfig

    config, study_file = find_study(study, root)
    assert isinstance(config, StudyConfig)
    runner = PipelineRunner(root)
    budget = None if time_budget is None else parse_time_budget(time_budget)
    options = RunOptions(**further, command=shlex.join(["codecstudy", *sys.argv[1:]]), study_file=study_file)

    if dry_run:
        started = runner.preview(config, budget, workers, save_artifacts=save_artifacts, options=options)
        if as_json:
            print_json({name: getattr(started, name) for name in started.__slots__})
        elif not quiet:
            part = "" if started.shard is None else f", {started.shard}"
            out.print(
                f"{config.id}{part}: {count(started.images, 'image')} ({started.megapixels:.1f} MP)",
                highlight=False,
            )
            if started.copies:
                out.print(f"  {_copies(started.copies)}", highlight=False)
            out.print(f"  {count(started.settings, 'setting')}", highlight=False)
            out.print(
                f"  {count(started.tasks, 'task')}, {started.known:,} more already measured", highlight=False
            )
            out.print(
                f"  about {duration(started.estimated_seconds)} on {count(started.workers, 'worker')}",
                highlight=False,
            )
            if started.time_budget is not None and started.estimated_seconds > started.time_budget:
                share = started.time_budget / started.estimated_seconds
                out.print(
                    f"  a budget of {duration(started.time_budget)} is about {100 * share:.0f} % of that; the "
                    f"first image of each worker is always measured",
                    highlight=False,
                )
            print_line(out, f"  {disk_needed(started)}")
            if verify is not None:
                out.print("  plus the settings to verify, which depend on the results", highlight=False)
        return None

    path = runner.results_path(config.id, options.shard)
    if not quiet:
        _warn_of_replacement(path, options.images)

    signalled: int | None = None
    verification = None
    with display_for(err, quiet) as display:

        def on_event(event: events.Event) -> None:
            nonlocal signalled
            if isinstance(event, events.Interrupted):
                signalled = event.signal
            display(event)

        options = dataclasses.replace(options, on_event=on_event)
        if verify is None:
            results = runner.run(config, budget, save_artifacts, workers, options=options)
        else:
            # Imported only here: the statistics take a second to load.
            from codecstudy.verify import run_verified

            results, verification = run_verified(
                runner,
                config,
                budget,
                save_artifacts,
                workers,
                options=options,
                target=verify.target,
                coverage=verify.coverage,
            )
    exit_code = EXIT_INTERRUPTED if signalled is None else 128 + signalled
    _print_results(results, path, quiet, as_json, verification, exit_code)
    return results


def _copies(number: int) -> str:
    if number == 1:
        return "1 of them is a copy of another one, and is measured with it"
    return f"{number:,} of them are copies of others, and are measured with those"


def _warn_of_replacement(path: Path, images: Path | str | None) -> None:
    """Warn if results of another folder are about to be replaced: existing reports would no longer match them."""
    if images is None or not path.exists():
        return
    try:
        before = QualityResults.load(path).dataset.path
    except ResultsError:
        return
    if Path(before).resolve() != Path(images).resolve():
        print_line(
            err,
            f"note: replaces the results of this study on {before} (its measurements stay in the store); use "
            "--root to give each set of images its own workspace",
            style="yellow",
        )


def _print_results(
    results: QualityResults,
    path: Path,
    quiet: bool,
    as_json: bool,
    verification: Verification | None,
    exit_if_interrupted: int,
) -> None:
    from codecstudy.cli.summary import (
        failure_lines,
        passed_over,
        summary_json,
        summary_table,
        verification_json,
        verification_lines,
    )

    if as_json:
        checked = {} if verification is None else {"verification": verification_json(verification)}
        print_json(summary_json(results, str(path)) | checked)
    elif not quiet:
        out.print(summary_table(results))
        lines = failure_lines(results)
        for line in lines[:MAX_REASONS]:
            print_line(out, line)
        if len(lines) > MAX_REASONS:
            out.print(f"... and {count(len(lines) - MAX_REASONS, 'more reason')}", highlight=False)
        if results.incomplete_reason:
            print_line(out, f"incomplete: {results.incomplete_reason}")
        if results.run.part_of_sample:
            print_line(out, f"part: {results.run.part_of_sample}")
        if results.run.passed_over:
            print_line(out, f"passed over: {passed_over(results)}")
        for line in () if verification is None else verification_lines(verification):
            print_line(out, line)
        print_line(out, f"results: {path}")
        if results.run.images_measured and results.study_id != "demo":
            folder = shlex.quote(str(path.parent))
            print_line(out, f"next: codecstudy recommend {folder}")
            print_line(out, f"      codecstudy report {folder}{_images_option(results, path)}")
    if results.stop_reason is StopReason.INTERRUPTED or (
        verification is not None and verification.interrupted
    ):
        raise typer.Exit(exit_if_interrupted)
    failed = results.statuses()["failed"]
    if failed:
        if quiet or as_json:
            fail(f"{count(failed, 'task')} failed; see the results for the reasons: {path}", EXIT_FAILURES)
        raise typer.Exit(EXIT_FAILURES)


def _images_option(results: QualityResults, path: Path) -> str:
    """What a report needs to show pictures: the folder of the images, if that is not in the workspace."""
    from codecstudy.cli.report import find_root
    from codecstudy.datasets.sample import sample_folder

    paths = results.select("encoded_path")["encoded_path"]
    saved = paths.null_count() < len(paths)
    folder = Path(results.dataset.path)
    inside = folder == sample_folder() or folder.resolve().is_relative_to(find_root(path).resolve())
    if inside or not saved:
        return ""
    return f" --images {shlex.quote(str(folder))}"
