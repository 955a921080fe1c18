"""Encoders that are programs: command lines with places for files and parameters.

A command line is a list of words. In each word, ``{input}``, ``{output}`` and ``{name}`` of a parameter are
replaced. A list of words within the list is optional: it is left out if a parameter in it is not given, or is
false. True is replaced by nothing, so that ``["-progressive{progressive}"]`` is a switch. There is no shell.
"""

from __future__ import annotations

import functools
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from codecstudy import images
from codecstudy.codecs import processes
from codecstudy.codecs.base import Decoded, Encoded, Encoder
from codecstudy.codecs.commands import shell
from codecstudy.errors import CodecError, ImageError, ImageMemoryError
from codecstudy.types import (
    SUPPORT_UNKNOWN,
    EncoderFacts,
    Parameter,
    Pixels,
    RateParameter,
    Scalar,
    Setting,
    ToolCommand,
    plain,
)

Words = tuple[str | tuple[str, ...], ...]
"""A command line with placeholders; an inner tuple is optional."""

PixelFile = Literal["png", "ppm", "pam", "y4m"]
"""Formats of the files in which programs get pixels. y4m is 4:4:4, 8 bits, full range, with the matrix of JPEG
(BT.601)."""
PIXEL_FILES: tuple[PixelFile, ...] = get_args(PixelFile)

FILES = ("input", "output")
"""Placeholders of files."""

_PLACE = re.compile(r"\{([A-Za-z][A-Za-z0-9_-]*)\}")

_SPARE_BYTES = 64 << 20
_LARGEST_DECODED = 1 << 33
"""A decoder may write no larger file: more than 16-bit PNG of the largest images takes."""


@dataclass(frozen=True, slots=True)
class Definition:
    """An encoder as a study defines it: plain data, which workers can be sent."""

    id: str
    format: str
    extension: str
    """File name extension of its files, with the dot."""
    encode: Words
    decode: tuple[str, ...] | None
    """Command line without parameters; None: the format's default encoder decodes."""
    input: PixelFile
    decoded: PixelFile
    """What ``decode`` writes: png or ppm."""
    version: tuple[str, ...] | None
    """Command line that prints a version in its first line; None: there is none."""
    parameters: tuple[Parameter, ...] = ()
    rates: tuple[RateParameter, ...] = ()


def places(words: Words) -> Iterator[tuple[str, bool]]:
    """The names of all placeholders, and whether each is in an optional list."""
    for word in words:
        for part in _flat((word,)):
            yield from ((name, not isinstance(word, str)) for name in _PLACE.findall(part))


def fill(words: Words, values: Mapping[str, Scalar]) -> list[str]:
    """The command line with ``values`` in the places of their names."""

    def filled(word: str) -> str:
        return _PLACE.sub(lambda match: _text(values[match[1]]), word)

    found: list[str] = []
    for word in words:
        if isinstance(word, str):
            found.append(filled(word))
        elif all(values.get(name) not in _LEAVE_OUT for part in word for name in _PLACE.findall(part)):
            found += map(filled, word)
    return found


class _LeaveOut:
    """None and False, but not 0."""

    def __contains__(self, value: object) -> bool:
        return value is None or value is False


_LEAVE_OUT = _LeaveOut()


def _text(value: Scalar) -> str:
    return "" if value is True else plain(value)


