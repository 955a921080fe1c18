import math

import numpy as np
from codecstudy_lumapsnr import METRIC


def test_an_error_of_one_step_is_48_decibels():
    grey = np.full((16, 24, 3), 128, np.uint8)
    prepared = METRIC.prepared(grey)
    assert prepared.scores(grey) == {"lumapsnr": math.inf}
    assert math.isclose(prepared.scores(grey + 1)["lumapsnr"], 20 * math.log10(255))
