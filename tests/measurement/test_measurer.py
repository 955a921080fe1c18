"""What a measurer does once per source and size, and what it refuses to measure."""

from __future__ import annotations

import dataclasses
import hashlib
import pickle
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from PIL import Image

from codecstudy import codecs, images, metrics
from codecstudy.measurement import selftest
from codecstudy.measurement.measurer import Measurer, MeasurerConfig, MeasureRequest, make_measurer
from codecstudy.metrics.base import Metric
from codecstudy.types import Failure, Measurement, Outcome, Setting, Skip
from conftest import picture

SIZES = (None, 40, 24)
SETTINGS = tuple(Setting.of("jpeg", quality=q, resolution=size) for size in SIZES for q in (40, 60, 80))


def measurer(folder: Path, settings: tuple[Setting, ...] = SETTINGS) -> Measurer:
    return Measurer(MeasurerConfig(str(folder), settings, ("psnr",)))


def outcomes(measurer: Measurer, image: str, sha256: str | None = None) -> Iterator[Outcome]:
    for number in range(len(SETTINGS)):
        yield measurer(MeasureRequest(image, number, sha256=sha256)).outcome


def test_a_source_is_decoded_once_and_serves_all_its_sizes(photos: Path) -> None:
    work = measurer(photos)
    first, *rest = range(len(SETTINGS))
    assert isinstance(work(MeasureRequest("a.png", first)).outcome, Measurement)
    (photos / "a.png").unlink()
    assert all(isinstance(work(MeasureRequest("a.png", n)).outcome, Measurement) for n in rest)
    assert isinstance(work(MeasureRequest("b.png", first)).outcome, Measurement)
    assert isinstance(work(MeasureRequest("a.png", first)).outcome, Failure), "it is not open any more"


def test_what_was_spent_on_opening_is_told_with_the_task_that_opened(photos: Path) -> None:
    work = measurer(photos)
    opened = [work(MeasureRequest("a.png", number)).opening is not None for number in range(len(SETTINGS))]
    assert opened == [True, False, False] * len(SIZES)


def test_a_source_that_has_changed_since_the_plan_is_not_measured_under_its_old_name(photos: Path) -> None:
    before = images.content_hash(photos / "a.png")
    assert all(isinstance(outcome, Measurement) for outcome in outcomes(measurer(photos), "a.png", before))
    shutil.copy(photos / "b.png", photos / "a.png")
    for outcome in outcomes(measurer(photos), "a.png", before):
        assert isinstance(outcome, Failure)
        assert outcome.kind == "source"
        assert "changed during the run" in outcome.reason


def test_a_source_that_is_gone_is_a_failure_in_words_that_other_sources_share(photos: Path) -> None:
    reasons = {(o.kind, o.reason) for name in ("x.png", "y.png") for o in _failures(photos, name)}
    assert reasons == {("source", "cannot be read: No such file or directory")}


def _failures(folder: Path, image: str) -> list[Failure]:
    return [
        outcome for outcome in outcomes(measurer(folder), image, "0" * 64) if isinstance(outcome, Failure)
    ]


@pytest.mark.parametrize("score", [float("nan"), float("inf"), float("-inf")])
def test_a_score_that_no_results_file_can_hold_is_a_failure(
    photos: Path, monkeypatch: pytest.MonkeyPatch, score: float
) -> None:
    class Odd:
        def scores(self, distorted: object) -> dict[str, float]:
            return {"ssim": score}

    odd = Metric(metrics.get("ssim").facts, lambda reference: Odd())
    monkeypatch.setattr(metrics, "get", lambda name: odd)
    outcome = Measurer(MeasurerConfig(str(photos), SETTINGS, ("ssim",)))(MeasureRequest("a.png", 0)).outcome
    assert isinstance(outcome, Failure)
    assert outcome.kind == "metric"
    assert "ssim" in outcome.reason


