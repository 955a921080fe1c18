"""JPEG XL with libjxl, through imagecodecs.

imagecodecs passes on effort, distance, lossless and decoding speed. Modular coding of lossy images and progressive
files are options of the program cjxl.

Commands: cjxl (libjxl, tools/cjxl_main.cc), imagecodecs, sharp (lib/output.mjs, ea5bef24) over libvips
(libvips/foreign/jxlsave.c, 29fd1202).
"""

from __future__ import annotations

import numpy as np
from imagecodecs import (
    JpegxlError,
    jpegxl_decode,
    jpegxl_decode_jpeg,
    jpegxl_encode,
    jpegxl_encode_jpeg,
    jpegxl_version,
)
from numpy.typing import NDArray

from codecstudy import images
from codecstudy.codecs.base import Encoder, Recompression, SelfTest
from codecstudy.codecs.commands import python_arguments, sharp, shell
from codecstudy.errors import CodecError, ImageError, NotApplicableError
from codecstudy.images import jxl_header
from codecstudy.images.boxes import boxes
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

_DEFAULT_EFFORT = 7
"""libjxl's own default; that of imagecodecs is 5."""


def distance_from_quality(quality: float) -> float:
    """Butteraugli distance that corresponds to a JPEG-like quality.

    Linear from 100 to 30, quadratic below; quality 90 is distance 1.0. The constants are those of
    ``JxlEncoderDistanceFromQuality`` in libjxl's lib/jxl/encode.cc, commit aea3a06e.

    Args:
        quality: 0 to 100.

    Returns:
        The distance, 25.0 to 0.0, where 0.0 is lossless.

    Raises:
        ValueError: ``quality`` is out of range.
    """
    if not 0 <= quality <= 100:
        raise ValueError(f"quality must be 0 to 100, not {quality}")
    if quality == 100:
        return 0.0
    if quality >= 30:
        return 0.1 + (100 - quality) * 0.09
    return 53.0 / 3000.0 * quality * quality - 23.0 / 20.0 * quality + 25.0


def _version() -> str:
    return f"{jpegxl_version()} (decoded to 16 bits)"


def _recompresses(setting: Setting) -> bool:
    return setting.extra("jpeg_recompression") is True


def _check(setting: Setting) -> str | None:
    distance = setting.extra("distance")
    if _recompresses(setting):
        given = [
            name for name, _ in (*setting.parameters, *setting.extra_args) if name != "jpeg_recompression"
        ]
        given += [name for name in ("resolution", "crop") if getattr(setting, name) is not None]
        if given:
            return f"jpeg_recompression keeps the JPEG file as it is: it accepts no {' and no '.join(given)}"
        return None
    if setting.quality is None and distance is None:
        return "jxl needs quality, 0 to 100, or distance, 0 to 25, in extra_args"
    if setting.quality is not None and distance is not None:
        return "jxl accepts quality or distance, not both: quality is only another way to write a distance"
    return None


def _distance(setting: Setting) -> float:
    distance = setting.extra("distance")
    if distance is not None:
        return float(distance)
    if setting.quality is None:
        raise CodecError("jxl needs quality or distance")
    return distance_from_quality(setting.quality)


def _encode(pixels: Pixels, setting: Setting) -> bytes:
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
        raise ValueError(
            f"a codec takes uint8 pixels of shape (height, width, 3), not {pixels.dtype} {pixels.shape}"
        )
    distance = _distance(setting)
    # A distance of zero must also be marked as lossless, as cjxl does: by itself it still implies the lossy colour
    # transform.
    try:
        return bytes(
            jpegxl_encode(
                pixels,
                effort=setting.get("effort", _DEFAULT_EFFORT),
                distance=distance,
                lossless=distance == 0,
                decodingspeed=int(setting.extra("decodingspeed") or 0),
                photometric="RGB",
                planar=False,
                usecontainer=False,
                numthreads=1,
            )
        )
    except (JpegxlError, RuntimeError, ValueError) as error:
        height, width = pixels.shape[:2]
        raise CodecError(f"JPEG XL could not encode {width}x{height} pixels: {error}") from error


def _recompress(source: bytes, setting: Setting) -> bytes:
    if source[:3] != b"\xff\xd8\xff":
        raise NotApplicableError(
            "the source is not a JPEG file: jpeg_recompression applies to JPEG files only"
        )
    try:
        return bytes(jpegxl_encode_jpeg(source, usecontainer=True, numthreads=1))
    except (JpegxlError, RuntimeError, ValueError) as error:
        raise NotApplicableError(
            f"libjxl cannot recompress this JPEG file ({error}); it refuses CMYK, 12-bit, arithmetic-coded and "
            "damaged files, and damaged ICC profiles"
        ) from error


