"""What an encoder is: a record of facts and a few functions, all in one file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from codecstudy.types import EncoderFacts, Pixels, Setting, ToolCommand


def _any(setting: Setting) -> str | None:
    return None


def _hundred_per_pixel(setting: Setting, pixels: int) -> float:
    return 100.0 * pixels


def _no_commands(setting: Setting) -> tuple[ToolCommand, ...]:
    return ()


@dataclass(frozen=True, slots=True)
class SelfTest:
    """An encode of flat colours that shows whether the encoder works."""

    setting: Setting
    tolerance: int = 0
    """Largest allowed difference after a round trip, of 255."""


@dataclass(frozen=True, slots=True)
class Encoder:
    """One encoder library for one image format, working in memory and on one thread."""

    facts: EncoderFacts
    version: Callable[[], str]
    """Library and version, which identify a measurement: ``libaom 3.14.1 (libavif 1.4.2)``."""
    encode: Callable[[Pixels, Setting], bytes]
    """Raises :class:`codecstudy.errors.CodecError`, or any error of the library."""
    decode: Callable[[bytes], Pixels]
    seconds_per_megapixel: Callable[[Setting], float]
    """Rough encode CPU seconds per megapixel: a prior that observations of a run replace."""
    peak_bytes: Callable[[Setting, int], float] = _hundred_per_pixel
    """Most memory in bytes that encoding so many pixels takes, or decoding the result if that is more, without the
    given image. ``benchmarks/memory.py`` measures it."""
    check: Callable[[Setting], str | None] = _any
    """Problem of a setting beyond single values (two rate controls at once, for example), or None."""
    commands: Callable[[Setting], tuple[ToolCommand, ...]] = _no_commands
    """Commands of common tools that correspond to a setting. If a tool lacks a parameter, there is a note instead
    of text: a command that does not do what was measured would be worse than none."""
    self_test: SelfTest | None = None
