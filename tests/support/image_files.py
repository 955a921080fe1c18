"""Image files of many formats, made where tests need one, and what should come out of them."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from codecstudy.images import Source

Load = Callable[..., Source]
"""Bytes (and options of ``images.load``) to a source, as fixture ``load_bytes`` gives it."""


def colours(height: int = 9, width: int = 11, channels: int = 3, dtype: Any = np.uint8) -> NDArray[Any]:
    """Noise over the whole range of ``dtype``."""
    generator = np.random.default_rng(height * width + channels)
    return generator.integers(0, np.iinfo(dtype).max, (height, width, channels), dtype=dtype, endpoint=True)


def saved(pixels: NDArray[Any] | Image.Image, format: str, **options: Any) -> bytes:
    """An image file as Pillow writes it."""
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def giant_jpeg(edge: int) -> bytes:
    """A small JPEG whose header states ``edge`` x ``edge`` pixels."""
    data = saved(colours(40, 50), "JPEG")
    start = data.index(b"\xff\xc0") + 5
    return data[:start] + edge.to_bytes(2, "big") * 2 + data[start + 4 :]


def chunk(kind: bytes, content: bytes) -> bytes:
    """A PNG chunk."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def with_chunk(png: bytes, kind: bytes, content: bytes) -> bytes:
    """A PNG with one more chunk right behind its header."""
    return png[:33] + chunk(kind, content) + png[33:]


def tiff(samples: NDArray[Any], photometric: int, **tags: Any) -> bytes:
    """An uncompressed, little-endian TIFF of one strip; ``tags`` adds or replaces entries as ``t274=6``."""
    bits = samples.dtype.itemsize * 8
    channels = 1 if samples.ndim == 2 else samples.shape[2]
    entries: dict[int, tuple[int, ...]] = {
        256: (samples.shape[1],),
        257: (samples.shape[0],),
        258: (bits,) * channels,
        259: (1,),
        262: (photometric,),
        277: (channels,),
        278: (samples.shape[0],),
        279: (samples.nbytes,),
        284: (1,),
    }
    entries |= {
        int(name[1:]): value if isinstance(value, tuple) else (value,) for name, value in tags.items()
    }
    entries[273] = (0,)
    directory = 2 + 12 * len(entries) + 4
    overflow = b"".join(struct.pack(f"<{len(v)}H", *v) for _, v in sorted(entries.items()) if len(v) > 2)
    entries[273] = (8 + directory + len(overflow),)
    out, extra = struct.pack("<H", len(entries)), 8 + directory
    for tag, values in sorted(entries.items()):
        kind = 4 if tag in (273, 279) else 3
        if kind == 4:
            content = struct.pack("<I", *values)
        elif len(values) > 2:
            content = struct.pack("<I", extra)
            extra += 2 * len(values)
        else:
            content = struct.pack(f"<{len(values)}H", *values).ljust(4, b"\0")
        out += struct.pack("<HHI", tag, kind, len(values)) + content
    return (
        b"II*\0"
        + struct.pack("<I", 8)
        + out
        + b"\0\0\0\0"
        + overflow
        + samples.astype("<u2" if bits == 16 else "u1").tobytes()
    )


def rounded(samples: NDArray[Any], full: int = 65535) -> NDArray[np.uint8]:
    """Samples to 8 bits, to nearest."""
    return np.floor(samples.astype(np.float64) * 255 / full + 0.5).astype(np.uint8)


def grey(samples: NDArray[Any]) -> NDArray[Any]:
    """One channel as three."""
    return np.repeat(samples.reshape(*samples.shape[:2], 1), 3, axis=2)


def flattened(samples: NDArray[Any], full: int) -> NDArray[np.uint8]:
    """Colour and alpha over white, in floating point, to 8 bits."""
    colour, alpha = samples[..., :-1].astype(np.float64) / full, samples[..., -1:].astype(np.float64) / full
    return rounded((colour * alpha + 1 - alpha) * 65535)
