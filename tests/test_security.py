"""Sentences of SECURITY.md that no test of one package shows."""

from __future__ import annotations

import ast
import json
import os
import stat
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import codecstudy
from codecstudy import files
from codecstudy.results import QualityResults
from support.report_cases import four_formats

SOURCE = Path(codecstudy.__file__).parent

READ = textwrap.dedent(
    """
    import json, os, sys

    seen = []

    def hook(event, arguments):
        if event == "open" and isinstance(arguments[0], str | bytes):
            seen.append(["open", os.fsdecode(arguments[0])])
        if event.startswith(("subprocess.", "os.exec", "os.posix_spawn", "os.fork", "os.system")):
            seen.append([event, str(arguments)[:200]])
        if event.startswith(("socket.", "pickle.")):
            seen.append([event, str(arguments)[:200]])

    from codecstudy import diff, export, load_results, recommend, write_report

    folder, path = sys.argv[1:]
    # What libraries load on their first use is none of the results' doing.
    mine = load_results(os.path.join(folder, "mine.json"))
    for again in range(2):
        if again:
            sys.addaudithook(hook)
        theirs = load_results(path if again else os.path.join(folder, "mine.json"))
        recommend(theirs)
        diff(theirs, theirs)
        export(theirs, "csv", os.path.join(folder, "out.csv"))
        export(theirs, "parquet", os.path.join(folder, "out.parquet"))
        export(theirs, "codec-compare", os.path.join(folder, "viewer"))
    print(json.dumps(seen))
    """
)


def test_reading_the_results_of_others_opens_nothing_else_and_starts_nothing(tmp_path: Path) -> None:
    secret = tmp_path / "secret.png"
    secret.write_bytes(b"secret")
    results = four_formats(images=2)
    results.save(tmp_path / "mine.json")
    document = json.loads((tmp_path / "mine.json").read_text())
    del document["checksum"]
    for row in document["measurements"]:
        row["encoded_path"] = str(secret)
        row["source_image"] = row["original_image"] = f"../{row['source_image']}"
    document["dataset"]["path"] = str(tmp_path)
    path = tmp_path / "theirs" / "quality.json"
    path.parent.mkdir()
    path.write_text(json.dumps(document))
    ran = subprocess.run(
        [sys.executable, "-c", READ, str(tmp_path), str(path)], capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
    seen = json.loads(ran.stdout)
    allowed = (str(path), str(tmp_path / "mine.json"), str(tmp_path / "out"), str(tmp_path / "viewer"))
    system = (
        sys.prefix,
        sys.base_prefix,
        str(SOURCE),
        "/proc/",
        "/sys/",
        "/etc/localtime",
        "/usr/share/zoneinfo",
    )
    ours = [event for event in seen if event[0] != "open" or not event[1].startswith((*allowed, *system))]
    # Files are written by way of a temporary file next to them.
    assert [event for event in ours if not Path(event[1]).name.startswith(".")] == []


def test_results_hold_values_of_json_only(tmp_path: Path) -> None:
    """Nothing in a results file names code, and loading does not look for any."""
    path = tmp_path / "quality.json"
    four_formats(images=1).save(path)
    document = json.loads(path.read_text())
    document["encoders"][0]["id"] = "os:system"
    del document["checksum"]
    path.write_text(json.dumps(document))
    assert QualityResults.load(path).encoders[0].id == "os:system"


def test_pickles_are_read_only_from_the_pipes_of_workers() -> None:
    """The pipes are socket pairs, which have no name; numba's cache is checked by codecstudy.metrics.cache."""
    readers = set()
    for module in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(module.read_text())):
            names = (
                {alias.name for alias in node.names}
                if isinstance(node, ast.Import)
                else {node.module}
                if isinstance(node, ast.ImportFrom)
                else set()
            )
            if names & {"pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib"}:
                readers.add(module.relative_to(SOURCE).as_posix())
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in ("eval", "exec", "compile"), module
    assert readers == {f"execution/local/{name}.py" for name in ("child", "executor", "worker_handle")}


MODES = textwrap.dedent(
    """
    import json, os, stat, sys
    os.umask(0)
    sys.path.insert(0, {tests!r})
    from codecstudy.execution.local import LocalExecutor
    from codecstudy.execution.executor import running
    from codecstudy.execution.events import Done

    executor = LocalExecutor(1)
    with running(executor, "support.fake_handlers:factory", None):
        executor.submit(0, "modes", ("temporary_modes",), 60.0)
        while True:
            for event in executor.poll(60.0):
                if isinstance(event, Done):
                    print(json.dumps(event.value))
                    sys.exit()
    """
)


def test_temporary_files_of_workers_are_private_whatever_the_umask(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", MODES.format(tests=str(Path(__file__).parent))],
        env=os.environ | {"TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    folder, mode = json.loads(ran.stdout)
    assert Path(folder).parent == tmp_path
    assert mode == 0o700
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_private_until_it_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    modes = []
    written = os.fsync

    def note(handle: int) -> None:
        modes.append(stat.S_IMODE(os.fstat(handle).st_mode))
        written(handle)

    monkeypatch.setattr(os, "fsync", note)
    files.write_atomically(tmp_path / "x", b"x")
    assert modes == [0o600]
