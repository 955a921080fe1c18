"""A plot with the axes that the study's ``analysis`` block requests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from codecstudy.report.context import Context
from codecstudy.report.sections import SectionValues

_TITLES = {"quality": "quality setting"}
"""Titles of parameters whose name alone says too little."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Values(SectionValues):
    """Titles of the axes."""

    x: str
    group: str


def build(context: Context) -> Values | None:
    """The study's x axis and grouping; None if it requests none, or an unknown one."""
    found = axes(context)
    if found is None:
        return None
    x, group = found
    chart = {name: {"key": key, "title": title(key)} for name, key in (("x", x), ("group", group))}
    return Values(x=title(x), group=title(group), chart_data={"axes": chart})


def axes(context: Context) -> tuple[str, str] | None:
    """The parameter on the x axis, and the one by which settings are grouped; None if the study requests none."""
    block = context.results.study.get("analysis")
    if not isinstance(block, dict) or not (block.get("x_axis") or block.get("group_by")):
        return None
    known = set(_parameters(context))
    x = str(block.get("x_axis") or "quality")
    group = str(block.get("group_by") or "format")
    # Studies are checked when they are loaded; results from before that may contain anything.
    if x not in known:
        return None
    if group not in known or group == x:
        group = "format" if x != "format" else "encoder"
    return x, group


def title(parameter: str) -> str:
    """Display name of a parameter."""
    return _TITLES.get(parameter, parameter.replace("_", " "))


def _parameters(context: Context) -> Iterator[str]:
    yield from ("format", "encoder", "resolution", "crop")
    for variant in context.variants:
        facts = context.facts_of(variant)
        yield variant.axis.name
        yield from (p.name for p in (*facts.parameters, *facts.extra_parameters))
        yield from (name for name, _ in (*variant.setting.parameters, *variant.setting.extra_args))