def _restore(data: bytes) -> bytes:
    try:
        return bytes(jpegxl_decode_jpeg(data, numthreads=1))
    except (JpegxlError, RuntimeError, ValueError) as error:
        raise CodecError(f"the JPEG file could not be restored from JPEG XL: {error}") from error


def _has_jpeg(data: bytes) -> bool:
    """Whether a file has what is needed to restore a JPEG file."""
    try:
        return any(kind == b"jbrd" for kind, _, _ in boxes(data))
    except ValueError:
        return False


def _decode(data: bytes) -> Pixels:
    if data[:2] != b"\xff\x0a" and _has_jpeg(data):
        # As every JPEG source is read: a decoder of JPEG XL rounds in other places than one of JPEG.
        try:
            return images.decode(_restore(data), "the restored JPEG file")
        except ImageError as error:
            raise CodecError(f"JPEG XL could not be decoded: {error}") from error
    try:
        # Decoded to 8 bits, a lossy image would be dithered by libjxl, which costs 0.1 to 1.6 dB.
        pixels = jpegxl_decode(jxl_header.declared_16_bits(data), index=0, numthreads=1)
    except (JpegxlError, RuntimeError, ValueError) as error:
        raise CodecError(f"JPEG XL could not be decoded: {error}") from error
    if pixels.dtype == np.uint16:
        pixels = _to_8_bits(pixels)
    if pixels.dtype != np.uint8:
        raise CodecError(f"JPEG XL decoded to {pixels.dtype}, but only 8-bit images are encoded here")
    if pixels.ndim == 2:
        pixels = np.repeat(pixels[:, :, np.newaxis], 3, axis=2)
    return np.ascontiguousarray(pixels[:, :, :3])


def _to_8_bits(pixels: NDArray[np.uint16]) -> Pixels:
    """The nearest of 256 values: value / 257, rounded. In place, since ``pixels`` is this module's own."""
    np.minimum(pixels, 65535 - 128, out=pixels)
    pixels += 128
    pixels //= 257
    return pixels.astype(np.uint8)


# Medians on three photographs of 0.4 megapixels, libjxl 0.11.2, one x86-64 server core, by effort from 1;
# efforts 9 and 10 on one photograph, lossless on a quarter of it.
_SECONDS = (0.03, 0.03, 0.04, 0.05, 0.2, 0.3, 0.35, 1.6, 2.4, 3.0)
_LOSSLESS_SECONDS = (0.006, 0.06, 0.14, 0.4, 0.75, 1.3, 1.9, 5.0, 8.0, 25.0)
_RECOMPRESSION_SECONDS = 0.04


def _seconds_per_megapixel(setting: Setting) -> float:
    if _recompresses(setting):
        return _RECOMPRESSION_SECONDS
    effort = setting.get("effort", _DEFAULT_EFFORT)
    return (_LOSSLESS_SECONDS if _distance(setting) == 0 else _SECONDS)[effort - 1]


# Bytes per pixel by effort from 1. Up to effort 7, libjxl encodes in tiles: the second number is for the pixels of
# one tile alone. From effort 8 on, it compares the attempts at a lossy image with the original by Butteraugli.
_TILE = 2048 * 2048
_BYTES = ((12, 42), (12, 42), (12, 42), (12, 42), (14, 44), (18, 48), (18, 48), (296, 0), (296, 0), (296, 0))
_RECOMPRESSION_BYTES = 160
_LOSSLESS_BYTES = ((15, 0), (8, 35), (8, 35), (8, 35), (8, 35), (8, 35), (8, 35), (45, 0), (45, 0), (160, 0))


def _peak_bytes(setting: Setting, pixels: int) -> float:
    if _recompresses(setting):
        return _RECOMPRESSION_BYTES * pixels
    effort = setting.get("effort", _DEFAULT_EFFORT)
    everywhere, in_tile = (_LOSSLESS_BYTES if _distance(setting) == 0 else _BYTES)[effort - 1]
    return everywhere * pixels + in_tile * min(pixels, _TILE)


def _fixed(setting: Setting) -> dict[str, Scalar]:
    if _recompresses(setting):
        return {"lossless": True, "depth": 8, "threads": 1}
    return {
        "lossless": _distance(setting) == 0,
        "chroma_subsampling": "444",
        "depth": 8,
        "decoded_depth": 16,
        "progressive": False,
        "threads": 1,
    }


