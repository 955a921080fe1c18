"""Collects everything that the page shows: its sections, in order."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from codecstudy.report import text
from codecstudy.report.chart_data import chart_data
from codecstudy.report.context import Context
from codecstudy.report.options import Inspector, Options
from codecstudy.report.sections import (
    SectionValues,
    answer,
    bd_rate,
    cost,
    curves,
    encode_time,
    gallery,
    provenance,
    quality_numbers,
    single_images,
    size,
    study_axes,
)
from codecstudy.report.styles import Style
from codecstudy.results import QualityResults


class SectionModule(Protocol):
    """A module of :mod:`codecstudy.report.sections`; the template next to it has the same name."""

    __name__: str

    def build(self, context: Context) -> SectionValues | None:
        """What the section shows; None if it is left out."""
        ...


@dataclass(frozen=True, slots=True)
class Section:
    """One entry of the page's list of sections."""

    id: str
    """Id of the element in the page, for links."""
    link: str
    """Text in the navigation."""
    module: SectionModule


SECTIONS = (
    Section("answer", "Answer", answer),
    Section("look", "Pictures", gallery),
    Section("size", "Size", size),
    Section("curves", "Curves", curves),
    Section("cost", "Cost", cost),
    Section("time", "Time", encode_time),
    Section("numbers", "Numbers", quality_numbers),
    Section("images", "Images", single_images),
    Section("axes", "Axes", study_axes),
    Section("bdrate", "BD-rate", bd_rate),
    Section("source", "Sources", provenance),
)
"""The sections from top to bottom. To add a section, add a module, a template, and a line here."""


@dataclass(frozen=True, slots=True)
class BuiltSection:
    """A section of the page, with what it shows."""

    id: str
    link: str
    template: str
    values: Any
    """The section module's own :class:`codecstudy.report.sections.SectionValues`."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several metrics, targets or scopes that the reader can choose from."""

    value: str
    text: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class Page:
    """Everything that the page shows: the values that all sections share, and the sections."""

    title: str
    summary: str
    metric: str
    metric_title: str
    metric_rises: bool
    """Whether higher scores are better."""
    metric_identical: str
    """Score of an identical image; empty if it is infinite."""
    baseline_title: str
    """Title of the baseline's encoder."""
    baseline_name: str
    """The title, with what distinguishes the baseline from other variants of its encoder."""
    scopes: tuple[Choice, ...]
    metrics: tuple[Choice, ...]
    targets: tuple[Choice, ...]
    coverage: str
    images: int
    sections: tuple[BuiltSection, ...]
    chart_data: dict[str, Any]
    """Data for the charts and the gallery, see :mod:`codecstudy.report.chart_data`."""
    styles: tuple[Style, ...]
    """Styles of the encoders in the report."""


def build(results: QualityResults, root: Path, options: Options, inspector: Inspector | None = None) -> Page:
    """Everything that the report on ``results`` shows.

    Args:
        results: The results to report on.
        root: Workspace that the results' paths are relative to.
        options: Metric, target, baseline, and limits on the size of the page.
        inspector: Opens saved files; without one there are no pictures.

    Raises:
        ResultsError: If nothing was measured, or if an option is out of range.
    """
    context = Context.of(results, options, root, inspector)
    sections = tuple(_built_sections(context))
    charts = chart_data(context)
    for section in sections:
        charts |= section.values.chart_data
    return Page(
        title=results.study_name or results.study_id,
        summary=_summary(context),
        metric=context.metric,
        metric_title=context.scale.title,
        metric_rises=context.scale.higher_is_better,
        metric_identical=f"{context.scale.identical:g}" if math.isfinite(context.scale.identical) else "",
        baseline_title=context.baseline_title(),
        baseline_name=context.baseline_name(),
        scopes=tuple(Choice(str(k), _scope(s.label), k == 0) for k, s in enumerate(context.scopes)),
        metrics=tuple(Choice(m, context.columns[m].title, m == context.metric) for m in context.metrics),
        targets=tuple(
            Choice(f"{t:g}", text.appearance(t, context.scale)[0].capitalize(), t == context.target)
            for t in context.offered
        ),
        coverage=text.percent(options.coverage),
        images=len(context.points.images),
        sections=sections,
        chart_data=charts,
        styles=tuple(context.styles.values()),
    )


def _built_sections(context: Context) -> list[BuiltSection]:
    built = []
    for section in SECTIONS:
        values = section.module.build(context)
        if values is not None:
            template = section.module.__name__.rpartition(".")[2] + ".html.j2"
            built.append(BuiltSection(section.id, section.link, template, values))
    return built


def _scope(label: str) -> str:
    return "original size" if label == "original" else label


def _summary(context: Context) -> str:
    results = context.results
    settings = len(results.settings())
    day = results.timestamp[:10]
    shard = results.run.shard
    part = "" if shard is None else f" (only {shard.label} of the sample)"
    return (
        f"{text.count(len(context.points.images), 'image')} of {results.dataset.id}{part}, "
        f"{text.count(settings, 'setting')}, "
        f"{text.count(context.points.counts.measured, 'measured encode')}, {day}"
    )
