"""PBM, PGM and PPM, plain and raw, 1 to 16 bits per sample.

Pillow reads them too, but processes samples of more than 8 bits one by one in Python.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from codecstudy.errors import ImageError
from codecstudy.images.colour import Samples

_TOKEN = re.compile(rb"(?:\s|#[^\r\n]*[\r\n])*([0-9]+)")
_COMMENT = re.compile(rb"#[^\r\n]*")


@dataclass(frozen=True, slots=True)
class PnmHeader:
    """Kind (``P1`` to ``P6``), size in pixels, largest sample value, and offset of the samples."""

    kind: str
    width: int
    height: int
    maximum: int
    start: int

    @property
    def channels(self) -> int:
        """Three for PPM, one for PBM and PGM."""
        return 3 if self.kind in ("P3", "P6") else 1


def read_header(data: bytes) -> PnmHeader:
    """Read the header.

    Raises:
        ImageError: It is cut off, or a number is out of range.
    """
    kind = data[:2].decode("ascii")
    numbers = []
    position = 2
    for _ in range(2 if kind in ("P1", "P4") else 3):
        token = _TOKEN.match(data, position)
        if token is None or len(token[1]) > 10:
            raise ImageError(f"has a damaged {kind} header")
        numbers.append(int(token[1]))
        position = token.end()
    width, height, maximum = (*numbers, 1)[:3]
    if not (width and height and 0 < maximum < 65536):
        raise ImageError(f"has a damaged {kind} header: {width}x{height}, largest value {maximum}")
    return PnmHeader(kind, width, height, maximum, position + 1)


def read_samples(data: bytes, header: PnmHeader) -> Samples:
    """Samples, height x width x channels; full scale is 255, or 65535 if the file has more than 8 bits.

    Raises:
        ImageError: Samples are missing or out of range.
    """
    raw = _plain(data, header) if header.kind in ("P1", "P2", "P3") else _raw(data, header)
    full = 255 if header.maximum < 256 else 65535
    if int(raw.max()) > header.maximum:
        raise ImageError(
            f"contains a sample above {header.maximum}, the largest value that its header states"
        )
    shape = (header.height, header.width, header.channels)
    if header.maximum == full:
        return raw.reshape(shape)
    table = (np.arange(header.maximum + 1, dtype=np.uint64) * full + header.maximum // 2) // header.maximum
    narrow: Samples = table.astype(np.uint8 if full == 255 else np.uint16)
    return narrow[raw].reshape(shape)


def _raw(data: bytes, header: PnmHeader) -> Samples:
    if header.kind == "P4":
        row = (header.width + 7) // 8
        packed = np.frombuffer(_exactly(data, header.start, row * header.height), dtype=np.uint8)
        bits = np.unpackbits(packed.reshape(header.height, row), axis=1)[:, : header.width]
        return 1 - bits
    count = header.width * header.height * header.channels
    if header.maximum < 256:
        return np.frombuffer(_exactly(data, header.start, count), dtype=np.uint8)
    return np.frombuffer(_exactly(data, header.start, 2 * count), dtype=">u2").astype(np.uint16)


def _exactly(data: bytes, start: int, count: int) -> memoryview:
    if len(data) - start < count:
        raise ImageError(f"is truncated: it has only {len(data) - start} of {count} bytes of samples")
    return memoryview(data)[start : start + count]


_PIECE = 1 << 20
"""Bytes of text that are converted at a time: a number as a Python object takes ten times what its digits do."""


def _plain(data: bytes, header: PnmHeader) -> Samples:
    text = _COMMENT.sub(b" ", data[header.start - 1 :])
    count = header.width * header.height * header.channels
    samples: Samples = np.empty(count, np.uint16 if header.maximum > 255 else np.uint8)
    done = position = 0
    while done < count and position < len(text):
        end = min(position + _PIECE, len(text))
        while end < len(text) and not text[end : end + 1].isspace():
            end += 1
        words: list[bytes] | list[str] = text[position:end].split()
        if header.kind == "P1":
            # Digits of a plain PBM need no spaces between them.
            words = list(b"".join(text[position:end].split()).decode("latin-1"))
        values = _values(words[: count - done], header)
        samples[done : done + len(values)] = values
        done, position = done + len(values), end
    if done < count:
        raise ImageError(f"is truncated: it has only {done} of {count} samples")
    return 1 - samples if header.kind == "P1" else samples


def _values(words: list[bytes] | list[str], header: PnmHeader) -> NDArray[np.int64]:
    try:
        values = np.array(words, dtype=np.int64)
    except (ValueError, OverflowError) as error:
        raise ImageError(f"contains something that is not a sample: {error}") from error
    if values.size and (values.min() < 0 or values.max() > header.maximum):
        raise ImageError(f"contains a sample outside 0 to {header.maximum}, the range that its header states")
    return values
