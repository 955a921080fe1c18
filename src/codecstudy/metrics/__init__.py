"""Image metrics: one package per metric, with its facts and kernels, and their registry.

A plugin is a :class:`~codecstudy.metrics.base.Metric` that a package declares as an entry point of group
``codecstudy.metrics``, under the name of the metric. A metric's package, and with it numba, is imported when the
metric is first needed: importing this package costs nothing.
"""

from __future__ import annotations

import dataclasses
import importlib
import re
from collections.abc import Iterable
from typing import cast

from codecstudy.errors import MetricError
from codecstudy.metrics.base import Metric
from codecstudy.registry import Registry
from codecstudy.results import DERIVED_COLUMNS, RECORD_COLUMNS, QualityResults
from codecstudy.types import MetricColumn, MetricFacts

ENTRY_POINT_GROUP = "codecstudy.metrics"

DEFAULT = (
    "ssimulacra2",
    "butteraugli",
    "psnr",
    "ssim",
)
"""The metrics of a study that names none."""

BUILT_IN = (
    *DEFAULT,
    "ciede2000",
    "ms_ssim",
    "psnr_hvs_m",
    "xpsnr",
)
"""Metrics of this package, in display order; each name is that of its package."""

_NAME = re.compile(r"[a-z0-9][a-z0-9_]*")

_REFERENCES = {name: f"{__name__}.{name}:METRIC" for name in BUILT_IN}


def _problem(metric: Metric, reference: str) -> str | None:
    """What is wrong with a plugin's facts, or None."""
    if reference in _REFERENCES.values():
        return None
    name = metric.facts.name
    if not _NAME.fullmatch(name):
        return f"its name {name!r} must consist of lower-case letters, digits and _"
    columns = [column.name for column in metric.facts.columns]
    wrong = [column for column in columns if column != name and not column.startswith(f"{name}_")]
    if not columns or wrong or len(set(columns)) < len(columns) or not all(map(_NAME.fullmatch, columns)):
        return (
            f"its columns are {columns}; each must be named {name!r} or begin with '{name}_', and no two may "
            "have the same name"
        )
    if taken := set(columns) & {*RECORD_COLUMNS, *DERIVED_COLUMNS}:
        return f"records already have a column {', '.join(taken)}"
    return None


def _with_source(metric: Metric, source: str) -> Metric:
    """A metric from a plugin, with the hash of its source in its version: ``2 (source 3f9a1c2b)``."""
    facts = dataclasses.replace(metric.facts, version=f"{metric.facts.version} (source {source})")
    return dataclasses.replace(metric, facts=facts)


_registry = Registry(
    kind="metric",
    group=ENTRY_POINT_GROUP,
    built_in=_REFERENCES,
    type=Metric,
    name_of=lambda metric: metric.facts.name,
    problem_with=_problem,
    error=MetricError,
    unknown=MetricError,
    with_source=_with_source,
)
names = _registry.names
register, registered = _registry.register, _registry.registered


FAMILIES = {"butteraugli": "at_intensity"}
"""Metrics with variants, ``butteraugli@203``: the function in their package that makes the metric from what follows
the @."""
VARIANTS = ("butteraugli@[1-9][0-9]{0,4}",)
"""The names of variants, as regular expressions."""


def get(name: str) -> Metric:
    """The metric called ``name``, or the variant of one: ``butteraugli@203``.

    Raises:
        MetricError: It does not exist (the message lists those that do), or cannot be loaded.
    """
    family, at, variant = name.partition("@")
    if at and family in FAMILIES:
        make = getattr(importlib.import_module(f"{__name__}.{family}"), FAMILIES[family])
        return cast("Metric", make(variant))
    return _registry.get(name)


def packages(names: Iterable[str]) -> tuple[str, ...]:
    """The metrics of this package whose kernels ``names`` need: not those of plugins, and one for all variants."""
    return tuple(dict.fromkeys(name for name in (n.split("@")[0] for n in names) if name in BUILT_IN))


def facts(names: Iterable[str]) -> tuple[MetricFacts, ...]:
    """Facts of these metrics, in the given order."""
    return tuple(get(name).facts for name in names)


def columns(names: Iterable[str]) -> tuple[MetricColumn, ...]:
    """The columns that these metrics fill, in the given order."""
    return tuple(column for metric in facts(names) for column in metric.columns)


def describe(results: QualityResults) -> QualityResults:
    """``results`` with the facts of the metrics whose scores they contain.

    Results files contain these facts, except those written by codecstudy 0.1, which have only scores of the
    default metrics.
    """
    if results.metrics:
        return results
    return dataclasses.replace(results, metrics=facts(DEFAULT))
