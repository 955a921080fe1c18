"""What every registry does, whatever it holds: plugins are known by their source."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

from codecstudy.registry import source_hash


def test_the_hash_of_a_package_changes_with_any_of_its_sources(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    package = tmp_path / "a_plugin_of_a_test"
    package.mkdir()
    for name in ("__init__.py", "inner.py", "notes.txt"):
        (package / name).write_text("")
    (tmp_path / "a_module_of_a_test.py").write_text("")

    def both() -> list[str | None]:
        source_hash.cache_clear()
        return [source_hash("a_plugin_of_a_test.inner"), source_hash("a_module_of_a_test")]

    for name in ("a_plugin_of_a_test.inner", "a_module_of_a_test"):
        importlib.import_module(name)
    first = both()
    assert all(text is not None and len(text) == 8 for text in first)
    (package / "notes.txt").write_text("news")
    assert both() == first
    (package / "__init__.py").write_text("1")
    assert both()[0] != first[0]
    assert both()[1] == first[1]
    (tmp_path / "a_module_of_a_test.py").write_text("1")
    assert both()[1] != first[1]
    for name in ("a_plugin_of_a_test.inner", "a_plugin_of_a_test", "a_module_of_a_test"):
        del sys.modules[name]
    source_hash.cache_clear()


def test_in_a_namespace_package_the_file_of_the_module_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    folder = tmp_path / "a_namespace_of_a_test"
    folder.mkdir()
    (folder / "one.py").write_text("")
    importlib.import_module("a_namespace_of_a_test.one")
    source_hash.cache_clear()
    first = source_hash("a_namespace_of_a_test.one")
    (folder / "other.py").write_text("")
    source_hash.cache_clear()
    assert source_hash("a_namespace_of_a_test.one") == first
    (folder / "one.py").write_text("1")
    source_hash.cache_clear()
    assert source_hash("a_namespace_of_a_test.one") != first
    for name in ("a_namespace_of_a_test.one", "a_namespace_of_a_test"):
        del sys.modules[name]
    source_hash.cache_clear()
