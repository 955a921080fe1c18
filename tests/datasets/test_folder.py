from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codecstudy.datasets import open_folder, order_images
from codecstudy.errors import DatasetError, DatasetMissingError


def put(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")


def test_takes_images_of_all_formats_in_all_folders_sorted(tmp_path: Path) -> None:
    names = [
        "b.PNG",
        "a/c.jpg",
        "a/b/d.JPEG",
        "e.tif",
        "e.tiff",
        "f.webp",
        "g.bmp",
        "h.ppm",
        "i.pgm",
        "j.pnm",
    ]
    put(tmp_path, *names, "k.Avif", "l.jxl", "notes.txt", "png", "m.gif")
    dataset = open_folder(tmp_path, "mine")
    assert dataset.images == tuple(sorted([*names, "k.Avif", "l.jxl"]))
    assert dataset.id == "mine"
    assert dataset.path("a/c.jpg").is_file()


def test_skips_hidden_files_and_folders(tmp_path: Path) -> None:
    put(tmp_path, "a.png", ".b.png", "._a.png", ".cache/c.png", "d/.e/f.png")
    assert open_folder(tmp_path).images == ("a.png",)


def test_a_folder_with_an_image_name_is_no_image(tmp_path: Path) -> None:
    put(tmp_path, "a.png/b.png")
    assert open_folder(tmp_path).images == ("a.png/b.png",)


def test_a_dataset_inside_a_hidden_folder_is_visible(tmp_path: Path) -> None:
    put(tmp_path, ".hidden/a.png")
    assert open_folder(tmp_path / ".hidden").images == ("a.png",)


def test_is_named_after_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, "holiday/a.png")
    monkeypatch.chdir(tmp_path / "holiday")
    dataset = open_folder(Path())
    assert (dataset.id, dataset.name) == ("holiday", "holiday")
    assert dataset.folder.is_absolute()


def test_follows_links_but_enters_no_folder_twice(tmp_path: Path) -> None:
    put(tmp_path, "elsewhere/a.png", "set/b.png", "one.png")
    (tmp_path / "set/linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "set/again").symlink_to(tmp_path / "elsewhere")
    for loop in ("loop", "round", "circle"):  # several, as one alone ends by itself where links get too many
        (tmp_path / "set" / loop).symlink_to(tmp_path / "set")
    (tmp_path / "set/c.png").symlink_to(tmp_path / "one.png")
    (tmp_path / "set/dangling.png").symlink_to(tmp_path / "nothing.png")
    assert open_folder(tmp_path / "set").images == ("again/a.png", "b.png", "c.png")


def test_missing_and_empty_folders_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DatasetMissingError, match=r"There is no folder .*nowhere.*Give the path"):
        open_folder(tmp_path / "nowhere")
    put(tmp_path, "a.png", "texts/readme.txt")
    with pytest.raises(FileNotFoundError, match="a file, not a folder"):
        open_folder(tmp_path / "a.png")
    with pytest.raises(FileNotFoundError, match=r"holds no images.*\.png"):
        open_folder(tmp_path / "texts")


def test_a_folder_that_cannot_be_read_is_an_error_not_a_smaller_dataset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, "a.png", "locked/b.png")
    scandir = os.scandir

    def refuse(path: str) -> object:  # root may read everything, so taking rights away would not do
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(DatasetError, match=r"Cannot look into .*locked: Permission denied"):
        open_folder(tmp_path)


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


@given(paths, seeds, st.integers(1, 50))
def test_max_images_takes_the_first_of_the_order(names: list[str], seed: int, most: int) -> None:
    assert order_images(names, "hashed", seed, most) == order_images(names, "hashed", seed)[:most]


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
    assert order_images(["b", "a", "c"], "name", seed=7, max_images=2) == ["a", "b"]


@pytest.mark.parametrize(
    ("order", "most", "message"), [("random", None, "hashed, name"), ("name", 0, "1 or more")]
)
def test_refuses_what_it_does_not_know(order: str, most: int | None, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        order_images(["a"], order, 0, most)  # type: ignore[arg-type]
