"""A variant: a setting without its rate parameter, the number that trades size for quality."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from codecstudy.types import QUALITY, SHORT_NAMES, RateParameter, Setting

NO_RATE = RateParameter("")
"""The axis of a variant that is not swept."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Which pixels were encoded. Variants are compared only within the same scope."""

    resolution: int | None = None
    """Longest edge in pixels; None for the original."""
    crop: int | None = None
    """Longest edge of the crop in pixels; None for the whole image."""

    @property
    def label(self) -> str:
        """``original``, ``r1920`` or ``r1920 c512``."""
        parts = [f"{letter}{edge}" for letter, edge in (("r", self.resolution), ("c", self.crop)) if edge]
        return " ".join(parts) or "original"


@dataclass(frozen=True, slots=True)
class Variant:
    """One encoder with one value of every parameter except the rate parameter."""

    setting: Setting
    """The common part of its settings, without the rate parameter."""
    axis: RateParameter = QUALITY
    """The rate parameter; :data:`NO_RATE` if nothing is swept."""
    rank: int = dataclasses.field(default=0, compare=False)
    """Position of its encoder among those of the results."""

    @property
    def format(self) -> str:
        """The format, e.g. ``avif``."""
        return self.setting.format

    @property
    def encoder(self) -> str:
        """Id of its encoder."""
        return self.setting.encoder

    @property
    def label(self) -> str:
        """Short text for people, e.g. ``avif 444 s6``; unique among the variants of a study."""
        swept = "" if self.axis.name in ("quality", "") else f" (by {self.axis.name})"
        return self.setting.label() + swept

    @property
    def key(self) -> str:
        """Text that is equal for equal variants."""
        return f"{self.axis.name}|{self.setting.canonical()}"

    @property
    def scope(self) -> Scope:
        """Its resolution and crop."""
        return Scope(self.setting.resolution, self.setting.crop)

    @property
    def family(self) -> str:
        """Text that is equal for the same variant at different resolutions and crops."""
        plain = dataclasses.replace(self.setting, resolution=None, crop=None)
        return f"{self.axis.name}|{plain.canonical()}"

    @property
    def order(self) -> tuple[object, ...]:
        """Sort key: by encoder in the order of the results, then by parameters; unset ones before set ones."""
        s = self.setting
        others = [name for name, _ in s.parameters if name not in SHORT_NAMES]
        return (
            self.rank,
            s.encoder,
            *(-1 if edge is None else edge for edge in (s.resolution, s.crop)),
            str(s.get("chroma_subsampling") or ""),
            *(-1 if value is None else value for value in map(s.get, ("speed", "effort", "method"))),
            # JSON text sorts values of any type.
            s.canonical() if s.extra_args or others else "",
            self.axis.name,
        )

    def at(self, level: float) -> Setting:
        """The complete setting, with the swept parameter at ``level``."""
        return self.setting.with_value(self.axis, self.axis.plain(level)) if self.axis.name else self.setting
