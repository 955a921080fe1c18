"""AVIF with the codecs of pillow-avif-plugin's libavif: libaom, SVT-AV1 and rav1e.

The package has the interface of Pillow's own AVIF plugin, and takes its place in Pillow when it is imported. Here
Pillow keeps its own, with which images are read, and the package's writer has another name.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib
import importlib.metadata
import importlib.util
import os
from types import ModuleType

from PIL import AvifImagePlugin, Image

from codecstudy.codecs import avif_pillow, libavif
from codecstudy.codecs.avif_pillow import CQ_LEVEL, LIBRARIES, Build
from codecstudy.codecs.base import SelfTest
from codecstudy.codecs.libavif import DEFAULT_SPEED
from codecstudy.types import QUALITY, EncoderFacts, Setting

_FORMAT = "AVIF of pillow-avif-plugin".upper()  # Image.save looks for the format in capitals


def _missing() -> str | None:
    if importlib.util.find_spec("pillow_avif") is None:
        return "the package pillow-avif-plugin is not installed; install it: pip install 'codecstudy[avif]'"
    return None


@functools.cache
def _plugin() -> ModuleType:
    """The package's module, loaded without replacing Pillow's own plugin."""
    # SVT-AV1 otherwise prints its configuration for every encode.
    os.environ.setdefault("SVT_LOG", "0")
    name = AvifImagePlugin.AvifImageFile.format
    own = Image.OPEN[name], Image.SAVE[name], Image.SAVE_ALL[name]
    plugin = importlib.import_module("pillow_avif.AvifImagePlugin")
    Image.register_save(_FORMAT, Image.SAVE[name])
    Image.OPEN[name], Image.SAVE[name], Image.SAVE_ALL[name] = own
    return plugin


def _libavif() -> str:
    return str(_plugin()._avif.libavif_version)


def _number(codec: str) -> str:
    return str(_plugin().get_codec_version(codec)).removeprefix("v")


def _build(id: str, codec: str) -> Build:
    def version() -> str:
        number, package = _number(codec), importlib.metadata.version("pillow-avif-plugin")
        return f"{LIBRARIES[codec]} {number} (libavif {_libavif()}, pillow-avif-plugin {package})"

    return Build(id, codec, _FORMAT, _plugin, version)


def _self_test(id: str, sampling: str, tolerance: int) -> SelfTest:
    setting = Setting.of("avif", encoder=id, quality=100, chroma_subsampling=sampling, speed=10)
    return SelfTest(setting, tolerance)


AOM = _build("avif-plugin", "aom").encoder(
    EncoderFacts(
        id="avif-plugin",
        format="avif",
        title="AVIF (plugin)",
        extension=".avif",
        parameters=(libavif.QUALITY_PARAMETER, libavif.SAMPLING_PARAMETER, libavif.SPEED_PARAMETER),
        extra_parameters=libavif.WRITER_PARAMETERS,
        open_extra=True,
        rates=(QUALITY, CQ_LEVEL),
        colour=("#0a4c96", "#3f83e0"),
        marker="pentagon",
        **libavif.BROWSER_FACTS,
    ),
    seconds_per_megapixel=avif_pillow.seconds_per_megapixel,
    peak_bytes=avif_pillow.peak_bytes,
    note=avif_pillow.SLOW_BUILD,
    self_test=_self_test("avif-plugin", "444", 6),
    missing=_missing,
    fixed=lambda setting: avif_pillow.aom_fixed(_libavif(), _number("aom"), setting),
)

# Medians on three photographs of 0.4 megapixels (one below speed 5), quality 60, one x86-64 server core, by speed;
# those of rav1e below speed 3 are guesses.
_SVT_SECONDS = (17.0, 9.0, 4.3, 2.1, 1.0, 0.6, 0.28, 0.11, 0.07, 0.05, 0.05)
_RAV1E_SECONDS = (15.0, 12.0, 10.0, 9.0, 8.4, 8.3, 1.5, 0.9, 0.8, 0.5, 0.22)

SVT = _build("avif-svt", "svt").encoder(
    EncoderFacts(
        id="avif-svt",
        format="avif",
        title="AVIF (SVT-AV1)",
        extension=".avif",
        parameters=(
            libavif.QUALITY_PARAMETER,
            dataclasses.replace(
                libavif.SAMPLING_PARAMETER,
                help="chroma samples kept: a quarter; SVT-AV1 has nothing else",
                choices=("420",),
            ),
            libavif.SPEED_PARAMETER,
        ),
        extra_parameters=libavif.WRITER_PARAMETERS,
        open_extra=True,
        colour=("#0b7f95", "#45bccb"),
        marker="hexagon",
        **libavif.BROWSER_FACTS,
    ),
    seconds_per_megapixel=lambda setting: _SVT_SECONDS[setting.get("speed", DEFAULT_SPEED)],
    peak_bytes=lambda setting, pixels: 60.0 * pixels,
    # Between two colours, a quarter of the chroma samples are off by up to 95.
    self_test=_self_test("avif-svt", "420", 100),
    missing=_missing,
    # SVT-AV1's own default, which libavif keeps (codec_svt.c of 1.4.2): 1, PSNR.
    fixed=lambda setting: {"tune": "psnr", "depth": 8, "threads": 1},
)

RAV1E = _build("avif-rav1e", "rav1e").encoder(
    EncoderFacts(
        id="avif-rav1e",
        format="avif",
        title="AVIF (rav1e)",
        extension=".avif",
        parameters=(libavif.QUALITY_PARAMETER, libavif.SAMPLING_PARAMETER, libavif.SPEED_PARAMETER),
        extra_parameters=libavif.WRITER_PARAMETERS,
        open_extra=True,
        colour=("#5a5fd0", "#9da1f7"),
        marker="star",
        **libavif.BROWSER_FACTS,
    ),
    seconds_per_megapixel=lambda setting: _RAV1E_SECONDS[setting.get("speed", DEFAULT_SPEED)],
    peak_bytes=lambda setting, pixels: 80.0 * pixels,
    self_test=_self_test("avif-rav1e", "444", 6),
    missing=_missing,
    # rav1e's own default, which libavif keeps (codec_rav1e.c of 1.4.2).
    fixed=lambda setting: {"tune": "Psychovisual", "depth": 8, "threads": 1},
)
