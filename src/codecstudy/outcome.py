"""What becomes of a task: a measurement, or a reason why there is none. Failures are values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


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
