"""WebP with libwebp, through libvips: sharp YUV, near-lossless, and other options that Pillow does not pass on.

Files without these options have the bytes of encoder ``webp`` if both have the same libwebp. For lossless files,
``quality`` is libwebp's measure of effort, as for ``webp``. For near-lossless files, libvips leaves that effort at
libwebp's default, 75, and passes its quality on as the level.

Commands: cwebp (libwebp, man/cwebp.1, 3757b8af), pyvips (libvips/foreign/webpsave.c, 29fd1202), sharp
(lib/output.mjs, ea5bef24).
"""

from __future__ import annotations

import functools

from codecstudy.codecs import vips, webp
from codecstudy.codecs.base import Encoder, SelfTest
from codecstudy.codecs.commands import sharp, shell
from codecstudy.types import (
    EncoderFacts,
    Parameter,
    Pixels,
    RateParameter,
    Scalar,
    Setting,
    ToolCommand,
)

_EXTRA = "webp"
_DEFAULT_METHOD = 4
_DEFAULT_EFFORT = 75
"""libwebp's effort for lossless files, which cwebp -lossless uses too."""

_LOSSY_ONLY = ("sharp_yuv", "autofilter", "passes", "preset")

_VIPS = {"sharp_yuv": "smart_subsample", "autofilter": "smart_deblock"}
_SHARP = {"sharp_yuv": "smartSubsample", "autofilter": "smartDeblock", "preset": "preset"}


def _missing() -> str | None:
    return vips.missing(_EXTRA)


@functools.cache
def _version() -> str:
    return f"libwebp of {vips.version()}"


def _check(setting: Setting) -> str | None:
    lossless, level = setting.extra("lossless") is True, setting.extra("near_lossless")
    if lossless and level is not None:
        return (
            "extra_args: near_lossless is lossless compression of slightly changed pixels; leave lossless out"
        )
    if level is not None and setting.quality is not None:
        return "near_lossless accepts no quality: its level sets the rate, and the effort is always 75"
    if setting.quality is None and level is None and not lossless:
        return "webp needs quality, 0 to 100, or lossless = true or near_lossless in extra_args"
    if lossless or level is not None:
        for name in _LOSSY_ONLY:
            if setting.extra(name) is not None:
                return f"extra_args: {name} has no effect on lossless compression; leave it out"
    return None


def _encode(pixels: Pixels, setting: Setting) -> bytes:
    return vips.save(pixels, "webpsave_buffer", "WebP", **_options(setting))


def _options(setting: Setting) -> dict[str, Scalar]:
    """Options of libvips's saver."""
    options: dict[str, Scalar] = {"Q": _level(setting), "effort": setting.get("method", _DEFAULT_METHOD)}
    if setting.extra("near_lossless") is not None:
        options["near_lossless"] = True
    return options | {_VIPS.get(name, name): value for name, value in _given(setting).items()}


def _level(setting: Setting) -> int:
    level = setting.extra("near_lossless", setting.quality)
    return _DEFAULT_EFFORT if level is None else int(level)


def _given(setting: Setting) -> dict[str, Scalar]:
    """Entries of ``extra_args`` that differ from the default."""
    return {
        name: value
        for name, value in setting.extra_args
        if name != "near_lossless" and value is not False and (name, value) not in _DEFAULTS
    }


_DEFAULTS = (("passes", 1), ("preset", "default"))


def _fixed(setting: Setting) -> dict[str, Scalar]:
    near = setting.extra("near_lossless") is not None
    fixed: dict[str, Scalar] = {"depth": 8, "threads": 1}
    if near or setting.extra("lossless") is True:
        return {**fixed, "lossless": True, "quality": _DEFAULT_EFFORT}
    return {**fixed, "chroma_subsampling": "420"}


# Medians on three photographs of 0.4 megapixels, quality 80, libwebp 1.6.0, one x86-64 server core, by method.
_LOSSY_SECONDS = (0.023, 0.027, 0.034, 0.077, 0.077, 0.086, 0.19)
_SECONDS_PER_FURTHER_PASS = (0.002, 0.008, 0.01, 0.06, 0.06, 0.075, 0.17)
_LOSSLESS_SECONDS = (0.08, 0.3, 0.4, 0.47, 0.47, 0.8, 0.8)
_NEAR_LOSSLESS_SECONDS = (0.09, 0.75, 0.8, 1.0, 1.0, 1.2, 1.2)
_SHARP_YUV_SECONDS = 0.06
_AUTOFILTER_SECONDS = 0.25


