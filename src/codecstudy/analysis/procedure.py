"""The saving with one number for all images: the choice of the numbers included.

A fixed configuration encodes every image with the same number. The number is chosen from a sample of images, and so
is that of the baseline. Two questions follow that an interval at fixed settings does not answer: how far could the
saving be off because other images would have led to other numbers (the bootstrap repeats the whole choice), and how
does a choice do on images that it was not made from (cross-validation).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from codecstudy.analysis.attainment import Assurance, required
from codecstudy.analysis.bootstrap import DEFAULT_RESAMPLES, DEFAULT_SEED, Resamples
from codecstudy.analysis.candidates import Ladder
from codecstudy.analysis.estimates import CONFIDENCE
from codecstudy.analysis.sample import Sample
from codecstudy.types import Floats

MIN_IMAGES = 60
"""Images from which the bootstrap of the choice is valid. It resamples an extreme order statistic: with fewer
images, every resample leads to one of the same two or three levels."""
FOLDS = 5
REPEATS = 20


@dataclass(frozen=True, slots=True)
class OutOfSample:
    """What choices from four fifths of the images do on the remaining fifth, on average."""

    attainment: float
    """Share of held-out images that reach the target, 0 to 1."""
    size_ratio: float | None
    """Geometric mean over held-out images of size / the baseline's size, both at the chosen levels."""
    repeats: int
    folds: int


def interval(
    ladders: Sequence[Ladder],
    baselines: Sequence[Ladder],
    coverage: float,
    sample: Sample,
    *,
    seed: int = DEFAULT_SEED,
    resamples: int = DEFAULT_RESAMPLES,
) -> tuple[float, float] | None:
    """The 95 % interval of the saving with the whole procedure repeated, as ratios of sizes.

    Each resample chooses the levels and the variants anew, so that ``coverage`` of its clusters reach the target.
    The ends are percentiles (B. Efron, "Nonparametric Standard Errors and Confidence Intervals", Canadian Journal
    of Statistics 9:2, 1981).

    Args:
        ladders: The variants of one encoder.
        baselines: The variants of the baseline.
        coverage: Wanted share of images, 0 to 1.
        sample: How the images represent others.
        seed: Seed of the bootstrap.
        resamples: Number of bootstrap resamples.

    Returns:
        Lower and upper end. None if the procedure finds no level in some resample, where the interval has no end.
    """
    draw = Resamples.draw(sample, seed=seed, resamples=resamples)
    mine, theirs = (_chosen_sizes(side, coverage, sample, draw) for side in (ladders, baselines))
    logs = mine - theirs
    if np.isnan(logs).any():
        return None
    tail = (1 - CONFIDENCE) / 2
    low, high = np.exp(np.quantile(logs, [tail, 1 - tail])).tolist()
    return low, high


def _chosen_sizes(ladders: Sequence[Ladder], coverage: float, sample: Sample, draw: Resamples) -> Floats:
    """Mean log size at the levels that each resample chooses, of the variant with the smallest files."""
    found = []
    for ladder in ladders:
        window = _window(ladder, coverage)
        counts = draw.counts[:, np.unique(sample.clusters[ladder.counted])]
        reached = counts @ ladder.clusters[:, window].astype(np.float64)
        enough = reached >= coverage * counts.sum(axis=1, keepdims=True) - 1e-9
        first = np.argmax(enough, axis=1)
        levels, place = np.unique(first, return_inverse=True)
        sizes = np.where(ladder.counted[:, None], ladder.log_size[:, window][:, levels], np.nan)
        mean = draw.means(sizes)[np.arange(len(first)), place]
        found.append(np.where(enough.any(axis=1), mean, np.nan))
    smallest = np.min(np.where(np.isnan(found), np.inf, found), axis=0)
    return np.where(np.isfinite(smallest), smallest, np.nan)


def _window(ladder: Ladder, coverage: float) -> slice:
    """The levels among which resamples can choose.

    The share of a resample deviates from that of the sample by less than six standard errors, and at the level
    that all clusters reach, every resample has enough.
    """
    shares = ladder.clusters.mean(axis=0)
    error = np.sqrt(coverage * (1 - coverage) / len(ladder.clusters))
    possible, certain = np.flatnonzero(shares >= coverage - 6 * error), np.flatnonzero(shares == 1)
    first = int(possible[0]) if possible.size else 0
    return slice(first, int(certain[0]) + 1 if certain.size else len(shares))


