"""Inspection for pictures and single scores: originals, encoded files, distance maps, scores; and new encodes.

Files from elsewhere may crash their decoder or corrupt the memory of its process. So commands inspect them through
:class:`InspectionProcess`, which has an :class:`Inspector` in a worker process.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, cast

import numpy as np
from numpy.typing import NDArray

from codecstudy import codecs, host, images, metrics
from codecstudy.codecs.command import Definition
from codecstudy.errors import CodecError, CodecstudyError, ImageError, MetricError
from codecstudy.execution import Died, HandlerError
from codecstudy.execution.local import Caller
from codecstudy.measurement.crops import DEFAULT_FRAGMENT, CropPlan
from codecstudy.metrics import kernels
from codecstudy.types import Box

if TYPE_CHECKING:
    from codecstudy.codecs.base import Encoder
    from codecstudy.metrics import butteraugli
    from codecstudy.metrics.base import Prepared
    from codecstudy.metrics.scoring import Reference
    from codecstudy.types import Pixels, Setting

DEADLINE_SECONDS = 1800.0
"""Time limit of one step in seconds: many times what the largest allowed image needs on a slow machine."""


@dataclass(slots=True, eq=False)
class _Stage:
    """A source at one size, with the reference sides of the metrics needed so far."""

    key: tuple[Path, int | None, int | None]
    pixels: Pixels
    scored: Box
    prepared: dict[str, Prepared] = field(default_factory=dict)


class Inspector:
    """Opens originals and encoded files, and compares them, in this process.

    What was last prepared for an original is kept, because usually many files are compared with one original before
    the next one.

    Args:
        fragment: Side in pixels of the square that all crops of an image share.
    """

    def __init__(self, fragment: int = DEFAULT_FRAGMENT) -> None:
        self._crops = CropPlan((), fragment, "adjust_aspect_ratio")
        self._stage: _Stage | None = None
        self._mapped: Pixels | None = None
        self._map: butteraugli.Prepared | None = None
        self._scored: tuple[Path, tuple[str, ...] | None] | None = None
        self._scoring: Reference | None = None

    def original(self, path: Path, resolution: int | None, crop: int | None) -> tuple[Pixels, Box]:
        """Load an original, resized and cropped.

        Args:
            path: The source.
            resolution: Longest edge in pixels to which it is resized, or None.
            crop: Longest edge in pixels of the crop, or None.

        Returns:
            uint8, height x width x 3, sRGB; and the part that is scored: the fragment of a crop, or all of it.

        Raises:
            ImageError: The file cannot be read, or is smaller than that.
        """
        if self._stage is None or self._stage.key != (path, resolution, crop):
            self._stage = None  # frees its memory first
            self._stage = self._open(path, resolution, crop)
        return self._stage.pixels, self._stage.scored

    def _open(self, path: Path, resolution: int | None, crop: int | None) -> _Stage:
        pixels: Pixels | None = images.load(path).pixels
        if pixels is not None and resolution is not None:
            pixels = images.resize(pixels, resolution)
        if pixels is None:
            raise ImageError(f"{path}: smaller than resolution {resolution}")
        scored = Box(0, 0, pixels.shape[1], pixels.shape[0])
        if crop is not None:
            cut = self._crops.cut(pixels.shape[1], pixels.shape[0], crop)
            if isinstance(cut, str):
                raise ImageError(f"{path}: {cut}")
            pixels, scored = np.ascontiguousarray(cut.window.of(pixels)), cut.fragment
        return _Stage((path, resolution, crop), pixels, scored)

    def encode(self, path: Path, setting: Setting, names: tuple[str, ...]) -> tuple[bytes, dict[str, float]]:
        """Encode an original, and score the result as a run does.

        Args:
            path: The source.
            setting: Encoder with its parameters; resolution and crop are applied first.
            names: Metrics.

        Returns:
            The encoded file, and its scores by column name, of the metrics that apply to its size.

        Raises:
            CodecstudyError: The source cannot be read, or the encoder fails.
        """
        pixels, scored = self.original(path, setting.resolution, setting.crop)
        assert self._stage is not None
        encoder, prepared = codecs.usable(setting.encoder), self._stage.prepared
        if encoder.recompresses(setting):
            data = encoder.recompressed(path.read_bytes(), setting).data
        else:
            data = encoder.encoded(pixels, setting).data
        distorted = np.ascontiguousarray(scored.of(encoder.decoded(data).pixels))
        found: dict[str, float] = {}
        for name in names:
            metric = metrics.get(name)
            if not metric.applies_to(distorted):
                continue
            if name not in prepared:
                prepared[name] = metric.prepare(np.ascontiguousarray(scored.of(pixels)))
            found |= prepared[name].scores(distorted)
        return data, found

    def measures(self, metric: str) -> bool:
        """Whether ``metric`` is installed here."""
        return has_metric(metric)

    def version(self, encoder: str) -> str:
        """Library and version of ``encoder`` here."""
        return codecs.get(encoder).version()

    def decodes(self, encoder: str, format: str) -> bool:
        """Whether files of ``format`` that were made by ``encoder`` can be decoded here."""
        return decoder_of(encoder, format) is not None

    def decode(self, encoder: str, format: str, data: bytes) -> Pixels:
        """Decode a file of ``format`` that was made by ``encoder``."""
        decoder = decoder_of(encoder, format)
        if decoder is None:
            raise CodecError(f"no encoder here decodes files of {encoder}")
        return decoder.decoded(data).pixels

    def distance_map(self, reference: Pixels, distorted: Pixels) -> NDArray[np.float32]:
        """Butteraugli distance at each pixel, float32 of shape (height, width)."""
        from codecstudy.metrics import butteraugli

        if self._map is None or not np.array_equal(self._mapped, reference):  # type: ignore[arg-type]
            self._mapped, self._map = reference, butteraugli.prepare(reference)
        return self._map.distance_map(distorted)

    def prepare(self, reference: Path, names: tuple[str, ...] | None) -> None:
        """Open the original at ``reference`` for :meth:`scores`; raises as :meth:`scores` does."""
        from codecstudy.metrics.scoring import Reference

        if self._scored != (reference, names):
            self._scored, self._scoring = None, None
            self._scoring = Reference(reference, names)
            self._scored = reference, names

    def scores(self, reference: Path, distorted: Path, names: tuple[str, ...] | None) -> dict[str, float]:
        """Score one file against another.

        Args:
            reference: The original.
            distorted: The file to score.
            names: Metrics; None: the built-in ones that apply to images of this size.

        Returns:
            Scores by column name.

        Raises:
            ImageError: A file is not an image.
            ValueError: The sizes differ.
        """
        self.prepare(reference, names)
        assert self._scoring is not None
        return self._scoring.scores(distorted)


def decoder_of(encoder: str, format: str) -> Encoder | None:
    """The decoder of an encoder's files: the encoder itself, or else the default one of the format.

    The latter serves encoders that only the machine that measured has, such as those that a study defines.
    """
    for name in (encoder, format):
        with contextlib.suppress(CodecError):
            return codecs.usable(name)
    return None


def has_metric(name: str) -> bool:
    """Whether there is a metric with this name and it can be loaded."""
    if name in metrics.BUILT_IN:  # without loading its kernels
        return True
    try:
        metrics.get(name)
    except MetricError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class _Config:
    fragment: int
    plugins: tuple[str, ...]
    metric_plugins: tuple[str, ...]
    definitions: tuple[Definition, ...]


@dataclass(frozen=True, slots=True)
class _Refusal:
    """The message of an error that was raised on purpose."""

    message: str


def make_handler(config: _Config) -> Callable[[tuple[str, tuple[Any, ...]]], object]:
    """The handler of the worker process: calls methods of an :class:`Inspector` by name."""
    for reference in config.plugins:
        codecs.register(reference)
    codecs.define(config.definitions)
    for reference in config.metric_plugins:
        metrics.register(reference)
    inspector = Inspector(config.fragment)

    def handle(call: tuple[str, tuple[Any, ...]]) -> object:
        name, arguments = call
        try:
            return getattr(inspector, name)(*arguments)
        except (CodecstudyError, ValueError) as error:
            return _Refusal(str(error))

    return handle


class InspectionProcess:
    """An :class:`Inspector` in a worker process, with the same methods, a deadline and a memory limit.

    Any problem with a file, including the death of the process, is an :class:`ImageError`; the next file gets a new
    process. Use it in a ``with`` block.

    Args:
        fragment: As for :class:`Inspector`.
        compile_kernels: Called with the names of the metrics that a call for maps or scores needs, before the call
            is made, so that kernels are compiled in this process, with progress and without a deadline.
    """

    def __init__(
        self,
        fragment: int = DEFAULT_FRAGMENT,
        compile_kernels: Callable[[tuple[str, ...]], None] = kernels.compile_all,
    ) -> None:
        self._caller = Caller(
            "codecstudy.measurement.inspection:make_handler",
            _Config(fragment, codecs.registered(), metrics.registered(), codecs.definitions()),
            memory_limit=host.worker_limit(host.default_memory()),
            environment=kernels.cache_environment(),
        )
        self._compile_kernels = compile_kernels

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._caller.__exit__(kind, error, trace)

    def original(self, path: Path, resolution: int | None, crop: int | None) -> tuple[Pixels, Box]:
        """See :meth:`Inspector.original`."""
        found = self._call(f"reading {path}", "original", path, resolution, crop)
        return cast("tuple[Pixels, Box]", found)

    def encode(self, path: Path, setting: Setting, names: tuple[str, ...]) -> tuple[bytes, dict[str, float]]:
        """See :meth:`Inspector.encode`."""
        self._compile(names)
        found = self._call(f"encoding {path} with {setting.label()}", "encode", path, setting, names)
        return cast("tuple[bytes, dict[str, float]]", found)

    def measures(self, metric: str) -> bool:
        """See :meth:`Inspector.measures`."""
        return has_metric(metric)

    def version(self, encoder: str) -> str:
        """See :meth:`Inspector.version`."""
        return codecs.get(encoder).version()

    def decodes(self, encoder: str, format: str) -> bool:
        """See :meth:`Inspector.decodes`."""
        return decoder_of(encoder, format) is not None

    def decode(self, encoder: str, format: str, data: bytes) -> Pixels:
        """See :meth:`Inspector.decode`."""
        doing = f"decoding an encoded file ({encoder})"
        return cast("Pixels", self._call(doing, "decode", encoder, format, data))

    def distance_map(self, reference: Pixels, distorted: Pixels) -> NDArray[np.float32]:
        """See :meth:`Inspector.distance_map`."""
        self._compile_kernels(("butteraugli",))
        found = self._call("comparing two images", "distance_map", reference, distorted)
        return cast("NDArray[np.float32]", found)

    def prepare(self, reference: Path, names: tuple[str, ...] | None) -> None:
        """See :meth:`Inspector.prepare`."""
        self._compile(names)
        self._call(f"reading {reference}", "prepare", reference, names)

    def scores(self, reference: Path, distorted: Path, names: tuple[str, ...] | None) -> dict[str, float]:
        """See :meth:`Inspector.scores`."""
        self._compile(names)
        found = self._call(f"reading {distorted}", "scores", reference, distorted, names)
        return cast("dict[str, float]", found)

    def _compile(self, names: tuple[str, ...] | None) -> None:
        self._compile_kernels(metrics.packages(metrics.DEFAULT if names is None else names))

    def _call(self, doing: str, name: str, *arguments: object) -> object:
        value = self._caller.call((name, arguments), DEADLINE_SECONDS)
        if isinstance(value, _Refusal):
            raise ImageError(value.message)
        if isinstance(value, HandlerError):
            what = "out of memory" if value.kind == "MemoryError" else f"{value.kind}: {value.message}"
            raise ImageError(f"{what} while {doing}")
        if isinstance(value, Died):
            raise ImageError(f"{value.how()} while {doing}")
        return value
