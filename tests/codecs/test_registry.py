"""Codecs are found by name: built-in, registered by reference, or installed as plugins."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint

import pytest

from codecstudy import codecs
from codecstudy.codecs.base import Codec
from codecstudy.errors import CodecError


@pytest.fixture(autouse=True)
def unchanged_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codecs, "_loaded", {})
    monkeypatch.setattr(codecs, "_registered", {})


def plugins(monkeypatch: pytest.MonkeyPatch, **references: str) -> None:
    points = [EntryPoint(name, ref, codecs.ENTRY_POINT_GROUP) for name, ref in references.items()]
    monkeypatch.setattr(codecs, "entry_points", lambda group: points)


def test_the_four_formats_come_first() -> None:
    assert codecs.names()[:4] == ("jpeg", "webp", "avif", "jxl")
    assert [codecs.get(name).format for name in codecs.names()[:4]] == ["jpeg", "webp", "avif", "jxl"]


def test_an_unknown_name_names_the_known_ones_and_the_nearest() -> None:
    with pytest.raises(
        codecs.UnknownCodecError, match="no codec is named 'avfi'; did you mean avif"
    ) as raised:
        codecs.get("avfi")
    assert "jpeg, webp, avif, jxl" in str(raised.value)
    assert isinstance(raised.value, ValueError)


def test_registering_adds_a_codec_and_remembers_where_it_is() -> None:
    codec = codecs.register("support.fake_codecs:GOOD")
    assert codecs.get("fakegood") is codec
    assert codecs.names()[-1] == "fakegood"
    assert codecs.registered() == ("support.fake_codecs:GOOD",)
    assert codecs.register("support.fake_codecs:GOOD") is codec
    assert codecs.registered() == ("support.fake_codecs:GOOD",)


@pytest.mark.parametrize(
    ("reference", "says"),
    [
        ("support.fake_codecs", "package.module:ATTRIBUTE"),
        (":GOOD", "package.module:ATTRIBUTE"),
        ("no_such_module:X", "No module named 'no_such_module'"),
        ("support.fake_codecs:NOTHING", "support.fake_codecs has no NOTHING"),
        ("support.fake_codecs:BAD", "that is a int, no codecstudy Codec"),
        ("codecstudy.codecs.avif:CODEC", "has the format 'avif' already"),
    ],
)
def test_what_is_no_codec_is_refused(reference: str, says: str) -> None:
    with pytest.raises(CodecError, match=says):
        codecs.register(reference)
    assert codecs.registered() == ()


def test_two_codecs_of_one_format_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from support import fake_codecs

    monkeypatch.setattr(fake_codecs, "TWIN", fake_codecs.make("fakegood"), raising=False)
    codecs.register("support.fake_codecs:GOOD")
    with pytest.raises(CodecError, match=r"support\.fake_codecs:GOOD has the format 'fakegood' already"):
        codecs.register("support.fake_codecs:TWIN")


def test_a_format_that_cannot_be_a_file_name_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from support import fake_codecs

    monkeypatch.setattr(fake_codecs, "ODD", fake_codecs.make("../up"), raising=False)
    with pytest.raises(CodecError, match="must be small letters"):
        codecs.register("support.fake_codecs:ODD")


def test_plugins_are_listed_without_loading_them(monkeypatch: pytest.MonkeyPatch) -> None:
    plugins(monkeypatch, broken="no_such_module:CODEC")
    assert codecs.names() == ("jpeg", "webp", "avif", "jxl", "broken")
    with pytest.raises(CodecError, match="No module named 'no_such_module'"):
        codecs.get("broken")


def test_a_plugin_is_loaded_when_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    plugins(monkeypatch, fakegood="support.fake_codecs:GOOD", other="support.fake_codecs:SLOW")
    assert isinstance(codecs.get("fakegood"), Codec)
    assert codecs.registered() == ()
    with pytest.raises(CodecError, match="its format is 'fakeslow'"):
        codecs.get("other")


def test_a_plugin_cannot_replace_a_built_in_codec(monkeypatch: pytest.MonkeyPatch) -> None:
    plugins(monkeypatch, avif="support.fake_codecs:GOOD")
    assert codecs.get("avif").title == "AVIF"
    assert codecs.names().count("avif") == 1


def test_importing_the_registry_imports_no_library() -> None:
    script = (
        "import sys, codecstudy.codecs as c; c.names(); "
        "assert not {'PIL', 'imagecodecs'} & set(sys.modules), 'too early'; c.get('jpeg'); "
        "assert 'PIL' in sys.modules and 'imagecodecs' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
