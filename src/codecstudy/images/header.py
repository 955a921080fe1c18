"""How large an image is, from the beginning of its file: what estimates need before anything is decoded."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Sequence
from importlib.metadata import version as installed
from pathlib import Path
from typing import BinaryIO

from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    TiffImagePlugin,
)

from codecstudy.files import open_regular
from codecstudy.images import boxes, jxl_header, webp
from codecstudy.images.readers import MAX_PIXELS, check_bytes
from codecstudy.images.sniff import sniff

_HEAD = 1 << 20
"""Bytes that hold the header of any image that is not made to be odd."""

_CONVERSION = 1
"""Counts up whenever the same file gives other pixels than before."""

_OPENERS: dict[str, Callable[[BinaryIO], ImageFile.ImageFile]] = {
    "PNG": PngImagePlugin.PngImageFile,
    "JPEG": JpegImagePlugin.JpegImageFile,
    "TIFF": TiffImagePlugin.TiffImageFile,
    "BMP": BmpImagePlugin.BmpImageFile,
    "PNM": PpmImagePlugin.PpmImageFile,
    "AVIF": AvifImagePlugin.AvifImageFile,
}


def dimensions(path: Path) -> tuple[int, int] | None:
    """Width and height in pixels as stored (an orientation is not applied), without decoding.

    None where the file does not tell; loading it then says why.
    """
    try:
        with open_regular(path) as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _dimensions(file)
    except Exception:
        # Decoders raise anything on damaged files; each of it means that the size is not known yet.
        return None


def make_reader(config: None) -> Callable[[Sequence[Path]], list[tuple[int, int] | None]]:
    """:func:`dimensions` of many files, as a worker process runs it."""
    return lambda paths: [dimensions(path) for path in paths]


def _dimensions(file: BinaryIO) -> tuple[int, int]:
    head = file.read(_HEAD)
    format = sniff(head)
    if format == "JXL":
        header = jxl_header.read(boxes.jxl_codestream(head))
        return header.width, header.height
    if format == "WebP":
        facts = webp.facts(head, whole=False)
        return facts.width, facts.height
    file.seek(0)
    if format == "AVIF":
        # Pillow reads all of an AVIF file to open it.
        check_bytes(os.fstat(file.fileno()).st_size, MAX_PIXELS)
    # The plug-in itself, not Image.open: its limit on pixels is the caller's global setting.
    with _OPENERS[format](file) as image:
        return image.width, image.height


def version() -> str:
    """What pixels depend on besides the file: part of a measurement's identity."""
    return f"conversion {_CONVERSION}, Pillow {installed('pillow')}, imagecodecs {installed('imagecodecs')}"
