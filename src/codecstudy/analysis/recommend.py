"""Which format and setting to use, how much smaller its files are, and on how many images it is good enough."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from codecstudy.analysis.attainment import (
    Assurance,
    Attainment,
    attainment,
    images_needed,
    required,
)
from codecstudy.analysis.baseline import baselines
from codecstudy.analysis.candidates import Candidate, Ladder
from codecstudy.analysis.curves import CurveSet, fit
from codecstudy.analysis.estimates import Estimate, mean_estimates
from codecstudy.analysis.matched import SizeRatio, match, size_ratio
from codecstudy.analysis.percentiles import spread
from codecstudy.analysis.points import Points, collect
from codecstudy.analysis.procedure import MIN_IMAGES, OutOfSample, cross_validate, interval
from codecstudy.analysis.variants import Scope
from codecstudy.errors import ResultsError
from codecstudy.results import QualityResults
from codecstudy.types import Floats, MetricColumn, Setting, ToolCommand


@dataclass(frozen=True, slots=True)
class Reached:
    """How many images reach the target at one setting."""

    setting: Setting
    attainment: Attainment
    """What the number of images that reach it says about other images."""
    images: int
    """Images of the scope."""
    images_reached: int
    not_reached: tuple[str, ...]
    """Images that do not reach the target, or have no measured levels around the setting."""
    interpolated: int
    """Images whose score and size are interpolated between measured levels, since they were not measured at the
    setting itself."""
    lowest: float | None
    """Lowest score; from 20 images on, the score that 95 % of the images have or exceed. None without scores."""
    median: float | None

    @property
    def share(self) -> float:
        """Share of these images that reach the target, 0 to 1."""
        return self.images_reached / self.images


@dataclass(frozen=True, slots=True)
class OneNumber:
    """The saving with one number for all images: an encoder and the baseline, each at its own level."""

    setting: Setting
    baseline: Setting
    median_score: float
    """Median scores at the two settings. Where they differ, part of the saving is a difference in quality."""
    baseline_median_score: float
    ratio: float
    """Geometric mean over images of size / baseline's size."""
    total_ratio: float
    """Sum of sizes / sum of the baseline's sizes."""
    interval: tuple[float, float] | None
    """95 % interval of ``ratio`` with the whole procedure repeated on other images like these, including the choice
    of both levels. If None, ``no_interval`` says why."""
    no_interval: str | None
    images: int
    """Images that are compared: if the baseline reaches the target on enough images, all that have sizes at both
    settings; otherwise, those on which both reach it."""
    baseline_enough: bool
    """Whether the baseline's setting reaches the target on enough images."""
    baseline_not_reached: tuple[str, ...]
    """Images on which the baseline's setting does not reach it."""
    at_most: float | None
    """If the baseline does not reach the target on enough images, an upper bound of the ratio over all images: to
    reach the target, the baseline's files would have to be larger than at its setting."""


@dataclass(frozen=True, slots=True)
class Recommendation:
    """The setting of one encoder with the smallest files that is good enough, or why there is none."""

    format: str
    encoder: str
    scope: Scope
    setting: Setting | None
    """If None, ``reason`` is set."""
    reached: Reached
    """At the setting; if there is none, at the encoder's setting that comes closest."""
    bits_per_pixel: Estimate | None
    """Geometric mean over images."""
    same_score: SizeRatio | None
    """Size relative to the baseline's *at the same score* on each image, for the variants of the two settings."""
    one_number: OneNumber | None
    """Size relative to the baseline's *with one number for all images*."""
    out_of_sample: OutOfSample | None
    """How such choices do on images that they were not made from."""
    encode_seconds_per_mp: Estimate | None
    """Mean CPU seconds per megapixel, one thread; None if not recorded."""
    decode_seconds_per_mp: Estimate | None
    commands: tuple[ToolCommand, ...]
    reason: str | None = None

    @property
    def measured(self) -> bool:
        """Whether every image was measured at the setting itself."""
        return self.setting is not None and not self.reached.interpolated


@dataclass(frozen=True, slots=True)
class Recommendations:
    """The answer for every encoder and every scope."""

    metric: str
    target: float
    coverage: float
    assurance: Assurance
    images: int
    """Images that count: clusters of nearly equal images count once."""
    required: int
    """How many of them must reach the target."""
    assured: bool
    """Whether ``images`` are enough for the wanted assurance. If not, all of them must reach the target, which is
    the best that can be done with them."""
    images_needed: int | None
    """Smallest number of images that is enough, if all of them reach the target; None if no number is (a coverage
    of 1)."""
    max_encode_time: float | None
    """CPU seconds per megapixel."""
    baselines: dict[Scope, Setting | None]
    """The setting that sizes are relative to in each scope; None if the baseline was not measured there."""
    items: tuple[Recommendation, ...]
    """By scope (the original first), then smallest first, then those without a setting."""


