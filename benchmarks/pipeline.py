"""How close a study comes to the lower bound: the CPU seconds that encoders, decoders and metrics need.

    python benchmarks/pipeline.py [--images DIR] [--workers N] [--json]

Prints, each from one run of the real pipeline with warm kernels and an empty store:

- efficiency: encode + decode + metric CPU seconds / (workers x wall seconds of the whole run, start included);
- finish: the part of the run that the second of two workers idles while one 8 MP image is left;
- overhead: what a task costs beyond encode, decode and metrics at 0.25 MP.

Without --images the photographs of the dataset "sample" are measured.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from codecstudy import PipelineRunner, StudyConfig, host
from codecstudy.datasets import open_sample
from codecstudy.images import load, resize
from codecstudy.pipeline import events
from codecstudy.types import Measurement

EIGHT_PER_FORMAT: list[dict[str, Any]] = [
    {"format": fmt, "quality": {"start": 30, "stop": 93, "step": 9}}
    for fmt in ("jpeg", "webp", "avif", "jxl")
]
SMALL: list[dict[str, Any]] = [{"format": "jpeg", "quality": {"start": 1, "stop": 100, "step": 1}}]


class Record:
    """One run of the pipeline, with the time of each event."""

    def __init__(self, encoders: list[dict[str, Any]], images: Path | None, workers: int) -> None:
        config = StudyConfig.model_validate(
            {"id": "bench", "dataset": {"id": "sample"}, "encoders": encoders}
        )
        self.events: list[tuple[float, events.Event]] = []
        with tempfile.TemporaryDirectory(prefix="codecstudy-bench-") as root:
            PipelineRunner(Path(root)).run(
                config,
                images=images,
                num_workers=workers,
                on_event=lambda event: self.events.append((time.monotonic(), event)),
            )
        self.workers = workers
        self.done = next(event for _, event in self.events if isinstance(event, events.Done))
        self.finished = [(at, event) for at, event in self.events if isinstance(event, events.Finished)]

    @property
    def span(self) -> tuple[float, float]:
        """When the first task began and the last one ended."""
        return min(at - event.seconds for at, event in self.finished), max(at for at, _ in self.finished)

    def idle(self, worker: int) -> float:
        """Part of the span that a worker did not work."""
        begin, end = self.span
        return 1 - sum(event.seconds for _, event in self.finished if event.worker == worker) / (end - begin)


def efficiency(images: Path | None, workers: int) -> dict[str, float]:
    run = Record(EIGHT_PER_FORMAT, images, workers)
    megapixels = sum(event.megapixels for _, event in run.finished)
    floor = run.done.cpu_seconds / workers
    begin, end = run.span
    return {
        "images": run.done.results.run.images_measured,
        "tasks": len(run.finished),
        "wall_seconds": run.done.wall_seconds,
        "floor_seconds": floor,
        "efficiency": floor / run.done.wall_seconds,
        "efficiency_while_measuring": floor / (end - begin),
        "open_cpu_share": run.done.open_cpu_seconds / (run.done.cpu_seconds + run.done.open_cpu_seconds),
        "megapixels_per_second": megapixels / run.done.wall_seconds,
        "floor_megapixels_per_second": megapixels / floor,
    }


def _photograph() -> Any:
    sample = open_sample()
    return load(sample.folder / next(name for name in sample.images if "motorcycle" in name)).pixels


def finish() -> dict[str, float]:
    photograph = _photograph()
    tiles = np.tile(photograph, (5, 5, 1))[:2448, :3264]
    with tempfile.TemporaryDirectory(prefix="codecstudy-bench-") as folder:
        Image.fromarray(tiles).save(Path(folder) / "8mp.png")
        run = Record(EIGHT_PER_FORMAT, Path(folder), 2)
    return {
        "second_worker_idle": max(run.idle(0), run.idle(1)),
        "finishing_seconds": run.span[1] - run.span[0],
    }


def overhead() -> dict[str, float]:
    pixels = np.ascontiguousarray(resize(_photograph(), 611))
    with tempfile.TemporaryDirectory(prefix="codecstudy-bench-") as folder:
        for number in range(6):
            Image.fromarray(np.roll(pixels, 40 * number, axis=1)).save(Path(folder) / f"{number}.png")
        run = Record(SMALL, Path(folder), 1)
    begin, end = run.span
    measured = [event.outcome for _, event in run.finished if isinstance(event.outcome, Measurement)]
    # Wall seconds beside wall seconds where a task has them; its metrics are CPU seconds of one thread.
    inside = sum(m.encoding_time + m.decoding_time + m.metrics_cpu_time for m in measured)
    return {
        "milliseconds_per_task": 1e3 * (end - begin - inside - run.done.open_cpu_seconds) / len(measured),
        "task_milliseconds": 1e3 * inside / len(measured),
        "tasks": len(measured),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=Path)
    parser.add_argument("--workers", type=int, default=host.usable_cpus())
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    figures = {
        "machine": f"{host.cpu_model()}, {host.usable_cpus()} CPUs, {host.operating_system()}",
        "workers": options.workers,
        "efficiency": efficiency(options.images, options.workers),
        "finish": finish(),
        "overhead": overhead(),
    }
    if options.json:
        print(json.dumps(figures, indent=1))
        return
    whole, last, small = figures["efficiency"], figures["finish"], figures["overhead"]
    print(figures["machine"])
    print(f"{whole['images']} images, {whole['tasks']} tasks, {options.workers} workers")
    print(f"  end to end     {whole['megapixels_per_second']:8.2f} MP/s  ({whole['wall_seconds']:.1f} s)")
    print(
        f"  floor          {whole['floor_megapixels_per_second']:8.2f} MP/s  ({whole['floor_seconds']:.1f} s)"
    )
    print(
        f"  efficiency     {whole['efficiency']:8.3f}  ({whole['efficiency_while_measuring']:.3f} while measuring)"
    )
    print(
        f"finish: second worker idle {100 * last['second_worker_idle']:.1f} % of {last['finishing_seconds']:.1f} s"
    )
    print(
        f"overhead: {small['milliseconds_per_task']:.2f} ms per task of {small['task_milliseconds']:.1f} ms"
    )


if __name__ == "__main__":
    main()