def cross_validate(
    ladders: Sequence[Ladder],
    baselines: Sequence[Ladder],
    coverage: float,
    assurance: Assurance,
    sample: Sample,
    *,
    seed: int = DEFAULT_SEED,
) -> OutOfSample | None:
    """Repeated 5-fold cross-validation of the choice of a variant and its level.

    Clusters stay together. Where too few images are left for the wanted assurance, all of them must reach the
    target, as in the answer itself.

    Args:
        ladders: The variants of one encoder.
        baselines: The variants of the baseline; empty if there is none.
        coverage: Wanted share of images, 0 to 1.
        assurance: What is wanted of it.
        sample: How the images represent others.
        seed: Seed of the random folds.

    Returns:
        None with fewer than two clusters, or if no choice is possible on the rest of any fold.
    """
    counted = ladders[0].counted
    numbers = np.unique(sample.clusters[counted])
    if numbers.size < 2:
        return None
    random = np.random.default_rng(seed)
    folds = min(FOLDS, numbers.size)
    held = np.zeros((REPEATS * folds, numbers.size), dtype=bool)
    for repeat in range(REPEATS):
        for fold, chosen in enumerate(np.array_split(random.permutation(numbers.size), folds)):
            held[repeat * folds + fold, chosen] = True
    images = np.zeros((len(held), len(counted)), dtype=bool)
    images[:, counted] = held[:, np.searchsorted(numbers, sample.clusters[counted])]
    training = counted & ~images
    wanted = np.array(
        [required(int(n), coverage, assurance) or int(n) for n in (~held).sum(axis=1)], dtype=np.intp
    )
    mine, theirs = (_choices(side, wanted, held, training) for side in (ladders, baselines))
    reached, tested, logs, weights = 0, 0, 0.0, 0.0
    for fold, (choice, base) in enumerate(zip(mine, theirs, strict=True)):
        if choice is None:
            continue
        reached += int(choice[0].clusters[held[fold], choice[1]].sum())
        tested += int(held[fold].sum())
        if base is None:
            continue
        difference = choice[0].log_size[:, choice[1]] - base[0].log_size[:, base[1]]
        used = images[fold] & ~np.isnan(difference)
        logs += float((sample.weights * difference)[used].sum())
        weights += float(sample.weights[used].sum())
    if not tested:
        return None
    ratio = float(np.exp(logs / weights)) if weights else None
    return OutOfSample(reached / tested, ratio, REPEATS, folds)


def _choices(
    ladders: Sequence[Ladder], wanted: NDArray[np.intp], held: NDArray[np.bool_], training: NDArray[np.bool_]
) -> list[tuple[Ladder, int] | None]:
    """For each fold, the variant with the smallest files at its coarsest level that is good enough on the rest.

    Args:
        ladders: The variants.
        wanted: How many of the clusters must reach the target, shape (folds,).
        held: The clusters that are held out, folds x clusters.
        training: The images that the choice is made on, folds x images.
    """
    sizes, firsts = [], []
    for ladder in ladders:
        rest = (~held).astype(np.float64) @ ladder.clusters.astype(np.float64)
        enough = rest >= wanted[:, None] - 1e-9
        first = np.argmax(enough, axis=1)
        levels, place = np.unique(first, return_inverse=True)
        known = ~np.isnan(ladder.log_size[:, levels])
        sums = training.astype(np.float64) @ np.where(known, ladder.log_size[:, levels], 0.0)
        count = training.astype(np.float64) @ known.astype(np.float64)
        means = np.divide(sums, count, out=np.full_like(sums, np.inf), where=count > 0)
        sizes.append(np.where(enough.any(axis=1), means[np.arange(len(first)), place], np.inf))
        firsts.append(first)
    if not ladders:
        return [None] * len(held)
    best = np.argmin(sizes, axis=0)
    return [
        None if np.isinf(sizes[k][fold]) else (ladders[k], int(firsts[k][fold]))
        for fold, k in enumerate(best.tolist())
    ]
