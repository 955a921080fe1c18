"""Compare two runs of a study, per image at matched quality: did anything get worse?"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl

from codecstudy.analysis.bootstrap import DEFAULT_RESAMPLES, DEFAULT_SEED, Estimate, Resamples, spread
from codecstudy.analysis.curves import fit
from codecstudy.analysis.matched import Matched, match
from codecstudy.analysis.points import Points, collect
from codecstudy.analysis.sensitivity import ImageRatio
from codecstudy.analysis.variants import Variant
from codecstudy.errors import ResultsError
from codecstudy.results import QualityResults, setting_columns, setting_of
from codecstudy.types import Floats, MetricColumn

Verdict = Literal["worse", "better", "same", "unknown"]
ProblemKind = Literal["missing", "failed", "source-changed", "not-reached"]

DEFAULT_TOLERANCE = 0.01


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that could not be compared: an error, never skipped silently."""

    kind: ProblemKind
    side: Literal["base", "head", "both"]
    """The side on which the record is missing or failed, or the target is not reached."""
    image: str
    setting: str
    """Label of the setting; of the variant for ``not-reached``; empty for ``source-changed``."""
    detail: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """HEAD compared with BASE for one variant at one score."""

    variant: Variant
    target: float
    verdict: Verdict
    """``worse``: the whole interval of the ratio is above 1 + tolerance. ``better``: the whole interval is below
    1 - tolerance. ``same``: neither, so no difference beyond the tolerance is certain. ``unknown``: there is no
    interval (see ``reason``); counts as an error."""
    ratio: Estimate | None
    """Geometric mean over images of HEAD's size / BASE's size."""
    p5: float | None
    p95: float | None
    larger_share: float | None
    """Share of resamples, 0 to 1, in which HEAD is larger on average."""
    images: int
    only_base: int
    """Images that reach the score only in BASE: each is a problem of kind ``not-reached``."""
    only_head: int
    neither: int
    worst: ImageRatio | None
    """The image that grew most."""
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Diff:
    """What changed from BASE to HEAD."""

    metric: str
    targets: tuple[float, ...]
    tolerance: float
    comparisons: tuple[Comparison, ...]
    """By variant, then target."""
    problems: tuple[Problem, ...]
    versions: dict[str, tuple[str | None, str | None]]
    """Tools whose versions differ: name to (version in BASE, version in HEAD)."""

    @property
    def worse(self) -> bool:
        """Whether any variant is worse by more than the tolerance, statistically."""
        return any(c.verdict == "worse" for c in self.comparisons)

    @property
    def exit_code(self) -> int:
        """1 if HEAD is worse or if anything could not be compared, else 0."""
        unknown = any(c.verdict == "unknown" for c in self.comparisons)
        return int(self.worse or unknown or bool(self.problems))


def diff(
    base: QualityResults,
    head: QualityResults,
    metric: str | None = None,
    targets: Sequence[float] | None = None,
    tolerance: float = DEFAULT_TOLERANCE,
    *,
    seed: int = DEFAULT_SEED,
    resamples: int = DEFAULT_RESAMPLES,
) -> Diff:
    """Compare two results of the same images and settings.

    Images are matched by path and must have the same content; variants are matched by all their parameters. Every
    record that only one side has, and every failed record, is a problem; so is an image that reaches a target in
    BASE but not in HEAD. Records that both sides skipped (an image smaller than the resolution) are ignored.

    Args:
        base: The results to compare with.
        head: The results to judge.
        metric: Column of the results. The default is SSIMULACRA2, or the first metric that both sides measured.
        targets: Scores at which sizes are compared. The default is the metric's usual target (SSIMULACRA2 80).
        tolerance: Share of size, 0 to 1: 0.01 allows HEAD to be 1 % larger.
        seed: Seed of the bootstrap.
        resamples: Number of bootstrap resamples.

    Raises:
        ResultsError: If a side has no measurements or no score of ``metric``, if the metric is unknown, or if
            ``tolerance`` or ``targets`` are out of range.
    """
    if not 0 <= tolerance < 1:
        raise ResultsError(f"tolerance must be at least 0 and below 1 (a share of size), not {tolerance}")
    ours, theirs = _points("BASE", base), _points("HEAD", head)
    scale = _shared_column(ours, theirs, metric)
    wanted = (scale.usual_target,) if targets is None else targets
    sides = [match(fit(points, scale.name), wanted) for points in (ours, theirs)]
    problems = _record_problems(base, head)
    changed = {p.image for p in problems if p.kind == "source-changed"}
    common = _CommonImages.of(sides[0], sides[1], changed)
    draw = Resamples.draw(max(len(common.images), 1), seed=seed, resamples=resamples)
    comparisons: list[Comparison] = []
    for variant in _union(sides[0].points, sides[1].points):
        logs = common.sizes(variant)
        comparisons += _compare(common, variant, logs, tolerance, draw)
        problems += _not_reached(common, variant, logs)
    return Diff(
        metric=scale.name,
        targets=sides[0].targets,
        tolerance=tolerance,
        comparisons=tuple(comparisons),
        problems=tuple(problems),
        versions=_versions(base, head),
    )


