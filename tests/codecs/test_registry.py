"""Encoders are found by name: built-in, registered by reference, or installed as plugins."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from importlib.metadata import EntryPoint
from typing import Any

import pytest

from codecstudy import codecs, registry
from codecstudy.codecs.base import Encoder
from codecstudy.errors import CodecError
from codecstudy.types import Parameter, RateParameter
from support import fake_codecs


@pytest.fixture(autouse=True)
def unchanged_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codecs._registry, "_loaded", {})
    monkeypatch.setattr(codecs._registry, "_registered", {})


def plugins(monkeypatch: pytest.MonkeyPatch, **references: str) -> None:
    points = [EntryPoint(name, ref, codecs.ENTRY_POINT_GROUP) for name, ref in references.items()]
    monkeypatch.setattr(registry, "entry_points", lambda group: points)


def test_the_four_formats_come_first() -> None:
    assert codecs.names()[:4] == ("jpeg", "webp", "avif", "jxl")
    assert [codecs.get(name).facts.format for name in codecs.names()[:4]] == ["jpeg", "webp", "avif", "jxl"]


def test_an_unknown_name_names_the_known_ones_and_the_nearest() -> None:
    with pytest.raises(
        codecs.UnknownCodecError, match="no encoder is named 'avfi'; did you mean avif"
    ) as raised:
        codecs.get("avfi")
    assert "jpeg, webp, avif, jxl" in str(raised.value)
    assert isinstance(raised.value, ValueError)


def test_registering_adds_an_encoder_and_remembers_where_it_is() -> None:
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
        ("support.fake_codecs:BAD", "of type int, not codecstudy.codecs.base.Encoder"),
        ("codecstudy.codecs.avif:ENCODER", "already has the name 'avif'"),
    ],
)
def test_what_is_not_an_encoder_is_refused(reference: str, says: str) -> None:
    with pytest.raises(CodecError, match=says):
        codecs.register(reference)
    assert codecs.registered() == ()


def test_two_encoders_with_one_id_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from support import fake_codecs

    monkeypatch.setattr(fake_codecs, "TWIN", fake_codecs.make("fakegood"), raising=False)
    codecs.register("support.fake_codecs:GOOD")
    with pytest.raises(CodecError, match=r"support\.fake_codecs:GOOD already has the name 'fakegood'"):
        codecs.register("support.fake_codecs:TWIN")


def test_an_id_that_cannot_be_a_file_name_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from support import fake_codecs

    monkeypatch.setattr(fake_codecs, "ODD", fake_codecs.make("../up"), raising=False)
    with pytest.raises(CodecError, match="must consist of lower-case letters"):
        codecs.register("support.fake_codecs:ODD")


WRONG = [
    ({"parameters": (Parameter("crop", ""),), "rates": ()}, "no parameter can be named 'crop'"),
    ({"parameters": (Parameter("level", ""),), "rates": ()}, "no parameter can be named 'level'"),
    ({"parameters": (Parameter("a b", ""),), "rates": ()}, "parameter 'a b' must consist of letters"),
    ({"parameters": ()}, "rate parameter 'quality' is not among its parameters"),
    ({"rates": (RateParameter("distance", extra=True),)}, "not among its extra_parameters"),
    ({"colour": ("red", "#ffffff")}, "must be two CSS colours"),
    ({"marker": "heart"}, "must be one of circle, square"),
    ({"extension": "jpg"}, "must be a dot followed by letters"),
]


@pytest.mark.parametrize(("changes", "says"), WRONG, ids=[says for _, says in WRONG])
def test_facts_that_cannot_be_used_are_refused(
    monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], says: str
) -> None:
    from support import fake_codecs

    good = fake_codecs.GOOD
    odd = dataclasses.replace(good, facts=dataclasses.replace(good.facts, **changes))
    monkeypatch.setattr(fake_codecs, "ODD", odd, raising=False)
    with pytest.raises(CodecError, match=says):
        codecs.register("support.fake_codecs:ODD")


def test_plugins_are_listed_without_loading_them(monkeypatch: pytest.MonkeyPatch) -> None:
    plugins(monkeypatch, broken="no_such_module:ENCODER")
    assert codecs.names() == (*codecs.BUILT_IN, "broken")
    with pytest.raises(CodecError, match="No module named 'no_such_module'"):
        codecs.get("broken")


def test_a_plugin_is_loaded_when_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    plugins(monkeypatch, fakegood="support.fake_codecs:GOOD", other="support.fake_codecs:SLOW")
    assert isinstance(codecs.get("fakegood"), Encoder)
    assert codecs.registered() == ()
    with pytest.raises(CodecError, match="it is called 'fakeslow'"):
        codecs.get("other")


def test_a_plugin_cannot_replace_a_built_in_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    plugins(monkeypatch, avif="support.fake_codecs:GOOD")
    assert codecs.get("avif").facts.title == "AVIF"
    assert codecs.names().count("avif") == 1


def test_importing_the_registry_imports_no_library() -> None:
    script = (
        "import sys, codecstudy.codecs as c; c.names(); "
        "assert not {'PIL', 'imagecodecs'} & set(sys.modules), 'too early'; c.get('jpeg'); "
        "assert 'PIL' in sys.modules and 'imagecodecs' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


def alternatives(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> None:
    """A format with a default encoder, and another one that also has ``extra_args`` named ``tune``."""
    tune = Parameter("tune", "what to optimize", choices=("ssim", "psnr"))
    for id_ in ("toy", "toy-tuned"):
        encoder = fake_codecs.make(id_)
        facts = dataclasses.replace(
            encoder.facts,
            format="toy",
            extension=".toy",
            extra_parameters=(tune,) if id_ == "toy-tuned" else (),
        )
        changed = dataclasses.replace(encoder, facts=facts, **changes if id_ == "toy-tuned" else {})
        name = id_.replace("-", "_").upper()
        monkeypatch.setattr(fake_codecs, name, changed, raising=False)
        codecs.register(f"support.fake_codecs:{name}")
    monkeypatch.setitem(codecs.ALTERNATIVES, "toy", ("toy-tuned",))


def test_an_entry_goes_to_the_first_encoder_of_its_format_that_has_its_options(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    alternatives(monkeypatch)
    assert codecs.encoder_for("toy", {"quality"}, set()).facts.id == "toy"
    assert codecs.encoder_for("toy", {"quality"}, {"tune"}).facts.id == "toy-tuned"
    # What no encoder has is for the default one to refuse.
    assert codecs.encoder_for("toy", {"qualty"}, {"tune"}).facts.id == "toy"


def test_what_an_encoder_needs_and_this_machine_lacks_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    alternatives(monkeypatch, missing=lambda: "the program toy is not on PATH; install it")
    with pytest.raises(
        CodecError, match="encoder toy-tuned cannot be used here: the program toy is not on PATH"
    ):
        codecs.encoder_for("toy", set(), {"tune"})
    with pytest.raises(CodecError, match="cannot be used here"):
        codecs.usable("toy-tuned")
