from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from codecstudy.datasets import DatasetStatus, add_folder, list_datasets, open_dataset
from codecstudy.errors import DatasetError, DatasetMissingError


def put(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"1234")
    return folder


def configure(root: Path, *entries: dict[str, Any], **more: Any) -> Path:
    file = root / "config/datasets.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"datasets": list(entries), **more}), encoding="utf-8")
    return file


def status_of(root: Path, dataset_id: str) -> DatasetStatus:
    return next(status for status in list_datasets(root) if status.id == dataset_id)


MINE = {
    "id": "mine",
    "name": "Mine",
    "type": "zip",
    "url": "https://example.org/x.zip",
    "rename_to": "My_Set",
}


def test_opens_a_downloaded_dataset_of_the_project(tmp_path: Path) -> None:
    configure(tmp_path, MINE)
    put(tmp_path / "data/datasets/My_Set", "b.png", "a.png")
    dataset = open_dataset(tmp_path, "mine")
    assert (dataset.id, dataset.name, dataset.images) == ("mine", "Mine", ("a.png", "b.png"))
    assert dataset.folder == tmp_path / "data/datasets/My_Set"


def test_the_project_comes_before_the_package(tmp_path: Path) -> None:
    put(tmp_path / "data/datasets/kodak", "package.png")
    assert open_dataset(tmp_path, "kodak").images == ("package.png",)
    configure(tmp_path, MINE | {"id": "kodak", "rename_to": "own"})
    put(tmp_path / "data/datasets/own", "project.png")
    assert open_dataset(tmp_path, "kodak").images == ("project.png",)
    assert [status.id for status in list_datasets(tmp_path)].count("kodak") == 1


def test_an_unknown_id_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no dataset 'kodac'; did you mean kodak\?") as caught:
        open_dataset(tmp_path, "kodac")
    assert not isinstance(caught.value, FileNotFoundError)


@pytest.mark.parametrize("empty", [False, True])
def test_what_is_not_there_names_the_command_that_mends_it(tmp_path: Path, empty: bool) -> None:
    configure(tmp_path, MINE)
    if empty:
        put(tmp_path / "data/datasets/My_Set", "readme.txt")
    with pytest.raises(FileNotFoundError, match=r"Run: codecstudy datasets fetch mine$"):
        open_dataset(tmp_path, "mine")


def test_a_broken_registry_is_named(tmp_path: Path) -> None:
    configure(tmp_path, MINE | {"shasum": "x"})
    with pytest.raises(DatasetError, match=r"config/datasets\.json: dataset 'mine': unknown key 'shasum'"):
        open_dataset(tmp_path, "sample")
    (tmp_path / "config/datasets.json").write_bytes(b"\xff\xfe")
    with pytest.raises(DatasetError, match=r"Cannot read .*config/datasets\.json"):
        list_datasets(tmp_path)


def test_lists_count_and_size_of_what_is_there_and_what_is_stated_of_the_rest(tmp_path: Path) -> None:
    configure(tmp_path, MINE | {"size_mb": 1.5, "image_count": 9, "license": "CC0"})
    before = status_of(tmp_path, "mine")
    assert (before.downloaded, before.image_count, before.size_bytes) == (False, 9, 1_500_000)
    assert (before.can_fetch, before.verified, before.license) == (True, False, "CC0")
    put(tmp_path / "data/datasets/My_Set", "a.png", "b.png", "c.txt")
    after = status_of(tmp_path, "mine")
    assert (after.downloaded, after.image_count, after.size_bytes) == (True, 2, 8)
    assert list_datasets(tmp_path)[0] == after
    assert not status_of(tmp_path, "kodak").can_fetch
    assert status_of(tmp_path, "div2k-valid").verified


def test_adds_a_folder_outside_the_project_by_its_absolute_path(tmp_path: Path) -> None:
    photos = put(tmp_path / "photos", "a.png")
    root = tmp_path / "project"
    dataset = add_folder(root, photos, "holiday")
    assert dataset == open_dataset(root, "holiday")
    assert dataset.folder == photos
    stored = json.loads((root / "config/datasets.json").read_text())["datasets"]
    assert stored == [{"id": "holiday", "name": "photos", "type": "folder", "path": str(photos)}]


def test_a_folder_inside_the_project_moves_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "project"
    put(root / "photos", "a.png")
    monkeypatch.chdir(root)
    add_folder(Path(), Path("photos"), "holiday")
    root.rename(tmp_path / "moved")
    assert open_dataset(tmp_path / "moved", "holiday").folder == tmp_path / "moved/photos"


def test_adding_keeps_what_the_registry_holds(tmp_path: Path) -> None:
    file = configure(tmp_path, MINE, **{"$schema": "s.json"})
    file.chmod(0o664)
    add_folder(tmp_path, put(tmp_path / "photos", "a.png"), "holiday")
    content = json.loads(file.read_text())
    assert content["$schema"] == "s.json"
    assert content["datasets"][0] == MINE
    assert file.stat().st_mode & 0o777 == 0o664
    assert [path.name for path in file.parent.iterdir()] == ["datasets.json"]


def test_a_crash_while_writing_leaves_the_old_registry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = configure(tmp_path, MINE)
    old = file.read_bytes()
    photos = put(tmp_path / "photos", "a.png")

    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(DatasetError, match=r"datasets\.json cannot be written: No space left"):
        add_folder(tmp_path, photos, "holiday")
    assert file.read_bytes() == old
    assert [path.name for path in file.parent.iterdir()] == ["datasets.json"]


@pytest.mark.parametrize(
    ("dataset_id", "message"),
    [
        ("mine", "already has a dataset 'mine'"),
        ("sample", "'sample' is taken"),
        ("Holiday", "'Holiday' is not a valid dataset id. Use lower-case letters"),
        ("", "is not a valid dataset id"),
        ("../x", "is not a valid dataset id"),
    ],
)
def test_refuses_ids(tmp_path: Path, dataset_id: str, message: str) -> None:
    file = configure(tmp_path, MINE)
    old = file.read_bytes()
    with pytest.raises(DatasetError, match=message):
        add_folder(tmp_path, put(tmp_path / "photos", "a.png"), dataset_id)
    assert file.read_bytes() == old


def test_refuses_folders_that_are_no_dataset(tmp_path: Path) -> None:
    with pytest.raises(DatasetMissingError, match="no folder"):
        add_folder(tmp_path, tmp_path / "nowhere", "x")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetMissingError, match="no images"):
        add_folder(tmp_path, tmp_path / "empty", "x")
    assert not (tmp_path / "config").exists()


def test_a_registered_folder_that_has_gone_says_where_to_correct_it(tmp_path: Path) -> None:
    photos = put(tmp_path / "photos", "a.png")
    add_folder(tmp_path, photos, "holiday")
    photos.rename(tmp_path / "elsewhere")
    with pytest.raises(
        DatasetMissingError, match=r"photos does not exist.*correct its path in config/datasets\.json"
    ):
        open_dataset(tmp_path, "holiday")