def recommend(
    results: QualityResults | Points,
    metric: str | None = None,
    target: float | None = None,
    max_encode_time: float | None = None,
    coverage: float = 0.95,
    baseline: str | None = None,
    assurance: Assurance | str = Assurance.EXPECTED,
    *,
    curves: CurveSet | None = None,
) -> Recommendations:
    """For each encoder, the setting with the smallest files of those that are good enough.

    A setting is good enough if so many of the images reach ``target`` that ``coverage`` of other images like these
    can be expected to reach it (or, with ``assurance="95%"``, do so with 95 % certainty): see
    :func:`codecstudy.analysis.attainment.required`. With too few images for that, all of them must reach it. For
    every variant this finds the coarsest good enough level, among the measured levels and the rate parameter's
    steps between them (integers for a quality, twentieths for a JPEG XL distance). Scores are interpolated between
    measured levels, per image, but never extrapolated, and the level is rounded towards higher quality;
    :attr:`Recommendation.measured` says whether the level itself was measured.

    Among the variants of an encoder, the one with the smallest geometric mean size at its level is chosen, over
    the images that all of them have a size for. Every resolution and crop is a scope with its own answers.

    Images that are smaller than the metric needs are left out.

    Args:
        results: The results of a study, or their points.
        metric: Column of the results. The default is SSIMULACRA2, or the first one if that was not measured.
        target: Score to reach. The default is the metric's usual target (SSIMULACRA2 80).
        max_encode_time: Limit on the mean encode time of a variant, CPU seconds per megapixel. Does not apply to
            the baseline.
        coverage: Share of images, above 0 and at most 1, that must reach the target.
        baseline: An encoder or a format (at its own recommended setting), or the label of a variant (at its
            coarsest level that is good enough). The default is JPEG, else the encoder of the first variant.
        assurance: ``expected`` or ``95%``.
        curves: The curves of ``metric``, if they are already known; the default is to fit them.

    Raises:
        ResultsError: If nothing was measured, if the metric or baseline is unknown, or if ``target``,
            ``coverage``, ``assurance`` or ``max_encode_time`` is out of range.
    """
    points = results if isinstance(results, Points) else collect(results)
    scale = points.require(metric)
    points = points.scored(scale.name)
    target = scale.usual_target if target is None else float(target)
    assurance = _checked(target, coverage, assurance, max_encode_time)
    by_label = any(v.label == baseline for v in points.variants)
    bases = baselines(points, baseline)
    curves = fit(points, scale.name) if curves is None else curves
    items: list[Recommendation] = []
    settings: dict[Scope, Setting | None] = {}
    for scope in points.scopes:
        choice = _Choice.of(points, scale, target, coverage, assurance, scope, bases[scope], by_label, curves)
        settings[scope] = None if choice.base is None else choice.base.variant.at(choice.base.level)
        encoders = dict.fromkeys(points.variants[v].encoder for v in points.in_scope(scope))
        items += sorted((choice.answer(name, max_encode_time) for name in encoders), key=_rank)
    images = int(np.unique(points.sample.clusters).size)
    wanted = required(images, coverage, assurance)
    return Recommendations(
        scale.name,
        target,
        coverage,
        assurance,
        images,
        images if wanted is None else wanted,
        wanted is not None,
        images_needed(coverage, assurance),
        max_encode_time,
        settings,
        tuple(items),
    )


def _checked(
    target: float, coverage: float, assurance: Assurance | str, max_encode_time: float | None
) -> Assurance:
    if not np.isfinite(target):
        raise ResultsError(f"target must be a finite score, not {target}")
    if not 0 < coverage <= 1:
        raise ResultsError(f"coverage must be above 0 and at most 1 (the share of images), not {coverage}")
    if max_encode_time is not None and not max_encode_time > 0:
        raise ResultsError(
            f"max encode time must be above 0 CPU seconds per megapixel, not {max_encode_time}"
        )
    try:
        return Assurance(assurance)
    except ValueError:
        known = " or ".join(a.value for a in Assurance)
        raise ResultsError(f"assurance must be {known}, not {assurance!r}") from None


