"""WebP with libwebp, through Pillow; decoded through imagecodecs, which does not use an animation canvas.

Lossy WebP is always 4:2:0, so there is no chroma subsampling to choose. For lossless files, ``quality`` is
libwebp's measure of effort (0 is fast and large, 100 is slow and small), not of quality, and is optional.

Commands: cwebp (libwebp, man/cwebp.1, 3757b8af), Pillow (src/PIL/WebPImagePlugin.py, 4e5f09f5), sharp
(lib/output.mjs, ea5bef24) over libvips (libvips/foreign/webpsave.c, 29fd1202).
"""

from __future__ import annotations

import numpy as np
from imagecodecs import WebpError, webp_decode, webp_version
from PIL import features

from codecstudy.codecs.base import Encoder, SelfTest
from codecstudy.codecs.commands import pillow, sharp, shell
from codecstudy.codecs.pillow import save
from codecstudy.errors import CodecError
from codecstudy.types import (
    EncoderFacts,
    Parameter,
    Pixels,
    RateParameter,
    Scalar,
    Setting,
    ToolCommand,
)

_DEFAULT_METHOD = 4
_DEFAULT_LOSSLESS_EFFORT = 75
"""Quality set by ``WebPConfigInit``, which cwebp -lossless uses too."""


def _version() -> str:
    encoder = f"libwebp {features.version('webp')}"
    decoder = str(webp_version())
    return encoder if decoder == encoder else f"{encoder} (decoder {decoder})"


def _check(setting: Setting) -> str | None:
    if setting.quality is None and setting.extra("lossless") is not True:
        return "webp needs quality, 0 to 100, or lossless = true in extra_args"
    return None


def _encode(pixels: Pixels, setting: Setting) -> bytes:
    return save(
        pixels,
        "WEBP",
        "WebP",
        quality=_DEFAULT_LOSSLESS_EFFORT if setting.quality is None else setting.quality,
        method=setting.get("method", _DEFAULT_METHOD),
        lossless=setting.extra("lossless") is True,
    )


def _decode(data: bytes) -> Pixels:
    try:
        return np.ascontiguousarray(webp_decode(data, hasalpha=False))
    except (WebpError, RuntimeError, ValueError) as error:
        raise CodecError(f"WebP could not be decoded: {error}") from error


# Medians on three photographs of 0.4 megapixels, quality 80, libwebp 1.6.0, one x86-64 server core, by
# method.
_LOSSY_SECONDS = (0.03, 0.037, 0.054, 0.1, 0.1, 0.13, 0.25)
_LOSSLESS_SECONDS = (0.12, 0.45, 0.5, 0.85, 0.85, 1.1, 1.1)


def _seconds_per_megapixel(setting: Setting) -> float:
    method = setting.get("method", _DEFAULT_METHOD)
    return (_LOSSLESS_SECONDS if setting.extra("lossless") is True else _LOSSY_SECONDS)[method]


def _peak_bytes(setting: Setting, pixels: int) -> float:
    if setting.extra("lossless") is not True:
        return 19.0 * pixels
    return (30.0 if setting.get("method", _DEFAULT_METHOD) == 0 else 70.0) * pixels


def _fixed(setting: Setting) -> dict[str, Scalar]:
    fixed: dict[str, Scalar] = {"depth": 8, "sharp_yuv": False, "threads": 1}
    if setting.extra("lossless") is True:
        return {**fixed, "quality": _DEFAULT_LOSSLESS_EFFORT}
    return {**fixed, "chroma_subsampling": "420"}


def _commands(setting: Setting) -> tuple[ToolCommand, ...]:
    return _cwebp(setting), pillow(".webp", dict(_options(setting, "method"))), _sharp(setting)


def _cwebp(setting: Setting) -> ToolCommand:
    lossless = ["-lossless"] if setting.extra("lossless") is True else []
    quality = [] if setting.quality is None else ["-q", setting.quality]
    method = setting.get("method", _DEFAULT_METHOD)
    text = shell("cwebp", *lossless, *quality, "-m", method, "input.png", "-o", "output.webp")
    return ToolCommand("cwebp", text)


def _options(setting: Setting, method: str) -> dict[str, Scalar]:
    # For a lossless file without a quality (effort): the default of these tools is not 75.
    quality = _DEFAULT_LOSSLESS_EFFORT if setting.quality is None else setting.quality
    options: dict[str, Scalar] = {"quality": quality, method: setting.get("method", _DEFAULT_METHOD)}
    return options | ({"lossless": True} if setting.extra("lossless") is True else {})


def _sharp(setting: Setting) -> ToolCommand:
    if setting.quality == 0:
        return ToolCommand("sharp", None, "sharp's lowest quality is 1")
    # libvips passes effort to libwebp as its method: the scale is the same.
    return sharp("webp", ".webp", _options(setting, "effort"))


ENCODER = Encoder(
    EncoderFacts(
        id="webp",
        format="webp",
        title="WebP",
        extension=".webp",
        parameters=(
            Parameter("quality", "libwebp quality; for lossless files, the effort", minimum=0, maximum=100),
            Parameter("method", "0 is fast, 6 is small", minimum=0, maximum=6, default=_DEFAULT_METHOD),
        ),
        extra_parameters=(
            Parameter("lossless", "keep every pixel as it is", choices=(True, False), default=False),
        ),
        rates=(RateParameter("quality", unless=(("lossless", True),)),),
        mime="image/webp",
        browsers="all current browsers",
        all_browsers=True,
        # caniuse-lite 1.0.30001827, data/features/webp.js
        browsers_checked="2026-11-24",
        colour=("#864400", "#f0b95c"),
        marker="square",
    ),
    version=_version,
    encode=_encode,
    decode=_decode,
    seconds_per_megapixel=_seconds_per_megapixel,
    peak_bytes=_peak_bytes,
    check=_check,
    commands=_commands,
    self_test=SelfTest(Setting.of("webp", extra_args={"lossless": True})),
    fixed=_fixed,
)
