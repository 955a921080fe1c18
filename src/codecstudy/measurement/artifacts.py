"""Encoded files that a run keeps: where they lie, what they are called, and how they are written."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from codecstudy.files import write_atomically
from codecstudy.types import Setting

_LETTERS = {"quality": "q", "chroma_subsampling": "", "speed": "s", "effort": "e", "method": "m", "crop": "c"}


def suffixes(settings: Sequence[Setting]) -> list[str]:
    """For each setting the part of a file name that tells it apart: ``_q60_444_s6``.

    Only parameters that vary among the settings of one format are named; quality always is. The resolution is
    not: it has a folder of its own.
    """
    varying: dict[str, set[str]] = {}
    for fmt in {s.format for s in settings}:
        mine = [s for s in settings if s.format == fmt]
        varying[fmt] = {name for name in _LETTERS if len({getattr(s, name) for s in mine}) > 1} | {"quality"}
        extra = {name for s in mine for name, _ in s.extra_args}
        varying[fmt] |= {f"extra_args.{name}" for name in extra if len({s.extra(name) for s in mine}) > 1}
    names = [_suffix(setting, varying[setting.format]) for setting in settings]
    # Values that differ in characters alone that file names cannot hold would share a name.
    taken = Counter((s.format, s.resolution, name) for s, name in zip(settings, names, strict=True))
    return [
        f"{name}_{n}" if taken[s.format, s.resolution, name] > 1 else name
        for n, (s, name) in enumerate(zip(settings, names, strict=True), start=1)
    ]


def _suffix(setting: Setting, varying: set[str]) -> str:
    given = dataclasses.asdict(setting)
    parts = [
        f"{letter}{given[name]}"
        for name, letter in _LETTERS.items()
        if name in varying and given[name] is not None
    ]
    parts += [f"{name}-{value}" for name, value in setting.extra_args if f"extra_args.{name}" in varying]
    return "".join(f"_{re.sub(r'[^A-Za-z0-9.+-]', '-', part)}" for part in parts)


def stems(images: Sequence[str]) -> dict[str, str]:
    """For each image of a dataset the name that its encoded files begin with; no two are alike.

    Its relative path without the suffix; with it where two images would share a name (``a.png``, ``a.jpg``).
    """
    names = {image: str(PurePosixPath(image).with_suffix("")) for image in images}
    # Some file systems take small and capital letters for the same.
    while clashes := {name for name, n in Counter(map(str.casefold, names.values())).items() if n > 1}:
        # Again and again, because a whole name may clash with a bare one: a.png, a.jpg and a.png.webp.
        whole = {image: image for image, name in names.items() if name.casefold() in clashes}
        if whole.items() <= names.items():
            break
        names |= whole
    return names


def location(setting: Setting, stem: str, suffix: str, extension: str) -> PurePosixPath:
    """Path of one encoded file below ``data/encoded/<study_id>``: ``avif/r1920/photo_q60.avif``."""
    size = "original" if setting.resolution is None else f"r{setting.resolution}"
    return PurePosixPath(setting.format, size, f"{stem}{suffix}{extension}")


def keep(path: Path, data: bytes) -> None:
    """Write an encoded file. It is not flushed: a file lost in a power failure is encoded again."""
    write_atomically(path, data, fsync=False)
