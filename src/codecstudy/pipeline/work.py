"""The remaining work of a plan in the form of the schedule: settings, megapixels, bytes, and cost priors."""

from __future__ import annotations

from collections.abc import Container, Iterable
from functools import partial

from codecstudy import codecs, metrics
from codecstudy.codecs.base import Encoder
from codecstudy.measurement import memory
from codecstudy.metrics.base import Metric
from codecstudy.pipeline.plan import Outcomes, Plan, Source
from codecstudy.schedule import WORKER_BYTES, CostModel, SettingCost, SourceWork
from codecstudy.types import Failure, Setting

Size = tuple[int | None, int | None]
"""Resolution and crop of a setting."""


def remaining_work(
    plan: Plan, outcomes: Outcomes, refused: Container[tuple[int, int]] = ()
) -> list[SourceWork]:
    """The sources with tasks that have no outcome yet and are not ``refused``, in order.

    Copies of other sources have no tasks.
    """
    sizes = _sizes(plan)
    at_sizes = [next(s for s in plan.settings if _size(s) == size) for size in sizes]
    shared: dict[tuple[int, ...], tuple[int, ...]] = {}
    work = []
    for s, source in enumerate(plan.sources):
        if s in plan.copies:
            continue
        todo = tuple(t for t in outcomes.left(s) if (s, t) not in refused)
        if todo:
            megapixels = tuple(source.megapixels(setting) for setting in at_sizes)
            work.append(
                SourceWork(
                    s,
                    shared.setdefault(todo, todo),
                    megapixels,
                    opening_bytes=opening_bytes(plan, source),
                    held_bytes=held_bytes(source),
                )
            )
    return work


def opening_bytes(plan: Plan, source: Source) -> int:
    """Peak bytes of a worker while it decodes a source and scales it down."""
    return memory.opening_bytes(source.width, source.height, source.decoding_bytes, plan.settings)


def held_bytes(source: Source) -> int:
    """Bytes of a decoded source."""
    return memory.held_bytes(source.width, source.height)


def streaming_limit(plan: Plan, share: int) -> float:
    """Number of pixels above which metrics stream; ``share`` is a worker's part of the memory in bytes."""
    return memory.streaming_limit([metrics.get(facts.name) for facts in plan.metrics], share)


def refused(
    plan: Plan, outcomes: Outcomes, limit: int, streamed_above: float
) -> dict[tuple[int, int], Failure]:
    """The tasks that cannot fit into the memory that one worker may use, even alone.

    Args:
        plan: The plan.
        outcomes: Those that are known; their tasks need not be run.
        limit: Bytes that one worker may use.
        streamed_above: Metrics stream images of more pixels.
    """
    measured = [metrics.get(facts.name) for facts in plan.metrics]
    fragment = None if plan.crops is None else plan.crops.fragment
    # Settings that take the same memory, which are few.
    alike: dict[tuple[Size, float, float], list[int]] = {}
    for t, setting in enumerate(plan.settings):
        peak = codecs.get(setting.encoder).peak_bytes
        small, large = peak(setting, 10**6), peak(setting, 10**9)
        alike.setdefault((_size(setting), small, large), []).append(t)
    found: dict[tuple[int, int], Failure] = {}
    for s, source in enumerate(plan.sources):
        left = set() if s in plan.copies else set(outcomes.left(s))
        if not left or not source.width:  # a file whose size is unknown is opened, which says why
            continue
        opening = opening_bytes(plan, source)
        for group in alike.values():
            setting = plan.settings[group[0]]
            encoder = codecs.get(setting.encoder)
            size = memory.encoded_size(source.width, source.height, setting)
            task = memory.task_bytes(encoder, measured, setting, size, fragment, streamed_above)
            measuring = WORKER_BYTES + held_bytes(source) + task
            if max(opening, measuring) > limit:
                failure = Failure("memory", _too_large(source, size, opening, measuring, limit))
                found.update(((s, t), failure) for t in group if t in left)
    return found


def _too_large(source: Source, size: tuple[int, int], opening: int, measuring: int, limit: int) -> str:
    what = f"to measure {size[0]}x{size[1]}"
    if opening >= measuring:
        what = f"to open {source.width}x{source.height}"
    smaller = "scale the image down first" if opening > limit else "measure at a smaller resolution"
    return (
        f"needs about {memory.gigabytes(max(opening, measuring))} {what} pixels, "
        f"{memory.gigabytes(limit)} allowed; give more with --max-memory, "
        f"leave such images out with --max-pixels, or {smaller}"
    )


def cost_model(plan: Plan, streamed_above: float) -> CostModel:
    """The expected costs of the settings of a plan before any has been run."""
    sizes = _sizes(plan)
    return CostModel(
        [
            SettingCost(
                group=_group(setting),
                encode_seconds=codecs.get(setting.encoder).seconds_per_megapixel(setting),
                peak_bytes=_peak_bytes(plan, setting, streamed_above),
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


def _peak_bytes(plan: Plan, setting: Setting, streamed_above: float) -> partial[int]:
    encoder = codecs.get(setting.encoder)
    measured = tuple(metrics.get(facts.name) for facts in plan.metrics)
    fragment = None if plan.crops is None else plan.crops.fragment
    return partial(_task_bytes, encoder, measured, setting, fragment, streamed_above)


def _task_bytes(
    encoder: Encoder,
    measured: tuple[Metric, ...],
    setting: Setting,
    fragment: int | None,
    streamed_above: float,
    megapixels: float,
) -> int:
    size = memory.usual_size(megapixels)
    return memory.task_bytes(encoder, measured, setting, size, fragment, streamed_above)


def _sizes(plan: Plan) -> dict[Size, int]:
    """The sizes at which a source is measured, numbered."""
    return {size: number for number, size in enumerate(dict.fromkeys(map(_size, plan.settings)))}


def _size(setting: Setting) -> Size:
    return setting.resolution, setting.crop


def _group(setting: Setting) -> str:
    """Key of settings that cost about the same per megapixel: all parameters but the rate and the size."""
    rest, _, _ = setting.split(codecs.get(setting.encoder).facts.rates)
    return f"{rest.encoder} {rest.parameters} {rest.extra_args}"
