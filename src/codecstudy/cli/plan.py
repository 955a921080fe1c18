"""``codecstudy plan``: how many images, minutes and gigabytes a wanted precision takes."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from codecstudy import host
from codecstudy.cli.answers import percent, percent_interval, plain
from codecstudy.cli.app import (
    EXIT_INTERRUPTED,
    app,
    cell,
    err,
    fail,
    out,
    print_json,
    print_line,
    user_errors,
)
from codecstudy.cli.display import count, display_for, duration
from codecstudy.cli.run import RootOption, find_study
from codecstudy.errors import ResultsError
from codecstudy.results import QualityResults, StopReason

if TYPE_CHECKING:
    from codecstudy.analysis.planning import PlannedOrder, PlannedSaving, Planning
    from codecstudy.analysis.variants import Variant
    from codecstudy.pipeline import PipelineRunner
    from codecstudy.study import StudyConfig

PILOT = 12
"""Images that are measured if the store knows fewer."""


def parse_share(value: str) -> float:
    """A share from ``2%``, ``2 %`` or ``0.02``.

    Raises:
        ResultsError: ``value`` has another form, or is not above 0 and below 1.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?|\.\d+)\s*(%?)", value.strip())
    share = float(match[1]) / (100 if match[2] else 1) if match else 0.0
    if not 0 < share < 1:
        raise ResultsError(f"{value!r} is not a valid precision; use a format such as 2% or 0.02")
    return share


@app.command()
@user_errors
def plan(
    study: Annotated[str, typer.Argument(help="A study file (JSON or TOML), or the id of a built-in study.")],
    precision: Annotated[
        str,
        typer.Option(
            "--precision",
            help="Wanted half-width of the 95 % interval of a saving, in percent of the baseline's size: 2% for a "
            "saving of 30 % +- 2 %.",
        ),
    ] = "2%",
    images: Annotated[
        Path | None, typer.Option("--images", help="Folder of images to use instead of the study's dataset.")
    ] = None,
    root: RootOption = Path(),
    time_budget: Annotated[
        str | None,
        typer.Option(
            "--time-budget",
            help="Also say what can be decided in this time: 90s, 30m, 1h30m; default: the study's own.",
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers", min=0, help="Number of worker processes; default: the usable CPUs. 0: as for run."
        ),
    ] = None,
    metric: Annotated[
        str | None, typer.Option("--metric", help="Metric to compare at; default: ssimulacra2, or the first.")
    ] = None,
    target: Annotated[
        float | None,
        typer.Option("--target", help="Score to compare at; default: the metric's usual target."),
    ] = None,
    baseline: Annotated[
        str | None, typer.Option("--baseline", help="Encoder, format or variant that sizes are relative to.")
    ] = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Do not show the progress of a pilot.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the plan as JSON.")] = False,
) -> None:
    """Plan a study: how many images it takes for precise savings, and what a time budget can decide.

    The plan is made from the images that the store knows, or from 12 that are measured now.
    """
    from codecstudy.analysis.planning import plan as make
    from codecstudy.analysis.points import collect
    from codecstudy.pipeline import PipelineRunner, parse_time_budget
    from codecstudy.study import StudyConfig

    share = parse_share(precision)
    budget = None if time_budget is None else parse_time_budget(time_budget)
    config, _ = find_study(study, root)
    assert isinstance(config, StudyConfig)
    runner = PipelineRunner(root)
    results = _pilot(runner, config, images, workers, quiet)
    points = collect(results)
    found = make(results, points, precision=share, metric=metric, target=target, baseline=baseline)
    document = _document(
        found,
        config.dataset.max_images,
        config.time_budget if budget is None else budget,
        host.usable_cpus() if workers is None else max(1, workers),
        _results_bytes(runner, results),
    )
    if as_json:
        print_json(document)
        return
    _print(found, document, points.columns[found.metric].title)


