"""From the encoders of a study to its settings, and what is wrong with those that single values cannot tell."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator, Mapping

from codecstudy.study.encoder_models import EncoderConfig
from codecstudy.study.messages import Problem, show
from codecstudy.study.sweeps import Lengths, count_of, values_of
from codecstudy.types import EncoderFacts, Setting

MAX_SETTINGS = 100_000
"""More settings than this are taken for a mistake: they would be held in memory for every image."""


def settings_of(entry: EncoderConfig, resize: Lengths = None) -> Iterator[Setting]:
    """Every combination of values, those of the rate parameter innermost.

    ``resize`` is the resolution of an entry that has none, from an older file's ``preprocessing``.
    """
    facts, sweeps = entry.made_for.facts, entry.sweeps()
    resolution = resize if entry.resolution is None else entry.resolution
    for crop, longest, extra, *values in itertools.product(
        *(values_of(sweep) for sweep in (entry.crop, resolution, entry.extra_args, *sweeps.values()))
    ):
        yield Setting.of(
            facts.format,
            encoder=facts.id,
            resolution=longest,
            crop=crop,
            extra_args=extra or {},
            **dict(zip(sweeps, values, strict=True)),
        )


def wrong_settings(entries: Mapping[int, EncoderConfig], resize: Lengths) -> Iterator[Problem]:
    """What cannot be measured together, what encoders refuse, and what would be measured twice.

    ``entries`` holds the valid ones by their position in the study; places begin with that position.
    """
    fitting = dict(entries)
    for i, entry in entries.items() if resize is not None else ():
        if entry.crop is not None:
            yield Problem((i, "crop"), "cannot stand beside preprocessing.resize; remove one")
        elif entry.resolution is not None and values_of(entry.resolution) != values_of(resize):
            yield Problem(
                (i, "resolution"),
                f"{show(entry.resolution)} contradicts preprocessing.resize {show(resize)}; remove one of them",
            )
        else:
            continue
        del fitting[i]
    total = sum(_count(entry, resize) for entry in fitting.values())
    if total > MAX_SETTINGS:
        yield Problem((), f"{total} settings are too many; at most {MAX_SETTINGS} are possible")
        return
    first_at: dict[str, tuple[int, Setting]] = {}
    for i, entry in fitting.items():
        settings = list(settings_of(entry, resize))
        refused = dict.fromkeys(said for s in settings if (said := entry.made_for.check(s)) is not None)
        yield from (Problem((i,), said) for said in refused)
        repeated: dict[int, list[tuple[Setting, Setting]]] = {}
        for setting in settings:
            j, first = first_at.setdefault(_as_encoded(setting, entry.made_for.facts), (i, setting))
            if first is not setting:
                repeated.setdefault(j, []).append((first, setting))
        for j, pairs in repeated.items():
            first, again = pairs[0]
            same = first.label() if first == again else f"{first.label()} and {again.label()}, by default"
            others = f" and {len(pairs) - 1} more" if len(pairs) > 1 else ""
            yield Problem((i,), f"measures again what encoders[{j}] has: {same}{others}. Remove one of them")


def _count(entry: EncoderConfig, resize: Lengths) -> int:
    """How many settings there are, without making them."""
    resolution = resize if entry.resolution is None else entry.resolution
    return math.prod(
        count_of(sweep) for sweep in (entry.crop, resolution, entry.extra_args, *entry.sweeps().values())
    )


def _as_encoded(setting: Setting, facts: EncoderFacts) -> str:
    """Identity of what the encoder is asked to do: with the defaults of everything that was not given."""
    given = json.loads(setting.canonical())
    extras = {p.name: p.default for p in facts.extra_parameters if p.default is not None}
    defaults = {p.name: p.default for p in facts.parameters if p.default is not None}
    return json.dumps(
        {**defaults, **given, "extra_args": {**extras, **given.get("extra_args", {})}}, sort_keys=True
    )
