"""What the tests of the pipeline share: studies, fake codecs, pictures, and scripts to be killed."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
import textwrap
from pathlib import Path

import psutil
from PIL import Image

from codecstudy import codecs
from codecstudy.results import COST_COLUMNS, QualityRecord, QualityResults
from codecstudy.study import StudyConfig
from conftest import picture


def study(*encoders: dict[str, object], **keys: object) -> StudyConfig:
    document = {"id": "test", "dataset": {"id": "sample"}, "encoders": list(encoders), **keys}
    return StudyConfig.model_validate(document)


def fake(name: str) -> str:
    return codecs.register(f"support.fake_codecs:{name}").facts.format


def timeless(records: list[QualityRecord]) -> list[QualityRecord]:
    return [dataclasses.replace(r, **dict.fromkeys(COST_COLUMNS)) for r in records]


FOUR = (
    {"format": "jpeg", "quality": [50, 90]},
    {"format": "webp", "quality": 60, "method": 2},
    {"format": "avif", "quality": 60, "speed": 9},
    {"format": "jxl", "quality": 70, "effort": 3},
)


def runs(pid: int) -> bool:
    # A killed process whose parent does not ask for it stays in the table as a zombie.
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def workers() -> list[psutil.Process]:
    return [
        child
        for child in psutil.Process().children(recursive=True)
        if child.status() != psutil.STATUS_ZOMBIE and any("child.py" in part for part in child.cmdline())
    ]


def many_photos(folder: Path, count: int) -> Path:
    folder.mkdir()
    for seed in range(count):
        Image.fromarray(picture(32, 32, seed)).save(folder / f"{seed:03}.png")
    return folder


SCRIPT = textwrap.dedent(
    """
    import sys
    sys.path.insert(0, {tests!r})
    from codecstudy import codecs
    from codecstudy.pipeline import events
    codecs.register("support.fake_codecs:SLOW")
    from codecstudy import PipelineRunner, StudyConfig
    config = StudyConfig.model_validate({{
        "id": "test", "dataset": {{"id": "sample"}},
        "encoders": [{{"format": "fakeslow", "quality": {qualities}}}],
    }})
    def say(event):
        if isinstance(event, events.Started):
            print(event.known, flush=True)
    results = PipelineRunner({root!r}).run(config, images={photos!r}, num_workers=2, on_event=say)
    print("complete", results.complete, flush=True)
    """
)
"""A script without a main guard: workers must not import it."""


def start_script(root: Path, photos: Path, qualities: list[int]) -> subprocess.Popen[str]:
    script = root.parent / "script.py"
    script.write_text(
        SCRIPT.format(
            tests=str(Path(__file__).parents[1]), root=str(root), photos=str(photos), qualities=qualities
        )
    )
    return subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True)


def saved(root: Path) -> QualityResults:
    return QualityResults.load(root / "data" / "metrics" / "test" / "quality.json")
