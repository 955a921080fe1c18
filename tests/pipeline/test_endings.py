"""How a run ends before its images do: a spent budget, an interrupt, and whole images saved all the same."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from codecstudy.execution import InlineExecutor
from codecstudy.metrics import kernels
from codecstudy.pipeline import events
from codecstudy.pipeline.runner import PipelineRunner
from codecstudy.results import QualityResults, StopReason
from codecstudy.store import Store
from support.pipeline_runs import fake, many_photos, saved, study, workers


def test_a_spent_budget_leaves_whole_images_only(root: Path, tmp_path: Path) -> None:
    folder = many_photos(tmp_path / "many", 200)
    config = study({"format": fake("SLOW"), "quality": [20, 40, 60]})
    seen: list[events.Event] = []
    results = PipelineRunner(root).run(config, 4.0, images=folder, num_workers=2, on_event=seen.append)
    assert not results.complete
    assert results.stop_reason is StopReason.TIME_BUDGET
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
    assert results.stop_reason is StopReason.INTERRUPTED
    assert "interrupted" in str(results.incomplete_reason)
    assert 2 <= results.run.images_measured <= 6
    assert len(results.measurements) == 3 * results.run.images_measured
    assert QualityResults.load(root / "data" / "metrics" / "test" / "quality.json") == results
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_second_interrupt_stops_at_once(root: Path, tmp_path: Path) -> None:
    folder = many_photos(tmp_path / "many", 30)
    config = study({"format": fake("HANG"), "quality": [60, 13]})

    seen: list[events.Event] = []

    def on_event(event: events.Event) -> None:
        seen.append(event)
        if isinstance(event, events.Finished) and not any(isinstance(e, events.Interrupted) for e in seen):
            os.kill(os.getpid(), signal.SIGTERM)
        if event == events.Interrupted(at_once=False, signal=signal.SIGTERM):
            os.kill(os.getpid(), signal.SIGINT)

    results = PipelineRunner(root).run(config, images=folder, num_workers=2, on_event=on_event)
    assert not results.complete
    assert results.run.images_measured == 0
    assert not workers()


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

    class NeverStarted(InlineExecutor):
        def start(self, handler: str, config: object) -> None:
            pytest.fail("workers are started")

    results = PipelineRunner(root, executor=NeverStarted()).run(config, images=photos)
    assert (results.complete, results.run.images_measured) == (False, 3)
    assert str(results.incomplete_reason).startswith("interrupted")
    assert saved(root) == results


def test_an_interrupt_while_results_are_saved_does_not_lose_them(
    root: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = QualityResults.save

    def interrupted(results: QualityResults, path: Path, **options: Any) -> None:
        signal.raise_signal(signal.SIGINT)
        save(results, path, **options)

    monkeypatch.setattr(QualityResults, "save", interrupted)
    config = study({"format": fake("GOOD"), "quality": 50})
    assert PipelineRunner(root).run(config, images=photos, num_workers=1).complete
    assert saved(root).complete
