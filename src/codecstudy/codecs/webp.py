"""WebP with libwebp, through Pillow; decoded through imagecodecs, without the detour over an animated canvas.

Lossy WebP is always 4:2:0, so there is no chroma subsampling to choose. In lossless files ``quality`` is
libwebp's measure of effort (0 fast and large, 100 slow and small), not of quality, and may be left out.
"""

from __future__ import annotations

import numpy as np
from imagecodecs import WebpError, webp_decode, webp_version
from PIL import features

from codecstudy.codecs.base import Codec
from codecstudy.codecs.pillow import save
from codecstudy.errors import CodecError
from codecstudy.types import Parameter, Pixels, Setting

_DEFAULT_METHOD = 4
_DEFAULT_LOSSLESS_EFFORT = 75
"""``WebPConfigInit``'s quality, which cwebp -lossless uses too."""


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
    except (WebpError, RuntimeError, ValueError, MemoryError) as error:
        raise CodecError(f"WebP could not be decoded: {error}") from error


# Medians on three photographs of 0.4 megapixels, quality 80, libwebp 1.6.0, one x86-64 server core, by
# method.
_LOSSY_SECONDS = (0.03, 0.037, 0.054, 0.1, 0.1, 0.13, 0.25)
_LOSSLESS_SECONDS = (0.12, 0.45, 0.5, 0.85, 0.85, 1.1, 1.1)


def _seconds_per_megapixel(setting: Setting) -> float:
    method = setting.get("method", _DEFAULT_METHOD)
    return (_LOSSLESS_SECONDS if setting.extra("lossless") is True else _LOSSY_SECONDS)[method]


CODEC = Codec(
    format="webp",
    title="WebP",
    extension=".webp",
    version=_version,
    parameters=(
        Parameter("quality", "libwebp quality; of a lossless file its effort", minimum=0, maximum=100),
        Parameter("method", "0 fast, 6 small", minimum=0, maximum=6, default=_DEFAULT_METHOD),
    ),
    extra_parameters=(
        Parameter("lossless", "keep every pixel as it is", choices=(True, False), default=False),
    ),
    check=_check,
    encode=_encode,
    decode=_decode,
    seconds_per_megapixel=_seconds_per_megapixel,
)
