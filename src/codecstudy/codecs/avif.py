"""AVIF with libaom through libavif, through imagecodecs: 8, 10 and 12 bits per sample.

imagecodecs' wheels build libaom for speed, Pillow's for size; ``benchmarks/encoders.py`` compares them. imagecodecs
passes on neither options of libaom nor tiles (2026.3.6 refuses every valid ``tilelog2``), so settings with such
options belong to ``avif-pillow``. The tune is the one that libavif chooses, see
:func:`codecstudy.codecs.libavif.default_tune`.
"""

from __future__ import annotations

import ctypes
import functools
import re
from collections.abc import Mapping
from typing import Any

import imagecodecs
import numpy as np
from imagecodecs import AvifError, avif_decode, avif_encode, avif_version
from numpy.typing import NDArray

from codecstudy.codecs import libavif
from codecstudy.codecs.base import Encoder, SelfTest
from codecstudy.codecs.commands import python_arguments
from codecstudy.codecs.libavif import DEFAULT_DEPTH, DEFAULT_SAMPLING, DEFAULT_SPEED
from codecstudy.errors import CodecError
from codecstudy.images.boxes import avif_facts
from codecstudy.types import EncoderFacts, Parameter, Pixels, Scalar, Setting, ToolCommand

_SRGB: dict[str, Any] = {"primaries": 1, "transfer": 13, "matrix": 6}
"""Code points of ITU-T H.273 for sRGB in YCbCr by BT.601, as avifenc and Pillow write them."""


@functools.cache
def _libaom() -> str:
    """Version of the libaom that imagecodecs' libavif uses; empty if it is not known.

    imagecodecs has no function for it, but libavif has, and the loader finds it through imagecodecs' module. On
    Windows symbols are looked up in the module alone.
    """
    from imagecodecs import _avif

    buffer = ctypes.create_string_buffer(256)  # the size that avifCodecVersions of avif.h expects
    try:
        ctypes.CDLL(_avif.__file__).avifCodecVersions(buffer)
    except (AttributeError, OSError):
        return ""
    found = re.search(r"aom \[enc[^\]]*\]:v?([\w.-]+)", buffer.value.decode("ascii", "replace"))
    return found[1] if found else ""


def _version() -> str:
    number = f" {_libaom()}" if _libaom() else ""
    return f"libaom{number} ({avif_version()}, imagecodecs {imagecodecs.__version__})"


def _fixed(setting: Setting) -> Mapping[str, Scalar]:
    tune = libavif.default_tune(avif_version().removeprefix("libavif "), _libaom(), setting.quality)
    return {"tune": tune, "range": "full", "tile_rows": 0, "tile_cols": 0, "threads": 1}


def _check(setting: Setting) -> str | None:
    if setting.quality is None:
        return "avif needs quality, 0 to 100"
    if setting.quality == 100 and setting.get("chroma_subsampling", DEFAULT_SAMPLING) != "444":
        return (
            "quality 100 is lossless, and imagecodecs encodes it with chroma_subsampling 444 only; set that, "
            "end at quality 99, or name the encoder avif-pillow"
        )
    return None


