"""The page about encoders, which is made when the documentation is built."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from codecstudy import codecs

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.fixture(scope="module")
def hooks() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_hooks", DOCS / "_hooks.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_encoder_and_each_of_its_options_is_on_the_page(hooks: ModuleType) -> None:
    page = hooks.on_page_markdown((DOCS / "reference" / "encoders.md").read_text(encoding="utf-8"))
    parts = re.split(r"^### .* \{#(.*)\}$", page, flags=re.M)
    sections = dict(zip(parts[1::2], parts[2::2], strict=True))
    assert [*sections] == [*codecs.BUILT_IN]
    for name, text in sections.items():
        facts = codecs.get(name).facts
        for option in (*facts.parameters, *facts.extra_parameters):
            assert f"| `{option.name}` | {option.allowed()} |" in text, (name, option.name)
        for rate in facts.rates:
            assert f"`{rate.name}`" in text
        assert f"`{facts.extension}`" in text


def test_what_an_encoder_needs_is_known_though_this_machine_has_it(hooks: ModuleType) -> None:
    needs = hooks._needs()
    assert needs.keys() == set(codecs.BUILT_IN)
    assert {name: needs[name] for name in ("jpeg", "webp", "avif", "jxl")} == dict.fromkeys(
        ("jpeg", "webp", "avif", "jxl")
    )


def test_keys_that_all_encoders_share_are_with_the_study_keys(hooks: ModuleType) -> None:
    text = hooks.study_keys()
    for key in ("format", "encoder", "resolution", "crop", "extra_args"):
        assert f"| `{key}` |" in text
