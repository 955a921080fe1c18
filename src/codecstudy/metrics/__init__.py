"""Image metrics: one package per metric, with its facts and kernels, and their registry.

A plugin is a :class:`~codecstudy.metrics.base.Metric` that a package declares as an entry point of group
``codecstudy.metrics``, under the name of the metric. A metric's package, and with it numba, is imported when the
metric is first needed: importing this package costs nothing.
"""

from __future__ import annotations

import dataclasses
import difflib
import importlib
import re
from collections.abc import Iterable
from importlib.metadata import EntryPoint, entry_points

from codecstudy.errors import MetricError
from codecstudy.metrics.base import Metric
from codecstudy.results import RECORD_COLUMNS, QualityResults
from codecstudy.types import MetricColumn, MetricFacts

ENTRY_POINT_GROUP = "codecstudy.metrics"

BUILT_IN = (
    "ssimulacra2",
    "butteraugli",
    "psnr",
    "ssim",
)
"""Metrics of this package, in display order; each name is that of its package. A study that names no metrics
measures these."""

_NAME = re.compile(r"[a-z0-9][a-z0-9_]*")

_loaded: dict[str, Metric] = {}
_registered: dict[str, str] = {}
"""Name to reference, of metrics added by :func:`register`."""


def names() -> tuple[str, ...]:
    """Every metric that :func:`get` knows: built-in ones first, then registered ones, then plugins."""
    return tuple(dict.fromkeys([*BUILT_IN, *_registered, *_plugins()]))


def get(name: str) -> Metric:
    """The metric called ``name``.

    Raises:
        MetricError: No metric has this name (the message lists the known ones), or its plugin cannot be loaded.
    """
    if name in _loaded:
        return _loaded[name]
    if name in BUILT_IN:
        metric = _load(f"{__name__}.{name}:METRIC")
    elif name in (plugins := _plugins()):
        reference = plugins[name].value
        metric = _load(reference)
        if metric.facts.name != name:
            raise MetricError(
                f"plugin {reference} is installed under the name {name!r}, but its metric is called "
                f"{metric.facts.name!r}; its package must declare it under that name"
            )
    else:
        known = names()
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else "."
        raise MetricError(f"unknown metric {name!r}{hint} Known metrics: {', '.join(known)}")
    _loaded[name] = metric
    return metric


def facts(names: Iterable[str]) -> tuple[MetricFacts, ...]:
    """Facts of these metrics, in the given order."""
    return tuple(get(name).facts for name in names)


def columns(names: Iterable[str]) -> tuple[MetricColumn, ...]:
    """The columns that these metrics fill, in the given order."""
    return tuple(column for metric in facts(names) for column in metric.columns)


def register(reference: str) -> Metric:
    """Add the metric at ``"package.module:ATTRIBUTE"`` and return it.

    The reference is remembered, so that worker processes can register it as well. Registering the same one twice
    has no effect.

    Raises:
        MetricError: There is no metric at that place, or another one already has its name.
    """
    metric = _load(reference)
    name = metric.facts.name
    if name in BUILT_IN or _registered.get(name, reference) != reference:
        other = f"{__name__}.{name}:METRIC" if name in BUILT_IN else _registered[name]
        raise MetricError(f"cannot register {reference}: {other} already has the name {name!r}")
    _loaded[name] = metric
    _registered[name] = reference
    return metric


def registered() -> tuple[str, ...]:
    """The references given to :func:`register`, in order."""
    return tuple(_registered.values())


def describe(results: QualityResults) -> QualityResults:
    """``results`` with the facts of the metrics whose scores they contain.

    Results files contain these facts, except those written by codecstudy 0.1, which have only scores of built-in
    metrics.
    """
    if results.metrics:
        return results
    return dataclasses.replace(results, metrics=facts(BUILT_IN))


def _plugins() -> dict[str, EntryPoint]:
    return {point.name: point for point in sorted(entry_points(group=ENTRY_POINT_GROUP))}


def _load(reference: str) -> Metric:
    module_name, colon, attribute = reference.partition(":")
    if not (module_name and colon and attribute):
        raise MetricError(f"{reference!r} is not a reference to a metric; write package.module:ATTRIBUTE")
    try:
        metric = getattr(importlib.import_module(module_name), attribute)
    except ImportError as error:
        raise MetricError(f"cannot load metric {reference}: {error}") from error
    except AttributeError as error:
        raise MetricError(f"cannot load metric {reference}: {module_name} has no {attribute}") from error
    if not isinstance(metric, Metric):
        raise MetricError(f"cannot load metric {reference}: it is a {type(metric).__name__}, not a Metric")
    if reference.partition(":")[0] not in {f"{__name__}.{name}" for name in BUILT_IN}:
        _check_plugin(reference, metric.facts)
    return metric


def _check_plugin(reference: str, facts: MetricFacts) -> None:
    if not _NAME.fullmatch(facts.name):
        raise MetricError(
            f"cannot load metric {reference}: its name {facts.name!r} must consist of lower-case letters, "
            "digits and _"
        )
    names = [column.name for column in facts.columns]
    wrong = [name for name in names if name != facts.name and not name.startswith(f"{facts.name}_")]
    if not names or wrong or len(set(names)) < len(names) or not all(map(_NAME.fullmatch, names)):
        raise MetricError(
            f"cannot load metric {reference}: its columns are {names}; each must be named {facts.name!r} or "
            f"begin with '{facts.name}_', and no two may have the same name"
        )
    if taken := set(names) & set(RECORD_COLUMNS):
        raise MetricError(f"cannot load metric {reference}: records already have a column {', '.join(taken)}")
