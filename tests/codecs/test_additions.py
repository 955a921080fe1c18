"""Encoders of plugins, read where the plugin is not installed; and a parameter added in an encoder's file."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from codecstudy import codecs
from support.package_overlay import Study, chart_data, copy_packages, replace, run_command

PLUGIN = '''
"""A format of its own: the upper bits of each sample, dithered or not."""
import zlib
import numpy as np
from codecstudy.codecs.base import Encoder, SelfTest
from codecstudy.types import EncoderFacts, Parameter, RateParameter, Setting, ToolCommand

def _encode(pixels, setting):
    step = 2 ** (8 - setting.get("bitrate"))
    noise = 0
    if setting.get("dithering") == "ordered" and step > 1:
        y, x = np.indices(pixels.shape[:2])
        noise = ((x ^ y) % step - step // 2)[:, :, None]
    kept = np.clip((pixels.astype(int) + noise) // step * step, 0, 255).astype(np.uint8)
    return pixels.shape[0].to_bytes(4, "big") + pixels.shape[1].to_bytes(4, "big") + zlib.compress(kept.tobytes())

def _decode(data):
    shape = int.from_bytes(data[:4], "big"), int.from_bytes(data[4:8], "big"), 3
    return np.frombuffer(zlib.decompress(data[8:]), np.uint8).reshape(shape).copy()

def _commands(setting):
    dithering = setting.get("dithering", "none")
    return (
        ToolCommand("demoenc", f"demoenc --bits {setting.get('bitrate')} --dither {dithering} in.png out.demo"),
        ToolCommand("sharp", None, "sharp has no such format"),
    )

ENCODER = Encoder(
    EncoderFacts(
        id="demofmt",
        format="demofmt",
        title="Demo Format",
        extension=".demo",
        parameters=(
            Parameter("bitrate", "bits kept of each sample", minimum=1, maximum=8),
            Parameter("dithering", "noise before bits are cut", choices=("none", "ordered"), default="none"),
        ),
        rates=(RateParameter("bitrate"),),
        colour=("#a0522d", "#e0a080"),
        marker="star",
        browsers="no browser",
    ),
    version=lambda: "demolib 7",
    encode=_encode,
    decode=_decode,
    seconds_per_megapixel=lambda setting: 0.05,
    commands=_commands,
    self_test=SelfTest(Setting.of("demofmt", bitrate=8)),
)
'''


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an installed package that declares an encoder."""
    folder = tmp_path_factory.mktemp("plugin")
    (folder / "demofmt_plugin.py").write_text(PLUGIN)
    information = folder / "demofmt_plugin-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: demofmt-plugin\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text("[codecstudy.codecs]\ndemofmt = demofmt_plugin:ENCODER\n")
    return folder


@pytest.fixture(scope="module")
def with_plugin(plugin: Path, tmp_path_factory: pytest.TempPathFactory) -> Study:
    encoders = [
        {
            "format": "demofmt",
            "bitrate": {"start": 2, "stop": 8, "step": 3},
            "dithering": ["none", "ordered"],
        },
        {"format": "jpeg", "quality": [30, 90]},
    ]
    return Study(tmp_path_factory.mktemp("with-plugin"), encoders, plugin)


def test_a_plugin_is_listed_and_tried_by_doctor(plugin: Path) -> None:
    shown = run_command("doctor", path=plugin)
    assert re.search(r"Demo Format +demolib 7", shown)
    assert re.search(r"self-test of codecs +passed", shown)
    assert "demofmt" in run_command("schema", path=plugin)


def test_a_parameter_that_only_a_plugin_has_is_a_column_of_its_own(with_plugin: Study) -> None:
    records = with_plugin.records()
    assert len(records) == 2 * (3 * 2 + 2)
    own = {
        (r["bitrate"], r["dithering"], r["variant"], r["axis"], r["level"]) for r in records if r["bitrate"]
    }
    assert ("5", "ordered", "demofmt dithering=ordered (by bitrate)", "bitrate", "5.0") in own
    assert len(own) == 6
    assert {r["status"] for r in records} == {"measured"}
    assert {r["dithering"] for r in records if r["format"] == "jpeg"} == {""}
    names = {path.name for path in (with_plugin.encoded / "demofmt" / "original").iterdir()}
    assert "0_bitrate-5_dithering-ordered.demo" in names


def test_recommend_serves_a_plugin_that_is_not_installed(with_plugin: Study) -> None:
    assert "demofmt" not in codecs.names()
    found = with_plugin.recommended()
    assert found["demofmt"]["setting"]["bitrate"] == 2
    tools = {command["tool"]: command for command in found["demofmt"]["commands"]}
    dithering = found["demofmt"]["setting"]["dithering"]
    assert tools["demoenc"]["text"] == f"demoenc --bits 2 --dither {dithering} in.png out.demo"
    assert tools["sharp"] == {"tool": "sharp", "text": None, "note": "sharp has no such format"}


def test_the_report_serves_a_plugin_that_is_not_installed(with_plugin: Study) -> None:
    report = with_plugin.report()
    assert "--f-demofmt:#a0522d" in report
    assert "--f-demofmt:#e0a080" in report
    assert "no browser" in report
    data = chart_data(report)
    assert data["markers"] == {"jpeg": "circle", "demofmt": "star"}
    first = next(v for v in data["variants"] if v["encoder"] == "demofmt")
    assert (first["title"], first["axis"], first["levels"]) == ("Demo Format", "bitrate", [2, 5, 8])
    assert first["details"] == "dithering none"
    # Its files cannot be decoded without it. Those of the others can.
    assert "Demo Format is not installed on this machine, so its files are not shown." in report
    shots = [
        shot for entry in data["gallery"]["entries"] for look in entry["looks"] for shot in look["shots"]
    ]
    assert {shot["encoder"] for shot in shots} == {"jpeg"}
    assert first["tools"][1][0] == ["demoenc", "demoenc --bits 5 --dither none in.png out.demo", None]


def test_a_parameter_is_added_in_its_encoders_file_alone(tmp_path: Path) -> None:
    jpeg = copy_packages(tmp_path, "codecs") / "codecs" / "jpeg.py"
    declared = '            Parameter("quality", '
    new = '            Parameter("restart", "blocks between restart markers", minimum=0, maximum=64, default=0),\n'
    replace(jpeg, declared, new + declared)
    encode = "            optimize=optimize,\n"
    replace(jpeg, encode, encode + '            restart_marker_blocks=setting.get("restart", 0),\n')
    study = Study(tmp_path / "root", [{"format": "jpeg", "quality": 80, "restart": [0, 1]}], tmp_path)
    records = study.records()
    assert {r["variant"] for r in records} == {"jpeg restart=0", "jpeg restart=1"}
    sizes = {(r["source_image"], r["restart"]): int(r["file_size"]) for r in records}
    assert all(sizes[image, "1"] > sizes[image, "0"] for image in ("0.png", "1.png"))
    assert study.recommended()["jpeg"]["setting"]["restart"] == 0
    report = study.report()
    assert {v["details"] for v in chart_data(report)["variants"]} == {"restart 0", "restart 1"}
