"""A study with further settings, which its file does not name."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable
from typing import Any

from codecstudy import codecs
from codecstudy.study.expansion import as_encoded
from codecstudy.study.models import StudyConfig
from codecstudy.types import Setting


def with_settings(config: StudyConfig, settings: Iterable[Setting]) -> StudyConfig:
    """The study with ``settings`` in further entries, each after the last entry of the same encoder.

    Settings that differ only in the rate parameter share an entry. Those that the study has already are left out.

    Args:
        config: The study; it is not changed.
        settings: Settings of encoders that are installed.

    Raises:
        StudyError: A setting is not valid for its encoder.
    """
    with codecs.defined(config.definitions):
        return _with_settings(config, settings)


def _with_settings(config: StudyConfig, settings: Iterable[Setting]) -> StudyConfig:
    known = {as_encoded(setting, codecs.get(setting.encoder).facts) for setting in config.settings()}
    entries: dict[str, dict[str, Any]] = {}
    for setting in settings:
        facts = codecs.get(setting.encoder).facts
        identity = as_encoded(setting, facts)
        if identity in known:
            continue
        known.add(identity)
        rest, rate, level = setting.split(facts.rates)
        if rate is None or rate.extra or level is None:
            entries[setting.canonical()] = _entry(setting)
        else:
            entry = entries.setdefault(rest.canonical() + rate.name, {**_entry(rest), rate.name: []})
            entry[rate.name].append(rate.plain(level))
    if not entries:
        return config
    document = config.to_dict()
    # An entry of its own resolution would contradict the one for all entries in older files.
    for_all = document.pop("preprocessing", {}).get("resize")
    if for_all is not None:
        for entry in document["encoders"]:
            entry.setdefault("resolution", for_all)
    # Stable, so that an encoder's own entries stay in order, and come before the further ones.
    defining = {e.made_for.facts.id: e for e in config.encoders if e.definition is not None}
    for entry in entries.values():
        if (definer := defining.get(entry["encoder"])) is not None:
            # Relative paths are absolute by now.
            given = definer.model_dump(mode="json", by_alias=True, exclude_unset=True)
            entry |= {key: given[key] for key in ("command", "parameters") if key in given}
    place = {encoder.made_for.facts.id: i for i, encoder in enumerate(config.encoders)}
    placed = [(float(i), entry) for i, entry in enumerate(document["encoders"])]
    placed += [(place.get(entry["encoder"], math.inf), entry) for entry in entries.values()]
    document["encoders"] = [entry for _, entry in sorted(placed, key=operator.itemgetter(0))]
    return StudyConfig.model_validate(document)


def _entry(setting: Setting) -> dict[str, Any]:
    """The setting with the keys of a study file."""
    entry: dict[str, Any] = {"format": setting.format, "encoder": setting.encoder, **dict(setting.parameters)}
    if setting.resolution is not None:
        entry["resolution"] = setting.resolution
    if setting.crop is not None:
        entry["crop"] = setting.crop
    if setting.extra_args:
        entry["extra_args"] = dict(setting.extra_args)
    return entry
