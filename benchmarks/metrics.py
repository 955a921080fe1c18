"""The cost of the metrics: prepare and score per megapixel, memory, compilation, loading.

    python benchmarks/metrics.py            a table at 0.25, 1, 3 and 8 megapixels
    python benchmarks/metrics.py --json     the figures at 1 megapixel as JSON

Times are CPU milliseconds of this process (medians), so another busy process disturbs them little. Memory is
the peak of what numpy allocates in prepare and score, without the two images.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import codecstudy
from codecstudy import metrics
from codecstudy.metrics.base import Metric

MEGAPIXELS = (0.25, 1, 3, 8)
MEASURING_SECONDS = 1.0

COMPILE = """
import resource, sys, time
from codecstudy.metrics import kernels
start = time.monotonic()
kernels.compile_all(sys.argv[1:])
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
print(time.monotonic() - start, usage.ru_utime + usage.ru_stime)
"""
LOAD = "import sys; from codecstudy import metrics; [metrics.get(name).compile() for name in sys.argv[1:]]"

Pixels = NDArray[np.uint8]


def pair(megapixels: float) -> tuple[Pixels, Pixels]:
    """A picture with structure of every size, 3:2, and the same with coarser levels and noise."""
    height = round((megapixels * 1e6 / 1.5) ** 0.5)
    width = round(megapixels * 1e6 / height)
    rng = np.random.default_rng(1)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    layers = [
        np.sin(x / period + c) * np.cos(y / (period * 1.3)) for period in (3, 17, 90, 400) for c in range(3)
    ]
    picture = 128 + 28 * np.stack([sum(layers[c::3]) for c in range(3)], axis=2)
    reference = np.clip(picture, 0, 255).astype(np.uint8)
    noise = rng.integers(-6, 7, reference.shape)
    return reference, np.clip((reference >> 3 << 3) + noise, 0, 255).astype(np.uint8)


def cpu_ms(action: Callable[[], object]) -> float:
    """Median CPU milliseconds of ``action``, run at least three times."""
    times: list[float] = []
    while len(times) < 3 or sum(times) < MEASURING_SECONDS:
        start = time.process_time()
        action()
        times.append(time.process_time() - start)
    return statistics.median(times) * 1000


def measure(metric: Metric, reference: Pixels, distorted: Pixels) -> dict[str, float]:
    pixels = reference.shape[0] * reference.shape[1]
    tracemalloc.start()
    prepared = metric.prepare(reference)
    prepared.scores(distorted)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    score = cpu_ms(lambda: prepared.scores(distorted))
    prepare = cpu_ms(lambda: metric.prepare(reference))
    return {
        "prepare_ms_per_mp": round(prepare / pixels * 1e6, 3),
        "score_ms_per_mp": round(score / pixels * 1e6, 3),
        "peak_bytes_per_pixel": round(peak / pixels, 2),
    }


def start_up_seconds(*names: str) -> tuple[float, float, float]:
    """Wall and CPU seconds to compile these metrics with nothing cached; wall of a process that loads them."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "codecstudy"
        shutil.copytree(Path(codecstudy.__file__).parent, copy, ignore=shutil.ignore_patterns("__pycache__"))
        env = {**os.environ, "PYTHONPATH": folder}
        compiling = subprocess.run(
            [sys.executable, "-P", "-c", COMPILE, *names],
            env=env,
            check=True,
            capture_output=True,
            text=True,
        )
        loads = []
        for _ in range(3):
            start = time.monotonic()
            subprocess.run([sys.executable, "-P", "-c", LOAD, *names], env=env, check=True)
            loads.append(time.monotonic() - start)
    wall, cpu = map(float, compiling.stdout.split())
    return wall, cpu, statistics.median(loads)


def main() -> None:
    chosen = {name: metrics.get(name) for name in metrics.BUILT_IN}
    for metric in chosen.values():
        metric.compile()
    if "--json" in sys.argv[1:]:
        reference, distorted = pair(1)
        figures = {name: measure(m, reference, distorted) for name, m in chosen.items()}
        print(json.dumps(figures, indent=2))
        return
    print(f"{'metric':<13}{'MP':>6}{'prepare ms/MP':>15}{'score ms/MP':>13}{'peak bytes/px':>15}")
    for megapixels in MEGAPIXELS:
        reference, distorted = pair(megapixels)
        for name, metric in chosen.items():
            prepare, score, peak = measure(metric, reference, distorted).values()
            print(f"{name:<13}{megapixels:>6}{prepare:>15.2f}{score:>13.2f}{peak:>15.1f}")
    others = [name for name in metrics.BUILT_IN if name not in metrics.DEFAULT]
    for title, names in [("the default metrics", metrics.DEFAULT), *((name, (name,)) for name in others)]:
        wall, cpu, loading = start_up_seconds(*names)
        print(
            f"{title}: cold compilation {wall:.1f} s wall on {os.cpu_count()} CPUs, {cpu:.1f} s CPU; "
            f"a process that loads them {loading:.2f} s wall from its start to its end"
        )


if __name__ == "__main__":
    main()
