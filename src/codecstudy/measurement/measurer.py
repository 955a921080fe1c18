"""From one task to one outcome: encode, decode once, compute all scores.

A :class:`Measurer` runs in a worker process. It keeps the current source open (decoded once), the current size
(resized or cropped once) and the metrics' reference sides (prepared once), so that tasks in the study's order take
only the time of their own encode, decode and scores.
"""

from __future__ import annotations

import dataclasses
import hashlib
import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from codecstudy import codecs, images, metrics
from codecstudy.codecs.base import Cost, Encoded, Encoder, cpu_seconds
from codecstudy.codecs.command import Definition
from codecstudy.errors import CodecstudyError, ImageMemoryError, MetricError, NotApplicableError
from codecstudy.images.phash import perceptual_hash
from codecstudy.measurement import artifacts, selftest
from codecstudy.measurement.crops import CropPlan
from codecstudy.metrics.base import STREAMED_ABOVE, Prepared
from codecstudy.types import (
    Box,
    Failure,
    FailureKind,
    Measurement,
    MetricFacts,
    Outcome,
    Pixels,
    Scores,
    Setting,
    Skip,
)

T = TypeVar("T")

READING, PREPARING, MEASURING = "reading", "preparing", "measuring"
"""Stages of a task: the source is read and decoded, once; it is resized, cropped, and prepared as the reference of
the metrics, once per size; it is encoded, decoded and scored, in each task."""


@dataclass(frozen=True, slots=True)
class MeasurerConfig:
    """What all tasks of a run share; sent to each worker once."""

    folder: str
    """The dataset's folder."""
    settings: tuple[Setting, ...]
    metrics: tuple[str, ...]
    plugins: tuple[str, ...] = ()
    """References of registered codecs, as :func:`codecstudy.codecs.register` takes them."""
    definitions: tuple[Definition, ...] = ()
    """Encoders that the study defines."""
    metric_plugins: tuple[str, ...] = ()
    """References of registered metrics, as :func:`codecstudy.metrics.register` takes them."""
    max_pixels: int = images.MAX_PIXELS
    crops: CropPlan | None = None
    """How crops are cut and which part of them is scored; None if no setting has a crop."""
    streamed_above: float = STREAMED_ABOVE
    """Metrics stream images of more pixels."""


@dataclass(frozen=True, slots=True)
class MeasureRequest:
    """One task in the form in which an executor sends it to a worker."""

    image: str
    """Path of the source, relative to the dataset's folder."""
    setting: int
    """Index into :attr:`MeasurerConfig.settings`."""
    artifact: str | None = None
    """Where to keep the encoded file, or None."""
    sha256: str | None = None
    """SHA-256 of the source's content, which identifies its measurements in the store; None if unknown."""
    known: Measurement | None = None
    """The known part of this task's measurement. Only the missing scores are computed; its size and times are kept
    as long as the encoded bytes are the same."""
    saved: str | None = None
    """An encoded file that is scored instead of encoding again, if its content has the hash of ``known``."""


@dataclass(frozen=True, slots=True)
class Opening:
    """The cost of opening the source for this task, if it was not open already."""

    seconds: float
    cpu_seconds: float


@dataclass(frozen=True, slots=True)
class Report:
    """The answer to a request."""

    outcome: Outcome
    opening: Opening | None = None
    cpu_seconds: float = 0.0
    """CPU seconds of the task itself, without opening the source."""
    phash: str | None = None
    """:func:`codecstudy.images.phash.perceptual_hash` of the source at its original size; None if it could not be
    opened."""


@dataclass(slots=True)
class _Stage:
    """A source at one size, with the reference sides of the metrics."""

    size: tuple[int | None, int | None]
    pixels: Pixels
    scored: Box | None
    """The part of ``pixels`` that is scored; None for all of it."""
    reference: Pixels
    """The pixels of that part."""
    prepared: dict[str, Prepared | None]
    """Prepared references by metric, for the metrics needed so far; None for one that does not apply."""


class _FailedError(Exception):
    def __init__(self, kind: FailureKind, reason: str) -> None:
        super().__init__(reason)
        self.kind: FailureKind = kind


