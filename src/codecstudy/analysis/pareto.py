"""Which variants are worth their encode time: size at matched quality against encode CPU time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from codecstudy.analysis.bootstrap import Resamples
from codecstudy.analysis.estimates import Estimate, mean_estimates
from codecstudy.analysis.matched import Matched
from codecstudy.analysis.variants import Scope, Variant
from codecstudy.types import Floats

MIN_SHARE = 0.5
"""Share of the scope's images on which a variant must reach the score to be included. All included variants are
compared on the images on which all of them reach the score."""


@dataclass(frozen=True, slots=True)
class ParetoPoint:
    """One variant among the others of its scope."""

    variant: Variant
    bits_per_pixel: Estimate
    """Geometric mean at the matched score."""
    seconds_per_mp: Estimate
    """Mean encode CPU seconds per megapixel at the matched score."""
    on_front: bool
    """Whether no other variant is at least as small and as fast, and strictly better in one of the two."""
    front_share: float | None
    """Share of resamples, 0 to 1, in which the variant is on the front; None for a single image."""


@dataclass(frozen=True, slots=True)
class ParetoFront:
    """All variants of one scope at one score."""

    scope: Scope
    metric: str
    target: float
    points: tuple[ParetoPoint, ...]
    """Fastest first."""
    images: int
    """Images on which all variants of ``points`` reach the score."""
    left_out: dict[str, str]
    """Label of each excluded variant, with the reason."""
    reason: str | None = None
    """Why there are no points."""


def pareto(matched: Matched, target: float, resamples: Resamples, scope: Scope) -> ParetoFront:
    """The Pareto front of ``scope`` at ``target``, which must be one of the targets of ``matched``."""
    t = matched.targets.index(target)
    indices = matched.points.in_scope(scope)
    seconds = matched.seconds_per_megapixel("encode_cpu")[:, :, t]
    left_out: dict[str, str] = {}
    chosen: list[int] = []
    in_scope = (~np.isnan(matched.megapixels[list(indices)])).any(axis=0)
    for v in indices:
        reached = ~np.isnan(matched.log_size[v, :, t])
        if (why := _why_not(reached, seconds[v], int(in_scope.sum()))) is None:
            chosen.append(v)
        else:
            left_out[matched.points.variants[v].label] = why
    size, time = matched.log_size[chosen, :, t], seconds[chosen]
    common = (~np.isnan(size + time)).all(axis=0)
    empty = ParetoFront(scope, matched.scale.name, target, (), 0, left_out)
    score = f"{matched.scale.title} {target:g}"
    if not chosen:
        return _because(empty, f"no variant reaches {score} on {MIN_SHARE:.0%} of the images")
    if not common.any():
        return _because(empty, f"no image reaches {score} with every variant")
    log_bits = np.where(common, size + np.log(8e-6 / matched.megapixels[chosen]), np.nan).T
    time = np.where(common, time, np.nan).T
    points = _points(matched, chosen, log_bits, time, resamples)
    return ParetoFront(scope, matched.scale.name, target, points, int(common.sum()), left_out)


def _why_not(reached: NDArray[np.bool_], seconds: Floats, images: int) -> str | None:
    if reached.sum() < MIN_SHARE * images or not reached.any():
        return f"reaches the score on {reached.sum()} of {images} images"
    if np.isnan(seconds[reached]).any():
        return "has images without encode CPU time"
    return None


def _because(front: ParetoFront, reason: str) -> ParetoFront:
    return ParetoFront(front.scope, front.metric, front.target, (), 0, front.left_out, reason)


def _points(
    matched: Matched, chosen: list[int], log_bits: Floats, time: Floats, resamples: Resamples
) -> tuple[ParetoPoint, ...]:
    """``log_bits`` and ``time`` are images x chosen variants, NaN outside the common images."""
    sample = matched.points.sample
    bits, seconds = mean_estimates(log_bits, sample, np.exp), mean_estimates(time, sample)
    front = on_front(np.nanmean(log_bits, axis=0)[None], np.nanmean(time, axis=0)[None])[0]
    several = int((~np.isnan(time[:, 0])).sum()) > 1
    resampled_bits, resampled_time = resamples.means(log_bits), resamples.means(time)
    drawn = ~np.isnan(resampled_time[:, 0])
    shares = on_front(resampled_bits[drawn], resampled_time[drawn]).mean(axis=0)
    points = []
    for k, v in enumerate(chosen):
        size, encode = bits[k], seconds[k]
        assert size is not None  # there are common images
        assert encode is not None
        share = float(shares[k]) if several else None
        points.append(ParetoPoint(matched.points.variants[v], size, encode, bool(front[k]), share))
    return tuple(sorted(points, key=lambda p: (p.seconds_per_mp.value, p.bits_per_pixel.value)))


def on_front(size: Floats, time: Floats) -> NDArray[np.bool_]:
    """Whether each variant is not dominated in each case; all arrays have shape (cases, variants)."""
    dominated = np.zeros(size.shape, dtype=bool)
    for k in range(size.shape[1]):
        as_good = (size[:, k, None] <= size) & (time[:, k, None] <= time)
        better = (size[:, k, None] < size) | (time[:, k, None] < time)
        dominated |= as_good & better
    return ~dominated
