"""The printed commands for sharp are run by sharp, and give the measured bytes where its libraries are the same."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from codecstudy import codecs
from codecstudy.types import Scalar, Setting
from conftest import picture

ROOT = Path(__file__).parents[2]

JFIF_HEADER = 18
"""Bytes of the header that libjpeg-turbo writes and sharp does not."""


def setting(
    encoder: str, quality: int | None, extra_args: dict[str, Scalar], **parameters: Scalar
) -> Setting:
    format_ = codecs.get(encoder).facts.format
    return Setting.of(format_, encoder=encoder, quality=quality, extra_args=extra_args, **parameters)


# Encoder, setting, and how sharp's file differs: in bytes, or None where sharp has another build of the library.
CASES = [
    (setting("jpeg", 75, {}), -JFIF_HEADER),
    (setting("jpeg", 75, {"progressive": True}), -JFIF_HEADER),
    (setting("jpeg", 75, {"optimize": True}, chroma_subsampling="444"), -JFIF_HEADER),
    (setting("mozjpeg", 75, {}), 0),
    (setting("webp", 75, {}, method=6), 0),
    (setting("webp", None, {"lossless": True}), 0),
    (setting("webp-vips", 75, {"sharp_yuv": True}), 0),
    (setting("avif", 60, {}, speed=8), None),
    (setting("avif-pillow", 60, {}, speed=8, chroma_subsampling="444"), None),
]


def test_sharp_makes_what_was_measured(tmp_path: Path) -> None:
    node, modules = shutil.which("node"), ROOT / "node_modules"
    if node is None or not (modules / "sharp").is_dir():
        pytest.skip("no sharp: needs Node.js and npm install --no-package-lock")
    cases = [case for case in CASES if codecs.get(case[0].encoder).missing() is None]
    (tmp_path / "node_modules").symlink_to(modules)
    pixels = picture(96, 80)
    lines = ['import sharp from "sharp";']
    for number, (chosen, _) in enumerate(cases):
        folder = tmp_path / str(number)
        folder.mkdir()
        Image.fromarray(pixels).save(folder / "input.png")
        (text,) = (c.text for c in codecs.get(chosen.encoder).commands(chosen) if c.tool == "sharp")
        lines += [f"process.chdir({str(folder)!r});", str(text)]
    (tmp_path / "all.mjs").write_text("\n".join(lines))
    subprocess.run([node, "all.mjs"], cwd=tmp_path, check=True, capture_output=True, timeout=120)
    for number, (chosen, difference) in enumerate(cases):
        encoder = codecs.get(chosen.encoder)
        made = (tmp_path / str(number) / f"output{encoder.facts.extension}").read_bytes()
        measured = encoder.encoded(pixels, chosen).data
        if difference == 0:
            assert made == measured, chosen.label()
        elif difference is not None:
            assert len(made) - len(measured) == difference, chosen.label()
            assert made.endswith(measured[2 + JFIF_HEADER :]), chosen.label()
        else:
            assert abs(len(made) / len(measured) - 1) < 0.1, chosen.label()
