"""One reader for each file format: from bytes to samples as the file stores them.

Pillow decodes what it can without loss. What it would reduce to 8 bits, or cannot read, goes through
imagecodecs. Sizes are checked before any pixel is decoded.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
from imagecodecs import JpegxlError, avif_decode, jpegxl_decode, png_decode, tiff_decode, webp_decode
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    ExifTags,
    Image,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
)

from codecstudy import host
from codecstudy.errors import ImageError, ImageMemoryError
from codecstudy.images import boxes, colour, jxl_header, png, pnm, webp
from codecstudy.images.colour import Encoding, Samples, Space
from codecstudy.images.raster import Raster

MAX_PIXELS = 500_000_000
"""Larger images are refused before decoding, unless the caller allows more."""

_TAG_BITS, _TAG_PHOTOMETRIC, _TAG_ORIENTATION = 258, 262, 274
_TAG_PLANAR, _TAG_EXTRA, _TAG_SAMPLE_FORMAT = 284, 338, 339

_BYTES_PER_PIXEL = 8
"""Bytes per pixel of the largest samples that are read: four channels of 16 bits."""
_BYTES_BESIDE_PIXELS = 1 << 28
"""Allowance for profiles, metadata and previews in a file."""

_SIMPLER = {"1": "L", "P": "RGB", "PA": "RGBA", "RGBX": "RGB", "YCbCr": "RGB"}
"""Pillow modes that only store the same samples in another way."""

_SPACES: dict[str, Space] = {
    "L": "GRAY",
    "LA": "GRAY",
    "RGB": "RGB",
    "RGBA": "RGB",
    "CMYK": "CMYK",
}


def check_bytes(size: int, max_pixels: int) -> None:
    """Check the size of a file before it is read.

    Args:
        size: Size of the file in bytes.
        max_pixels: Largest allowed number of pixels.

    Raises:
        ImageError: The file is larger than any such image.
        ImageMemoryError: It does not fit into the memory that this process may use.
    """
    limit = _BYTES_PER_PIXEL * max_pixels + _BYTES_BESIDE_PIXELS
    if size > limit:
        raise ImageError(
            f"is a file of {_gigabytes(size)}, more than an uncompressed image of "
            f"{max_pixels / 1e6:g} megapixels needs ({_gigabytes(limit)}); export it again"
        )
    check_memory(size, f"to read a file of {_gigabytes(size)}")


def check_size(width: int, height: int, max_pixels: int, bytes_per_pixel: int = 3) -> None:
    """Check the size of an image before it is decoded.

    Args:
        width: Width in pixels.
        height: Height in pixels.
        max_pixels: Largest allowed number of pixels.
        bytes_per_pixel: Least memory that decoding needs: the canonical array, and intermediate copies.

    Raises:
        ImageError: The image is empty or has too many pixels.
        ImageMemoryError: It does not fit into the memory that this process may use.
    """
    if width < 1 or height < 1:
        raise ImageError(f"states a size of {width}x{height} pixels")
    if width * height > max_pixels:
        raise ImageError(
            f"has {width}x{height} = {width * height / 1e6:.0f} megapixels, more than the limit of "
            f"{max_pixels / 1e6:g}: it is a decompression bomb, or must be scaled down first"
        )
    check_memory(width * height * bytes_per_pixel, f"to decode {width}x{height} pixels")


def check_memory(needed: int, purpose: str) -> None:
    """Check that this process may use ``needed`` more bytes ``purpose``, for example ``to decode it``.

    Raises:
        ImageMemoryError: It may not.
    """
    left = host.memory_left()
    if left is not None and needed > left:
        raise ImageMemoryError(
            f"needs about {_gigabytes(needed)} of memory {purpose}, {_gigabytes(left)} allowed; give more with "
            "--max-memory, leave such images out with --max-pixels, or scale the image down first"
        )


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e8 else f"{size / 1e6:.1f} MB"


def _opened(image: ImageFile.ImageFile, max_pixels: int) -> Raster:
    """Decode an image that Pillow has opened, after checking its size."""
    bands = len(image.getbands())
    # Pillow's own storage, the copy as an array, and the canonical array.
    check_size(image.width, image.height, max_pixels, (1 if bands == 1 else 4) + bands + 3)
    image.load()
    raster = _from_mode(image)
    raster.icc = image.info.get("icc_profile")
    _first_of(raster, getattr(image, "n_frames", 1))
    return raster


def _from_mode(image: Image.Image) -> Raster:
    notes = ["palette expanded"] if image.mode in ("P", "PA") else []
    if simpler := _SIMPLER.get(image.mode):
        image = image.convert(simpler)
    if image.mode not in _SPACES:
        raise ImageError(f"has samples of kind {image.mode!r}; convert it to 8 or 16 bit RGB or grey")
    samples = np.asarray(image)
    if samples.ndim == 2:
        samples = samples[:, :, np.newaxis]
    return Raster(samples, _SPACES[image.mode], has_alpha=image.mode.endswith("A"), notes=notes)


def _valid_orientation(value: object) -> int:
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def read_jpeg(data: bytes, max_pixels: int) -> Raster:
    """JPEG; the first image of a multi-picture file."""
    with JpegImagePlugin.JpegImageFile(io.BytesIO(data)) as image:
        raster = _opened(image, max_pixels)
        _orient(raster, image.getexif)
    return raster


def _orient(raster: Raster, get_exif: Callable[[], Image.Exif]) -> None:
    try:
        raster.orientation = _valid_orientation(get_exif().get(ExifTags.Base.Orientation, 1))
    except Exception as error:  # damaged EXIF makes Pillow raise anything; the pixels are valid without it
        raster.notes.append(f"EXIF not readable ({error}), orientation not applied")


def read_webp(data: bytes, max_pixels: int) -> Raster:
    """WebP."""
    facts = webp.facts(data)
    check_size(facts.width, facts.height, max_pixels)
    raster = _rows(webp_decode(data, index=0), 255)
    raster.icc = facts.icc
    _first_of(raster, facts.frames)
    if facts.exif:
        _orient(raster, lambda: _exif(facts.exif))
    return raster


def _exif(block: bytes | None) -> Image.Exif:
    exif = Image.Exif()
    exif.load(block or b"")
    return exif


def read_bmp(data: bytes, max_pixels: int) -> Raster:
    """BMP."""
    with BmpImagePlugin.BmpImageFile(io.BytesIO(data)) as image:
        raster = _opened(image, max_pixels)
    raster.icc = _bmp_profile(data)
    return raster


def _bmp_profile(data: bytes) -> bytes | None:
    """The ICC profile that a BITMAPV5HEADER may embed, which Pillow ignores."""
    size, start, length = (int.from_bytes(data[i : i + 4], "little") for i in (14, 126, 130))
    if size < 124 or data[70:74] != b"DEBM":  # 'MBED', little-endian
        return None
    return data[14 + start : 14 + start + length]


def read_png(data: bytes, max_pixels: int) -> Raster:
    """PNG and APNG."""
    facts = png.facts(data)
    check_size(facts.width, facts.height, max_pixels)
    # Pillow would reduce 16 bits to 8 and misread the transparent grey of 2 and 4 bits; it only opens the file.
    with PngImagePlugin.PngImageFile(io.BytesIO(data)) as image:
        with png.libpng_warnings():
            raster = _rows(png_decode(data), 65535 if facts.bits == 16 else 255)
        raster.notes += ["palette expanded"] if facts.palette else []
        _first_of(raster, image.n_frames)
        raster.icc = image.info.get("icc_profile")
        if "exif" in image.info:
            _orient(raster, image.getexif)
        if not raster.icc:
            _encode_as(raster, *png.encoding(facts, image.info))
    return raster


def _first_of(raster: Raster, frames: int) -> None:
    raster.notes += [f"first of {frames} frames used"] if frames > 1 else []


def _encode_as(raster: Raster, encoding: Encoding | None, note: str | None) -> None:
    raster.encoding = encoding
    raster.notes += [note] if note else []


def _rows(samples: Samples, maximum: int) -> Raster:
    """A raster of one to four contiguous channels: grey, grey and alpha, RGB, RGB and alpha."""
    if samples.ndim == 2:
        samples = samples[:, :, np.newaxis]
    channels = samples.shape[2]
    return Raster(samples, "GRAY" if channels < 3 else "RGB", has_alpha=channels in (2, 4), maximum=maximum)


def read_tiff(data: bytes, max_pixels: int) -> Raster:
    """TIFF; the first page."""
    try:
        opened = TiffImagePlugin.TiffImageFile(io.BytesIO(data))
    except SyntaxError as error:
        if "unknown pixel mode" not in str(error):
            raise
        raise ImageError(
            "has samples of an unusual kind (floating point, or odd channels or bits); convert it to 8 or "
            "16 bit RGB or grey"
        ) from error
    with opened as image:
        tags = dict(image.tag_v2)
        orientation = _valid_orientation(tags.get(_TAG_ORIENTATION, 1))
        bits = max(tags.get(_TAG_BITS, (1,)))
        check_size(image.width, image.height, max_pixels)
        if set(tags.get(_TAG_SAMPLE_FORMAT, (1,))) - {1} or bits > 16:
            raise ImageError("has signed, floating-point or 32 bit samples; convert it to 8 or 16 bit")
        if bits >= 8 and tags.get(_TAG_PHOTOMETRIC) in (0, 1, 2):
            raster = _tiff_plain(data, tags, bits)
            raster.icc = image.info.get("icc_profile")
            raster.orientation = orientation
            _first_of(raster, image.n_frames)
            return raster
        # Palette, CMYK, YCbCr and single bits. Pillow itself applies the orientation of a TIFF.
        raster = _opened(image, max_pixels)
    raster.notes += [f"{bits} bit cut to 8 by the decoder"] if bits > 8 else []
    raster.notes += [f"EXIF orientation {orientation} applied"] if orientation != 1 else []
    return raster


def _tiff_plain(data: bytes, tags: dict[int, Any], bits: int) -> Raster:
    """Grey or RGB of 8 to 16 bits, which Pillow would reduce to 8 and limit in size."""
    samples = tiff_decode(data)
    if samples.ndim == 3 and tags.get(_TAG_PLANAR) == 2:
        samples = np.moveaxis(samples, 0, 2)
    if samples.ndim == 2:
        samples = samples[:, :, np.newaxis]
    colours = 3 if tags[_TAG_PHOTOMETRIC] == 2 else 1
    if samples.dtype not in (np.uint8, np.uint16) or samples.ndim != 3 or samples.shape[2] < colours:
        raise ImageError(
            f"has {samples.dtype} samples of shape {samples.shape}; convert it to 8 or 16 bit RGB"
        )
    maximum = (1 << bits) - 1
    if tags[_TAG_PHOTOMETRIC] == 0:
        samples[:, :, 0] = maximum - samples[:, :, 0]
    # 1: the colours are multiplied by this alpha; 2: they are not; 0: some other channel.
    extra = (*tags.get(_TAG_EXTRA, ()), 0)[0]
    channels = colours + (extra in (1, 2))
    raster = _rows(samples[:, :, :channels], maximum)
    raster.premultiplied = extra == 1
    return raster


def read_pnm(data: bytes, max_pixels: int) -> Raster:
    """PBM, PGM and PPM."""
    header = pnm.read_header(data)
    check_size(header.width, header.height, max_pixels)
    samples = pnm.read_samples(data, header)
    return _rows(samples, 255 if samples.dtype == np.uint8 else 65535)


def read_avif(data: bytes, max_pixels: int) -> Raster:
    """AVIF; the first frame of a sequence."""
    facts = boxes.avif_facts(data)
    with AvifImagePlugin.AvifImageFile(io.BytesIO(data)) as image:
        check_size(image.width, image.height, max_pixels)
        if facts.sequence or image.n_frames > 1:
            raster = _first_avif_frame(image, facts.bits)
        else:
            # Pillow would decode 10 bits to 8, on every CPU; it only opens the file here.
            samples = avif_decode(data, index=0, numthreads=1)
            raster = _rows(samples, 255 if samples.dtype == np.uint8 else (1 << facts.bits) - 1)
        raster.icc = image.info.get("icc_profile")
        _first_of(raster, image.n_frames)
        _orient(raster, image.getexif)
    if facts.cicp is not None and not raster.icc:
        _encode_as(raster, *colour.from_cicp(*facts.cicp))
    return raster


def _first_avif_frame(image: AvifImagePlugin.AvifImageFile, bits: int) -> Raster:
    """The first frame of an image sequence, at 8 bits.

    imagecodecs (2026.3.6) must not be given a sequence: ``avif_decode(data, index=0)`` allocates one frame and
    writes all of them, past its end.
    """
    image.load()
    raster = _from_mode(image)
    raster.notes += [f"{bits} bit cut to 8 by the decoder"] if bits > 8 else []
    return raster


def read_jxl(data: bytes, max_pixels: int) -> Raster:
    """JPEG XL."""
    header = jxl_header.read(boxes.jxl_codestream(data))
    check_size(header.width, header.height, max_pixels)
    if header.embedded_icc:
        raise ImageError(
            "is a JPEG XL file with an embedded ICC profile, which cannot be read; convert it to PNG"
        )
    if header.floating or header.bits > 16:
        raise ImageError("has floating-point or 32 bit samples; convert it to 8 or 16 bit")
    try:
        samples = jpegxl_decode(data, index=0, numthreads=1)
    except JpegxlError as error:
        if "NEED_MORE_INPUT" in str(error):
            raise ImageError(f"is truncated: it ends after {len(data)} bytes, which is too soon") from error
        raise
    if header.extra_channels and header.grey and not header.has_alpha:
        samples = samples[0]  # imagecodecs appends the other channels of a grey image as planes
    raster = _rows(samples, (1 << header.bits) - 1)
    raster.premultiplied = header.premultiplied
    raster.notes += ["first frame used"] if header.animated else []
    _encode_as(raster, *jxl_encoding(header))
    return raster


def jxl_encoding(header: jxl_header.JxlHeader) -> tuple[Encoding | None, str | None]:
    """The colour of a JPEG XL image, and a note if it had to be guessed."""
    code = {11: 12}.get(header.primaries, header.primaries)
    encoding, note = colour.from_cicp(code, header.transfer)
    white = {10: (1 / 3, 1 / 3), 11: (0.314, 0.351)}.get(header.white, header.custom_white)
    if white is None and header.custom_primaries is None and header.gamma is None:
        return encoding, note
    base = encoding or Encoding("sRGB")
    return Encoding(
        "JPEG XL's own",
        header.custom_primaries or base.primaries,
        white or base.white,
        base.gamma if header.gamma is None else header.gamma,
    ), note
