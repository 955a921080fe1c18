"""An encoder is one file: plugins, additions to a copy of ``codecs/``, and readers of results that have neither."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from codecstudy import codecs
from conftest import picture

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

SECOND_JPEG = '''
"""JPEG with optimized Huffman tables, as an encoder of its own."""
import dataclasses
from codecstudy.codecs import jpeg
from codecstudy.types import Setting, ToolCommand

def _encode(pixels, setting):
    return jpeg.ENCODER.encode(pixels, dataclasses.replace(setting, extra_args=(("optimize", True),)))

ENCODER = dataclasses.replace(
    jpeg.ENCODER,
    facts=dataclasses.replace(
        jpeg.ENCODER.facts, id="optjpeg", title="Optimized JPEG", colour=("#225522", "#88cc88"), marker="hexagon"
    ),
    version=lambda: "optjpeg 2",
    encode=_encode,
    commands=lambda setting: (ToolCommand("optjpeg", f"optjpeg -q {setting.quality}"),),
    self_test=None,
)
'''

REDIRECT = """
import codecstudy
codecstudy.__path__.insert(0, {copy!r})
"""
"""A ``sitecustomize`` with which ``codecstudy.codecs`` is the copy, in workers too; all else stays as it is."""


def codecstudy(*arguments: object, path: Path | None = None) -> str:
    """What a command prints; with ``path`` on the module path."""
    environment = os.environ | {"COLUMNS": "200", "NO_COLOR": "1"}
    if path is not None:
        environment["PYTHONPATH"] = os.pathsep.join([str(path), environment.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-m", "codecstudy", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env=environment,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


class Study:
    """Results of a study, which somebody reads who has none of its encoders but the built-in ones."""

    def __init__(self, root: Path, encoders: list[dict[str, Any]], path: Path) -> None:
        photos = root / "photos"
        photos.mkdir(parents=True)
        for seed in range(2):
            Image.fromarray(picture(72, 64, seed)).save(photos / f"{seed}.png")
        study = root / "study.json"
        study.write_text(json.dumps({"id": "added", "dataset": {"id": "own"}, "encoders": encoders}))
        run = (
            "run",
            study,
            "--images",
            photos,
            "--root",
            root,
            "--workers",
            1,
            "--quiet",
            "--save-artifacts",
        )
        codecstudy(*run, path=path)
        self.folder = root / "data" / "metrics" / "added"
        self.encoded = root / "data" / "encoded" / "added"

    def records(self) -> list[dict[str, str]]:
        codecstudy("export", self.folder, "--format", "csv", "-o", self.folder / "records.csv")
        with (self.folder / "records.csv").open() as file:
            return list(csv.DictReader(file))

    def recommended(self) -> dict[str, Any]:
        # Any score will do: what is recommended for it is not the point.
        found = json.loads(codecstudy("recommend", self.folder, "--json", "--target", "-1000"))
        return {item["encoder"]: item for item in found["items"]}

    def report(self) -> str:
        codecstudy("report", self.folder, "-o", self.folder / "report.html", "--target", "-1000")
        return (self.folder / "report.html").read_text()


def chart_data(report: str) -> Any:
    found = re.search(r'<script[^>]*id="data"[^>]*>(.*?)</script>', report, re.DOTALL)
    assert found is not None
    return json.loads(found[1])


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
    shown = codecstudy("doctor", path=plugin)
    assert re.search(r"Demo Format +demolib 7", shown)
    assert re.search(r"self-test of codecs +passed", shown)
    assert "demofmt" in codecstudy("schema", path=plugin)


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


def copied(folder: Path) -> Path:
    """A copy of ``codecs/`` below ``folder``, which replaces it where ``folder`` is on the module path."""
    source = Path(codecs.__file__).parent
    copy = folder / "copy" / "codecs"
    shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "sitecustomize.py").write_text(REDIRECT.format(copy=str(copy.parent)))
    return copy


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert text.count(old) == 1, f"{old!r} in {path.name}"
    path.write_text(text.replace(old, new))


def test_an_encoder_is_added_with_one_file_and_one_line(tmp_path: Path) -> None:
    copy = copied(tmp_path)
    (copy / "optjpeg.py").write_text(SECOND_JPEG)
    line = '    "jxl": "codecstudy.codecs.jxl:ENCODER",\n'
    replace(copy / "__init__.py", line, line + '    "optjpeg": "codecstudy.codecs.optjpeg:ENCODER",\n')
    encoders = [
        {"format": "jpeg", "quality": [30, 90]},
        {"format": "jpeg", "encoder": "optjpeg", "quality": [30, 90]},
    ]
    study = Study(tmp_path / "root", encoders, tmp_path)
    assert re.search(r"Optimized JPEG +optjpeg 2", codecstudy("doctor", path=tmp_path))
    sizes = {(r["encoder"], r["source_image"], r["quality"]): int(r["file_size"]) for r in study.records()}
    assert all(sizes["optjpeg", image, q] < sizes["jpeg", image, q] for _, image, q in sizes)
    assert {"0_q30.jpg", "0_optjpeg_q30.jpg"} <= {p.name for p in (study.encoded / "jpeg/original").iterdir()}
    found = study.recommended()
    assert (found["optjpeg"]["format"], found["optjpeg"]["setting"]["encoder"]) == ("jpeg", "optjpeg")
    assert [c["text"] for c in found["optjpeg"]["commands"]] == ["optjpeg -q 30"]
    report = study.report()
    assert "Optimized JPEG" in report
    assert "--f-optjpeg:#225522" in report
    assert chart_data(report)["markers"]["optjpeg"] == "hexagon"


def test_a_parameter_is_added_in_its_encoders_file_alone(tmp_path: Path) -> None:
    jpeg = copied(tmp_path) / "jpeg.py"
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
