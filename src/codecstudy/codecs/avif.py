"""AVIF with libaom through libavif, through Pillow.

Besides the declared ones, ``extra_args`` may contain every advanced option of libaom that ``avifenc -a`` accepts
(``{"tune": "ssim", "enable-chroma-deltaq": 1}``). libaom itself rejects unknown names and values, so a tiny image
is encoded when a setting is checked: a study with an invalid option does not load.

Commands: avifenc (libavif, doc/avifenc.1.md, 092276ce), Pillow (src/PIL/AvifImagePlugin.py, 4e5f09f5), sharp
(lib/output.mjs, ea5bef24) over libvips (libvips/foreign/heifsave.c, 29fd1202).
"""

from __future__ import annotations

import functools
import io
import threading
from typing import Any

import numpy as np
from PIL import AvifImagePlugin, features

from codecstudy.codecs.base import Encoder, SelfTest
from codecstudy.codecs.commands import CHROMA_RATIOS, pillow, sharp, sharp_obstacle, shell
from codecstudy.codecs.pillow import save, to_pixels
from codecstudy.errors import CodecError
from codecstudy.types import (
    QUALITY,
    EncoderFacts,
    Parameter,
    Pixels,
    RateParameter,
    Scalar,
    Setting,
    ToolCommand,
)

_DEFAULT_SPEED = 6
_DEFAULT_SAMPLING = "420"

_OWN_EXTRAS = (
    Parameter("range", "YCbCr sample range", choices=("full", "limited"), default="full"),
    Parameter("tile_rows", "tile rows as a power of two", minimum=0, maximum=6),
    Parameter("tile_cols", "tile columns as a power of two", minimum=0, maximum=6),
    Parameter(
        "autotiling",
        "tiles chosen by image size unless tile_rows or tile_cols is given",
        choices=(True, False),
    ),
)
_OWN_NAMES = frozenset(p.name for p in _OWN_EXTRAS)

_RATE_OPTIONS = ("cq-level", "lossless")
"""libaom options that set the quantizer themselves: with them, libavif's quality has no effect."""

_NAMED_OTHERWISE = {"cpu-used": "the key speed", "tile-rows": "tile_rows", "tile-columns": "tile_cols"}
"""libaom options that would override another key of the same setting."""

_PROBE_EDGE = 16

_decoder_lock = threading.Lock()


def _version() -> str:
    return f"libaom {AvifImagePlugin.get_codec_version('aom')} (libavif {features.version('avif')})"


def _advanced(setting: Setting) -> tuple[tuple[str, str], ...]:
    """The entries of ``extra_args`` that are options of libaom, as text."""
    return tuple((name, _text(value)) for name, value in setting.extra_args if name not in _OWN_NAMES)


def _text(value: Scalar) -> str:
    return str(int(value)) if isinstance(value, bool) else str(value)


def _check(setting: Setting) -> str | None:
    if setting.extra("autotiling") is True and (
        setting.extra("tile_rows") is not None or setting.extra("tile_cols") is not None
    ):
        return "extra_args: autotiling = true chooses the tiles itself; give either it, or tile_rows and tile_cols"
    names = [name for name, _ in _advanced(setting)]
    for name in names:
        if ":" in name:
            return (
                f"extra_args: {name}: write libaom's option without a prefix for the plane, because images here "
                "have no alpha plane"
            )
        if name in _NAMED_OTHERWISE:
            return f"extra_args: {name}: use {_NAMED_OTHERWISE[name]} instead"
    return _check_rate(setting, names) or _probe(
        setting.get("chroma_subsampling"), setting.get("speed"), _advanced(setting)
    )


def _check_rate(setting: Setting, names: list[str]) -> str | None:
    rate = [name for name in names if name in _RATE_OPTIONS]
    if len(rate) > 1:
        return f"extra_args: give one of {' and '.join(rate)}, not both"
    if setting.quality is None and not rate:
        return "avif needs quality, 0 to 100, or cq-level, 0 to 63, in extra_args"
    if setting.quality is not None and rate:
        return f"extra_args: {rate[0]} sets the rate, so quality would be ignored; give one of them"
    if rate == ["cq-level"] and setting.extra("end-usage", "q") not in ("q", "cq"):
        return "extra_args: cq-level needs end-usage = q (the default) or cq; other modes ignore it"
    return None


