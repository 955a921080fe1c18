"""Time and memory at a million records: a resumed run, merging, and every command that reads results.

A workspace is made in which all tasks of a study (tiny images x settings) are in the measurement store, with sizes,
times and scores from formulas. Then each command runs as a process of its own.

    python benchmarks/records.py
    python benchmarks/records.py --images 100 --settings 400 --folder /tmp/small
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from codecstudy import host, metrics
from codecstudy.datasets import open_folder
from codecstudy.pipeline.plan import Plan, make_plan
from codecstudy.store import Store
from codecstudy.study import StudyConfig
from codecstudy.types import Measurement, Scores, Setting

LIMITS = {
    "resumed start": (10, 1.0),
    "run, nothing left": (None, 1.0),
    "merge 4 shards": (60, 2.0),
    "recommend": (60, 2.0),
    "report": (60, 2.0),
}
"""Seconds and gigabytes that should not be exceeded."""


def study(settings: int) -> StudyConfig:
    """A study of so many settings, at most 1,000."""
    encoders: list[dict[str, object]] = [
        {
            "format": "jpeg",
            "quality": {"start": 1, "stop": 100, "step": 1},
            "chroma_subsampling": ["444", "420"],
        },
        {"format": "webp", "quality": {"start": 1, "stop": 100, "step": 1}, "method": [2, 4, 6]},
        {"format": "avif", "quality": {"start": 1, "stop": 100, "step": 1}, "speed": [6, 8, 10]},
        {"format": "jxl", "quality": {"start": 1, "stop": 100, "step": 1}, "effort": [3, 7]},
    ]
    levels = settings // 10
    for encoder in encoders:
        encoder["quality"] = [round(1 + 99 * k / max(levels - 1, 1)) for k in range(levels)]
    return StudyConfig.model_validate(
        {"id": "records", "name": "Records", "dataset": {"id": "none"}, "encoders": encoders}
    )


def measurement(source: int, setting: Setting) -> Measurement:
    """Size, times and scores of one task."""
    quality = setting.get("quality")
    shape = 1 + 0.3 * math.sin(source)
    gain = {"jpeg": 1.0, "webp": 0.75, "avif": 0.55, "jxl": 0.6}[setting.format]
    effort = 1 + 0.01 * sum(v for _, v in setting.parameters if isinstance(v, int))
    score = 30 + 60 * (quality / 100) ** 0.7 + 2 * math.sin(source * 7)
    size = round(20_000 * gain * shape * math.exp(score / 28) / effort) + 500
    seconds = 0.05 * effort + 0.001 * (source % 13)
    values = {
        "ssimulacra2": {"ssimulacra2": score},
        "butteraugli": {"butteraugli": (100 - score) / 10, "butteraugli_3norm": (100 - score) / 22},
        "psnr": {"psnr": 25 + score / 4},
        "ssim": {"ssim": 0.5 + score / 210},
    }
    return Measurement(
        file_size=size,
        width=2000,
        height=1500,
        encoding_time=1.01 * seconds,
        encoding_cpu_time=seconds,
        decoding_time=0.011,
        decoding_cpu_time=0.01,
        sha256=f"{source:032x}{size:032x}",
        scores={name: Scores(columns, 0.02) for name, columns in values.items()},
    )


def fill(root: Path, images: int, config: StudyConfig) -> Plan:
    """Make the images, and a store with every task."""
    folder = root / "images"
    folder.mkdir()
    for number in range(images):
        pixels = np.full((8, 8, 3), number % 251, dtype=np.uint8)
        pixels[0, 0] = divmod(number, 251)[0] % 256
        pixels[0, 1] = number % 256
        Image.fromarray(pixels).save(folder / f"{number:05d}.png")
    with Store(root / "data" / "store.sqlite") as store:
        plan = make_plan(
            config, open_folder(folder), store, host.fingerprint(), artifact_root=root / "data" / "encoded"
        )
        for number, source in enumerate(plan.sources):
            assert source.sha256 is not None
            for setting, conditions in zip(plan.settings, plan.conditions, strict=True):
                store.add(source.sha256, conditions, measurement(number, setting), plan.metric_versions)
            store.commit()
    return plan


def timed(arguments: list[str]) -> tuple[int, float, float, float]:
    """Exit code, seconds, CPU seconds and gigabytes of ``python -m codecstudy`` with these arguments."""
    started = time.monotonic()
    with tempfile.TemporaryFile() as shown:
        child = subprocess.Popen(
            [sys.executable, "-m", "codecstudy", *arguments], stdout=shown, stderr=subprocess.STDOUT
        )
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.monotonic() - started
        code = os.waitstatus_to_exitcode(status)
        child.returncode = code
        if code not in (0, 1):
            shown.seek(0)
            sys.stderr.write(shown.read().decode(errors="replace")[-2000:])
    # Linux counts in KiB, macOS in bytes.
    unit = 1 if sys.platform == "darwin" else 1024
    return code, seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * unit / 1e9


def main() -> None:
    """Make the workspace, run the commands, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--settings", type=int, default=1000, help="a multiple of 10, at most 1,000")
    parser.add_argument(
        "--folder", type=Path, help="where to make the workspace; default: a temporary folder"
    )
    parser.add_argument("--keep", action="store_true", help="keep the workspace; use it again if it is there")
    options = parser.parse_args()
    root = options.folder or Path(tempfile.mkdtemp(prefix="codecstudy-records-"))
    config = study(options.settings)
    if not (root / "study.json").exists():
        root.mkdir(parents=True, exist_ok=True)
        started = time.monotonic()
        fill(root, options.images, config)
        (root / "study.json").write_text(json.dumps(config.to_dict()))
        print(f"store made in {time.monotonic() - started:.0f} s", file=sys.stderr)
    run = ["run", str(root / "study.json"), "--images", str(root / "images"), "--root", str(root)]
    results = str(root / "data" / "metrics" / "records")
    commands = {
        "resumed start": [*run, "--dry-run"],
        "run, nothing left": run,
        "run of a shard of 4, nothing left": [*run, "--shard", "1/4"],
        **{f"run of shard {k}": [*run, "--shard", f"{k}/4"] for k in (2, 3, 4)},
        "merge 4 shards": ["merge", *(f"{results}/shard-{k}-of-4" for k in range(1, 5)), "-o", results],
        "merge with itself": ["merge", results, results, "-o", str(root / "twice")],
        "merge the store": ["merge", str(root / "data" / "store.sqlite"), "-o", str(root / "merged.sqlite")],
        "recommend": ["recommend", results],
        "diff": ["diff", results, results],
        "report": ["report", results, "-o", str(root / "report.html")],
        "export csv": ["export", results, "--format", "csv", "-o", str(root / "quality.csv")],
        "export parquet": ["export", results, "--format", "parquet", "-o", str(root / "exported.parquet")],
    }
    print(f"{options.images * options.settings:,} records; {host.cpu_model()}, {platform.system()}\n")
    print("| command | seconds | CPU seconds | peak memory | limit |")
    print("| --- | --- | --- | --- | --- |")
    for name, arguments in commands.items():
        code, seconds, cpu, memory = timed(arguments)
        longest, most = LIMITS.get(name, (None, None))
        limit = ", ".join(
            text for text in (f"{longest} s" if longest else "", f"{most:g} GB" if most else "") if text
        )
        failed = f" (exit code {code})" if code else ""
        print(f"| {name}{failed} | {seconds:.1f} | {cpu:.1f} | {memory:.2f} GB | {limit} |", flush=True)
    print(f"\nreport.html: {(root / 'report.html').stat().st_size / 1e6:.1f} MB")
    print(f"metrics: {', '.join(metrics.DEFAULT)}")
    if not options.keep:
        shutil.rmtree(root)


if __name__ == "__main__":
    main()