def _widened(depth: int) -> NDArray[np.uint16]:
    """The 256 sample values of 8 bits as the nearest of ``depth`` bits."""
    return np.array([(v * ((1 << depth) - 1) + 127) // 255 for v in range(256)], np.uint16)


def _narrowed(depth: int) -> NDArray[np.uint8]:
    """The sample values of ``depth`` bits as the nearest of 8 bits; the inverse of :func:`_widened`."""
    top = (1 << depth) - 1
    return np.array([(v * 255 + top // 2) // top for v in range(top + 1)], np.uint8)


_WIDENED = {depth: _widened(depth) for depth in (10, 12)}
_NARROWED = {depth: _narrowed(depth) for depth in (10, 12)}


def _encode(pixels: Pixels, setting: Setting) -> bytes:
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
        raise ValueError(
            f"a codec takes uint8 pixels of shape (height, width, 3), not {pixels.dtype} {pixels.shape}"
        )
    if (problem := _check(setting)) is not None:
        raise CodecError(problem)
    height, width = pixels.shape[:2]
    if not libavif.QUALITY_PARAMETER.accepts(setting.quality):  # imagecodecs would take the nearest that is
        raise CodecError(
            f"AVIF could not encode {width}x{height} pixels: quality {setting.quality} is not 0 to 100"
        )
    depth = setting.get("depth", DEFAULT_DEPTH)
    samples = pixels if depth == DEFAULT_DEPTH else _WIDENED[depth][pixels]
    try:
        return bytes(
            avif_encode(
                samples,
                level=setting.quality,
                speed=setting.get("speed", DEFAULT_SPEED),
                bitspersample=depth,
                pixelformat=setting.get("chroma_subsampling", DEFAULT_SAMPLING),
                codec="aom",
                numthreads=1,
                **_SRGB,
            )
        )
    except (AvifError, RuntimeError, ValueError) as error:
        raise CodecError(f"AVIF could not encode {width}x{height} pixels: {error}") from error


def _decode(data: bytes) -> Pixels:
    """Decode to the file's own depth, and round to 8 bits.

    A decoder that is asked for 8 bits of a deeper file, as Pillow's is, rounds less well: in libavif, libyuv cuts
    off the lower bits (4:4:4, 10 bits, quality 99: 50.1 dB instead of 57.4).
    """
    try:
        pixels = avif_decode(data, index=0, numthreads=1)
    except (AvifError, RuntimeError, ValueError, IndexError) as error:
        raise CodecError(f"AVIF could not be decoded: {error}") from error
    if pixels.dtype != np.uint8:
        pixels = _NARROWED[avif_facts(data).bits][pixels]
    if pixels.ndim == 2:
        pixels = np.repeat(pixels[:, :, np.newaxis], 3, axis=2)
    return np.ascontiguousarray(pixels[:, :, :3])


# Medians on three photographs of 0.4 megapixels (one below speed 5), quality 60, libaom 3.13.1, one x86-64
# server core, by speed; likewise the factors of the chroma subsamplings and depths.
_SECONDS = (35.0, 14.0, 12.0, 8.0, 4.0, 2.3, 0.55, 0.26, 0.2, 0.05, 0.05)
_CHROMA_FACTORS = {"444": 1.15, "422": 1.05, "400": 0.85}


def _seconds_per_megapixel(setting: Setting) -> float:
    seconds = _SECONDS[setting.get("speed", DEFAULT_SPEED)]
    deeper = 1.0 if setting.get("depth", DEFAULT_DEPTH) == DEFAULT_DEPTH else 1.3
    return seconds * deeper * _CHROMA_FACTORS.get(setting.get("chroma_subsampling"), 1.0)


def _peak_bytes(setting: Setting, pixels: int) -> float:
    deeper = 1.0 if setting.get("depth", DEFAULT_DEPTH) == DEFAULT_DEPTH else 1.5
    slow = setting.get("speed", DEFAULT_SPEED) <= 5
    if setting.get("chroma_subsampling", DEFAULT_SAMPLING) in ("420", "400"):
        return (53.0 if slow else 36.0) * deeper * pixels
    return (75.0 if slow else 54.0) * deeper * pixels


def _commands(setting: Setting) -> tuple[ToolCommand, ...]:
    return _imagecodecs(setting), *libavif.commands(setting)


def _imagecodecs(setting: Setting) -> ToolCommand:
    # Results of older versions have settings that Pillow's build encoded under this name.
    if setting.extra_args:
        names = ", ".join(name for name, _ in setting.extra_args)
        return ToolCommand("imagecodecs", None, f"imagecodecs has no option for {names}")
    if setting.quality is None:
        return ToolCommand("imagecodecs", None, "imagecodecs sets the rate of AVIF only by quality")
    if _check(setting) is not None:
        return ToolCommand("imagecodecs", None, "imagecodecs encodes quality 100 as 4:4:4 only")
    depth = setting.get("depth", DEFAULT_DEPTH)
    samples, note = "pixels", "Python; pixels is a uint8 array of height x width x 3"
    options: dict[str, object] = {
        "level": setting.quality,
        "speed": setting.get("speed", DEFAULT_SPEED),
        "pixelformat": setting.get("chroma_subsampling", DEFAULT_SAMPLING),
        "codec": "aom",
        **_SRGB,
        "numthreads": 1,
    }
    if depth != DEFAULT_DEPTH:
        samples = f'((pixels.astype("uint32") * {(1 << depth) - 1} + 127) // 255).astype("uint16")'
        options["bitspersample"] = depth
    call = f"imagecodecs.avif_encode({samples}{python_arguments(options)})"
    return ToolCommand("imagecodecs", f'pathlib.Path("output.avif").write_bytes({call})', note)


ENCODER = Encoder(
    EncoderFacts(
        id="avif",
        format="avif",
        title="AVIF",
        extension=".avif",
        parameters=(
            libavif.QUALITY_PARAMETER,
            libavif.SAMPLING_PARAMETER,
            libavif.SPEED_PARAMETER,
            Parameter(
                "depth",
                "bits per sample of the file",
                choices=(8, 10, 12),
                default=DEFAULT_DEPTH,
                show=((8, "8 bit"), (10, "10 bit"), (12, "12 bit")),
            ),
        ),
        colour=("#0b69c7", "#5b9dfa"),
        marker="triangle",
        **libavif.BROWSER_FACTS,
    ),
    version=_version,
    encode=_encode,
    decode=_decode,
    seconds_per_megapixel=_seconds_per_megapixel,
    peak_bytes=_peak_bytes,
    check=_check,
    commands=_commands,
    self_test=SelfTest(Setting.of("avif", quality=100, chroma_subsampling="444", speed=8), tolerance=6),
    fixed=_fixed,
)
