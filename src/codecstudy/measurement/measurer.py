"""One task to one outcome: encode, decode once, score everything.

A :class:`Measurer` lives in a worker process. It keeps the source that it has open (decoded once), the size that
is in work (resized or cropped once) and the metrics' reference sides (prepared once), so that tasks that come
in the study's order pay for their own encode, decode and scores alone.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from codecstudy import codecs, images, metrics
from codecstudy.codecs.base import Encoder
from codecstudy.errors import CodecstudyError
from codecstudy.measurement import artifacts, selftest
from codecstudy.measurement.crops import CropPlan
from codecstudy.metrics.base import Prepared
from codecstudy.types import Box, Failure, FailureKind, Measurement, Outcome, Pixels, Setting, Skip

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class MeasurerConfig:
    """What all tasks of a run share; crosses the process boundary once per worker."""

    folder: str
    """The dataset's folder."""
    settings: tuple[Setting, ...]
    metrics: tuple[str, ...]
    plugins: tuple[str, ...] = ()
    """References of registered codecs, as :func:`codecstudy.codecs.register` takes them."""
    max_pixels: int = images.MAX_PIXELS
    crops: CropPlan | None = None
    """Where crops are cut and which part of them is scored; None where no setting has a crop."""


@dataclass(frozen=True, slots=True)
class MeasureRequest:
    """One task, as an executor sends it to a worker."""

    image: str
    """Path of the source, relative to the dataset's folder."""
    setting: int
    """Index into :attr:`MeasurerConfig.settings`."""
    artifact: str | None = None
    """Where to keep the encoded file, or None."""
    sha256: str | None = None
    """Of the source's content, which is what its measurements are remembered by; None where it is not known."""


@dataclass(frozen=True, slots=True)
class Opening:
    """What it cost to open the source for this task, if it was not open already."""

    seconds: float
    cpu_seconds: float


@dataclass(frozen=True, slots=True)
class Report:
    """The answer to a request."""

    outcome: Outcome
    opening: Opening | None = None


@dataclass(slots=True)
class _Stage:
    """A source at one size, with the metrics' reference sides."""

    size: tuple[int | None, int | None]
    pixels: Pixels
    scored: Box | None
    """The part of ``pixels`` that is scored; None for all of it."""
    prepared: list[Prepared]


class _FailedError(Exception):
    def __init__(self, kind: FailureKind, reason: str) -> None:
        super().__init__(reason)
        self.kind: FailureKind = kind


