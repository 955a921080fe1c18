from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from codecstudy.datasets import SAMPLE_IMAGES, list_datasets, open_dataset, open_sample, sample
from codecstudy.errors import DatasetMissingError

PNG = b"\x89PNG\r\n\x1a\n"


def test_points_at_six_png_files_inside_the_wheel() -> None:
    dataset = open_sample()
    assert dataset.id == "sample"
    names = ("astronaut", "chelsea", "coffee", "motorcycle_left", "page", "text")
    assert dataset.images == tuple(f"{name}.png" for name in names)
    assert all(dataset.path(image).read_bytes().startswith(PNG) for image in dataset.images)


def test_is_there_for_every_project(tmp_path: Path) -> None:
    assert open_dataset(tmp_path, "sample") == open_sample()
    status = next(status for status in list_datasets(tmp_path) if status.id == "sample")
    assert status.downloaded
    assert status.image_count == 6
    assert not list(tmp_path.iterdir())


def test_without_scikit_image_names_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DatasetMissingError, match=r"pip install 'codecstudy\[sample\]'"):
        open_dataset(tmp_path, "sample")
    status = next(status for status in list_datasets(tmp_path) if status.id == "sample")
    assert not status.downloaded


def test_an_incomplete_scikit_image_names_what_it_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for image in SAMPLE_IMAGES[1:]:
        (tmp_path / image).write_bytes(PNG)
    monkeypatch.setattr(sample, "sample_folder", lambda: tmp_path)
    with pytest.raises(DatasetMissingError, match=r"needs astronaut\.png in"):
        open_sample()