def _pilot(
    runner: PipelineRunner, config: StudyConfig, images: Path | None, workers: int | None, quiet: bool
) -> QualityResults:
    """Results of the images at the head of the sample that the store knows completely, at least of ``PILOT``.

    They are saved under an id of their own, so that the study's results stay what they are.
    """

    def first(number: int) -> StudyConfig:
        document = config.to_dict()
        document["id"] = f"{config.id}-pilot"
        document["dataset"]["max_images"] = number
        return type(config).model_validate(document)

    whole = runner.preview(config, num_workers=workers, images=images)
    low, high = 0, whole.known // whole.settings
    while low < high:
        middle = (low + high + 1) // 2
        left = runner.preview(first(middle), num_workers=workers, images=images).tasks
        low, high = (middle, high) if left == 0 else (low, middle - 1)
    number = min(max(low, PILOT), config.dataset.max_images or max(low, PILOT))
    with display_for(err, quiet) as display:
        # A budget is for the study, not for its pilot.
        pilot = first(number).model_copy(update={"time_budget": None})
        results = runner.run(pilot, num_workers=workers, images=images, on_event=display)
    if results.stop_reason is StopReason.INTERRUPTED:
        fail(
            "interrupted; the measurements are kept, and the next plan continues from there", EXIT_INTERRUPTED
        )
    return results


def _results_bytes(runner: PipelineRunner, results: QualityResults) -> float:
    """Bytes of results files for each image."""
    path = runner.results_path(results.study_id)
    files = (path, path.with_suffix(".parquet"))
    size = sum(file.stat().st_size for file in files if file.exists())
    return size / max(results.run.images_measured, 1)


def _document(
    found: Planning, max_images: int | None, budget: float | None, workers: int, results_bytes: float
) -> dict[str, Any]:
    """The plan as JSON values."""
    costs, pilot = found.costs, found.pilot
    available = min(found.population, max_images or found.population)

    def takes(images: int | None) -> dict[str, Any] | None:
        if images is None:
            return None
        return {
            "images": images,
            "further_images": max(0, images - pilot),
            "seconds": max(0, images - pilot) * costs.cpu_seconds / workers,
            "encoded_bytes": images * costs.encoded_bytes,
            "results_bytes": images * results_bytes,
        }

    document = {
        **plain(found),
        "available_images": available,
        "workers": workers,
        "other_images": takes(found.images),
        "without_interpolation": takes(found.images_without_interpolation),
        "dataset": takes(found.images_for_dataset),
        "budget": None,
    }
    for entry, saving in zip(document["savings"], found.savings, strict=True):
        entry["half_width_of_all"] = plain(saving.half_width(available))
    if budget is not None and pilot >= 2:
        further = math.floor(budget * workers / costs.cpu_seconds) if costs.cpu_seconds else available
        images = max(pilot, min(available, pilot + further))
        document["budget"] = {
            "time_budget": budget,
            **(takes(images) or {}),
            "savings": [
                {
                    "variant": saving.variant.label,
                    "half_width": plain(saving.half_width(images)),
                    "half_width_for_dataset": plain(saving.half_width(images, found.population)),
                }
                for saving in found.savings
            ],
            "orders": [
                {"smaller": o.smaller.label, "larger": o.larger.label, "power": o.power(images)}
                for o in found.orders
            ],
        }
    return document


def _print(found: Planning, document: dict[str, Any], title: str) -> None:
    _line(
        f"Images for a saving at the same {title} {found.target:g} with a 95 % interval of +- "
        f"{100 * found.precision:g} %, planned from {count(found.pilot, 'image')}"
    )
    estimated = [saving for saving in found.savings if saving.ratio is not None]
    if estimated:
        out.print(_table(estimated, found))
    for saving in found.savings:
        if saving.ratio is None:
            _line(f"{saving.variant.label}: no plan: {saving.reason}")
    if not estimated:
        return
    wanted = 100 * found.precision
    if document["other_images"] is not None:
        _line(f"All of them for other images like these: {_takes(document['other_images'], document)}.")
    else:
        _line(
            f"No number of images is enough: interpolation between measured levels adds up to "
            f"{_most_interpolation(estimated):.1f} %, and more images do not reduce that."
        )
        if document["without_interpolation"] is not None:
            _line(f"Without interpolation: {_takes(document['without_interpolation'], document)}.")
    _line(f"For this dataset only: {_takes(document['dataset'], document)}.")
    levels = _levels_to_add(estimated)
    if levels:
        _line(f"To reduce interpolation, add to the study: {levels}.")
    needed, available = found.images_without_interpolation, document["available_images"]
    if needed is None or needed > available:
        widest = max(saving.half_width(available) for saving in estimated) if available > 1 else math.nan
        _line(
            f"The study has {count(available, 'image')}: with all of them, a saving on other images like these "
            f"is known to +- {100 * widest:.1f} %, not to +- {wanted:g} %."
        )
    for order in found.orders:
        _line(_order(order))
    if document["budget"] is not None:
        _print_budget(found, document)
    _line(
        "With a probability of 80 %, these numbers of images are enough. Times do not include opening the images; "
        "memory depends on the largest image, not on their number."
    )


