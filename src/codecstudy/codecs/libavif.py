"""What the encoders that use libavif have in common: parameters, the default tune, and commands of other tools.

Commands: avifenc (libavif, doc/avifenc.1.md, 092276ce), Pillow (src/PIL/AvifImagePlugin.py, 4e5f09f5), sharp
(lib/output.mjs, ea5bef24) over libvips (libvips/foreign/heifsave.c, 29fd1202).
"""

from __future__ import annotations

import re
from typing import Any

from codecstudy.codecs.commands import CHROMA_RATIOS, pillow, sharp, sharp_obstacle, shell
from codecstudy.types import Parameter, Scalar, Setting, ToolCommand

DEFAULT_SPEED = 6
DEFAULT_SAMPLING = "420"
DEFAULT_DEPTH = 8

QUALITY_PARAMETER = Parameter("quality", "libavif quality", minimum=0, maximum=100)
SAMPLING_PARAMETER = Parameter(
    "chroma_subsampling",
    "chroma samples kept: all, half, a quarter, none (a grey image)",
    choices=("444", "422", "420", "400"),
    default=DEFAULT_SAMPLING,
    show=tuple(CHROMA_RATIOS.items()),
)
SPEED_PARAMETER = Parameter(
    "speed", "0 is slow and small, 10 is fast", minimum=0, maximum=10, default=DEFAULT_SPEED
)
WRITER_PARAMETERS = (
    Parameter("range", "YCbCr sample range", choices=("full", "limited"), default="full"),
    Parameter("tile_rows", "tile rows as a power of two", minimum=0, maximum=6, default=0),
    Parameter("tile_cols", "tile columns as a power of two", minimum=0, maximum=6, default=0),
    Parameter(
        "autotiling", "tiles chosen by image size, for more threads", choices=(True, False), default=False
    ),
)
"""The entries of ``extra_args`` that are options of libavif itself, not of a codec in it."""

BROWSER_FACTS: dict[str, Any] = {
    "mime": "image/avif",
    "browsers": "all current browsers",
    "all_browsers": True,
    # caniuse-lite 1.0.30001827, data/features/avif.js
    "browsers_checked": "2026-11-24",
}

_WRITER_NAMES = frozenset(p.name for p in WRITER_PARAMETERS)

_IQ_SINCE = ((1, 4, 0), (3, 13, 0))


def numbers(version: str) -> tuple[int, ...]:
    """The leading numbers of a version: ``(3, 13, 1)`` for ``v3.13.1-rc1``."""
    found = re.match(r"v?(\d+(?:\.\d+)*)", version)
    return tuple(int(number) for number in found[1].split(".")) if found else ()


def default_tune(libavif: str, libaom: str, quality: int | None) -> str:
    """What libaom is tuned for if no tune is given.

    libavif sets it for a still image in YCbCr: since 1.4.0 with libaom 3.13.0 or later to ``iq``, before to
    ``ssim``; at quality 100, which is lossless, it leaves libaom's own, ``psnr`` (libavif 1.4.2, src/codec_aom.c).
    """
    if quality == 100:
        return "psnr"
    since_libavif, since_libaom = _IQ_SINCE
    return "iq" if numbers(libavif) >= since_libavif and numbers(libaom) >= since_libaom else "ssim"


def advanced(setting: Setting) -> tuple[tuple[str, str], ...]:
    """The entries of ``extra_args`` that are options of the codec, as text."""
    return tuple((name, _text(value)) for name, value in setting.extra_args if name not in _WRITER_NAMES)


def _text(value: Scalar) -> str:
    return str(int(value)) if isinstance(value, bool) else str(value)


def tiles(setting: Setting) -> tuple[int, int] | None:
    """Base-2 logarithms of tile rows and columns; None if they are chosen by image size."""
    if setting.extra("autotiling") is True:
        return None
    return int(setting.extra("tile_rows") or 0), int(setting.extra("tile_cols") or 0)


