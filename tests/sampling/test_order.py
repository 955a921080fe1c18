from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codecstudy.errors import DatasetError
from codecstudy.sampling import order_images, sample_hash, shard_of
from codecstudy.types import folder_of

paths = st.lists(
    st.text(min_size=1, max_size=20) | st.from_regex(r"[ab]?/[a-z]{1,8}", fullmatch=True),
    unique=True,
    max_size=40,
)
seeds = st.integers(-(2**40), 2**40)


@given(paths, seeds)
def test_hashed_order_is_a_permutation_that_does_not_depend_on_the_input_order(
    names: list[str], seed: int
) -> None:
    ordered = order_images(names, "hashed", seed)
    assert sorted(ordered) == sorted(names)
    assert order_images(reversed(names), "hashed", seed) == ordered


@given(paths, paths, seeds)
def test_the_order_within_a_folder_is_stable_while_the_dataset_grows(
    names: list[str], more: list[str], seed: int
) -> None:
    grown, before = order_images({*names, *more}, "hashed", seed), order_images(names, "hashed", seed)
    for folder in set(map(folder_of, names)):
        kept = [name for name in grown if name in set(names) and folder_of(name) == folder]
        assert kept == [name for name in before if folder_of(name) == folder]


folder_sizes = st.lists(st.integers(1, 40), min_size=1, max_size=12)


def dataset(sizes: Iterable[int]) -> list[str]:
    return [f"{folder}/{number}.png" for folder, size in enumerate(sizes) for number in range(size)]


@given(folder_sizes, seeds)
def test_every_prefix_has_its_share_of_every_folder(sizes: list[int], seed: int) -> None:
    ordered = order_images(dataset(sizes), "hashed", seed)
    taken: Counter[str] = Counter()
    for length, path in enumerate(ordered, start=1):
        taken[folder_of(path)] += 1
        off = [abs(taken[str(f)] - length * size / sum(sizes)) for f, size in enumerate(sizes)]
        assert max(off) < max(1, math.ceil(math.log2(len(sizes))))


@pytest.mark.parametrize("sizes", [(1, 3), (1, 1, 7), (5, 2, 1, 4)])
def test_every_image_is_equally_likely_to_be_in_a_prefix(sizes: tuple[int, ...]) -> None:
    names = dataset(sizes)
    orders = [order_images(names, "hashed", seed) for seed in range(3000)]
    for length in range(1, len(names)):
        counts = Counter(name for ordered in orders for name in ordered[:length])
        share = length / len(names)
        # Deterministic, so 4.5 standard deviations cannot flicker.
        allowed = 4.5 * math.sqrt(3000 * share * (1 - share))
        assert all(abs(counts[name] - 3000 * share) < allowed for name in names), (length, counts)


def test_hashed_order_is_this_one() -> None:
    # Held fast: a store that has half of a dataset measured must meet the same order in the next version.
    assert order_images(["a.png", "b.png", "c.png", "é.png"], "hashed", 0) == [
        "b.png",
        "c.png",
        "a.png",
        "é.png",
    ]
    names = [*dataset((3, 4)), "a.png", "b.png"]
    assert order_images(names, "hashed", 1) == [
        "1/0.png",
        "1/1.png",
        "0/2.png",
        "1/2.png",
        "b.png",
        "0/1.png",
        "1/3.png",
        "0/0.png",
        "a.png",
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


@given(folder_sizes, seeds, st.integers(1, 9))
def test_shards_are_the_sample_and_each_beginning_of_one_has_its_share_of_every_folder(
    sizes: list[int], seed: int, of: int
) -> None:
    ordered = order_images(dataset(sizes), "hashed", seed)
    shards = [shard_of(ordered, number, of) for number in range(1, of + 1)]
    assert [image for shard in shards for image in shard] == ordered
    assert max(map(len, shards)) - min(map(len, shards)) <= 1
    for shard in shards:
        taken: Counter[str] = Counter()
        for length, path in enumerate(shard, start=1):
            taken[folder_of(path)] += 1
            off = [abs(taken[str(f)] - length * size / sum(sizes)) for f, size in enumerate(sizes)]
            # The difference of two beginnings of the order, each of which is off by less than half of this.
            assert max(off) < 2 * max(1, math.ceil(math.log2(len(sizes))))


def test_the_hash_of_a_sample_is_that_of_its_paths_in_order() -> None:
    assert sample_hash(["a", "b/\u00e9"]) == sample_hash(["a", "b/e\u0301"])
    assert len({sample_hash(names) for names in (["a", "b"], ["b", "a"], ["a"], ["a\udce9"], [])}) == 5
