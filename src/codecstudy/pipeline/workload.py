"""A plan in the schedule's words: what is left to do, in megapixels and bytes, and what it is expected to cost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from codecstudy import codecs
from codecstudy.pipeline.plan import Plan
from codecstudy.schedule import WORKER_BYTES, CostModel, SettingCost, SourceWork
from codecstudy.types import Outcome, Setting

OPENING_BYTES_PER_PIXEL = 16
"""Peak of decoding a file: its samples at 16 bits with alpha, and the canonical array beside them."""


def _sizes(plan: Plan) -> dict[tuple[int | None, int | None], int]:
    """The sizes at which a source is measured, numbered."""
    sizes = dict.fromkeys((setting.resolution, setting.crop) for setting in plan.settings)
    return {size: number for number, size in enumerate(sizes)}


def left(plan: Plan, outcomes: Mapping[tuple[int, int], Outcome]) -> list[SourceWork]:
    """What is left to do, source by source; those with nothing left are not in it."""
    examples = {(setting.resolution, setting.crop): setting for setting in plan.settings}
    at_sizes = [examples[size] for size in _sizes(plan)]
    shared: dict[tuple[int, ...], tuple[int, ...]] = {}
    work = []
    for s, source in enumerate(plan.sources):
        todo = tuple(t for t in range(len(plan.settings)) if (s, t) not in outcomes)
        if todo:
            sizes = tuple(source.megapixels(setting) for setting in at_sizes)
            # Decoding holds the whole file at once, whatever size it is measured at afterwards.
            opening = WORKER_BYTES + OPENING_BYTES_PER_PIXEL * source.width * source.height
            work.append(SourceWork(s, shared.setdefault(todo, todo), sizes, opening))
    return work


def cost_model(plan: Plan) -> CostModel:
    """What the settings of a plan are expected to cost before any has been run."""
    sizes = _sizes(plan)
    return CostModel(
        [
            SettingCost(
                group=_group(setting),
                encode_seconds=codecs.get(setting.encoder).seconds_per_megapixel(setting),
                size=sizes[setting.resolution, setting.crop],
            )
            for setting in plan.settings
        ]
    )


def _group(setting: Setting) -> str:
    """Settings that cost about the same per megapixel: all parameters but the rate and the size."""
    rest, _, _ = setting.split(codecs.get(setting.encoder).facts.rates)
    return f"{rest.encoder} {rest.parameters} {rest.extra_args}"


def seconds(work: Iterable[SourceWork], costs: CostModel) -> float:
    """Estimated seconds of one worker for all of it."""
    return sum(
        sum(costs.seconds(t, source.megapixels[costs.sizes[t]]) for t in source.settings)
        + sum(costs.open_seconds(megapixels) for megapixels in source.megapixels)
        for source in work
    )
