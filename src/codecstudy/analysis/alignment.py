"""Which images and variants of two results correspond to each other."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from codecstudy.analysis.points import Points, VariantPoints, collect
from codecstudy.analysis.sample import Sample
from codecstudy.analysis.variants import Variant
from codecstudy.analysis.wording import listed
from codecstudy.errors import ResultsError
from codecstudy.results import QualityRecord, QualityResults
from codecstudy.types import MetricColumn

Records = Mapping[Variant, Sequence[QualityRecord]]
"""The records of each variant of one side."""

MAX_NAMES = 3
"""Images and variants that a message names."""


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """BASE or HEAD."""

    name: str
    """``BASE`` or ``HEAD``."""
    points: Points
    records: Records

    @classmethod
    def of(cls, name: str, results: QualityResults) -> Side:
        """The measured points of ``results``, and the records of each variant, measured or not.

        Raises:
            ResultsError: If nothing was measured.
        """
        try:
            points = collect(results)
        except ResultsError as error:
            raise ResultsError(f"{name}: {error}") from None
        records: dict[Variant, list[QualityRecord]] = {}
        for record in results.measurements:
            records.setdefault(points.encoders.split(record.setting)[0], []).append(record)
        return cls(name, points, dict(sorted(records.items(), key=lambda item: item[0].order)))

    def only(self, variants: Sequence[Variant]) -> Side:
        """The same without the records of other variants."""
        return dataclasses.replace(self, records={v: self.records[v] for v in variants})

    def block(self, variant: Variant) -> VariantPoints | None:
        """The points of ``variant``; None if none of its tasks was measured."""
        return next((block for block in self.points.blocks if block.variant == variant), None)


@dataclass(frozen=True, slots=True)
class VariantPair:
    """A variant of BASE and the variant of HEAD that is compared with it."""

    base: Variant
    head: Variant

    @property
    def same(self) -> bool:
        """Whether both are the same variant, so that settings correspond."""
        return self.base == self.head

    @property
    def label(self) -> str:
        """Display name."""
        return self.head.label if self.same else f"{self.head.label} against {self.base.label}"


def shared_column(base: Side, head: Side, metric: str | None) -> MetricColumn:
    """The column to compare: the requested one, else SSIMULACRA2 or the first one that both sides have.

    Raises:
        ResultsError: If there is none.
    """
    if metric is None:
        ours, theirs = base.points.columns, head.points.columns
        shared = dataclasses.replace(base.points, columns={n: c for n, c in ours.items() if n in theirs})
        if not shared.columns:
            raise ResultsError(
                f"the two results have no metric in common: BASE has {', '.join(ours)}, HEAD has "
                f"{', '.join(theirs)}"
            )
        return shared.require()
    for side in (base, head):
        try:
            side.points.require(metric)
        except ResultsError as error:
            raise ResultsError(f"{side.name}: {error}") from None
    return base.points.require(metric)


def shared_variants(base: Side, head: Side) -> list[VariantPair]:
    """Every variant of which both sides have records, with itself.

    Raises:
        ResultsError: If there are none.
    """
    pairs = [VariantPair(v, v) for v in base.records if v in head.records]
    if not pairs:
        ours, theirs = (listed(tuple(v.label for v in side.records), MAX_NAMES) for side in (base, head))
        raise ResultsError(
            f"BASE and HEAD have no variant in common (BASE has {ours}; HEAD has {theirs}). To compare different "
            "variants, name one of each."
        )
    return pairs


def named_variants(base: Side, head: Side, base_name: str, head_name: str) -> list[VariantPair]:
    """The variants with these names, at each resolution and crop at which both sides have them.

    Args:
        base: The results to compare with.
        head: The results to judge.
        base_name: Label of a variant of BASE, or an encoder or format with a single variant.
        head_name: The same for HEAD.

    Raises:
        ResultsError: If a name fits no variant or several ones, or if they have no resolution in common.
    """
    ours, theirs = _named(base, base_name), _named(head, head_name)
    pairs = [VariantPair(b, h) for b in ours for h in theirs if b.scope == h.scope]
    if not pairs:
        raise ResultsError(
            f"{base_name!r} ({ours[0].scope.label}) and {head_name!r} ({theirs[0].scope.label}) were not encoded "
            "from the same pixels; compare variants of the same resolution and crop"
        )
    return pairs


def _named(side: Side, name: str) -> list[Variant]:
    variants = list(side.records)
    of_encoder = [v for v in variants if v.encoder == name]
    of_format = [v for v in variants if v.format == name]
    for found in (of_encoder, of_format):
        if len({v.family for v in found}) == 1:
            return found
    labelled = [v for v in variants if v.label == name]
    if labelled:
        return labelled
    if of_format or of_encoder:
        several = ", ".join(v.label for v in of_encoder or of_format)
        raise ResultsError(f"{side.name}: {name!r} fits several variants; give one of: {several}")
    known = ", ".join(v.label for v in variants)
    raise ResultsError(f"{side.name} has no variant {name!r}; give an encoder, a format or one of: {known}")


@dataclass(frozen=True, slots=True, eq=False)
class SharedImages:
    """The images of both sides."""

    names: tuple[str, ...]
    base_rows: NDArray[np.intp]
    """Index of each image in BASE's points."""
    head_rows: NDArray[np.intp]
    sample: Sample

    @classmethod
    def of(cls, base: Side, head: Side, changed: set[str]) -> SharedImages:
        """The images that both sides measured, without those whose content ``changed``.

        Raises:
            ResultsError: If there are none.
        """
        ours = {name: row for row, name in enumerate(base.points.images)}
        theirs = {name: row for row, name in enumerate(head.points.images)}
        names = [name for name in ours if name in theirs and name not in changed]
        if not names:
            raise ResultsError(_nothing_in_common(list(ours), list(theirs), changed))
        rows = [np.array([side[name] for name in names], dtype=np.intp) for side in (ours, theirs)]
        return cls(tuple(names), rows[0], rows[1], base.points.sample.select(rows[0]))


def _nothing_in_common(base: list[str], head: list[str], changed: set[str]) -> str:
    both = sorted(changed & set(base) & set(head))
    if both:
        return (
            f"BASE and HEAD have no image in common: {listed(tuple(both), MAX_NAMES)} have other contents in HEAD. "
            "Results are compared image by image, so measure the same files."
        )
    ours, theirs = (listed(tuple(names), MAX_NAMES) for names in (base, head))
    return (
        f"BASE and HEAD have no image in common (BASE has {ours}; HEAD has {theirs}). Results are "
        "compared image by image, by path within the dataset, so measure the same files."
    )
