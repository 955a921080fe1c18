"""Studies that define an encoder by the command lines of a program."""

from __future__ import annotations

import json
import os
import pickle
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from codecstudy import codecs
from codecstudy.errors import StudyError
from codecstudy.study import StudyConfig, json_schema, with_settings
from codecstudy.types import Setting

pytestmark = pytest.mark.skipif(
    not hasattr(os, "posix_spawn"), reason="programs are run on POSIX systems only"
)

QUALITY = {"range": [0, 100], "rate": True}
ENTRY: dict[str, Any] = {
    "format": "jxl",
    "encoder": "mine",
    "quality": [40, 80],
    "command": {
        "encode": ["cp", "{input}", "{output}", "-q", "{quality}", ["-e", "{effort}"]],
        "output": ".jxl",
    },
    "parameters": {"quality": QUALITY, "effort": {"range": [1, 9]}},
}


def entry(command: dict[str, Any] | None = None, **keys: Any) -> dict[str, Any]:
    return {**ENTRY, "command": {**ENTRY["command"], **(command or {})}, **keys}


def document(*entries: dict[str, Any]) -> dict[str, Any]:
    return {"id": "x", "dataset": {"id": "sample"}, "encoders": list(entries)}


def study(*entries: dict[str, Any]) -> StudyConfig:
    return StudyConfig.model_validate(document(*entries))


def test_its_parameters_are_keys() -> None:
    config = study(entry(effort=[1, 3]), {"format": "jxl", "quality": 50})
    assert [s.label() for s in config.settings()] == [
        "mine q40 e1",
        "mine q80 e1",
        "mine q40 e3",
        "mine q80 e3",
        "jxl q50",
    ]
    (definition,) = config.definitions
    assert definition.rates[0].name == "quality"
    assert definition.decoded == "png"


def test_a_study_survives_its_forms() -> None:
    config = study(entry())
    assert StudyConfig.model_validate(json.loads(json.dumps(config.to_dict()))) == config
    assert pickle.loads(pickle.dumps(config)) == config


def test_further_settings_are_of_the_same_definition() -> None:
    config = with_settings(study(entry()), [Setting.of("jxl", encoder="mine", quality=55)])
    assert len(config.definitions) == 1
    assert Setting.of("jxl", encoder="mine", quality=55) in config.settings()


