"""What holds for every encoder of an extra, and what happens where it is not installed."""

from __future__ import annotations

import importlib
import pathlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from codecstudy import codecs
from codecstudy.study import StudyConfig
from codecstudy.types import Setting
from conftest import picture
from support.optional import needs

ENCODERS = {"mozjpeg": "jpeg", "jpegli": "jpeg", "webp-vips": "webp"}
USABLE = [pytest.param(name, marks=needs(name)) for name in ENCODERS]


def setting(encoder: str, quality: int | None = 60, **rest: Any) -> Setting:
    return Setting.of(ENCODERS[encoder], encoder=encoder, quality=quality, **rest)


@pytest.mark.parametrize("name", USABLE)
@pytest.mark.parametrize("shape", [(1, 1), (9, 1), (17, 33)])
def test_any_size_comes_back_as_canonical_pixels(name: str, shape: tuple[int, int]) -> None:
    encoder = codecs.get(name)
    pixels = np.random.default_rng(1).integers(0, 256, (*shape, 3), dtype=np.uint8)
    view = pixels[:, ::-1]
    back = encoder.decoded(encoder.encoded(view, setting(name)).data).pixels
    assert (back.shape, back.dtype) == (pixels.shape, np.uint8)
    assert encoder.encoded(view, setting(name)).data == encoder.encoded(view.copy(), setting(name)).data


@pytest.mark.parametrize("name", USABLE)
def test_higher_quality_makes_larger_and_better_files(name: str) -> None:
    encoder, pixels = codecs.get(name), picture(64, 64)
    files = [encoder.encoded(pixels, setting(name, quality)).data for quality in (10, 50, 90)]
    errors = [np.abs(encoder.decoded(file).pixels.astype(int) - pixels).mean() for file in files]
    assert len(files[0]) < len(files[1]) < len(files[2])
    assert errors[0] > errors[1] > errors[2]


@pytest.mark.parametrize("name", USABLE)
@pytest.mark.parametrize("wrong", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.uint16)])
def test_pixels_that_are_not_canonical_are_refused(name: str, wrong: Any) -> None:
    with pytest.raises(ValueError, match=r"uint8 pixels of shape \(height, width, 3\)"):
        codecs.get(name).encode(wrong, setting(name))


@pytest.mark.parametrize("name", USABLE)
def test_facts_are_complete(name: str) -> None:
    encoder = codecs.usable(name)
    assert encoder.facts.title != codecs.get(encoder.facts.format).facts.title
    assert encoder.facts.marker == codecs.get(encoder.facts.format).facts.marker
    assert any(character.isdigit() for character in encoder.version())
    assert encoder.options(setting(name))["threads"] == 1
    assert encoder.seconds_per_megapixel(setting(name)) > 0
    assert 100 > encoder.peak_bytes(setting(name), 1000) / 1000 > 10
    assert "needs quality" in str(encoder.check(setting(name, None)))


@pytest.mark.parametrize(
    "chosen",
    [
        pytest.param(chosen, marks=needs(chosen.encoder), id=chosen.label())
        for chosen in (
            setting("mozjpeg", 75),
            setting(
                "mozjpeg", 92, chroma_subsampling="444", extra_args={"progressive": False, "quant_table": 0}
            ),
            setting("jpegli", 75),
            setting("jpegli", 75, extra_args={"progressive": False}),
            setting("webp-vips", 75, method=6, extra_args={"sharp_yuv": True, "preset": "photo"}),
            setting("webp-vips", None, extra_args={"near_lossless": 60}),
            setting("webp-vips", 30, extra_args={"lossless": True}),
        )
    ],
)
def test_python_code_gives_the_bytes_of_the_study(
    chosen: Setting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder, pixels = codecs.get(chosen.encoder), picture(64, 48)
    texts = [c.text for c in encoder.commands(chosen) if c.tool in ("pyvips", "pyjpegli") and c.text]
    monkeypatch.chdir(tmp_path)
    Image.fromarray(pixels).save("input.png")
    names = ("pyjpegli", "mozjpeg_lossless_optimization") if chosen.encoder == "jpegli" else ("pyvips",)
    tools = {name: importlib.import_module(name) for name in names}
    for text in texts:
        exec(text, {"pixels": pixels, "pathlib": pathlib, **tools})
    written = Path(f"output{encoder.facts.extension}").read_bytes()
    assert written == encoder.encoded(pixels, chosen).data


@pytest.mark.parametrize(
    ("chosen", "tool", "words"),
    [
        (
            setting("mozjpeg", 75),
            "sharp",
            'await sharp("input.png").jpeg({ quality: 75, chromaSubsampling: "4:2:0", progressive: true, '
            "trellisQuantisation: true, overshootDeringing: true, optimiseScans: true, quantisationTable: 3 })"
            '.toFile("output.jpg");',
        ),
        (
            setting("webp-vips", 75, extra_args={"sharp_yuv": True, "autofilter": True}),
            "sharp",
            'await sharp("input.png").webp({ quality: 75, effort: 4, smartDeblock: true, smartSubsample: true })'
            '.toFile("output.webp");',
        ),
        (
            setting("webp-vips", None, extra_args={"near_lossless": 60}),
            "sharp",
            'await sharp("input.png").webp({ quality: 60, effort: 4, nearLossless: true }).toFile("output.webp");',
        ),
        (
            setting("webp-vips", 75, extra_args={"sharp_yuv": True, "passes": 6, "preset": "photo"}),
            "cwebp",
            "cwebp -preset photo -q 75 -m 4 -sharp_yuv -pass 6 input.png -o output.webp",
        ),
    ],
)
def test_text_to_copy(chosen: Setting, tool: str, words: str) -> None:
    assert {c.tool: c.text for c in codecs.get(chosen.encoder).commands(chosen)}[tool] == words


@pytest.mark.parametrize(
    ("name", "module", "extra"),
    [
        ("mozjpeg", "pyvips", "mozjpeg"),
        ("webp-vips", "pyvips", "webp"),
        ("jpegli", "pyjpegli", "jpegli"),
    ],
)
def test_what_is_not_installed_is_named_with_the_command_that_installs_it(
    name: str, module: str, extra: str
) -> None:
    script = (
        f"import sys; sys.modules[{module!r}] = None\n"
        "from codecstudy import codecs\n"
        f"encoder = codecs.get({name!r}); print(encoder.missing())"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert f"it needs {module}" in done.stdout
    assert f"pip install 'codecstudy[{extra}]'" in done.stdout


def test_the_modules_of_encoders_import_nothing_optional() -> None:
    script = (
        "import sys; from codecstudy import codecs\n"
        f"for name in {list(ENCODERS)}: codecs.get(name)\n"
        "assert not {'pyvips', '_libvips', 'pyjpegli'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


@needs("webp-vips")
@pytest.mark.parametrize(
    ("extra", "encoder"),
    [
        ({"sharp_yuv": True}, "webp-vips"),
        ({"preset": "photo", "passes": 6}, "webp-vips"),
        ({"lossless": True}, "webp"),
        (None, "webp"),
    ],
)
def test_format_webp_goes_to_the_encoder_that_has_the_options(
    extra: dict[str, Any] | None, encoder: str
) -> None:
    study = StudyConfig.model_validate(
        {
            "id": "sharp",
            "dataset": {"id": "photos"},
            "encoders": [{"format": "webp", "quality": 75, "extra_args": extra}],
        }
    )
    assert [chosen.encoder for chosen in study.settings()] == [encoder]