def _commands(setting: Setting) -> tuple[ToolCommand, ...]:
    if _recompresses(setting):
        return _recompression_commands()
    no_pillow = ToolCommand("Pillow", None, "Pillow has no JPEG XL encoder; use imagecodecs")
    return _cjxl(setting), _imagecodecs(setting), no_pillow, _sharp(setting)


def _recompression_commands() -> tuple[ToolCommand, ...]:
    call = 'imagecodecs.jpegxl_encode_jpeg(pathlib.Path("input.jpg").read_bytes(), usecontainer=True)'
    return (
        ToolCommand("cjxl", "cjxl input.jpg output.jxl --lossless_jpeg=1"),
        ToolCommand("imagecodecs", f'pathlib.Path("output.jxl").write_bytes({call})', "Python"),
        ToolCommand("sharp", None, "sharp encodes pixels, and cannot recompress a JPEG file"),
    )


def _cjxl(setting: Setting) -> ToolCommand:
    distance = setting.extra("distance")
    rate: list[object] = ["-q", setting.quality] if distance is None else ["-d", distance]
    faster = setting.extra("decodingspeed")
    decoding = [f"--faster_decoding={faster}"] if faster else []
    effort = setting.get("effort", _DEFAULT_EFFORT)
    return ToolCommand("cjxl", shell("cjxl", "input.png", "output.jxl", *rate, "-e", effort, *decoding))


def _imagecodecs(setting: Setting) -> ToolCommand:
    distance = round(_distance(setting), 6)
    options: dict[str, object] = {"effort": setting.get("effort", _DEFAULT_EFFORT), "distance": distance}
    if distance == 0:
        options["lossless"] = True
    if faster := setting.extra("decodingspeed"):
        options["decodingspeed"] = faster
    call = f"imagecodecs.jpegxl_encode(pixels{python_arguments(options)})"
    return ToolCommand(
        "imagecodecs",
        f'pathlib.Path("output.jxl").write_bytes({call})',
        "Python; pixels is a uint8 array of height x width x 3",
    )


def _sharp(setting: Setting) -> ToolCommand:
    distance, effort = round(_distance(setting), 6), setting.get("effort", _DEFAULT_EFFORT)
    if effort > 9:
        return ToolCommand("sharp", None, "sharp's highest effort is 9")
    if distance > 15:
        return ToolCommand("sharp", None, "sharp's largest distance is 15")
    options: dict[str, Scalar] = {"lossless": True} if distance == 0 else {"distance": distance}
    options["effort"] = effort
    if faster := setting.extra("decodingspeed"):
        options["decodingTier"] = faster
    return sharp("jxl", ".jxl", options, "needs a libvips built with libjxl; sharp's own binaries lack it")


ENCODER = Encoder(
    EncoderFacts(
        id="jxl",
        format="jxl",
        title="JPEG XL",
        extension=".jxl",
        parameters=(
            Parameter(
                "quality",
                "mapped to a Butteraugli distance as libjxl does; 90 is distance 1, 100 is lossless",
                minimum=0,
                maximum=100,
            ),
            Parameter("effort", "1 is fast, 10 is small", minimum=1, maximum=10, default=_DEFAULT_EFFORT),
        ),
        extra_parameters=(
            Parameter(
                "distance",
                "Butteraugli distance instead of quality; 0 is lossless, 1 visually lossless",
                minimum=0,
                maximum=25,
                integer=False,
            ),
            Parameter(
                "decodingspeed", "0 favours small files, 4 fast decoding", minimum=0, maximum=4, default=0
            ),
            Parameter(
                "jpeg_recompression",
                "lossless recompression of JPEG sources, from which the JPEG file can be restored",
                choices=(True, False),
                default=False,
            ),
        ),
        rates=(QUALITY, RateParameter("distance", finer_is_higher=False, step=0.05, extra=True)),
        mime="image/jxl",
        browsers="not all browsers",
        all_browsers=False,
        # All but Edge and Samsung Internet: caniuse-lite 1.0.30001827, data/features/jpegxl.js
        browsers_checked="2026-11-24",
        colour=("#c2255c", "#ef659a"),
        marker="diamond",
    ),
    version=_version,
    encode=_encode,
    decode=_decode,
    seconds_per_megapixel=_seconds_per_megapixel,
    peak_bytes=_peak_bytes,
    check=_check,
    commands=_commands,
    self_test=SelfTest(Setting.of("jxl", quality=100)),
    fixed=_fixed,
    recompression=Recompression(_recompresses, _recompress, _restore),
)
