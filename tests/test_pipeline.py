"""What the pipeline promises, on real processes with real codecs and codecs that misbehave."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

from codecstudy import codecs, events, host
from codecstudy.errors import CodecstudyError
from codecstudy.metrics import kernels
from codecstudy.pipeline import PipelineRunner
from codecstudy.results import TIMING_COLUMNS, QualityRecord, QualityResults
from codecstudy.store import Store
from codecstudy.study import StudyConfig
from codecstudy.workers import WorkerPool
from conftest import picture


def study(*encoders: dict[str, object], **keys: object) -> StudyConfig:
    document = {"id": "test", "dataset": {"id": "sample"}, "encoders": list(encoders), **keys}
    return StudyConfig.model_validate(document)


def fake(name: str) -> str:
    return codecs.register(f"fake_codecs:{name}").format


def timeless(records: list[QualityRecord]) -> list[QualityRecord]:
    return [dataclasses.replace(r, **dict.fromkeys(TIMING_COLUMNS)) for r in records]


FOUR = (
    {"format": "jpeg", "quality": [50, 90]},
    {"format": "webp", "quality": 60, "method": 2},
    {"format": "avif", "quality": 60, "speed": 9},
    {"format": "jxl", "quality": 70, "effort": 3},
)


# -- the main job


def test_every_image_gets_every_setting_with_all_scores(root: Path, photos: Path) -> None:
    results = PipelineRunner(root).run(study(*FOUR), images=photos, num_workers=2)
    assert len(results.measurements) == 4 * 5
    assert results.complete
    assert results.incomplete_reason is None
    for record in results.measurements:
        assert record.status == "measured", record.measurement_error
        scores = (record.ssimulacra2, record.butteraugli, record.butteraugli_3norm, record.psnr, record.ssim)
        assert all(isinstance(score, float) for score in scores)
        assert record.file_size
        assert record.encoding_cpu_time is not None
        assert record.encoded_path is None
        with Image.open(photos / record.source_image) as image:
            assert (record.width, record.height) == image.size
        assert record.source_file_size == (photos / record.source_image).stat().st_size


def test_results_are_saved_where_the_layout_says(root: Path, photos: Path) -> None:
    results = PipelineRunner(root).run(study(FOUR[0]), images=photos, num_workers=1)
    path = root / "data" / "metrics" / "test" / "quality.json"
    assert QualityResults.load(path) == results
    assert path.with_suffix(".parquet").is_file()
    assert not (root / "data" / "encoded").exists()
    assert {"jpeg", "ssimulacra2", "codecstudy"} <= set(results.tool_versions)


def test_records_do_not_depend_on_the_worker_count(tmp_path: Path, photos: Path) -> None:
    found = []
    for workers in (1, 2, 5):
        root = tmp_path / str(workers)
        found.append(PipelineRunner(root).run(study(*FOUR), images=photos, num_workers=workers))
    first = timeless(found[0].measurements)
    assert all(timeless(other.measurements) == first for other in found[1:])


def test_the_order_is_a_stable_sample(tmp_path: Path, photos: Path) -> None:
    def order(**dataset: object) -> list[str]:
        config = study(FOUR[0] | {"quality": 50}, dataset={"id": "sample", **dataset})
        results = PipelineRunner(tmp_path / "w").run(config, images=photos, num_workers=2)
        assert (results.run.order, results.run.seed) == (
            dataset.get("order", "hashed"),
            dataset.get("seed", 0),
        )
        return [record.source_image for record in results.measurements]

    assert order(order="name") == ["a.png", "b.png", "c.png", "inner/d.png"]
    assert order(max_images=2) == order()[:2]
    assert len({tuple(order(seed=seed)) for seed in range(6)}) > 1


def test_resolutions_never_enlarge_and_say_what_they_skipped(root: Path, photos: Path) -> None:
    config = study({"format": "jpeg", "quality": 80, "resolution": [32, 49, None]})
    results = PipelineRunner(root).run(config, images=photos, num_workers=2)
    by_size = {(r.source_image, r.resolution): r for r in results.measurements}
    assert by_size["a.png", 32].width == 32
    assert by_size["a.png", None].width == 48
    small = by_size["a.png", 49]
    assert (small.status, small.file_size) == ("skipped", None)
    assert "never enlarged" in str(small.measurement_error)
    assert by_size["b.png", 49].status == "measured"
    assert results.complete


def test_crops_are_encoded_whole_and_scored_on_the_fragment(root: Path, tmp_path: Path) -> None:
    folder = tmp_path / "large"
    folder.mkdir()
    Image.fromarray(picture(300, 200)).save(folder / "a.png")
    config = study(
        {"format": "jpeg", "quality": 50, "crop": [120, 240]},
        analysis_fragment_size=64,
        crop_too_small_strategy="skip_measurement",
    )
    records = PipelineRunner(root).run(config, images=folder, num_workers=1).measurements
    assert sorted((r.crop, r.width, r.height) for r in records) == [(120, 120, 80), (240, 240, 160)]
    assert all(r.status == "measured" for r in records)


def test_artifacts_are_kept_only_on_request_and_named_after_what_varies(root: Path, photos: Path) -> None:
    config = study(
        {"format": "jpeg", "quality": [50, 90], "resolution": [None, 32]},
        {"format": "webp", "quality": 60},
    )
    results = PipelineRunner(root).run(config, None, True, 2, images=photos)
    for record in results.measurements:
        assert record.encoded_path is not None
        assert (root / record.encoded_path).stat().st_size == record.file_size
    paths = {record.encoded_path for record in results.measurements}
    assert "data/encoded/test/jpeg/r32/inner/d_q50.jpg" in paths
    assert "data/encoded/test/webp/original/a_q60.webp" in paths


def test_artifacts_of_another_state_of_the_study_are_not_taken_for_this_ones(
    root: Path, photos: Path
) -> None:
    def run(method: int, save_artifacts: bool = True) -> list[QualityRecord]:
        # A method that does not vary is not in the file's name.
        config = study({"format": "webp", "quality": 60, "method": method})
        return PipelineRunner(root).run(config, None, save_artifacts, 1, images=photos).measurements

    run(6)
    run(0)
    for record in run(6):
        assert record.encoded_path is not None
        assert (root / record.encoded_path).stat().st_size == record.file_size
    (root / "data" / "encoded" / "test" / "webp" / "original" / "a_q60.webp").unlink()
    assert all(record.encoded_path is None for record in run(6, save_artifacts=False))
    assert all((root / str(record.encoded_path)).is_file() for record in run(6))


def test_a_lossless_result_is_infinite_psnr_and_100(root: Path, photos: Path) -> None:
    results = PipelineRunner(root).run(study({"format": "jxl", "quality": 100}), images=photos, num_workers=1)
    again = QualityResults.load(root / "data" / "metrics" / "test" / "quality.json")
    for record in (*results.measurements, *again.measurements):
        assert (record.ssimulacra2, record.psnr, record.butteraugli) == (100.0, float("inf"), 0.0)


# -- options and datasets


@pytest.mark.parametrize(
    "options", [{"num_workers": 0}, {"time_budget": 0.0}, {"time_budget": -1.0}, {"max_memory": 0}]
)
def test_options_out_of_range_are_refused(root: Path, photos: Path, options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"must be more than 0|at least one worker"):
        PipelineRunner(root).run(study(FOUR[0]), images=photos, **options)  # type: ignore[arg-type]


def test_an_unknown_dataset_is_a_value_error(root: Path) -> None:
    with pytest.raises(ValueError, match="no-such"):
        PipelineRunner(root).run(study(FOUR[0], dataset={"id": "no-such"}))


def test_a_dataset_that_is_not_there_names_the_command(root: Path) -> None:
    with pytest.raises(FileNotFoundError, match="codecstudy datasets fetch div2k-valid"):
        PipelineRunner(root).run(study(FOUR[0], dataset={"id": "div2k-valid"}))


def test_a_folder_without_images_is_file_not_found(root: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError):
        PipelineRunner(root).run(study(FOUR[0]), images=tmp_path / "empty")


# -- failures are values


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
    assert not _runs(int((tmp_path / "pid").read_text()))


def test_a_codec_that_eats_memory_ends_as_a_failure(root: Path, photos: Path) -> None:
    config = study({"format": fake("MEMORY"), "quality": [13, 60]}, dataset={"id": "sample", "max_images": 1})
    results = PipelineRunner(root).run(config, images=photos, num_workers=1, max_memory=1200 << 20)
    bad, good = results.measurements
    assert (bad.status, bad.failure) == ("failed", "memory")
    assert good.status == "measured"


def _runs(pid: int) -> bool:
    # A killed process whose parent does not ask for it stays in the table as a zombie.
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def _workers() -> list[psutil.Process]:
    return [
        child
        for child in psutil.Process().children(recursive=True)
        if child.status() != psutil.STATUS_ZOMBIE and any("child.py" in part for part in child.cmdline())
    ]


def test_a_worker_killed_in_mid_run_loses_nothing_but_time(root: Path, photos: Path) -> None:
    killed = []

    def kill_one(event: events.Event) -> None:
        if isinstance(event, events.Finished) and not killed:
            victim = _workers()[0]
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


# -- the store: run again, and it grows


def test_what_is_known_is_not_measured_again(root: Path, photos: Path) -> None:
    def run(*encoders: dict[str, object], **options: object) -> tuple[QualityResults, int]:
        seen: list[events.Event] = []
        results = PipelineRunner(root).run(
            study(*encoders),
            images=photos,
            num_workers=2,
            on_event=seen.append,
            **options,  # type: ignore[arg-type]
        )
        return results, sum(isinstance(event, events.Finished) for event in seen)

    first, measured = run({"format": "jpeg", "quality": [50, 90]})
    assert measured == 8
    again, measured = run({"format": "jpeg", "quality": [50, 90]})
    assert measured == 0
    assert again.measurements == first.measurements
    more, measured = run({"format": "jpeg", "quality": [50, 70, 90]})
    assert measured == 4
    assert len(more.measurements) == 12
    fresh, measured = run({"format": "jpeg", "quality": [50, 90]}, fresh=True)
    assert measured == 8
    assert timeless(fresh.measurements) == timeless(first.measurements)


def test_a_changed_image_is_a_new_source(root: Path, photos: Path) -> None:
    runner = PipelineRunner(root)
    config = study({"format": "jpeg", "quality": 50})
    before = {
        r.source_image: r.file_size for r in runner.run(config, images=photos, num_workers=1).measurements
    }
    Image.fromarray(picture(48, 40, 99)).save(photos / "a.png")
    after = {
        r.source_image: r.file_size for r in runner.run(config, images=photos, num_workers=1).measurements
    }
    assert [name for name in before if before[name] != after[name]] == ["a.png"]


# -- time budget and interrupts


def many_photos(folder: Path, count: int) -> Path:
    folder.mkdir()
    for seed in range(count):
        Image.fromarray(picture(32, 32, seed)).save(folder / f"{seed:03}.png")
    return folder


def test_a_spent_budget_leaves_whole_images_only(root: Path, tmp_path: Path) -> None:
    folder = many_photos(tmp_path / "many", 200)
    config = study({"format": fake("SLOW"), "quality": [20, 40, 60]})
    seen: list[events.Event] = []
    results = PipelineRunner(root).run(config, 4.0, images=folder, num_workers=2, on_event=seen.append)
    assert not results.complete
    assert "budget" in str(results.incomplete_reason)
    assert 0 < results.run.images_measured < 200
    assert len(results.measurements) == 3 * results.run.images_measured
    assert any(isinstance(event, events.BudgetSpent) for event in seen)
    assert results.run.time_budget == 4.0
    order = [r.source_image for r in results.measurements[::3]]
    rest = PipelineRunner(root).run(
        study(
            {"format": fake("SLOW"), "quality": [20, 40, 60]},
            dataset={"id": "sample", "max_images": len(order)},
        ),
        images=folder,
        num_workers=2,
    )
    assert [r.source_image for r in rest.measurements[::3]] == order, "a budget takes a prefix of the sample"


def test_the_first_batch_runs_whatever_the_budget(root: Path, photos: Path) -> None:
    config = study({"format": fake("SLOW"), "quality": [20, 40]})
    results = PipelineRunner(root).run(config, 0.001, images=photos, num_workers=2)
    assert 1 <= results.run.images_measured <= 2


SCRIPT = textwrap.dedent(
    """
    import sys
    sys.path.insert(0, {tests!r})
    from codecstudy import codecs, events
    codecs.register("fake_codecs:SLOW")
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
            tests=str(Path(__file__).parent), root=str(root), photos=str(photos), qualities=qualities
        )
    )
    return subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True)


