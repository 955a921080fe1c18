"""A codec variant: all of a setting but the number that trades size for quality."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from codecstudy.types import Scalar, Setting


@dataclass(frozen=True, slots=True)
class Axis:
    """The parameter that a variant is swept over."""

    name: str
    """``quality``, or the entry of ``extra_args`` that stands in its place; empty where there is none."""
    finer_is_higher: bool = True
    step: float = 1.0
    """Distance of neighbouring values that a recommendation may name."""

    def fineness(self, level: float) -> float:
        """``level`` on an axis that rises with quality."""
        return level if self.finer_is_higher else -level

    def plain(self, level: float) -> int | float:
        """``level`` as a study would write it: an integer wherever it is one, else short of noise."""
        rounded = round(level, 6)
        return int(rounded) if rounded == int(rounded) else rounded


QUALITY = Axis("quality")
NO_AXIS = Axis("")
_STAND_INS: dict[str, tuple[Axis, ...]] = {
    "jxl": (Axis("distance", finer_is_higher=False, step=0.05),),
    "avif": (Axis("cq-level", finer_is_higher=False),),
}
"""Entries of ``extra_args`` that set the rate in place of quality, by format."""

_PREFERRED_ORDER = ("jpeg", "webp", "avif", "jxl")


@dataclass(frozen=True, slots=True)
class Scope:
    """Which pixels were encoded: variants are compared only where this is the same."""

    resolution: int | None = None
    """Longest edge in pixels, None for the original."""
    crop: int | None = None

    @property
    def label(self) -> str:
        """``original``, ``r1920`` or ``r1920 c512``."""
        parts = [f"{letter}{edge}" for letter, edge in (("r", self.resolution), ("c", self.crop)) if edge]
        return " ".join(parts) or "original"


@dataclass(frozen=True, slots=True)
class Variant:
    """One codec with one value of every parameter but the one it is swept over."""

    setting: Setting
    """The common part of its settings; ``quality`` is None."""
    axis: Axis = QUALITY

    @property
    def format(self) -> str:
        """``avif``."""
        return self.setting.format

    @property
    def label(self) -> str:
        """Short text for people: ``avif 444 s6``; unique among the variants of a study."""
        swept = "" if self.axis.name in ("quality", "") else f" (by {self.axis.name})"
        return self.setting.label() + swept

    @property
    def key(self) -> str:
        """Text that is equal for equal variants."""
        return f"{self.axis.name}|{self.setting.canonical()}"

    @property
    def scope(self) -> Scope:
        """The pixels it encodes."""
        return Scope(self.setting.resolution, self.setting.crop)

    @property
    def family(self) -> str:
        """Text that is equal for the same variant at different resolutions and crops."""
        plain = dataclasses.replace(self.setting, resolution=None, crop=None)
        return f"{self.axis.name}|{plain.canonical()}"

    @property
    def order(self) -> tuple[object, ...]:
        """Sort key: the common formats first, then by name; unset parameters before set ones."""
        s = self.setting
        known = s.format in _PREFERRED_ORDER
        return (
            _PREFERRED_ORDER.index(s.format) if known else len(_PREFERRED_ORDER),
            s.format,
            *(-1 if edge is None else edge for edge in (s.resolution, s.crop)),
            s.chroma_subsampling or "",
            *(-1 if value is None else value for value in (s.speed, s.effort, s.method)),
            # JSON text sorts values of any type.
            "" if not s.extra_args else s.canonical(),
            self.axis.name,
        )

    def at(self, level: float) -> Setting:
        """The whole setting with the swept parameter at ``level``."""
        if not self.axis.name:
            return self.setting
        value: Scalar = self.axis.plain(level)
        if self.axis.name == "quality":
            return dataclasses.replace(self.setting, quality=int(value))
        extras = dict(self.setting.extra_args) | {self.axis.name: value}
        return dataclasses.replace(self.setting, extra_args=tuple(sorted(extras.items())))


def split(setting: Setting) -> tuple[Variant, float | None]:
    """The variant that ``setting`` belongs to, and where on its axis it lies (None without an axis)."""
    if setting.quality is not None:
        return Variant(dataclasses.replace(setting, quality=None), QUALITY), float(setting.quality)
    for axis in _STAND_INS.get(setting.format, ()):
        value = setting.extra(axis.name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            rest = tuple(pair for pair in setting.extra_args if pair[0] != axis.name)
            return Variant(dataclasses.replace(setting, extra_args=rest), axis), float(value)
    return Variant(setting, NO_AXIS), None
