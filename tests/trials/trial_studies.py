"""Trial: damaged study files through ``run --dry-run``."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence

from support.study_documents import FULL, GOOD, OLDER
from trials.commands import Ended, Server
from trials.documents import damaged, damaged_text
from trials.session import STUDY, Session, Trial
from trials.tally import Tally

_TOML = b"""
id = "toml"
name = "A study in TOML"
time_budget = "30m"
metrics = ["ssimulacra2", "psnr"]

[dataset]
id = "sample"
max_images = 5

[[encoders]]
format = "avif"
quality = {start = 30, stop = 90, step = 20}
speed = [6, 8]
chroma_subsampling = ["420", "444"]

[[encoders]]
format = "jpeg"
quality = [50, 80]
extra_args = {progressive = true}
"""


def make(seed: int, case: int) -> tuple[str, bytes]:
    """Name and content of study file ``case``."""
    chance = random.Random(f"study {seed} {case}")
    if case % 5 == 4:
        return "study.toml", damaged_text(_TOML, chance)
    return "study.json", damaged(chance.choice((GOOD, FULL, OLDER, STUDY)), chance)


def run(session: Session, cases: Sequence[int]) -> Tally:
    tally = Tally(TRIAL.name, TRIAL.what)
    images, folder = session.measured.images, session.folder_for("studies")

    def dry_run(server: Server, case: int) -> Ended:
        name, content = make(session.seed, case)
        path = folder / f"{case}-{name}"
        path.write_bytes(content)
        options = ["--images", str(images), "--root", str(folder), "--dry-run", "--json"]
        return server.run(["run", str(path), *options], folder, seconds=60)

    for case, ended in zip(cases, session.servers.map(dry_run, cases), strict=True):
        if tally.judge(case, "run --dry-run", ended):
            try:
                json.loads(ended.out)
            except ValueError:
                tally.fault(case, "other faults", f"--json prints {ended.out[:200]!r}")
    return tally


TRIAL = Trial("studies", "damaged study files through run --dry-run", 500, run)
