from __future__ import annotations

import os
from pathlib import Path

import pytest

from codecstudy.datasets import open_folder
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
    with pytest.raises(FileNotFoundError, match=r"contains no images.*\.png"):
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
    with pytest.raises(DatasetError, match=r"Cannot read the folder .*locked: Permission denied"):
        open_folder(tmp_path)
