"""Metrics of plain formulas. Tests register them by path."""

from __future__ import annotations

import dataclasses

import numpy as np

from codecstudy.metrics.base import Metric, check_image, check_pair
from codecstudy.types import MetricColumn, MetricFacts, Pixels, QualityLabels


class Prepared:
    def __init__(self, reference: Pixels) -> None:
        self._reference = check_image(reference, "reference").astype(np.float64)

    def scores(self, distorted: Pixels) -> dict[str, float]:
        """Mean and largest absolute difference of all samples."""
        pixels = check_pair(self._reference.shape, distorted)
        difference = np.abs(self._reference - pixels)
        return {"absolute": float(difference.mean()), "absolute_max": float(difference.max())}


def column(name: str, title: str, targets: tuple[float, ...], usual: float) -> MetricColumn:
    return MetricColumn(
        name=name,
        title=title,
        description=f"{title}; lower is better",
        higher_is_better=False,
        targets=targets,
        usual_target=usual,
        identical=0.0,
        digits=3,
        minimum=0.0,
        maximum=255.0,
    )


WORDS = QualityLabels(((2.0, "close", "little"), (4.0, "rough", "some")), ("far", "much"), "this test")

ABSOLUTE = Metric(
    MetricFacts(
        name="absolute",
        title="Absolute",
        version="1",
        columns=(
            dataclasses.replace(
                column("absolute", "Absolute error", (8.0, 4.0, 3.0, 2.0), 4.0), quality_labels=WORDS
            ),
            column("absolute_max", "Largest error", (100.0, 60.0, 30.0), 60.0),
        ),
        citation="none",
        explanation="is how far the samples are apart.",
    ),
    Prepared,
)
OTHER = dataclasses.replace(ABSOLUTE)
BUILT_IN_NAME = dataclasses.replace(ABSOLUTE, facts=dataclasses.replace(ABSOLUTE.facts, name="psnr"))
BAD_NAME = dataclasses.replace(ABSOLUTE, facts=dataclasses.replace(ABSOLUTE.facts, name="Ab solute"))
BAD_COLUMN = dataclasses.replace(ABSOLUTE, facts=dataclasses.replace(ABSOLUTE.facts, name="relative"))
NO_COLUMN = dataclasses.replace(ABSOLUTE, facts=dataclasses.replace(ABSOLUTE.facts, columns=()))
TAKEN_COLUMN = dataclasses.replace(
    ABSOLUTE,
    facts=dataclasses.replace(
        ABSOLUTE.facts, name="quality", columns=(column("quality", "Q", (2.0, 1.0), 1.0),)
    ),
)
NOT_A_METRIC = 13
DERIVED_COLUMN = dataclasses.replace(
    ABSOLUTE,
    facts=dataclasses.replace(
        ABSOLUTE.facts, name="level", columns=(column("level", "Level", (2.0, 1.0), 1.0),)
    ),
)
