"""The encoders of a results file: their facts, their order, and their commands for other tools."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Iterable

from codecstudy.analysis.variants import NO_RATE, Variant
from codecstudy.results import QualityResults
from codecstudy.types import SUPPORT_UNKNOWN, CommandTemplate, EncoderFacts, Setting, ToolCommand


class Encoders:
    """The facts and commands that results contain about their encoders, with defaults for encoders without."""

    def __init__(self, facts: Iterable[EncoderFacts], templates: Iterable[CommandTemplate] = ()) -> None:
        given = {one.id: one for one in facts}.values()
        # The encoders of a format stand together, where the first of them would.
        formats = list(dict.fromkeys(one.format for one in given))
        ordered = sorted(given, key=lambda one: formats.index(one.format))
        self._facts = {one.id: one for one in _named_apart(_with_support(ordered))}
        self._ranks = {name: rank for rank, name in enumerate(self._facts)}
        self._templates: dict[tuple[Setting, str], list[CommandTemplate]] = {}
        for template in templates:
            self._templates.setdefault((template.setting, template.rate), []).append(template)

    @classmethod
    def of(cls, results: QualityResults) -> Encoders:
        """The encoders of ``results``, in the order of the study."""
        order: dict[object, int] = {}
        for entry in results.study.get("encoders") or ():
            order.setdefault(entry.get("encoder") or entry.get("format"), len(order))

        def place(one: EncoderFacts) -> int:
            # An entry that names only a format may have another encoder than the default one.
            return order.get(one.id, order.get(one.format, len(order)))

        return cls(sorted(results.encoders, key=place), results.commands)

    def facts(self, encoder: str) -> EncoderFacts:
        """The facts of an encoder; without any, its id is used as its format and title.

        No two encoders of the results have the same title: if several make the same format, the title of its
        default encoder names the library, ``JPEG (libjpeg-turbo)``. Browser support is that of the format if an
        encoder does not state it.
        """
        return self._facts.get(encoder) or EncoderFacts(encoder, encoder, encoder, "")

    def split(self, setting: Setting) -> tuple[Variant, float | None]:
        """The variant that ``setting`` belongs to, and its level (None if nothing is swept)."""
        rest, rate, level = setting.split(self.facts(setting.encoder).rates)
        rank = self._ranks.get(setting.encoder, len(self._ranks))
        return Variant(rest, rate or NO_RATE, rank), level

    def commands(self, setting: Setting) -> tuple[ToolCommand, ...]:
        """Commands for common tools that use ``setting``; empty if the results contain none for it."""
        variant, level = self.split(setting)
        plain = dataclasses.replace(variant.setting, resolution=None, crop=None)
        value = None if level is None else variant.axis.plain(level)
        made = (t.at(value) for t in self._templates.get((plain, variant.axis.name), ()))
        return tuple(_with_size(setting, command) for command in made if command is not None)


def _with_support(encoders: list[EncoderFacts]) -> list[EncoderFacts]:
    """Browsers support formats: what one encoder of a format states about them holds for the others."""
    known = {one.format: one for one in reversed(encoders) if one.browsers != SUPPORT_UNKNOWN}
    return [
        dataclasses.replace(
            one,
            mime=one.mime or known[one.format].mime,
            browsers=known[one.format].browsers,
            all_browsers=known[one.format].all_browsers,
            browsers_checked=known[one.format].browsers_checked,
        )
        if one.browsers == SUPPORT_UNKNOWN and one.format in known
        else one
        for one in encoders
    ]


def _named_apart(encoders: list[EncoderFacts]) -> list[EncoderFacts]:
    """The encoders with titles that tell them apart."""
    formats, titles = (Counter(getattr(one, name) for one in encoders) for name in ("format", "title"))
    named = []
    for one in encoders:
        title = one.title
        if formats[one.format] > 1 and one.id == one.format:
            library = re.match(r"[A-Za-z][\w+.-]*", one.version)
            title = f"{title} ({library[0] if library else one.id})"
        elif titles[title] > 1:
            title = f"{title} ({one.id})"
        named.append(dataclasses.replace(one, title=title))
    taken = Counter(one.title for one in named)
    return [
        one if taken[one.title] == 1 else dataclasses.replace(one, title=f"{one.title} ({one.id})")
        for one in named
    ]


def _with_size(setting: Setting, command: ToolCommand) -> ToolCommand:
    """Add a note on how the image was resized or cropped before it was encoded."""
    notes = []
    if setting.resolution is not None:
        notes.append(f"resize the longest edge to {setting.resolution} pixels (Lanczos) first")
    if setting.crop is not None:
        notes.append(f"the study encoded crops with a longest edge of {setting.crop} pixels")
    if command.note:
        notes.append(command.note)
    return dataclasses.replace(command, note="; ".join(notes) or None)
