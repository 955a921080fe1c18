"""Runs with encoders that a study defines: workers know them, limits hold, and nothing stays behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from codecstudy import PipelineRunner, api, codecs, host
from codecstudy.codecs import command
from codecstudy.results import QualityResults
from conftest import picture
from support.executors import LINUX, lives, wait_until
from support.pipeline_runs import many_photos, study, workers

pytestmark = pytest.mark.skipif(
    not hasattr(os, "posix_spawn"), reason="programs are run on POSIX systems only"
)


def script(folder: Path, text: str = 'cp "$1" "$2"') -> Path:
    path = folder / "encoder"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def entry(program: Path, **further: Any) -> dict[str, Any]:
    words = {
        "encode": [str(program), "{input}", "{output}", "{grade}"],
        "decode": ["cp", "{input}", "{output}"],
    }
    return {
        "format": "copy",
        "encoder": "mine",
        "grade": 1,
        "command": {**words, "input": "ppm", "output": ".ppm"},
        "parameters": {"grade": {"range": [0, 9], "rate": True}},
        **further,
    }


def run(root: Path, photos: Path, *entries: dict[str, Any], **options: Any) -> QualityResults:
    config = study(*entries, metrics=["psnr"])
    return PipelineRunner(root).run(config, images=photos, **{"num_workers": 1, **options})


def scratch_folders() -> set[Path]:
    memory = host.memory_folder()
    return set() if memory is None else set(memory.glob("codecstudy-*"))


def test_workers_know_the_definition(tmp_path: Path, root: Path) -> None:
    before = scratch_folders()
    photos = many_photos(tmp_path / "photos", 2)
    results = run(root, photos, entry(script(tmp_path), grade=[1, 2]), {"format": "jpeg", "quality": 50})
    assert {r.status for r in results.measurements} == {"measured"}
    mine = [r for r in results.measurements if r.setting.encoder == "mine"]
    assert len(mine) == 4
    for record in mine:
        assert record.file_size == len(command.written(picture(32, 32), "ppm"))
        assert record.encoding_peak_memory
        assert record.encoding_cpu_time
        assert record.encoder_options == {"grade": record.setting.get("grade")}
    (facts,) = (facts for facts in results.encoders if facts.id == "mine")
    assert facts.version.startswith("encoder (content ")
    assert any(template.text and "{level}" in template.text for template in results.commands)
    assert scratch_folders() == before
    # Results of it can be read where nobody knows the definition, and nothing is run from them.
    (tmp_path / "encoder").unlink()
    loaded = api.load_results(root / "data" / "metrics" / "test")
    assert "mine" not in codecs.names()
    page = api.write_report(loaded, tmp_path / "report.html", root=root).read_text()
    assert "mine" in page


def test_a_rebuilt_program_is_measured_anew(tmp_path: Path, root: Path) -> None:
    photos, program = many_photos(tmp_path / "photos", 1), script(tmp_path)
    count = f'echo x >> {tmp_path}/calls; cp "$1" "$2"'
    script(tmp_path, count)
    for _ in range(2):
        run(root, photos, entry(program))
    assert (tmp_path / "calls").read_text() == "x\n"
    script(tmp_path, f"{count} # rebuilt")
    run(root, photos, entry(program), num_workers=0)
    assert (tmp_path / "calls").read_text() == "x\nx\n"


def test_two_studies_with_one_name_do_not_mix(tmp_path: Path, root: Path) -> None:
    photos = many_photos(tmp_path / "photos", 1)
    longer = script(tmp_path, '{ cat "$1"; printf "\\n\\n"; } > "$2"').rename(tmp_path / "longer")
    plain = script(tmp_path)
    sizes = []
    for program in (plain, longer, plain):
        (record,) = run(root, photos, entry(program), num_workers=0).measurements
        sizes.append(record.file_size)
    assert sizes[0] == sizes[2]
    assert sizes[1] == (sizes[0] or 0) + 2


def test_failures_are_records_and_programs_have_the_memory_limit_of_the_worker(
    tmp_path: Path, root: Path
) -> None:
    photos = many_photos(tmp_path / "photos", 1)
    program = script(tmp_path, 'if [ "$3" = 1 ]; then ulimit -d >&2; exit 7; fi; cp "$1" "$2"')
    entries = entry(program, grade=[1, 2])
    bad, good = run(root, photos, entries, max_memory=1 << 30).measurements
    limit = 1 << 20 if sys.platform == "linux" else "unlimited"
    assert bad.measurement_error == f"encoder failed with exit code 7: {limit}"
    assert good.status == "measured"


@LINUX
def test_the_deadline_of_a_task_ends_the_program_and_its_children(tmp_path: Path, root: Path) -> None:
    photos = many_photos(tmp_path / "photos", 1)
    program = script(tmp_path, f'sleep 600 & echo "$! $$" > {tmp_path}/pids; wait')
    before = scratch_folders()
    (record,) = run(root, photos, entry(program), task_timeout=0.5).measurements
    assert record.measurement_error == "ran over its deadline and was ended"
    wait_until(lambda: not any(lives(int(pid)) for pid in (tmp_path / "pids").read_text().split()))
    assert scratch_folders() == before


@LINUX
def test_a_worker_that_is_killed_leaves_neither_program_nor_files(tmp_path: Path, root: Path) -> None:
    photos, pids, folder = many_photos(tmp_path / "photos", 1), tmp_path / "pids", tmp_path / "folder"
    # The first call hangs until its worker has been killed; the next one works.
    hang = f"if [ ! -e {pids} ]; then echo $$ > {pids}; pwd > {folder}.new; mv {folder}.new {folder}; sleep 600; fi"
    before = scratch_folders()

    def kill() -> None:
        wait_until(lambda: folder.exists())
        (worker,) = workers()
        os.kill(worker.pid, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    (record,) = run(root, photos, entry(script(tmp_path, f'{hang}\ncp "$1" "$2"'))).measurements
    killer.join()
    assert record.status in ("measured", "failed")
    wait_until(lambda: not lives(int(pids.read_text())))
    assert not Path(folder.read_text().strip()).exists()
    assert scratch_folders() == before


@LINUX
def test_files_of_programs_go_with_the_process_of_the_run(tmp_path: Path) -> None:
    """The reaper removes them if the process that has the workers is killed."""
    code = (
        "import math, time\n"
        "from codecstudy.execution.local import LocalExecutor\n"
        "executor = LocalExecutor(1)\n"
        "executor.start('support.fake_handlers:factory', None)\n"
        "executor.submit(0, 'only', ('make_scratch', 'SCRATCH'), math.inf)\n"
        "while True: executor.poll(1.0)\n"
    ).replace("SCRATCH", str(tmp_path / "scratch"))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen([sys.executable, "-c", code], env=environment)
    told = tmp_path / "scratch"
    wait_until(lambda: told.exists() and told.read_text().endswith("\n"))
    scratch = Path(told.read_text().strip())
    assert scratch.exists()
    process.kill()
    process.wait()
    wait_until(lambda: not scratch.exists())
