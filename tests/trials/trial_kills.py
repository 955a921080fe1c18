"""Trial: runs and workers killed at random moments; the resumed run must end as an undisturbed one does."""

from __future__ import annotations

import random
import shutil
import signal
import sqlite3
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from codecstudy.errors import ResultsError
from codecstudy.results import QualityResults
from trials import commands
from trials.commands import Command, Ended
from trials.session import Measured, Session, Trial, differences, measure, timeless
from trials.tally import Tally, examine

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_LONGEST = 3.0
"""Seconds after which a run is disturbed at the latest: starting takes about one of them."""
_ENOUGH = 60.0
"""Seconds in which a run that has got a signal must have ended; what is in progress is completed first."""
_ALLOWED = {0, 1, 130, *(128 + number for number in SIGNALS), *(-number for number in SIGNALS)}
"""Exit codes of disturbed runs: a worker's death may be a failure, a signal has its own code."""
_LAST_ATTEMPTS = 3
"""Undisturbed runs after which everything must be measured."""


@dataclass
class _Workspace:
    """One workspace whose runs are disturbed until the study is complete."""

    root: Path
    encodes: int = 0
    faults: list[tuple[int, str, str]] = field(default_factory=list)
    kills: int = 0
    peak: int = 0

    def fault(self, case: int, kind: str, detail: str) -> None:
        self.faults.append((case, kind, detail))

    def check(self, case: int, what: str) -> None:
        """What is on the disk must be whole, and hold no less than before."""
        store = self.root / "data/store.sqlite"
        results = self.root / "data/metrics/trial/quality.json"
        if results.exists():
            try:
                QualityResults.load(results)
            except ResultsError as error:
                self.fault(case, "lost", f"{what}: {error}")
        if store.exists():
            held = _encodes(store)
            if held < self.encodes:
                self.fault(case, "lost", f"{what}: the store held {self.encodes} encodes, now {held}")
            self.encodes = held


def _encodes(store: Path) -> int:
    """Number of encodes in a store; of a copy, because opening a file after a crash repairs it."""
    folder = store.parent / "copy"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for file in store.parent.glob("store.sqlite*"):
        shutil.copy(file, folder)
    try:
        with closing(sqlite3.connect(folder / store.name)) as db:
            return int(db.execute("SELECT count(*) FROM encode").fetchone()[0])
    except sqlite3.OperationalError:  # not yet created
        return 0
    finally:
        shutil.rmtree(folder)


def run(session: Session, cases: Sequence[int]) -> Tally:
    tally = Tally(TRIAL.name, TRIAL.what)
    undisturbed = measure(session.folder_for("kills"), images=min(40, 2 + 2 * len(cases)), edge=96)
    lanes = [list(cases)[lane :: session.lanes] for lane in range(session.lanes)]

    def disturb(lane: int) -> list[_Workspace]:
        left, spaces = list(reversed(lanes[lane])), []
        while left:
            spaces.append(_Workspace(undisturbed.root.parent / f"{lane}-{len(spaces)}"))
            spaces[-1].root.mkdir()
            _until_complete(session.seed, undisturbed, spaces[-1], left)
        return spaces

    with ThreadPoolExecutor(session.lanes) as pool:
        spaces = [space for lane in pool.map(disturb, range(session.lanes)) for space in lane]
    for space in spaces:
        tally.tried += space.kills
        tally.memory = max(tally.memory, space.peak)
        for fault in space.faults:
            tally.fault(*fault)
    faulty = {case for space in spaces for case, _, _ in space.faults}
    tally.measured = tally.tried - len(faulty & set(cases))
    return tally


def _until_complete(seed: int, undisturbed: Measured, space: _Workspace, left: list[int]) -> None:
    """Disturb runs in one workspace while kills are left, then let it finish, and compare the records."""
    last = left[-1]
    complete = False
    while left and not complete:
        case = last = left.pop()
        complete = _one_kill(seed, undisturbed, space, case)
    for _ in range(_LAST_ATTEMPTS):
        ended = commands.start(undisturbed.arguments(space.root, "--workers", "2"), space.root).wait(180)
        if ended.code == 0:
            break
    _, found = examine(ended, (0,))
    if found or ended.code:
        space.fault(last, *(found or ("lost", f"the last resume refuses: {ended.err[-300:]}")))
    space.check(last, "after the last resume")
    results = space.root / "data/metrics/trial/quality.json"
    if results.exists() and (wrong := differences(timeless(results), undisturbed.records)):
        space.fault(last, "lost", f"{wrong} of {len(undisturbed.records)} records differ in the end")


def _one_kill(seed: int, undisturbed: Measured, space: _Workspace, case: int) -> bool:
    """Start a run, disturb it, and wait for its end; returns whether it ended undisturbed."""
    chance = random.Random(f"kill {seed} {case}")
    number, of_worker = chance.choice(SIGNALS), chance.random() < 0.4
    delay = chance.uniform(0.0, _LONGEST)
    running = commands.start(undisturbed.arguments(space.root, "--workers", "2"), space.root)
    time.sleep(delay)
    space.kills += 1
    what = f"{number.name} of {'a worker' if of_worker else 'the run'} after {delay:.2f} s"
    if of_worker:
        _kill_workers(running, chance, number)
    else:
        running.send(number)
    ended = running.wait(120 if of_worker else _ENOUGH)
    space.peak = max(space.peak, ended.peak)
    _judge(space, case, what, ended)
    for pid in running.orphans(10):
        space.fault(case, "hangs", f"{what}: process {pid} outlived the run")
    space.check(case, what)
    return ended.code == 0


def _kill_workers(running: Command, chance: random.Random, number: signal.Signals) -> None:
    """One worker, all of them, or one after the other for a second."""
    for _ in range(chance.choice((1, 1, 4))):
        workers = [pid for pid in running.workers() if _is_worker(pid)]
        for pid in workers if chance.random() < 0.3 else chance.sample(workers, min(1, len(workers))):
            try:
                psutil.Process(pid).send_signal(number)
            except psutil.Error:
                continue
        time.sleep(0.25)


def _is_worker(pid: int) -> bool:
    try:
        return any("child.py" in part for part in psutil.Process(pid).cmdline())
    except psutil.Error:
        return False


def _judge(space: _Workspace, case: int, what: str, ended: Ended) -> None:
    _, found = examine(ended, _ALLOWED)
    if "KeyboardInterrupt" in ended.err and "codecstudy" not in ended.err:
        return  # the interpreter had not yet begun to load codecstudy, which has no say before
    if found:
        space.fault(case, found[0], f"{what}: {found[1]}")
    elif ended.code not in _ALLOWED:
        space.fault(case, "other faults", f"{what}: exit code {ended.code}; {ended.err[-300:]}")


TRIAL = Trial(
    "kills", "SIGKILL, SIGTERM, SIGINT and SIGHUP of runs and workers, each followed by a resume", 100, run
)
