"""What options and judges change: BD-rate of every variant of a study against baseline JPEG, under each metric.

    codecstudy run benchmarks/fairness.toml --images DIR --root FOLDER
    python benchmarks/fairness.py FOLDER/data/metrics/fairness

Prints the geometric mean over images in percent (negative: smaller files at the same score), over a range of
scores, and how many images it is about where that is not all of them.
"""

from __future__ import annotations

import sys
from pathlib import Path

from codecstudy.analysis.bdrate import bd_matrix
from codecstudy.analysis.curves import fit
from codecstudy.analysis.points import collect
from codecstudy.api import load_results

RANGES = {
    "ssimulacra2": (60.0, 80.0),
    "butteraugli_3norm": (1.5, 0.8),
    "psnr": (32.0, 38.0),
    "ssim": (0.93, 0.97),
}
"""Scores, worst first, that every variant of the study reaches on photographs: the usual range is wider."""


def main() -> None:
    """Print the table for the results that the command line names."""
    points = collect(load_results(Path(sys.argv[1])))
    (scope,) = points.scopes
    columns: dict[str, dict[str, str]] = {}
    for metric, over in RANGES.items():
        rates = bd_matrix(fit(points, metric), scope, over)
        base = next(rate.baseline for rate in rates[0] if rate.baseline.label == "jpeg progressive=false")
        for rate in (rate for row in rates for rate in row if rate.baseline == base):
            value = f"{rate.percent.value:+.1f} %" if rate.percent else "-"
            note = "" if rate.images == len(points.images) else f" ({rate.images})"
            columns.setdefault(rate.variant.label, {})[metric] = value + note
    titles = (f"{metric} {worst:g} to {best:g}" for metric, (worst, best) in RANGES.items())
    print(f"| variant | {' | '.join(titles)} |")
    print(f"| --- |{' --- |' * len(RANGES)}")
    for name, cells in columns.items():
        print(f"| {name} | {' | '.join(cells.get(metric, '-') for metric in RANGES)} |")


if __name__ == "__main__":
    main()
