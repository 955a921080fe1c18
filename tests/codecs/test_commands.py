"""Commands say what was measured; the ones in Python are run and must give the study's own bytes."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import imagecodecs
import pytest
from PIL import Image

from codecstudy import codecs
from codecstudy.analysis.encoders import Encoders
from codecstudy.codecs.commands import command_templates
from codecstudy.types import CommandTemplate, Setting, ToolCommand
from conftest import picture


def commands(setting: Setting) -> tuple[ToolCommand, ...]:
    """As somebody gets them who has nothing but the results file."""
    templates = codecs.commands_of([setting])
    kept = [CommandTemplate.from_dict(json.loads(json.dumps(t.to_dict()))) for t in templates]
    return Encoders(codecs.facts_of([setting], {}), kept).commands(setting)


def of(setting: Setting) -> dict[str, ToolCommand]:
    return {c.tool: c for c in commands(setting)}


def setting(format: str, quality: int | None = 70, **rest: Any) -> Setting:
    extra = tuple(sorted(rest.pop("extra", {}).items()))
    return Setting.of(format, quality=quality, extra_args=extra, **rest)


PILLOW = "avif-pillow"
"""The encoder of AVIF that has libaom's own options."""

RUNNABLE = [
    setting("jpeg"),
    setting("jpeg", 55, chroma_subsampling="444", extra={"progressive": True}),
    setting("jpeg", 91, chroma_subsampling="422", extra={"optimize": True, "progressive": False}),
    setting("webp"),
    setting("webp", 33, method=6),
    setting("webp", None, method=2, extra={"lossless": True}),
    setting("avif", 60, speed=9),
    setting("avif", 90, speed=9, chroma_subsampling="444", depth=10),
    setting("avif", 100, speed=9, chroma_subsampling="444", depth=12),
    setting("avif", 60, encoder=PILLOW, speed=9),
    setting(
        *("avif", 40),
        encoder=PILLOW,
        speed=10,
        chroma_subsampling="444",
        extra={"tune": "ssim", "enable-chroma-deltaq": True},
    ),
    setting(
        *("avif", 50),
        encoder=PILLOW,
        speed=9,
        chroma_subsampling="400",
        extra={"range": "limited", "tile_rows": 1},
    ),
    setting("avif", None, encoder=PILLOW, speed=9, extra={"cq-level": 30, "end-usage": "q"}),
    setting("jxl", 85, effort=3),
    setting("jxl", 20, effort=1),
    setting("jxl", 100, effort=1),
    setting("jxl", None, effort=2, extra={"distance": 2.5, "decodingspeed": 2}),
]


