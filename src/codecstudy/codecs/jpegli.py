"""JPEG with jpegli, through pyjpegli, which is optional.

pyjpegli 0.3.2 has only a quality. Everything else is as jpegli's library has it by default (lib/jpegli/encode.cc in
pyjpegli's source distribution): 4:2:0, one sequential scan with the standard Huffman tables, adaptive quantization,
YCbCr, two quantization tables. jpegli's own program, cjpegli, writes progressive scans with optimized tables. So
that jpegli is not represented below its worth, its files are rewritten that way, without a change of the quantized
coefficients, by mozjpeg-lossless-optimization; ``progressive = false`` leaves them as they are. cjpegli has a third
quantization table, too, and 4:4:4 by default, so none of its commands gives these bytes.
"""

from __future__ import annotations

import importlib.util
from importlib.metadata import version as installed

import numpy as np

from codecstudy.codecs import jpeg
from codecstudy.codecs.base import Encoder, SelfTest
from codecstudy.errors import CodecError
from codecstudy.types import EncoderFacts, Parameter, Pixels, Scalar, Setting, ToolCommand


def _missing() -> str | None:
    for module in ("pyjpegli", "mozjpeg_lossless_optimization"):
        if importlib.util.find_spec(module) is None:
            return f"it needs {module}, which is not installed: pip install 'codecstudy[jpegli]'"
    return None


def _version() -> str:
    import pyjpegli

    optimizer = installed("mozjpeg-lossless-optimization")
    return f"jpegli (pyjpegli {pyjpegli.__version__}; mozjpeg-lossless-optimization {optimizer})"


def _check(setting: Setting) -> str | None:
    return "jpegli needs quality, 1 to 100" if setting.quality is None else None


def _encode(pixels: Pixels, setting: Setting) -> bytes:
    import pyjpegli
    from mozjpeg_lossless_optimization import optimize

    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
        raise ValueError(
            f"a codec takes uint8 pixels of shape (height, width, 3), not {pixels.dtype} {pixels.shape}"
        )
    height, width = pixels.shape[:2]
    try:
        quality = setting.get("quality")
        encoded = bytes(pyjpegli.encode(np.ascontiguousarray(pixels), width, height, quality=quality))
        return optimize(encoded) if _progressive(setting) else encoded
    except (RuntimeError, ValueError) as error:
        raise CodecError(f"JPEG could not encode {width}x{height} pixels: {error}") from error


def _progressive(setting: Setting) -> bool:
    return setting.extra("progressive") is not False


def _fixed(setting: Setting) -> dict[str, Scalar]:
    return {
        "chroma_subsampling": "420",
        "optimize": _progressive(setting),
        "adaptive_quantization": True,
        "xyb": False,
        "depth": 8,
        "threads": 1,
    }


def _commands(setting: Setting) -> tuple[ToolCommand, ...]:
    call = f"pyjpegli.encode(pixels, pixels.shape[1], pixels.shape[0], quality={setting.quality})"
    if _progressive(setting):
        call = f"mozjpeg_lossless_optimization.optimize({call})"
    return (
        ToolCommand(
            "pyjpegli",
            f'pathlib.Path("output.jpg").write_bytes({call})',
            "Python; pixels is a contiguous uint8 array of height x width x 3",
        ),
        ToolCommand(
            "cjpegli",
            None,
            "cjpegli has a third quantization table, which pyjpegli has not: its files are other ones",
        ),
    )


ENCODER = Encoder(
    EncoderFacts(
        id="jpegli",
        format="jpeg",
        title="JPEG (jpegli)",
        extension=".jpg",
        parameters=(Parameter("quality", "jpegli's quality; 90 is distance 1", minimum=1, maximum=100),),
        extra_parameters=(
            Parameter(
                "progressive",
                "progressive scans with optimized Huffman tables, by mozjpeg-lossless-optimization; false: one "
                "sequential scan, as pyjpegli writes it",
                choices=(True, False),
                default=True,
            ),
        ),
        mime="image/jpeg",
        browsers="every browser",
        all_browsers=True,
        browsers_checked="2026-11-24",
        colour=("#828d99", "#7b8694"),
        marker="circle",
    ),
    version=_version,
    encode=_encode,
    decode=jpeg.ENCODER.decode,
    # Medians on three photographs of 0.4 megapixels, quality 80, pyjpegli 0.3.2, one x86-64 server core.
    seconds_per_megapixel=lambda setting: 0.045 if _progressive(setting) else 0.0035,
    peak_bytes=lambda setting, pixels: 16.0 * pixels,
    check=_check,
    commands=_commands,
    # Chroma is always subsampled: upsampling blends the colours of two squares at their border. Channels in the
    # wrong order, for example, would be off by 255.
    self_test=SelfTest(Setting.of("jpeg", encoder="jpegli", quality=100), tolerance=128),
    missing=_missing,
    fixed=_fixed,
)
