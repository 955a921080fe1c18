"""What every package shares: settings, facts, outcomes and array types. Imports nothing from this project."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

Scalar = str | int | float | bool

Pixels = NDArray[np.uint8]
"""A canonical image: uint8, shape (height, width, 3), sRGB."""

Floats = NDArray[np.float64]


def folder_of(image: str) -> str:
    """Folder of an image within its dataset, from its path with forward slashes; empty at the top level."""
    return image.rpartition("/")[0]


SHORT_NAMES = {"quality": "q", "chroma_subsampling": "", "speed": "s", "effort": "e", "method": "m"}
"""Prefixes, in labels and file names, of the values of the parameters that several encoders have in common. Each of
these parameters has a column in every results file. Other parameters are written with their name."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One encoder with one value of every parameter.

    A parameter that the study does not give is absent, and the encoder uses its own default. ``resolution`` and
    ``crop`` are lengths of the longest edge in pixels, ``None`` for the original. :meth:`of` puts the parts in
    their canonical order, so that equal settings compare equal.
    """

    format: str
    encoder: str
    """Id of the encoder; the id of a format's default encoder is the format's name."""
    parameters: tuple[tuple[str, Scalar], ...] = ()
    """Declared parameters: those of ``SHORT_NAMES`` in its order, then others by name."""
    extra_args: tuple[tuple[str, Scalar], ...] = ()
    """Further options of the encoder, by name."""
    resolution: int | None = None
    crop: int | None = None

    @classmethod
    def of(
        cls,
        format: str,
        *,
        encoder: str | None = None,
        extra_args: Mapping[str, Scalar] | Iterable[tuple[str, Scalar]] = (),
        resolution: int | None = None,
        crop: int | None = None,
        **parameters: Scalar | None,
    ) -> Self:
        """A setting of ``encoder`` (default: that of the format), without the parameters that are ``None``."""
        given = {name: value for name, value in parameters.items() if value is not None}
        return cls(
            format,
            encoder or format,
            _ordered(given),
            tuple(sorted(dict(extra_args).items())),
            resolution,
            crop,
        )

    def get(self, name: str, default: Scalar | None = None) -> Any:
        """Value of a declared parameter, of its declared type, or ``default`` if it was not given."""
        return next((value for given, value in self.parameters if given == name), default)

    @property
    def quality(self) -> int | None:
        """Value of the parameter ``quality``; None if it was not given."""
        value = self.get("quality")
        return None if value is None else int(value)

    def extra(self, name: str, default: Scalar | None = None) -> Scalar | None:
        """Value of one entry of ``extra_args``, or ``default`` if it was not given."""
        return next((value for given, value in self.extra_args if given == name), default)

    def with_value(self, rate: RateParameter, value: Scalar) -> Setting:
        """The same setting with a rate parameter set to ``value``."""
        if rate.extra:
            extras = dict(self.extra_args) | {rate.name: value}
            return dataclasses.replace(self, extra_args=tuple(sorted(extras.items())))
        return dataclasses.replace(self, parameters=_ordered(dict(self.parameters) | {rate.name: value}))

    def without(self, rate: RateParameter) -> Setting:
        """The same setting without a rate parameter."""
        if rate.extra:
            return dataclasses.replace(self, extra_args=_without(self.extra_args, rate.name))
        return dataclasses.replace(self, parameters=_without(self.parameters, rate.name))

    def split(self, rates: Iterable[RateParameter]) -> tuple[Setting, RateParameter | None, float | None]:
        """Separate the setting from its rate parameter.

        Args:
            rates: Possible rate parameters; the first one with a number in this setting is used.

        Returns:
            The setting without its rate parameter, that parameter, and its value; if there is none, the setting
            itself, None and None.
        """
        for rate in rates:
            if any(self.get(name, self.extra(name)) == value for name, value in rate.unless):
                continue
            value = self.extra(rate.name) if rate.extra else self.get(rate.name)
            if isinstance(value, int | float) and not isinstance(value, bool):
                return self.without(rate), rate, float(value)
        return self, None, None

    def canonical(self) -> str:
        """JSON text that is equal for equal settings: sorted keys, no unset ones."""
        given: dict[str, object] = {"format": self.format, **dict(self.parameters)}
        if self.encoder != self.format:
            given["encoder"] = self.encoder
        if self.resolution is not None:
            given["resolution"] = self.resolution
        if self.crop is not None:
            given["crop"] = self.crop
        if self.extra_args:
            given["extra_args"] = dict(self.extra_args)
        return json.dumps(given, sort_keys=True, separators=(",", ":"))

    def label(self) -> str:
        """Short text for display and file names: ``avif q60 444 s6``."""
        parts = [self.encoder]
        named: list[tuple[str, Scalar]] = []
        for name, value in self.parameters:
            if name in SHORT_NAMES:
                parts.append(f"{SHORT_NAMES[name]}{value}")
            else:
                named.append((name, value))
        parts += [
            f"{letter}{edge}"
            for letter, edge in (("r", self.resolution), ("c", self.crop))
            if edge is not None
        ]
        named += self.extra_args
        return " ".join(
            [*parts, *(name if value is True else f"{name}={plain(value)}" for name, value in named)]
        )


SETTING_KEYS = frozenset(("format", "encoder", "command", "parameters", "resolution", "crop", "extra_args"))
"""Keys of an encoder in a study besides its parameters: no parameter can have one of these names."""


def _without(pairs: tuple[tuple[str, Scalar], ...], name: str) -> tuple[tuple[str, Scalar], ...]:
    return tuple(pair for pair in pairs if pair[0] != name)


def _ordered(parameters: Mapping[str, Scalar]) -> tuple[tuple[str, Scalar], ...]:
    shared = [(name, parameters[name]) for name in SHORT_NAMES if name in parameters]
    return (*shared, *sorted((name, value) for name, value in parameters.items() if name not in SHORT_NAMES))


def plain(value: Scalar) -> str:
    """``value`` as a study file writes it, without quotes."""
    return str(value).lower() if isinstance(value, bool) else str(value)


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of an encoder and its allowed values: a range (ends included) or a list of choices."""

    name: str
    help: str
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[Scalar, ...] | None = None
    integer: bool = True
    default: Scalar | None = None
    """The encoder's default; None if the parameter is required or the encoder chooses the value."""
    show: tuple[tuple[Scalar, str], ...] = ()
    """Display names of single values: ``(("420", "4:2:0"),)``. Others are shown with the parameter's name."""

    def allowed(self) -> str:
        """The allowed values for display: ``0 to 100`` or ``444, 422, 420``."""
        if self.choices is not None:
            return ", ".join(plain(choice) for choice in self.choices)
        match self.minimum, self.maximum:
            case None, None:
                range_ = "any number"
            case low, None:
                range_ = f"{low:g} or more"
            case None, high:
                range_ = f"at most {high:g}"
            case low, high:
                range_ = f"{low:g} to {high:g}"
        return range_ if self.integer else f"{range_} (decimals allowed)"

    def accepts(self, value: object) -> bool:
        """Whether ``value`` is allowed; types are exact (``True`` is not an integer)."""
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
class RateParameter:
    """A parameter that trades file size for quality: what a sweep or a search moves."""

    name: str
    """A declared parameter, or an entry of ``extra_args``."""
    finer_is_higher: bool = True
    step: float = 1.0
    """Difference between adjacent values that a recommendation may name."""
    extra: bool = False
    """Whether it is an entry of ``extra_args``."""
    unless: tuple[tuple[str, Scalar], ...] = ()
    """Values of parameters, or of entries of ``extra_args``, with any of which it does not set the rate: the
    ``quality`` of libwebp is its effort with ``(("lossless", True),)``."""

    def __post_init__(self) -> None:
        if not self.step > 0:
            raise ValueError(f"the step of rate parameter {self.name!r} must be more than 0, not {self.step}")

    def fineness(self, level: float) -> float:
        """``level`` on an axis that rises with quality."""
        return level if self.finer_is_higher else -level

    def plain(self, level: float) -> int | float:
        """``level`` as a study would write it: an integer if possible, otherwise rounded to 6 decimals."""
        rounded = round(level, 6)
        return int(rounded) if rounded == int(rounded) else rounded

    def grid(self, measured: Iterable[float]) -> list[int | float]:
        """The measured levels and the multiples of the step between them, coarsest first, as :meth:`plain`.

        If there were more than ``MAX_LEVELS``, a multiple of the step is used.
        """
        known = {self.plain(level) for level in measured}
        low, high = min(known), max(known)
        # For a rate in bits per second, for example, not every bit is of interest.
        step = self.step * max(1, math.ceil((high - low) / self.step / MAX_LEVELS))
        # plain: 3 * 0.05 is 0.15000000000000002.
        between = {self.plain(k * step) for k in range(math.ceil(low / step), math.floor(high / step) + 1)}
        return sorted(known | between, key=self.fineness)


