"""The remaining work of a plan in the form of the schedule: settings, megapixels, bytes, and cost priors."""

from __future__ import annotations

from collections.abc import Iterable

from codecstudy import codecs
from codecstudy.pipeline.plan import Outcomes, Plan
from codecstudy.schedule import WORKER_BYTES, CostModel, SettingCost, SourceWork
from codecstudy.types import Setting

OPENING_BYTES_PER_PIXEL = 16
"""Peak while a file is decoded: its samples at 16 bits with alpha, and the canonical array."""

Size = tuple[int | None, int | None]
"""Resolution and crop of a setting."""


def remaining_work(plan: Plan, outcomes: Outcomes) -> list[SourceWork]:
    """The sources with tasks that have no outcome yet, in order."""
    sizes = _sizes(plan)
    at_sizes = [next(s for s in plan.settings if _size(s) == size) for size in sizes]
    shared: dict[tuple[int, ...], tuple[int, ...]] = {}
    work = []
    for s, source in enumerate(plan.sources):
        todo = tuple(outcomes.left(s))
        if todo:
            megapixels = tuple(source.megapixels(setting) for setting in at_sizes)
            # Decoding needs memory for the whole file, even if it is measured at a smaller size.
            opening = WORKER_BYTES + OPENING_BYTES_PER_PIXEL * source.width * source.height
            work.append(SourceWork(s, shared.setdefault(todo, todo), megapixels, opening))
    return work


def cost_model(plan: Plan) -> CostModel:
    """The expected costs of the settings of a plan before any has been run."""
    sizes = _sizes(plan)
    return CostModel(
        [
            SettingCost(
                group=_group(setting),
                encode_seconds=codecs.get(setting.encoder).seconds_per_megapixel(setting),
                size=sizes[_size(setting)],
            )
            for setting in plan.settings
        ]
    )


def estimated_seconds(work: Iterable[SourceWork], costs: CostModel) -> float:
    """Estimated seconds that one worker needs for all of it."""
    return sum(
        sum(costs.seconds(t, source.megapixels[costs.sizes[t]]) for t in source.settings)
        + sum(costs.open_seconds(megapixels) for megapixels in source.megapixels)
        for source in work
    )


def _sizes(plan: Plan) -> dict[Size, int]:
    """The sizes at which a source is measured, numbered."""
    return {size: number for number, size in enumerate(dict.fromkeys(map(_size, plan.settings)))}


def _size(setting: Setting) -> Size:
    return setting.resolution, setting.crop


def _group(setting: Setting) -> str:
    """Key of settings that cost about the same per megapixel: all parameters but the rate and the size."""
    rest, _, _ = setting.split(codecs.get(setting.encoder).facts.rates)
    return f"{rest.encoder} {rest.parameters} {rest.extra_args}"
