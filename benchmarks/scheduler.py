"""The cost of scheduler decisions, and how well the scheduler keeps a budget, in simulated time.

    python benchmarks/scheduler.py [--quick] [--json]

Prints:

- cost: CPU microseconds of each decision and of each report of an ended task, and the peak memory of the whole
  process (simulation included), with 1,000 workers and 1,000,000 tasks, of which the budget leaves out a tenth;
- budget: how far runs end from a budget of 20 times the cost of one image, taken as the most expensive and as the
  mean one. Costs are log-normal with the spread of real AVIF encodes. With one worker a budget of 20 mean images
  cannot always be met: the last image is a twentieth of it, and is known beforehand to within a factor of 1.5 only;
- finish: the part of the time that the idler one of two workers idles with one image of 8 megapixels.

--quick runs a tenth of the tasks and a quarter of the seeds.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import statistics
import sys
import time
from array import array
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from codecstudy.schedule import SourceWork
from codecstudy.schedule.cost_model import CostModel
from support.simulation import Simulation, images, study

IMAGES_IN_BUDGET = 20


def cost(workers: int, sources: int, settings: int) -> dict[str, Any]:
    rng = random.Random(1)
    priors, truth = study(rng, settings)
    work = images(rng, sources, settings, spread=0.5)
    seconds = 0.9 * sum(truth.cost(source) for source in work) / workers
    simulation = Simulation(
        work, CostModel(priors), truth, workers, budget=seconds, keep=False, timer=time.thread_time
    ).run()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return {
        "workers": workers,
        "tasks": simulation.scheduler.progress(simulation.now).tasks,
        "over": simulation.now / seconds - 1,
        "decision_us": spread(simulation.decisions),
        "report_us": spread(simulation.reports),
        "peak_mb": peak / 1e6,
    }


def spread(seconds: array[float]) -> dict[str, float]:
    ordered = sorted(seconds)
    picked = {"median": 0.5, "p99": 0.99, "max": 1.0}
    return {"mean": statistics.fmean(ordered) * 1e6} | {
        name: ordered[min(len(ordered) - 1, int(part * len(ordered)))] * 1e6 for name, part in picked.items()
    }


def budget(workers: int, seeds: int, settings: int, of: str) -> dict[str, Any]:
    ends = [budget_error(seed, workers, settings, of) for seed in range(seeds)]
    return {
        "workers": workers,
        "one_image": of,
        "runs": seeds,
        "earliest": min(ends),
        "median": statistics.median(ends),
        "latest": max(ends),
        "over_2_percent": sum(end > 0.02 for end in ends),
        "unused_5_percent": sum(end < -0.05 for end in ends),
    }


def budget_error(seed: int, workers: int, settings: int, of: str) -> float:
    """By which part of its budget a run ends late (or early, below zero), with images left over."""
    count = IMAGES_IN_BUDGET * workers
    while True:
        rng = random.Random(seed)
        priors, truth = study(rng, settings)
        work = images(rng, count, settings)
        costs = [truth.cost(source) for source in work]
        seconds = IMAGES_IN_BUDGET * (max(costs) if of == "most expensive" else statistics.fmean(costs))
        if sum(costs) > 1.2 * seconds * workers + 4 * max(costs):
            break
        count = count * 3 // 2
    simulation = Simulation(work, CostModel(priors), truth, workers, budget=seconds, keep=False).run()
    return simulation.now / seconds - 1


def finish(seeds: int) -> dict[str, Any]:
    idle = []
    for seed in range(seeds):
        rng = random.Random(seed)
        priors, truth = study(rng, 32)
        simulation = Simulation(
            [SourceWork(0, tuple(range(32)), (8.0,))], CostModel(priors), truth, workers=2
        ).run()
        busy = [0.0, 0.0]
        for span in simulation.spans:
            busy[span.worker] += span.end - span.begin
        idle.append(1 - min(busy) / simulation.now)
    return {"runs": seeds, "median_idle": statistics.median(idle), "worst_idle": max(idle)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of the tasks, a quarter of the seeds")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    part = 4 if options.quick else 1
    sources = 2_000 if options.quick else 20_000
    runs = {1: 200, 2: 100, 8: 20, 64: 4}
    found = {
        "cost": cost(1000, sources, 50),
        "budget": [
            budget(workers, max(2, seeds // part), 24, of)
            for of in ("most expensive", "mean")
            for workers, seeds in runs.items()
        ],
        "finish": finish(100 // part),
    }
    print(json.dumps(found, indent=2) if options.json else table(found))


def table(found: dict[str, Any]) -> str:
    row = found["cost"]
    lines = [
        f"{row['tasks']:,} tasks, {row['workers']:,} workers: peak {row['peak_mb']:.0f} MB, "
        f"ends {row['over']:+.1%} from its budget"
    ]
    lines += [
        f"  {name:9}us: " + ", ".join(f"{key} {value:.0f}" for key, value in row[f"{name}_us"].items())
        for name in ("decision", "report")
    ]
    lines += [
        f"budget of {IMAGES_IN_BUDGET} {row['one_image']} images, {row['workers']:2} workers: ends "
        f"{row['earliest']:+.1%} to {row['latest']:+.1%}, median {row['median']:+.1%}; over by more than 2 % "
        f"{row['over_2_percent']}, more than 5 % unused {row['unused_5_percent']} of {row['runs']} runs"
        for row in found["budget"]
    ]
    idle = found["finish"]
    lines.append(
        f"finish, one 8 MP image, 2 workers: the idle worker idles {idle['median_idle']:.1%} (median), "
        f"{idle['worst_idle']:.1%} (worst of {idle['runs']})"
    )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
