"""JPEG with libjpeg-turbo, through Pillow.

Commands: cjpeg (libjpeg-turbo, doc/cjpeg.1, 8a99315b), Pillow (src/PIL/JpegImagePlugin.py, 4e5f09f5), sharp
(lib/output.mjs, ea5bef24).
"""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from PIL import ImageFile, JpegImagePlugin, features

from codecstudy.codecs.base import Encoder, SelfTest
from codecstudy.codecs.commands import CHROMA_RATIOS, pillow, sharp, sharp_obstacle, shell
from codecstudy.codecs.pillow import save, to_pixels
from codecstudy.errors import CodecError
from codecstudy.types import EncoderFacts, Parameter, Pixels, Scalar, Setting, ToolCommand

_DEFAULT_SAMPLING = "420"
_CJPEG_SAMPLING = {"444": "1x1", "422": "2x1", "420": "2x2"}

_block_size_lock = threading.Lock()


def _version() -> str:
    if turbo := features.version("libjpeg_turbo"):
        return f"libjpeg-turbo {turbo}"
    return f"libjpeg {features.version('jpg')}"


def _check(setting: Setting) -> str | None:
    if setting.quality is None:
        return "jpeg needs quality, 0 to 100"
    if setting.extra("progressive") is True and setting.extra("optimize") is False:
        return (
            "extra_args: optimize = false has no effect on a progressive JPEG, whose Huffman tables are "
            "always optimized; leave optimize out or set progressive = false"
        )
    return None


def _encode(pixels: Pixels, setting: Setting) -> bytes:
    progressive = setting.extra("progressive") is True
    optimize = setting.extra("optimize") is True
    height, width = pixels.shape[:2]
    with _one_block(height, width) if progressive or optimize else nullcontext():
        return save(
            pixels,
            "JPEG",
            "JPEG",
            quality=setting.quality,
            subsampling=_ratio(setting),
            progressive=progressive,
            optimize=optimize,
        )


@contextmanager
def _one_block(height: int, width: int) -> Iterator[None]:
    """Make Pillow's output block large enough for the whole file.

    libjpeg cannot suspend while it writes optimized or progressive data, and the block that Pillow reserves by
    default (one or two bytes per pixel) is too small for noisy images at high quality: saving then fails with
    "broken data stream". Six bytes per padded pixel is the bound that libjpeg-turbo's own ``tj3JPEGBufSize`` uses
    for 4:4:4. Untouched pages of the block cost nothing.
    """
    padded = (height + 15) // 16 * 16 * ((width + 15) // 16 * 16)
    with _block_size_lock:
        before = ImageFile.MAXBLOCK
        ImageFile.MAXBLOCK = max(before, 6 * padded + 65536)
        try:
            yield
        finally:
            ImageFile.MAXBLOCK = before


def _decode(data: bytes) -> Pixels:
    try:
        with JpegImagePlugin.JpegImageFile(io.BytesIO(data)) as image:
            return to_pixels(image)
    except (OSError, SyntaxError, ValueError) as error:
        raise CodecError(f"JPEG could not be decoded: {error}") from error


def _seconds_per_megapixel(setting: Setting) -> float:
    # Medians on three photographs of 0.4 megapixels, quality 80, libjpeg-turbo 3.2.0, one x86-64 server core.
    seconds = 0.0055 if setting.get("chroma_subsampling") in ("444", "422") else 0.0035
    if setting.extra("progressive") is True:
        return seconds * 5
    return seconds * 2.3 if setting.extra("optimize") is True else seconds


def _peak_bytes(setting: Setting, pixels: int) -> float:
    # Pillow's copy, the block for the output, and, for a file that needs more than one pass, all coefficients.
    passes = setting.extra("progressive") is True or setting.extra("optimize") is True
    return (18.0 if passes else 14.0) * pixels


def _ratio(setting: Setting) -> str:
    return CHROMA_RATIOS[setting.get("chroma_subsampling", _DEFAULT_SAMPLING)]


def _fixed(setting: Setting) -> dict[str, Scalar]:
    fixed: dict[str, Scalar] = {"depth": 8, "threads": 1}
    return {**fixed, "optimize": True} if setting.extra("progressive") is True else fixed


def _commands(setting: Setting) -> tuple[ToolCommand, ...]:
    return _cjpeg(setting), _pillow(setting), _sharp(setting)


def _cjpeg(setting: Setting) -> ToolCommand:
    flags = [f"-{name}" for name in ("progressive", "optimize") if setting.extra(name) is True]
    sampling = _CJPEG_SAMPLING[setting.get("chroma_subsampling", _DEFAULT_SAMPLING)]
    # Without it, cjpeg writes quantisation tables of 16 bits below quality 25, which few programs read.
    text = shell("cjpeg", "-quality", setting.quality, "-baseline", "-sample", sampling, *flags)
    return ToolCommand("cjpeg", f"{text} -outfile output.jpg input.ppm")


def _pillow(setting: Setting) -> ToolCommand:
    options: dict[str, object] = {"quality": setting.quality, "subsampling": _ratio(setting)}
    return pillow(".jpg", options | {name: True for name, value in setting.extra_args if value is True})


def _sharp(setting: Setting) -> ToolCommand:
    if obstacle := sharp_obstacle(setting):
        return ToolCommand("sharp", None, obstacle)
    options: dict[str, Scalar] = {"quality": setting.quality or 0, "chromaSubsampling": _ratio(setting)}
    if setting.extra("progressive") is True:
        options["progressive"] = True
    elif setting.extra("optimize") is not True:
        options["optimizeCoding"] = False  # sharp's default is true
    return sharp("jpeg", ".jpg", options, "writes no JFIF header: 18 bytes less")


ENCODER = Encoder(
    EncoderFacts(
        id="jpeg",
        format="jpeg",
        title="JPEG",
        extension=".jpg",
        parameters=(
            Parameter("quality", "libjpeg quality; 0 produces the same file as 1", minimum=0, maximum=100),
            Parameter(
                "chroma_subsampling",
                "chroma samples kept: all, half, a quarter",
                choices=("444", "422", "420"),
                default=_DEFAULT_SAMPLING,
                show=tuple(CHROMA_RATIOS.items()),
            ),
        ),
        extra_parameters=(
            Parameter("progressive", "progressive scans", choices=(True, False), default=False),
            Parameter(
                "optimize", "Huffman tables optimized for the image", choices=(True, False), default=False
            ),
        ),
        mime="image/jpeg",
        browsers="every browser",
        all_browsers=True,
        browsers_checked="2026-11-24",
        # JPEG, the usual baseline, has the colour of text.
        colour=("#33383f", "#d7dce3"),
        marker="circle",
    ),
    version=_version,
    encode=_encode,
    decode=_decode,
    seconds_per_megapixel=_seconds_per_megapixel,
    peak_bytes=_peak_bytes,
    check=_check,
    commands=_commands,
    self_test=SelfTest(Setting.of("jpeg", quality=100, chroma_subsampling="444"), tolerance=6),
    fixed=_fixed,
)