def _points(side: str, results: QualityResults) -> Points:
    try:
        return collect(results)
    except ResultsError as error:
        raise ResultsError(f"{side}: {error}") from None


def _shared_column(base: Points, head: Points, metric: str | None) -> MetricColumn:
    """The column to compare: the requested one, else SSIMULACRA2 or the first one that both sides have."""
    if metric is None:
        shared = dataclasses.replace(
            base, columns={n: c for n, c in base.columns.items() if n in head.columns}
        )
        if not shared.columns:
            raise ResultsError(
                f"the two results have no metric in common: BASE has {', '.join(base.columns)}, HEAD has "
                f"{', '.join(head.columns)}"
            )
        return shared.require()
    for side, points in (("BASE", base), ("HEAD", head)):
        try:
            points.require(metric)
        except ResultsError as error:
            raise ResultsError(f"{side}: {error}") from None
    return base.require(metric)


def _union(base: Points, head: Points) -> list[Variant]:
    return sorted({*base.variants, *head.variants}, key=lambda v: v.order)


def _record_problems(base: QualityResults, head: QualityResults) -> list[Problem]:
    """Tasks without a usable record on both sides, and sources whose content differs."""
    names = ["source_image", "canonical"]
    joined = _tasks(base).join(_tasks(head), on=names, how="full", coalesce=True, suffix="_head")
    both = pl.col("status").eq_missing(pl.col("status_head")) & pl.col("status").is_in(
        ["measured", "skipped"]
    )
    other_hash = pl.col("source_sha256") != pl.col("source_sha256_head")
    # Only the tasks with a problem become Python objects.
    joined = joined.filter(~both.fill_null(False) | other_hash.fill_null(False)).sort(names)
    problems: list[Problem] = []
    changed: set[str] = set()
    for row in joined.iter_rows(named=True):
        image, setting = row["source_image"], row["label"] or row["label_head"]
        hashes = {row["source_sha256"], row["source_sha256_head"]} - {None}
        if len(hashes) > 1 and image not in changed:
            changed.add(image)
            problems.append(Problem("source-changed", "both", image, "", "the file's content differs"))
        statuses = row["status"], row["status_head"]
        if statuses in (("measured", "measured"), ("skipped", "skipped")):
            continue
        sides: tuple[tuple[Literal["base", "head"], str], ...] = (("base", ""), ("head", "_head"))
        for side, suffix in sides:
            status = row[f"status{suffix}"]
            if status is None:
                problems.append(Problem("missing", side, image, setting, "no record"))
            elif status != "measured":
                why = row[f"measurement_error{suffix}"] or row[f"failure{suffix}"] or status
                problems.append(Problem("failed", side, image, setting, why))
    return problems


def _tasks(results: QualityResults) -> pl.DataFrame:
    """One row for each record: image, setting as text, and outcome."""
    columns = list(setting_columns(results.measurements))
    frame = results.select(
        *columns, *("source_image", "source_sha256", "status", "measurement_error", "failure")
    )
    unique = frame.select(columns).unique()
    settings = [setting_of(row, columns) for row in unique.iter_rows(named=True)]
    unique = unique.with_columns(
        canonical=pl.Series([setting.canonical() for setting in settings], dtype=pl.String),
        label=pl.Series([setting.label() for setting in settings], dtype=pl.String),
    )
    # The last of several records of a task counts.
    return (
        frame.join(unique, on=columns, how="left", nulls_equal=True)
        .drop(columns)
        .unique(["source_image", "canonical"], keep="last")
    )


