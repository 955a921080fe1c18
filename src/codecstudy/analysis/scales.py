"""What the analysis must know of a metric: its direction, and the values worth comparing at.

A curve runs over *goodness*: the score itself where higher is better, its negative where lower is better.
"""

from __future__ import annotations

from dataclasses import dataclass

from codecstudy.errors import ResultsError


@dataclass(frozen=True, slots=True)
class Scale:
    """One metric's column and how to read it."""

    column: str
    """Column of a record: ``butteraugli``."""
    title: str
    """As people write it: ``Butteraugli``."""
    higher_is_better: bool
    targets: tuple[float, ...]
    """Scores at which sizes are compared unless others are asked for, worst first."""
    usual_target: float
    """One score that stands for good quality on the web, where a single one is needed."""

    def goodness(self, score: float) -> float:
        """``score`` on an axis that rises with quality."""
        return score if self.higher_is_better else -score

    def score(self, goodness: float) -> float:
        """The inverse of :meth:`goodness`, which is its own inverse."""
        return self.goodness(goodness)


SCALES: dict[str, Scale] = {
    scale.column: scale
    for scale in (
        Scale("ssimulacra2", "SSIMULACRA2", True, (50.0, 60.0, 70.0, 80.0, 85.0, 90.0), 80.0),
        Scale("butteraugli", "Butteraugli", False, (3.0, 2.0, 1.5, 1.0, 0.5), 1.5),
        Scale("butteraugli_3norm", "Butteraugli 3-norm", False, (1.5, 1.0, 0.75, 0.5, 0.25), 0.75),
        Scale("psnr", "PSNR (dB)", True, (30.0, 35.0, 40.0, 45.0), 40.0),
        Scale("ssim", "SSIM", True, (0.9, 0.95, 0.98, 0.99), 0.98),
    )
}
"""Every metric that a record has a column for."""


def scale_of(metric: str) -> Scale:
    """The scale of column ``metric``; :class:`ResultsError`, naming the known ones, where there is none."""
    try:
        return SCALES[metric]
    except KeyError:
        raise ResultsError(f"unknown metric {metric!r}; results hold {', '.join(SCALES)}") from None