def encode(words: Sequence[str], pixels: Pixels, kind: PixelFile, extension: str) -> Encoded:
    """Encode an image with a program.

    Args:
        words: The command line, which reads the file :func:`input_name` and writes :func:`output_name` in its
            working directory.
        pixels: uint8, height x width x 3.
        kind: Format of the file that it reads.
        extension: Extension of the file that it writes.

    Returns:
        The file, and what the program took; writing its input is not included.

    Raises:
        CodecError: The program is not there, fails, or writes no file.
        ImageMemoryError: It ran out of memory.
    """
    largest = _SPARE_BYTES + 16 * pixels.nbytes
    with processes.scratch(room=4 * pixels.nbytes + _SPARE_BYTES // 4) as folder:
        (folder / input_name(kind)).write_bytes(written(pixels, kind))
        cost = processes.run(_found(words), folder, largest)
        return Encoded(_product(folder, output_name(extension), words[0]).read_bytes(), cost)


def decode(words: Sequence[str], data: bytes, extension: str, kind: PixelFile) -> Decoded:
    """Decode a file with a program; the inverse of :func:`encode`, with the same errors.

    Args:
        words: The command line; see :func:`encode`.
        data: The file.
        extension: Its extension.
        kind: Format of the file that it writes; 16 bits are rounded to 8.
    """
    with processes.scratch(room=40 * len(data) + _SPARE_BYTES) as folder:
        (folder / input_name(extension)).write_bytes(data)
        cost = processes.run(_found(words), folder, _LARGEST_DECODED)
        path = _product(folder, output_name(kind), words[0])
        try:
            return Decoded(images.load(path).pixels, cost)
        except ImageMemoryError:
            raise
        except ImageError as error:
            said = str(error).removeprefix(f"{path}: ")
            raise CodecError(
                f"{Path(words[0]).name} wrote a {kind} file that cannot be read: {said}"
            ) from None


def input_name(kind: str) -> str:
    """Name of the file that a program reads: of a kind of pixels, or with an extension."""
    return f"input.{kind.removeprefix('.')}"


def output_name(kind: str) -> str:
    """Name of the file that a program writes."""
    return f"output.{kind.removeprefix('.')}"


def _found(words: Sequence[str]) -> list[str]:
    path = processes.find(words[0])
    if path is None:
        raise CodecError(f"{words[0]} is not there any more, or is not a program")
    return [path, *words[1:]]


def _product(folder: Path, name: str, program: str) -> Path:
    path = folder / name
    there = path.is_file() and not path.is_symlink()
    if not there or not path.stat().st_size:
        what = "an empty output file" if there else "no output file"
        raise CodecError(
            f"{Path(program).name} ended without an error and wrote {what}{processes.said_in(folder)}"
        )
    return path


def written(pixels: Pixels, kind: PixelFile) -> bytes:
    """A file with these pixels.

    Args:
        pixels: uint8, height x width x 3, sRGB.
        kind: Its format.
    """
    height, width = pixels.shape[:2]
    if kind == "ppm":
        return b"P6\n%d %d\n255\n" % (width, height) + pixels.tobytes()
    if kind == "pam":
        header = b"P7\nWIDTH %d\nHEIGHT %d\nDEPTH 3\nMAXVAL 255\nTUPLTYPE RGB\nENDHDR\n"
        return header % (width, height) + pixels.tobytes()
    if kind == "y4m":
        header = b"YUV4MPEG2 W%d H%d F25:1 Ip A1:1 C444 XCOLORRANGE=FULL\nFRAME\n"
        return header % (width, height) + _planes(pixels)
    from imagecodecs import png_encode

    # Uncompressed: what reading it takes is part of the program's CPU time.
    return bytes(png_encode(np.ascontiguousarray(pixels), level=0))


def _planes(pixels: Pixels) -> bytes:
    """Y, Cb and Cr with 8 bits and full range, from the equations of ITU-R BT.601."""
    red, green, blue = (pixels[:, :, c].astype(np.float32) for c in range(3))
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    planes = (luma, 128 + (blue - luma) / 1.772, 128 + (red - luma) / 1.402)
    return b"".join(np.clip(np.rint(plane), 0, 255).astype(np.uint8).tobytes() for plane in planes)


def missing(programs: Mapping[str, str]) -> str | None:
    """The first of these programs that is not there, with the advice that is its value; None if all are."""
    return next(
        (
            f"{name} is not {_where(name)}{advice}"
            for name, advice in programs.items()
            if processes.find(name) is None
        ),
        None,
    )


def _where(program: str) -> str:
    return "an executable file" if "/" in program else "on PATH"


@functools.lru_cache(maxsize=256)
def make(definition: Definition, default: Encoder | None) -> Encoder:
    """The encoder that a study defines; the same object for the same definition.

    Args:
        definition: The definition.
        default: The default encoder of its format, which decodes if the definition does not say how; None if the
            format has none.
    """
    command_lines: tuple[Words, ...] = (definition.encode, definition.decode or (), definition.version or ())
    programs = dict.fromkeys((_flat(line)[0] for line in command_lines if line), "")
    files = {"input": input_name(definition.input), "output": output_name(definition.extension)}
    shared = None if default is None else default.facts
    facts = EncoderFacts(
        id=definition.id,
        format=definition.format,
        title=definition.id,
        extension=definition.extension,
        parameters=definition.parameters,
        rates=definition.rates,
        mime=None if shared is None else shared.mime,
        browsers=SUPPORT_UNKNOWN if shared is None else shared.browsers,
        all_browsers=shared is not None and shared.all_browsers,
        browsers_checked=None if shared is None else shared.browsers_checked,
    )
    defaults = {p.name: p.default for p in definition.parameters if p.default is not None}
    needed = [name for name, optional in places(definition.encode) if not optional and name not in files]

    def words(setting: Setting) -> list[str]:
        return fill(definition.encode, {**files, **defaults, **dict(setting.parameters)})

    def decoded(data: bytes) -> Pixels | Decoded:
        if definition.decode is None:
            assert default is not None
            return default.decode(data)
        names = {"input": input_name(definition.extension), "output": output_name(definition.decoded)}
        return decode(fill(definition.decode, names), data, definition.extension, definition.decoded)

    def version() -> str:
        identity = hashlib.sha256()
        for line in filter(None, command_lines):
            words = _found(_flat(line))
            # Of files, the content counts and not the place.
            template = [None if Path(word).is_file() else word for word in words]
            identity.update(f"{json.dumps(template)} {processes.content_hash(words)}".encode())
        kinds = (definition.input, definition.extension, definition.decoded, defaults)
        identity.update(json.dumps([[isinstance(w, str) for w in definition.encode], kinds]).encode())
        stated = Path(_flat(definition.encode)[0]).name
        if definition.version is not None:
            stated = processes.first_line(_found(definition.version)) or stated
        decoder = "" if definition.decode or default is None else f"; decoder {default.version()}"
        return f"{stated} (content {identity.hexdigest()[:12]}{decoder})"

    def check(setting: Setting) -> str | None:
        for name in needed:
            if setting.get(name, defaults.get(name)) is None:
                parameter = facts.parameter(name)
                return (
                    f"{definition.id} needs {name}{'' if parameter is None else f', {parameter.allowed()}'}"
                )
        return None

    return Encoder(
        facts,
        version=version,
        encode=lambda pixels, setting: encode(words(setting), pixels, definition.input, definition.extension),
        decode=decoded,
        seconds_per_megapixel=lambda setting: 1.0,
        check=check,
        commands=lambda setting: (ToolCommand(definition.id, shell(*words(setting))),),
        missing=lambda: missing(programs),
    )


def _flat(words: Iterable[str | tuple[str, ...]]) -> list[str]:
    return [part for word in words for part in ((word,) if isinstance(word, str) else word)]