@functools.lru_cache(maxsize=1024)
def _probe(sampling: str | None, speed: int | None, advanced: tuple[tuple[str, str], ...]) -> str | None:
    """The error of libaom for these options, or None. Only settings with advanced options need an encode."""
    if not advanced:
        return None
    if _accepted(sampling, speed, advanced):
        return None
    refused = [option for option in advanced if not _accepted(sampling, speed, (option,))]
    shown = ", ".join(f"{name} = {value}" for name, value in refused or advanced)
    together = "" if refused else " together"
    return (
        f"extra_args: {shown}: {_version()} does not accept this{together}; avif accepts "
        f"{', '.join(p.name for p in _OWN_EXTRAS)} and the options of libaom that avifenc -a accepts"
    )


def _accepted(sampling: str | None, speed: int | None, advanced: tuple[tuple[str, str], ...]) -> bool:
    pixels = np.zeros((_PROBE_EDGE, _PROBE_EDGE, 3), dtype=np.uint8)
    try:
        _save(pixels, 60, sampling, speed, {"advanced": advanced})
    except CodecError:
        return False
    return True


def _tiles(setting: Setting) -> tuple[int, int] | None:
    """Base-2 logarithms of tile rows and columns; None if they are chosen by image size."""
    rows, columns = setting.extra("tile_rows"), setting.extra("tile_cols")
    if setting.extra("autotiling", rows is None and columns is None):
        return None
    return int(rows or 0), int(columns or 0)


def _encode(pixels: Pixels, setting: Setting) -> bytes:
    options: dict[str, Any] = {"range": setting.extra("range", "full"), "autotiling": True}
    if (tiles := _tiles(setting)) is not None:
        options |= {"autotiling": False, "tile_rows": tiles[0], "tile_cols": tiles[1]}
    if advanced := _advanced(setting):
        options["advanced"] = advanced
    # Without a quality, one of the rate options is given, which overrides this number.
    quality = 60 if setting.quality is None else setting.quality
    return _save(pixels, quality, setting.get("chroma_subsampling"), setting.get("speed"), options)


def _save(
    pixels: Pixels, quality: int, sampling: str | None, speed: int | None, options: dict[str, Any]
) -> bytes:
    return save(
        pixels,
        "AVIF",
        "AVIF",
        quality=quality,
        subsampling=CHROMA_RATIOS[sampling or _DEFAULT_SAMPLING],
        speed=_DEFAULT_SPEED if speed is None else speed,
        codec="aom",
        max_threads=1,
        **options,
    )


def open_on_one_thread(data: bytes) -> AvifImagePlugin.AvifImageFile:
    """Open an AVIF file for decoding on one thread.

    Pillow has only a module variable for the number of decoder threads, which it reads when it opens a file.
    """
    with _decoder_lock:
        before = AvifImagePlugin.DEFAULT_MAX_THREADS
        AvifImagePlugin.DEFAULT_MAX_THREADS = 1
        try:
            return AvifImagePlugin.AvifImageFile(io.BytesIO(data))
        finally:
            AvifImagePlugin.DEFAULT_MAX_THREADS = before


def _decode(data: bytes) -> Pixels:
    try:
        with open_on_one_thread(data) as image:
            return to_pixels(image)
    except (OSError, SyntaxError, ValueError, RuntimeError) as error:
        raise CodecError(f"AVIF could not be decoded: {error}") from error


# Medians on three photographs of 0.4 megapixels (one below speed 5), quality 60, libaom 3.14.1, one x86-64
# server core, by speed; likewise the factors of the chroma subsamplings.
_SECONDS = (46.0, 17.0, 13.0, 11.0, 5.0, 3.5, 0.9, 0.4, 0.33, 0.1, 0.1)


def _seconds_per_megapixel(setting: Setting) -> float:
    seconds = _SECONDS[setting.get("speed", _DEFAULT_SPEED)]
    return seconds * {"444": 1.35, "422": 1.1, "400": 0.9}.get(setting.get("chroma_subsampling"), 1.0)


def _peak_bytes(setting: Setting, pixels: int) -> float:
    slow = setting.get("speed", _DEFAULT_SPEED) <= 5
    if setting.get("chroma_subsampling", _DEFAULT_SAMPLING) in ("420", "400"):
        return (53.0 if slow else 36.0) * pixels
    return (75.0 if slow else 54.0) * pixels


def _commands(setting: Setting) -> tuple[ToolCommand, ...]:
    return _avifenc(setting), _pillow(setting), _sharp(setting)


