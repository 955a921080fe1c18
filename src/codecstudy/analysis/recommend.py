"""Which format and setting to use, and how much smaller its files are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from codecstudy.analysis.baseline import baselines
from codecstudy.analysis.candidates import Candidate, candidate
from codecstudy.analysis.estimates import Estimate, mean_estimates, spread
from codecstudy.analysis.points import Points, collect
from codecstudy.analysis.variants import Scope
from codecstudy.errors import ResultsError
from codecstudy.results import QualityResults
from codecstudy.types import MetricColumn, Setting, ToolCommand


@dataclass(frozen=True, slots=True)
class Reached:
    """How many images reach the target at one setting."""

    setting: Setting
    images: int
    """Images of the scope."""
    images_reached: int
    not_reached: tuple[str, ...]
    """Images that do not reach the target, or have no measured levels around the setting."""
    score_p5: float | None
    """Score that 95 % of the images have or exceed at the setting; None if no image has a score."""
    score_median: float | None

    @property
    def share(self) -> float:
        """Share of images that reach the target, 0 to 1."""
        return self.images_reached / self.images


@dataclass(frozen=True, slots=True)
class Recommendation:
    """The setting of one encoder with the smallest files that is good enough, or why there is none."""

    format: str
    encoder: str
    scope: Scope
    setting: Setting | None
    """If None, ``reason`` is set."""
    measured: bool
    """Whether the setting itself was measured; if not, its level is between two measured ones."""
    reached: Reached
    """At the setting; if there is none, at the encoder's setting that comes closest."""
    bits_per_pixel: Estimate | None
    """Geometric mean over images."""
    size_ratio: Estimate | None
    """Geometric mean over images of size / size of the baseline at *its* recommended setting; None if the
    baseline has none. The interval is for other images at these settings. It does not include the uncertainty of
    the settings themselves: other images might have led to different ones."""
    encode_seconds_per_mp: Estimate | None
    """Mean CPU seconds per megapixel, one thread; None if not recorded."""
    decode_seconds_per_mp: Estimate | None
    commands: tuple[ToolCommand, ...]
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Recommendations:
    """The answer for every encoder and every scope."""

    metric: str
    target: float
    coverage: float
    max_encode_time: float | None
    """CPU seconds per megapixel."""
    baselines: dict[Scope, Setting | None]
    """The setting that sizes are relative to in each scope; None if the baseline does not reach the target."""
    items: tuple[Recommendation, ...]
    """By scope (the original first), then smallest first, then those without a setting."""


def recommend(
    results: QualityResults | Points,
    metric: str | None = None,
    target: float | None = None,
    max_encode_time: float | None = None,
    coverage: float = 0.95,
    baseline: str | None = None,
) -> Recommendations:
    """For each encoder, the setting with the smallest files of those that are good enough.

    A setting is good enough if at least ``coverage`` of the images reach ``target``. For every variant this finds
    the coarsest good enough level, among the measured levels and the rate parameter's steps between them (integers
    for a quality, twentieths for a JPEG XL distance). Scores are interpolated between measured levels, per image,
    but never extrapolated, and the level is rounded towards higher quality;
    :attr:`Recommendation.measured` says whether the level itself was measured. See
    :func:`codecstudy.analysis.candidates.candidate`.

    Among the variants of an encoder, the one with the smallest geometric mean size at its level is chosen, over
    the images that all of them have a size for. Every resolution and crop is a scope with its own answers.

    Args:
        results: The results of a study, or their points.
        metric: Column of the results. The default is SSIMULACRA2, or the first one if that was not measured.
        target: Score to reach. The default is the metric's usual target (SSIMULACRA2 80).
        max_encode_time: Limit on the mean encode time of a variant, CPU seconds per megapixel. Does not apply to
            the baseline.
        coverage: Share of images, 0 to 1, that must reach the target.
        baseline: An encoder or a format (at its own recommended setting), or the label of a variant (at its
            coarsest level that is good enough). The default is JPEG, else the encoder of the first variant.

    Raises:
        ResultsError: If nothing was measured, if the metric or baseline is unknown, or if ``target``,
            ``coverage`` or ``max_encode_time`` is out of range.
    """
    points = results if isinstance(results, Points) else collect(results)
    scale = points.require(metric)
    target = scale.usual_target if target is None else float(target)
    _check(target, coverage, max_encode_time)
    bases = baselines(points, baseline)
    by_label = any(v.label == baseline for v in points.variants)
    items: list[Recommendation] = []
    settings: dict[Scope, Setting | None] = {}
    for scope in points.scopes:
        found = [candidate(points, points.blocks[v], scale, target, coverage) for v in points.in_scope(scope)]
        base = _baseline(found, points, bases[scope], by_label)
        settings[scope] = None if base is None else base.variant.at(base.level)
        answers = [
            _answer(points, scale, [c for c in found if c.variant.encoder == name], base, max_encode_time)
            for name in dict.fromkeys(c.variant.encoder for c in found)
        ]
        items += sorted(answers, key=_rank)
    return Recommendations(scale.name, target, coverage, max_encode_time, settings, tuple(items))