def commands(setting: Setting, codec: str = "aom") -> tuple[ToolCommand, ...]:
    """Commands of avifenc, Pillow and sharp for a setting of any encoder that uses libavif.

    Args:
        setting: The setting.
        codec: libavif's name of the codec.
    """
    return _avifenc(setting, codec), _pillow(setting, codec), _sharp(setting, codec)


def _avifenc(setting: Setting, codec: str) -> ToolCommand:
    words: list[object] = ["avifenc", "-c", codec, "-j", 1]
    if setting.quality is not None:
        words += ["-q", setting.quality]
    words += ["-s", setting.get("speed", DEFAULT_SPEED)]
    words += ["-y", setting.get("chroma_subsampling", DEFAULT_SAMPLING)]
    if (depth := setting.get("depth", DEFAULT_DEPTH)) != DEFAULT_DEPTH:
        words += ["-d", depth]
    if setting.extra("range") == "limited":
        words += ["-r", "limited"]
    # avifenc chooses tiles by image size unless a number is given.
    if (given := tiles(setting)) is not None:
        words += ["--tilerowslog2", given[0], "--tilecolslog2", given[1]]
    for name, value in advanced(setting):
        words += ["-a", f"{name}={value}"]
    return ToolCommand("avifenc", shell(*words, "input.png", "output.avif"))


def _pillow(setting: Setting, codec: str) -> ToolCommand:
    if setting.get("depth", DEFAULT_DEPTH) != DEFAULT_DEPTH:
        return ToolCommand("Pillow", None, "Pillow encodes 8 bits only")
    options: dict[str, object] = {} if setting.quality is None else {"quality": setting.quality}
    options["subsampling"] = CHROMA_RATIOS[setting.get("chroma_subsampling", DEFAULT_SAMPLING)]
    options |= {"speed": setting.get("speed", DEFAULT_SPEED), "codec": codec, "max_threads": 1}
    if (sample_range := setting.extra("range")) is not None:
        options["range"] = sample_range
    given = tiles(setting)
    options["autotiling"] = given is None
    if given is not None and given != (0, 0):
        options |= {"tile_rows": given[0], "tile_cols": given[1]}
    if further := dict(advanced(setting)):
        options["advanced"] = further
    note = None if codec == "aom" else "after: import pillow_avif"
    return ToolCommand("Pillow", pillow(".avif", options).text, note)


def _sharp(setting: Setting, codec: str) -> ToolCommand:
    speed = setting.get("speed", DEFAULT_SPEED)
    further = dict(advanced(setting))
    tune = further.pop("tune", None)
    if obstacle := _sharp_obstacle(setting, codec, tune):
        return ToolCommand("sharp", None, obstacle)
    options: dict[str, Scalar] = {
        "quality": setting.quality or 0,
        # libvips sets the encoder's speed to 9 - effort.
        "effort": 9 - speed,
        "chromaSubsampling": CHROMA_RATIOS[setting.get("chroma_subsampling", DEFAULT_SAMPLING)],
    }
    if tune is not None:
        options["tune"] = tune
    note = f"sharp's effort is 9 - speed; it encodes with libheif, so check that sizes agree (speed {speed})"
    return sharp("avif", ".avif", options, note)


def _sharp_obstacle(setting: Setting, codec: str, tune: str | None) -> str | None:
    if codec != "aom":
        return "sharp encodes AVIF with libaom only"
    if setting.get("depth", DEFAULT_DEPTH) != DEFAULT_DEPTH:
        return "sharp's own binaries encode 8 bits only"
    # Options that ask for what sharp does anyway are no obstacle.
    unlike = {"tile_rows": 0, "tile_cols": 0, "autotiling": False, "range": "full", "tune": tune}
    foreign = [name for name, value in setting.extra_args if unlike.get(name, not value) != value]
    if foreign:
        return f"sharp has no option for {', '.join(foreign)}"
    if setting.quality is None:
        return "sharp sets the rate of AVIF only by quality"
    if setting.get("speed", DEFAULT_SPEED) > 9:
        return "sharp's fastest effort, 0, is speed 9"
    if tune not in (None, "iq", "psnr", "ssim"):
        return f"sharp's tune is iq, psnr or ssim, not {tune}"
    return sharp_obstacle(setting)
