"""What the trials share: a seed, a folder, and a small workspace with real results."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from PIL import Image

from codecstudy.results import COST_COLUMNS, QualityRecord, QualityResults
from conftest import picture
from trials import commands
from trials.tally import Tally

STUDY: dict[str, Any] = {
    "id": "trial",
    "dataset": {"id": "trial"},
    "encoders": [
        {"format": "jpeg", "quality": [30, 60, 80, 90]},
        {"format": "webp", "quality": [30, 60, 80], "method": 0},
        {"format": "avif", "quality": [40, 60, 80], "speed": 10},
    ],
}
"""Cheap settings of three formats."""


@dataclass(frozen=True)
class Session:
    """One call of the trials.

    Attributes:
        seed: Seed of everything that is random.
        folder: Where to work; its content is not needed afterwards.
        lanes: Number of commands to run at the same time.
    """

    seed: int
    folder: Path
    lanes: int

    def folder_for(self, name: str) -> Path:
        """A new empty folder."""
        folder = self.folder / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder

    @cached_property
    def servers(self) -> commands.Servers:
        """Processes that run commands, until :meth:`close`."""
        return commands.Servers(self.folder / "servers", self.lanes)

    def close(self) -> None:
        if "servers" in vars(self):
            self.servers.close()

    @cached_property
    def measured(self) -> Measured:
        """A workspace with the results of :data:`STUDY` on six pictures."""
        return measure(self.folder_for("measured"), images=6)


@dataclass(frozen=True, slots=True)
class Trial:
    """One of the trials.

    Attributes:
        name: What ``--only`` takes.
        what: What is tried.
        cases: Number of cases of a complete trial.
        run: Runs the cases with these numbers.
    """

    name: str
    what: str
    cases: int
    run: Callable[[Session, Sequence[int]], Tally]


@dataclass(frozen=True, slots=True)
class Measured:
    """A workspace in which :data:`STUDY` has been run."""

    root: Path
    images: Path
    study: Path
    results: Path
    records: list[QualityRecord]

    def arguments(self, root: Path, *more: str) -> list[str]:
        """The command that runs the same study in another workspace."""
        return ["run", str(self.study), "--images", str(self.images), "--root", str(root), "--quiet", *more]


def measure(folder: Path, images: int, edge: int = 64) -> Measured:
    """Run :data:`STUDY` in a new workspace, undisturbed."""
    pictures, root, study = folder / "images", folder / "workspace", folder / "trial.json"
    pictures.mkdir()
    for number in range(images):
        Image.fromarray(picture(edge, edge - 16, number)).save(pictures / f"{number:03}.png")
    study.write_text(json.dumps(STUDY))
    results = root / "data/metrics/trial/quality.json"
    measured = Measured(root, pictures, study, results, [])
    ended = commands.start(measured.arguments(root), folder).wait(300)
    if ended.code != 0:
        raise RuntimeError(f"the undisturbed run failed: {ended.err}")
    measured.records.extend(timeless(results))
    return measured


def timeless(results: Path) -> list[QualityRecord]:
    """The records of a results file, without the columns that differ from run to run."""
    records = QualityResults.load(results).measurements
    return [dataclasses.replace(r, **dict.fromkeys(COST_COLUMNS)) for r in records]


def differences(found: list[QualityRecord], expected: list[QualityRecord]) -> int:
    """Number of expected records that are missing or different."""
    by_task = {(r.source_image, r.setting): r for r in found}
    return sum(by_task.get((r.source_image, r.setting)) != r for r in expected)