QUALITY = RateParameter("quality")

MAX_LEVELS = 10_000
"""Largest number of steps between the measured levels of a rate parameter that a recommendation may name."""

MARKERS = ("circle", "square", "triangle", "diamond", "triangle-down", "pentagon", "hexagon", "star")
"""Shapes of plot markers."""


SUPPORT_UNKNOWN = "not known"
"""Browser support of the files of an encoder that does not state it."""


@dataclass(frozen=True, slots=True)
class EncoderFacts:
    """What is known about an encoder without running it. Results files contain it for every reader."""

    id: str
    """Name in studies: ``avif``, ``mozjpeg``."""
    format: str
    """Format of the files it makes: ``avif``, ``jpeg``."""
    title: str
    """Display name: ``AVIF``."""
    extension: str
    """File name extension, with the dot: ``.avif``."""
    parameters: tuple[Parameter, ...] = ()
    """The study keys that it accepts."""
    extra_parameters: tuple[Parameter, ...] = ()
    """The entries of ``extra_args`` that it accepts."""
    open_extra: bool = False
    """Whether ``extra_args`` may contain names beyond ``extra_parameters`` that the encoder itself checks."""
    rates: tuple[RateParameter, ...] = (QUALITY,)
    """What sets the rate: a setting is swept over the first of these that it gives."""
    mime: str | None = None
    """Media type of its files; None if there is none or it is unknown."""
    browsers: str = SUPPORT_UNKNOWN
    """Which browsers can show its files."""
    all_browsers: bool = False
    """Whether all current browsers can."""
    browsers_checked: str | None = None
    """Date on which this was checked, ISO 8601."""
    colour: tuple[str, str] | None = None
    """Plot colours as CSS hexadecimal, on a light and on a dark background; None: a free one is chosen."""
    marker: str | None = None
    """Plot marker, one of ``MARKERS``; None: a free one is chosen."""
    version: str = ""
    """Library and version that made the results; empty if unknown."""

    def parameter(self, name: str) -> Parameter | None:
        """The declaration of study key ``name``, or None if this encoder does not have it."""
        return next((p for p in self.parameters if p.name == name), None)

    def extra_parameter(self, name: str) -> Parameter | None:
        """The declaration of ``extra_args`` entry ``name``, or None."""
        return next((p for p in self.extra_parameters if p.name == name), None)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; the inverse is :meth:`from_dict`."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Self:
        """The inverse of :meth:`to_dict`; members that this version does not know are ignored."""
        given = _known(cls, document)
        for name in ("parameters", "extra_parameters"):
            given[name] = tuple(_parameter(p) for p in given.get(name, ()))
        given["rates"] = tuple(_rate(r) for r in given.get("rates", ()))
        if given.get("colour") is not None:
            given["colour"] = tuple(given["colour"])
        return cls(**given)


