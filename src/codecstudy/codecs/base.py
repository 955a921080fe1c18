"""What an encoder is: a record of facts and a few functions, all in one file."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from codecstudy.errors import CodecError
from codecstudy.types import EncoderFacts, Pixels, Scalar, Setting, ToolCommand


def _any(setting: Setting) -> str | None:
    return None


def _always() -> str | None:
    return None


def _hundred_per_pixel(setting: Setting, pixels: int) -> float:
    return 100.0 * pixels


def _no_commands(setting: Setting) -> tuple[ToolCommand, ...]:
    return ()


def _nothing_fixed(setting: Setting) -> Mapping[str, Scalar]:
    return {}


@dataclass(frozen=True, slots=True)
class SelfTest:
    """An encode of flat colours that shows whether the encoder works."""

    setting: Setting
    tolerance: int = 0
    """Largest allowed difference after a round trip, of 255."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a step has taken, in seconds and bytes."""

    wall_time: float
    cpu_time: float
    """CPU seconds of all threads, and of child processes that have ended."""
    peak_memory: int | None = None
    """Most resident memory of a program that was run; None if no program was run."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """An encoded file from an encoder that measures its own cost, without its preparations."""

    data: bytes
    cost: Cost


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """A decoded image from an encoder that measures its own cost."""

    pixels: Pixels
    cost: Cost


@dataclass(frozen=True, slots=True)
class Recompression:
    """Lossless recompression of source files, which are encoded instead of their pixels."""

    wanted: Callable[[Setting], bool]
    """Whether a setting asks for it."""
    encode: Callable[[bytes, Setting], bytes]
    """The new file, from a source file. Raises :class:`codecstudy.errors.NotApplicableError` for a file that is not
    of the right kind, and :class:`codecstudy.errors.CodecError` or any error of the library."""
    restore: Callable[[bytes], bytes]
    """The source file, from the new file."""


@dataclass(frozen=True, slots=True)
class Encoder:
    """One encoder for one image format: a library that works in memory and on one thread, or a program."""

    facts: EncoderFacts
    version: Callable[[], str]
    """Library and version, which identify a measurement: ``libaom 3.14.1 (libavif 1.4.2)``."""
    encode: Callable[[Pixels, Setting], bytes | Encoded]
    """Raises :class:`codecstudy.errors.CodecError`, or any error of the library. Call :meth:`encoded` instead."""
    decode: Callable[[bytes], Pixels | Decoded]
    """Call :meth:`decoded` instead."""
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
    missing: Callable[[], str | None] = _always
    """What this machine lacks to run the encoder, and how to install it; None if nothing. It is called before any
    other function, which therefore may import what is optional."""
    note: str | None = None
    """What somebody should know who measures times with this build: that another one is faster, for example."""
    fixed: Callable[[Setting], Mapping[str, Scalar]] = _nothing_fixed
    """Options that the encoder always uses, or that follow from the setting: ``{"threads": 1, "depth": 8}``.
    Together with the parameters and their defaults they are the options of each record."""

    recompression: Recompression | None = None
    """How settings that recompress source files do so; None if there are none."""

    def recompresses(self, setting: Setting) -> bool:
        """Whether a setting encodes the source file: :meth:`recompressed` is called instead of :meth:`encoded`."""
        return self.recompression is not None and self.recompression.wanted(setting)

    def options(self, setting: Setting) -> dict[str, Scalar]:
        """All options in effect: those of the setting, the declared defaults, and what is fixed."""
        declared = (*self.facts.parameters, *self.facts.extra_parameters)
        defaults = {p.name: p.default for p in declared if p.default is not None}
        return {**defaults, **self.fixed(setting), **dict(setting.parameters), **dict(setting.extra_args)}

    def encoded(self, pixels: Pixels, setting: Setting) -> Encoded:
        """Encode an image, and measure the cost unless the encoder does.

        Args:
            pixels: uint8, height x width x 3, sRGB.
            setting: A setting of this encoder.

        Raises:
            CodecError: The encoder returned something else than a file. It may raise any other error itself.
        """
        clock = _Clock()
        made = self.encode(pixels, setting)
        cost = clock.read()
        data = made.data if isinstance(made, Encoded) else made
        if not isinstance(data, bytes) or not data:
            what = "no bytes" if isinstance(data, bytes) else type(data).__name__
            raise CodecError(f"the encoder returned {what} instead of a file")
        return made if isinstance(made, Encoded) else Encoded(data, cost)

    def recompressed(self, source: bytes, setting: Setting) -> Encoded:
        """Recompress a source file, measure the cost, and verify that the source can be restored.

        Args:
            source: Content of the source file.
            setting: A setting of this encoder that :meth:`recompresses`.

        Raises:
            NotApplicableError: The source is not of the right kind.
            CodecError: The restored file differs from the source. The encoder may raise any other error itself.
        """
        assert self.recompression is not None
        clock = _Clock()
        data = self.recompression.encode(source, setting)
        made = Encoded(data, clock.read())
        if self.recompression.restore(data) != source:
            raise CodecError("the recompressed file does not give the source file back, byte for byte")
        return made

    def decoded(self, data: bytes) -> Decoded:
        """Decode a file, and measure the cost unless the encoder does.

        Returns:
            The image as uint8, height x width x 3 (not checked), and the cost.
        """
        clock = _Clock()
        made = self.decode(data)
        return made if isinstance(made, Decoded) else Decoded(made, clock.read())


class _Clock:
    """Wall and CPU time since it was made, with that of child processes that have ended meanwhile."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.perf_counter(), cpu_seconds()

    def read(self) -> Cost:
        return Cost(time.perf_counter() - self._wall, cpu_seconds() - self._cpu)


_elsewhere = 0.0


def count_cpu_seconds(seconds: float) -> None:
    """Add CPU seconds of a program that was not started by this process itself, but at its request."""
    global _elsewhere
    _elsewhere += seconds


def cpu_seconds() -> float:
    """CPU seconds of this process, of all its threads, and of programs that have ended.

    These are its child processes, and the programs of :func:`count_cpu_seconds`.
    """
    try:
        import resource
    except ImportError:  # Windows
        return time.process_time() + _elsewhere
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime + _elsewhere
