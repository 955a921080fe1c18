"""What a run survives: workers killed again and again, sources that hang; and what it refuses to begin."""

from __future__ import annotations

import hashlib
import itertools
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psutil
import pytest
from PIL import Image

from codecstudy.errors import CodecstudyError
from codecstudy.execution import InlineExecutor
from codecstudy.pipeline import PipelineRunner, events, loop
from codecstudy.pipeline.interrupts import Interrupts
from codecstudy.results import StopReason
from conftest import picture
from support.pipeline_runs import fake, many_photos, saved, start_script, study, workers

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="finds workers through /proc")


@contextmanager
def workers_killed(every: float, kills: int, numbers: Sequence[int] = (signal.SIGKILL,)) -> Iterator[None]:
    """Kill all workers again and again, so that none gets ready in between, until that many are killed."""
    stop = threading.Event()
    signals = itertools.cycle(numbers)

    def kill() -> None:
        killed = 0
        while killed < kills and not stop.wait(every):
            for worker in workers():
                with suppress(psutil.NoSuchProcess):
                    worker.send_signal(next(signals))
                    killed += 1

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@LINUX
def test_workers_that_are_killed_before_they_are_ready_do_not_end_the_run(root: Path, photos: Path) -> None:
    config = study({"format": fake("GOOD"), "quality": [20, 40]})
    seen: list[events.Event] = []
    numbers = (signal.SIGKILL, signal.SIGTERM, signal.SIGHUP)
    with ExitStack() as killing:

        def on_event(event: events.Event) -> None:
            seen.append(event)
            if isinstance(event, events.Started):
                killing.enter_context(workers_killed(0.1, 40, numbers))

        results = PipelineRunner(root).run(config, images=photos, num_workers=3, on_event=on_event)
    assert sum(isinstance(event, events.WorkerReplaced) for event in seen) > 2 * loop.MAX_FAILED_STARTS
    assert results.complete
    assert all(record.status == "measured" for record in results.measurements)


@LINUX
def test_planning_does_not_need_the_process_that_reads_headers(root: Path, photos: Path) -> None:
    config = study({"format": fake("GOOD"), "quality": 20})
    with workers_killed(0.02, 1_000_000):
        planned = PipelineRunner(root).preview(config, images=photos)
    assert (planned.images, planned.tasks) == (4, 4)
    # Headers may have been read between two kills.
    assert 0 <= planned.megapixels < 0.01


@LINUX
def test_a_run_without_any_progress_gives_up_and_saves_what_earlier_runs_measured(
    root: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "MAX_DEATHS", 20)
    config = study({"format": fake("GOOD"), "quality": [20, 40]})
    before = PipelineRunner(root).run(config, images=photos, num_workers=1)
    Image.fromarray(picture(60, 40, 9)).save(photos / "new.png")
    with ExitStack() as killing:

        def kill_from_now_on(event: events.Event) -> None:
            if isinstance(event, events.Started):
                killing.enter_context(workers_killed(0.02, 1_000_000))

        with pytest.raises(CodecstudyError, match=r"\d+ worker processes have died .* SIGKILL"):
            PipelineRunner(root).run(config, images=photos, num_workers=1, on_event=kill_from_now_on)
    results = saved(root)
    assert (results.complete, results.stop_reason) == (False, StopReason.ERROR)
    # The new image has changed the order of the others.
    assert sorted(results.measurements, key=str) == sorted(before.measurements, key=str)
    assert not workers()
    assert PipelineRunner(root).run(config, images=photos, num_workers=1).complete


HANGING = """
import dataclasses, time
from codecstudy.images import formats

def hang(*arguments, **options):
    time.sleep(3600)

formats.FORMATS = tuple(
    dataclasses.replace(format, read=hang) if format.name == "BMP" else format
    for format in formats.FORMATS
)
"""


def test_a_source_that_hangs_costs_one_deadline(
    root: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(HANGING)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path / 'site'}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    Image.fromarray(picture()).save(photos / "hangs.bmp")
    seen: list[events.Event] = []
    config = study({"format": fake("GOOD"), "quality": [20, 40, 60], "resolution": [None, 32]})
    results = PipelineRunner(root).run(
        config, images=photos, num_workers=1, task_timeout=3, on_event=seen.append
    )
    assert sum(isinstance(event, events.WorkerReplaced) for event in seen) == 1
    assert results.complete
    why = "ran over its deadline and was ended while its source was read"
    failed = [(r.failure, r.measurement_error) for r in results.measurements if r.status == "failed"]
    assert sorted(set(map(str, failed))) == sorted(
        map(str, [("timeout", why), ("source", f"not tried, because with another setting {why}")])
    )
    assert len(failed) == 6
    assert sum(kind == "timeout" for kind, _ in failed) == 1
    assert {r.source_image for r in results.measurements if r.status == "failed"} == {"hangs.bmp"}


def test_an_encoder_that_hangs_costs_only_its_own_setting(root: Path, photos: Path) -> None:
    config = study(
        {"format": fake("HANG"), "quality": [13, 20, 40]}, dataset={"id": "sample", "max_images": 1}
    )
    results = PipelineRunner(root).run(config, images=photos, num_workers=1, task_timeout=3)
    assert [r.failure for r in results.measurements] == ["timeout", None, None]
    assert results.measurements[0].measurement_error == "ran over its deadline and was ended"


