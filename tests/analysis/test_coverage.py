"""Simulations with a known truth: how often the intervals of means, ratios of totals and medians contain it.

Each simulation has 2,000 trials, one per column, so that a true coverage of 95 % is seen as 93.5 to 96.5 %.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from codecstudy.analysis.estimates import Estimate, mean_estimates, median_estimate, total_ratio_estimates
from codecstudy.analysis.sample import Sample
from codecstudy.types import Floats

TRIALS = 2000
SIZES = (3, 6, 9, 12, 30, 100)


def most(images: int) -> float:
    """Largest share accepted: intervals from three images, on two degrees of freedom, are a little wide."""
    return 0.985 if images == 3 else 0.98


Draw = Callable[[np.random.Generator, tuple[int, int]], Floats]
MEAN_ZERO: dict[str, Draw] = {
    "normal": lambda random, shape: random.normal(0, 0.12, shape),
    "skewed to larger": lambda random, shape: 0.1 * (random.gamma(2, 1, shape) - 2),
    "skewed to smaller": lambda random, shape: -0.1 * (random.gamma(2, 1, shape) - 2),
    "long-tailed": lambda random, shape: random.laplace(0, 0.1, shape),
}


def coverage(estimates: Sequence[Estimate | None], truth: float) -> float:
    printed = [e for e in estimates if e is not None and e.low is not None and e.high is not None]
    assert printed
    return float(np.mean([e.low <= truth <= e.high for e in printed]))  # type: ignore[operator]


@pytest.mark.parametrize("images", SIZES)
@pytest.mark.parametrize("distribution", MEAN_ZERO)
def test_geometric_means(images: int, distribution: str) -> None:
    random = np.random.default_rng([images, len(distribution)])
    logs = np.log(0.7) + MEAN_ZERO[distribution](random, (images, TRIALS))
    assert 0.92 <= coverage(mean_estimates(logs, Sample.simple(images), np.exp), 0.7) <= most(images)


@pytest.mark.parametrize("images", SIZES)
@pytest.mark.parametrize("correlation", [-0.5, 0.0, 0.5])
def test_ratios_of_totals(images: int, correlation: float) -> None:
    # File sizes are log-normal; the larger files save less, or more.
    random = np.random.default_rng(images)
    z, e = random.normal(size=(2, images, TRIALS))
    base = np.exp(0.7 * z)
    values = base * np.exp(-0.35 + 0.12 * (correlation * z + np.sqrt(1 - correlation**2) * e))
    # The mean of a log-normal variable is exp(mean + variance / 2).
    spread = 0.7**2 + 2 * 0.7 * 0.12 * correlation + 0.12**2
    truth = np.exp(-0.35 + (spread - 0.7**2) / 2)
    assert 0.92 <= coverage(total_ratio_estimates(values, base, Sample.simple(images)), truth) <= most(images)


@pytest.mark.parametrize("images", [6, 9, 12, 30, 100])
def test_medians(images: int) -> None:
    # Order statistics are discrete: the coverage is at least 95 %, of few images up to 99.2 %.
    values = np.random.default_rng(images).gamma(2, 1, (TRIALS, images))
    estimates = [median_estimate(row, Sample.simple(images)) for row in values]
    assert 0.935 <= coverage(estimates, 1.6783469900166608) <= 0.996


@pytest.mark.parametrize("clusters", [6, 12, 30])
def test_clusters_with_an_intraclass_correlation_of_one_half(clusters: int) -> None:
    random = np.random.default_rng(clusters)
    size = random.integers(1, 5, clusters)
    of_image = np.repeat(np.arange(clusters), size)
    shared = random.normal(0, 0.1, (clusters, TRIALS))[of_image]
    values = shared + random.normal(0, 0.1, (len(of_image), TRIALS))
    sample = dataclasses.replace(Sample.simple(len(of_image)), clusters=of_image)
    assert 0.92 <= coverage(mean_estimates(values, sample), 0.0) <= 0.98
    assert coverage(mean_estimates(values, Sample.simple(len(of_image))), 0.0) < 0.92


def test_strata() -> None:
    strata = np.repeat([0, 1, 2], [15, 9, 6])
    random = np.random.default_rng(7)
    values = random.normal(0, 0.1, (30, TRIALS)) + 0.4 * strata[:, None]
    sample = dataclasses.replace(Sample.simple(30), strata=strata)
    assert 0.92 <= coverage(mean_estimates(values, sample), float(0.4 * strata.mean())) <= 0.98


@pytest.mark.parametrize("images", [12, 20, 28])
def test_a_part_of_a_folder(images: int) -> None:
    # 30 images in the folder: the interval for the folder contains its own mean.
    random = np.random.default_rng(images)
    folder = random.gamma(2, 1, 30)
    drawn = np.array([random.permutation(30)[:images] for _ in range(TRIALS)])
    estimates = mean_estimates(folder[drawn].T, Sample.simple(images, 30))
    covered = [e.folder[0] <= folder.mean() <= e.folder[1] for e in estimates if e and e.folder]
    assert 0.92 <= np.mean(covered) <= 0.99
