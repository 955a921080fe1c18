"""cjpeg, cwebp, avifenc and cjxl where they are on PATH: the bytes are those of the tool, run by hand."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codecstudy import codecs
from codecstudy.codecs import command, processes, programs
from codecstudy.measurement import selftest
from codecstudy.study import StudyConfig
from codecstudy.types import Setting
from conftest import picture

TOOLS = ("cjpeg", "cjpegli", "cwebp", "avifenc", "cjxl")
EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "own-binary.toml"

pytestmark = pytest.mark.skipif(
    not hasattr(os, "posix_spawn"), reason="programs are run on POSIX systems only"
)


def needs(*names: str) -> None:
    for name in names:
        lacking = codecs.get(name).missing() if name in TOOLS else command.missing({name: ""})
        if lacking is not None:
            pytest.skip(lacking)


def setting(tool: str, extra_args: dict[str, Any] | None = None, **parameters: Any) -> Setting:
    format = codecs.get(tool).facts.format
    return Setting.of(format, encoder=tool, extra_args=extra_args or {}, **parameters)


BY_HAND = [
    (setting("cjpeg", quality=1), "cjpeg -quality 1 -sample 2x2 -baseline"),
    (
        setting("cjpeg", {"progressive": True}, quality=80, chroma_subsampling="444"),
        "cjpeg -quality 80 -sample 1x1 -progressive",
    ),
    (setting("cwebp", {"sharp_yuv": True}, quality=50, method=6), "cwebp -q 50 -m 6 -sharp_yuv"),
    (setting("cwebp", {"lossless": True, "near_lossless": 40}), "cwebp -near_lossless 40"),
    (setting("cwebp", {"preset": "drawing", "sns": 10}, quality=50), "cwebp -preset drawing -q 50 -sns 10"),
    (
        setting("avifenc", {"quantizer": 30}, speed=8),
        "avifenc -j 1 -c aom -s 8 -y 420 --min 0 --max 63 -a end-usage=q -a cq-level=30",
    ),
    (
        setting("avifenc", {"quantizer": 20, "depth": 10, "tune": "ssim"}, speed=9, chroma_subsampling="444"),
        "avifenc -s 9 --min 20 --max 20 -d 10 -a tune=ssim",
    ),
    (setting("cjxl", quality=80, effort=4), "cjxl -q 80 -e 4"),
    (setting("cjxl", {"distance": 0, "modular": True}, effort=2), "cjxl -d 0 -m 1 -e 2"),
    (setting("cjxl", {"distance": 2, "progressive_dc": 1}, effort=3), "cjxl -d 2 --progressive_dc=1 -e 3"),
]
INPUTS = {"cjpeg": "ppm", "cwebp": "ppm", "avifenc": "png", "cjxl": "ppm"}
OUTPUT = {"cjpeg": ["-outfile", "out"], "cwebp": ["-o", "out"], "avifenc": ["out"], "cjxl": ["out"]}


@pytest.mark.parametrize(("given", "words"), BY_HAND, ids=[words for _, words in BY_HAND])
def test_the_bytes_are_those_of_the_tool(given: Setting, words: str, tmp_path: Path) -> None:
    tool = given.encoder
    needs(tool)
    encoder, pixels = codecs.get(tool), picture(64, 48)
    if (said := encoder.check(given)) is not None:
        pytest.skip(said)
    made = encoder.encoded(pixels, given)
    (tmp_path / "in").write_bytes(command.written(pixels, INPUTS[tool]))  # type: ignore[arg-type]
    source = f"in.{INPUTS[tool]}"
    (tmp_path / "in").rename(tmp_path / source)
    first, last = (OUTPUT[tool], [source]) if tool == "cjpeg" else ([source], OUTPUT[tool])
    by_hand = [*shlex.split(words), *first, *last]
    subprocess.run(by_hand, cwd=tmp_path, check=True, capture_output=True)
    assert made.data == (tmp_path / "out").read_bytes()
    # What is printed does the same.
    (printed,) = encoder.commands(given)
    (tmp_path / command.input_name(INPUTS[tool])).write_bytes((tmp_path / source).read_bytes())
    subprocess.run(["sh", "-c", printed.text or ""], cwd=tmp_path, check=True, capture_output=True)
    assert made.data == (tmp_path / command.output_name(encoder.facts.extension)).read_bytes()
    assert encoder.options(given)["threads"] == 1
    np.testing.assert_equal(encoder.decoded(made.data).pixels.shape, pixels.shape)


@pytest.mark.parametrize("tool", TOOLS)
def test_it_passes_its_self_test_and_says_its_version(tool: str) -> None:
    needs(tool)
    selftest.check_chain([tool])
    assert tool in codecs.get(tool).version()
    assert "(content " in codecs.get(tool).version()


@pytest.mark.parametrize("tool", TOOLS)
def test_where_it_is_missing_it_says_who_has_it(
    tool: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    lacking = codecs.get(tool).missing()
    assert lacking is not None
    assert lacking.startswith(f"{tool} is not on PATH; it is in ")
    with pytest.raises(codecs.CodecError, match=f"encoder {tool} cannot be used here: {tool} is not on PATH"):
        codecs.usable(tool)


def test_mozjpeg_is_not_taken_for_libjpeg_turbo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cjpeg").write_text("#!/bin/sh\necho mozjpeg version 4.1.5\n")
    (tmp_path / "cjpeg").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert "is that of mozjpeg" in (codecs.get("cjpeg").missing() or "")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (setting("cjpeg"), "cjpeg needs quality"),
        (
            setting("cjpeg", {"progressive": True, "optimize": False}, quality=5),
            "optimize = false has no effect",
        ),
        (setting("cwebp"), "cwebp needs quality"),
        (setting("cwebp", {"near_lossless": 5}, quality=5), "near_lossless needs lossless"),
        (setting("cwebp", {"lossless": True, "sharp_yuv": True}), "sharp_yuv: has no effect with lossless"),
        (setting("avifenc"), "avifenc needs quality, 0 to 100, or quantizer"),
        (setting("avifenc", {"quantizer": 5}, quality=5), "not both"),
        (
            setting("avifenc", {"quantizer": 5, "codec": "svt"}, chroma_subsampling="444"),
            "SVT-AV1 encodes only",
        ),
        (setting("avifenc", {"quantizer": 5, "codec": "rav1e", "tune": "ssim"}), "only options of libaom"),
        (setting("avifenc", {"quantizer": 5, "tun": "ssim"}), "tun = ssim: avifenc does not accept this"),
        (setting("cjxl"), "cjxl needs quality, 0 to 100, or distance"),
        (setting("cjxl", {"distance": 1}, quality=5), "not both"),
    ],
    ids=lambda value: value.label() if isinstance(value, Setting) else "",
)
def test_what_it_does_not_do_is_refused(given: Setting, said: str) -> None:
    needs(given.encoder)
    found = codecs.get(given.encoder).check(given) or ""
    if "cannot encode with it" in found:
        pytest.skip(found)
    assert said in found


def test_what_the_version_does_not_offer_is_refused() -> None:
    needs("avifenc", "cjxl")
    refused = codecs.get("avifenc").check(setting("avifenc", quality=50))
    offers = "--qcolor" in processes.asked(("avifenc", "--help"), may_fail=True)
    assert refused is None if offers else "avifenc here has no quality yet" in (refused or "")
    refused = codecs.get("cjxl").check(setting("cjxl", quality=50, effort=10))
    assert refused is None or refused.startswith("effort 10: the greatest effort of cjxl here is 9")


def test_the_options_of_cjpegli() -> None:
    given = setting("cjpegli", {"distance": 1.5, "progressive_level": 0, "adaptive_quantization": False})
    assert programs._cjpegli(given) == [
        "input.ppm",
        "output.jpg",
        "-d",
        "1.5",
        "--chroma_subsampling=420",
        "--progressive_level=0",
        "--noadaptive_quantization",
    ]
    assert programs._check_cjpegli(given) is None
    assert "not both" in (programs._check_cjpegli(setting("cjpegli", {"distance": 1}, quality=5)) or "")


def test_the_page_shows_the_example() -> None:
    page = EXAMPLE.parents[1] / "docs" / "how-to" / "own-binary.md"
    assert f'```toml title="own-binary.toml"\n{EXAMPLE.read_text()}```' in page.read_text()


def test_the_example_of_an_own_binary_works() -> None:
    needs("cjxl", "djxl")
    config = StudyConfig.load(EXAMPLE)
    (definition,) = config.definitions
    encoder, pixels = codecs.encoder_of(definition), picture()
    made = encoder.encoded(pixels, next(s for s in config.settings() if s.encoder == "my-cjxl"))
    assert encoder.decoded(made.data).pixels.shape == pixels.shape
    lossless = Setting.of("jxl", encoder="my-cjxl", quality=100)
    np.testing.assert_array_equal(encoder.decoded(encoder.encoded(pixels, lossless).data).pixels, pixels)
    assert encoder.version().startswith("cjxl v")
