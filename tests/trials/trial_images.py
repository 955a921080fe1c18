"""Trial: many damaged and hostile images in one run."""

from __future__ import annotations

import json
from collections.abc import Sequence

from codecstudy.errors import ResultsError
from codecstudy.results import QualityResults
from trials import commands
from trials.image_mutants import mutant
from trials.session import Session, Trial
from trials.tally import Tally, controls, examine

_STUDY = {
    "id": "hostile",
    "dataset": {"id": "hostile"},
    "encoders": [{"format": "jpeg", "quality": 50, "resolution": 32}],
    "metrics": ["psnr"],
}
_MEMORY = 6 << 30
_BESIDE_WORKERS = 1 << 30
"""Memory for everything but the workers: the run itself, the process that reads headers."""


def run(session: Session, cases: Sequence[int]) -> Tally:
    tally = Tally(TRIAL.name, TRIAL.what, tried=len(cases))
    folder = session.folder_for("hostile")
    images = folder / "images"
    images.mkdir()
    names = {}
    for case in cases:
        made = mutant(session.seed, case)
        (images / made.name).write_bytes(made.data)
        names[made.name] = case
    study = folder / "hostile.json"
    study.write_text(json.dumps(_STUDY))
    limits = ["--max-memory", str(_MEMORY), "--task-timeout", "20"]
    places = ["--images", str(images), "--root", str(folder)]
    running = commands.start(["run", str(study), *places, *limits, "--quiet"], folder)
    ended = running.wait(60 + len(cases))
    tally.memory = ended.peak
    _, found = examine(ended, (0, 1))
    if found:
        tally.fault(-1, *found)
    if ended.peak > _MEMORY + _BESIDE_WORKERS:
        tally.fault(-1, "other faults", f"used {ended.peak / 1e9:.1f} GB under --max-memory 6G")
    for pid in running.orphans(10):
        tally.fault(-1, "hangs", f"process {pid} outlived the run")
    try:
        records = QualityResults.load(folder / "data/metrics/hostile/quality.json").measurements
    except ResultsError as error:
        tally.fault(-1, "lost", str(error))
        records = []
    for record in records:
        case = names.pop(record.source_image, None)
        reason = record.measurement_error or ""
        if case is None:
            tally.fault(
                -1, "other faults", f"a record of {record.source_image!r}, which is not one of the files"
            )
        elif record.status != "failed":
            tally.measured += 1
        elif "Traceback" in reason:
            tally.fault(case, "tracebacks", f"{record.source_image}: {reason}")
        elif len(reason) < 10 or controls(reason):
            tally.fault(case, "other faults", f"{record.source_image}: the reason is {reason!r}")
        else:
            tally.refused += 1
    for name, case in names.items():
        tally.fault(case, "lost", f"{name} has no record")
    return tally


TRIAL = Trial("images", "damaged and hostile images of 8 formats, in one run", 1000, run)