def _seconds_per_megapixel(setting: Setting) -> float:
    method, given = setting.get("method", _DEFAULT_METHOD), _given(setting)
    if setting.extra("near_lossless") is not None:
        return _NEAR_LOSSLESS_SECONDS[method]
    if given.get("lossless"):
        return _LOSSLESS_SECONDS[method]
    seconds = _LOSSY_SECONDS[method] + _SECONDS_PER_FURTHER_PASS[method] * (int(given.get("passes", 1)) - 1)
    seconds += _SHARP_YUV_SECONDS if given.get("sharp_yuv") else 0.0
    return seconds + (_AUTOFILTER_SECONDS if given.get("autofilter") else 0.0)


def _peak_bytes(setting: Setting, pixels: int) -> float:
    if setting.extra("near_lossless") is None and setting.extra("lossless") is not True:
        return 26.0 * pixels
    return (36.0 if setting.get("method", _DEFAULT_METHOD) == 0 else 80.0) * pixels


def _commands(setting: Setting) -> tuple[ToolCommand, ...]:
    return _cwebp(setting), vips.command("webpsave", ".webp", _options(setting)), _sharp(setting)


def _cwebp(setting: Setting) -> ToolCommand:
    given, words = _given(setting), []
    if "preset" in given:
        words += ["-preset", given["preset"]]  # first: it resets what precedes it
    if given.get("lossless"):
        words.append("-lossless")
    level = setting.extra("near_lossless")
    words += ["-near_lossless", level, "-q", _DEFAULT_EFFORT] if level is not None else []
    words += [] if setting.quality is None else ["-q", setting.quality]
    words += ["-m", setting.get("method", _DEFAULT_METHOD)]
    words += ["-sharp_yuv"] if given.get("sharp_yuv") else []
    words += ["-af"] if given.get("autofilter") else []
    words += ["-pass", given["passes"]] if "passes" in given else []
    return ToolCommand("cwebp", shell("cwebp", *words, "input.png", "-o", "output.webp"))


def _sharp(setting: Setting) -> ToolCommand:
    given, level = _given(setting), _level(setting)
    if "passes" in given:
        return ToolCommand("sharp", None, "sharp cannot set the number of passes")
    if level == 0:
        return ToolCommand("sharp", None, "sharp's lowest quality is 1")
    options: dict[str, Scalar] = {"quality": level, "effort": setting.get("method", _DEFAULT_METHOD)}
    if setting.extra("near_lossless") is not None:
        options["nearLossless"] = True
    return sharp("webp", ".webp", options | {_SHARP.get(name, name): value for name, value in given.items()})


ENCODER = Encoder(
    EncoderFacts(
        id="webp-vips",
        format="webp",
        title="WebP (libvips)",
        extension=".webp",
        parameters=(
            Parameter("quality", "libwebp quality; for lossless files, the effort", minimum=0, maximum=100),
            Parameter("method", "0 is fast, 6 is small", minimum=0, maximum=6, default=_DEFAULT_METHOD),
        ),
        extra_parameters=(
            Parameter("lossless", "keep every pixel as it is", choices=(True, False), default=False),
            Parameter(
                "near_lossless",
                "lossless compression of pixels that were changed slightly; 80 changes them least",
                choices=(0, 20, 40, 60, 80),
            ),
            Parameter(
                "sharp_yuv", "sharper conversion to 4:2:0, and slower", choices=(True, False), default=False
            ),
            Parameter(
                "autofilter",
                "strength of the deblocking filter chosen for the image",
                choices=(True, False),
                default=False,
            ),
            Parameter("passes", "analysis passes", minimum=1, maximum=10, default=1),
            Parameter(
                "preset",
                "kind of picture",
                choices=("default", "picture", "photo", "drawing", "icon", "text"),
                default="default",
            ),
        ),
        rates=(
            RateParameter("quality", unless=(("lossless", True),)),
            RateParameter("near_lossless", step=20, extra=True),
        ),
        mime="image/webp",
        browsers="all current browsers",
        all_browsers=True,
        # caniuse-lite 1.0.30001827, data/features/webp.js
        browsers_checked="2026-11-24",
        colour=("#b4702a", "#c98d3a"),
        marker="square",
    ),
    version=_version,
    encode=_encode,
    decode=webp.ENCODER.decode,
    seconds_per_megapixel=_seconds_per_megapixel,
    peak_bytes=_peak_bytes,
    check=_check,
    commands=_commands,
    self_test=SelfTest(Setting.of("webp", encoder="webp-vips", extra_args={"lossless": True})),
    missing=_missing,
    fixed=_fixed,
)
