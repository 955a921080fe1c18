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
        counts = draw.counts[:, np.unique(sample.clusters[ladder.counted])]
        enough = counts @ ladder.clusters >= coverage * counts.sum(axis=1, keepdims=True) - 1e-9
        means = draw.means(np.where(ladder.counted[:, None], ladder.log_size, np.nan))
        first = np.argmax(enough, axis=1)
        sizes = means[np.arange(len(first)), first]
        found.append(np.where(enough.any(axis=1), sizes, np.nan))
    smallest = np.min(np.where(np.isnan(found), np.inf, found), axis=0)
    return np.where(np.isfinite(smallest), smallest, np.nan)


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
    reached, tested, logs, weights = 0, 0, 0.0, 0.0
    for _ in range(REPEATS):
        for held in np.array_split(random.permutation(numbers.size), folds):
            rest = np.setdiff1d(np.arange(numbers.size), held)
            training = counted & np.isin(sample.clusters, numbers[rest])
            wanted = required(rest.size, coverage, assurance) or rest.size
            mine = _choice(ladders, wanted, rest, training)
            if mine is None:
                continue
            reached += int(mine[0].clusters[held, mine[1]].sum())
            tested += held.size
            theirs = _choice(baselines, wanted, rest, training)
            if theirs is None:
                continue
            difference = mine[0].log_size[:, mine[1]] - theirs[0].log_size[:, theirs[1]]
            used = counted & ~training & ~np.isnan(difference)
            logs += float((sample.weights * np.nan_to_num(difference))[used].sum())
            weights += float(sample.weights[used].sum())
    if not tested:
        return None
    ratio = float(np.exp(logs / weights)) if weights else None
    return OutOfSample(reached / tested, ratio, REPEATS, folds)


def _choice(
    ladders: Sequence[Ladder], wanted: int, clusters: NDArray[np.intp], images: NDArray[np.bool_]
) -> tuple[Ladder, int] | None:
    """The variant with the smallest files on ``images`` at its coarsest level that is good enough on them."""
    found = []
    for ladder in ladders:
        index = ladder.coarsest(wanted, clusters)
        if index is not None:
            found.append((float(np.nanmean(ladder.log_size[images, index])), ladder, index))
    if not found:
        return None
    _, ladder, index = min(found, key=lambda item: item[0])
    return ladder, index
