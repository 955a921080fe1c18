"""How far PCHIP curves deviate between measured levels, as a share of the distance of the two log sizes.

    python benchmarks/interpolation.py ~/photos

Encodes every image of a folder at every second quality number, which gives nearly the true curve of each image.
Then it keeps every 5th or 10th of these, and interpolates the log size at the scores of the others. The answer
bounds the error of a mean over images by ``codecstudy.analysis.curves.INTERPOLATION_BOUND`` x the mean width of the
images' brackets: the last column must stay below that constant.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
from pathlib import Path

import numpy as np

from codecstudy import PipelineRunner, StudyConfig
from codecstudy.analysis.curves import INTERPOLATION_BOUND, fit
from codecstudy.analysis.points import collect

STUDY = {
    "id": "dense",
    "name": "Dense sweeps",
    "dataset": {"id": "images"},
    "encoders": [
        {"format": "jpeg", "quality": {"start": 20, "stop": 96, "step": 2}, "resolution": 512},
        {"format": "webp", "quality": {"start": 20, "stop": 96, "step": 2}, "resolution": 512},
        {"format": "avif", "quality": {"start": 20, "stop": 96, "step": 2}, "speed": 8, "resolution": 512},
        {"format": "jxl", "quality": {"start": 20, "stop": 96, "step": 2}, "effort": 5, "resolution": 512},
    ],
    "metrics": ["ssimulacra2"],
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("images", type=Path, help="folder of photographs")
    parser.add_argument("--max-images", type=int, default=24)
    options = parser.parse_args()
    study = STUDY | {"dataset": {"id": "images", "max_images": options.max_images}}
    with tempfile.TemporaryDirectory() as root:
        runner = PipelineRunner(Path(root))
        results = runner.run(StudyConfig.model_validate(study), images=options.images)
    curves = fit(collect(results), "ssimulacra2")
    print(f"{len(curves.points.images)} images; share of the bracket's log-size width")
    print(
        f"{'encoder':10} {'step':>5} {'brackets':>9} {'median':>7} {'p99':>7} {'largest':>8} {'of means':>9}"
    )
    worst = 0.0
    for (v, variant), keep in itertools.product(enumerate(curves.points.variants), (5, 10)):
        row = curves.of_variant(v)
        shares: list[float] = []
        means: dict[int, list[tuple[float, float]]] = {}
        for curve in row:
            if curve is None or len(curve) < 2 * keep:
                continue
            kept = np.arange(0, len(curve), keep)
            left_out = np.setdiff1d(np.arange(len(curve)), kept)
            left_out = left_out[left_out < kept[-1]]
            coarse = curve.without(left_out)
            at = curve.goodness[left_out]
            error = coarse.log_size_at(at) - curve.log_size[left_out]
            width = coarse.bound_at(at) / INTERPOLATION_BOUND
            shares += np.abs(error / width).tolist()
            for place, pair in zip(
                left_out.tolist(), zip(error.tolist(), width.tolist(), strict=True), strict=True
            ):
                means.setdefault(place, []).append(pair)
        found = np.array(shares)
        if found.size:
            sums = [np.sum(pairs, axis=0) for pairs in means.values() if len(pairs) == len(row)]
            of_means = max(abs(error) / width for error, width in sums)
            worst = max(worst, of_means)
            middle, high = np.quantile(found, [0.5, 0.99])
            print(
                f"{variant.encoder:10} {2 * keep:5} {found.size:9,} {middle:7.3f} {high:7.3f} {found.max():8.3f} "
                f"{of_means:9.3f}"
            )
    print(f"bound {INTERPOLATION_BOUND}, largest share of a mean {worst:.3f}")


if __name__ == "__main__":
    main()