@dataclass(frozen=True, slots=True, eq=False)
class _Choice:
    """What is known about one scope before its encoders are answered one by one."""

    points: Points
    scale: MetricColumn
    target: float
    coverage: float
    assurance: Assurance
    curves: CurveSet
    candidates: dict[str, list[Candidate]]
    """By encoder: each of its variants at its coarsest good enough level."""
    base: Candidate | None
    """The baseline; None if it was not measured in this scope."""
    base_ladders: list[Ladder]
    """The variants that the baseline is chosen from."""

    @classmethod
    def of(
        cls,
        points: Points,
        scale: MetricColumn,
        target: float,
        coverage: float,
        assurance: Assurance,
        scope: Scope,
        base: int | None,
        by_label: bool,
        curves: CurveSet,
    ) -> _Choice:
        candidates: dict[str, list[Candidate]] = {}
        for v in points.in_scope(scope):
            ladder = Ladder.of(points, points.blocks[v], scale, target)
            wanted = required(len(ladder.clusters), coverage, assurance) or len(ladder.clusters)
            found = Candidate.of(ladder, points.blocks[v], scale, wanted)
            candidates.setdefault(points.variants[v].encoder, []).append(found)
        chosen, pool = None, []
        if base is not None:
            wanted_variant = points.variants[base]
            pool = candidates[wanted_variant.encoder]
            if by_label:
                pool = [c for c in pool if c.variant == wanted_variant]
            chosen = _smallest([c for c in pool if c.enough]) or min(pool, key=_distance)
        ladders = [c.ladder for c in pool]
        return cls(points, scale, target, coverage, assurance, curves, candidates, chosen, ladders)

    def answer(self, encoder: str, limit: float | None) -> Recommendation:
        """The recommendation for one encoder."""
        candidates = self.candidates[encoder]
        enough = [c for c in candidates if c.enough]
        fast = [c for c in enough if limit is None or c.mean_encode_seconds <= limit * (1 + 1e-9)]
        best = _smallest(fast)
        nearest = best or min(enough or candidates, key=_distance)
        item = Recommendation(
            format=nearest.variant.format,
            encoder=encoder,
            scope=nearest.variant.scope,
            setting=None,
            reached=self._reached(nearest),
            bits_per_pixel=None,
            same_score=None,
            one_number=None,
            out_of_sample=None,
            encode_seconds_per_mp=None,
            decode_seconds_per_mp=None,
            commands=(),
        )
        if best is None:
            return dataclasses.replace(item, reason=self._why_none(candidates, enough, fast, limit))
        points, sample = self.points, self.points.sample
        setting = best.variant.at(best.level)
        block = points.blocks[points.variants.index(best.variant)]
        bits = best.log_size + np.log(8e-6 / block.megapixels)
        columns = np.stack([best.encode_seconds_per_mp, best.decode_seconds_per_mp], axis=1)
        encode, decode = mean_estimates(columns, sample)
        ladders = [c.ladder for c in candidates if limit is None or c in fast]
        return dataclasses.replace(
            item,
            setting=setting,
            bits_per_pixel=mean_estimates(bits[:, None], sample, np.exp, best.size_bound[:, None])[0],
            same_score=self._same_score(best),
            one_number=self._one_number(best, ladders),
            out_of_sample=cross_validate(ladders, self.base_ladders, self.coverage, self.assurance, sample),
            encode_seconds_per_mp=encode,
            decode_seconds_per_mp=decode,
            commands=points.encoders.commands(setting),
        )

    def _same_score(self, best: Candidate) -> SizeRatio | None:
        if self.base is None or best.variant == self.base.variant:
            return None
        variants = self.points.variants
        pair = variants.index(best.variant), variants.index(self.base.variant)
        return size_ratio(match(self.curves, [self.target], pair), *pair, 0)

    def _one_number(self, best: Candidate, ladders: Sequence[Ladder]) -> OneNumber | None:
        base, sample = self.base, self.points.sample
        if base is None or best.variant == base.variant:
            return None
        logs = best.log_size - base.log_size
        counted = best.ladder.counted & ~np.isnan(logs)
        missed = best.ladder.counted & ~base.reached
        compared = counted if base.enough else counted & best.reached & base.reached
        if not compared.any():
            return None
        mine, theirs = (sample.weights * np.exp(side.log_size) for side in (best, base))
        ends, why = self._procedure(best, ladders)
        ratio = _geometric_mean(logs[compared], sample.weights[compared])
        everywhere = bool(counted[best.ladder.counted].all()) and not base.enough
        return OneNumber(
            setting=best.variant.at(best.level),
            baseline=base.variant.at(base.level),
            median_score=self._median(best),
            baseline_median_score=self._median(base),
            ratio=ratio,
            total_ratio=float(mine[compared].sum() / theirs[compared].sum()),
            interval=None if ends is None else (min(ends[0], ratio), max(ends[1], ratio)),
            no_interval=why,
            images=int(compared.sum()),
            baseline_enough=base.enough,
            baseline_not_reached=tuple(self.points.images[i] for i in np.flatnonzero(missed)),
            at_most=_geometric_mean(logs[counted], sample.weights[counted]) if everywhere else None,
        )

    def _procedure(
        self, best: Candidate, ladders: Sequence[Ladder]
    ) -> tuple[tuple[float, float] | None, str | None]:
        images = len(best.ladder.clusters)
        if self.base is None or not self.base.enough:
            return None, "the baseline does not reach the target on enough images"
        if self.coverage >= 1:
            return None, "a level for all images depends on the single most demanding image"
        if images < MIN_IMAGES:
            return None, f"the choice of the numbers needs at least {MIN_IMAGES} images to be repeated"
        ends = interval(ladders, self.base_ladders, self.coverage, self.points.sample)
        return ends, None if ends else "with other images, no measured level might be good enough"

    def _median(self, candidate: Candidate) -> float:
        return self.scale.score(_median(candidate))

    def _reached(self, found: Candidate) -> Reached:
        counted, sample = found.ladder.counted, self.points.sample
        lowest, median = None, None
        if not np.isnan(found.goodness).all():
            lowest, median, _ = (self.scale.score(g) for g in spread(found.goodness))
        return Reached(
            setting=found.variant.at(found.level),
            attainment=attainment(found.reached, counted, sample),
            images=int(counted.sum()),
            images_reached=int(found.reached[counted].sum()),
            not_reached=tuple(self.points.images[i] for i in np.flatnonzero(counted & ~found.reached)),
            interpolated=int(found.interpolated.sum()),
            lowest=lowest,
            median=median,
        )

    def _why_none(
        self,
        candidates: Sequence[Candidate],
        enough: Sequence[Candidate],
        fast: Sequence[Candidate],
        limit: float | None,
    ) -> str:
        if fast:
            return "its variants were measured on different images, so their sizes cannot be compared"
        if not enough:
            best = min(candidates, key=_distance)
            label, images = best.variant.at(best.level).label(), int(best.ladder.counted.sum())
            reached = int(best.reached[best.ladder.counted].sum())
            if reached:
                return (
                    f"no measured setting reaches the target on enough images; the best, {label}, reaches it on "
                    f"{reached} of {images}"
                )
            known = [c.ladder.goodness[~np.isnan(c.ladder.goodness)] for c in candidates]
            highest = max((float(g.max()) for g in known if g.size), default=None)
            if highest is None:
                return "none of its settings has a score"
            return (
                f"no measured setting reaches the target on any image; the best score of an image is "
                f"{self.scale.score(highest):.{self.scale.digits}f}"
            )
        timed = [c for c in enough if not np.isnan(c.mean_encode_seconds)]
        if not timed:
            return "its records have no encode CPU time, so the limit cannot be checked"
        fastest = min(timed, key=lambda c: c.mean_encode_seconds)
        return (
            f"no setting that reaches the target stays within {limit:g} CPU seconds per megapixel; the fastest, "
            f"{fastest.variant.at(fastest.level).label()}, takes {fastest.mean_encode_seconds:.3g}"
        )


