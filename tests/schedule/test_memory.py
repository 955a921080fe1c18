from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codecstudy.schedule.memory import MemoryLimit, NoMemoryLimit


def test_no_limit_is_always_room() -> None:
    ledger = NoMemoryLimit()
    ledger.reserve("a", 10**15)
    assert ledger.fits("b", 10**15)


def test_the_sum_stays_under_the_limit() -> None:
    ledger = MemoryLimit(100)
    ledger.reserve("a", 60)
    assert ledger.fits("b", 40)
    assert not ledger.fits("b", 41)
    ledger.reserve("a", 0)
    assert ledger.used == 0


def test_what_a_worker_holds_is_its_own_to_use_again() -> None:
    ledger = MemoryLimit(100)
    ledger.reserve("a", 60)
    ledger.reserve("b", 40)
    assert ledger.fits("a", 50)
    assert not ledger.fits("b", 41)


def test_more_than_the_limit_only_alone() -> None:
    ledger = MemoryLimit(100)
    assert ledger.fits("a", 500)
    ledger.reserve("b", 1)
    assert not ledger.fits("a", 500)
    ledger.reserve("b", 0)
    ledger.reserve("a", 500)
    assert not ledger.fits("b", 1)


def test_the_first_claim_is_set_aside() -> None:
    ledger = MemoryLimit(100)
    ledger.reserve("a", 60)
    ledger.claim("b", 70)
    ledger.claim("c", 30)
    assert not ledger.fits("d", 20)
    assert not ledger.fits("c", 30), "the first to claim comes first"
    ledger.reserve("a", 0)
    assert ledger.fits("d", 30), "what fits beside the claim goes on"
    assert ledger.fits("b", 70)
    ledger.reserve("b", 70)
    assert ledger.fits("c", 30)
    ledger.reserve("b", 0)
    ledger.reserve("d", 60)
    assert not ledger.fits("d", 75), "now it is the second one's turn"
    ledger.drop_claim("c")
    assert ledger.fits("d", 75)


def test_a_claim_for_more_than_the_limit_lets_nobody_in() -> None:
    ledger = MemoryLimit(100)
    ledger.claim("a", 500)
    assert not ledger.fits("b", 1)
    assert ledger.fits("a", 500)


def test_a_limit_must_be_positive() -> None:
    with pytest.raises(ValueError, match="positive"):
        MemoryLimit(0)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["start", "start", "end", "claim", "drop"]), st.integers(0, 4), st.integers(1, 180)
    ),
    max_size=60,
)


@given(STEPS)
def test_what_is_admitted_never_exceeds_the_limit_but_for_one_alone(
    steps: list[tuple[str, int, int]],
) -> None:
    ledger, reserved = MemoryLimit(100), dict[int, int]()
    for action, worker, amount in steps:
        if action == "start" and ledger.fits(worker, amount):
            reserved[worker] = max(amount, reserved.get(worker, 0))
            ledger.reserve(worker, reserved[worker])
        elif action == "end":
            reserved.pop(worker, None)
            ledger.reserve(worker, 0)
        elif action == "claim":
            ledger.claim(worker, amount)
        elif action == "drop":
            ledger.drop_claim(worker)
        assert ledger.used == sum(reserved.values())
        assert ledger.used <= 100 or len(reserved) == 1
