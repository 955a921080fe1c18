"""The command line encoders of the formats' own projects: cjpeg, cjpegli, cwebp, avifenc and cjxl.

They are used where they are found on PATH, and only if a study names them. The default encoder of the format
decodes their files, so that these are compared with others of the format by the same decoder. What a version of a
tool does not offer is refused: its help says what it offers.

Options: cjpeg (libjpeg-turbo, doc/cjpeg.1, 8a99315b), cjpegli (libjxl, tools/cjpegli.cc, 09db6766), cwebp (libwebp,
man/cwebp.1, 3757b8af), avifenc (libavif, doc/avifenc.1.md, 092276ce), cjxl (libjxl, tools/cjxl_main.cc).
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import re
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from codecstudy import codecs
from codecstudy.codecs import command, processes
from codecstudy.codecs.base import Encoder, SelfTest
from codecstudy.codecs.command import PixelFile, input_name, output_name
from codecstudy.codecs.commands import CHROMA_RATIOS, shell
from codecstudy.errors import CodecstudyError
from codecstudy.types import (
    QUALITY,
    EncoderFacts,
    Parameter,
    RateParameter,
    Scalar,
    Setting,
    ToolCommand,
    plain,
)

_SWITCH = (True, False)


def _program(
    facts: EncoderFacts,
    words: Callable[[Setting], Sequence[str]],
    *,
    reads: PixelFile,
    version: Sequence[str],
    packages: str,
    check: Callable[[Setting], str | None],
    fixed: Mapping[str, Scalar],
    self_test: SelfTest,
    obstacle: Callable[[], str | None] = lambda: None,
) -> Encoder:
    """An encoder that is a program called ``facts.id``.

    Args:
        facts: Its facts.
        words: Its command line for a setting, without the program's name.
        reads: Format of the file that it is given.
        version: Options that make it print its version.
        packages: Which packages contain it.
        check: As of :class:`Encoder`; it is asked only where the program is there.
        fixed: Options that it is always given.
        self_test: As of :class:`Encoder`.
        obstacle: Why the program that was found cannot be used, or None.
    """
    name, format = facts.id, facts.format

    def full(setting: Setting) -> list[str]:
        return [name, *words(setting)]

    def stated() -> str:
        path = processes.find(name) or name
        text = processes.first_line([path, *version]).removeprefix("Version: ") if version else ""
        # A changed command line is a changed encoder, too.
        content = f"{processes.content_hash([path])} {words(self_test.setting)}"
        identity = hashlib.sha256(content.encode()).hexdigest()[:12]
        text = text if name in text else f"{name} {text}".strip()
        return f"{text} (content {identity}; decoder {codecs.get(format).version()})"

    def missing() -> str | None:
        return command.missing({name: f"; {packages}"}) or obstacle()

    def as_default(setting: Setting) -> Setting:
        return dataclasses.replace(setting, encoder=format)

    return Encoder(
        facts,
        version=stated,
        encode=lambda pixels, setting: command.encode(full(setting), pixels, reads, facts.extension),
        decode=lambda data: codecs.get(format).decode(data),
        # The library behind the program is the one behind the default encoder.
        seconds_per_megapixel=lambda setting: codecs.get(format).seconds_per_megapixel(as_default(setting)),
        peak_bytes=lambda setting, pixels: codecs.get(format).peak_bytes(as_default(setting), pixels),
        check=lambda setting: None if missing() else check(setting),
        commands=lambda setting: (ToolCommand(name, shell(*full(setting))),),
        self_test=self_test,
        missing=missing,
        fixed=lambda setting: fixed,
    )


def _help(name: str, *options: str) -> str:
    """What the program says about its options."""
    path = processes.find(name) or name
    return processes.asked((path, *options), may_fail=True)


def _switches(setting: Setting, options: Mapping[str, str]) -> list[str]:
    """The options of those switches that are on, by name of the extra argument."""
    return [option for name, option in options.items() if setting.extra(name) is True]


def _values(setting: Setting, options: Mapping[str, str]) -> list[str]:
    """Options with their values, by name of the extra argument."""
    given = [(option, setting.extra(name)) for name, option in options.items()]
    return [word for option, value in given if value is not None for word in (option, plain(value))]


def _chroma(choices: tuple[str, ...], default: str) -> Parameter:
    meanings = {"444": "all", "422": "half", "420": "a quarter", "400": "none (a grey image)"}
    return Parameter(
        "chroma_subsampling",
        f"chroma samples kept: {', '.join(meanings[choice] for choice in choices)}",
        choices=choices,
        default=default,
        show=tuple(CHROMA_RATIOS.items()),
    )


def _facts(id: str, format: str, title: str, extension: str, **further: object) -> EncoderFacts:
    # Which browsers show a file does not depend on who made it; the pages with these dates are named there.
    shared = {
        "jpeg": ("image/jpeg", "every browser", True),
        "webp": ("image/webp", "all current browsers", True),
        "avif": ("image/avif", "all current browsers", True),
        "jxl": ("image/jxl", "not all browsers", False),
    }
    mime, browsers, all_browsers = shared[format]
    return EncoderFacts(
        id=id,
        format=format,
        title=f"{title} ({id})",
        extension=extension,
        mime=mime,
        browsers=browsers,
        all_browsers=all_browsers,
        browsers_checked="2026-11-24",
        **further,  # type: ignore[arg-type]
    )


# cjpeg

_SAMPLING = {"444": "1x1", "422": "2x1", "420": "2x2"}


def _cjpeg(setting: Setting) -> list[str]:
    words = ["-quality", plain(setting.get("quality"))]
    words += ["-sample", _SAMPLING[setting.get("chroma_subsampling", "420")]]
    words += ["-dct", str(setting.extra("dct", "int"))]
    words += _switches(setting, {"progressive": "-progressive", "optimize": "-optimize"})
    if setting.extra("baseline", True):
        words.append("-baseline")
    return [*words, "-outfile", output_name(".jpg"), input_name("ppm")]


def _check_cjpeg(setting: Setting) -> str | None:
    if setting.quality is None:
        return "cjpeg needs quality, 0 to 100"
    if setting.extra("progressive") is True and setting.extra("optimize") is False:
        return (
            "extra_args: optimize = false has no effect on a progressive JPEG, whose Huffman tables are always "
            "optimized; leave optimize out or set progressive = false"
        )
    return None


def _is_mozjpeg() -> str | None:
    if "mozjpeg" in _help("cjpeg", "-version") or "-revert" in _help("cjpeg", "-help"):
        return (
            f"{processes.find('cjpeg')} is that of mozjpeg, whose options have other defaults; put libjpeg-turbo's "
            "first on PATH, or define an encoder with a command of your own"
        )
    return None


CJPEG = _program(
    _facts(
        "cjpeg",
        "jpeg",
        "JPEG",
        ".jpg",
        parameters=(
            Parameter("quality", "libjpeg quality; 0 produces the same file as 1", minimum=0, maximum=100),
            _chroma(("444", "422", "420"), "420"),
        ),
        extra_parameters=(
            Parameter("progressive", "progressive scans", choices=_SWITCH, default=False),
            Parameter("optimize", "Huffman tables optimized for the image", choices=_SWITCH, default=False),
            Parameter(
                "baseline",
                "quantization steps of at most 255, for every decoder",
                choices=_SWITCH,
                default=True,
            ),
            Parameter(
                "dct",
                "cosine transform: accurate, fast, or with floating-point numbers",
                choices=("int", "fast", "float"),
                default="int",
            ),
        ),
    ),
    _cjpeg,
    reads="ppm",
    version=["-version"],
    packages="it is in Debian's libjpeg-turbo-progs and Homebrew's jpeg-turbo",
    check=_check_cjpeg,
    fixed={"depth": 8, "threads": 1},
    self_test=SelfTest(
        Setting.of("jpeg", encoder="cjpeg", quality=100, chroma_subsampling="444"), tolerance=6
    ),
    obstacle=_is_mozjpeg,
)


# cjpegli


def _one_rate(setting: Setting) -> str | None:
    """What is wrong with quality and distance, of which there must be one."""
    distance = setting.extra("distance")
    if (setting.quality is None) == (distance is None):
        what = "quality, 0 to 100, or distance, 0 to 25, in extra_args"
        return f"{setting.encoder} needs {what}{'' if distance is None else ', not both'}"
    return None


def _quality_or_distance(setting: Setting) -> list[str]:
    distance = setting.extra("distance")
    return ["-q", plain(setting.get("quality"))] if distance is None else ["-d", plain(distance)]


def _cjpegli(setting: Setting) -> list[str]:
    words = [input_name("ppm"), output_name(".jpg"), *_quality_or_distance(setting)]
    words.append(f"--chroma_subsampling={setting.get('chroma_subsampling', '420')}")
    words.append(f"--progressive_level={setting.extra('progressive_level', 2)}")
    switches = {"xyb": "--xyb", "std_quant": "--std_quant", "fixed_code": "--fixed_code"}
    words += _switches(setting, switches)
    if setting.extra("adaptive_quantization") is False:
        words.append("--noadaptive_quantization")
    return words


def _check_cjpegli(setting: Setting) -> str | None:
    if setting.extra("fixed_code") is True and setting.extra("progressive_level") != 0:
        return "extra_args: fixed_code needs progressive_level = 0"
    return _one_rate(setting)


_DISTANCE = Parameter(
    "distance",
    "Butteraugli distance instead of quality; 1 is visually lossless",
    minimum=0,
    maximum=25,
    integer=False,
)
_BY_DISTANCE = RateParameter("distance", finer_is_higher=False, step=0.05, extra=True)

CJPEGLI = _program(
    _facts(
        "cjpegli",
        "jpeg",
        "JPEG",
        ".jpg",
        parameters=(
            Parameter("quality", "jpegli quality, similar to that of libjpeg", minimum=0, maximum=100),
            _chroma(("444", "422", "420"), "420"),
        ),
        extra_parameters=(
            _DISTANCE,
            Parameter(
                "progressive_level", "0 is sequential, 2 has the most scans", minimum=0, maximum=2, default=2
            ),
            Parameter("adaptive_quantization", "adapt to the image", choices=_SWITCH, default=True),
            Parameter(
                "std_quant", "quantization tables of the JPEG standard", choices=_SWITCH, default=False
            ),
            Parameter("fixed_code", "Huffman tables of the JPEG standard", choices=_SWITCH, default=False),
            Parameter("xyb", "colour space XYB, with an ICC profile", choices=_SWITCH, default=False),
        ),
        rates=(QUALITY, _BY_DISTANCE),
    ),
    _cjpegli,
    reads="ppm",
    version=[],
    packages="it is in libjxl's tools up to 0.11 (Homebrew's jpeg-xl) and in jpegli",
    check=_check_cjpegli,
    fixed={"depth": 8, "threads": 1},
    self_test=SelfTest(
        Setting.of("jpeg", encoder="cjpegli", quality=100, chroma_subsampling="444"), tolerance=6
    ),
)


# cwebp

_WEBP_VALUES = {
    "near_lossless": "-near_lossless",
    "segments": "-segments",
    "sns": "-sns",
    "filter_strength": "-f",
    "sharpness": "-sharpness",
    "passes": "-pass",
}
_WEBP_LOSSY = ("sharp_yuv", "segments", "sns", "filter_strength", "sharpness", "passes")


def _cwebp(setting: Setting) -> list[str]:
    # The preset comes first, since it sets other options.
    words = ["-quiet", *_values(setting, {"preset": "-preset"})]
    if setting.quality is not None:
        words += ["-q", plain(setting.get("quality"))]
    words += ["-m", plain(setting.get("method", 4))]
    words += _switches(setting, {"lossless": "-lossless", "sharp_yuv": "-sharp_yuv"})
    words += _values(setting, _WEBP_VALUES)
    return [*words, input_name("ppm"), "-o", output_name(".webp")]


def _check_cwebp(setting: Setting) -> str | None:
    lossless = setting.extra("lossless") is True
    if setting.quality is None and not lossless:
        return "cwebp needs quality, 0 to 100, or lossless = true in extra_args"
    if not lossless and setting.extra("near_lossless") is not None:
        return "extra_args: near_lossless needs lossless = true"
    if lossless and (idle := [name for name in _WEBP_LOSSY if setting.extra(name) is not None]):
        return f"extra_args: {', '.join(idle)}: has no effect with lossless = true; leave it out"
    return None


CWEBP = _program(
    _facts(
        "cwebp",
        "webp",
        "WebP",
        ".webp",
        parameters=(
            Parameter("quality", "libwebp quality; for lossless files, the effort", minimum=0, maximum=100),
            Parameter("method", "0 is fast, 6 is small", minimum=0, maximum=6, default=4),
        ),
        extra_parameters=(
            Parameter("sharp_yuv", "chroma that keeps edges sharp, slower", choices=_SWITCH, default=False),
            Parameter("lossless", "keep every pixel as it is", choices=_SWITCH, default=False),
            Parameter("near_lossless", "with lossless: 0 changes most, 100 nothing", minimum=0, maximum=100),
            Parameter(
                "preset",
                "kind of image, which sets sns, filter_strength and sharpness",
                choices=("default", "photo", "picture", "drawing", "icon", "text"),
            ),
            Parameter("sns", "spatial noise shaping", minimum=0, maximum=100),
            Parameter("filter_strength", "deblocking filter; 0 is off", minimum=0, maximum=100),
            Parameter("sharpness", "of the deblocking filter; 0 is the sharpest", minimum=0, maximum=7),
            Parameter("segments", "parts with a quantizer of their own", minimum=1, maximum=4),
            Parameter("passes", "passes of the analysis", minimum=1, maximum=10),
        ),
        rates=(
            RateParameter("quality", unless=(("lossless", True),)),
            RateParameter("near_lossless", extra=True),
        ),
    ),
    _cwebp,
    reads="ppm",
    version=["-version"],
    packages="it is in Debian's and Homebrew's webp",
    check=_check_cwebp,
    fixed={"depth": 8, "chroma_subsampling": "420", "threads": 1},
    self_test=SelfTest(Setting.of("webp", encoder="cwebp", extra_args={"lossless": True})),
)


# avifenc

_AVIF_OWN = {
    "depth": "-d",
    "range": "-r",
    "tile_rows": "--tilerowslog2",
    "tile_cols": "--tilecolslog2",
}
_AVIF_EXTRAS = (
    Parameter("codec", "AV1 encoder", choices=("aom", "svt", "rav1e"), default="aom"),
    Parameter("quantizer", "AV1 quantizer instead of quality; 0 is lossless in YCbCr", minimum=0, maximum=63),
    Parameter("depth", "bits per sample", choices=(8, 10, 12), default=8),
    Parameter("range", "YCbCr sample range", choices=("full", "limited"), default="full"),
    Parameter("sharp_yuv", "4:2:0 chroma that keeps edges sharp", choices=_SWITCH, default=False),
    Parameter("tile_rows", "tile rows as a power of two", minimum=0, maximum=6, default=0),
    Parameter("tile_cols", "tile columns as a power of two", minimum=0, maximum=6, default=0),
)
_AVIF_NAMES = frozenset(p.name for p in _AVIF_EXTRAS)


def _advanced(setting: Setting) -> tuple[tuple[str, Scalar], ...]:
    return tuple((name, value) for name, value in setting.extra_args if name not in _AVIF_NAMES)


def _avifenc(setting: Setting) -> list[str]:
    words = ["-j", "1", "-c", str(setting.extra("codec", "aom")), "-s", plain(setting.get("speed", 6))]
    words += ["-y", setting.get("chroma_subsampling", "420")]
    quantizer = setting.extra("quantizer")
    if quantizer is None:
        words += ["-q", plain(setting.get("quality"))]
    else:
        words += ["--min", plain(quantizer), "--max", plain(quantizer)]
    for name, option in _AVIF_OWN.items():
        default = next(p.default for p in _AVIF_EXTRAS if p.name == name)
        words += [option, plain(setting.extra(name, default) or 0)]
    words += _switches(setting, {"sharp_yuv": "--sharpyuv"})
    for name, value in _advanced(setting):
        words += ["-a", f"{name}={plain(int(value) if isinstance(value, bool) else value)}"]
    return [*words, input_name("png"), output_name(".avif")]


def _check_avifenc(setting: Setting) -> str | None:
    codec, quantizer = str(setting.extra("codec", "aom")), setting.extra("quantizer")
    text = _help("avifenc", "--help")
    version = processes.first_line([processes.find("avifenc") or "avifenc", "--version"])
    if not re.search(rf"\b{codec} \[enc", text):
        return f"extra_args: codec = {codec}: avifenc here cannot encode with it ({version})"
    if (setting.quality is None) == (quantizer is None):
        what = "quality, 0 to 100, or quantizer, 0 to 63, in extra_args"
        return f"avifenc needs {what}{'' if quantizer is None else ', not both'}"
    if quantizer is None and "--qcolor" not in text:
        return f"avifenc here has no quality yet; give quantizer, 0 to 63, in extra_args instead ({version})"
    if codec == "svt" and setting.get("chroma_subsampling", "420") != "420":
        return "SVT-AV1 encodes only chroma_subsampling 420"
    if setting.extra("sharp_yuv") is True:
        if setting.get("chroma_subsampling", "420") != "420":
            return "extra_args: sharp_yuv needs chroma_subsampling 420"
        if "--sharpyuv" not in text:
            return f"extra_args: sharp_yuv: avifenc here does not have it ({version})"
    advanced = _advanced(setting)
    if advanced and codec != "aom":
        return f"extra_args: {advanced[0][0]}: only options of libaom can be given, with codec = aom"
    return _refused_by_aom(advanced) if advanced else None


@functools.lru_cache(maxsize=1024)
def _refused_by_aom(advanced: tuple[tuple[str, Scalar], ...]) -> str | None:
    """What libaom says against these options. It checks them itself, so a tiny image is encoded with them."""
    trial = Setting.of("avif", encoder="avifenc", speed=10, extra_args={"quantizer": 40, **dict(advanced)})
    try:
        command.encode(["avifenc", *_avifenc(trial)], np.zeros((16, 16, 3), np.uint8), "png", ".avif")
    except CodecstudyError as error:
        shown = ", ".join(f"{name} = {plain(value)}" for name, value in advanced)
        said = str(error).rpartition("* ")[2]
        return f"extra_args: {shown}: avifenc does not accept this: {said}"
    return None


AVIFENC = _program(
    _facts(
        "avifenc",
        "avif",
        "AVIF",
        ".avif",
        parameters=(
            Parameter("quality", "libavif quality; needs libavif 1.0", minimum=0, maximum=100),
            _chroma(("444", "422", "420", "400"), "420"),
            Parameter("speed", "0 is slow and small, 10 is fast", minimum=0, maximum=10, default=6),
        ),
        extra_parameters=_AVIF_EXTRAS,
        open_extra=True,
        rates=(QUALITY, RateParameter("quantizer", finer_is_higher=False, extra=True)),
    ),
    _avifenc,
    reads="png",
    version=["--version"],
    packages="it is in Debian's libavif-bin and Homebrew's libavif",
    check=_check_avifenc,
    fixed={"threads": 1},
    self_test=SelfTest(
        Setting.of("avif", encoder="avifenc", chroma_subsampling="444", speed=8, extra_args={"quantizer": 4}),
        tolerance=6,
    ),
)


# cjxl


def _cjxl(setting: Setting) -> list[str]:
    words = [input_name("ppm"), output_name(".jxl"), *_quality_or_distance(setting)]
    words += ["-e", plain(setting.get("effort", 7)), "--num_threads=0", "--quiet"]
    if (modular := setting.extra("modular")) is not None:
        words.append(f"--modular={int(modular)}")
    if (frames := setting.extra("progressive_dc")) is not None:
        words.append(f"--progressive_dc={plain(frames)}")
    if decoding := setting.extra("decodingspeed"):
        words.append(f"--faster_decoding={plain(decoding)}")
    return words


def _check_cjxl(setting: Setting) -> str | None:
    found = re.search(r"Encoder effort setting\. Range: 1 \.\. (\d+)", _help("cjxl", "-v", "-v", "-h"))
    greatest = 9 if found is None else int(found[1])
    if setting.get("effort", 7) > greatest:
        return f"effort {setting.get('effort')}: the greatest effort of cjxl here is {greatest}"
    return _one_rate(setting)


CJXL = _program(
    _facts(
        "cjxl",
        "jxl",
        "JPEG XL",
        ".jxl",
        parameters=(
            Parameter(
                "quality",
                "mapped to a Butteraugli distance; 90 is distance 1, 100 is lossless",
                minimum=0,
                maximum=100,
            ),
            Parameter("effort", "1 is fast, 10 is small", minimum=1, maximum=10, default=7),
        ),
        extra_parameters=(
            _DISTANCE,
            Parameter(
                "decodingspeed", "0 favours small files, 4 fast decoding", minimum=0, maximum=4, default=0
            ),
            Parameter("modular", "modular mode instead of VarDCT; the encoder's choice", choices=_SWITCH),
            # Its other progressive options change nothing in Debian's version, 0.7.
            Parameter(
                "progressive_dc",
                "frames with a coarser image before the whole one, for progressive decoding; the encoder's choice",
                minimum=0,
                maximum=2,
            ),
        ),
        rates=(QUALITY, _BY_DISTANCE),
    ),
    _cjxl,
    reads="ppm",
    version=["--version"],
    packages="it is in Debian's libjxl-tools and Homebrew's jpeg-xl",
    check=_check_cjxl,
    fixed={"depth": 8, "chroma_subsampling": "444", "threads": 1},
    self_test=SelfTest(Setting.of("jxl", encoder="cjxl", quality=100)),
)