class Measurer:
    """Takes requests one after the other and returns a report for each; no request makes it raise."""

    def __init__(self, config: MeasurerConfig) -> None:
        for reference in config.plugins:
            codecs.register(reference)
        self._config = config
        self._encoders: dict[str, Encoder] = {s.encoder: codecs.get(s.encoder) for s in config.settings}
        self._metrics = [metrics.get(name) for name in config.metrics]
        self._image: str | None = None
        self._source: images.Source | None = None
        self._refusal: _FailedError | None = None
        self._stage: _Stage | None = None

    def warm(self) -> None:
        """Put each metric and each encoder to work once, so that no measurement pays for loading it."""
        selftest.check_metrics(self._config.metrics)
        selftest.check_chain(self._encoders)

    def __call__(self, request: MeasureRequest) -> Report:
        """Measure one task."""
        setting = self._config.settings[request.setting]
        opening: Opening | None = None
        try:
            stage: _Stage | str
            if self._image == request.image and self._stage and self._stage.size == _size(setting):
                stage = self._stage
            else:
                wall, cpu = time.perf_counter(), time.process_time()
                stage = self._open(request, setting)
                opening = Opening(time.perf_counter() - wall, time.process_time() - cpu)
            if isinstance(stage, str):
                return Report(Skip(stage, self._notes()), opening)
            return Report(self._measure(stage, setting, request.artifact), opening)
        except _FailedError as failed:
            return Report(Failure(failed.kind, str(failed), self._notes()), opening)

    def _notes(self) -> tuple[str, ...]:
        return self._source.notes if self._source else ()

    def _open(self, request: MeasureRequest, setting: Setting) -> _Stage | str:
        """The source at the setting's size, or why that size does not apply to it."""
        self._stage = None
        if request.image != self._image:
            self._image, self._source, self._refusal = request.image, None, None
            path = Path(self._config.folder, request.image)
            try:
                source = _attempt("source", images.load, path, self._config.max_pixels)
                # Read after the pixels, so that a change at any time in between is noticed.
                if request.sha256 not in (None, _attempt("source", images.content_hash, path)):
                    raise _FailedError("source", "the file has changed while the run went on; run again")
                self._source = source
            except _FailedError as refusal:
                # The record names the image already; without its path, equal reasons are equal texts.
                self._refusal = _FailedError(refusal.kind, str(refusal).removeprefix(f"{path}: "))
        if self._source is None:
            # The other tasks of a source that cannot be read get the same answer without another try.
            assert self._refusal is not None
            raise self._refusal
        pixels, scored = self._source.pixels, None
        if setting.resolution is not None:
            resized = _attempt("source", images.resize, pixels, setting.resolution)
            if resized is None:
                return _too_small(pixels, setting.resolution)
            pixels = resized
        if setting.crop is not None:
            assert self._config.crops is not None
            cut = self._config.crops.cut(pixels.shape[1], pixels.shape[0], setting.crop)
            if isinstance(cut, str):
                return cut
            pixels, scored = np.ascontiguousarray(cut.window.of(pixels)), cut.fragment
        reference = pixels if scored is None else np.ascontiguousarray(scored.of(pixels))
        prepared = [_attempt("metric", m.prepare, reference) for m in self._metrics]
        self._stage = _Stage(_size(setting), pixels, scored, prepared)
        return self._stage

    def _measure(self, stage: _Stage, setting: Setting, artifact: str | None) -> Measurement:
        encoder = self._encoders[setting.encoder]
        pixels = stage.pixels
        wall, cpu = time.perf_counter(), time.process_time()
        encoded = _attempt("encode", encoder.encode, pixels, setting)
        encoding_time, encoding_cpu_time = time.perf_counter() - wall, time.process_time() - cpu
        if not isinstance(encoded, bytes) or not encoded:
            what = "no bytes" if isinstance(encoded, bytes) else type(encoded).__name__
            raise _FailedError("encode", f"the encoder gave {what} in place of a file")

        wall, cpu = time.perf_counter(), time.process_time()
        decoded = _attempt("decode", encoder.decode, encoded)
        decoding_time, decoding_cpu_time = time.perf_counter() - wall, time.process_time() - cpu
        shape = getattr(decoded, "shape", None)
        if shape != pixels.shape or decoded.dtype != np.uint8:
            kind = getattr(decoded, "dtype", type(decoded).__name__)
            raise _FailedError(
                "decode", f"decoded to {kind} of shape {shape}; the source is uint8 of shape {pixels.shape}"
            )

        cpu = time.process_time()
        scores: dict[str, float] = {}
        distorted = decoded if stage.scored is None else np.ascontiguousarray(stage.scored.of(decoded))
        for metric, prepared in zip(self._metrics, stage.prepared, strict=True):
            given = _attempt("metric", prepared.scores, distorted)
            for column, score in given.items():
                # Of all scores only the PSNR of an identical image has a reason to be infinite.
                if not math.isfinite(score) and (column, score) != ("psnr", math.inf):
                    raise _FailedError("metric", f"{metric.name} gave {score} as {column}")
            scores.update(given)
        metrics_cpu_time = time.process_time() - cpu

        if artifact is not None:
            _attempt("artifact", artifacts.keep, Path(artifact), encoded)
        return Measurement(
            file_size=len(encoded),
            width=pixels.shape[1],
            height=pixels.shape[0],
            encoding_time=encoding_time,
            encoding_cpu_time=encoding_cpu_time,
            decoding_time=decoding_time,
            decoding_cpu_time=decoding_cpu_time,
            metrics_cpu_time=metrics_cpu_time,
            scores=scores,
            notes=self._notes(),
        )


def make_measurer(config: MeasurerConfig) -> Measurer:
    """A measurer that is ready: the handler that executors run."""
    measurer = Measurer(config)
    measurer.warm()
    return measurer


def _size(setting: Setting) -> tuple[int | None, int | None]:
    return setting.resolution, setting.crop


def _too_small(pixels: Pixels, edge: int) -> str:
    height, width = pixels.shape[:2]
    return f"the image is {width} x {height}: smaller than resolution {edge}, and images are never enlarged"


def _attempt(kind: FailureKind, step: Callable[..., T], *arguments: object) -> T:
    """Call ``step``; whatever it raises becomes a failure of this kind."""
    try:
        return step(*arguments)
    except MemoryError:
        raise _FailedError("memory", f"out of memory ({kind} step)") from None
    except CodecstudyError as error:
        raise _FailedError(kind, str(error)) from None
    except Exception as error:
        raise _FailedError(kind, f"{type(error).__name__}: {_message(error)}") from None


def _message(error: Exception) -> str:
    # An exception's own __str__ may fail, too; a failure must still end as a record.
    try:
        return " ".join(str(error).split())[:500]
    except Exception:
        return "(its message cannot be shown)"
