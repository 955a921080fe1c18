"""A run goes on with what an earlier codecstudy has measured."""

from __future__ import annotations

import json
import re
import sqlite3
from pathlib import Path

import pytest
from PIL import Image

from codecstudy import results
from codecstudy.errors import StoreError
from codecstudy.pipeline import events, runner
from codecstudy.pipeline.runner import PipelineRunner
from codecstudy.results import QualityResults
from conftest import picture
from support.pipeline_runs import FOUR, many_photos, study, timeless

ENCODERS = (
    {"format": "jpeg", "quality": [50, 90], "resolution": [None, 64]},
    {"format": "jxl", "quality": 100, "effort": 1},
    {"format": "webp", "quality": 60, "crop": [80, 500]},
)


def as_first_schema(path: Path) -> None:
    """Write what a store holds as codecstudy 0.1 would have."""
    db = sqlite3.connect(path)
    db.row_factory = sqlite3.Row
    rows = []
    for kind, table in (("Measurement", "encode"), ("Skip", "skip")):
        for row in db.execute(f"SELECT * FROM {table} JOIN conditions c ON conditions = c.id"):
            crops = json.loads(row["crops"]) if row["crops"] else None
            if crops is not None:
                crops = (
                    f"CropPlan(levels={tuple(crops['levels'])!r}, fragment={crops['fragment']}, "
                    f"too_small={crops['too_small']!r})"
                )
            outcome = {"kind": kind, "notes": json.loads(row["notes"])}
            if kind == "Skip":
                outcome["reason"] = row["reason"]
            else:
                names = ("file_size", "width", "height", "encoding_time", "encoding_cpu_time")
                outcome |= {name: row[name] for name in (*names, "decoding_time", "decoding_cpu_time")}
                outcome |= {"metrics_cpu_time": 0.0, "scores": {}}
                query = "SELECT scores, cpu_time FROM score WHERE encode = ?"
                for scores, cpu_time in db.execute(query, (row[0],)):
                    outcome["scores"] |= json.loads(scores)
                    outcome["metrics_cpu_time"] += cpu_time
            identity = {
                "source": row["source"],
                "setting": row["setting"],
                "codec": row["encoder"],
                "metrics": {"ssimulacra2": "1", "psnr": "1", "ssim": "1", "butteraugli": "1"},
                "images": row["images"],
                "crops": crops,
                "host": row["host"],
            }
            key = str(len(rows))
            rows.append((key, json.dumps(identity), json.dumps(outcome), row["measured_at"]))
    db.executescript("DROP TABLE encode; DROP TABLE score; DROP TABLE skip; DROP TABLE conditions;")
    db.execute("ALTER TABLE file DROP COLUMN checksum")
    db.execute(
        "CREATE TABLE measurement (key TEXT PRIMARY KEY, identity TEXT, outcome TEXT, measured_at TEXT)"
    )
    db.executemany("INSERT INTO measurement VALUES (?, ?, ?, ?)", rows)
    db.execute("PRAGMA user_version = 1")
    db.commit()
    db.close()


def test_what_the_first_schema_holds_is_known_and_gives_the_same_records(root: Path, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for seed in range(2):
        Image.fromarray(picture(100, 90, seed)).save(folder / f"{seed}.png")
    config = study(*ENCODERS, analysis_fragment_size=60)

    def run() -> tuple[QualityResults, list[events.Event]]:
        seen: list[events.Event] = []
        return PipelineRunner(root).run(config, images=folder, num_workers=1, on_event=seen.append), seen

    first, _ = run()
    assert {r.status for r in first.measurements} == {"measured", "skipped"}
    as_first_schema(root / "data" / "store.sqlite")
    again, seen = run()
    (migrated,) = [event for event in seen if isinstance(event, events.StoreMigrated)]
    assert Path(migrated.backup).is_file()
    assert not [event for event in seen if isinstance(event, events.Finished)]
    for mine, theirs in zip(again.measurements, first.measurements, strict=True):
        changed = {n for n in type(mine).__slots__ if getattr(mine, n) != getattr(theirs, n)}
        assert changed <= {"metrics_cpu_time"}, "which is rounded"
    assert not [event for event in run()[1] if isinstance(event, events.StoreMigrated)]


def test_a_damaged_row_is_reported_and_measured_again(root: Path, tmp_path: Path) -> None:
    folder = many_photos(tmp_path / "photos", 2)
    config = study({"format": "jpeg", "quality": [50, 70, 90]}, metrics=["psnr"])

    def run() -> tuple[QualityResults, list[events.Event]]:
        seen: list[events.Event] = []
        return PipelineRunner(root).run(config, images=folder, num_workers=0, on_event=seen.append), seen

    first, _ = run()
    path = root / "data" / "store.sqlite"
    with sqlite3.connect(path) as db:
        db.execute("UPDATE encode SET file_size = file_size + 1 WHERE id = 2")
        db.execute("UPDATE score SET scores = '{}' WHERE encode = 5")
    db.close()
    again, seen = run()
    assert [event for event in seen if isinstance(event, events.StoreDamaged)] == [
        events.StoreDamaged(str(path), 2)
    ]
    assert sum(isinstance(event, events.Finished) for event in seen) == 2
    assert timeless(again.measurements) == timeless(first.measurements)
    _, seen = run()
    assert not [event for event in seen if isinstance(event, events.StoreDamaged | events.Finished)]


def test_a_run_of_many_records_writes_them_in_chunks(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = many_photos(tmp_path / "photos", 3)
    (folder / "broken.png").write_bytes(b"no picture")
    encoders = ({"format": "jpeg", "quality": [50, 90]}, {"format": "webp", "quality": 60, "method": 2})
    config = study(*encoders, metrics=["psnr"])

    def run() -> QualityResults:
        return PipelineRunner(root).run(config, images=folder, num_workers=0)

    few = run()
    assert isinstance(few.measurements, list)
    for module in (results, runner):
        monkeypatch.setattr(module, "RECORDS_IN_JSON", 5)
    monkeypatch.setattr(results, "_CHUNK", 4)
    many = run()
    assert isinstance(many.measurements, results.Records)
    assert many.statuses() == {"measured": 9, "failed": 3}
    assert list(many.measurements) == few.measurements
    assert QualityResults.load(PipelineRunner(root).results_path("test")) == many


def test_a_preview_names_the_damaged_store_and_not_the_copy_that_it_reads(root: Path, photos: Path) -> None:
    path = root / "data" / "store.sqlite"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"nothing" * 1000)
    with pytest.raises(StoreError, match=rf"^{re.escape(str(path))}: .*") as raised:
        PipelineRunner(root).preview(study(FOUR[0]), images=photos)
    assert "codecstudy-" not in str(raised.value)
    assert path.read_bytes() == b"nothing" * 1000
