"""Shares of images against the textbook and against simulated samples."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from codecstudy.analysis.attainment import (
    Assurance,
    Attainment,
    attainment,
    bound,
    images_needed,
    required,
)
from codecstudy.analysis.sample import Sample

EXPECTED, CERTAIN = Assurance.EXPECTED, Assurance.CERTAIN


def test_six_of_six_is_not_95_percent() -> None:
    # 0.05^(1/6), the share at which six of six images have a probability of 5 %.
    found = Attainment.of(6, 6)
    assert (found.expected, found.bound) == pytest.approx((6 / 7, 0.05 ** (1 / 6)))


@pytest.mark.parametrize(("images", "misses"), [(59, 0), (100, 1), (200, 4)])
def test_the_misses_that_certainty_allows(images: int, misses: int) -> None:
    # ISO 16269-6 and Wilks (1941): 59 images for a one-sided 95 % / 95 % tolerance limit.
    assert required(images, 0.95, CERTAIN) == images - misses
    assert bound(images - misses, images) >= 0.95 > bound(images - misses - 1, images)


def test_an_expected_share_of_95_percent_needs_19_images() -> None:
    assert [required(n, 0.95, EXPECTED) for n in (18, 19, 20, 38, 39, 100)] == [None, 19, 20, 38, 38, 96]
    assert images_needed(0.95, EXPECTED) == 19
    assert images_needed(0.95, CERTAIN) == 59
    assert images_needed(0.95, CERTAIN, misses=1) == 93
    assert images_needed(1.0, EXPECTED) is None


@given(images=st.integers(1, 300), coverage=st.floats(0.05, 0.99), assurance=st.sampled_from(Assurance))
def test_the_required_number_is_the_smallest_that_is_enough(
    images: int, coverage: float, assurance: Assurance
) -> None:
    def enough(k: int) -> bool:
        found = Attainment.of(k, images)
        share = found.expected if assurance is EXPECTED else found.bound
        return share >= coverage - 1e-12

    wanted = required(images, coverage, assurance)
    if wanted is None:
        assert not enough(images)
        needed = images_needed(coverage, assurance)
        assert needed is not None
        assert needed > images
    else:
        assert enough(wanted)
        assert wanted == 0 or not enough(wanted - 1)


@pytest.mark.parametrize("images", [19, 39, 100])
def test_the_share_of_other_images_follows_the_beta_distribution(images: int) -> None:
    # Each image needs a level; the chosen level is the one that k of n images need at most.
    random = np.random.default_rng(images)
    k = required(images, 0.95, EXPECTED)
    assert k is not None
    needs = random.exponential(size=(4000, images))
    chosen = np.sort(needs, axis=1)[:, k - 1]
    shares = 1 - np.exp(-chosen)  # of all other images
    assert np.mean(shares) == pytest.approx(k / (images + 1), abs=0.004)
    assert stats.kstest(shares, stats.beta(k, images - k + 1).cdf).pvalue > 0.01
    # The bound is exceeded in 95 % of samples.
    assert np.mean(shares >= bound(k, images)) == pytest.approx(0.95, abs=0.015)


def test_a_cluster_counts_once_and_only_if_all_its_images_reach_the_target() -> None:
    sample = dataclasses.replace(Sample.simple(6), clusters=np.array([0, 0, 1, 1, 2, 3]))
    reached = np.array([True, True, True, False, True, True])
    found = attainment(reached, np.array([True] * 5 + [False]), sample)
    assert (found.reached, found.images) == (2, 3)
