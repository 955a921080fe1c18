"""The origin of the numbers: study, sample, machine, versions, and what could not be measured."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from codecstudy.analysis.options import encoding_threads, peak_memory
from codecstudy.analysis.percentiles import MIN_PERCENTILES
from codecstudy.report import text
from codecstudy.report.context import Context
from codecstudy.report.sections import SectionValues

_SHOWN_IMAGES = 20
_KINDS = {
    "score-falls": "a finer setting scores lower",
    "size-falls": "a finer setting produces a smaller file",
    "tied": "a larger file scores exactly the same",
    "infinite": "the result is lossless, so its PSNR is infinite",
}


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of the provenance."""

    name: str
    text: str
    code: bool = False


@dataclass(frozen=True, slots=True)
class Failures:
    """What could not be measured."""

    total: int
    failed: int
    skipped: int
    reasons: tuple[tuple[str, int], ...]
    without_points: tuple[str, ...]
    more_images: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Values(SectionValues):
    """Everything that is needed to judge and repeat the measurements."""

    description: str
    facts: tuple[Fact, ...]
    encoders: tuple[Fact, ...]
    """What each encoder was asked to do, and the threads and the memory that it used."""
    versions: tuple[Fact, ...]
    failures: Failures
    irregular: tuple[str, ...]
    percentiles: bool
    """Whether ranges over images are from the 5th to the 95th percentile."""
    explanations: tuple[Fact, ...]
    """An explanation of each metric."""


def build(context: Context) -> Values:
    """Everything that is needed to judge and repeat the measurements."""
    return Values(
        description=" ".join(str(context.results.study.get("description") or "").split()),
        facts=_facts(context),
        encoders=_encoders(context),
        versions=_versions(context),
        failures=_failures(context),
        irregular=_irregular(context),
        percentiles=len(context.points.images) >= MIN_PERCENTILES,
        explanations=_explanations(context),
    )


def _facts(context: Context) -> tuple[Fact, ...]:
    """Study, sample, counts, machine, command, date."""
    results, run = context.results, context.results.run
    each = (
        f" for each of {text.count(len(run.parts), 'run')}" if len(run.parts) > 1 and run.time_budget else ""
    )
    found = [
        Fact("Study", f"{results.study_name or results.study_id} ({results.study_id})"),
        Fact("Study file", run.study_file or "not recorded", code=run.study_file is not None),
        Fact("Dataset", _dataset(context)),
        Fact("Folder", results.dataset.path, code=True),
        Fact("Sample", _sample(context)),
        Fact("Time budget", ("none" if run.time_budget is None else text.duration(run.time_budget)) + each),
        Fact("Run time", _run_time(context)),
        Fact("Measurements", _counts(context)),
        Fact("Statistics", _statistics(context)),
        Fact("Processor", run.cpu),
        Fact("System", run.os),
        *([Fact("Times", run.times_of)] if run.times_of else []),
        Fact("Date", results.timestamp.replace("T", " ").removesuffix("+00:00") + " UTC"),
    ]
    if names := context.points.counts.images_without_score:
        shown = ", ".join(names[:_SHOWN_IMAGES])
        more = f" and {len(names) - _SHOWN_IMAGES:,} more" if len(names) > _SHOWN_IMAGES else ""
        found.append(Fact("Left out", f"images that {context.scale.title} needs larger: {shown}{more}"))
    if run.command:
        found.append(Fact("Command", run.command, code=True))
    if context.options.results_path:
        found.append(Fact("Results", context.options.results_path, code=True))
    return tuple(found)


def _run_time(context: Context) -> str:
    run = context.results.run
    seconds, workers = text.duration(run.wall_seconds), text.count(run.workers, "worker")
    if len(run.parts) < 2:
        return f"{seconds} on {workers}"
    return (
        f"{seconds} in {len(run.parts)} runs, merged, each on {'up to ' if run.workers > 1 else ''}{workers}"
    )


def _dataset(context: Context) -> str:
    """The images that were measured, and those that the study names if they are others."""
    dataset, named = context.results.dataset, context.results.study.get("dataset")
    found = f"{dataset.id}, {text.count(dataset.image_count, 'image')}"
    id_ = named.get("id") if isinstance(named, dict) else None
    return found if id_ in (None, dataset.id) else f"{found}, instead of the study's own dataset, {id_}"


