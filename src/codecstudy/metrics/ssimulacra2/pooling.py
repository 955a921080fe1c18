"""From the norms of the error maps to one score.

Source: libjxl ``tools/ssimulacra2.cc`` at commit aea3a06e (``Msssim::Score``). Its authors tuned the weights on
subjective scores (CID22, TID2013, KADID-10k, KonFiG-IQA).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SCALES = 6
"""From full size down to 1:32."""

# fmt: off
# Per component and scale, 1:1 to 1:32: SSIM, artifact and lost detail in the 1-norm, then in the 4-norm.
_WEIGHTS = np.array([
    # X
    0.0, 0.0007376606707406586, 0.0, 0.0, 0.0007793481682867309, 0.0,
    0.0, 0.0004371155730107379, 0.0, 1.1041726426657346, 0.00066284834129271, 0.00015231632783718752,
    0.0, 0.0016406437456599754, 0.0, 1.8422455520539298, 11.441172603757666, 0.0,
    0.0007989109436015163, 0.000176816438078653, 0.0, 1.8787594979546387, 10.94906990605142, 0.0,
    0.0007289346991508072, 0.9677937080626833, 0.0,
        0.00014003424285435884, 0.9981766977854967, 0.00031949755934435053,
    0.0004550992113792063, 0.0, 0.0, 0.0013648766163243398, 0.0, 0.0,
    # Y
    0.0, 0.0, 0.0, 7.466890328078848, 0.0, 17.445833984131262,
    0.0006235601634041466, 0.0, 0.0, 6.683678146179332, 0.00037724407979611296, 1.027889937768264,
    225.20515300849274, 0.0, 0.0, 19.213238186143016, 0.0011401524586618361, 0.001237755635509985,
    176.39317598450694, 0.0, 0.0, 24.43300999870476, 0.28520802612117757, 0.0004485436923833408,
    0.0, 0.0, 0.0, 34.77906344483772, 44.835625328877896, 0.0,
    0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
    # B
    0.0, 0.0008680556573291698, 0.0, 0.0, 0.0, 0.0,
    0.0, 0.0005313191874358747, 0.0, 0.00016533814161379112, 0.0, 0.0,
    0.0, 0.0, 0.0, 0.0004179171803251336, 0.0017290828234722833, 0.0,
    0.0020827005846636437, 0.0, 0.0, 8.826982764996862, 23.19243343998926, 0.0,
    95.1080498811086, 0.9863978034400682, 0.9834382792465353,
        0.0012286405048278493, 171.2667255897307, 0.9807858872435379,
    0.0, 0.0, 0.0, 0.0005130064588990679, 0.0, 0.00010854057858411537,
])
# fmt: on


def weights(scales: int) -> NDArray[np.float64]:
    """Weights of an image with ``scales`` scales: (channel, scale, norm, map).

    libjxl takes them one after another from the list for six scales. An image with fewer scales therefore uses
    other weights than those that were tuned for its maps; the score is defined that way.
    """
    return _WEIGHTS[: 3 * scales * 6].reshape(3, scales, 2, 3)


def score(sums: NDArray[np.float64], pixels: NDArray[np.float64]) -> float:
    """The score, at most 100, of ``sums`` (scale, channel, norm, map) over ``pixels`` (scale) pixels each.

    Norm 1 uses sums of the errors' fourth powers.
    """
    means = sums / pixels[:, None, None, None]
    norms = np.stack([means[:, :, 0], np.sqrt(np.sqrt(means[:, :, 1]))], axis=2)
    error = float((weights(len(sums)) * np.moveaxis(norms, 0, 1)).sum()) * 0.9562382616834844
    error = 2.326765642916932 * error - 0.020884521182843837 * error**2 + 6.248496625763138e-05 * error**3
    return 100.0 - 10.0 * error**0.6276336467831387 if error > 0 else 100.0
