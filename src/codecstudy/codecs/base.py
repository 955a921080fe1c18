"""What a codec is: a record of facts and two functions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from codecstudy.types import Parameter, Pixels, Setting


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