def _avifenc(setting: Setting) -> ToolCommand:
    words: list[object] = ["avifenc", "-c", "aom"]
    if setting.quality is not None:
        words += ["-q", setting.quality]
    words += ["-s", setting.get("speed", _DEFAULT_SPEED)]
    words += ["-y", setting.get("chroma_subsampling", _DEFAULT_SAMPLING)]
    if setting.extra("range") == "limited":
        words += ["-r", "limited"]
    if (tiles := _tiles(setting)) is not None:
        words += ["--tilerowslog2", tiles[0], "--tilecolslog2", tiles[1]]
    for name, value in _advanced(setting):
        words += ["-a", f"{name}={value}"]
    return ToolCommand("avifenc", shell(*words, "input.png", "output.avif"))


def _pillow(setting: Setting) -> ToolCommand:
    options: dict[str, object] = {} if setting.quality is None else {"quality": setting.quality}
    options["subsampling"] = CHROMA_RATIOS[setting.get("chroma_subsampling", _DEFAULT_SAMPLING)]
    options["speed"] = setting.get("speed", _DEFAULT_SPEED)
    options["codec"] = "aom"
    if (sample_range := setting.extra("range")) is not None:
        options["range"] = sample_range
    if (tiles := _tiles(setting)) is not None:
        options |= {"autotiling": False, "tile_rows": tiles[0], "tile_cols": tiles[1]}
    if advanced := dict(_advanced(setting)):
        options["advanced"] = advanced
    return pillow(".avif", options)


def _sharp(setting: Setting) -> ToolCommand:
    speed = setting.get("speed", _DEFAULT_SPEED)
    advanced = dict(_advanced(setting))
    tune = advanced.pop("tune", None)
    if obstacle := _sharp_obstacle(setting, tune):
        return ToolCommand("sharp", None, obstacle)
    options: dict[str, Scalar] = {
        "quality": setting.quality or 0,
        # libvips sets the encoder's speed to 9 - effort.
        "effort": 9 - speed,
        "chromaSubsampling": CHROMA_RATIOS[setting.get("chroma_subsampling", _DEFAULT_SAMPLING)],
    }
    if tune is not None:
        options["tune"] = tune
    note = f"sharp's effort is 9 - speed; it encodes with libheif, so check that sizes agree (speed {speed})"
    return sharp("avif", ".avif", options, note)


def _sharp_obstacle(setting: Setting, tune: str | None) -> str | None:
    foreign = [name for name, _ in setting.extra_args if name != "tune"]
    if foreign:
        return f"sharp has no option for {', '.join(foreign)}"
    if setting.quality is None:
        return "sharp sets the rate of AVIF only by quality"
    if setting.get("speed", _DEFAULT_SPEED) > 9:
        return "sharp's fastest effort, 0, is speed 9"
    if tune not in (None, "iq", "psnr", "ssim"):
        return f"sharp's tune is iq, psnr or ssim, not {tune}"
    return sharp_obstacle(setting)


ENCODER = Encoder(
    EncoderFacts(
        id="avif",
        format="avif",
        title="AVIF",
        extension=".avif",
        parameters=(
            Parameter("quality", "libavif quality", minimum=0, maximum=100),
            Parameter(
                "chroma_subsampling",
                "chroma samples kept: all, half, a quarter, none (a grey image)",
                choices=("444", "422", "420", "400"),
                default=_DEFAULT_SAMPLING,
                show=tuple(CHROMA_RATIOS.items()),
            ),
            Parameter(
                "speed", "0 is slow and small, 10 is fast", minimum=0, maximum=10, default=_DEFAULT_SPEED
            ),
        ),
        extra_parameters=_OWN_EXTRAS,
        open_extra=True,
        rates=(QUALITY, RateParameter("cq-level", finer_is_higher=False, extra=True)),
        mime="image/avif",
        browsers="all current browsers",
        all_browsers=True,
        # caniuse-lite 1.0.30001827, data/features/avif.js
        browsers_checked="2026-11-24",
        colour=("#0b69c7", "#5b9dfa"),
        marker="triangle",
    ),
    version=_version,
    encode=_encode,
    decode=_decode,
    seconds_per_megapixel=_seconds_per_megapixel,
    peak_bytes=_peak_bytes,
    check=_check,
    commands=_commands,
    self_test=SelfTest(Setting.of("avif", quality=100, chroma_subsampling="444", speed=8), tolerance=6),
)
