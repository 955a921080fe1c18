"""What each encoder was asked to do, its threads and its memory, as the records have them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import polars as pl

from codecstudy.analysis.encoders import Encoders
from codecstudy.analysis.frame import setting_of
from codecstudy.analysis.points import Points
from codecstudy.analysis.variants import Scope
from codecstudy.results import QualityResults, setting_columns
from codecstudy.types import Scalar, Setting, plain

SEVERAL_THREADS = 1.2
"""CPU time over wall-clock time from which on an encoder is said to use several threads."""

_LISTED = 4
"""Most values of an option that are listed one by one."""

Values = dict[str, set[Scalar]]
"""The values of each option."""


@dataclass(frozen=True, slots=True)
class EncoderOptions:
    """The options in effect, including defaults; encoders of files of older versions have none."""

    by_encoder: Mapping[str, Values]
    by_family: Mapping[str, Values]
    """By :attr:`codecstudy.analysis.variants.Variant.family`."""
    encoders: Encoders

    @classmethod
    def of(cls, results: QualityResults) -> EncoderOptions:
        """The options of the records of ``results``."""
        columns = setting_columns(results.measurements)
        encoders = Encoders.of(results)
        # One row per setting, made where the records are read: a million records have a million texts.
        rows = results.select(pl.struct(*columns, "encoder_options").unique().alias("row"))["row"]
        by_encoder: dict[str, Values] = {}
        by_family: dict[str, Values] = {}
        for row in rows.to_list():
            setting = setting_of(row, columns)
            family = encoders.split(setting)[0].family
            for name, value in json.loads(row["encoder_options"] or "{}").items():
                for found in (
                    by_encoder.setdefault(setting.encoder, {}),
                    by_family.setdefault(family, {}),
                ):
                    found.setdefault(name, set()).add(value)
        return cls(by_encoder, by_family, encoders)

    def at(self, setting: Setting) -> str:
        """The options at a setting, other than its rate parameter: ``depth 8, progressive false``.

        A setting between measured levels has those of the measured ones.
        """
        variant = self.encoders.split(setting)[0]
        found = self.by_family.get(variant.family, {})
        return ", ".join(
            f"{name} {plain(next(iter(values)))}"
            for name, values in sorted(found.items())
            if len(values) == 1 and name != variant.axis.name
        )

    def of_encoder(self, encoder: str) -> tuple[str, str]:
        """The options that all records of an encoder share, and those that differ, with their values."""
        found = sorted(self.by_encoder.get(encoder, {}).items())
        same = [f"{name} {_values(values)}" for name, values in found if len(values) == 1]
        swept = [f"{name} {_values(values)}" for name, values in found if len(values) > 1]
        return ", ".join(same), "; ".join(swept)


def _values(values: set[Scalar]) -> str:
    """``4, 6`` or ``30 to 95 (14 values)``."""
    numbers = [v for v in values if isinstance(v, int | float) and not isinstance(v, bool)]
    if len(values) > _LISTED and len(numbers) == len(values):
        return f"{min(numbers)} to {max(numbers)} ({len(values)} values)"
    texts = sorted(plain(v) for v in values if isinstance(v, bool | str))
    return ", ".join([*map(plain, sorted(numbers)), *texts])


def encoding_threads(points: Points, scope: Scope | None = None) -> dict[str, float]:
    """Threads that each encoder used on average: CPU time over wall-clock time of all its encodes.

    Args:
        points: The measured points.
        scope: Only those of this scope; None for all.

    Returns:
        By encoder; encoders without times are left out.
    """
    sums: dict[str, list[float]] = {}
    for block in points.blocks:
        if scope is not None and block.variant.scope != scope:
            continue
        cpu, wall = block.times["encode_cpu"], block.times["encode_wall"]
        known = (cpu >= 0) & (wall > 0)
        total = sums.setdefault(block.variant.encoder, [0.0, 0.0])
        total[0] += float(cpu[known].sum())
        total[1] += float(wall[known].sum())
    return {encoder: cpu / wall for encoder, (cpu, wall) in sums.items() if wall}


def threaded(points: Points, encoders: Iterable[str], scope: Scope) -> dict[str, float]:
    """Those of ``encoders`` that used several threads, with their number."""
    known = encoding_threads(points, scope)
    return {name: known[name] for name in encoders if known.get(name, 0.0) > SEVERAL_THREADS}


def peak_memory(results: QualityResults) -> dict[str, tuple[int, int]]:
    """Smallest and largest peak memory of the programs that encoded, in bytes, by encoder."""
    memory = pl.col("encoding_peak_memory")
    rows = (
        results.select("encoder", memory)
        .drop_nulls()
        .group_by("encoder", maintain_order=True)
        .agg(low=memory.min(), high=memory.max())
    )
    return {encoder: (low, high) for encoder, low, high in rows.iter_rows()}