def _parameter(document: Mapping[str, Any]) -> Parameter:
    given = _known(Parameter, document)
    if given.get("choices") is not None:
        given["choices"] = tuple(given["choices"])
    given["show"] = tuple((value, text) for value, text in given.get("show", ()))
    return Parameter(**given)


def _rate(document: Mapping[str, Any]) -> RateParameter:
    given = _known(RateParameter, document)
    given["unless"] = tuple((name, value) for name, value in given.get("unless", ()))
    return RateParameter(**given)


@dataclass(frozen=True, slots=True)
class QualityLabels:
    """Verbal descriptions of the scores of a metric."""

    steps: tuple[tuple[float, str, str], ...]
    """(score, label, what an average observer sees) from the best to the worst; each applies from its score on."""
    worse: tuple[str, str]
    """Label, and what is seen, for scores worse than the last step."""
    source: str

    def at(self, score: float, higher_is_better: bool) -> tuple[str, str]:
        """The label of ``score``, and what is seen."""
        for limit, label, seen in self.steps:
            if score >= limit if higher_is_better else score <= limit:
                return label, seen
        return self.worse


@dataclass(frozen=True, slots=True)
class MetricColumn:
    """One column of scores and how to interpret it."""

    name: str
    """Name of the column in records: ``butteraugli_3norm``."""
    title: str
    """Display name: ``Butteraugli 3-norm``."""
    description: str
    """Description for other programs to which the results are exported."""
    higher_is_better: bool
    targets: tuple[float, ...]
    """Scores at which sizes are compared unless others are requested, worst first."""
    usual_target: float
    """A score that represents good quality on the web, for uses that need a single one."""
    identical: float
    """Score of an identical image; may be infinite."""
    digits: int = 2
    """Number of decimals to show."""
    minimum: float | None = None
    """Lowest possible score; None if there is no bound."""
    maximum: float | None = None
    unit: str = ""
    quality_labels: QualityLabels | None = None
    codec_compare_name: str = ""
    """Name of the column in Google's codec-compare viewer, if it differs from ``name``."""

    def goodness(self, score: float) -> float:
        """``score`` on an axis that rises with quality."""
        return score if self.higher_is_better else -score

    def score(self, goodness: float) -> float:
        """The inverse of :meth:`goodness`, which is its own inverse."""
        return self.goodness(goodness)


