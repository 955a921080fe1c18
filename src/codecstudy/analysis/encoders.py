"""The encoders of a results file: their facts, their order, and their commands for other tools."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from codecstudy.analysis.variants import NO_RATE, Variant
from codecstudy.results import QualityResults
from codecstudy.types import CommandTemplate, EncoderFacts, Setting, ToolCommand


class Encoders:
    """The facts and commands that results contain about their encoders, with defaults for encoders without."""

    def __init__(self, facts: Iterable[EncoderFacts], templates: Iterable[CommandTemplate] = ()) -> None:
        self._facts = {one.id: one for one in facts}
        self._ranks = {name: rank for rank, name in enumerate(self._facts)}
        self._templates: dict[tuple[Setting, str], list[CommandTemplate]] = {}
        for template in templates:
            self._templates.setdefault((template.setting, template.rate), []).append(template)

    @classmethod
    def of(cls, results: QualityResults) -> Encoders:
        """The encoders of ``results``."""
        return cls(results.encoders, results.commands)

    def facts(self, encoder: str) -> EncoderFacts:
        """The facts of an encoder; without any, its id is used as its format and title."""
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