def _smallest(candidates: Sequence[Candidate]) -> Candidate | None:
    """The candidate with the smallest files on their common images; the first of several equal ones."""
    if len(candidates) < 2:
        return candidates[0] if candidates else None
    sizes = np.stack([c.log_size for c in candidates])
    common = ~np.isnan(sizes).any(axis=0)
    if not common.any():
        return None
    return candidates[int(np.argmin(sizes[:, common].mean(axis=1)))]


def _geometric_mean(logs: Floats, weights: Floats) -> float:
    return float(np.exp(np.average(logs, weights=weights)))


def _distance(candidate: Candidate) -> tuple[float, float]:
    """Sort key, closest to the target first: by share of images, then by encode time or by median score."""
    return -candidate.clusters_reached, (
        float(np.nan_to_num(candidate.mean_encode_seconds)) if candidate.enough else -_median(candidate)
    )


def _median(candidate: Candidate) -> float:
    """Median goodness over images; minus infinity if no image has a score."""
    known = candidate.goodness[~np.isnan(candidate.goodness)]
    return float(np.median(known)) if known.size else float("-inf")


def _rank(item: Recommendation) -> tuple[bool, float]:
    if item.setting is None:
        return True, -item.reached.share
    return False, item.bits_per_pixel.value if item.bits_per_pixel else float("inf")