def _table(savings: list[PlannedSaving], found: Planning) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("variant", overflow="fold")
    names = ("size now (95 % interval)", "interpolation", "images", "without interpolation", "this dataset")
    for name in names:
        table.add_column(name, justify="right", no_wrap=True)
    for saving in savings:
        assert saving.ratio is not None
        table.add_row(
            cell(saving.variant.label),
            percent_interval(saving.ratio),
            f"{100 * saving.interpolation:.1f} %",
            *(
                "-" if number is None else f"{number:,}"
                for number in (
                    saving.images,
                    saving.images_without_interpolation,
                    saving.images_for_dataset,
                )
            ),
        )
    return table


def _takes(takes: dict[str, Any] | None, document: dict[str, Any]) -> str:
    if takes is None:
        return "more than a million images"
    further = takes["further_images"]
    text = count(takes["images"], "image")
    if further:
        text += (
            f", {further:,} more than are measured: about {duration(takes['seconds'])} on "
            f"{count(document['workers'], 'worker')}"
        )
    else:
        text += ", which are measured already"
    return text + (
        f"; {_bytes(takes['results_bytes'])} of results, and {_bytes(takes['encoded_bytes'])} of encoded files if "
        "they are kept"
    )


def _levels_to_add(savings: list[PlannedSaving]) -> str:
    levels: dict[Variant, set[int | float]] = {}
    for saving in savings:
        levels.setdefault(saving.variant, set()).update(saving.levels_to_add)
        levels.setdefault(saving.baseline, set()).update(saving.baseline_levels_to_add)
    return "; ".join(
        f"{variant.label} at {variant.axis.name} {', '.join(map(str, sorted(added)))}"
        for variant, added in levels.items()
        if added
    )


def _order(order: PlannedOrder) -> str:
    text = f"{order.smaller.label} {percent(order.ratio)} to {order.larger.label}: "
    if order.images is None:
        bound = order.interpolation >= -math.log(order.ratio)
        why = "the difference is within the interpolation error" if bound else "it is too small"
        return text + f"no number of images would decide it; {why}."
    return text + f"{count(order.images, 'image')} would decide it, with a probability of 80 %."


def _print_budget(found: Planning, document: dict[str, Any]) -> None:
    budget = document["budget"]
    widths = ", ".join(
        f"{entry['variant']} +- {100 * entry['half_width']:.1f} %"
        for entry in budget["savings"]
        if entry["half_width"] is not None
    )
    _line(
        f"In {duration(budget['time_budget'])}: {count(budget['images'], 'image')} of "
        f"{document['available_images']:,}; savings: {widths}."
    )
    for entry in budget["orders"]:
        decided = "decided" if entry["power"] >= 0.8 else "not decided"
        _line(
            f"  {entry['smaller']} or {entry['larger']}: {decided} (probability {100 * entry['power']:.0f} %)"
        )


def _most_interpolation(savings: list[PlannedSaving]) -> float:
    return 100 * max(saving.interpolation for saving in savings)


def _bytes(number: float) -> str:
    for unit, size in (("GB", 1e9), ("MB", 1e6)):
        if number >= size:
            return f"{number / size:.1f} {unit}"
    return f"{number / 1e3:.0f} kB"


def _line(text: str) -> None:
    print_line(out, text)
