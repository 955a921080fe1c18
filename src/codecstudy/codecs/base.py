"""What a codec is: a record of facts and two functions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from codecstudy.types import Scalar, Setting

Pixels = NDArray[np.uint8]
"""A canonical image: uint8, height x width x 3, sRGB."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a codec and the values it takes: a range (ends included) or a list of choices."""

    name: str
    help: str
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[Scalar, ...] | None = None
    integer: bool = True
    default: Scalar | None = None
    """What the codec uses where a study gives none; None where it must be given or the encoder chooses."""

    def allowed(self) -> str:
        """The values it takes, for people: ``0 to 100`` or ``444, 422, 420``."""
        if self.choices is not None:
            return ", ".join(str(c).lower() if isinstance(c, bool) else str(c) for c in self.choices)
        return f"{self.minimum:g} to {self.maximum:g}" + ("" if self.integer else " (decimals allowed)")

    def accepts(self, value: object) -> bool:
        """Whether ``value`` is one that this parameter takes; types are exact (``True`` is no integer)."""
        if self.choices is not None:
            return any(type(value) is type(choice) and value == choice for choice in self.choices)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        if self.integer and not isinstance(value, int):
            return False
        low = float("-inf") if self.minimum is None else self.minimum
        high = float("inf") if self.maximum is None else self.maximum
        return low <= value <= high


@dataclass(frozen=True, slots=True)
class Codec:
    """One image format with one encoder library, in memory and on one thread."""

    format: str
    """As studies name it: ``avif``."""
    title: str
    """As people name it: ``AVIF``."""
    extension: str
    """Of encoded files, with the dot: ``.avif``."""
    version: Callable[[], str]
    """Library and version, part of a measurement's identity: ``libaom 3.14.1 (libavif 1.4.2)``."""
    parameters: tuple[Parameter, ...]
    """The study keys that it takes: of quality, chroma_subsampling, speed, effort, method."""
    extra_parameters: tuple[Parameter, ...]
    """The entries of ``extra_args`` that it takes."""
    check: Callable[[Setting], str | None]
    """What is wrong with a setting beyond single values (two rate controls at once, say), or None."""
    encode: Callable[[Pixels, Setting], bytes]
    """Raises :class:`codecstudy.errors.CodecError`, or whatever the library raises."""
    decode: Callable[[bytes], Pixels]
    seconds_per_megapixel: Callable[[Setting], float]
    """Rough encode CPU seconds per megapixel: a prior for estimates, replaced by what a run learns."""
    open_extra: bool = False
    """Whether ``extra_args`` may hold names beyond ``extra_parameters`` that the encoder itself checks."""

    def parameter(self, name: str) -> Parameter | None:
        """The declaration of study key ``name``, or None where this codec does not have it."""
        return next((p for p in self.parameters if p.name == name), None)

    def extra_parameter(self, name: str) -> Parameter | None:
        """The declaration of ``extra_args`` entry ``name``, or None."""
        return next((p for p in self.extra_parameters if p.name == name), None)