@dataclass(frozen=True, slots=True, eq=False)
class _CommonImages:
    """The images that both sides measured, with the row of each in both."""

    base: Matched
    head: Matched
    images: tuple[str, ...]
    rows: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, base: Matched, head: Matched, left_out: set[str]) -> _CommonImages:
        theirs = {name: row for row, name in enumerate(head.points.images)}
        rows = {
            name: (row, theirs[name])
            for row, name in enumerate(base.points.images)
            if name in theirs and name not in left_out
        }
        return cls(base, head, tuple(rows), tuple(rows.values()))

    @property
    def scale(self) -> MetricColumn:
        return self.base.scale

    def sizes(self, variant: Variant) -> tuple[Floats, Floats]:
        """Log sizes of BASE and HEAD, images x targets each; NaN if not reached or not measured."""
        return self._side(self.base, variant, 0), self._side(self.head, variant, 1)

    def _side(self, matched: Matched, variant: Variant, side: int) -> Floats:
        rows = [row[side] for row in self.rows]
        if variant not in matched.points.variants:
            return np.full((len(rows), len(matched.targets)), np.nan)
        return np.asarray(matched.log_size[matched.points.variants.index(variant)][rows], dtype=np.float64)

    def image_ratio(self, variant: Variant, image: int, target: int, log_ratio: float) -> ImageRatio:
        """The ratio of one image, with HEAD as the variant and BASE as the baseline."""
        i, j = self.rows[image]
        points = self.base.points
        b, h = points.variants.index(variant), self.head.points.variants.index(variant)
        return ImageRatio(
            self.images[image],
            points.content_classes[i],
            float(points.blocks[b].megapixels[i]),
            float(np.exp(log_ratio)),
            float(self.head.level[h, j, target]),
            float(self.base.level[b, i, target]),
        )


def _compare(
    common: _CommonImages, variant: Variant, sizes: tuple[Floats, Floats], tolerance: float, draw: Resamples
) -> list[Comparison]:
    before, after = sizes
    found = []
    for t, target in enumerate(common.base.targets):
        ours, theirs = ~np.isnan(before[:, t]), ~np.isnan(after[:, t])
        comparison = Comparison(
            variant,
            target,
            "unknown",
            ratio=None,
            p5=None,
            p95=None,
            larger_share=None,
            images=int(np.sum(ours & theirs)),
            only_base=int(np.sum(ours & ~theirs)),
            only_head=int(np.sum(~ours & theirs)),
            neither=int(np.sum(~ours & ~theirs)),
            worst=None,
        )
        found.append(_judge(common, comparison, t, after[:, t] - before[:, t], tolerance, draw))
    return found


def _judge(
    common: _CommonImages, empty: Comparison, t: int, logs: Floats, tolerance: float, draw: Resamples
) -> Comparison:
    if not empty.images:
        for side, matched in (("BASE", common.base), ("HEAD", common.head)):
            if empty.variant not in matched.points.variants:
                return dataclasses.replace(empty, reason=f"{side} has no measurement of it")
        score = f"{common.scale.title} {empty.target:g}"
        return dataclasses.replace(empty, reason=f"no image reaches {score} on both sides")
    ratio = draw.mean_estimates(logs[:, None], np.exp)[0]
    p5, _, p95 = spread(np.exp(logs))
    worst = int(np.nanargmax(logs))
    measured = dataclasses.replace(
        empty,
        ratio=ratio,
        p5=p5,
        p95=p95,
        larger_share=draw.share(-logs[:, None])[0],
        worst=common.image_ratio(empty.variant, worst, t, float(logs[worst])),
    )
    if ratio is None or ratio.low is None or ratio.high is None:
        return dataclasses.replace(measured, reason="a single image gives no interval")
    verdict: Verdict = "same"
    if ratio.low > 1 + tolerance:
        verdict = "worse"
    elif ratio.high < 1 - tolerance:
        verdict = "better"
    return dataclasses.replace(measured, verdict=verdict)


def _not_reached(common: _CommonImages, variant: Variant, sizes: tuple[Floats, Floats]) -> list[Problem]:
    before, after = sizes
    if variant not in common.head.points.variants:
        return []  # each of its records is already a problem
    lost = ~np.isnan(before) & np.isnan(after)
    return [
        Problem(
            "not-reached",
            "head",
            common.images[i],
            variant.label,
            f"{common.scale.title} {common.base.targets[t]:g} is within BASE's measured scores, but outside HEAD's",
        )
        for i, t in zip(*np.nonzero(lost), strict=True)
    ]


def _versions(base: QualityResults, head: QualityResults) -> dict[str, tuple[str | None, str | None]]:
    names = sorted({*base.tool_versions, *head.tool_versions})
    both = {name: (base.tool_versions.get(name), head.tool_versions.get(name)) for name in names}
    return {name: versions for name, versions in both.items() if versions[0] != versions[1]}
