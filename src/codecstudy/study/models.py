"""Studies: a question written as a file, and the settings that it describes.

A study with problems is refused when it is loaded, with all of them listed, instead of being measured with a part
of it ignored. Keys of older study files (``preprocessing``, ``$schema``) are read.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BeforeValidator,
    Field,
    GetPydanticSchema,
    SerializeAsAny,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)

from codecstudy import metrics
from codecstudy.codecs.command import Definition
from codecstudy.errors import MetricError, StudyError
from codecstudy.sampling import Order
from codecstudy.study.command_models import FOLDER
from codecstudy.study.encoder_models import EncoderConfig
from codecstudy.study.expansion import settings_of, wrong_settings
from codecstudy.study.files import read_study_file
from codecstudy.study.messages import (
    Part,
    Problem,
    ProblemsError,
    Text,
    fail,
    kind,
    report,
    translate,
)
from codecstudy.study.report_models import (
    AnalysisConfig,
    ComparisonConfig,
    check_analysis,
    check_comparison,
)
from codecstudy.study.sweeps import Lengths, list_of
from codecstudy.study.time_budget import parse_time_budget
from codecstudy.types import Setting

TIME_BUDGETS = 'seconds (3600), or text such as "90s", "30m", "1h30m", "2h15m30s"'


def _known_metric(name: Any) -> str:
    if not isinstance(name, str):
        raise fail(f"must be the name of a metric, not {kind(name)}")
    if name not in metrics.BUILT_IN:  # these are known without loading their kernels
        try:
            metrics.get(name)
        except MetricError as error:
            raise fail(str(error)) from None
    return name


_METRICS = (
    list_of(Annotated[str, BeforeValidator(_known_metric)], "Name a metric, or leave the key out") | None
)


def _seconds(value: Any) -> Any:
    if isinstance(value, str):
        return parse_time_budget(value)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    # The largest time is the largest float of whole seconds, which also excludes huge integers.
    if value is not None and not (is_number and 0 < value < 2**53):
        raise fail(
            f"{kind(value)} is not a valid time budget. Allowed: a number of seconds greater than zero, or text: "
            f"{TIME_BUDGETS}"
        )
    return value


_DURATION = r"^[0-9]+(\.[0-9]+)?$|^(?=.)([0-9]+h)?([0-9]+m)?([0-9]+s)?$"
_SECONDS_SCHEMA: dict[str, Any] = {
    "anyOf": [
        {"type": "number", "exclusiveMinimum": 0},
        {"type": "string", "pattern": _DURATION},
        {"type": "null"},
    ]
}


class DatasetConfig(Part):
    """The images that a study measures, and their order."""

    id: Text = Field(min_length=1, description="Dataset, as 'codecstudy datasets list' names it.")
    max_images: int | None = Field(
        None,
        ge=1,
        description="Maximum number of images; by default, all of them. Files with the same content count once.",
    )
    order: Order = Field(
        "hashed",
        description="hashed: random, with the same share of every folder at any time; name: sorted by path.",
    )
    seed: int = Field(0, description="A different seed gives a different sample; used with order hashed.")


class Preprocessing(Part):
    """The place of resolutions in older study files."""

    resize: Lengths = Field(
        None, description="Like resolution, for all encoders. Used by older files; write resolution instead."
    )


class StudyConfig(Part):
    """A validated study, created by :meth:`load` or :meth:`model_validate`; both raise StudyError."""

    schema_uri: Text | None = Field(
        None, alias="$schema", description="JSON Schema of study files, for editors; not used here."
    )
    id: str = Field(
        pattern="^[a-z0-9][a-z0-9_-]*$",
        description="Short name, used for folders: lower-case letters, digits, _ and -.",
    )
    name: Text = Field(
        default=None,
        validate_default=True,
        description="Display name; by default, the id.",
        json_schema_extra={"type": ["string", "null"]},
    )
    description: Text | None = Field(None, description="The question that the study answers.")
    time_budget: Annotated[float | None, BeforeValidator(_seconds), WithJsonSchema(_SECONDS_SCHEMA)] = Field(
        None, description=f"Wall-clock time after which no further image is started: {TIME_BUDGETS}."
    )
    dataset: DatasetConfig = Field(description="Source images.")
    preprocessing: Preprocessing | None = Field(None, description="Used by older study files.")
    encoders: tuple[SerializeAsAny[EncoderConfig], ...] = Field(description="Encoders and their sweeps.")
    metrics: Annotated[tuple[str, ...] | None, GetPydanticSchema(lambda _, handler: handler(_METRICS))] = (
        Field(None, description=f"Metrics to measure; by default, {', '.join(metrics.DEFAULT)}.")
    )
    analysis: AnalysisConfig | None = Field(None, description="Axes of an additional plot of the report.")
    comparison: ComparisonConfig | None = Field(None, description="Pictures of the report's gallery.")
    analysis_fragment_size: int | None = Field(
        None, ge=1, description="Side in pixels of the square that is scored in every crop."
    )
    crop_too_small_strategy: Literal["skip_image", "skip_measurement", "adjust_aspect_ratio"] | None = Field(
        None, description="What to do if that square does not fit into a crop."
    )

    @classmethod
    def load(cls, path: Path | str) -> Self:
        """Read a study file.

        Args:
            path: The file, in JSON or TOML according to its suffix.

        Raises:
            StudyError: The file cannot be read or is not a valid study. The message lists all problems, each with
                its place, the value and what is allowed.
        """
        path = Path(path)
        return cls._checked(read_study_file(path), str(path), context={FOLDER: path.absolute().parent})

    @classmethod
    def model_validate(cls, obj: Any, **options: Any) -> Self:
        """Validate a study given as keys and values; raises StudyError with the messages of :meth:`load`.

        Relative paths of programs belong to the working folder.
        """
        return cls._checked(obj, "study", **options)

    @classmethod
    def _checked(cls, document: object, source: str, **options: Any) -> Self:
        try:
            return super().model_validate(document, **options)
        except ValidationError as error:
            raise StudyError(report(source, translate(error, cls))) from None

    @field_validator("name", mode="before")
    @classmethod
    def _read_name(cls, value: object, info: ValidationInfo) -> object:
        return info.data.get("id", "") if value is None else value

    @field_validator("encoders", mode="before")
    @classmethod
    def _read_encoders(cls, value: object, info: ValidationInfo) -> object:
        if not isinstance(value, list | tuple):
            raise fail(f"must be a list of encoders, not {kind(value)}")
        if not value:
            raise fail("the list is empty, so nothing would be measured. Give at least one encoder")
        # One at a time, so that the valid ones are compared with each other even if others have problems.
        problems: list[Problem] = []
        valid: dict[int, EncoderConfig] = {}
        for i, entry in enumerate(value):
            try:
                valid[i] = EncoderConfig.model_validate(entry, context=info.context)
            except ValidationError as error:
                problems += (Problem((i, *p.place), p.message) for p in translate(error, EncoderConfig))
        problems += _different_definitions(valid)
        preprocessing = info.data.get("preprocessing")
        problems += wrong_settings(valid, preprocessing.resize if preprocessing else None)
        if problems:
            raise ProblemsError(problems)
        return tuple(valid.values())

    @field_validator("metrics")
    @classmethod
    def _check_metrics(cls, value: tuple[str, ...] | None, info: ValidationInfo) -> tuple[str, ...] | None:
        encoders: tuple[EncoderConfig, ...] = info.data.get("encoders", ())
        parameters = {
            p.name: facts.id for e in encoders for facts in [e.made_for.facts] for p in facts.parameters
        }
        problems = [
            Problem(
                (i,),
                f"{name} fills a column {column.name}, which is also the name of a parameter of encoder "
                f"{parameters[column.name]}. Leave one of the two out",
            )
            for i, name in enumerate(value or ())
            if name not in metrics.BUILT_IN
            for column in metrics.get(name).facts.columns
            if column.name in parameters
        ]
        if problems:
            raise ProblemsError(problems)
        return value

    @field_validator("analysis")
    @classmethod
    def _check_analysis(cls, value: AnalysisConfig | None, info: ValidationInfo) -> AnalysisConfig | None:
        # Without valid encoders, it is unknown which parameters there are.
        if value is not None and "encoders" in info.data:
            _refuse(check_analysis(value, info.data["encoders"]))
        return value

    @field_validator("comparison")
    @classmethod
    def _check_comparison(
        cls, value: ComparisonConfig | None, info: ValidationInfo
    ) -> ComparisonConfig | None:
        if value is not None and {"encoders", "metrics"} <= info.data.keys():
            measured = info.data["metrics"] or metrics.DEFAULT
            _refuse(check_comparison(value, info.data["encoders"], measured))
        return value

    @property
    def metric_names(self) -> tuple[str, ...]:
        """The metrics to measure."""
        return metrics.DEFAULT if self.metrics is None else self.metrics

    @property
    def definitions(self) -> tuple[Definition, ...]:
        """The encoders that the study defines itself."""
        return tuple(dict.fromkeys(e.definition for e in self.encoders if e.definition is not None))

    def settings(self) -> tuple[Setting, ...]:
        """All settings, without duplicates.

        Those of one size of the source are adjacent, so that only one prepared reference is in memory at a time:
        the original first, then resolutions and then crops from large to small. Within a size they are in the
        order of the file.
        """
        resize = self.preprocessing.resize if self.preprocessing else None
        every = itertools.chain.from_iterable(settings_of(encoder, resize) for encoder in self.encoders)
        return tuple(sorted(every, key=lambda s: (s.crop is not None, -(s.crop or s.resolution or math.inf))))

    def to_dict(self) -> dict[str, Any]:
        """The study with the keys of a study file, as plain JSON values; the inverse is ``model_validate``."""
        document = self.model_dump(mode="json", by_alias=True)
        others = (document[name] or {} for name in ("preprocessing", "analysis", "comparison"))
        defined = [e["command"] for e in document["encoders"] if "command" in e]
        defined += [p for e in document["encoders"] for p in e.get("parameters", {}).values()]
        parts = [document, document["dataset"], *document["encoders"], *defined, *others]
        for part in parts:
            for key in [key for key, value in part.items() if value is None]:
                del part[key]
        return document


def _different_definitions(entries: Mapping[int, EncoderConfig]) -> Iterator[Problem]:
    """Entries that define an encoder of the same name in another way than an earlier one."""
    first: dict[str, tuple[int, Definition]] = {}
    for i, entry in entries.items():
        if entry.definition is not None:
            j, known = first.setdefault(entry.definition.id, (i, entry.definition))
            if known != entry.definition:
                said = f"encoders[{j}] defines {known.id} in another way; give one of them another name"
                yield Problem((i, "encoder"), said)


def _refuse(problems: Iterable[Problem]) -> None:
    if found := list(problems):
        raise ProblemsError(found)
