"""``make trials``: damaged and hostile input, and kills, with a table of what came of them.

``python -m trials --help`` shows the options. Everything that is random depends on ``--seed`` alone, except for
the moment of a kill relative to what a run is doing then. The folder ``tests`` must be on the path (PYTHONPATH).
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path

from codecstudy import __version__, host
from trials import trial_downloads, trial_images, trial_kills, trial_results, trial_stores, trial_studies
from trials.session import Session, Trial
from trials.tally import Tally

TRIALS: tuple[Trial, ...] = (
    trial_images.TRIAL,
    trial_studies.TRIAL,
    trial_results.TRIAL,
    trial_stores.TRIAL,
    trial_kills.TRIAL,
    trial_downloads.TRIAL,
)
MUST_BE_ZERO = ("tracebacks", "hangs", "lost", "other faults")
_COLUMNS = ("trial", "tried", "measured", "refused with a reason", *MUST_BE_ZERO, "most memory", "time")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the trials and print the table.

    Returns:
        1 if a column that must be 0 is not.
    """
    options = _parser().parse_args(arguments)
    chosen = [trial for trial in TRIALS if not options.only or trial.name in options.only]
    with tempfile.TemporaryDirectory(prefix="codecstudy-trials-") as temporary:
        folder = Path(options.keep or temporary).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        with closing(Session(options.seed, folder, options.lanes)) as session:
            tallies = [_run(trial, session, options) for trial in chosen]
    print(table(tallies))
    print(f"\ncodecstudy {__version__}, seed {options.seed}, {_machine()}")
    for tally in tallies:
        for fault in sorted(tally.faults, key=lambda fault: (fault.kind, fault.case)):
            print(f"\n{fault.kind}: {_visible(fault.detail)}")
            if fault.case >= 0:
                print(
                    f"  repeat: python -m trials --seed {options.seed} --only {tally.name} --case {fault.case}"
                )
    return int(any(tally.faults for tally in tallies))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m trials", description=__doc__)
    names = [trial.name for trial in TRIALS]
    parser.add_argument("--seed", type=int, default=0, help="seed of everything that is random")
    parser.add_argument(
        "--only", action="append", choices=names, help="only this trial; may be given several times"
    )
    parser.add_argument("--scale", type=float, default=1.0, help="share of the cases: 0.1 for a quick try")
    parser.add_argument("--case", type=int, action="append", help="only the case with this number")
    parser.add_argument("--keep", metavar="DIR", help="work in DIR and leave everything there")
    parser.add_argument("--lanes", type=int, default=os.cpu_count() or 1, help="commands at the same time")
    return parser


def _run(trial: Trial, session: Session, options: argparse.Namespace) -> Tally:
    cases = options.case or range(max(1, round(trial.cases * options.scale)))
    print(f"{trial.name}: {len(cases):,} cases", file=sys.stderr, flush=True)
    started = time.monotonic()
    tally = trial.run(session, cases)
    tally.seconds = time.monotonic() - started
    print(table([tally]).splitlines()[-1], file=sys.stderr, flush=True)
    return tally


def table(tallies: Sequence[Tally]) -> str:
    """The counts as a table in Markdown."""
    lines = [_row(_COLUMNS), _row("---" if n == 0 else "---:" for n in range(len(_COLUMNS)))]
    for tally in tallies:
        counts = (tally.tried, tally.measured, tally.refused, *map(tally.count, MUST_BE_ZERO))
        memory = f"{tally.memory / 1e9:.1f} GB"
        lines.append(_row((tally.what, *(f"{n:,}" for n in counts), memory, f"{tally.seconds:.0f} s")))
    return "\n".join(lines)


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _machine() -> str:
    python = platform.python_version()
    return f"{host.cpu_model()}, {os.cpu_count()} CPUs, {host.operating_system()}, Python {python}"


def _visible(text: str) -> str:
    return text.encode("unicode_escape").decode()


if __name__ == "__main__":
    sys.exit(main())
