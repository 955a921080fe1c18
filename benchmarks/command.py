"""Overhead of an encoder that is a program: wall time of an encode beyond the CPU time of the program itself.

It covers writing the image to a file, starting the program, waiting for it, and reading its output, at 1 MP.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time

import numpy as np

from codecstudy import codecs, host
from codecstudy.codecs.command import Definition
from codecstudy.types import Setting

LIMIT = 5.0
"""Milliseconds."""


def median_overhead(name: str, setting: Setting, repeats: int) -> tuple[float, float, float]:
    """Medians in milliseconds: overhead, wall time of an encode, CPU time of the program."""
    encoder = codecs.get(name)
    random = np.random.default_rng(0)
    noise = random.integers(0, 12, (1000, 1000, 3))
    y, x = np.mgrid[0:1000, 0:1000]
    pixels = (np.stack([x / 5, y / 5, (x + y) / 10], axis=2) + noise).astype(np.uint8)
    rows = []
    for _ in range(repeats + 3):  # the first ones start the launcher and fill caches
        started = time.perf_counter()
        cost = encoder.encoded(pixels, setting).cost
        wall = time.perf_counter() - started
        rows.append((1000 * (wall - cost.cpu_time), 1000 * wall, 1000 * cost.cpu_time))
    overhead, wall, cpu = (statistics.median(column) for column in zip(*rows[3:], strict=True))
    return overhead, wall, cpu


def main() -> None:
    """Print the overheads; exit code 1 if one is over the limit."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=50)
    repeats = parser.parse_args().repeats
    words = ("cp", "{input}", "{output}")
    copy = Definition("copy", "ppm", ".ppm", words, words, "ppm", "ppm", None)
    # What a worker with sources and metrics in memory would be.
    ballast = np.ones(1 << 30, np.uint8)
    print(f"{host.fingerprint()}; files in {host.memory_folder() or 'the temporary folder'}")
    print(f"{repeats} encodes of 1 MP each, by a process of {ballast.nbytes / 2**30:.0f} GiB; medians, ms")
    print(f"{'program':>8}  {'overhead':>8}  {'wall':>6}  {'CPU of the program':>18}")
    failed = False
    with codecs.defined([copy]):
        for name, setting in (
            ("copy", Setting.of("ppm", encoder="copy")),
            ("cjpeg", Setting.of("jpeg", encoder="cjpeg", quality=80)),
            ("cwebp", Setting.of("webp", encoder="cwebp", quality=80, method=0)),
        ):
            if (lacking := codecs.get(name).missing()) is not None:
                print(f"{name:>8}  {lacking}")
                continue
            overhead, wall, cpu = median_overhead(name, setting, repeats)
            failed |= overhead > LIMIT
            print(f"{name:>8}  {overhead:8.2f}  {wall:6.2f}  {cpu:18.2f}")
    print(f"limit of the overhead: {LIMIT:g} ms: {'exceeded' if failed else 'kept'}")
    if failed:
        sys.exit(1)


if __name__ == "__main__":
    main()
