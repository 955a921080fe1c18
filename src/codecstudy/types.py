"""The words that every room shares, as frozen dataclasses. Imports nothing of ours."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

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
class QualityWords:
    """What people see at the scores of a metric."""

    steps: tuple[tuple[float, str, str], ...]
    """(score, word, what an average observer sees) from the best to the worst; each holds from its score on."""
    worse: tuple[str, str]
    """Word, and what is seen, where a score is worse than the last step."""
    source: str

    def at(self, score: float, higher_is_better: bool) -> tuple[str, str]:
        """The word for ``score``, and what is seen."""
        for limit, word, seen in self.steps:
            if score >= limit if higher_is_better else score <= limit:
                return word, seen
        return self.worse


@dataclass(frozen=True, slots=True)
class MetricColumn:
    """One column of scores and how to read it."""

    name: str
    """Of the column in records: ``butteraugli_3norm``."""
    title: str
    """As people write it: ``Butteraugli 3-norm``."""
    description: str
    """For other programs that the results are exported to."""
    higher_is_better: bool
    targets: tuple[float, ...]
    """Scores at which sizes are compared unless others are asked for, worst first."""
    usual_target: float
    """One score that stands for good quality on the web, where a single one is needed."""
    identical: float
    """Score of an identical image; may be infinite."""
    digits: int = 2
    """Decimals to show."""
    minimum: float | None = None
    """Lowest possible score; None where there is no bound."""
    maximum: float | None = None
    unit: str = ""
    quality_words: QualityWords | None = None
    codec_compare_name: str = ""
    """Name of the column in Google's codec-compare viewer, where it differs from ``name``."""

    def goodness(self, score: float) -> float:
        """``score`` on an axis that rises with quality."""
        return score if self.higher_is_better else -score

    def score(self, goodness: float) -> float:
        """The inverse of :meth:`goodness`, which is its own inverse."""
        return self.goodness(goodness)


@dataclass(frozen=True, slots=True)
class MetricFacts:
    """What is to be known of a metric without running it. Plain values: results files hold it as JSON."""

    name: str
    """As studies and the command line name it: ``ssimulacra2``."""
    title: str
    """As people write it: ``SSIMULACRA2``."""
    version: str
    """Changes whenever the scores can change."""
    columns: tuple[MetricColumn, ...]
    """The columns of a record that it fills. Each is called as the metric, or begins with its name and ``_``."""
    citation: str
    """Where the metric is defined."""
    explanation: str
    """One or two sentences for readers of a report who do not know the metric; follows its title."""

    def to_dict(self) -> dict[str, Any]:
        """As JSON can hold it: an infinite score is text."""
        document = dataclasses.asdict(self)
        for column in document["columns"]:
            column["identical"] = score_to_json(column["identical"])
        return document

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Self:
        """The inverse of :meth:`to_dict`. Members that this version does not know are ignored."""
        columns = []
        for column in document["columns"]:
            values = _known(MetricColumn, column)
            values["targets"] = tuple(values["targets"])
            values["identical"] = score_from_json(values["identical"])
            if (words := values.get("quality_words")) is not None:
                steps = tuple((score, word, seen) for score, word, seen in words["steps"])
                word, seen = words["worse"]
                values["quality_words"] = QualityWords(steps, (word, seen), words["source"])
            columns.append(MetricColumn(**values))
        return cls(**_known(MetricFacts, document) | {"columns": tuple(columns)})


def _known(kind: type, document: Mapping[str, Any]) -> dict[str, Any]:
    """The members of ``document`` that are fields of the dataclass ``kind``."""
    names = {field.name for field in dataclasses.fields(kind)}
    return {name: value for name, value in document.items() if name in names}


def score_to_json(score: float | None) -> float | str | None:
    """JSON has no infinity: an infinite score is the text ``inf`` or ``-inf``."""
    return str(score) if score is not None and math.isinf(score) else score


def score_from_json(value: Any) -> Any:
    """The inverse of :func:`score_to_json`."""
    return float(value) if value in ("inf", "-inf") else value


@dataclass(frozen=True, slots=True)
class Scores:
    """What one metric says of one encoded image."""

    values: dict[str, float]
    """By column."""
    cpu_time: float
    """CPU seconds."""


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
    sha256: str | None
    """Of the encoded file; None where it is not known (the first schema of the store did not hold it)."""
    scores: dict[str, Scores]
    """By metric."""
    notes: tuple[str, ...] = ()

    def has_bytes(self, size: int, sha256: str | None) -> bool:
        """Whether an encoded file has these bytes, as far as is known: without a hash, whether it has the size."""
        if self.sha256 is None or sha256 is None:
            return self.file_size == size
        return self.sha256 == sha256

    @property
    def metrics_cpu_time(self) -> float:
        """CPU seconds of all metrics."""
        return sum(score.cpu_time for score in self.scores.values())

    @property
    def columns(self) -> dict[str, float]:
        """All scores by column."""
        return {name: value for score in self.scores.values() for name, value in score.values.items()}


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
