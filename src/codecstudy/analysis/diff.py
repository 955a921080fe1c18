"""Compare HEAD with BASE, image by image: did files, scores or times get worse?

Two results of the same images, or two variants of one: at the same score on each image (*matched*), and at each
setting that both have (*fixed*). The statistics are in :mod:`codecstudy.analysis.verdicts`, what is compared in
:mod:`codecstudy.analysis.changes`, and what cannot be compared in :mod:`codecstudy.analysis.problems`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from codecstudy.analysis.alignment import (
    SharedImages,
    Side,
    VariantPair,
    named_variants,
    shared_column,
    shared_variants,
)
from codecstudy.analysis.changes import (
    TIMES,
    AtTargets,
    Change,
    Quantity,
    at_settings,
    lossless_problems,
)
from codecstudy.analysis.comparison import Comparison, Gate, Margins, compare
from codecstudy.analysis.matched import MIN_REACHED
from codecstudy.analysis.problems import (
    Problem,
    ProblemGroup,
    grouped,
    record_problems,
    source_problems,
    variant_problems,
)
from codecstudy.errors import ResultsError
from codecstudy.results import USUAL_METRIC, QualityResults

At = Literal["matched", "fixed", "both"]

DEFAULT_TOLERANCE = 0.01
USUAL_TARGETS = {USUAL_METRIC: (50.0, 70.0, 80.0, 90.0)}
"""Scores at which sizes are compared by default; for other metrics, their usual targets."""


@dataclass(frozen=True, slots=True)
class Diff:
    """What changed from BASE to HEAD."""

    gate: Gate
    metric: str
    targets: tuple[float, ...]
    """Scores at which sizes were compared: by default, those that both sides reach."""
    tolerance: float
    score_tolerance: float
    max_time_growth: float | None
    """None if times were not compared."""
    images: int
    """Images that both sides have."""
    comparisons: tuple[Comparison, ...]
    """By variant; matched before fixed."""
    problems: tuple[Problem, ...]
    versions: dict[str, tuple[str | None, str | None]]
    """Tools whose versions differ: name to (version in BASE, version in HEAD)."""
    notes: tuple[str, ...]
    """What a reader should know about the two results."""

    @property
    def problem_groups(self) -> tuple[ProblemGroup, ...]:
        """The problems by kind, side and reason."""
        return grouped(self.problems)

    @property
    def failed(self) -> bool:
        """Whether a comparison fails the gate or something could not be compared."""
        return bool(self.problems) or any(c.fails for c in self.comparisons)

    @property
    def exit_code(self) -> int:
        """1 if the gate failed, else 0."""
        return int(self.failed)


def diff(
    base: QualityResults,
    head: QualityResults,
    metric: str | None = None,
    targets: Sequence[float] | None = None,
    tolerance: float = DEFAULT_TOLERANCE,
    *,
    gate: Gate = "corpus",
    at: At | None = None,
    score_tolerance: float | None = None,
    max_time_growth: float | None = None,
    base_variant: str | None = None,
    head_variant: str | None = None,
) -> Diff:
    """Compare two results of the same images, or two variants.

    Images are matched by path and must have the same content; variants are matched by all their parameters, unless
    ``base_variant`` and ``head_variant`` name them. Every failed record is a problem. So is every record that only
    one side has, and every image that reaches a target in BASE but misses it in HEAD by more than
    ``score_tolerance``. Tasks that both sides skipped (an image smaller than the resolution) are ignored.

    Args:
        base: The results to compare with.
        head: The results to judge.
        metric: Column of the results. The default is SSIMULACRA2, or the first metric that both sides measured.
        targets: Scores at which sizes are compared. The default is those of :data:`USUAL_TARGETS` (or the metric's
            usual ones) that at least 90 % of the images reach on both sides, for each variant; if HEAD scores too
            low for one that BASE reaches, it is a problem.
        tolerance: Share of size, 0 to 1: 0.01 allows HEAD to be 1 % larger.
        gate: ``corpus`` judges these images. Encoders make the same files again, so that sizes and scores have no
            sampling error, and growth beyond the tolerance fails; times are judged as with ``population``.
            ``population`` judges other images like these, and what is significantly worse fails. With
            ``equivalence``, everything fails that is not significantly equivalent or better.
        at: ``matched`` compares sizes at the same score, ``fixed`` sizes and scores at each setting that both sides
            have, ``both`` does both, and a setting that only one side has is a problem. None does both where
            possible.
        score_tolerance: How much worse scores may be at a setting, in units of the metric. The default is
            ``tolerance`` x the metric's usual target: 0.8 for SSIMULACRA2.
        max_time_growth: How much CPU times of encoding and decoding may grow, as a share. None leaves them out.
            They are compared at the settings that both sides have, or at the targets if there are none.
        base_variant: A variant of BASE to compare with ``head_variant``: its label, or an encoder or format with
            a single variant. Both or neither must be given.
        head_variant: The same for HEAD.

    Raises:
        ResultsError: If a side has no measurements or no score of ``metric``, if they have no image in common, if
            the metric or a variant is unknown, or if a number is out of range.
    """
    ours, theirs = Side.of("BASE", base), Side.of("HEAD", head)
    scale = shared_column(ours, theirs, metric)
    allowed = tolerance * abs(scale.usual_target) if score_tolerance is None else score_tolerance
    _check(gate, at, tolerance, allowed, max_time_growth)
    if base_variant is None and head_variant is None:
        pairs, problems = shared_variants(ours, theirs), variant_problems(ours, theirs)
    elif base_variant is None or head_variant is None:
        raise ResultsError("to compare two variants, name both: one of BASE and one of HEAD")
    else:
        pairs, problems = named_variants(ours, theirs, base_variant, head_variant), []
        ours, theirs = ours.only([p.base for p in pairs]), theirs.only([p.head for p in pairs])
        if at in ("fixed", "both") and not all(pair.same for pair in pairs):
            raise ResultsError(
                f"{base_variant!r} and {head_variant!r} are different variants, which have no setting in common; "
                "compare them at the same score (matched)"
            )
    sources = source_problems(ours, theirs)
    images = SharedImages.of(ours, theirs, {p.image for p in sources if p.kind == "source-changed"})
    wanted = USUAL_TARGETS.get(scale.name, scale.targets) if targets is None else targets
    matched = AtTargets(ours, theirs, images, scale, tuple(dict.fromkeys(wanted)))
    margins = Margins(tolerance, allowed, max_time_growth)
    search = _Search(ours, theirs, matched, margins, at, targets is not None)
    for pair in pairs:
        search.add(pair)
    comparisons = compare(search.changes, images, scale, margins, gate)
    return Diff(
        gate=gate,
        metric=scale.name,
        targets=tuple(t for t in matched.targets if any(c.target == t for c in comparisons)),
        tolerance=tolerance,
        score_tolerance=allowed,
        max_time_growth=max_time_growth,
        images=len(images.names),
        comparisons=comparisons,
        problems=(*problems, *sources, *search.problems, *_unmeasured(comparisons)),
        versions=_versions(base, head),
        notes=(*search.notes, *_notes(ours, theirs, pairs, (base, head), max_time_growth is not None)),
    )


def _check(
    gate: str, at: str | None, tolerance: float, score_tolerance: float, max_time_growth: float | None
) -> None:
    if gate not in get_args(Gate):
        raise ResultsError(f"unknown gate {gate!r}; give one of {', '.join(get_args(Gate))}")
    if at is not None and at not in get_args(At):
        raise ResultsError(f"unknown kind of comparison {at!r}; give one of {', '.join(get_args(At))}")
    if not 0 <= tolerance < 1:
        raise ResultsError(f"tolerance must be at least 0 and below 1 (a share of size), not {tolerance}")
    if not 0 <= score_tolerance < math.inf:
        raise ResultsError(f"the tolerance of scores must be a number of at least 0, not {score_tolerance}")
    if max_time_growth is not None and not 0 <= max_time_growth < math.inf:
        raise ResultsError(f"the growth of times must be a number of at least 0, not {max_time_growth}")


class _Search:
    """Collects what can be compared, and what cannot."""

    def __init__(
        self, base: Side, head: Side, matched: AtTargets, margins: Margins, at: At | None, explicit: bool
    ) -> None:
        self.changes: list[Change] = []
        self.problems: list[Problem] = []
        self.notes: list[str] = []
        self._base, self._head, self._matched = base, head, matched
        self._margins, self._at, self._explicit = margins, at, explicit

    def add(self, pair: VariantPair) -> None:
        """Add the changes and the problems of ``pair``."""
        every_setting = self._at in ("fixed", "both")
        self.problems += record_problems(self._base, self._head, pair, every_setting=every_setting)
        if self._base.block(pair.base) is None or self._head.block(pair.head) is None:
            return  # all its records failed
        targets, lost = ([], []) if self._at == "fixed" else self._at_targets(pair)
        settings = [] if self._at == "matched" else self._at_settings(pair)
        self.changes += [self._matched.size(pair, t) for t in targets]
        if not settings and self._margins.time is not None:
            self.changes += [self._matched.time(pair, name, t) for name in TIMES for t in targets]
        self.changes += settings
        self.problems += lost
        if not (targets or settings or lost):
            self.problems.append(Problem("not-compared", "both", "", pair.label, self._why_nothing()))

    def _at_targets(self, pair: VariantPair) -> tuple[list[int], list[Problem]]:
        """Indices of the targets to compare at, and the images that HEAD no longer brings to them."""
        both, base = self._matched.reached_by_both(pair), self._matched.reached_by_base(pair)
        compared = list(range(len(self._matched.targets))) if self._explicit else both
        lost: list[Problem] = []
        for t in compared if self._explicit else base:
            # Of a target that is not compared, every lost image is told, however near it is.
            slack = self._margins.score if t in compared else -math.inf
            found = self._matched.lost(pair, t, slack, too_good=self._explicit)
            if not found and t not in compared:
                target = f"{self._matched.scale.title} {self._matched.targets[t]:g}"
                self.notes.append(
                    f"{pair.label}: not compared at {target}: HEAD has measured scores on both sides of it on less "
                    f"than {MIN_REACHED:.0%} of the images"
                )
            lost += found
        return compared, lost

    def _at_settings(self, pair: VariantPair) -> list[Change]:
        before, after = self._base.block(pair.base), self._head.block(pair.head)
        if not pair.same or before is None or after is None:
            return []
        quantities: tuple[Quantity, ...] = ("size", "score", *(() if self._margins.time is None else TIMES))
        images, scale = self._matched.images, self._matched.scale
        found = list(at_settings(before, after, images, scale, quantities))
        for change in found:
            if change.quantity == "score":
                self.problems += lossless_problems(change, images)
        return found

    def _why_nothing(self) -> str:
        if self._at == "fixed":
            return "BASE and HEAD have no setting in common"
        title = self._matched.scale.title
        reached = f"no usual {title} target is reached on both sides by {MIN_REACHED:.0%} of the images"
        return f"{reached}; give one" if self._at == "matched" else f"{reached}, and no setting is shared"


def _unmeasured(comparisons: Sequence[Comparison]) -> list[Problem]:
    """A problem for every comparison that no image has both values of."""
    return [
        Problem("not-compared", "both", "", c.label, c.reason or "") for c in comparisons if c.change is None
    ]


def _notes(
    base: Side, head: Side, pairs: Sequence[VariantPair], runs: Sequence[QualityResults], times: bool
) -> tuple[str, ...]:
    notes = [
        f"{side} is {part}"
        for side, one in zip(("BASE", "HEAD"), runs, strict=True)
        if (part := one.run.part_of_sample)
    ]
    for pair in pairs:
        before, after = base.block(pair.base), head.block(pair.head)
        if pair.same and before and after and pair.base.axis.name:
            ours, theirs = (set(block.levels.tolist()) for block in (before, after))
            for side, alone in (("BASE", ours - theirs), ("HEAD", theirs - ours)):
                if alone:
                    levels = ", ".join(f"{level:g}" for level in sorted(alone))
                    notes.append(f"{pair.label}: only {side} was measured at {pair.base.axis.name} {levels}")
    machines = [f"{results.run.cpu}, {results.run.os}" for results in runs]
    if times:
        of = zip(("BASE", "HEAD"), runs, strict=True)
        notes += [f"{side}: {said}" for side, one in of if (said := one.run.times_of)]
    if times and machines[0] != machines[1]:
        notes.append(f"times are from different machines: {machines[0]} and {machines[1]}")
    return tuple(notes)


def _versions(base: QualityResults, head: QualityResults) -> dict[str, tuple[str | None, str | None]]:
    names = sorted({*base.tool_versions, *head.tool_versions})
    both = {name: (base.tool_versions.get(name), head.tool_versions.get(name)) for name in names}
    return {name: versions for name, versions in both.items() if versions[0] != versions[1]}