def test_a_script_without_a_main_guard_works(root: Path, photos: Path) -> None:
    script = start_script(root, photos, [20, 40])
    out, _ = script.communicate(timeout=120)
    assert script.returncode == 0
    assert out.split() == ["0", "complete", "True"]


def test_interrupts_leave_valid_results_of_whole_images(root: Path, tmp_path: Path) -> None:
    folder = many_photos(tmp_path / "many", 60)
    config = study({"format": fake("SLOW"), "quality": [20, 40, 60]})
    seen: list[events.Event] = []

    def on_event(event: events.Event) -> None:
        seen.append(event)
        finished = sum(isinstance(e, events.Finished) for e in seen)
        if isinstance(event, events.Finished) and finished == 7:
            os.kill(os.getpid(), signal.SIGINT)

    results = PipelineRunner(root).run(config, images=folder, num_workers=2, on_event=on_event)
    assert not results.complete
    assert "interrupted" in str(results.incomplete_reason)
    assert 2 <= results.run.images_measured <= 6
    assert len(results.measurements) == 3 * results.run.images_measured
    assert QualityResults.load(root / "data" / "metrics" / "test" / "quality.json") == results
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_second_interrupt_stops_at_once(root: Path, tmp_path: Path) -> None:
    folder = many_photos(tmp_path / "many", 30)
    config = study({"format": fake("HANG"), "quality": [60, 13]})

    def on_event(event: events.Event) -> None:
        if isinstance(event, events.Finished):
            os.kill(os.getpid(), signal.SIGTERM)

    timer = threading.Timer(4.0, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    results = PipelineRunner(root).run(config, images=folder, num_workers=2, on_event=on_event)
    timer.cancel()
    assert not results.complete
    assert results.run.images_measured == 0
    assert not _workers()


def saved(root: Path) -> QualityResults:
    return QualityResults.load(root / "data" / "metrics" / "test" / "quality.json")


def test_an_interrupt_of_the_planning_ends_it_and_leaves_earlier_results(
    root: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = study({"format": fake("GOOD"), "quality": 50})
    before = PipelineRunner(root).run(config, images=photos, num_workers=1)
    monkeypatch.setattr(Store, "content_hash", lambda store, path: signal.raise_signal(signal.SIGTERM))
    with pytest.raises(KeyboardInterrupt):
        PipelineRunner(root).run(config, images=photos, num_workers=1, fresh=True)
    assert saved(root) == before


def test_an_interrupt_of_the_compilation_starts_no_worker(
    root: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = study({"format": fake("GOOD"), "quality": 50})
    PipelineRunner(root).run(config, images=photos, num_workers=1)
    (photos / "inner" / "d.png").write_bytes((photos / "a.png").read_bytes() + b"more")
    monkeypatch.setattr(kernels, "is_compiled", lambda names: False)
    monkeypatch.setattr(kernels, "compile_all", lambda names, on_progress: signal.raise_signal(signal.SIGINT))
    monkeypatch.setattr(WorkerPool, "start", lambda pool: pytest.fail("workers are started"))
    results = PipelineRunner(root).run(config, images=photos, num_workers=1)
    assert (results.complete, results.run.images_measured) == (False, 3)
    assert str(results.incomplete_reason).startswith("interrupted")
    assert saved(root) == results


def test_an_interrupt_while_results_are_saved_does_not_lose_them(
    root: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = QualityResults.save

    def interrupted(results: QualityResults, path: Path) -> None:
        signal.raise_signal(signal.SIGINT)
        save(results, path)

    monkeypatch.setattr(QualityResults, "save", interrupted)
    config = study({"format": fake("GOOD"), "quality": 50})
    assert PipelineRunner(root).run(config, images=photos, num_workers=1).complete
    assert saved(root).complete


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
    assert not _workers()


def test_a_run_in_another_thread_works(root: Path, photos: Path) -> None:
    found: list[QualityResults] = []
    config = study({"format": fake("GOOD"), "quality": 50})
    thread = threading.Thread(
        target=lambda: found.append(PipelineRunner(root).run(config, images=photos, num_workers=2))
    )
    thread.start()
    thread.join()
    assert found[0].complete


# -- workers and memory


def test_free_workers_help_to_finish_the_last_image(root: Path, tmp_path: Path) -> None:
    config = study({"format": fake("SLOW"), "quality": list(range(10, 90, 4))})
    seen: list[events.Event] = []
    results = PipelineRunner(root).run(
        config, images=many_photos(tmp_path / "one", 1), num_workers=2, on_event=seen.append
    )
    assert results.complete
    assert any(isinstance(event, events.Helped) for event in seen)
    assert {event.worker for event in seen if isinstance(event, events.Finished)} == {0, 1}


def test_too_little_memory_for_a_worker_to_start_is_an_error_that_says_so(root: Path, photos: Path) -> None:
    with pytest.raises(CodecstudyError, match=r"Each may use 10 MiB, as max_memory says"):
        PipelineRunner(root).run(study(FOUR[0]), images=photos, num_workers=2, max_memory=10 << 20)
    assert not (root / "data" / "metrics").exists()


def test_a_machine_without_free_memory_takes_its_turns(
    root: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host, "available_memory", lambda: 0)
    config = study({"format": fake("GOOD"), "quality": [20, 40]})
    assert PipelineRunner(root).run(config, images=photos, num_workers=2).complete


def test_no_more_workers_start_than_there_are_tasks(root: Path, tmp_path: Path) -> None:
    folder = many_photos(tmp_path / "one", 1)
    config = study({"format": fake("GOOD"), "quality": [20, 40]})
    assert PipelineRunner(root).run(config, images=folder, num_workers=50).run.workers == 2


def test_the_preview_says_what_a_run_would_do(root: Path, photos: Path) -> None:
    runner = PipelineRunner(root)
    config = study({"format": fake("GOOD"), "quality": [20, 40]})
    assert (runner.preview(config, images=photos).tasks, root.exists()) == (8, False)
    runner.run(config, images=photos, num_workers=1)
    known = runner.preview(config, images=photos)
    assert (known.tasks, known.known, known.images) == (0, 8, 4)
    assert runner.preview(config, images=photos, fresh=True).tasks == 8
    assert runner.preview(config, images=photos, save_artifacts=True).tasks == 8, "there are no files yet"


# -- nothing lost: kill the parent anywhere


def test_a_parent_killed_twenty_times_loses_and_repeats_nothing(root: Path, photos: Path) -> None:
    qualities = list(range(5, 100, 5))
    random = np.random.default_rng(1)
    committed, kills = 0, 0
    for _ in range(20):
        script = start_script(root, photos, qualities)
        assert script.stdout is not None
        assert int(script.stdout.readline()) == committed, (
            "what was committed is known, and not measured again"
        )
        time.sleep(float(random.uniform(0.0, 1.5)))
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
    assert kills > 3
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
            found = _workers()
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


def test_quality_json_is_the_documented_shape(root: Path, photos: Path) -> None:
    PipelineRunner(root).run(study(FOUR[0]), images=photos, num_workers=1)
    document = json.loads((root / "data" / "metrics" / "test" / "quality.json").read_text())
    assert document["study_id"] == "test"
    assert document["dataset"]["image_count"] == 4
    assert document["timestamp"].endswith("+00:00")
    assert document["run"]["images_measured"] == 4
