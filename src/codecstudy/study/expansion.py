"""From the encoders of a study to its settings, and the problems that validating single values cannot find."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator, Mapping

from codecstudy.study.encoder_models import EncoderConfig
from codecstudy.study.messages import Problem, show
from codecstudy.study.sweeps import Lengths, count_of, values_of
from codecstudy.types import EncoderFacts, Scalar, Setting

MAX_SETTINGS = 100_000
"""More settings than this are considered a mistake: they would be kept in memory for every image."""


def settings_of(entry: EncoderConfig, resize: Lengths = None) -> Iterator[Setting]:
    """Every combination of values, with the rate parameter varying fastest, unless it is in ``extra_args``.

    Args:
        entry: The entry of an encoder.
        resize: Resolution of an entry that has none, from ``preprocessing`` of an older file.
    """
    facts, sweeps = entry.made_for.facts, entry.sweeps()
    resolution = resize if entry.resolution is None else entry.resolution
    crops, lengths, extras = values_of(entry.crop), values_of(resolution), tuple(_extras_of(entry))
    for crop, longest, extra, *values in itertools.product(
        crops, lengths, extras, *(values_of(sweep) for sweep in sweeps.values())
    ):
        yield Setting.of(
            facts.format,
            encoder=facts.id,
            resolution=longest,
            crop=crop,
            extra_args=extra,
            **dict(zip(sweeps, values, strict=True)),
        )


def _extras_of(entry: EncoderConfig) -> Iterator[dict[str, Scalar]]:
    """Every combination of values in each object of ``extra_args``, with the last entry varying fastest."""
    for given in values_of(entry.extra_args):
        sweeps = given or {}
        for values in itertools.product(*map(values_of, sweeps.values())):
            yield dict(zip(sweeps, values, strict=True))


def wrong_settings(entries: Mapping[int, EncoderConfig], resize: Lengths) -> Iterator[Problem]:
    """Settings that cannot be measured together, that encoders refuse, and that would be measured twice.

    Args:
        entries: The valid entries by their position in the study; places of problems begin with that position.
        resize: Resolution of entries that have none.
    """
    fitting = dict(entries)
    for i, entry in entries.items() if resize is not None else ():
        if entry.crop is not None:
            yield Problem((i, "crop"), "cannot be combined with preprocessing.resize; remove one")
        elif entry.resolution is not None and values_of(entry.resolution) != values_of(resize):
            yield Problem(
                (i, "resolution"),
                f"{show(entry.resolution)} contradicts preprocessing.resize {show(resize)}; remove one of them",
            )
        else:
            continue
        del fitting[i]
    total = sum(count_of_settings(entry, resize) for entry in fitting.values())
    if total > MAX_SETTINGS:
        yield Problem((), f"{total} settings are too many; the maximum is {MAX_SETTINGS}")
        return
    first_at: dict[str, tuple[int, Setting]] = {}
    for i, entry in fitting.items():
        settings = list(settings_of(entry, resize))
        refused = dict.fromkeys(said for s in settings if (said := entry.made_for.check(s)) is not None)
        yield from (Problem((i,), said) for said in refused)
        repeated: dict[int, list[tuple[Setting, Setting]]] = {}
        for setting in settings:
            j, first = first_at.setdefault(as_encoded(setting, entry.made_for.facts), (i, setting))
            if first is not setting:
                repeated.setdefault(j, []).append((first, setting))
        for j, pairs in repeated.items():
            first, again = pairs[0]
            same = first.label() if first == again else f"{first.label()} and {again.label()}, by default"
            others = f" and {len(pairs) - 1} more" if len(pairs) > 1 else ""
            yield Problem((i,), f"repeats settings of encoders[{j}]: {same}{others}. Remove one of them")


def count_of_settings(entry: EncoderConfig, resize: Lengths = None) -> int:
    """Number of settings, without creating them."""
    resolution = resize if entry.resolution is None else entry.resolution
    extras = sum(math.prod(map(count_of, (given or {}).values())) for given in values_of(entry.extra_args))
    return extras * math.prod(map(count_of, (entry.crop, resolution, *entry.sweeps().values())))


def as_encoded(setting: Setting, facts: EncoderFacts) -> str:
    """Identity of what the encoder is asked to do, with the defaults of all parameters that were not given."""
    given = json.loads(setting.canonical())
    extras = {p.name: p.default for p in facts.extra_parameters if p.default is not None}
    defaults = {p.name: p.default for p in facts.parameters if p.default is not None}
    return json.dumps(
        {**defaults, **given, "extra_args": {**extras, **given.get("extra_args", {})}}, sort_keys=True
    )
