"""How to get a setting from the tools that people use: commands and code to copy.

Checked against the tools' own documentation and sources: cjpeg of libjpeg-turbo (doc/cjpeg.1, 8a99315b),
cwebp of libwebp (man/cwebp.1, 3757b8af), avifenc of libavif (doc/avifenc.1.md, 092276ce), cjxl of libjxl
(tools/cjxl_main.cc), Pillow (src/PIL/*ImagePlugin.py, 4e5f09f5), sharp (lib/output.mjs, ea5bef24) and what it
stands on, libvips (libvips/foreign/{heif,webp,jxl}save.c, 29fd1202).
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from dataclasses import dataclass

from codecstudy.types import Scalar, Setting


@dataclass(frozen=True, slots=True)
class ToolCommand:
    """One setting for one tool."""

    tool: str
    """``avifenc``, ``Pillow``, ``sharp``, ..."""
    text: str | None
    """What to copy; None where the tool cannot do it."""
    note: str | None = None
    """What the text leaves out or does otherwise, or why there is none."""


def commands(setting: Setting) -> tuple[ToolCommand, ...]:
    """The setting for common tools; empty for a format that none of them has (an encoder of your own).

    Where a tool lacks a parameter there is no text, but a note: a command that does something else than what
    was measured would be worse than none.
    """
    made = _BY_FORMAT.get(setting.format)
    if made is None:
        return ()
    return tuple(_with_size(setting, make(setting)) for make in made)


def _with_size(setting: Setting, command: ToolCommand) -> ToolCommand:
    """Say what was done to the image before it was encoded."""
    before = []
    if setting.resolution is not None:
        before.append(f"resize the longest edge to {setting.resolution} pixels (Lanczos) first")
    if setting.crop is not None:
        before.append(f"the study encoded crops with a longest edge of {setting.crop} pixels")
    notes = [*before, *([command.note] if command.note else [])]
    return ToolCommand(command.tool, command.text, "; ".join(notes) or None)


def _shell(*words: object) -> str:
    return " ".join(shlex.quote(str(word)) for word in words)


def _pillow(extension: str, options: dict[str, object]) -> ToolCommand:
    given = "".join(f", {name}={_python(value)}" for name, value in options.items())
    return ToolCommand("Pillow", f'image.save("output{extension}"{given})')


def _python(value: object) -> str:
    """A literal with double quotes, as formatters write it; dictionaries of text alone."""
    if isinstance(value, str | dict):
        return json.dumps(value, ensure_ascii=False)
    return repr(value)


def _sharp(method: str, extension: str, options: dict[str, Scalar], note: str | None = None) -> ToolCommand:
    given = ", ".join(f"{name}: {_javascript(value)}" for name, value in options.items())
    text = f'await sharp("input.png").{method}({{ {given} }}).toFile("output{extension}");'
    return ToolCommand("sharp", text, note)


def _javascript(value: Scalar) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value) if isinstance(value, str) else f"{value:g}"


def _none(tool: str, note: str) -> ToolCommand:
    return ToolCommand(tool, None, note)


def _extras(setting: Setting) -> dict[str, Scalar]:
    return dict(setting.extra_args)


_RATIO = {"444": "4:4:4", "422": "4:2:2", "420": "4:2:0", "400": "4:0:0"}
_CJPEG_SAMPLING = {"444": "1x1", "422": "2x1", "420": "2x2"}


def _sharp_obstacle(setting: Setting) -> str | None:
    """What sharp cannot do for JPEG and AVIF."""
    if setting.get("chroma_subsampling") in ("422", "400"):
        return f"sharp has 4:4:4 and 4:2:0 only, not {_RATIO[setting.get('chroma_subsampling')]}"
    if setting.quality == 0:
        return "sharp's lowest quality is 1"
    return None


def _cjpeg(setting: Setting) -> ToolCommand:
    extras = _extras(setting)
    flags = [f"-{name}" for name in ("progressive", "optimize") if extras.get(name) is True]
    sampling = _CJPEG_SAMPLING[setting.get("chroma_subsampling", "420")]
    text = _shell("cjpeg", "-quality", setting.quality, "-sample", sampling, *flags)
    return ToolCommand("cjpeg", f"{text} -outfile output.jpg input.ppm")


def _pillow_jpeg(setting: Setting) -> ToolCommand:
    options: dict[str, object] = {
        "quality": setting.quality,
        "subsampling": _RATIO[setting.get("chroma_subsampling", "420")],
    }
    return _pillow(".jpg", options | {name: True for name, value in setting.extra_args if value is True})


def _sharp_jpeg(setting: Setting) -> ToolCommand:
    if obstacle := _sharp_obstacle(setting):
        return _none("sharp", obstacle)
    extras = _extras(setting)
    progressive = extras.get("progressive") is True
    options: dict[str, Scalar] = {
        "quality": setting.quality or 0,
        "chromaSubsampling": _RATIO[setting.get("chroma_subsampling", "420")],
    }
    if progressive:
        options["progressive"] = True
    elif extras.get("optimize") is not True:
        options["optimizeCoding"] = False  # sharp's default is true
    return _sharp("jpeg", ".jpg", options)


def _cwebp(setting: Setting) -> ToolCommand:
    lossless = ["-lossless"] if setting.extra("lossless") is True else []
    quality = [] if setting.quality is None else ["-q", setting.quality]
    method = setting.get("method", 4)
    return ToolCommand(
        "cwebp", _shell("cwebp", *lossless, *quality, "-m", method, "input.png", "-o", "output.webp")
    )


def _webp_options(setting: Setting, method: str) -> dict[str, Scalar]:
    lossless = setting.extra("lossless") is True
    # Without a quality (of effort, in lossless files) the study used 75, which is not these tools' default.
    options: dict[str, Scalar] = {"quality": 75 if setting.quality is None else setting.quality}
    options[method] = setting.get("method", 4)
    return options | ({"lossless": True} if lossless else {})


def _pillow_webp(setting: Setting) -> ToolCommand:
    return _pillow(".webp", dict(_webp_options(setting, "method")))


def _sharp_webp(setting: Setting) -> ToolCommand:
    if setting.quality == 0:
        return _none("sharp", "sharp's lowest quality is 1")
    # libvips hands effort to libwebp as its method: the same scale.
    return _sharp("webp", ".webp", _webp_options(setting, "effort"))


_AVIF_OWN = ("range", "tile_rows", "tile_cols", "autotiling")


def _avif_advanced(setting: Setting) -> dict[str, str]:
    """The entries that go to libaom itself, as text."""
    return {
        name: str(int(value)) if isinstance(value, bool) else str(value)
        for name, value in setting.extra_args
        if name not in _AVIF_OWN
    }


def _avif_tiles(setting: Setting) -> tuple[int, int] | None:
    """Base-2 logarithms of tile rows and columns; None where they are chosen by image size."""
    rows, columns = setting.extra("tile_rows"), setting.extra("tile_cols")
    if bool(setting.extra("autotiling", rows is None and columns is None)):
        return None
    return int(rows or 0), int(columns or 0)


def _avifenc(setting: Setting) -> ToolCommand:
    words: list[object] = ["avifenc", "-c", "aom"]
    if setting.quality is not None:
        words += ["-q", setting.quality]
    words += [
        "-s",
        setting.get("speed", 6),
        "-y",
        setting.get("chroma_subsampling", "420"),
    ]
    if setting.extra("range") == "limited":
        words += ["-r", "limited"]
    if (tiles := _avif_tiles(setting)) is not None:
        words += ["--tilerowslog2", tiles[0], "--tilecolslog2", tiles[1]]
    for name, value in _avif_advanced(setting).items():
        words += ["-a", f"{name}={value}"]
    return ToolCommand("avifenc", _shell(*words, "input.png", "output.avif"))


def _pillow_avif(setting: Setting) -> ToolCommand:
    options: dict[str, object] = {} if setting.quality is None else {"quality": setting.quality}
    options["subsampling"] = _RATIO[setting.get("chroma_subsampling", "420")]
    options["speed"] = setting.get("speed", 6)
    options["codec"] = "aom"
    if (sample_range := setting.extra("range")) is not None:
        options["range"] = sample_range
    if (tiles := _avif_tiles(setting)) is not None:
        options |= {"autotiling": False, "tile_rows": tiles[0], "tile_cols": tiles[1]}
    if advanced := _avif_advanced(setting):
        options["advanced"] = advanced
    return _pillow(".avif", options)


def _sharp_avif(setting: Setting) -> ToolCommand:
    speed = setting.get("speed", 6)
    advanced = _avif_advanced(setting)
    tune = advanced.pop("tune", None)
    foreign = [name for name in (*_extras(setting), *advanced) if name in advanced or name in _AVIF_OWN]
    if foreign:
        return _none("sharp", f"sharp has no option for {', '.join(dict.fromkeys(foreign))}")
    if setting.quality is None:
        return _none("sharp", "sharp sets AVIF's rate by quality only")
    if speed > 9:
        return _none("sharp", "sharp's fastest effort, 0, is speed 9")
    if tune not in (None, "iq", "psnr", "ssim"):
        return _none("sharp", f"sharp's tune is iq, psnr or ssim, not {tune}")
    if obstacle := _sharp_obstacle(setting):
        return _none("sharp", obstacle)
    options: dict[str, Scalar] = {
        "quality": setting.quality,
        # libvips gives the encoder speed 9 - effort.
        "effort": 9 - speed,
        "chromaSubsampling": _RATIO[setting.get("chroma_subsampling", "420")],
    }
    if tune is not None:
        options["tune"] = tune
    note = (
        f"sharp counts effort, 9 - speed; it encodes with libheif, so check that sizes agree (speed {speed})"
    )
    return _sharp("avif", ".avif", options, note)


def _jxl_effort(setting: Setting) -> int:
    return int(setting.get("effort", 7))


def _cjxl(setting: Setting) -> ToolCommand:
    distance = setting.extra("distance")
    rate: list[object] = ["-q", setting.quality] if distance is None else ["-d", distance]
    faster = setting.extra("decodingspeed")
    decoding = [f"--faster_decoding={faster}"] if faster else []
    return ToolCommand(
        "cjxl", _shell("cjxl", "input.png", "output.jxl", *rate, "-e", _jxl_effort(setting), *decoding)
    )


def _jxl_distance(setting: Setting) -> float | None:
    """Libjxl's ``JxlEncoderDistanceFromQuality`` (lib/jxl/encode.cc, aea3a06e), for tools that take distances."""
    distance, quality = setting.extra("distance"), setting.quality
    if distance is not None:
        return float(distance)
    if quality is None:
        return None
    if quality >= 100:
        return 0.0
    if quality >= 30:
        return round(0.1 + (100 - quality) * 0.09, 6)
    return round(53 / 3000 * quality * quality - 23 / 20 * quality + 25, 6)


