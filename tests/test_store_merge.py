"""Merging measurement stores: everything is added once, and what contradicts is refused as a whole."""

from __future__ import annotations

import dataclasses
import sqlite3
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codecstudy.errors import StoreError
from codecstudy.store import MergedStores, Store, merge_stores
from codecstudy.types import Measurement, Scores, Skip
from test_store import SOURCE, VERSIONS, conditions, known, measurement

Outcomes = dict[int, Measurement | Skip]


def made(path: Path, outcomes: Outcomes, versions: dict[str, str] = VERSIONS) -> Path:
    with Store(path) as store:
        for number, outcome in outcomes.items():
            store.add(SOURCE, conditions(number), outcome, versions)
    return path


def content(path: Path, versions: dict[str, str] = VERSIONS) -> Outcomes:
    with Store(path) as store:
        found = known(store, range(10), versions)
        assert store.damaged == 0
        return found


skips = st.builds(Skip, st.just("too small"))
tasks = st.dictionaries(st.integers(0, 9), st.integers(0, 2), max_size=8)


@settings(max_examples=15, deadline=None)
@given(st.lists(tasks, min_size=1, max_size=3))
def test_a_merged_store_knows_what_one_of_them_knew(
    tmp_path_factory: pytest.TempPathFactory, parts: list[dict[int, int]]
) -> None:
    # What a task's outcome is depends on its number only: stores of one study do not contradict each other.
    folder = tmp_path_factory.mktemp("stores")
    outcomes: list[Outcomes] = [
        {n: Skip("too small") if n % 4 == 3 else measurement(100 + n) for n in part} for part in parts
    ]
    paths = [made(folder / f"{k}.sqlite", part) for k, part in enumerate(outcomes)]
    found = merge_stores(paths, folder / "all.sqlite")
    everything = {number: outcome for part in outcomes for number, outcome in part.items()}
    assert content(folder / "all.sqlite") == everything
    duplicates = sum(map(len, parts)) - len(everything)
    assert found == MergedStores(len(everything), duplicates, 0, 0)
    again = merge_stores(paths, folder / "all.sqlite")
    assert again == MergedStores(0, sum(map(len, parts)), 0, 0)
    assert content(folder / "all.sqlite") == everything
    assert [content(path) for path in paths] == outcomes


def test_scores_of_other_metrics_and_versions_are_added_to_the_encode(tmp_path: Path) -> None:
    ours = made(tmp_path / "ours.sqlite", {1: measurement()})
    ssim = dataclasses.replace(measurement(), scores={"ssim": Scores({"ssim": 0.9}, 0.01)})
    theirs = made(tmp_path / "theirs.sqlite", {1: ssim}, {"ssim": "2"})
    assert merge_stores([theirs], ours) == MergedStores(0, 1, 0, 0)
    (found,) = content(ours, {"psnr": "1", "ssim": "2"}).values()
    assert isinstance(found, Measurement)
    assert found.scores == measurement().scores | ssim.scores


CONTRADICTIONS = [
    (measurement(100), measurement(90), "100 bytes and 90 bytes"),
    (measurement(sha256="a" * 64), measurement(sha256="b" * 64), "100 bytes and 100 bytes"),
    (measurement(psnr=40.0), measurement(psnr=41.0), r'{"psnr": 40.0} and {"psnr": 41.0}'),
    (Skip("too small"), measurement(), "skipped and measured"),
    (measurement(), Skip("too small"), "measured and skipped"),
]


@pytest.mark.parametrize(("ours", "theirs", "said"), CONTRADICTIONS, ids=lambda value: str(value)[:20])
def test_contradictions_are_named_and_nothing_is_merged_unless_one_side_is_preferred(
    ours: Measurement | Skip, theirs: Measurement | Skip, said: str, tmp_path: Path
) -> None:
    first = made(tmp_path / "first.sqlite", {1: ours, 2: measurement()})
    last = made(tmp_path / "last.sqlite", {1: theirs, 3: measurement()})
    with pytest.raises(
        StoreError, match=r'contradict each other: source 5+, {"format":"jpeg","quality":1}'
    ) as error:
        merge_stores([last], first)
    assert said in str(error.value)
    assert content(first) == {1: ours, 2: measurement()}
    with pytest.raises(StoreError, match="Nothing was merged"):
        merge_stores([first, last], tmp_path / "new.sqlite")
    assert not list(tmp_path.glob("new*"))

    assert merge_stores([first, last], tmp_path / "f.sqlite", prefer="first").contradicting == 1
    assert content(tmp_path / "f.sqlite") == {1: ours, 2: measurement(), 3: measurement()}
    assert merge_stores([first, last], tmp_path / "l.sqlite", prefer="last").contradicting == 1
    assert content(tmp_path / "l.sqlite") == {1: theirs, 2: measurement(), 3: measurement()}


def test_processors_may_round_scores_differently(tmp_path: Path) -> None:
    first = made(tmp_path / "first.sqlite", {1: measurement(psnr=40.0)})
    assert merge_stores([made(tmp_path / "b.sqlite", {1: measurement(psnr=40.0005)})], first).duplicates == 1
    assert content(first) == {1: measurement(psnr=40.0)}


def test_damaged_rows_are_left_out_and_replaced(tmp_path: Path) -> None:
    whole = {1: measurement(), 2: measurement(), 3: Skip("too small")}
    damaged, other = (made(tmp_path / name, dict(whole)) for name in ("a.sqlite", "b.sqlite"))
    db = sqlite3.connect(damaged)
    with db:
        db.execute("UPDATE encode SET file_size = 99 WHERE id = 1")
        db.execute("UPDATE score SET scores = '{}' WHERE encode = 2")
        db.execute("UPDATE skip SET reason = 'no reason'")
    db.close()
    assert merge_stores([damaged], tmp_path / "new.sqlite").damaged == 3
    with Store(tmp_path / "new.sqlite") as store:
        (found,) = known(store, range(10)).values()
        assert isinstance(found, Measurement)
        assert not found.scores
    merge_stores([other], damaged)
    assert content(damaged) == whole


def test_what_is_no_store_is_refused_and_leaves_none_behind(tmp_path: Path) -> None:
    text = tmp_path / "text.sqlite"
    text.write_text("not a store" * 100)
    for path in (text, tmp_path / "missing.sqlite"):
        with pytest.raises(StoreError, match=path.name):
            merge_stores([path], tmp_path / "new.sqlite")
    assert not list(tmp_path.glob("new*"))
