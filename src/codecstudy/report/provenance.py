"""Where every number comes from, and what limits it."""

from __future__ import annotations

from collections import Counter

from codecstudy.analysis.bootstrap import FEW_IMAGES
from codecstudy.report import words
from codecstudy.report.context import Context
from codecstudy.report.data import Fact, Failures

_SHOWN_IMAGES = 20
_KINDS = {
    "score-falls": "a finer setting scores lower",
    "size-falls": "a finer setting makes a smaller file",
    "tied": "a larger file scores exactly the same",
    "infinite": "the result is lossless, so its PSNR is infinite",
}


def facts(context: Context) -> tuple[Fact, ...]:
    """Study, sample, counts, machine, command, date."""
    results, run = context.results, context.results.run
    found = [
        Fact("Study", f"{results.study_name or results.study_id} ({results.study_id})"),
        Fact("Study file", run.study_file or "not noted", code=run.study_file is not None),
        Fact("Dataset", f"{results.dataset.id}, {words.count(results.dataset.image_count, 'image')}"),
        Fact("Folder", results.dataset.path, code=True),
        Fact("Sample", _sample(context)),
        Fact("Time budget", "none" if run.time_budget is None else words.duration(run.time_budget)),
        Fact("Run time", f"{words.duration(run.wall_seconds)} on {words.count(run.workers, 'worker')}"),
        Fact("Measurements", _counts(context)),
        Fact("Statistics", _statistics(context)),
        Fact("Processor", run.cpu),
        Fact("System", run.os),
        Fact("Date", results.timestamp.replace("T", " ").removesuffix("+00:00") + " UTC"),
    ]
    if run.command:
        found.append(Fact("Command", run.command, code=True))
    if context.options.results_path:
        found.append(Fact("Results", context.options.results_path, code=True))
    return tuple(found)


def _sample(context: Context) -> str:
    run = context.results.run
    order = (
        f"in an order hashed with seed {run.seed}: every prefix is a random sample"
        if run.order == "hashed"
        else "in the order of their names: not a random sample"
    )
    return f"{run.images_measured:,} of {words.count(run.images_planned, 'planned image')}, {order}"


def _counts(context: Context) -> str:
    counts = context.points.counts
    settings = len({r.setting for r in context.results.measurements})
    return (
        f"{counts.records:,} ({words.count(settings, 'setting')}): {counts.measured:,} measured, "
        f"{counts.failed:,} failed, {counts.skipped:,} skipped"
    )


def _statistics(context: Context) -> str:
    o = context.options
    return (
        f"paired bootstrap over images, {o.resamples:,} resamples, seed {o.seed}; 95 % intervals, expanded for "
        "few images"
    )


def versions(context: Context) -> tuple[Fact, ...]:
    """Encoders, metrics, and ourselves."""
    return tuple(Fact(name, version) for name, version in sorted(context.results.tool_versions.items()))


def explanations(context: Context) -> tuple[Fact, ...]:
    """What each metric is that was measured."""
    held = [m for m in context.results.metrics if any(c.name in context.columns for c in m.columns)]
    return tuple(Fact(metric.title, metric.explanation) for metric in held)


def failures(context: Context) -> Failures:
    """What could not be measured, by reason."""
    counts = context.points.counts
    without = counts.images_without_points
    return Failures(
        total=counts.failed + counts.skipped,
        failed=counts.failed,
        skipped=counts.skipped,
        reasons=tuple(counts.reasons.items())[:_SHOWN_IMAGES],
        without_points=without[:_SHOWN_IMAGES],
        more_images=max(0, len(without) - _SHOWN_IMAGES),
    )


def irregular(context: Context) -> tuple[str, ...]:
    """Measured points that break the order of their curve, counted: they are drawn, not hidden."""
    found = context.curves(context.metric).irregularities
    kinds = Counter((context.facts_of(i.variant).title, i.kind) for i in found)
    return tuple(f"{title}: {_KINDS[kind]} ({n} times)" for (title, kind), n in kinds.most_common())


def notes(context: Context) -> tuple[str, ...]:
    """What a reader must know before believing the answer."""
    results, images = context.results, len(context.points.images)
    found = []
    if images == 1:
        found.append("One image was measured: it says nothing about others, so there are no intervals.")
    elif images < FEW_IMAGES:
        found.append(
            f"Only {images} images were measured. Intervals are honest about that, but a larger sample says more."
        )
    if not results.complete:
        found.append(f"The run ended early: {results.incomplete_reason or 'no reason was noted'}.")
    failed = context.points.counts.failed
    if failed:
        found.append(f"{words.count(failed, 'measurement')} failed; the end of this page says why.")
    if len(context.formats) == 1:
        found.append("One format was measured: there is nothing to compare it with but its own settings.")
    lacking = [
        context.scopes[k].label for k, scope in enumerate(context.scopes) if context.bases[scope] is None
    ]
    if lacking:
        found.append(
            f"{context.baseline_title()} was not measured at {', '.join(lacking)}: no comparison there."
        )
    if all(len(b.levels) < 2 for b in context.points.blocks):
        found.append(
            "No setting was swept over several qualities, so there are no curves to compare at equal quality."
        )
    return tuple(found)
