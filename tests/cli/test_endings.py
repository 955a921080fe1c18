"""How commands end: by signals, with outputs that fail, and with files that they may not write."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from codecstudy.store import Store
from conftest import picture

STUDY = {"id": "mine", "dataset": {"id": "sample"}, "encoders": [{"format": "jpeg", "quality": [50, 90]}]}
PROGRAM = [sys.executable, "-m", "codecstudy"]


@pytest.fixture
def run(tmp_path: Path, photos: Path, root: Path) -> list[str]:
    """The arguments of a small run."""
    (tmp_path / "mine.json").write_text(json.dumps(STUDY))
    return [*PROGRAM, "run", str(tmp_path / "mine.json"), "--images", str(photos), "--root", str(root)]


def done(command: list[str], **options: object) -> subprocess.CompletedProcess[str]:
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
    return subprocess.run(command, text=True, timeout=300, check=False, **streams)  # type: ignore[call-overload,no-any-return]


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_signal_saves_complete_images_and_is_the_exit_code(tmp_path: Path, root: Path, name: str) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for seed in range(40):
        Image.fromarray(picture(256, 256, seed)).save(folder / f"{seed}.png")
    study = {**STUDY, "encoders": [{"format": "avif", "quality": [40, 60, 80], "speed": 2}]}
    (tmp_path / "slow.json").write_text(json.dumps(study))
    command = [*PROGRAM, "run", "slow.json", "--images", "many", "--root", str(root), "--save-artifacts"]
    started = subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    while started.poll() is None and not list((root / "data").glob("encoded/**/*.avif")):
        time.sleep(0.01)
    started.send_signal(signal.Signals[name])
    out, err = started.communicate(timeout=120)
    assert started.returncode == 128 + signal.Signals[name], out + err
    assert "interrupted" in err
    assert "Traceback" not in err
    results = json.loads((root / "data" / "metrics" / "mine" / "quality.json").read_text())
    assert results["stop_reason"] == "interrupted"
    assert 0 < len(results["measurements"]) < 120


INTERRUPTED_IMPORT = """
import signal, sys

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            signal.raise_signal(signal.{number})