@pytest.mark.parametrize("chosen", RUNNABLE, ids=Setting.label)
def test_python_code_gives_the_bytes_of_the_study(
    chosen: Setting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool = "imagecodecs" if chosen.encoder in ("avif", "jxl") else "Pillow"
    text = of(chosen)[tool].text
    assert text is not None
    pixels = picture(64, 48)
    monkeypatch.chdir(tmp_path)
    exec(
        text,
        {"image": Image.fromarray(pixels), "pixels": pixels, "imagecodecs": imagecodecs, "pathlib": pathlib},
    )
    written = next(tmp_path.glob("output.*"))
    codec = codecs.get(chosen.encoder)
    assert written.suffix == codec.facts.extension
    assert written.read_bytes() == codec.encode(pixels, chosen)


@pytest.mark.parametrize(
    ("chosen", "tool", "words"),
    [
        (
            setting("jpeg", 82),
            "cjpeg",
            "cjpeg -quality 82 -baseline -sample 2x2 -outfile output.jpg input.ppm",
        ),
        (
            setting("jpeg", 82, chroma_subsampling="444", extra={"progressive": True}),
            "cjpeg",
            "cjpeg -quality 82 -baseline -sample 1x1 -progressive -outfile output.jpg input.ppm",
        ),
        (
            setting("jpeg", 82, chroma_subsampling="422", extra={"optimize": True}),
            "cjpeg",
            "cjpeg -quality 82 -baseline -sample 2x1 -optimize -outfile output.jpg input.ppm",
        ),
        (setting("webp", 75, method=6), "cwebp", "cwebp -q 75 -m 6 input.png -o output.webp"),
        (
            setting("webp", None, extra={"lossless": True}),
            "cwebp",
            "cwebp -lossless -m 4 input.png -o output.webp",
        ),
        (
            setting("avif", 63),
            "avifenc",
            "avifenc -c aom -j 1 -q 63 -s 6 -y 420 --tilerowslog2 0 --tilecolslog2 0 input.png output.avif",
        ),
        (
            setting("avif", 63, speed=4, chroma_subsampling="444", extra={"tune": "iq", "range": "limited"}),
            "avifenc",
            "avifenc -c aom -j 1 -q 63 -s 4 -y 444 -r limited --tilerowslog2 0 --tilecolslog2 0 -a tune=iq "
            "input.png output.avif",
        ),
        (
            setting("avif", None, extra={"cq-level": 20, "tile_cols": 2}),
            "avifenc",
            "avifenc -c aom -j 1 -s 6 -y 420 --tilerowslog2 0 --tilecolslog2 2 -a cq-level=20 "
            "input.png output.avif",
        ),
        (setting("jxl", 80), "cjxl", "cjxl input.png output.jxl -q 80 -e 7"),
        (
            setting("jxl", None, effort=9, extra={"distance": 1.5, "decodingspeed": 3}),
            "cjxl",
            "cjxl input.png output.jxl -d 1.5 -e 9 --faster_decoding=3",
        ),
        (
            setting("jpeg", 82, chroma_subsampling="444"),
            "sharp",
            'await sharp("input.png").jpeg({ quality: 82, chromaSubsampling: "4:4:4", optimizeCoding: false })'
            '.toFile("output.jpg");',
        ),
        (
            setting("webp", 75, method=5),
            "sharp",
            'await sharp("input.png").webp({ quality: 75, effort: 5 }).toFile("output.webp");',
        ),
        (
            setting("avif", 63, speed=6, extra={"tune": "iq"}),
            "sharp",
            'await sharp("input.png").avif({ quality: 63, effort: 3, chromaSubsampling: "4:2:0", tune: "iq" })'
            '.toFile("output.avif");',
        ),
        (
            setting("jxl", 90, effort=5),
            "sharp",
            'await sharp("input.png").jxl({ distance: 1, effort: 5 }).toFile("output.jxl");',
        ),
    ],
)
def test_text_to_copy(chosen: Setting, tool: str, words: str) -> None:
    assert of(chosen)[tool].text == words


@pytest.mark.parametrize(
    ("chosen", "note"),
    [
        (setting("jpeg", 50, chroma_subsampling="422"), "4:4:4 and 4:2:0 only, not 4:2:2"),
        (setting("jpeg", 0), "lowest quality is 1"),
        (setting("webp", 0), "lowest quality is 1"),
        (setting("avif", 50, speed=10), "effort, 0, is speed 9"),
        (setting("avif", 50, chroma_subsampling="400"), "not 4:0:0"),
        (setting("avif", 50, extra={"tile_rows": 1, "aq-mode": 1}), "no option for aq-mode, tile_rows"),
        (setting("avif", 50, extra={"tune": "vmaf"}), "tune is iq, psnr or ssim, not vmaf"),
        (setting("avif", None, extra={"cq-level": 9}), "no option for cq-level"),
        (setting("jxl", 50, effort=10), "highest effort is 9"),
        (setting("jxl", None, extra={"distance": 20}), "largest distance is 15"),
    ],
)
def test_what_sharp_cannot_do_is_said(chosen: Setting, note: str) -> None:
    command = of(chosen)["sharp"]
    assert command.text is None
    assert command.note is not None
    assert note in command.note


def test_sharps_effort_runs_the_other_way_than_speed_and_says_so() -> None:
    note = of(setting("avif", 50, speed=2))["sharp"].note
    assert note is not None
    assert "9 - speed" in note


def test_resizing_is_mentioned() -> None:
    chosen = setting("webp", 75, resolution=1920, crop=512)
    for command in commands(chosen):
        assert command.note is not None
        assert "longest edge to 1920 pixels" in command.note
        assert "crops with a longest edge of 512" in command.note


def test_option_values_cannot_leave_their_word() -> None:
    chosen = setting("avif", 50, extra={"film-grain-table": "a b; rm -rf $HOME"})
    text = of(chosen)["avifenc"].text
    assert text is not None
    assert "film-grain-table=a b; rm -rf $HOME" in shlex.split(text)


SWEPT = [
    [setting("jpeg", q, chroma_subsampling=c) for q in (0, 4, 100) for c in ("444", "422")],
    # Speed and quality are the same number at some levels.
    [setting("avif", q, speed=s) for q in (0, 10) for s in (4, 10)],
    [setting("avif", None, encoder=PILLOW, extra={"cq-level": q, "tune": "ssim"}) for q in (0, 63)],
    [setting("jxl", q, effort=e) for q in (0, 100) for e in (1, 10)],
    [setting("jxl", None, extra={"distance": d}) for d in (0, 0.53, 25)],
    [setting("webp", q, resolution=r, method=4) for q in (0, 6) for r in (None, 100)],
    [setting("webp", None, extra={"lossless": True})],
]


@pytest.mark.parametrize("settings", SWEPT, ids=lambda settings: settings[0].label())
def test_results_hold_the_commands_of_all_levels_between_the_measured_ones(settings: list[Setting]) -> None:
    encoder = codecs.get(settings[0].encoder)
    kept = Encoders([encoder.facts], command_templates(encoder, settings))
    for variant, _ in map(kept.split, settings):
        measured = [level for s in settings if (level := kept.split(s)[1]) is not None]
        for level in variant.axis.grid(measured) if measured else (0,):
            chosen = dataclasses.replace(variant.at(level), resolution=None)
            assert kept.commands(chosen) == encoder.commands(chosen)


def test_one_template_stands_for_all_levels() -> None:
    settings = [setting("avif", q, speed=6) for q in (1, 100)]
    imagecodecs, avifenc, pillow, sharp = codecs.commands_of(settings)
    tiles = "--tilerowslog2 0 --tilecolslog2 0"
    assert avifenc.text == f"avifenc -c aom -j 1 -q {{level}} -s 6 -y 420 {tiles} input.png output.avif"
    assert pillow.text == (
        'image.save("output.avif", quality={level}, subsampling="4:2:0", speed=6, codec="aom", max_threads=1, '
        "autotiling=False)"
    )
    assert list(dict(imagecodecs.exceptions)) == ["100"]
    assert not avifenc.exceptions
    assert not pillow.exceptions
    assert not sharp.exceptions
    sharp = codecs.commands_of([setting("avif", q, speed=6) for q in (0, 100)])[3]
    assert dict(sharp.exceptions) == {"0": (None, "sharp's lowest quality is 1")}


def test_results_without_commands_have_none() -> None:
    assert Encoders(()).commands(setting("mine")) == ()


def test_pillow_has_no_jpeg_xl() -> None:
    assert of(setting("jxl"))["Pillow"].text is None


PROGRAMS = {"cjpeg": "jpeg", "cwebp": "webp", "cjxl": "jxl"}
RUN = [
    *(setting("jpeg", quality) for quality in (1, 10, 24, 50, 90)),
    setting("jpeg", 55, chroma_subsampling="444", extra={"progressive": True}),
    setting("jpeg", 91, chroma_subsampling="422", extra={"optimize": True}),
    setting("webp", 33, method=6),
    setting("webp", None, method=2, extra={"lossless": True}),
    setting("jxl", 85, effort=3),
    setting("jxl", 100, effort=1),
    setting("jxl", None, effort=2, extra={"distance": 2.5, "decodingspeed": 2}),
]


@pytest.mark.parametrize("chosen", RUN, ids=Setting.label)
def test_command_lines_give_the_bytes_of_the_study(chosen: Setting, tmp_path: Path) -> None:
    """If the tool's library is of another version, the bytes may differ, but the file is of the same kind."""
    tool = next(name for name, format in PROGRAMS.items() if format == chosen.format)
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is not installed")
    text = of(chosen)[tool].text
    assert text is not None
    pixels = picture(64, 48)
    for name in ("input.png", "input.ppm"):
        Image.fromarray(pixels).save(tmp_path / name)
    done = subprocess.run(shlex.split(text), cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    codec = codecs.get(chosen.format)
    written, wanted = (tmp_path / f"output{codec.facts.extension}").read_bytes(), codec.encode(pixels, chosen)
    if chosen.format == "jpeg":  # all versions of libjpeg-turbo encode alike
        assert written == wanted
    decoded = codec.decoded(written).pixels
    assert decoded.shape == pixels.shape
    assert abs(len(written) - len(wanted)) <= 0.25 * len(wanted) + 64
