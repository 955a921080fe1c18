"""Resamples of clusters within strata."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from codecstudy.analysis.bootstrap import Resamples
from codecstudy.analysis.sample import Sample


def test_the_same_seed_returns_the_same_draw() -> None:
    one, other = (Resamples.draw(Sample.simple(9), seed=4) for _ in range(2))
    np.testing.assert_array_equal(one.weights, other.weights)
    assert one.weights.shape == (2000, 9)
    assert (one.weights.sum(axis=1) == 9).all()
    assert (Resamples.draw(Sample.simple(9), seed=5).weights != one.weights).any()


@pytest.mark.parametrize(("images", "resamples"), [(0, 10), (10, 0)])
def test_zero_images_or_resamples_are_refused(images: int, resamples: int) -> None:
    with pytest.raises(ValueError, match="cannot draw"):
        Resamples.draw(Sample.simple(images), resamples=resamples)


def test_clusters_are_drawn_whole_and_strata_keep_their_size() -> None:
    sample = dataclasses.replace(
        Sample.simple(22),
        clusters=np.concatenate([np.repeat(np.arange(6), 2), np.arange(6, 16)]),
        strata=np.repeat([0, 1], [12, 10]),
        weights=np.where(np.arange(22) == 21, 3.0, 1.0),
    )
    draw = Resamples.draw(sample, resamples=100)
    np.testing.assert_array_equal(draw.weights[:, 0:12:2], draw.weights[:, 1:12:2])
    assert (draw.weights[:, :12].sum(axis=1) == 12).all()
    drawn = draw.weights / sample.weights
    assert (drawn[:, 12:].sum(axis=1) == 10).all()


def test_means_are_those_of_the_drawn_images() -> None:
    values = np.random.default_rng(0).normal(size=(7, 3))
    values[[1, 4], 0] = np.nan
    resamples = Resamples.draw(Sample.simple(7), resamples=50)
    for row, weights in enumerate(resamples.weights.astype(int)):
        drawn = np.repeat(np.arange(7), weights)
        np.testing.assert_allclose(resamples.means(values)[row], np.nanmean(values[drawn], axis=0))
