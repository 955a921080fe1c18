"""The words that every room shares, as frozen dataclasses. Imports nothing of ours."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import Any, Literal

from numpy.typing import NDArray

Scalar = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Setting:
    """One codec with one value of every parameter.

    A parameter that is ``None`` was not given in the study: the codec uses its own default.
    ``resolution`` and ``crop`` are lengths of the longest edge in pixels, ``None`` for the original.
    ``extra_args`` holds (name, value) pairs sorted by name.
    """

    format: str
    quality: int | None = None
    chroma_subsampling: str | None = None
    speed: int | None = None
    effort: int | None = None
    method: int | None = None
    resolution: int | None = None
    crop: int | None = None
    extra_args: tuple[tuple[str, Scalar], ...] = ()

    def extra(self, name: str, default: Scalar | None = None) -> Scalar | None:
        """Value of one entry of ``extra_args``, or ``default`` where it was not given."""
        return dict(self.extra_args).get(name, default)

    def canonical(self) -> str:
        """JSON text that is equal for equal settings: sorted keys, no unset ones."""
        given = {
            field.name: value
            for field in dataclasses.fields(self)
            if (value := getattr(self, field.name)) not in (None, ())
        }
        if self.extra_args:
            given["extra_args"] = dict(self.extra_args)
        return json.dumps(given, sort_keys=True, separators=(",", ":"))

    def label(self) -> str:
        """Short text for people and file names: ``avif q60 444 s6``."""
        parts = [self.format]
        if self.quality is not None:
            parts.append(f"q{self.quality}")
        if self.chroma_subsampling is not None:
            parts.append(self.chroma_subsampling)
        for letter, value in (
            ("s", self.speed),
            ("e", self.effort),
            ("m", self.method),
            ("r", self.resolution),
            ("c", self.crop),
        ):
            if value is not None:
                parts.append(f"{letter}{value}")
        parts += [name if value is True else f"{name}={_plain(value)}" for name, value in self.extra_args]
        return " ".join(parts)


def _plain(value: Scalar) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


@dataclass(frozen=True, slots=True)
class Measurement:
    """A task that went well. Times in seconds, sizes in bytes and pixels."""

    file_size: int
    width: int
    height: int
    encoding_time: float
    encoding_cpu_time: float
    decoding_time: float
    decoding_cpu_time: float
    metrics_cpu_time: float
    scores: dict[str, float]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Skip:
    """A task that does not apply to its source, and why."""

    reason: str
    notes: tuple[str, ...] = ()


FailureKind = Literal["source", "encode", "decode", "metric", "artifact", "crash", "timeout", "memory"]


@dataclass(frozen=True, slots=True)
class Failure:
    """A task that went wrong, and why."""

    kind: FailureKind
    reason: str
    notes: tuple[str, ...] = ()


Outcome = Measurement | Skip | Failure


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle of pixels."""

    left: int
    top: int
    width: int
    height: int

    def of(self, pixels: NDArray[Any]) -> NDArray[Any]:
        """This part of an image of shape (height, width, ...), as a view."""
        return pixels[self.top : self.top + self.height, self.left : self.left + self.width]