def _sample(context: Context) -> str:
    """How the measured images were chosen; a random sample only if they are one."""
    run, sample = context.results.run, context.points.sample
    measured = f"{run.images_measured:,} of {text.count(run.images_planned, 'planned image')}"
    if sample.is_census:
        found = f"{measured}: all images of the dataset"
    elif run.order != "hashed":
        which = "the first" if run.shard is None and len(run.parts) < 2 else "chosen"
        found = f"{measured}, {which} in the order of their names, so they are not a random sample"
    elif run.passed_over and run.images_measured < run.images_planned:
        found = (
            f"{measured}, in a pseudorandom order with seed {run.seed}, but "
            f"{text.count(len(run.passed_over), 'image')} that did not fit into the time budget were passed over, "
            "so they are not a random sample: large images may be missing"
        )
    else:
        found = f"{measured}, in a pseudorandom order with seed {run.seed}: a random sample of the dataset"
    if run.shard is not None:
        found += f"; these are only {run.shard.label} of the study's sample of {run.shard.sample_images:,}"
    copies = sum(len(names) for names in sample.duplicates.values())
    if copies:
        are = text.count(copies, "file is a copy", "files are copies")
        found += f"; {are} of other images, which count with the number of their files"
    if context.options.cluster == "folder":
        found += f"; {text.count(sample.clusters_count, 'folder')}, each of which counts as one for intervals"
    elif sample.near_duplicates:
        near = sum(len(names) for names in sample.near_duplicates)
        groups = text.count(len(sample.near_duplicates), "group")
        found += (
            f"; {near} images are nearly equal to others: {groups}, each of which counts as one for intervals"
        )
    return found


def _counts(context: Context) -> str:
    counts = context.points.counts
    settings = len(context.results.settings())
    return (
        f"{counts.records:,} ({text.count(settings, 'setting')}): {counts.measured:,} measured, "
        f"{counts.failed:,} failed, {counts.skipped:,} skipped"
    )


def _statistics(context: Context) -> str:
    o = context.options
    return (
        "95 % intervals: of means and totals by the jackknife over images, with Student's t and a correction for "
        "skewness; of medians between two order statistics; those of sizes at a score include the largest error of "
        f"interpolation. Only the savings with one number for all images and the share of the Pareto front use a "
        f"bootstrap ({o.resamples:,} resamples for the latter, seed {o.seed})"
    )


def _encoders(context: Context) -> tuple[Fact, ...]:
    threads, memory = encoding_threads(context.points), peak_memory(context.results)
    found = []
    for encoder in dict.fromkeys(v.encoder for v in context.variants):
        facts = context.encoders.facts(encoder)
        same, swept = context.in_effect.of_encoder(encoder)
        parts = [facts.version, same or swept or "options not recorded"]
        if same and swept:
            parts.append(f"measured at {swept}")
        if encoder in threads:
            parts.append(f"{threads[encoder]:.1f} threads (CPU time over wall-clock time)")
        if encoder in memory:
            low, high = map(text.size, memory[encoder])
            parts.append(f"peak memory of the program {low if low == high else f'{low} to {high}'}")
        found.append(Fact(facts.title, "; ".join(filter(None, parts))))
    return tuple(found)


def _versions(context: Context) -> tuple[Fact, ...]:
    """Versions of encoders, metrics and codecstudy."""
    return tuple(Fact(name, version) for name, version in sorted(context.results.tool_versions.items()))


def _explanations(context: Context) -> tuple[Fact, ...]:
    """An explanation of each measured metric."""
    measured = [m for m in context.results.metrics if any(c.name in context.columns for c in m.columns)]
    return tuple(Fact(metric.title, metric.explanation) for metric in measured)


def _failures(context: Context) -> Failures:
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


def _irregular(context: Context) -> tuple[str, ...]:
    """How many measured points break the order of their curve; the plots show them all."""
    found = context.curves(context.metric).irregularities
    kinds = Counter((context.facts_of(i.variant).title, i.kind) for i in found)
    return tuple(f"{title}: {_KINDS[kind]} ({n} times)" for (title, kind), n in kinds.most_common())
