"""Overhead of an encoder that is a program: wall time of an encode beyond the CPU time of the program itself.

It covers writing the image to a file, starting the program, waiting for it, and reading its output, at 1 MP. Run it
on an idle machine.
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


def measured(name: str, setting: Setting, repeats: int) -> tuple[float, float, float, float]:
    """Milliseconds: median and least overhead, median CPU time of this process and of the program.

    On a machine with other work, the wall time includes waiting for a CPU.
    """
    encoder = codecs.get(name)
    random = np.random.default_rng(0)
    noise = random.integers(0, 12, (1000, 1000, 3))
    y, x = np.mgrid[0:1000, 0:1000]
    pixels = (np.stack([x / 5, y / 5, (x + y) / 10], axis=2) + noise).astype(np.uint8)
    rows = []
    for _ in range(repeats + 3):  # the first ones start the launcher and fill caches
        started, own = time.perf_counter(), time.process_time()
        cost = encoder.encoded(pixels, setting).cost
        wall = time.perf_counter() - started
        own = time.process_time() - own
        rows.append((1000 * (wall - cost.cpu_time), 1000 * own, 1000 * cost.cpu_time))
    overheads, owns, programs = zip(*rows[3:], strict=True)
    return statistics.median(overheads), min(overheads), statistics.median(owns), statistics.median(programs)


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
    print(f"{repeats} encodes of 1 MP each, by a process of {ballast.nbytes / 2**30:.0f} GiB; ms")
    print(f"{'program':>8}  {'overhead: median':>16}  {'least':>6}  {'CPU here':>8}  {'of the program':>14}")
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
            overhead, least, own, program = measured(name, setting, repeats)
            failed |= overhead > LIMIT
            print(f"{name:>8}  {overhead:16.2f}  {least:6.2f}  {own:8.2f}  {program:14.2f}")
    print(f"limit of the overhead: {LIMIT:g} ms: {'exceeded' if failed else 'kept'}")
    if failed:
        sys.exit(1)


if __name__ == "__main__":
    main()