class Measurer:
    """Takes requests one after the other and returns a report for each; never raises because of a request."""

    def __init__(self, config: MeasurerConfig) -> None:
        for reference in config.plugins:
            codecs.register(reference)
        codecs.define(config.definitions)
        for reference in config.metric_plugins:
            metrics.register(reference)
        self._config = config
        self._encoders: dict[str, Encoder] = {s.encoder: codecs.get(s.encoder) for s in config.settings}
        self._metrics = {name: metrics.get(name) for name in config.metrics}
        self._image: str | None = None
        self._source: images.Source | None = None
        self._phash: str | None = None
        self._refusal: _FailedError | None = None
        self._stage: _Stage | None = None
        self.on_stage: Callable[[str], None] = lambda stage: None
        """Called when a stage of a task begins, unless the task needs only :data:`MEASURING`."""

    def warm(self) -> None:
        """Run each metric and each encoder once, so that no measurement includes the time to load it."""
        selftest.check_metrics(self._config.metrics)
        selftest.check_chain(self._encoders)

    def __call__(self, request: MeasureRequest) -> Report:
        """Measure one task."""
        setting, known = self._config.settings[request.setting], request.known
        wanted = [name for name in self._metrics if known is None or name not in known.scores]
        opening: Opening | None = None
        try:
            is_open = self._image == request.image and self._stage and self._stage.size == _size(setting)
            stage: _Stage | str | None = self._stage if is_open else None
            if not isinstance(stage, _Stage) or not stage.prepared.keys() >= set(wanted):
                wall, cpu = time.perf_counter(), time.process_time()
                stage = stage or self._open(request, setting)
                if isinstance(stage, _Stage):
                    self._prepare(stage, wanted)
                opening = Opening(time.perf_counter() - wall, time.process_time() - cpu)
                self.on_stage(MEASURING)
            if isinstance(stage, str):
                return Report(Skip(stage, self._notes()), opening, phash=self._phash)
            cpu = cpu_seconds()
            outcome = self._measure(stage, setting, request, wanted)
            return Report(outcome, opening, cpu_seconds() - cpu, self._phash)
        except NotApplicableError as reason:
            return Report(Skip(str(reason), self._notes()), opening, phash=self._phash)
        except _FailedError as failed:
            return Report(Failure(failed.kind, str(failed), self._notes()), opening, phash=self._phash)

    def _notes(self) -> tuple[str, ...]:
        return self._source.notes if self._source else ()

    def _open(self, request: MeasureRequest, setting: Setting) -> _Stage | str:
        """The source at the setting's size, or why that size does not apply to it."""
        self._stage = None
        if request.image != self._image:
            self._image, self._source, self._phash, self._refusal = request.image, None, None, None
            path = Path(self._config.folder, request.image)
            self.on_stage(READING)
            try:
                source = _attempt("source", images.load, path, self._config.max_pixels)
                # Read after the pixels, so that a change at any time in between is detected.
                if request.sha256 not in (None, _attempt("source", images.content_hash, path)):
                    raise _FailedError("source", "the file changed during the run; run again")
                self._source = source
                self._phash = _attempt("source", perceptual_hash, source.pixels)
            except _FailedError as refusal:
                # The record already names the image; without its path, equal reasons are equal texts.
                self._refusal = _FailedError(refusal.kind, str(refusal).removeprefix(f"{path}: "))
        if self._source is None:
            # The other tasks of a source that cannot be read get the same answer without another attempt.
            assert self._refusal is not None
            raise self._refusal
        self.on_stage(PREPARING)
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
        self._stage = _Stage(_size(setting), pixels, scored, reference, {})
        return self._stage

    def _prepare(self, stage: _Stage, names: Iterable[str]) -> None:
        """Prepare the reference sides of those of these metrics that are not prepared yet."""
        for name in names:
            if name not in stage.prepared:
                metric, limit = self._metrics[name], self._config.streamed_above
                stage.prepared[name] = (
                    _attempt("metric", metric.prepared, stage.reference, limit)
                    if metric.applies_to(stage.reference)
                    else None
                )

    def _measure(
        self, stage: _Stage, setting: Setting, request: MeasureRequest, wanted: list[str]
    ) -> Measurement:
        encoder, known = self._encoders[setting.encoder], request.known
        encoded = None if known is None else _saved(request.saved, known)
        if known is not None and encoded is not None:
            if not wanted:
                return known
            decoded, _ = self._decode(encoder, encoded, stage.pixels)
            return dataclasses.replace(known, scores=known.scores | self._scores(stage, decoded, wanted))

        made = self._encode(encoder, stage, setting, request)
        encoded = made.data
        sha256 = hashlib.sha256(encoded).hexdigest()
        if known is not None and known.has_bytes(len(encoded), sha256):
            outcome = dataclasses.replace(known, sha256=sha256)
            if wanted:
                decoded, _ = self._decode(encoder, encoded, stage.pixels)
                outcome = dataclasses.replace(
                    outcome, scores=known.scores | self._scores(stage, decoded, wanted)
                )
        else:
            # The known part belongs to other bytes, so it does not apply to these.
            decoded, decoding = self._decode(encoder, encoded, stage.pixels)
            outcome = Measurement(
                file_size=len(encoded),
                width=stage.pixels.shape[1],
                height=stage.pixels.shape[0],
                encoding_time=made.cost.wall_time,
                encoding_cpu_time=made.cost.cpu_time,
                decoding_time=decoding.wall_time,
                decoding_cpu_time=decoding.cpu_time,
                sha256=sha256,
                scores=self._scores(stage, decoded, list(self._metrics)),
                notes=self._notes(),
                encoding_peak_memory=made.cost.peak_memory,
            )
        if request.artifact is not None:
            _attempt("artifact", artifacts.keep, Path(request.artifact), encoded)
        return outcome

    def _encode(self, encoder: Encoder, stage: _Stage, setting: Setting, request: MeasureRequest) -> Encoded:
        if not encoder.recompresses(setting):
            return _attempt("encode", encoder.encoded, stage.pixels, setting)
        content = _attempt("source", Path(self._config.folder, request.image).read_bytes)
        if request.sha256 not in (None, hashlib.sha256(content).hexdigest()):
            raise _FailedError("source", "the file changed during the run; run again")
        return _attempt("encode", encoder.recompressed, content, setting)

    def _decode(self, encoder: Encoder, encoded: bytes, pixels: Pixels) -> tuple[Pixels, Cost]:
        """The decoded image, and what decoding took."""
        made = _attempt("decode", encoder.decoded, encoded)
        decoded = made.pixels
        shape = getattr(decoded, "shape", None)
        if shape != pixels.shape or decoded.dtype != np.uint8:
            kind = getattr(decoded, "dtype", type(decoded).__name__)
            raise _FailedError(
                "decode", f"decoded to {kind} of shape {shape}; the source is uint8 of shape {pixels.shape}"
            )
        return decoded, made.cost

    def _scores(self, stage: _Stage, decoded: Pixels, names: list[str]) -> dict[str, Scores]:
        """Scores of these metrics; those of a metric that does not apply are empty."""
        self._prepare(stage, names)
        distorted = decoded if stage.scored is None else np.ascontiguousarray(stage.scored.of(decoded))
        found = {}
        for name in names:
            prepared = stage.prepared[name]
            if prepared is None:
                found[name] = Scores({}, 0.0)
                continue
            cpu = time.process_time()
            given = _attempt("metric", prepared.scores, distorted)
            cpu_time = time.process_time() - cpu
            found[name] = Scores(_attempt("metric", _checked, self._metrics[name].facts, given), cpu_time)
        return found