def test_only_an_identical_image_may_have_infinite_psnr(photos: Path) -> None:
    outcome = measurer(photos, (Setting.of("jxl", quality=100, effort=1),))(
        MeasureRequest("a.png", 0)
    ).outcome
    assert isinstance(outcome, Measurement)
    assert outcome.columns == {"psnr": float("inf")}


def test_a_size_that_does_not_apply_is_a_skip(photos: Path) -> None:
    outcome = measurer(photos, (Setting.of("jpeg", quality=50, resolution=4000),))(
        MeasureRequest("a.png", 0)
    ).outcome
    assert isinstance(outcome, Skip)


def test_scores_that_the_facts_do_not_name_are_a_failure(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Odd:
        def scores(self, distorted: object) -> dict[str, float]:
            return {"ssim": 1.0, "ssim_of_something": 0.5}

    odd = Metric(metrics.get("ssim").facts, lambda reference: Odd())
    monkeypatch.setattr(metrics, "get", lambda name: odd)
    outcome = Measurer(MeasurerConfig(str(photos), SETTINGS, ("ssim",)))(MeasureRequest("a.png", 0)).outcome
    assert isinstance(outcome, Failure)
    assert outcome.reason == "ssim returned scores ['ssim', 'ssim_of_something']; its facts name ['ssim']"


BOTH = ("psnr", "ssim")


def must_not_be_called(*arguments: object) -> NoReturn:
    raise AssertionError


def first_measurement(photos: Path, artifact: Path) -> Measurement:
    """With PSNR alone, and values of size and times that no second measurement would give."""
    request = MeasureRequest("a.png", 0, artifact=str(artifact))
    outcome = Measurer(MeasurerConfig(str(photos), SETTINGS, ("psnr",)))(request).outcome
    assert isinstance(outcome, Measurement)
    return dataclasses.replace(outcome, encoding_time=123.0, decoding_cpu_time=456.0)


@pytest.mark.parametrize("saved", [True, False])
def test_only_the_scores_that_are_lacking_are_computed(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, saved: bool
) -> None:
    artifact = tmp_path / "a.jpg"
    known = first_measurement(photos, artifact)
    if not saved:
        artifact.unlink()
    work = Measurer(MeasurerConfig(str(photos), SETTINGS, BOTH))
    complete = work(MeasureRequest("a.png", 0)).outcome
    assert isinstance(complete, Measurement)
    if saved:
        monkeypatch.setitem(
            codecs._registry._loaded,
            "jpeg",
            dataclasses.replace(codecs.get("jpeg"), encode=must_not_be_called),
        )
    report = Measurer(MeasurerConfig(str(photos), SETTINGS, BOTH))(
        MeasureRequest("a.png", 0, known=known, saved=str(artifact))
    )
    assert isinstance(report.outcome, Measurement)
    assert report.outcome.columns == complete.columns
    assert report.outcome.scores["psnr"] == known.scores["psnr"]
    assert dataclasses.replace(report.outcome, scores=known.scores) == known


def test_a_saved_file_that_is_not_what_was_measured_is_not_scored(photos: Path, tmp_path: Path) -> None:
    artifact = tmp_path / "a.jpg"
    known = first_measurement(photos, artifact)
    right = artifact.read_bytes()
    for wrong in (right + b"x", b"", b"another file"):
        artifact.write_bytes(wrong)
        request = MeasureRequest("a.png", 0, artifact=str(artifact), known=known, saved=str(artifact))
        outcome = Measurer(MeasurerConfig(str(photos), SETTINGS, BOTH))(request).outcome
        assert isinstance(outcome, Measurement)
        assert outcome.encoding_time == 123.0
        assert artifact.read_bytes() == right, "it is encoded again, and kept"


def test_other_bytes_than_before_are_measured_from_the_beginning(photos: Path, tmp_path: Path) -> None:
    known = dataclasses.replace(first_measurement(photos, tmp_path / "a.jpg"), sha256="0" * 64)
    outcome = Measurer(MeasurerConfig(str(photos), SETTINGS, BOTH))(
        MeasureRequest("a.png", 0, known=known)
    ).outcome
    assert isinstance(outcome, Measurement)
    assert outcome.encoding_time < 123.0
    assert outcome.scores.keys() == set(BOTH)
    assert outcome.sha256 == hashlib.sha256((tmp_path / "a.jpg").read_bytes()).hexdigest()


def test_a_measurement_without_a_hash_is_known_again_by_its_size(photos: Path, tmp_path: Path) -> None:
    known = dataclasses.replace(first_measurement(photos, tmp_path / "a.jpg"), sha256=None)
    work = Measurer(MeasurerConfig(str(photos), SETTINGS, BOTH))
    outcome = work(MeasureRequest("a.png", 0, known=known)).outcome
    assert isinstance(outcome, Measurement)
    assert (outcome.encoding_time, outcome.scores.keys()) == (123.0, set(BOTH))
    assert outcome.sha256 is not None
    other = work(MeasureRequest("a.png", 0, known=dataclasses.replace(known, file_size=7))).outcome
    assert isinstance(other, Measurement)
    assert other.encoding_time < 123.0


def test_a_file_that_is_wanted_alone_is_made_without_scoring_again(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    artifact = tmp_path / "a.jpg"
    known = first_measurement(photos, artifact)
    content = artifact.read_bytes()
    artifact.unlink()
    idle = dataclasses.replace(metrics.get("psnr"), prepare=must_not_be_called)
    monkeypatch.setattr(metrics, "get", lambda name: idle)
    request = MeasureRequest("a.png", 0, artifact=str(artifact), known=known, saved=str(artifact))
    assert measurer(photos)(request).outcome == known
    assert artifact.read_bytes() == content


def test_codecs_are_warm_before_the_first_measurement(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoded = []
    monkeypatch.setattr(selftest, "check_chain", lambda formats: encoded.extend(formats))
    make_measurer(MeasurerConfig(str(photos), (*SETTINGS, Setting.of("webp", quality=50)), ("psnr",)))
    assert encoded == ["jpeg", "webp"]


def test_an_artifact_that_cannot_be_kept_is_a_failure(photos: Path) -> None:
    (photos / "file").write_text("in the way")
    outcome = measurer(photos)(MeasureRequest("a.png", 0, str(photos / "file" / "a.jpg"))).outcome
    assert isinstance(outcome, Failure)
    assert outcome.kind == "artifact"


def test_a_bench_knows_registered_codecs(photos: Path) -> None:
    reference = "support.fake_codecs:GOOD"
    config = MeasurerConfig(str(photos), (Setting.of("fakegood", quality=50),), ("psnr",), (reference,))
    assert isinstance(Measurer(config)(MeasureRequest("a.png", 0)).outcome, Measurement)
    assert reference in codecs.registered()


def test_scores_do_not_depend_on_what_was_measured_before(photos: Path) -> None:
    config = MeasurerConfig(str(photos), SETTINGS, metrics.DEFAULT)
    used = Measurer(config)
    for name, number in (("a.png", 3), ("inner/d.png", 0), ("a.png", 1), ("a.png", 0)):
        warm, fresh = (
            used(MeasureRequest(name, number)).outcome,
            Measurer(config)(MeasureRequest(name, number)).outcome,
        )
        assert isinstance(warm, Measurement)
        assert isinstance(fresh, Measurement)
        assert (warm.columns, warm.sha256) == (fresh.columns, fresh.sha256)


def test_notes_say_what_happened_to_the_source(photos: Path) -> None:
    Image.fromarray(picture()).convert("L").save(photos / "grey.png")
    assert "grey expanded" in "; ".join(measurer(photos)(MeasureRequest("grey.png", 0)).outcome.notes)


def test_reports_cross_processes(photos: Path) -> None:
    report = measurer(photos)(MeasureRequest("a.png", 0))
    assert pickle.loads(pickle.dumps(report)) == report
