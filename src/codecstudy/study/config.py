"""Studies: a question written as a file, and the settings that it spells out.

A study is refused when it is loaded, with every problem that it has, rather than measured with a part of it
ignored. Keys of older study files (``preprocessing``, ``analysis``, ``comparison``, ``$schema``) are read.
"""

from __future__ import annotations

import itertools
import math
import re
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, SerializeAsAny, ValidationError, ValidationInfo, field_validator

from codecstudy import metrics
from codecstudy.errors import MetricError, StudyError
from codecstudy.sampling import Order
from codecstudy.study.encoders import EncoderConfig, read_encoders
from codecstudy.study.files import read_study_file
from codecstudy.study.problems import (
    Part,
    Problem,
    ProblemsError,
    Text,
    fail,
    is_text,
    kind,
    report,
    show,
    translate,
)
from codecstudy.study.sweeps import Lengths, read_lengths
from codecstudy.study.time_budget import parse_time_budget
from codecstudy.types import Setting

TIME_BUDGETS = 'seconds (3600), or text such as "90s", "30m", "1h30m", "2h15m30s"'

ID_PATTERN = "[a-z0-9][a-z0-9_-]*"


class DatasetConfig(Part):
    """Which images a study measures, and in which order."""

    id: Text = Field(min_length=1, description="Dataset, as 'codecstudy datasets list' names it.")
    max_images: int | None = Field(
        None, ge=1, description="At most this many images; all of them without it."
    )
    order: Order = Field(
        "hashed", description="hashed: a random sample, stable while the dataset grows; name: sorted by path."
    )
    seed: int = Field(0, description="Another seed gives another sample; used with order hashed.")


class Preprocessing(Part):
    """Where older study files hold their resolutions."""

    resize: Lengths = Field(
        None, description="As resolution, for all encoders. Older files have it; write resolution instead."
    )

    @field_validator("resize", mode="before")
    @classmethod
    def _read_resize(cls, value: object) -> Any:
        return read_lengths(value)