def _imagecodecs_jxl(setting: Setting) -> ToolCommand:
    distance = _jxl_distance(setting)
    options: dict[str, object] = {"effort": _jxl_effort(setting), "distance": distance}
    if distance == 0:
        options["lossless"] = True
    if faster := setting.extra("decodingspeed"):
        options["decodingspeed"] = faster
    given = "".join(f", {name}={_python(value)}" for name, value in options.items())
    text = f'pathlib.Path("output.jxl").write_bytes(imagecodecs.jpegxl_encode(pixels{given}))'
    return ToolCommand("imagecodecs", text, "Python; pixels is a uint8 array of height x width x 3")


def _no_pillow_jxl(setting: Setting) -> ToolCommand:
    return _none("Pillow", "Pillow has no JPEG XL encoder; use imagecodecs")


def _sharp_jxl(setting: Setting) -> ToolCommand:
    distance, effort = _jxl_distance(setting), _jxl_effort(setting)
    if effort > 9:
        return _none("sharp", "sharp's highest effort is 9")
    if distance is None or distance > 15:
        return _none("sharp", "sharp's largest distance is 15")
    options: dict[str, Scalar] = {"lossless": True} if distance == 0 else {"distance": distance}
    options["effort"] = effort
    if faster := setting.extra("decodingspeed"):
        options["decodingTier"] = faster
    return _sharp("jxl", ".jxl", options, "needs a libvips built with libjxl; sharp's own binaries lack it")


_BY_FORMAT: dict[str, tuple[Callable[[Setting], ToolCommand], ...]] = {
    "jpeg": (_cjpeg, _pillow_jpeg, _sharp_jpeg),
    "webp": (_cwebp, _pillow_webp, _sharp_webp),
    "avif": (_avifenc, _pillow_avif, _sharp_avif),
    "jxl": (_cjxl, _imagecodecs_jxl, _no_pillow_jxl, _sharp_jxl),
}
