"""From results to everything that the page shows."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from codecstudy.report import provenance, tables, words
from codecstudy.report.answer import answers
from codecstudy.report.context import Context
from codecstudy.report.data import Choice, Inspector, Options, Report
from codecstudy.report.gallery import gallery
from codecstudy.report.payload import payload
from codecstudy.results import QualityResults

_AXES = {
    "quality": "quality setting",
    "speed": "speed",
    "effort": "effort",
    "method": "method",
    "resolution": "resolution",
    "crop": "crop",
    "chroma_subsampling": "chroma subsampling",
    "format": "format",
}
"""What a study's ``analysis`` block may name, in words."""


def build(
    results: QualityResults, root: Path, options: Options, inspector: Inspector | None = None
) -> Report:
    """Everything that the report on ``results`` shows.

    ``root`` is the workspace that the results' paths are relative to; ``inspector`` opens saved files (without
    one there is no gallery). Raises :class:`codecstudy.errors.ResultsError` where nothing was measured, and for
    options out of range.
    """
    context = Context.of(results, options)
    found = answers(context)
    pictures, note = gallery(context, root, inspector)
    axes = _axes(results)
    document = payload(context) | {"gallery": pictures, "axes": axes}
    images = len(context.points.images)
    return Report(
        title=results.study_name or results.study_id,
        description=" ".join(str(results.study.get("description") or "").split()),
        summary=_summary(context),
        metric=context.metric,
        metric_title=context.scale.title,
        metric_rises=context.scale.higher_is_better,
        metric_identical=f"{context.scale.identical:g}" if math.isfinite(context.scale.identical) else "",
        baseline_title=context.baseline_title(),
        baseline_name=context.baseline_name(),
        scopes=tuple(Choice(str(k), _scope(s.label), k == 0) for k, s in enumerate(context.scopes)),
        metrics=tuple(Choice(m, context.columns[m].title, m == context.metric) for m in context.metrics),
        targets=_targets(context, tuple(dict.fromkeys(a.key for a in found))),
        coverage=words.percent(options.coverage),
        resamples=options.resamples,
        images=images,
        answers=found,
        ratios=tables.ratio_tables(context),
        equivalence=tables.equivalence_tables(context),
        bd_rates=tables.bd_tables(context),
        groups=tables.group_tables(context),
        notes=provenance.notes(context),
        axes=None if axes is None else (axes["x"]["title"], axes["group"]["title"]),
        timed=any((~np.isnan(b.times["encode_cpu"])).any() for b in context.points.blocks),
        gallery=pictures is not None,
        gallery_note=note,
        provenance=provenance.facts(context),
        versions=provenance.versions(context),
        failures=provenance.failures(context),
        irregular=provenance.irregular(context),
        explanations=provenance.explanations(context),
        payload=document,
    )


def _scope(label: str) -> str:
    return "original size" if label == "original" else label


def _summary(context: Context) -> str:
    results = context.results
    settings = len({r.setting for r in results.measurements})
    day = results.timestamp[:10]
    return (
        f"{words.count(len(context.points.images), 'image')}, {words.count(settings, 'setting')}, "
        f"{words.count(context.points.counts.measured, 'measured encode')}, {day}"
    )


def _targets(context: Context, keys: tuple[str, ...]) -> tuple[Choice, ...]:
    chosen = f"{context.target:g}"
    return tuple(
        Choice(key, words.looks(float(key), context.scale)[0].capitalize(), key == chosen) for key in keys
    )


def _axes(results: QualityResults) -> dict[str, dict[str, str]] | None:
    """The axes that the study's ``analysis`` block asks for, where they are ones that settings have."""
    block = results.study.get("analysis")
    if not isinstance(block, dict) or block.get("x_axis") not in _AXES:
        return None
    x, group = str(block["x_axis"]), str(block.get("group_by"))
    if group not in _AXES or group == x:
        group = "format"
    return {name: {"key": key, "title": _AXES[key]} for name, key in (("x", x), ("group", group))}
