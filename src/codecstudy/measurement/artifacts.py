"""Encoded files that a run keeps: their folders, names, and how they are written."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from codecstudy.files import write_atomically
from codecstudy.types import SHORT_NAMES, Scalar, Setting


def suffixes(settings: Sequence[Setting]) -> list[str]:
    """The part of a file name that distinguishes each setting, such as ``_q60_444_s6``.

    Only what varies among the settings of one format is included (its parameters, and its encoder if there are
    several), and quality always is. The resolution is not, because it has a folder of its own.

    Args:
        settings: All settings of a study.

    Returns:
        One suffix for each setting, in the same order.
    """
    varying: dict[str, set[str]] = {}
    for fmt in {s.format for s in settings}:
        mine = [_values(s) for s in settings if s.format == fmt]
        every = {name for values in mine for name in values}
        varying[fmt] = {n for n in every if len({values.get(n) for values in mine}) > 1} | {"quality"}
    names = [_suffix(setting, varying[setting.format]) for setting in settings]
    groups: dict[tuple[str, int | None], list[int]] = {}
    for n, setting in enumerate(settings):
        groups.setdefault((setting.format, setting.resolution), []).append(n)
    for members in groups.values():
        numbered: set[int] = set()
        # A number makes a suffix longer, so that it may end as another one. Numbered ones cannot: numbers differ.
        while clashes := {members[k] for k in _alike([names[n] for n in members])} - numbered:
            for n in clashes:
                names[n] += f"_{n + 1}"
            numbered |= clashes
    return names


def _alike(names: Sequence[str]) -> set[int]:
    """Places of the suffixes that could give two encoded files one name.

    Those are equal ones, from values that differ only in characters that are replaced, and pairs of which one ends
    as the other: ``a_e7`` with ``_distance-1``, and ``a`` with ``_e7_distance-1``.
    """
    places: dict[str, list[int]] = {}
    for n, name in enumerate(names):
        places.setdefault(name.casefold(), []).append(n)  # some file systems do not distinguish case
    found: set[int] = set()
    for name, same in places.items():
        if len(same) > 1:
            found.update(same)
        for ending in (name[k:] for k in range(1, len(name) + 1)):
            if ending in places:
                found.update(same, places[ending])
    return found


_SHORT_NAMES = {"encoder": "", **SHORT_NAMES, "crop": "c"}


def _values(setting: Setting) -> dict[str, Scalar]:
    """The values that a file name may contain, in their order there."""
    encoder = {} if setting.encoder == setting.format else {"encoder": setting.encoder}
    crop = {} if setting.crop is None else {"crop": setting.crop}
    parameters = dict(setting.parameters)
    shared = {name: parameters.pop(name) for name in SHORT_NAMES if name in parameters}
    extra_args = {f"extra_args.{name}": value for name, value in setting.extra_args}
    return shared | crop | parameters | extra_args | encoder


def _suffix(setting: Setting, varying: set[str]) -> str:
    parts = [
        f"{_SHORT_NAMES[name]}{value}"
        if name in _SHORT_NAMES
        else f"{name.removeprefix('extra_args.')}-{value}"
        for name, value in _values(setting).items()
        if name in varying
    ]
    return "".join(f"_{re.sub(r'[^A-Za-z0-9.+-]', '-', part)}" for part in parts)


def stems(images: Sequence[str]) -> dict[str, str]:
    """The beginning of the names of each image's encoded files; no two are alike.

    It is the relative path of the image, without its suffix unless two images would share a name (``a.png``,
    ``a.jpg``).

    Args:
        images: Paths relative to the dataset's folder.

    Returns:
        The beginning of the names by image.
    """
    names = {image: str(PurePosixPath(image).with_suffix("")) for image in images}
    # Some file systems do not distinguish case.
    while clashes := {name for name, n in Counter(map(str.casefold, names.values())).items() if n > 1}:
        # Repeated, because a name with its suffix may clash with one without: a.png, a.jpg and a.png.webp.
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
    """Write an encoded file. It is not flushed: a file that is lost in a power failure is encoded again."""
    write_atomically(path, data, fsync=False)