def _saved(path: str | None, known: Measurement) -> bytes | None:
    """The content of an encoded file, if it is what was measured."""
    if path is None or known.sha256 is None:
        return None
    try:
        content = Path(path).read_bytes()
    except OSError:
        return None
    return content if hashlib.sha256(content).hexdigest() == known.sha256 else None


def _checked(facts: MetricFacts, given: dict[str, float]) -> dict[str, float]:
    """Validated scores: exactly those that the facts name, and finite unless infinity is allowed."""
    columns = {column.name: column for column in facts.columns}
    if given.keys() != columns.keys():
        raise MetricError(f"{facts.name} returned scores {sorted(given)}; its facts name {sorted(columns)}")
    scores = {name: float(given[name]) for name in columns}
    for name, score in scores.items():
        # Only for an identical image can a score be infinite.
        if not math.isfinite(score) and score != columns[name].identical:
            raise MetricError(f"{facts.name} returned {score} as {name}")
    return scores


def make_measurer(config: MeasurerConfig) -> Measurer:
    """Create a measurer that is ready; the handler factory of executors."""
    measurer = Measurer(config)
    measurer.warm()
    return measurer


def _size(setting: Setting) -> tuple[int | None, int | None]:
    return setting.resolution, setting.crop


def _too_small(pixels: Pixels, edge: int) -> str:
    height, width = pixels.shape[:2]
    return f"the image is {width} x {height}: smaller than resolution {edge}, and images are never enlarged"


def _attempt(kind: FailureKind, step: Callable[..., T], *arguments: object) -> T:
    """Call ``step``; any exception but that of a setting that does not apply becomes a failure of this kind."""
    try:
        return step(*arguments)
    except NotApplicableError:
        raise
    except MemoryError:
        raise _FailedError("memory", f"out of memory ({kind} step)") from None
    except ImageMemoryError as error:
        raise _FailedError("memory", str(error)) from None
    except CodecstudyError as error:
        raise _FailedError(kind, str(error)) from None
    except Exception as error:
        raise _FailedError(kind, f"{type(error).__name__}: {_message(error)}") from None


def _message(error: Exception) -> str:
    # An exception's own __str__ may fail; a failure must still become a record.
    try:
        return " ".join(str(error).split())[:500]
    except Exception:
        return "(its message cannot be shown)"
