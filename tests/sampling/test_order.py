from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codecstudy.errors import DatasetError
from codecstudy.sampling import order_images

paths = st.lists(st.text(min_size=1, max_size=20), unique=True, max_size=40)
seeds = st.integers(-(2**40), 2**40)


@given(paths, seeds)
def test_hashed_order_is_a_permutation_that_does_not_depend_on_the_input_order(
    names: list[str], seed: int
) -> None:
    ordered = order_images(names, "hashed", seed)
    assert sorted(ordered) == sorted(names)
    assert order_images(reversed(names), "hashed", seed) == ordered


@given(paths, paths, seeds)
def test_hashed_order_is_stable_while_the_dataset_grows(names: list[str], more: list[str], seed: int) -> None:
    grown = order_images(set(names) | set(more), "hashed", seed)
    kept = [name for name in grown if name in set(names)]
    assert kept == order_images(names, "hashed", seed)


def test_hashed_order_is_this_one() -> None:
    # Held fast: a store that has half of a dataset measured must meet the same order in the next version.
    assert order_images(["a.png", "b.png", "c/d.png", "é.png"], "hashed", 0) == [
        "b.png",
        "a.png",
        "c/d.png",
        "é.png",
    ]
    assert order_images(["a.png", "b.png", "c/d.png", "é.png"], "hashed", 1) == [
        "b.png",
        "a.png",
        "é.png",
        "c/d.png",
    ]


def test_both_spellings_of_an_accent_have_one_rank() -> None:
    composed, decomposed = "caf\u00e9.png", "cafe\u0301.png"
    others = [f"{number}.png" for number in range(20)]
    assert order_images([*others, composed]).index(composed) == order_images([*others, decomposed]).index(
        decomposed
    )


def test_every_image_is_as_likely_as_another_to_come_first() -> None:
    names = [f"{number}.png" for number in range(10)]
    first = [order_images(names, "hashed", seed)[0] for seed in range(2000)]
    counts = [first.count(name) for name in names]
    # 200 expected each, standard deviation 13.4; deterministic, so 4.5 of them can't flicker.
    assert all(abs(count - 200) < 60 for count in counts), counts


def test_order_by_name() -> None:
    assert order_images(["b", "a", "c"], "name", seed=7) == ["a", "b", "c"]


def test_an_unknown_order_is_refused() -> None:
    with pytest.raises(DatasetError, match="hashed, name"):
        order_images(["a"], "random")  # type: ignore[arg-type]