@pytest.mark.parametrize("suffix", [".json", ".toml"])
def test_paths_belong_to_the_folder_of_the_study(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    (tmp_path / "studies").mkdir()
    for name in ("studies/enc", "tables"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    path = tmp_path / "studies" / f"own{suffix}"
    words = ["./enc", "../tables", "-q{quality}", "{input}", "{output}"]
    if suffix == ".json":
        path.write_text(json.dumps(document(entry({"encode": words}, parameters={"quality": QUALITY}))))
    else:
        path.write_text(
            f'id = "x"\n[dataset]\nid = "sample"\n[[encoders]]\nformat = "jxl"\nencoder = "mine"\nquality = 5\n'
            f'[encoders.command]\nencode = {json.dumps(words)}\noutput = ".jxl"\n'
            "[encoders.parameters]\nquality = { range = [0, 100], rate = true }\n"
        )
    monkeypatch.chdir(tmp_path)
    (definition,) = StudyConfig.load(path).definitions
    assert definition.encode[:2] == (str(tmp_path / "studies/enc"), str(tmp_path / "studies/../tables"))
    path.write_text(path.read_text().replace("./enc", "./gone"))
    with pytest.raises(StudyError, match=r"command.encode\[0\]: there is no file .*/studies/gone"):
        StudyConfig.load(path)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            entry({"encode": "cp {input}"}),
            'command.encode: must be a list of words, such as ["./cjxl", "{input}"]',
        ),
        (entry({"encode": []}), "command.encode: the list is empty"),
        (entry({"encode": ["cp", 3]}), "command.encode[1]: must be text, not 3 (a number)"),
        (
            entry({"encode": ["cp", "{input}", "{output}", "{quality}{effort}{efort}"]}),
            "command.encode: unknown placeholder {efort}: no parameter has this name; did you mean effort?",
        ),
        (entry({"encode": ["cp", "{input}", "{quality}{effort}"]}), "command.encode: has no {output}"),
        (
            entry({"encode": ["cp", ["{input}"], "{output}{quality}{effort}"]}),
            "command.encode: has no {input}",
        ),
        (
            entry({"encode": ["cp", "{input}", "{output}", "{quality}"]}),
            "parameters.effort: the command line has no {effort}, so it would be ignored",
        ),
        (
            entry({"encode": ["nosuch", "{input}", "{output}", "{quality}{effort}"]}),
            "command: nosuch is not on PATH",
        ),
        (entry({"decode": ["cp", "{input}", "{output}", "{quality}"]}), "decode has no parameters"),
        (entry({"decode": ["nosuch", "{input}", "{output}"]}), "command: nosuch is not on PATH"),
        (entry({"version": ["nosuch"]}), "command: nosuch is not on PATH"),
        (entry({"output": "jxl"}), 'command.output: "jxl" is not a file name extension'),
        (entry({"input": "gif"}), 'command.input: "gif" is not allowed'),
        (entry({"shell": True}), 'command.shell: unknown key "shell"'),
        (entry(format="heic"), "command: there is no decoder for format 'heic' here: say how to decode it"),
        (entry(encoder="avif"), 'encoder: "avif" is an encoder already; give yours another name'),
        (entry(encoder="cjxl"), 'encoder: "cjxl" is an encoder already'),
        (
            entry(encoder=None),
            "encoder: is missing: a study that defines an encoder names it, and its format",
        ),
        (entry(encoder="My own"), "id 'My own' must consist of"),
        (entry(parameters={}), "unknown placeholder"),
        (
            entry(parameters={"quality": QUALITY, "effort": {}}),
            "parameters.effort: needs either range or choices",
        ),
        (
            entry(parameters={"quality": QUALITY, "effort": {"range": [9, 1]}}),
            "parameters.effort.range: the range is empty: 1 is below 9",
        ),
        (
            entry(parameters={"quality": QUALITY, "effort": {"range": ["1", 9]}}),
            'parameters.effort.range[0]: must be a number, not "1" (text)',
        ),
        (
            entry(parameters={"quality": QUALITY, "effort": {"range": [1, 9], "step": 2}}),
            "parameters.effort.step: means something only together with rate = true",
        ),
        (
            entry(parameters={"quality": {**QUALITY, "default": 101}, "effort": {"range": [1, 9]}}),
            "parameters.quality.default: 101 is not allowed. Allowed: 0 to 100",
        ),
        (
            entry(parameters={"quality": {"choices": [True, False]}, "effort": {"range": [1, 9]}}),
            'parameters.quality: is a switch, and needs a list of words of its own: ["--option{quality}"]',
        ),
        (entry(quality=None), "mine needs quality, 0 to 100"),
        (entry(quality=101), "quality: 101 is out of range"),
        (entry(speed=3), "mine has no speed"),
        ({"format": "jxl", "quality": 5, "parameters": {}}, "JPEG XL has no parameters"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_definition_is_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(StudyError) as caught:
        study(given)
    assert said in str(caught.value)


def test_one_name_means_one_encoder_in_a_study() -> None:
    other = entry({"input": "ppm"}, quality=55)
    with pytest.raises(StudyError, match=r"encoders\[1\].encoder: encoders\[0\] defines mine in another way"):
        study(entry(), other)
    assert len(study(entry(), entry(quality=55)).definitions) == 1
    # Another study may use the name for something else.
    assert study(entry()).definitions != study(other).definitions
    assert "mine" not in codecs.names()


def test_the_schema_knows_definitions() -> None:
    schema = jsonschema.Draft202012Validator(json_schema())
    assert not list(schema.iter_errors(document(entry(), {"format": "jxl", "quality": 5})))
    for wrong in (entry({"input": "gif"}), entry({"output": "jxl"}), entry(encoder=None), entry({"more": 1})):
        assert list(schema.iter_errors(document(wrong)))
    assert list(schema.iter_errors(document({"format": "jxl", "encoder": "mine", "quality": 5})))