class StudyConfig(Part):
    """A study, checked. Two ways in, :meth:`load` and :meth:`model_validate`; both raise StudyError."""

    schema_uri: Text | None = Field(
        None, alias="$schema", description="JSON Schema of study files, for editors; not used here."
    )
    id: str = Field(description="Short name, used for folders: small letters, digits, _ and -.")
    name: Text = Field(default=None, validate_default=True, description="Name for people; the id without it.")
    description: Text | None = Field(None, description="Which question the study answers.")
    time_budget: float | None = Field(
        None,
        gt=0,
        description=f"Wall-clock time after which no further image is started: {TIME_BUDGETS}.",
    )
    dataset: DatasetConfig = Field(description="Source images.")
    preprocessing: Preprocessing | None = Field(None, description="Of older study files.")
    encoders: tuple[SerializeAsAny[EncoderConfig], ...] = Field(description="Codecs and their sweeps.")
    metrics: tuple[str, ...] | None = Field(
        None, description=f"Metrics to measure; without it {', '.join(metrics.BUILT_IN)}."
    )
    analysis: dict[str, Any] | None = Field(
        None, description="Of older study files: which parameters the plots show (x_axis, group_by)."
    )
    comparison: dict[str, Any] | None = Field(
        None, description="Of older study files: which tiles are compared at which targets."
    )
    analysis_fragment_size: int | None = Field(
        None, ge=1, description="Side in pixels of the square that is scored in every crop."
    )
    crop_too_small_strategy: Literal["skip_image", "skip_measurement", "adjust_aspect_ratio"] | None = Field(
        None, description="What happens where that square does not fit a crop."
    )

    @classmethod
    def load(cls, path: Path | str) -> Self:
        """Read a study file, JSON or TOML by its suffix.

        Raises :class:`codecstudy.errors.StudyError` where the file cannot be read or is no valid study; the
        message holds all problems, each with its place, the value and what is allowed.
        """
        path = Path(path)
        return cls._checked(read_study_file(path), str(path))

    @classmethod
    def model_validate(cls, obj: Any, **options: Any) -> Self:
        """Check a study given as keys and values; raises StudyError in the words of :meth:`load`."""
        return cls._checked(obj, "study", **options)

    @classmethod
    def _checked(cls, document: object, source: str, **options: Any) -> Self:
        try:
            return super().model_validate(document, **options)
        except ValidationError as error:
            raise StudyError(report(source, translate(error, cls))) from None

    @field_validator("id")
    @classmethod
    def _read_id(cls, value: str) -> str:
        if not re.fullmatch(ID_PATTERN, value):
            raise fail(
                f"{show(value)} is not allowed. Allowed: small letters, digits, _ and -, the first one "
                "a letter or digit"
            )
        return value

    @field_validator("name", mode="before")
    @classmethod
    def _read_name(cls, value: object, info: ValidationInfo) -> object:
        return info.data.get("id", "") if value is None else value

    @field_validator("time_budget", mode="before")
    @classmethod
    def _read_time_budget(cls, value: object) -> object:
        if value is None:
            return None
        if isinstance(value, str):
            return parse_time_budget(value)
        # Longest span: what a float holds of whole seconds, which also keeps huge integers out.
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 2**53:
            raise fail(
                f"{kind(value)} is no time budget. Allowed: a number of seconds above zero, or text: "
                f"{TIME_BUDGETS}"
            )
        return value

    @field_validator("encoders", mode="before")
    @classmethod
    def _read_encoders(cls, value: object, info: ValidationInfo) -> object:
        preprocessing = info.data.get("preprocessing")
        return read_encoders(value, preprocessing.resize if preprocessing else None)

    @field_validator("metrics", mode="before")
    @classmethod
    def _read_metrics(cls, value: object) -> object:
        if value is None:
            return None
        if not isinstance(value, list | tuple):
            raise fail(f"must be a list of metrics, not {kind(value)}")
        if not value:
            raise fail(
                "the list is empty, so that nothing would be measured. Name a metric, or leave the key out"
            )
        problems = [
            Problem((i,), problem) for i, name in enumerate(value) if (problem := _wrong_metric(name))
        ]
        if not problems:
            repeated = [i for i, name in enumerate(value) if name in value[:i]]
            problems = [
                Problem((i,), f"{show(value[i])} is given twice; remove one of them") for i in repeated
            ]
        if problems:
            raise ProblemsError(problems)
        return tuple(value)

    @field_validator("analysis", "comparison", mode="before")
    @classmethod
    def _read_free_part(cls, value: object) -> object:
        return _plain(value)

    @property
    def metric_names(self) -> tuple[str, ...]:
        """The metrics that are measured."""
        return metrics.BUILT_IN if self.metrics is None else self.metrics

    def settings(self) -> tuple[Setting, ...]:
        """All settings, no two alike.

        Those of one size of the source stand together, so that one prepared reference is alive at a time: the
        original first, then resolutions and then crops from large to small. Within a size they stand as in
        the file.
        """
        resize = self.preprocessing.resize if self.preprocessing else None
        every = itertools.chain.from_iterable(encoder.settings(resize) for encoder in self.encoders)
        return tuple(sorted(every, key=lambda s: (s.crop is not None, -(s.crop or s.resolution or math.inf))))

    def to_dict(self) -> dict[str, Any]:
        """The study with the keys of a study file, as plain JSON values; ``model_validate`` takes it back."""
        document = self.model_dump(mode="json", by_alias=True)
        parts = [document, document["dataset"], *document["encoders"], document["preprocessing"] or {}]
        for part in parts:
            for key in [key for key, value in part.items() if value is None]:
                del part[key]
        return document


def _wrong_metric(name: object) -> str | None:
    if not isinstance(name, str):
        return f"must be the name of a metric, not {kind(name)}"
    if name in metrics.BUILT_IN:  # known without loading their kernels
        return None
    try:
        metrics.get(name)
    except MetricError as error:
        return str(error)
    return None


def _plain(value: object, *place: str | int) -> Any:
    """A copy of a free part of a study, which must be JSON values so that results can hold it."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, str) and is_text(value):
        return value
    if isinstance(value, list | tuple):
        return [_plain(item, *place, i) for i, item in enumerate(value)]
    if isinstance(value, dict):
        return {str(key): _plain(item, *place, str(key)) for key, item in value.items()}
    raise fail(f"must be text, a number, true, false, null, a list or an object, not {kind(value)}", *place)
