"""Trial: damaged results through the commands that read results."""

from __future__ import annotations

import base64
import hashlib
import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from codecstudy.results import QualityResults
from support.image_files import colours, saved
from support.report_cases import HOSTILE, four_formats
from trials.commands import Ended, Server
from trials.documents import damaged
from trials.session import Session, Trial
from trials.tally import Tally

_CANARY = "canary.png"
"""A picture outside the workspace, which no report may show."""


def commands_for(path: Path, base: Path, chance: random.Random) -> dict[str, list[str]]:
    """What is done with each results file, by the name of the command."""
    pair = [str(base), str(path)]
    form = chance.choice(("csv", "parquet", "codec-compare"))
    json_too = ["--json"] if chance.random() < 0.3 else []
    return {
        "recommend": ["recommend", str(path), *json_too],
        "report": ["report", str(path), "-o", str(path.parent / "report.html")],
        "diff": ["diff", *chance.choice((pair, pair[::-1])), *json_too],
        "export": ["export", str(path), "--format", form, "-o", str(path.parent / f"export.{form}")],
    }


def run(session: Session, cases: Sequence[int]) -> Tally:
    tally = Tally(TRIAL.name, TRIAL.what)
    folder = session.folder_for("results")
    canary = saved(colours(40, 40), "PNG")
    (folder / _CANARY).write_bytes(canary)
    secret = base64.b64encode(canary)[120:180].decode()
    synthetic = folder / "synthetic.json"
    four_formats(images=4, names=HOSTILE).save(synthetic)
    bases = [session.measured.results, synthetic]
    documents: list[Any] = [json.loads(base.read_text()) for base in bases]
    parquets = [_parquet(base, folder / "rows.parquet") for base in bases]

    def read_results(server: Server, case: int) -> list[tuple[str, Ended]]:
        chance = random.Random(f"results {session.seed} {case}")
        number = chance.randrange(len(bases))
        path = folder / str(case) / "quality.json"
        path.parent.mkdir()
        document = documents[number]
        if chance.random() < 0.8:
            # Without it, damage gets past the checksum, as the changes of somebody who computes it anew do.
            document = {name: value for name, value in document.items() if name != "checksum"}
        if chance.random() < 0.1:
            document = _in_parquet(document, path.with_name("quality.parquet"), parquets[number], chance)
            path.write_text(json.dumps(document))
        else:
            path.write_bytes(damaged(_outside(document, folder, chance), chance))
        todo = commands_for(path, bases[number], chance)
        return [(name, server.run(todo[name], path.parent, seconds=60)) for name in todo]

    for case, ends in zip(cases, session.servers.map(read_results, cases), strict=True):
        for name, ended in ends:
            tally.judge(case, name, ended, answers=(0, 1) if name == "diff" else (0,))
        page = folder / str(case) / "report.html"
        if page.exists() and secret in page.read_text("utf-8", "replace"):
            tally.fault(case, "other faults", "report: shows a picture from outside the workspace")
    return tally


def _parquet(base: Path, path: Path) -> bytes:
    QualityResults.load(base).to_frame().write_parquet(path)
    return path.read_bytes()


def _in_parquet(document: Any, path: Path, content: bytes, chance: random.Random) -> Any:
    """The document as large ones are: with its records in a Parquet file, which is damaged here."""
    data = bytearray(content)
    for _ in range(chance.choice((1, 3, 30))):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    path.write_bytes(data)
    rows = {
        "file": path.name,
        "rows": len(document["measurements"]),
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    return document | {"measurements": rows}


def _outside(document: Any, folder: Path, chance: random.Random) -> Any:
    """The document; sometimes its pictures are said to lie in ``folder``, above that of the results."""
    if chance.random() < 0.9:
        return document
    named = {"source_image": _CANARY, "original_image": _CANARY, "encoded_path": f"../{_CANARY}"}
    rows = [row | named for row in document["measurements"]]
    return document | {"dataset": document["dataset"] | {"path": str(folder)}, "measurements": rows}


TRIAL = Trial("results", "damaged results through recommend, report, diff and export", 500, run)
