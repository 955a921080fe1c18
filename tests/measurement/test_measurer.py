"""One worker's bench: what is done once per source and size, and what is refused rather than measured."""

from __future__ import annotations

import pickle
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from codecstudy import codecs, images, metrics
from codecstudy.measurement import selftest
from codecstudy.measurement.measurer import Bench, BenchConfig, Job, make_bench
from codecstudy.metrics.base import Metric
from codecstudy.types import Failure, Measurement, Outcome, Setting, Skip
from conftest import picture

SIZES = (None, 40, 24)
SETTINGS = tuple(Setting.of("jpeg", quality=q, resolution=size) for size in SIZES for q in (40, 60, 80))


def bench(folder: Path, settings: tuple[Setting, ...] = SETTINGS) -> Bench:
    return Bench(BenchConfig(str(folder), settings, ("psnr",)))


def outcomes(bench: Bench, image: str, sha256: str | None = None) -> Iterator[Outcome]:
    for number in range(len(SETTINGS)):
        yield bench(Job(image, number, sha256=sha256)).outcome


def counted(calls: Counter[str], name: str, function: Any) -> Any:
    def call(*arguments: Any) -> Any:
        calls[name] += 1
        return function(*arguments)

    return call


def test_a_source_is_decoded_once_and_resized_and_prepared_once_per_size(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: Counter[str] = Counter()
    psnr = metrics.get("psnr")
    spied = Metric(
        psnr.name,
        psnr.columns,
        psnr.version,
        psnr.higher_is_better,
        counted(calls, "prepare", psnr.prepare),
        psnr.compile,
    )
    monkeypatch.setattr(metrics, "get", lambda name: spied)
    monkeypatch.setattr(images, "load", counted(calls, "load", images.load))
    monkeypatch.setattr(images, "resize", counted(calls, "resize", images.resize))
    work = bench(photos)
    for done, image in enumerate(("a.png", "b.png"), start=1):
        assert all(isinstance(outcome, Measurement) for outcome in outcomes(work, image))
        assert calls == {"load": done, "resize": 2 * done, "prepare": 3 * done}


def test_what_was_spent_on_opening_is_told_with_the_task_that_opened(photos: Path) -> None:
    work = bench(photos)
    opened = [work(Job("a.png", number)).opening is not None for number in range(len(SETTINGS))]
    assert opened == [True, False, False] * len(SIZES)


def test_a_source_that_has_changed_since_the_plan_is_not_measured_under_its_old_name(photos: Path) -> None:
    before = images.content_hash(photos / "a.png")
    assert all(isinstance(outcome, Measurement) for outcome in outcomes(bench(photos), "a.png", before))
    shutil.copy(photos / "b.png", photos / "a.png")
    for outcome in outcomes(bench(photos), "a.png", before):
        assert isinstance(outcome, Failure)
        assert outcome.kind == "source"
        assert "changed while the run went on" in outcome.reason


def test_a_source_that_is_gone_is_a_failure_in_words_that_other_sources_share(photos: Path) -> None:
    reasons = {(o.kind, o.reason) for name in ("x.png", "y.png") for o in _failures(photos, name)}
    assert reasons == {("source", "cannot be read: No such file or directory")}


def _failures(folder: Path, image: str) -> list[Failure]:
    return [outcome for outcome in outcomes(bench(folder), image, "0" * 64) if isinstance(outcome, Failure)]


@pytest.mark.parametrize("score", [float("nan"), float("inf"), float("-inf")])
def test_a_score_that_no_results_file_can_hold_is_a_failure(
    photos: Path, monkeypatch: pytest.MonkeyPatch, score: float
) -> None:
    class Odd:
        def scores(self, distorted: object) -> dict[str, float]:
            return {"ssim": score}

    odd = Metric("ssim", ("ssim",), "1", True, lambda reference: Odd(), lambda: None)
    monkeypatch.setattr(metrics, "get", lambda name: odd)
    outcome = Bench(BenchConfig(str(photos), SETTINGS, ("ssim",)))(Job("a.png", 0)).outcome
    assert isinstance(outcome, Failure)
    assert outcome.kind == "metric"
    assert "ssim" in outcome.reason


def test_only_an_identical_image_may_have_infinite_psnr(photos: Path) -> None:
    outcome = bench(photos, (Setting.of("jxl", quality=100, effort=1),))(Job("a.png", 0)).outcome
    assert isinstance(outcome, Measurement)
    assert outcome.scores == {"psnr": float("inf")}


def test_a_size_that_does_not_apply_is_a_skip(photos: Path) -> None:
    outcome = bench(photos, (Setting.of("jpeg", quality=50, resolution=4000),))(Job("a.png", 0)).outcome
    assert isinstance(outcome, Skip)


def test_codecs_are_warm_before_the_first_measurement(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoded = []
    monkeypatch.setattr(selftest, "check_chain", lambda formats: encoded.extend(formats))
    make_bench(BenchConfig(str(photos), (*SETTINGS, Setting.of("webp", quality=50)), ("psnr",)))
    assert encoded == ["jpeg", "webp"]


def test_an_artifact_that_cannot_be_kept_is_a_failure(photos: Path) -> None:
    (photos / "file").write_text("in the way")
    outcome = bench(photos)(Job("a.png", 0, str(photos / "file" / "a.jpg"))).outcome
    assert isinstance(outcome, Failure)
    assert outcome.kind == "artifact"


def test_a_bench_knows_registered_codecs(photos: Path) -> None:
    reference = "support.fake_codecs:GOOD"
    config = BenchConfig(str(photos), (Setting.of("fakegood", quality=50),), ("psnr",), (reference,))
    assert isinstance(Bench(config)(Job("a.png", 0)).outcome, Measurement)
    assert reference in codecs.registered()


def test_scores_do_not_depend_on_what_was_measured_before(photos: Path) -> None:
    config = BenchConfig(str(photos), SETTINGS, metrics.names())
    used = Bench(config)
    for name, number in (("a.png", 3), ("inner/d.png", 0), ("a.png", 1), ("a.png", 0)):
        warm, fresh = used(Job(name, number)).outcome, Bench(config)(Job(name, number)).outcome
        assert isinstance(warm, Measurement)
        assert isinstance(fresh, Measurement)
        assert (warm.scores, warm.file_size) == (fresh.scores, fresh.file_size)


def test_notes_say_what_happened_to_the_source(photos: Path) -> None:
    Image.fromarray(picture()).convert("L").save(photos / "grey.png")
    assert "grey expanded" in "; ".join(bench(photos)(Job("grey.png", 0)).outcome.notes)


def test_reports_cross_processes(photos: Path) -> None:
    report = bench(photos)(Job("a.png", 0))
    assert pickle.loads(pickle.dumps(report)) == report