sys.meta_path.insert(0, Finder())
"""


@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM"])
@pytest.mark.parametrize("module", ["typer", "codecstudy.cli.run", "numpy", "codecstudy.pipeline"])
def test_a_signal_while_libraries_load_gives_one_line(
    tmp_path: Path, run: list[str], root: Path, module: str, number: str
) -> None:
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(INTERRUPTED_IMPORT.format(module=module, number=number))
    path = f"{site}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    ended = done(run, env={**os.environ, "PYTHONPATH": path})
    assert (ended.returncode, ended.stdout, ended.stderr) == (
        128 + signal.Signals[number],
        "",
        "error: interrupted\n",
    )
    assert not (root / "data" / "metrics").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system does not offer this")
@pytest.mark.parametrize("options", [[], ["--workers", "0"], ["--dry-run"]])
def test_messages_that_cannot_be_written_do_not_end_a_run(
    run: list[str], root: Path, options: list[str]
) -> None:
    with Path("/dev/full").open("w") as full:
        ended = done([*run, *options], stderr=full)
    assert ended.returncode == 0
    assert ended.stdout
    assert "--dry-run" in options or (root / "data" / "metrics" / "mine" / "quality.json").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system does not offer this")
def test_answers_that_cannot_be_written_are_an_error_after_the_results_are_saved(
    run: list[str], root: Path
) -> None:
    with Path("/dev/full").open("w") as full:
        ended = done(run, stdout=full)
    assert ended.returncode == 2
    assert ended.stderr.endswith("error: standard output cannot be written: No space left on device\n")
    assert json.loads((root / "data" / "metrics" / "mine" / "quality.json").read_text())["complete"]


def test_a_run_without_standard_error(run: list[str]) -> None:
    assert done(["bash", "-c", 'exec "$@" 2>&-', "bash", *run]).returncode == 0


def files(root: Path) -> dict[Path, tuple[int, int]]:
    return {p: (p.stat().st_mtime_ns, p.stat().st_size) for p in sorted(root.rglob("*"))}


def test_a_dry_run_needs_neither_the_lock_nor_write_access(run: list[str], root: Path, photos: Path) -> None:
    assert done(run).returncode == 0
    Image.fromarray(picture(60, 60, 9)).save(photos / "new.png")
    before = files(root)
    ended = done([*run, "--dry-run"])
    assert (ended.returncode, "2 tasks, 8 more already measured" in ended.stdout) == (0, True), ended
    assert files(root) == before
    with Store(root / "data" / "store.sqlite"):
        before = files(root)
        ended = done([*run, "--dry-run"])
        assert (ended.returncode, "2 tasks, 8 more already measured" in ended.stdout) == (0, True), ended
        assert files(root) == before


def test_a_dry_run_does_not_convert_an_old_store(run: list[str], root: Path) -> None:
    (root / "data").mkdir(parents=True)
    db = sqlite3.connect(root / "data" / "store.sqlite")
    db.executescript(
        "CREATE TABLE measurement (key TEXT PRIMARY KEY, identity TEXT NOT NULL, outcome TEXT NOT NULL, "
        "measured_at TEXT NOT NULL) WITHOUT ROWID; CREATE TABLE file (path BLOB PRIMARY KEY, size INTEGER NOT NULL,"
        "mtime_ns INTEGER NOT NULL, sha256 TEXT NOT NULL) WITHOUT ROWID; PRAGMA application_id = 1129534553; "
        "PRAGMA user_version = 1;"
    )
    db.close()
    before = files(root)
    ended = done([*run, "--dry-run"])
    assert (ended.returncode, "8 tasks" in ended.stdout) == (0, True), ended
    assert files(root) == before


def test_too_little_memory_is_refused(run: list[str], root: Path) -> None:
    ended = done([*run, "--max-memory", "150M"])
    assert ended.returncode == 2
    assert "max_memory is 150 MiB; a worker needs at least 384 MiB" in ended.stderr
    assert not root.exists()


def test_a_run_that_will_not_fit_the_disk_says_so(run: list[str], tmp_path: Path) -> None:
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(
        "import shutil\nshutil.disk_usage = lambda path: shutil._ntuple_diskusage(10**9, 10**9, 1000)\n"
    )
    path = f"{site}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    ended = done([*run, "--save-artifacts"], env={**os.environ, "PYTHONPATH": path})
    assert "warning: the run needs about 24 kB on disk, 1 kB free" in ended.stderr
    planned = done([*run, "--dry-run", "--fresh"], env={**os.environ, "PYTHONPATH": path})
    assert "about 20 kB on disk, 1 kB free" in planned.stdout


def test_schema_warns_of_a_broken_encoder(tmp_path: Path) -> None:
    facts = tmp_path / "broken-1.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1\n")
    (facts / "entry_points.txt").write_text("[codecstudy.codecs]\nbroken = no_such:E\n")
    path = f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    ended = done([*PROGRAM, "schema"], env={**os.environ, "PYTHONPATH": path})
    assert ended.returncode == 0
    assert ended.stderr.startswith("warning: cannot load encoder no_such:E: ")
    installed = json.loads(ended.stdout)["properties"]["encoders"]["items"]["else"]
    assert "jpeg" in installed["properties"]["encoder"]["enum"]


def test_doctor_shows_the_limits(tmp_path: Path) -> None:
    ended = done([*PROGRAM, "doctor", "--root", str(tmp_path / "new")], env={**os.environ, "COLUMNS": "300"})
    assert ended.returncode == 0, ended.stderr
    for name in ("RLIMIT_AS", "RLIMIT_NOFILE", "disk of the workspace", "temporary files", "available"):
        assert name in ended.stdout
    assert str(tmp_path / "new") in ended.stdout
    assert not list(tmp_path.iterdir())
