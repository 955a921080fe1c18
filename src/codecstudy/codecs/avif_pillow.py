"""AVIF with libaom through libavif, through Pillow, with every option of libaom.

Besides the declared ones, ``extra_args`` may contain every advanced option of the codec that ``avifenc -a`` accepts
(``{"tune": "ssim", "enable-chroma-deltaq": 1}``). libaom itself rejects unknown names and values, so a tiny image
is encoded when a setting is checked: a study with an invalid option does not load.

:class:`Build` is also what ``avif_plugin`` uses, whose module has the interface of Pillow's.
"""

from __future__ import annotations

import functools
import io
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
import PIL
from PIL import AvifImagePlugin, features

from codecstudy.codecs import libavif
from codecstudy.codecs.base import Encoder, SelfTest
from codecstudy.codecs.commands import CHROMA_RATIOS
from codecstudy.codecs.libavif import DEFAULT_SAMPLING, DEFAULT_SPEED, advanced
from codecstudy.codecs.pillow import save, to_pixels
from codecstudy.errors import CodecError
from codecstudy.types import (
    QUALITY,
    EncoderFacts,
    Pixels,
    RateParameter,
    Scalar,
    Setting,
)

_RATE_OPTIONS = ("cq-level", "lossless")
"""libaom options that set the quantizer themselves: with them, libavif's quality has no effect."""

_NAMED_OTHERWISE = {"cpu-used": "the key speed", "tile-rows": "tile_rows", "tile-columns": "tile_cols"}
"""libaom options that would override another key of the same setting."""

_PROBE_EDGE = 16

_decoder_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class Build:
    """A build of libavif with the interface of Pillow's AVIF plugin, and one codec in it."""

    id: str
    codec: str
    """libavif's name of the codec."""
    pillow_format: str
    """Name under which Pillow finds the writer."""
    module: Callable[[], ModuleType]
    """The module with ``AvifImageFile`` and ``DEFAULT_MAX_THREADS``."""
    version: Callable[[], str]

    def encode(self, pixels: Pixels, setting: Setting) -> bytes:
        """Encode on one thread."""
        options: dict[str, Any] = {"range": setting.extra("range", "full"), "autotiling": True}
        if (tiles := libavif.tiles(setting)) is not None:
            options |= {"autotiling": False, "tile_rows": tiles[0], "tile_cols": tiles[1]}
        if further := advanced(setting):
            options["advanced"] = further
        # Without a quality, one of the rate options is given, which overrides this number.
        quality = 60 if setting.quality is None else setting.quality
        return self._save(pixels, quality, setting.get("chroma_subsampling"), setting.get("speed"), options)

    def _save(
        self, pixels: Pixels, quality: int, sampling: str | None, speed: int | None, options: dict[str, Any]
    ) -> bytes:
        self.module()  # has registered the writer
        return save(
            pixels,
            self.pillow_format,
            "AVIF",
            quality=quality,
            subsampling=CHROMA_RATIOS[sampling or DEFAULT_SAMPLING],
            speed=DEFAULT_SPEED if speed is None else speed,
            codec=self.codec,
            max_threads=1,
            **options,
        )

    def decode(self, data: bytes) -> Pixels:
        """Decode on one thread."""
        try:
            with open_on_one_thread(data, self.module()) as image:
                return to_pixels(image)
        except (OSError, SyntaxError, ValueError, RuntimeError) as error:
            raise CodecError(f"AVIF could not be decoded: {error}") from error

    def check(self, setting: Setting) -> str | None:
        """Problem of a setting: contradicting options, or some that the codec does not accept."""
        if setting.extra("autotiling") is True and (
            setting.extra("tile_rows") is not None or setting.extra("tile_cols") is not None
        ):
            return (
                "extra_args: autotiling = true chooses the tiles itself; give either it, "
                "or tile_rows and tile_cols"
            )
        names = [name for name, _ in advanced(setting)]
        for name in names:
            if ":" in name:
                return (
                    f"extra_args: {name}: write the option without a prefix for the plane, because images here "
                    "have no alpha plane"
                )
            if name in _NAMED_OTHERWISE:
                return f"extra_args: {name}: use {_NAMED_OTHERWISE[name]} instead"
        return self._check_rate(setting, names) or self._probe(
            setting.get("chroma_subsampling"), setting.get("speed"), advanced(setting)
        )

    def _check_rate(self, setting: Setting, names: list[str]) -> str | None:
        if self.codec != "aom":
            return None if setting.quality is not None else f"{self.id} needs quality, 0 to 100"
        rate = [name for name in names if name in _RATE_OPTIONS]
        if len(rate) > 1:
            return f"extra_args: give one of {' and '.join(rate)}, not both"
        if setting.quality is None and not rate:
            return f"{self.id} needs quality, 0 to 100, or cq-level, 0 to 63, in extra_args"
        if setting.quality is not None and rate:
            return f"extra_args: {rate[0]} sets the rate, so quality would be ignored; give one of them"
        if rate == ["cq-level"] and setting.extra("end-usage", "q") not in ("q", "cq"):
            return "extra_args: cq-level needs end-usage = q (the default) or cq; other modes ignore it"
        return None

    def _probe(
        self, sampling: str | None, speed: int | None, options: tuple[tuple[str, str], ...]
    ) -> str | None:
        """The error of the codec for these options, or None. Only settings with advanced options need an encode."""
        if not options or _accepted(self, sampling, speed, options):
            return None
        refused = [option for option in options if not _accepted(self, sampling, speed, (option,))]
        shown = ", ".join(f"{name} = {value}" for name, value in refused or options)
        together = "" if refused else " together"
        return (
            f"extra_args: {shown}: {self.version()} does not accept this{together}; {self.id} accepts "
            f"{', '.join(p.name for p in libavif.WRITER_PARAMETERS)} and the options of {LIBRARIES[self.codec]} "
            "that avifenc -a accepts"
        )

    def encoder(self, facts: EncoderFacts, **functions: Any) -> Encoder:
        """The encoder for this build."""
        return Encoder(
            facts,
            version=self.version,
            encode=self.encode,
            decode=self.decode,
            check=self.check,
            commands=lambda setting: libavif.commands(setting, self.codec),
            **functions,
        )


