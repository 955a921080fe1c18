"""Runs a study and then measures what it recommends, so that no recommendation rests on interpolation."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from dataclasses import dataclass

from codecstudy.analysis.points import collect
from codecstudy.analysis.recommend import recommend
from codecstudy.analysis.verification import around_matches, named, unmeasured
from codecstudy.errors import ResultsError
from codecstudy.pipeline import PipelineRunner, RunOptions, events
from codecstudy.results import QualityResults
from codecstudy.study import StudyConfig, with_settings
from codecstudy.types import Setting

STUDY_SHARE = 2 / 3
"""Share of a time budget that the study itself may use; the rest is for the verification. A study of 7 levels for
each encoder needs less than half as many levels again."""
MAX_ROUNDS = 20
"""Of runs with further levels. Usually 2 to 4 are enough: one for the recommended levels, and one for each step
that interpolation was wrong by."""

INTERRUPTED = "the run was interrupted"


@dataclass(frozen=True, slots=True)
class Verification:
    """What a verification found."""

    metric: str | None
    """Metric of the target; None if nothing was measured."""
    target: float | None
    coverage: float
    verified: tuple[Setting, ...]
    """Recommended settings, and baselines, that are measured on every image."""
    unverified: tuple[Setting, ...]
    """Those that are not; ``reason`` says why."""
    added: tuple[Setting, ...]
    """Settings that were measured in addition to the study's own. In the study of the results, each is in an entry
    after those of its encoder."""
    rounds: int
    """Number of runs with further levels."""
    reason: str | None = None
    """Why a setting is not verified; None if all are."""
    interrupted: bool = False
    """Whether the user interrupted the verification."""


def run_verified(
    runner: PipelineRunner,
    config: StudyConfig,
    time_budget: float | None = None,
    save_artifacts: bool = False,
    num_workers: int | None = None,
    *,
    options: RunOptions | None = None,
    target: float | None = None,
    coverage: float = 0.95,
    clock: Callable[[], float] = time.monotonic,
) -> tuple[QualityResults, Verification]:
    """Run a study, then measure on every image what :func:`codecstudy.recommend` recommends from its results.

    A recommended level is often one between two measured levels, where scores are interpolated. Here it is added to
    the study, which is run again; what is known is not measured again. If fewer images reach the target than the
    interpolation promised, the recommendation moves to a finer level, which is measured next, and so on, until
    every recommended setting and every baseline is measured on every image. The first round also measures levels
    around those at which images have the same score as the baseline, where interpolation makes up more than 1 % of
    a saving.

    This ends: each round measures at least one level that was not measured, between the coarsest and the finest
    level of the study, of which there is a limited number. A curve that is not monotone needs more rounds, since
    a level counts only if all finer ones reach the target as well. After :data:`MAX_ROUNDS` rounds, what is still
    interpolated is reported as not verified.

    Only the images that the study itself measured are measured, even if its time budget left out others. A round
    that does not end within the budget, or is interrupted, changes nothing in the results: those of the round
    before are kept. Its measurements are in the store, and the next run continues from there.

    Args:
        runner: Runs the study.
        config: The study.
        time_budget: Wall-clock seconds for everything; None: the study's own, or no limit. The study may use
            :data:`STUDY_SHARE` of it.
        save_artifacts: As for :meth:`PipelineRunner.run`.
        num_workers: As for :meth:`PipelineRunner.run`.
        options: As for :meth:`PipelineRunner.run`.
        target: Score to reach; the default is the metric's usual target.
        coverage: Share of images that must reach it.
        clock: Seconds.

    Returns:
        The results, which have also been saved, and what was verified.

    Raises:
        ResultsError: ``target`` or ``coverage`` is out of range.
        ValueError: The options name a shard; or as for :meth:`PipelineRunner.run`, and so for all other errors.
    """
    if not 0 < coverage <= 1:
        raise ResultsError(f"coverage must be above 0 and at most 1 (the share of images), not {coverage}")
    options = options or RunOptions()
    if options.shard is not None:
        raise ValueError(
            "a shard cannot be verified, because a recommendation needs all images; merge the results of all "
            "shards, and verify what they recommend in a run of the whole study"
        )
    signals: list[events.Interrupted] = []

    def on_event(event: events.Event) -> None:
        if isinstance(event, events.Interrupted):
            signals.append(event)
        told(event)

    told = options.on_event
    options = dataclasses.replace(options, on_event=on_event)
    budget = config.time_budget if time_budget is None else time_budget
    started = clock()
    first = runner.run(
        config, None if budget is None else STUDY_SHARE * budget, save_artifacts, num_workers, options=options
    )
    results, study, rounds, reason = first, config, 0, INTERRUPTED if signals else None
    images = frozenset(first.select("source_image")["source_image"].unique())
    again = dataclasses.replace(options, only_images=images, fresh=False)
    if not first.statuses()["measured"]:
        return first, Verification(
            None, target, coverage, (), (), (), 0, "nothing was measured", bool(signals)
        )
    try:
        while True:
            points = collect(results).scored()
            found = recommend(points, target=target, coverage=coverage)
            open_ = unmeasured(points, found)
            extended = with_settings(study, open_ if rounds else (*open_, *around_matches(found)))
            left = None if budget is None else budget - (clock() - started)
            if reason is not None or extended is study:
                break
            if rounds == MAX_ROUNDS:
                reason = f"it needs more than {MAX_ROUNDS} rounds"
                break
            if left is not None and left <= 0:
                reason = "the time budget was spent"
                break
            rounds += 1
            try:
                measured = runner.run(extended, left, save_artifacts, num_workers, options=again)
            except KeyboardInterrupt:
                reason = INTERRUPTED
                continue
            if measured.run.images_measured == results.run.images_measured:
                results, study = measured, extended
            else:
                reason = "the time budget was spent"
            if signals:
                reason = INTERRUPTED
    except BaseException:
        # A round that ended with an error may have replaced the results of the one before by fewer images.
        runner.save(_as_one_run(results, first, budget, clock() - started))
        raise
    results = _as_one_run(results, first, budget, clock() - started)
    runner.save(results)
    settings = study.settings()
    own = set(config.settings())
    return results, Verification(
        metric=found.metric,
        target=found.target,
        coverage=coverage,
        verified=tuple(setting for setting in named(found) if setting not in open_),
        unverified=open_,
        added=tuple(setting for setting in settings if setting not in own),
        rounds=rounds,
        reason=(reason or "its level cannot be measured") if open_ else None,
        interrupted=reason == INTERRUPTED,
    )


def _as_one_run(
    results: QualityResults, first: QualityResults, budget: float | None, seconds: float
) -> QualityResults:
    """The results of the last round, as those of the whole: which images were measured was decided by the first."""
    run = dataclasses.replace(
        results.run,
        time_budget=budget,
        wall_seconds=round(seconds, 3),
        images_planned=first.run.images_planned,
        passed_over=first.run.passed_over,
    )
    return dataclasses.replace(
        results,
        run=run,
        complete=first.complete,
        incomplete_reason=first.incomplete_reason,
        stop_reason=first.stop_reason,
    )
