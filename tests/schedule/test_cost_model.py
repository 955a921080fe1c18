from __future__ import annotations

import random

import pytest

from codecstudy.schedule.cost_model import WORKER_BYTES, CostModel, SettingCost
from support.simulation import images, lognormal, study

MB = 1_000_000


def model() -> CostModel:
    """Two qualities of a slow codec, one of a fast one."""
    return CostModel(
        [SettingCost("slow", 0.9, 0.1), SettingCost("slow", 0.9, 0.1), SettingCost("fast", 0.02, 0.08)],
        opening_seconds=0.2,
    )


def test_priors_count_until_something_is_seen() -> None:
    costs = model()
    assert costs.seconds(0, 2.0) == pytest.approx(2.0)
    assert costs.seconds(2, 2.0) == pytest.approx(0.2)
    assert costs.open_seconds(3.0) == pytest.approx(0.6)


def test_a_slow_machine_is_noticed_for_codecs_not_seen_yet() -> None:
    costs = model()
    for _ in range(20):
        costs.observe(0, 1.0, 3.0)
    assert costs.seconds(2, 1.0) == pytest.approx(0.3, rel=0.2)
    assert costs.open_seconds(1.0) == pytest.approx(0.6, rel=0.2)


def test_settings_of_a_group_learn_from_each_other_and_then_go_their_own_ways() -> None:
    costs = model()
    for _ in range(50):
        costs.observe(0, 1.0, 2.0)
    assert costs.seconds(1, 1.0) == pytest.approx(2.0, rel=0.1)
    for _ in range(50):
        costs.observe(1, 1.0, 0.5)
    assert costs.seconds(0, 1.0) == pytest.approx(2.0, rel=0.05)
    assert costs.seconds(1, 1.0) == pytest.approx(0.5, rel=0.1)


def test_one_observation_does_not_decide() -> None:
    costs = model()
    costs.observe(0, 1.0, 4.0)
    assert 1.5 < costs.seconds(0, 1.0) < 3.5


def test_a_hiccup_counts_for_little() -> None:
    costs, calm = model(), model()
    for each in (costs, calm):
        for _ in range(99):
            each.observe(0, 1.0, 1.0)
    costs.observe(0, 1.0, 3600.0)
    assert costs.seconds(0, 1.0) < 1.2 * calm.seconds(0, 1.0)


def test_large_images_weigh_by_their_size() -> None:
    """Totals are what a budget needs: small images with much overhead must not spoil the rate."""
    costs = model()
    for _ in range(50):
        costs.observe(0, 0.01, 0.1)
        costs.observe(0, 10.0, 10.0)
    assert costs.seconds(0, 10.0) == pytest.approx(10.0, rel=0.05)


@pytest.mark.parametrize("seed", range(4))
def test_totals_are_right_after_a_few_images(seed: int) -> None:
    rng = random.Random(seed)
    priors, truth = study(rng, 24)
    costs = CostModel(priors)
    for source in images(rng, 60, 24):
        for setting in source.settings:
            costs.observe(setting, source.megapixels[0], truth.task(source, setting))
    expected = sum(truth.rates)
    assert sum(costs.seconds(setting, 1.0) for setting in range(24)) == pytest.approx(expected, rel=0.15)


def test_opening_is_learned() -> None:
    costs = model()
    for _ in range(30):
        costs.observe_open(2.0, 0.1)
    assert costs.open_seconds(2.0) == pytest.approx(0.1, rel=0.25)


def test_the_deadline_is_a_minute_or_twenty_estimates() -> None:
    costs = model()
    assert costs.deadline_seconds(2, 1.0) == 60.0
    assert costs.deadline_seconds(0, 50.0) == pytest.approx(1000.0)
    assert costs.deadline_seconds(0, 50.0, opening=100.0) == pytest.approx(
        1000.0 + 20 * costs.open_seconds(100.0)
    )


def test_memory_grows_with_the_image_and_keeps_a_margin() -> None:
    costs = model()
    prior = WORKER_BYTES + 200 * 10 * MB
    assert prior < costs.memory(0, 10.0) < 1.3 * prior
    costs.observe_memory(0, 10.0, 3 * prior)
    assert 3 * prior < costs.memory(1, 10.0) < 4 * prior, "a group shares what it has learned"
    assert costs.memory(2, 10.0) > 3 * prior, "and what is not known yet is not thought to be better"


def test_memory_of_a_large_image_is_not_judged_by_a_small_one() -> None:
    costs = model()
    before = costs.memory(0, 100.0)
    costs.observe_memory(0, 0.5, int(0.6 * WORKER_BYTES))
    assert costs.memory(0, 0.5) < WORKER_BYTES
    assert costs.memory(0, 100.0) == before


def test_the_worst_peak_counts() -> None:
    rng = random.Random(0)
    costs = model()
    peaks = [int(400 * MB * lognormal(rng, 0.2)) for _ in range(50)]
    for peak in peaks:
        costs.observe_memory(0, 1.0, peak)
    assert costs.memory(0, 1.0) >= max(peaks)


@pytest.mark.parametrize(("size", "amount"), [(0.0, 1.0), (-1.0, 1.0), (1.0, -1.0), (1.0, float("nan"))])
def test_nonsense_is_not_learned(size: float, amount: float) -> None:
    with pytest.raises(ValueError, match="cannot learn"):
        model().observe(0, size, amount)


def test_priors_must_be_positive() -> None:
    with pytest.raises(ValueError, match="positive"):
        CostModel([SettingCost("c", 0.0, 0.0)])
