"""The parts of a study that say what its report shows: the axes of a plot, and the pictures of the gallery."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from typing import Annotated, Any

from pydantic import AfterValidator, Field, FiniteFloat, ValidationInfo, field_validator

from codecstudy import metrics
from codecstudy.errors import did_you_mean
from codecstudy.results import BITS_PER_PIXEL, SCORE_COLUMNS
from codecstudy.study.encoder_models import EncoderConfig
from codecstudy.study.messages import Part, Problem, Text, fail, show

_OF_EVERY_SETTING = ("format", "encoder", "resolution", "crop")
"""What distinguishes settings besides the parameters of their encoders."""


def _not_empty(values: tuple[Any, ...]) -> tuple[Any, ...]:
    if not values:
        raise fail("the list is empty. Give one value or more, or leave the key out")
    return values


def _list_of(value: Any) -> Any:
    extra: dict[str, Any] = {"minItems": 1}
    return Annotated[
        tuple[value, ...], Field(strict=False, json_schema_extra=extra), AfterValidator(_not_empty)
    ]


_Texts = _list_of(Text)
_Numbers = _list_of(FiniteFloat)


class AnalysisConfig(Part):
    """The axes of an additional plot of the report."""

    x_axis: Text | None = Field(
        None, description="Parameter on the x axis: quality, speed, format, ...; by default, quality."
    )
    group_by: Text | None = Field(
        None, description="Parameter with one line per value, and per encoder; by default, format."
    )

    @field_validator("group_by")
    @classmethod
    def _another(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None and value == (info.data.get("x_axis") or "quality"):
            raise fail(f"{show(value)} is already the x axis; name another parameter")
        return value


class TargetConfig(Part):
    """Values of one metric at which the gallery compares pictures."""

    metric: Text = Field(
        description="Column of scores, such as ssimulacra2 or butteraugli_3norm, or bits_per_pixel."
    )
    values: _Numbers = Field(description="Values to compare at.")  # type: ignore[valid-type]

    @field_validator("values")
    @classmethod
    def _positive_sizes(cls, values: tuple[float, ...], info: ValidationInfo) -> tuple[float, ...]:
        if info.data.get("metric") == BITS_PER_PIXEL:
            for i, value in enumerate(values):
                if value <= 0:
                    raise fail(f"{show(value)} is out of range. Allowed: more than 0", i)
        return values


class ComparisonConfig(Part):
    """The pictures of the report's gallery."""

    targets: Annotated[
        tuple[TargetConfig, ...] | None,
        Field(strict=False),
        AfterValidator(lambda value: value and _not_empty(value)),
    ] = Field(
        None,
        description="Scores and sizes at which pictures are compared, after the target of the report: a list of "
        "{ metric, values }.",
    )
    tile_parameter: Text | None = Field(
        None,
        description="Parameter of which every value is shown, all others being equal: speed, effort, "
        "chroma_subsampling, crop, ...; by default, format.",
    )
    exclude_images: _Texts | None = Field(  # type: ignore[valid-type]
        None,
        description="Images that the gallery leaves out: file names, or paths below the dataset's folder.",
    )
    source_image: Text | None = Field(
        None, description="The only image of the gallery: a file name, or a path below the dataset's folder."
    )

    @field_validator("source_image")
    @classmethod
    def _not_excluded(cls, value: str | None, info: ValidationInfo) -> str | None:
        excluded = info.data.get("exclude_images") or ()
        if value is not None and {value, PurePosixPath(value).name} & {*excluded}:
            raise fail(f"{show(value)} is also in exclude_images; remove it there, or name another image")
        return value


def check_analysis(analysis: AnalysisConfig, encoders: Iterable[EncoderConfig]) -> Iterator[Problem]:
    """The axes that no setting of these encoders can have."""
    known = _parameters(encoders)
    for key, value in (("x_axis", analysis.x_axis), ("group_by", analysis.group_by)):
        if value is not None and value not in known:
            yield Problem((key,), _not_a_parameter(value, known))


def check_comparison(
    comparison: ComparisonConfig, encoders: Iterable[EncoderConfig], measured: Iterable[str]
) -> Iterator[Problem]:
    """The targets of metrics that are not measured, and a tile parameter that these encoders do not have.

    Args:
        comparison: The part to check.
        encoders: Encoders of the study.
        measured: Names of the metrics of the study.
    """
    encoders = tuple(encoders)
    rates = {rate.name for entry in encoders for rate in entry.made_for.facts.rates}
    tile = comparison.tile_parameter
    if tile in rates:
        yield Problem(
            ("tile_parameter",),
            f"{show(tile)} sets the size and the score, and pictures are compared at the same size or score. "
            "Name another parameter, and give scores or sizes in targets",
        )
    elif tile is not None and tile not in (known := _parameters(encoders)):
        yield Problem(("tile_parameter",), _not_a_parameter(tile, [k for k in known if k not in rates]))
    if comparison.targets:
        columns = [*_columns(measured), BITS_PER_PIXEL]
        for i, target in enumerate(comparison.targets):
            if target.metric not in columns:
                yield Problem(
                    ("targets", i, "metric"),
                    f"{show(target.metric)} is not measured by this study"
                    f"{did_you_mean(target.metric, columns)} Allowed: {', '.join(columns)}",
                )


def _parameters(encoders: Iterable[EncoderConfig]) -> list[str]:
    facts = [entry.made_for.facts for entry in encoders]
    declared = [p.name for one in facts for p in (*one.parameters, *one.extra_parameters)]
    return list(dict.fromkeys([*declared, *_OF_EVERY_SETTING]))


def _not_a_parameter(name: str, known: list[str]) -> str:
    return (
        f"{show(name)} is not a parameter of the encoders of this study{did_you_mean(name, known)} "
        f"Allowed: {', '.join(known)}"
    )


def _columns(names: Iterable[str]) -> Iterator[str]:
    for name in names:
        if name in metrics.DEFAULT:  # without loading their kernels
            yield from (c for c in SCORE_COLUMNS if c == name or c.startswith(f"{name}_"))
        else:
            yield from (column.name for column in metrics.get(name).facts.columns)
