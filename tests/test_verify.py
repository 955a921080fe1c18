"""After a verification, no recommendation rests on interpolation: on formulas, and on real encoders."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from codecstudy.analysis.diff import diff
from codecstudy.analysis.points import collect
from codecstudy.analysis.recommend import recommend
from codecstudy.errors import ResultsError
from codecstudy.pipeline import PipelineRunner, RunOptions, events
from codecstudy.results import QualityResults, StopReason
from codecstudy.study import StudyConfig, with_settings
from codecstudy.types import Setting
from codecstudy.verify import MAX_ROUNDS, STUDY_SHARE, run_verified
from support.pipeline_runs import study
from support.synthetic import Formula, exponential_size, measured, name_of, results_of

SWEEP = [5, 20, 35, 50, 65, 80, 95]


class FormulaRunner:
    """Measures studies on codecs that are formulas: what every level really scores is known.

    Args:
        formulas: The codecs.
        images: Number of images.
        within: Number of images that a run measures, by number of runs before it; default: all.
    """

    def __init__(
        self, formulas: Iterable[Formula], images: int, within: Callable[[int], int] | None = None
    ) -> None:
        self.formulas = {formula.format: formula for formula in formulas}
        self.images, self.within = images, within
        self.budgets: list[float | None] = []
        self.saved: QualityResults | None = None

    def run(
        self,
        config: StudyConfig,
        time_budget: float | None = None,
        save_artifacts: bool = False,
        num_workers: int | None = None,
        *,
        options: RunOptions,
    ) -> QualityResults:
        reached = self.images if self.within is None else self.within(len(self.budgets))
        self.budgets.append(time_budget)
        records = [
            measured(self.formulas[setting.format], image, setting.quality or 0)
            for image in range(reached)
            if options.only_images is None or name_of(image) in options.only_images
            for setting in config.settings()
        ]
        results = results_of(records, study=config.to_dict())
        run = dataclasses.replace(
            results.run, images_planned=self.images, images_measured=len({r.source_image for r in records})
        )
        complete = run.images_measured == self.images
        reason = None if complete else "the time budget was spent"
        self.saved = dataclasses.replace(results, run=run, complete=complete, incomplete_reason=reason)
        return self.saved

    def save(self, results: QualityResults) -> None:
        self.saved = results

    def truly_reached(self, setting: Setting, target: float) -> int:
        codec = self.formulas[setting.format]
        return sum(codec.score(setting.quality or 0, image) >= target for image in range(self.images))


def of(*formats: str) -> StudyConfig:
    return study(*({"format": format, "quality": SWEEP} for format in formats))


def verify(runner: Any, config: StudyConfig, *arguments: Any, **options: Any) -> Any:
    return run_verified(runner, config, *arguments, **options)


def bumpy(seed: int, height: float) -> Callable[[float, int], float]:
    """Scores that rise with quality, with bumps between the levels of a sweep; different for every image."""
    random = np.random.default_rng(seed)
    noise, shift = random.normal(0, height, (64, 101)), random.uniform(-8, 8, 64)

    def score(quality: float, image: int) -> float:
        return 100 - 95 * math.exp(-quality / 40) + shift[image] + noise[image, int(quality)]

    return score


@settings(max_examples=8, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    height=st.sampled_from([0.0, 0.3, 2.0]),
    images=st.sampled_from([3, 20]),
    target=st.sampled_from([55.0, 70.0, 80.0]),
)
def test_it_ends_and_no_recommendation_misses_on_the_same_images(
    seed: int, height: float, images: int, target: float
) -> None:
    codecs = [
        Formula("jpeg", score=bumpy(seed, height)),
        Formula("avif", score=bumpy(seed + 1, height), size=lambda s, i: exponential_size(s, i) / 2),
    ]
    runner = FormulaRunner(codecs, images)
    results, verification = verify(runner, of("jpeg", "avif"), target=target)
    assert verification.unverified == ()
    assert verification.reason is None
    assert verification.rounds <= MAX_ROUNDS
    found = recommend(results, target=target)
    for item in found.items:
        if item.setting is not None:
            assert item.measured
            assert item.setting in verification.verified
            # An image whose score falls below the target again at a finer level is not counted as reached.
            assert runner.truly_reached(item.setting, target) >= item.reached.images_reached
            assert item.reached.images_reached >= found.required


def test_without_a_verification_recommendations_do_miss() -> None:
    misses = 0
    for seed in range(6):
        runner = FormulaRunner([Formula("avif", score=bumpy(seed, 2.0))], 20)
        (item,) = recommend(runner.run(of("avif"), options=RunOptions()), target=75).items
        assert item.setting is not None
        misses += runner.truly_reached(item.setting, 75) < item.reached.images_reached
    assert misses >= 2


def test_a_smooth_curve_gives_the_level_of_a_dense_sweep() -> None:
    codecs = [Formula("avif", score=bumpy(5, 0.0))]
    dense = FormulaRunner(codecs, 20)
    every = dense.run(study({"format": "avif", "quality": list(range(5, 96))}), options=RunOptions())
    results, verification = verify(FormulaRunner(codecs, 20), of("avif"), target=75)
    assert recommend(results, target=75).items[0].setting == recommend(every, target=75).items[0].setting
    assert verification.rounds <= 3


def test_a_recommendation_that_is_measured_already_needs_no_further_run() -> None:
    # Log size is linear in the score, and the score in quality; 65 is a level of the sweep.
    runner = FormulaRunner([Formula("jpeg")], 3)
    results, verification = verify(runner, of("jpeg"), target=65)
    assert len(runner.budgets) == 1
    assert verification.rounds == 0
    assert verification.verified == (Setting.of("jpeg", quality=65),)
    assert verification.added == ()
    assert results == runner.saved


def test_levels_around_the_same_score_are_measured_where_interpolation_matters() -> None:
    codecs = [Formula("jpeg"), Formula("avif", score=lambda q, i: q + 5)]
    runner = FormulaRunner(codecs, 6)
    _, verification = verify(runner, of("jpeg", "avif"), target=72)
    # 72 lies between JPEG 65 and 80, and AVIF's 67 between 65 and 80; the middle is 72 for both.
    assert Setting.of("avif", quality=72) in verification.added
    assert set(verification.verified) == {Setting.of("jpeg", quality=72), Setting.of("avif", quality=67)}


def test_the_added_levels_are_in_the_study_of_the_results() -> None:
    runner = FormulaRunner([Formula("jpeg")], 3)
    results, verification = verify(runner, of("jpeg"), target=70)
    assert verification.added == (Setting.of("jpeg", quality=70),)
    assert results.study["encoders"][1:] == [{"format": "jpeg", "encoder": "jpeg", "quality": [70]}]
    assert StudyConfig.model_validate(results.study).settings() == results.settings()
    assert runner.saved == results


def test_results_with_different_added_levels_can_be_compared() -> None:
    def verified(shift: float) -> QualityResults:
        codec = Formula("avif", score=lambda q, i: q + shift)
        results, _ = verify(FormulaRunner([codec], 12), of("avif"), target=70)
        return results

    base, head = verified(0.0), verified(-4.0)
    assert base.settings() != head.settings()
    assert any(row.verdict == "worse" for row in diff(base, head).comparisons)
    assert {row.verdict for row in diff(base, base).comparisons} == {"equivalent"}


def test_the_study_leaves_a_part_of_the_budget_for_its_verification() -> None:
    now = iter([0.0, 40.0, 55.0, 60.0, 61.0, 62.0])
    runner = FormulaRunner([Formula("jpeg")], 3)
    results, _ = verify(runner, of("jpeg"), 90.0, target=70, clock=lambda: next(now))
    assert runner.budgets == [pytest.approx(90 * STUDY_SHARE), 50.0]
    assert results.run.time_budget == 90.0


def test_images_that_the_budget_left_out_are_not_verified_either() -> None:
    runner = FormulaRunner([Formula("jpeg")], 10, within=lambda run: 4 if run == 0 else 10)
    results, verification = verify(runner, of("jpeg"), target=70)
    assert verification.verified == (Setting.of("jpeg", quality=70),)
    assert (results.run.images_measured, results.run.images_planned) == (4, 10)
    assert (results.complete, results.incomplete_reason) == (False, "the time budget was spent")


def test_a_round_that_measures_fewer_images_changes_nothing() -> None:
    runner = FormulaRunner([Formula("jpeg")], 10, within=lambda run: 10 if run == 0 else 3)
    results, verification = verify(runner, of("jpeg"), target=70)
    assert verification.unverified == (Setting.of("jpeg", quality=70),)
    assert verification.reason == "the time budget was spent"
    assert results.run.images_measured == 10
    assert runner.saved == results


def test_a_spent_budget_ends_the_verification() -> None:
    now = iter([0.0, 95.0, 96.0])
    runner = FormulaRunner([Formula("jpeg")], 3)
    _, verification = verify(runner, of("jpeg"), 90.0, target=70, clock=lambda: next(now))
    assert len(runner.budgets) == 1
    assert verification.reason == "the time budget was spent"


def test_an_interrupt_keeps_the_results_of_the_round_before() -> None:
    class Interrupted(FormulaRunner):
        def run(self, *arguments: Any, **keywords: Any) -> QualityResults:
            if self.budgets:
                raise KeyboardInterrupt
            return super().run(*arguments, **keywords)

    runner = Interrupted([Formula("jpeg")], 3)
    results, verification = verify(runner, of("jpeg"), target=70)
    assert verification.interrupted
    assert verification.unverified == (Setting.of("jpeg", quality=70),)
    assert runner.saved == results
    assert len(results.settings()) == len(SWEEP)


def test_an_error_keeps_the_results_of_the_round_before() -> None:
    class Broken(FormulaRunner):
        def run(self, *arguments: Any, **keywords: Any) -> QualityResults:
            results = super().run(*arguments, **keywords)
            if len(self.budgets) == 2:
                raise OSError("no space left")
            return results

    runner = Broken([Formula("jpeg")], 3)
    with pytest.raises(OSError, match="no space left"):
        verify(runner, of("jpeg"), target=70)
    assert runner.saved is not None
    assert len(runner.saved.settings()) == len(SWEEP)


def test_a_first_interrupt_ends_the_verification_although_the_run_completes() -> None:
    class Signalled(FormulaRunner):
        def run(self, *arguments: Any, **keywords: Any) -> QualityResults:
            keywords["options"].on_event(events.Interrupted(at_once=False))
            return super().run(*arguments, **keywords)

    runner = Signalled([Formula("jpeg")], 3)
    _, verification = verify(runner, of("jpeg"), target=70)
    assert len(runner.budgets) == 1
    assert verification.interrupted


@pytest.mark.parametrize("coverage", [0.0, 1.5])
def test_an_impossible_coverage_is_refused_before_anything_is_measured(coverage: float) -> None:
    runner = FormulaRunner([Formula("jpeg")], 3)
    with pytest.raises(ResultsError, match="coverage must be above 0"):
        verify(runner, of("jpeg"), coverage=coverage)
    assert runner.budgets == []


def test_further_settings_are_entries_of_their_own() -> None:
    config = study(
        {"format": "avif", "quality": [50, 80], "speed": [6, 9]},
        {"format": "jxl", "quality": [50, 80]},
        preprocessing={"resize": [None, 640]},
    )
    further = [
        Setting.of("avif", quality=60, speed=9, resolution=640),
        Setting.of("avif", quality=65, speed=9, resolution=640),
        Setting.of("avif", quality=50, speed=9, resolution=640),  # the study has it
        Setting.of("jxl", quality=70),
    ]
    extended = with_settings(config, further)
    assert set(extended.settings()) == {*config.settings(), *further}
    assert [entry.format for entry in extended.encoders] == ["avif", "avif", "jxl", "jxl"]
    assert with_settings(config, further[2:3]) is config


def test_real_encoders_reach_the_target_on_every_image(root: Any, tmp_path: Any) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for seed in range(3):
        coarse = np.random.default_rng(seed).integers(20, 236, (8, 10, 3)).astype(np.uint8)
        picture = Image.fromarray(coarse).resize((96, 80), Image.Resampling.BICUBIC)
        picture.save(folder / f"{seed}.png")
    config = study({"format": "jpeg", "quality": [10, 50, 98]}, {"format": "webp", "quality": [5, 60, 100]})
    runner = PipelineRunner(root)
    results, verification = run_verified(runner, config, num_workers=0, options=RunOptions(images=folder))
    assert verification.unverified == ()
    assert len(verification.verified) == 2
    scores: dict[Setting, list[float]] = {}
    for record in results.measurements:
        scores.setdefault(record.setting, []).append(record.ssimulacra2 or -math.inf)
    for setting in verification.verified:
        assert len(scores[setting]) == 3
        assert min(scores[setting]) >= 80
    saved = QualityResults.load(runner.results_path("test"))
    assert saved.settings() == results.settings()
    assert (saved.complete, saved.stop_reason) == (True, StopReason.COMPLETED)
    assert collect(saved).images == ("0.png", "1.png", "2.png")