def test_a_source_that_crashes_is_tried_twice_and_not_with_every_setting(
    root: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "site").mkdir()
    crash = HANGING.replace("time.sleep(3600)", "import os; os.kill(os.getpid(), 11)")
    (tmp_path / "site" / "sitecustomize.py").write_text(crash)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path / 'site'}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    Image.fromarray(picture()).save(photos / "crashes.bmp")
    seen: list[events.Event] = []
    config = study({"format": fake("GOOD"), "quality": [20, 40, 60]})
    results = PipelineRunner(root).run(config, images=photos, num_workers=1, on_event=seen.append)
    assert sum(isinstance(event, events.WorkerReplaced) for event in seen) == 2
    kinds = sorted(str(r.failure) for r in results.measurements if r.source_image == "crashes.bmp")
    assert kinds == ["crash", "source", "source"]


class NeverStarted(InlineExecutor):
    def start(self, handler: str, config: object) -> None:
        pytest.fail("workers are started")


def refused(root: Path, images: Path, **options: object) -> str:
    """The message with which a run is refused before any worker starts."""
    config = study({"format": "jpeg", "quality": [50, 90]})
    with pytest.raises((CodecstudyError, OSError)) as caught:
        PipelineRunner(root, NeverStarted()).run(config, images=images, **options)  # type: ignore[arg-type]
    return str(caught.value)


@pytest.mark.parametrize("name", ["quality.json", "quality.parquet"])
def test_results_that_cannot_be_written_are_refused_before_measuring(
    root: Path, photos: Path, name: str
) -> None:
    path = root / "data" / "metrics" / "test" / name
    path.mkdir(parents=True)
    assert (
        refused(root, photos)
        == f"[Errno 17] cannot be written: it exists and is not a regular file: '{path}'"
    )


def test_a_file_in_the_place_of_a_folder_is_refused_before_measuring(root: Path, photos: Path) -> None:
    (root / "data").mkdir(parents=True)
    (root / "data" / "encoded").write_text("")
    assert "cannot be written" in refused(root, photos, save_artifacts=True)


def test_a_study_id_that_is_too_long_for_a_folder_is_refused_before_measuring(
    root: Path, photos: Path
) -> None:
    config = study({"format": "jpeg", "quality": 50}, id="x" * 300)
    with pytest.raises(OSError, match="cannot be written: File name too long"):
        PipelineRunner(root, NeverStarted()).run(config, images=photos)


def test_names_that_are_not_text_are_refused_before_measuring(
    root: Path, photos: Path, tmp_path: Path
) -> None:
    bad = os.fsdecode(b"bad\xff.png")
    (photos / "a.png").rename(photos / bad)
    message = refused(root, photos)
    assert r"'bad\udcff.png' is not valid UTF-8" in message
    (photos / bad).rename(photos / "a.png")
    assert "not valid UTF-8" in refused(tmp_path / os.fsdecode(b"root\xff"), photos)
    renamed = photos.rename(tmp_path / os.fsdecode(b"photos\xff"))
    assert "not valid UTF-8" in refused(root, renamed)


def test_names_that_are_too_long_for_encoded_files_are_refused_before_measuring(
    root: Path, photos: Path
) -> None:
    name = "x" * 249 + ".png"
    (photos / "a.png").rename(photos / name)
    assert "would be too long" in refused(root, photos, save_artifacts=True)
    config = study({"format": fake("GOOD"), "quality": 50})
    assert PipelineRunner(root).run(config, images=photos, num_workers=1).complete


def test_a_link_in_the_place_of_data_is_followed(root: Path, photos: Path, tmp_path: Path) -> None:
    (tmp_path / "big disk").mkdir()
    root.mkdir()
    (root / "data").symlink_to(tmp_path / "big disk")
    config = study({"format": fake("GOOD"), "quality": 50})
    results = PipelineRunner(root).run(config, images=photos, num_workers=1, save_artifacts=True)
    assert saved(root) == results
    assert all((root / str(record.encoded_path)).is_file() for record in results.measurements)
    assert sorted(p.name for p in (tmp_path / "big disk").iterdir()) == ["encoded", "metrics", "store.sqlite"]


def test_a_link_that_leads_nowhere_is_refused(root: Path, photos: Path, tmp_path: Path) -> None:
    root.mkdir()
    (root / "data").symlink_to(tmp_path / "unmounted")
    assert str(root / "data") in refused(root, photos)


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="the system does not offer this")
def test_a_closed_terminal_ends_a_run_that_saves_its_results(root: Path, tmp_path: Path) -> None:
    script = start_script(root, many_photos(tmp_path / "many", 100), [20, 40])
    assert script.stdout is not None
    script.stdout.readline()
    store = root / "data" / "store.sqlite-wal"
    while not (store.exists() and store.stat().st_size > 100_000):
        time.sleep(0.05)
    for _ in range(3):  # the kernel and the shell both send it
        script.send_signal(signal.SIGHUP)
    out, _ = script.communicate(timeout=120)
    assert out == "complete False\n"
    results = saved(root)
    assert results.stop_reason is StopReason.INTERRUPTED
    assert results.run.images_measured > 0


def test_signals_that_arrive_while_native_code_runs_are_all_counted() -> None:
    with Interrupts() as interrupts:
        interrupts.defer()

        def send() -> None:
            for _ in range(2):
                os.kill(os.getpid(), signal.SIGINT)
                time.sleep(0.05)

        thread = threading.Thread(target=send)
        thread.start()
        hashlib.pbkdf2_hmac("sha256", b"", b"", 3_000_000)
        thread.join()
        assert (interrupts.count, interrupts.signal) == (2, signal.SIGINT)