def _check(target: float, coverage: float, max_encode_time: float | None) -> None:
    if not np.isfinite(target):
        raise ResultsError(f"target must be a finite score, not {target}")
    if not 0 < coverage <= 1:
        raise ResultsError(f"coverage must be above 0 and at most 1 (the share of images), not {coverage}")
    if max_encode_time is not None and not max_encode_time > 0:
        raise ResultsError(
            f"max encode time must be above 0 CPU seconds per megapixel, not {max_encode_time}"
        )


def _baseline(
    found: Sequence[Candidate], points: Points, index: int | None, by_label: bool
) -> Candidate | None:
    if index is None:
        return None
    wanted = points.variants[index]
    same = [c for c in found if (c.variant == wanted if by_label else c.variant.encoder == wanted.encoder)]
    return _smallest([c for c in same if c.enough])


def _smallest(candidates: Sequence[Candidate]) -> Candidate | None:
    """The candidate with the smallest files on their common images; the first of several equal ones."""
    if len(candidates) < 2:
        return candidates[0] if candidates else None
    sizes = np.stack([c.log_size for c in candidates])
    common = ~np.isnan(sizes).any(axis=0)
    if not common.any():
        return None
    return candidates[int(np.argmin(sizes[:, common].mean(axis=1)))]


def _answer(
    points: Points,
    scale: MetricColumn,
    candidates: Sequence[Candidate],
    base: Candidate | None,
    limit: float | None,
) -> Recommendation:
    enough = [c for c in candidates if c.enough]
    fast = [c for c in enough if limit is None or c.mean_encode_seconds <= limit * (1 + 1e-9)]
    best = _smallest(fast)
    if best is None:
        nearest = min(
            enough or candidates,
            key=_distance,
        )
        reason = _why_none(candidates, enough, fast, limit)
        return Recommendation(
            format=nearest.variant.format,
            encoder=nearest.variant.encoder,
            scope=nearest.variant.scope,
            setting=None,
            measured=False,
            reached=_reached(points, scale, nearest),
            bits_per_pixel=None,
            size_ratio=None,
            encode_seconds_per_mp=None,
            decode_seconds_per_mp=None,
            commands=(),
            reason=reason,
        )
    setting = best.variant.at(best.level)
    block = next(b for b in points.blocks if b.variant == best.variant)
    bits = best.log_size + np.log(8e-6 / block.megapixels)
    columns = np.stack([best.encode_seconds_per_mp, best.decode_seconds_per_mp], axis=1)
    encode, decode = mean_estimates(columns, points.sample)
    ratio = None
    if base is not None:
        logs = (best.log_size - base.log_size)[:, None]
        ratio = mean_estimates(logs, points.sample, np.exp)[0]
    return Recommendation(
        format=best.variant.format,
        encoder=best.variant.encoder,
        scope=best.variant.scope,
        setting=setting,
        measured=best.measured,
        reached=_reached(points, scale, best),
        bits_per_pixel=mean_estimates(bits[:, None], points.sample, np.exp)[0],
        size_ratio=ratio,
        encode_seconds_per_mp=encode,
        decode_seconds_per_mp=decode,
        commands=points.encoders.commands(setting),
    )


def _reached(points: Points, scale: MetricColumn, found: Candidate) -> Reached:
    p5, median = None, None
    if not np.isnan(found.goodness).all():
        p5, median, _ = (scale.score(g) for g in spread(found.goodness))
    in_scope = [points.blocks[v].megapixels for v in points.in_scope(found.variant.scope)]
    present = ~np.isnan(np.stack(in_scope)).all(axis=0)
    missing = np.flatnonzero(present & ~found.reached)
    return Reached(
        setting=found.variant.at(found.level),
        images=found.images,
        images_reached=int(found.reached.sum()),
        not_reached=tuple(points.images[i] for i in missing),
        score_p5=p5,
        score_median=median,
    )


def _why_none(
    candidates: Sequence[Candidate],
    enough: Sequence[Candidate],
    fast: Sequence[Candidate],
    limit: float | None,
) -> str:
    if fast:
        return "its variants were measured on different images, so their sizes cannot be compared"
    if not enough:
        best = max(candidates, key=lambda c: (c.share, _median(c)))
        return (
            f"no setting reaches the target on enough images; the best, {best.variant.at(best.level).label()}, "
            f"reaches it on {best.reached.sum()} of {best.images} images"
        )
    timed = [c for c in enough if not np.isnan(c.mean_encode_seconds)]
    if not timed:
        return "its records have no encode CPU time, so the limit cannot be checked"
    fastest = min(timed, key=lambda c: c.mean_encode_seconds)
    return (
        f"no setting that reaches the target stays within {limit:g} CPU seconds per megapixel; the fastest, "
        f"{fastest.variant.at(fastest.level).label()}, takes {fastest.mean_encode_seconds:.3g}"
    )


def _distance(candidate: Candidate) -> tuple[float, float]:
    """Sort key, closest to the target first: by share of images, then by encode time or by median score."""
    return -candidate.share, (
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
