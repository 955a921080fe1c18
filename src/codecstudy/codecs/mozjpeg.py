"""JPEG with mozjpeg, through libvips: what pyvips-binary's wheel and sharp's packages are built with.

The defaults are those of mozjpeg's own cjpeg (jcparam.c, 08265790, ``JCP_MAX_COMPRESSION``), with two exceptions:
chroma subsampling does not depend on the quality, and a file has no JFIF header of 18 bytes, which libvips leaves
out. sharp's option ``mozjpeg`` has the same defaults.

Commands: pyvips (libvips/foreign/jpegsave.c, 29fd1202), sharp (lib/output.mjs, ea5bef24).
"""

from __future__ import annotations

import functools

import numpy as np

from codecstudy.codecs import jpeg, vips
from codecstudy.codecs.base import Encoder, SelfTest
from codecstudy.codecs.commands import CHROMA_RATIOS, sharp
from codecstudy.types import EncoderFacts, Parameter, Pixels, Scalar, Setting, ToolCommand

_EXTRA = "mozjpeg"
_DEFAULT_SAMPLING = "420"

_DEFAULTS: dict[str, Scalar] = {
    "progressive": True,
    "trellis_quant": True,
    "overshoot_deringing": True,
    "optimize_scans": True,
    "quant_table": 3,
}
_SHARP = {
    "progressive": "progressive",
    "trellis_quant": "trellisQuantisation",
    "overshoot_deringing": "overshootDeringing",
    "optimize_scans": "optimiseScans",
    "quant_table": "quantisationTable",
}
_VIPS = {"progressive": "interlace"}


@functools.cache
def _missing() -> str | None:
    if (lacking := vips.missing(_EXTRA)) is not None:
        return lacking
    # A libvips that was built with another libjpeg ignores mozjpeg's options and warns at most.
    noise = np.random.default_rng(1).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    plain, trellis = (
        vips.save(noise, "jpegsave_buffer", "JPEG", optimize_coding=True, trellis_quant=value)
        for value in (False, True)
    )
    if plain == trellis:
        return (
            f"libvips here is built with another JPEG library than mozjpeg; pip install 'codecstudy[{_EXTRA}]' "
            "brings pyvips-binary, which is built with mozjpeg"
        )
    return None


@functools.cache
def _version() -> str:
    stated = vips.text_in_library(rb"mozjpeg version [0-9.]+")
    return (
        f"mozjpeg {stated.rsplit(' ', 1)[1]} ({vips.version()})" if stated else f"mozjpeg ({vips.version()})"
    )


def _check(setting: Setting) -> str | None:
    if setting.quality is None:
        return "mozjpeg needs quality, 1 to 100"
    if setting.extra("optimize_scans") is True and setting.extra("progressive") is False:
        return (
            "extra_args: optimize_scans = true has no effect without progressive scans; leave it out, or set "
            "progressive = true"
        )
    return None


def _extras(setting: Setting) -> dict[str, Scalar]:
    """All entries of ``extra_args``, with their defaults."""
    progressive = setting.extra("progressive") is not False
    return {**_DEFAULTS, "optimize_scans": progressive, **dict(setting.extra_args)}


def _options(setting: Setting) -> dict[str, Scalar]:
    return {
        "Q": setting.quality or 0,
        "subsample_mode": "off" if setting.get("chroma_subsampling") == "444" else "on",
        "optimize_coding": True,
        **{_VIPS.get(name, name): value for name, value in _extras(setting).items()},
    }


def _encode(pixels: Pixels, setting: Setting) -> bytes:
    return vips.save(pixels, "jpegsave_buffer", "JPEG", **_options(setting))


def _fixed(setting: Setting) -> dict[str, Scalar]:
    return {"optimize": True, "optimize_scans": _extras(setting)["optimize_scans"], "depth": 8, "threads": 1}


def _seconds_per_megapixel(setting: Setting) -> float:
    # Medians on three photographs of 0.4 megapixels, quality 80, mozjpeg 5.0.0, one x86-64 server core.
    extras = _extras(setting)
    seconds = 0.015 if extras["progressive"] else 0.009
    seconds += 0.033 if extras["trellis_quant"] else 0.0
    seconds += 0.019 if extras["optimize_scans"] else 0.0
    return seconds * (1.5 if setting.get("chroma_subsampling") == "444" else 1.0)


def _commands(setting: Setting) -> tuple[ToolCommand, ...]:
    return vips.command("jpegsave", ".jpg", _options(setting)), _sharp(setting)


def _sharp(setting: Setting) -> ToolCommand:
    sampling = CHROMA_RATIOS[setting.get("chroma_subsampling", _DEFAULT_SAMPLING)]
    options: dict[str, Scalar] = {"quality": setting.quality or 0, "chromaSubsampling": sampling}
    options |= {_SHARP[name]: value for name, value in _extras(setting).items()}
    return sharp("jpeg", ".jpg", options)


ENCODER = Encoder(
    EncoderFacts(
        id="mozjpeg",
        format="jpeg",
        title="JPEG (mozjpeg)",
        extension=".jpg",
        parameters=(
            Parameter("quality", "libjpeg quality", minimum=1, maximum=100),
            Parameter(
                "chroma_subsampling",
                "chroma samples kept: all, a quarter",
                choices=("444", "420"),
                default=_DEFAULT_SAMPLING,
                show=tuple(CHROMA_RATIOS.items()),
            ),
        ),
        extra_parameters=(
            Parameter("progressive", "progressive scans", choices=(True, False), default=True),
            Parameter(
                "trellis_quant",
                "quantization that minimizes rate and distortion together, per block",
                choices=(True, False),
                default=True,
            ),
            Parameter(
                "overshoot_deringing",
                "less ringing around black on white",
                choices=(True, False),
                default=True,
            ),
            Parameter(
                "optimize_scans",
                "which coefficients each progressive scan has is chosen for the image",
                choices=(True, False),
                default=True,
            ),
            Parameter(
                "quant_table",
                "predefined quantization table: 0 of annex K, 1 flat, 2 tuned for MS-SSIM, 3 ImageMagick's, "
                "4 tuned for PSNR-HVS-M, 5 to 8 of publications",
                minimum=0,
                maximum=8,
                default=3,
            ),
        ),
        mime="image/jpeg",
        browsers="every browser",
        all_browsers=True,
        browsers_checked="2026-11-24",
        colour=("#5f6a76", "#a8b2bf"),
        marker="circle",
    ),
    version=_version,
    encode=_encode,
    decode=jpeg.ENCODER.decode,
    seconds_per_megapixel=_seconds_per_megapixel,
    peak_bytes=lambda setting, pixels: 24.0 * pixels,
    check=_check,
    commands=_commands,
    self_test=SelfTest(
        Setting.of("jpeg", encoder="mozjpeg", quality=100, chroma_subsampling="444"), tolerance=6
    ),
    missing=_missing,
    fixed=_fixed,
)