@dataclass(frozen=True, slots=True)
class MetricFacts:
    """What is known about a metric without running it. Plain values, which results files store as JSON."""

    name: str
    """Name in studies and on the command line: ``ssimulacra2``; of a variant, ``butteraugli@203``."""
    title: str
    """Display name: ``SSIMULACRA2``."""
    version: str
    """Changes whenever the scores can change."""
    columns: tuple[MetricColumn, ...]
    """The columns of a record that it fills. Each has the name of the metric, or begins with its name and ``_``;
    a variant's have ``_203nits`` in place of ``@203``."""
    citation: str
    """Publication that defines the metric."""
    explanation: str
    """One or two sentences for readers of a report who do not know the metric; follows its title."""

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; an infinite score is text."""
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
            if (words := values.get("quality_labels")) is not None:
                steps = tuple((score, word, seen) for score, word, seen in words["steps"])
                word, seen = words["worse"]
                values["quality_labels"] = QualityLabels(steps, (word, seen), words["source"])
            columns.append(MetricColumn(**values))
        return cls(**_known(MetricFacts, document) | {"columns": tuple(columns)})


def _known(kind: type, document: Mapping[str, Any]) -> dict[str, Any]:
    """The members of ``document`` that are fields of the dataclass ``kind``."""
    names = {field.name for field in dataclasses.fields(kind)}
    return {name: value for name, value in document.items() if name in names}


@dataclass(frozen=True, slots=True)
class ToolCommand:
    """The command of one tool for one setting."""

    tool: str
    """``avifenc``, ``Pillow``, ``sharp``, ..."""
    text: str | None
    """The command line or code; None if the tool cannot do it."""
    note: str | None = None
    """What the text omits or does differently, or why there is none."""


@dataclass(frozen=True, slots=True)
class CommandTemplate:
    """The command of one tool for all levels of a variant."""

    setting: Setting
    """The part that the settings have in common: without the rate parameter, resolution and crop."""
    rate: str
    """Name of the rate parameter; empty if the setting has none."""
    tool: str
    text: str | None
    """The command, with ``{level}`` in place of the level."""
    note: str | None
    exceptions: tuple[tuple[str, tuple[str | None, str | None] | None], ...] = ()
    """Levels at which text and note differ from these, or at which the tool has no command (None)."""

    def at(self, level: int | float | None) -> ToolCommand | None:
        """The command at ``level`` (None if the setting has no rate parameter); None if there is no command."""
        number = "" if level is None else str(level)
        exceptions = dict(self.exceptions)
        if number in exceptions:
            other = exceptions[number]
            return None if other is None else ToolCommand(self.tool, *other)
        text = None if self.text is None else self.text.replace("{level}", number)
        return ToolCommand(self.tool, text, self.note)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; the inverse is :meth:`from_dict`."""
        return {
            "setting": json.loads(self.setting.canonical()),
            "rate": self.rate,
            "tool": self.tool,
            "text": self.text,
            "note": self.note,
            "exceptions": dict(self.exceptions),
        }

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Self:
        """The inverse of :meth:`to_dict`."""
        given = _known(cls, document)
        given["setting"] = Setting.of(**given["setting"])
        given["exceptions"] = tuple(
            (level, None if other is None else (other[0], other[1]))
            for level, other in given["exceptions"].items()
        )
        return cls(**given)


SCORE_TOLERANCE = 1e-3
"""Scores of the same bytes that differ by no more are equal: processors round differently."""


def score_to_json(score: float | None) -> float | str | None:
    """JSON has no infinity: an infinite score is the text ``inf`` or ``-inf``."""
    return str(score) if score is not None and math.isinf(score) else score


def score_from_json(value: Any) -> Any:
    """The inverse of :func:`score_to_json`."""
    return float(value) if value in ("inf", "-inf") else value


@dataclass(frozen=True, slots=True)
class Scores:
    """The scores of one metric for one encoded image."""

    values: dict[str, float]
    """Scores by column; empty if the metric does not apply to images of this size."""
    cpu_time: float
    """CPU seconds."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """A successful task. Times are in seconds, sizes in bytes and pixels."""

    file_size: int
    width: int
    height: int
    encoding_time: float
    encoding_cpu_time: float
    decoding_time: float
    decoding_cpu_time: float
    sha256: str | None
    """SHA-256 of the encoded file; None if unknown (the first schema of the store did not have it)."""
    scores: dict[str, Scores]
    """Scores by metric."""
    notes: tuple[str, ...] = ()
    encoding_peak_memory: int | None = None
    """Most resident memory in bytes of a program that encoded; None for encoders that run no program."""

    def has_bytes(self, size: int, sha256: str | None) -> bool:
        """Whether an encoded file has these bytes, as far as known: without a hash, only the size is compared."""
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
    """A failed task, and why it failed."""

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