LIBRARIES = {"aom": "libaom", "svt": "SVT-AV1", "rav1e": "rav1e"}
"""Library by libavif's name of the codec."""


@functools.lru_cache(maxsize=1024)
def _accepted(
    build: Build, sampling: str | None, speed: int | None, options: tuple[tuple[str, str], ...]
) -> bool:
    pixels = np.zeros((_PROBE_EDGE, _PROBE_EDGE, 3), dtype=np.uint8)
    try:
        build._save(pixels, 60, sampling, speed, {"advanced": options})
    except CodecError:
        return False
    return True


def open_on_one_thread(data: bytes, plugin: Any = AvifImagePlugin) -> AvifImagePlugin.AvifImageFile:
    """Open an AVIF file for decoding on one thread.

    Pillow has only a module variable for the number of decoder threads, which it reads when it opens a file.

    Args:
        data: The file.
        plugin: Pillow's module, or one with the same interface.
    """
    with _decoder_lock:
        before = plugin.DEFAULT_MAX_THREADS
        plugin.DEFAULT_MAX_THREADS = 1
        try:
            return plugin.AvifImageFile(io.BytesIO(data))  # type: ignore[no-any-return]
        finally:
            plugin.DEFAULT_MAX_THREADS = before


def _libaom() -> str:
    return str(AvifImagePlugin.get_codec_version("aom")).removeprefix("v")


def _version() -> str:
    return f"libaom {_libaom()} (libavif {features.version('avif')}, Pillow {PIL.__version__})"


def aom_fixed(libavif_version: str, libaom_version: str, setting: Setting) -> Mapping[str, Scalar]:
    """Options of libaom that no setting changes, and the tune that libavif chooses."""
    tune = libavif.default_tune(libavif_version, libaom_version, setting.quality)
    return {"tune": tune, "depth": 8, "threads": 1}


# Medians on three photographs of 0.4 megapixels (one below speed 5), quality 60, libaom 3.14.1, one x86-64
# server core, by speed; likewise the factors of the chroma subsamplings.
_SECONDS = (46.0, 17.0, 13.0, 11.0, 4.7, 2.9, 0.7, 0.34, 0.24, 0.06, 0.06)


def seconds_per_megapixel(setting: Setting) -> float:
    """Rough encode CPU seconds per megapixel of libaom."""
    seconds = _SECONDS[setting.get("speed", DEFAULT_SPEED)]
    return seconds * {"444": 1.35, "422": 1.1, "400": 0.9}.get(setting.get("chroma_subsampling"), 1.0)


def peak_bytes(setting: Setting, pixels: int) -> float:
    """Most memory in bytes of libaom."""
    slow = setting.get("speed", DEFAULT_SPEED) <= 5
    if setting.get("chroma_subsampling", DEFAULT_SAMPLING) in ("420", "400"):
        return (53.0 if slow else 36.0) * pixels
    return (75.0 if slow else 54.0) * pixels


SLOW_BUILD = "built for size: takes about 1.25 times the CPU time of encoder avif"
"""Note on libaom in the wheels of Pillow and of pillow-avif-plugin; ``benchmarks/encoders.py`` measures it."""

CQ_LEVEL = RateParameter("cq-level", finer_is_higher=False, extra=True)

ENCODER = Build("avif-pillow", "aom", "AVIF", lambda: AvifImagePlugin, _version).encoder(
    EncoderFacts(
        id="avif-pillow",
        format="avif",
        title="AVIF (Pillow)",
        extension=".avif",
        parameters=(libavif.QUALITY_PARAMETER, libavif.SAMPLING_PARAMETER, libavif.SPEED_PARAMETER),
        extra_parameters=libavif.WRITER_PARAMETERS,
        open_extra=True,
        rates=(QUALITY, CQ_LEVEL),
        colour=("#3f8fd9", "#8fc1ff"),
        marker="triangle-down",
        **libavif.BROWSER_FACTS,
    ),
    seconds_per_megapixel=seconds_per_megapixel,
    peak_bytes=peak_bytes,
    note=SLOW_BUILD,
    self_test=SelfTest(
        Setting.of("avif", encoder="avif-pillow", quality=100, chroma_subsampling="444", speed=8), tolerance=6
    ),
    fixed=lambda setting: aom_fixed(str(features.version("avif")), _libaom(), setting),
)
