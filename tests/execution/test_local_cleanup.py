"""Nothing of the local executor stays behind: processes, files, descriptors; nor does it need a main guard."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import psutil
import pytest

from codecstudy.execution.local import LocalExecutor
from support.executors import LINUX, PATIENCE, death, lives, local, pid_in, value, wait_until


def test_nothing_stays_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    descriptors = Path("/proc/self/fd") if sys.platform == "linux" else Path("/dev/fd")
    open_before = len(list(descriptors.iterdir()))
    children_before = psutil.Process().children()
    with local(3) as executor:
        died = death(executor, ("leave_temporary_file",))
        assert died.exit_code == 1
        executor.replace(0)
        assert isinstance(value(executor, ("pid",)), int)
        executor.submit(1, "busy", ("hang_ignoring_sigterm",), math.inf)
        assert len(list(tmp_path.glob("codecstudy-*/*"))) == 3
    assert len(list(descriptors.iterdir())) == open_before
    assert psutil.Process().children() == children_before
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("now", [False, True])
def test_stop_ends_all_workers(tmp_path: Path, now: bool) -> None:
    with local(3) as executor:
        executor.submit(0, "hang", ("hang", str(tmp_path / "hang")), math.inf)
        executor.submit(1, "spawn", ("spawn_and", "hang", str(tmp_path / "spawn"), True), math.inf)
        pids = [pid_in(tmp_path / name) for name in ("hang", "spawn")]
        executor.poll(0)
        executor.stop(now)
        wait_until(lambda: not any(map(lives, pids)))


def reapers() -> list[psutil.Process]:
    children = [child for child in psutil.Process().children() if lives(child.pid)]
    return [child for child in children if any(part.endswith("reaper.py") for part in child.cmdline())]


def test_a_dead_reaper_is_replaced(executor: LocalExecutor) -> None:
    (first,) = reapers()
    first.kill()

    def replaced() -> bool:
        executor.poll(0.05)
        return [child.pid for child in reapers()] not in ([], [first.pid])

    wait_until(replaced)


PARENT = """
import sys
sys.path.insert(0, {tests!r})
from codecstudy.execution.local import LocalExecutor
executor = LocalExecutor(3)
executor.start("support.fake_handlers:factory", None)
executor.submit(0, 0, ("hang_with_lock", {folder!r} + "/locked"), float("inf"))
executor.submit(1, 1, ("spawn_and", "hang", {folder!r} + "/child"), float("inf"))
executor.submit(2, 2, ("spawn_and", "hang", {folder!r} + "/orphan", True), float("inf"))
while True:
    executor.poll(1.0)
"""


@LINUX
def test_workers_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(PARENT.format(tests=str(Path(__file__).parents[1]), folder=str(tmp_path)))
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    environment = {**os.environ, "TMPDIR": str(temporary)}
    with subprocess.Popen([sys.executable, str(script)], env=environment) as parent:
        pids = {pid_in(tmp_path / name) for name in ("locked", "child", "orphan")}
        pids |= {process.pid for process in psutil.Process(parent.pid).children(recursive=True)}
        assert len(pids) >= 6  # three workers, two of their children, the reaper
        parent.kill()
    wait_until(lambda: not any(map(lives, pids)))
    assert list(temporary.iterdir()) == []


UNGUARDED = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
with Path({log!r}).open("a") as log:
    log.write("main\\n")
from codecstudy.execution import Done, running
from codecstudy.execution.local import LocalExecutor
executor = LocalExecutor(2)
with running(executor, "support.fake_handlers:factory", None):
    for task in range(6):
        executor.submit(task % 2, task, task, 60.0)
    done = []
    while len(done) < 6:
        done += [event.value for event in executor.poll(60.0) if isinstance(event, Done)]
print(sorted(done))
"""


@pytest.mark.parametrize("way", ["script", "command", "stdin"])
def test_it_works_from_a_program_without_a_main_guard(tmp_path: Path, way: str) -> None:
    log = tmp_path / "log"
    code = textwrap.dedent(UNGUARDED.format(tests=str(Path(__file__).parents[1]), log=str(log)))
    script = tmp_path / "study.py"
    script.write_text(code)
    arguments = {"script": [str(script)], "command": ["-c", code], "stdin": ["-"]}[way]
    result = subprocess.run(
        [sys.executable, *arguments],
        input=code if way == "stdin" else "",
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    assert result.stdout == "[0, 1, 2, 3, 4, 5]\n"
    assert result.stderr == ""
    assert log.read_text() == "main\n"
