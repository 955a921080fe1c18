"""Whatever goes wrong with an image, a setting, a worker or the whole process: nothing measured is lost."""

from __future__ import annotations

import re
import signal
import sys
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

from codecstudy import host
from codecstudy.metrics import kernels
from codecstudy.pipeline import PipelineRunner, events
from codecstudy.results import QualityResults
from codecstudy.store import Store
from conftest import picture
from support.image_files import giant_jpeg
from support.pipeline_runs import FOUR, fake, many_photos, runs, saved, start_script, study, timeless, workers


def test_unreadable_images_are_records_and_the_run_goes_on(root: Path, photos: Path) -> None:
    (photos / "text.png").write_text("not an image")
    (photos / "empty.jpg").write_bytes(b"")
    whole = (photos / "a.png").read_bytes()
    (photos / "cut.png").write_bytes(whole[: len(whole) // 2])
    seen: list[events.Event] = []
    results = PipelineRunner(root).run(study(*FOUR[:2]), images=photos, num_workers=2, on_event=seen.append)
    failed = {r.source_image for r in results.measurements if r.status == "failed"}
    assert failed == {"text.png", "empty.jpg", "cut.png"}
    assert len(results.measurements) == 7 * 3
    assert all(
        r.failure == "source" and r.measurement_error for r in results.measurements if r.status == "failed"
    )
    assert sum(isinstance(event, events.Failed) for event in seen) == 3 * 3
    assert results.complete


MISBEHAVIOUR = {
    "RAISE": ("encode", "encoder says no"),
    "TELL_KERNEL_CACHE": ("encode", f"kernels are in {kernels.cache_folder()}"),
    "GARBAGE": ("encode", "str"),
    "EMPTY": ("encode", "no bytes"),
    "UNPICKLABLE": ("encode", "cannot cross"),
    "LIAR": ("decode", "shape"),
    "FLOAT": ("decode", "float32"),
    "SIGKILL": ("crash", "SIGKILL"),
    "SEGV": ("crash", "SIGSEGV"),
    "EXIT": ("crash", "exit code 7"),
}
"""What each fake codec does, as kind of failure and words of the reason."""


@pytest.fixture(scope="module")
def misbehaved(tmp_path_factory: pytest.TempPathFactory) -> QualityResults:
    """One run with all of them at once, beside a codec that works."""
    base = tmp_path_factory.mktemp("misbehaved")
    encoders = [{"format": fake(name), "quality": [13, 60]} for name in MISBEHAVIOUR]
    config = study({"format": "jpeg", "quality": 80}, *encoders)
    return PipelineRunner(base / "w").run(config, images=many_photos(base / "many", 2), num_workers=2)


@pytest.mark.parametrize("name", MISBEHAVIOUR)
def test_a_codec_that_misbehaves_costs_its_own_tasks(misbehaved: QualityResults, name: str) -> None:
    kind, message = MISBEHAVIOUR[name]
    records = [record for record in misbehaved.measurements if record.format == fake(name)]
    assert len(records) == 4
    for record in records:
        if record.quality == 13 or kind == "decode":
            assert (record.status, record.failure, record.file_size) == ("failed", kind, None)
            assert message in str(record.measurement_error)
        else:
            assert record.status == "measured", record.measurement_error


def test_codecs_that_work_are_not_touched_by_those_that_do_not(misbehaved: QualityResults) -> None:
    assert misbehaved.complete
    assert [r.status for r in misbehaved.measurements if r.format == "jpeg"] == ["measured"] * 2


def test_a_hang_ends_at_its_deadline_with_its_process_tree(
    root: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_CODEC_PID_FILE", str(tmp_path / "pid"))
    encoders = [{"format": fake(name), "quality": [13, 60]} for name in ("HANG", "DEAF", "CHILD")]
    config = study(*encoders, dataset={"id": "sample", "max_images": 1})
    results = PipelineRunner(root).run(config, images=photos, num_workers=2, task_timeout=1.5)
    for record in results.measurements:
        expected = ("failed", "timeout") if record.quality == 13 else ("measured", None)
        assert (record.status, record.failure) == expected
    assert not runs(int((tmp_path / "pid").read_text()))


def test_a_codec_that_eats_memory_ends_as_a_failure(root: Path, photos: Path) -> None:
    config = study({"format": fake("MEMORY"), "quality": [13, 60]}, dataset={"id": "sample", "max_images": 1})
    results = PipelineRunner(root).run(config, images=photos, num_workers=1, max_memory=1200 << 20)
    bad, good = results.measurements
    assert (bad.status, bad.failure) == ("failed", "memory")
    assert good.status == "measured"


@pytest.mark.parametrize(("available", "limit"), [(5 << 30, 4 << 30), (0, 1 << 30)])
def test_each_worker_has_a_hard_limit_where_none_is_given(
    root: Path, photos: Path, monkeypatch: pytest.MonkeyPatch, available: int, limit: int
) -> None:
    monkeypatch.setattr(host, "available_memory", lambda: available)
    config = study({"format": fake("LIMIT"), "quality": 13}, dataset={"id": "sample", "max_images": 1})
    (record,) = PipelineRunner(root).run(config, images=photos, num_workers=2).measurements
    assert record.measurement_error == f"RuntimeError: limit {limit}"


def test_a_header_that_states_a_giant_is_a_failure_with_figures(root: Path, photos: Path) -> None:
    (photos / "giant.jpg").write_bytes(giant_jpeg(20000))
    config = study({"format": fake("GOOD"), "quality": [20, 40]})
    results = PipelineRunner(root).run(config, images=photos, num_workers=2, max_memory=1200 << 20)
    assert results.complete
    for record in results.measurements:
        if record.source_image == "giant.jpg":
            assert (record.status, record.failure) == ("failed", "memory")
            assert str(record.measurement_error) == (
                "needs about 46 GB to measure 20000x20000 pixels, 1.3 GB allowed; give more with --max-memory, "
                "leave such images out with --max-pixels, or scale the image down first"
            )
        else:
            assert record.status == "measured"


def test_a_worker_killed_in_mid_run_loses_nothing_but_time(root: Path, photos: Path) -> None:
    killed = []

    def kill_one(event: events.Event) -> None:
        if isinstance(event, events.Finished) and not killed:
            victim = workers()[0]
            killed.append(victim.pid)
            victim.send_signal(signal.SIGKILL)

    seen: list[events.Event] = []

    def on_event(event: events.Event) -> None:
        seen.append(event)
        kill_one(event)

    config = study({"format": fake("SLOW"), "quality": [20, 40, 60, 80]})
    results = PipelineRunner(root).run(config, images=photos, num_workers=2, on_event=on_event)
    assert killed
    assert any(isinstance(event, events.WorkerReplaced) for event in seen)
    assert len(results.measurements) == 16
    assert all(record.status == "measured" for record in results.measurements)


def test_an_error_of_the_run_as_a_whole_leaves_what_was_measured(root: Path, tmp_path: Path) -> None:
    seen: list[events.Event] = []

    def on_event(event: events.Event) -> None:
        seen.append(event)
        if sum(isinstance(e, events.Finished) for e in seen) == 7:
            raise RuntimeError("the display is gone")

    config = study({"format": fake("GOOD"), "quality": [20, 40]})
    folder = many_photos(tmp_path / "many", 6)
    with pytest.raises(RuntimeError, match="the display is gone"):
        PipelineRunner(root).run(config, images=folder, num_workers=1, on_event=on_event)
    results = saved(root)
    assert not results.complete
    assert 2 <= results.run.images_measured <= 3
    assert "stopped by an error (the display is gone)" in str(results.incomplete_reason)
    assert not workers()


def test_too_little_memory_for_a_worker_is_refused_before_anything_starts(root: Path, photos: Path) -> None:
    with pytest.raises(ValueError, match=r"max_memory is 150 MiB; a worker needs at least 384 MiB"):
        PipelineRunner(root).run(study(FOUR[0]), images=photos, num_workers=2, max_memory=150 << 20)
    assert not root.exists()


def test_a_machine_without_free_memory_takes_its_turns(
    root: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host, "available_memory", lambda: 0)
    config = study({"format": fake("GOOD"), "quality": [20, 40]})
    assert PipelineRunner(root).run(config, images=photos, num_workers=2).complete


def test_a_parent_killed_again_and_again_loses_and_repeats_nothing(root: Path, photos: Path) -> None:
    # make trials kills a hundred times.
    qualities = list(range(5, 100, 10))
    random = np.random.default_rng(1)
    committed, kills = 0, 0
    for _ in range(5):
        script = start_script(root, photos, qualities)
        assert script.stdout is not None
        assert int(script.stdout.readline()) == committed, (
            "what was committed is known, and not measured again"
        )
        time.sleep(float(random.uniform(0.0, 1.0)))
        children = psutil.Process(script.pid).children(recursive=True)
        script.kill()
        script.communicate()
        kills += 1
        assert not psutil.wait_procs(children, timeout=5)[1], "workers end by themselves within five seconds"
        with Store(root / "data" / "store.sqlite") as store:
            assert store.count() >= committed
            committed = store.count()
        if committed == len(qualities) * 4:
            break
    seen: list[events.Event] = []
    config = study({"format": fake("SLOW"), "quality": qualities})
    results = PipelineRunner(root).run(config, images=photos, num_workers=2, on_event=seen.append)
    assert sum(isinstance(event, events.Finished) for event in seen) == len(qualities) * 4 - committed
    assert kills > 1
    undisturbed = PipelineRunner(root.parent / "other").run(config, images=photos, num_workers=2)
    assert timeless(results.measurements) == timeless(undisturbed.measurements)


@pytest.mark.skipif(sys.platform != "linux", reason="finds workers through /proc")
def test_a_worker_killed_every_second(root: Path, tmp_path: Path) -> None:
    folder = many_photos(tmp_path / "many", 10)
    config = study({"format": fake("SLOW"), "quality": [10, 20, 30, 40, 50, 60]})
    stop = threading.Event()
    random = np.random.default_rng(2)

    def killer() -> None:
        while not stop.wait(1.0):
            found = workers()
            if found:
                found[int(random.integers(len(found)))].kill()

    thread = threading.Thread(target=killer)
    thread.start()
    try:
        results = PipelineRunner(root).run(config, images=folder, num_workers=2)
    finally:
        stop.set()
        thread.join()
    assert len(results.measurements) == 60
    assert all(r.status == "measured" or r.failure == "crash" for r in results.measurements)
    crashed = sum(r.status == "failed" for r in results.measurements)
    seen: list[events.Event] = []
    again = PipelineRunner(root).run(config, images=folder, num_workers=2, on_event=seen.append)
    assert sum(isinstance(event, events.Finished) for event in seen) == crashed
    assert all(r.status == "measured" for r in again.measurements)


def test_what_cannot_fit_is_refused_with_figures_and_the_rest_is_measured(root: Path, tmp_path: Path) -> None:
    folder = tmp_path / "large"
    folder.mkdir()
    Image.fromarray(picture(2000, 3000)).save(folder / "a.png", compress_level=1)
    avif = {"format": "avif", "quality": 50, "speed": 10, "chroma_subsampling": "444"}
    config = study({"format": "jpeg", "quality": 50}, avif, {**avif, "resolution": 600})
    seen: list[events.Event] = []
    results = PipelineRunner(root).run(
        config, images=folder, num_workers=1, max_memory=600 << 20, on_event=seen.append
    )
    jpeg, large, small = results.measurements
    # With the metrics streaming, which takes far less memory.
    assert jpeg.status == "measured", jpeg.measurement_error
    assert small.status == "measured", small.measurement_error
    assert (large.status, large.failure) == ("failed", "memory")
    assert re.fullmatch(
        r"needs about \d+ MB to measure 2000x3000 pixels, 629 MB allowed; give more with --max-memory, leave such "
        r"images out with --max-pixels, or measure at a smaller resolution",
        str(large.measurement_error),
    )
    assert results.complete
    assert not any(isinstance(event, events.WorkerReplaced) for event in seen)
    # Given more memory, it is measured, and nothing else is measured again.
    again = PipelineRunner(root).run(config, images=folder, num_workers=1)
    assert [record.status for record in again.measurements] == ["measured"] * 3
    assert again.measurements[0].encoding_time == jpeg.encoding_time


def test_a_run_of_which_nothing_fits_has_results_all_the_same(root: Path, tmp_path: Path) -> None:
    folder = tmp_path / "giants"
    folder.mkdir()
    (folder / "giant.jpg").write_bytes(giant_jpeg(20000))
    results = PipelineRunner(root).run(study(FOUR[0]), images=folder, num_workers=2, max_memory=1200 << 20)
    assert results.complete
    assert {record.failure for record in results.measurements} == {"memory"}


def test_images_of_more_pixels_than_asked_for_are_not_measured(root: Path, photos: Path) -> None:
    Image.fromarray(picture(200, 300)).save(photos / "wide.png")
    config = study({"format": fake("GOOD"), "quality": 20})
    results = PipelineRunner(root).run(config, images=photos, num_workers=1, max_pixels=50_000)
    status = {record.source_image: record for record in results.measurements}
    assert "more than the limit of 0.05" in str(status.pop("wide.png").measurement_error)
    assert {record.status for record in status.values()} == {"measured"}
