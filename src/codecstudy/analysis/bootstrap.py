"""Bootstrap over images, for procedures that no formula covers: the choice of a level, the Pareto front.

The unit is the cluster of images, drawn within strata (B. Efron and R. J. Tibshirani, "An Introduction to the
Bootstrap", 1993, chapters 6 and 8). One matrix of resampling counts serves all variants, targets and metrics, so
that two statistics of one resample are always based on the same images: differences are paired. Intervals of means
and ratios need no resampling: see :mod:`codecstudy.analysis.estimates`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from codecstudy.analysis.sample import Sample
from codecstudy.types import Floats

DEFAULT_RESAMPLES = 2000
DEFAULT_SEED = 0


@dataclass(frozen=True, slots=True, eq=False)
class Resamples:
    """How much each image weighs in each resample."""

    counts: Floats
    """How often each cluster was drawn, shape (resamples, clusters)."""
    weights: Floats
    """The same for each image, times its own weight, shape (resamples, images)."""

    @classmethod
    def draw(
        cls, sample: Sample, *, seed: int = DEFAULT_SEED, resamples: int = DEFAULT_RESAMPLES
    ) -> Resamples:
        """Draw as many clusters as each stratum has, with replacement, ``resamples`` times.

        The same arguments return the same draw.

        Raises:
            ValueError: If the sample has no images, or if ``resamples`` is less than one.
        """
        if not len(sample.weights) or resamples < 1:
            raise ValueError(f"cannot draw {resamples} resamples of {len(sample.weights)} images")
        rng = np.random.default_rng(seed)
        strata = sample.pooled_strata()
        counts = np.zeros((resamples, sample.clusters_count))
        for stratum in range(int(strata.max()) + 1):
            members = np.flatnonzero(strata == stratum)
            shares = np.full(members.size, 1 / members.size)
            counts[:, members] = rng.multinomial(members.size, shares, size=resamples)
        return cls(counts, counts[:, sample.clusters] * sample.weights)

    def means(self, values: Floats) -> Floats:
        """Mean of each column over the images of each resample.

        Args:
            values: Shape (images, statistics). NaN if an image has no value; the means of that column ignore it.

        Returns:
            Shape (resamples, statistics). NaN if a resample contains no image with a value.
        """
        present = ~np.isnan(values)
        sums = self.weights @ np.where(present, values, 0.0)
        weights = self.weights @ present.astype(np.float64)
        return np.divide(sums, weights, out=np.full_like(sums, np.nan), where=weights > 0)
