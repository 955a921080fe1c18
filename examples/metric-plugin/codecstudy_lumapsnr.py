import math

import numpy as np

from codecstudy.metrics.base import Metric, check_pair
from codecstudy.types import MetricColumn, MetricFacts

LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601


class Prepared:
    """The metric with one reference image: everything that depends on that image alone is computed once."""

    def __init__(self, reference):
        self.shape = reference.shape
        self.luma = reference @ LUMA

    def scores(self, distorted):
        error = np.mean((self.luma - check_pair(self.shape, distorted) @ LUMA) ** 2)
        return {"lumapsnr": 10 * math.log10(255**2 / error) if error else math.inf}


METRIC = Metric(
    MetricFacts(
        name="lumapsnr",
        title="Luma PSNR",
        version="1",
        columns=(
            MetricColumn(
                name="lumapsnr",
                title="Luma PSNR (dB)",
                description="PSNR of the luma in dB; higher is better",
                higher_is_better=True,
                targets=(30.0, 35.0, 40.0, 45.0),
                usual_target=40.0,
                identical=math.inf,
                digits=1,
                unit="dB",
            ),
        ),
        citation="ITU-R BT.601",
        explanation="an error of the brightness alone, in decibels.",
    ),
    Prepared,
)
