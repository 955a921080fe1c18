"""The whole work of a study as data: sources times settings, which of it is known, and the records of outcomes."""

from __future__ import annotations

import dataclasses
import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version as installed
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from codecstudy import codecs, metrics
from codecstudy.datasets import Dataset
from codecstudy.images import phash
from codecstudy.images.header import version
from codecstudy.measurement import artifacts
from codecstudy.measurement.crops import DEFAULT_FRAGMENT, CropPlan
from codecstudy.measurement.measurer import MeasureRequest
from codecstudy.pipeline.headers import read_headers
from codecstudy.results import QualityRecord, Shard
from codecstudy.sampling import order_images, sample_hash, shard_of
from codecstudy.store import Conditions, Store, canonical
from codecstudy.study import StudyConfig
from codecstudy.types import (
    SHORT_NAMES,
    CommandTemplate,
    Failure,
    Measurement,
    MetricFacts,
    Outcome,
    Scalar,
    Setting,
    Skip,
    folder_of,
)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Source:
    """One image of the dataset, described without decoding it."""

    image: str
    """Path relative to the dataset's folder."""
    file_size: int
    sha256: str | None
    """None if the file cannot be read."""
    width: int
    height: int
    """Zero if the file's header does not state it; opening the file then reports why."""
    decoding_bytes: int = 0
    """Most memory that reading the file takes, in bytes; zero if unknown."""

    def megapixels(self, setting: Setting) -> float:
        """Size at which a setting encodes this image, in megapixels; 1 if unknown."""
        if not self.width:
            return 1.0
        longest = max(self.width, self.height)
        edge = setting.resolution or setting.crop
        scale = min(1.0, edge / longest) if edge else 1.0
        return max(self.width * self.height * scale * scale / 1e6, 1e-4)


class Outcomes:
    """Which tasks of a plan have an outcome.

    Measurements and skips are in the store, and are read from there when they are needed: a run may know a million.
    What the store does not keep is kept here.

    Args:
        sources: Number of sources of the plan.
        settings: Number of its settings.
    """

    def __init__(self, sources: int, settings: int) -> None:
        self.done: NDArray[np.bool_] = np.zeros((sources, settings), dtype=np.bool_)
        """Whether each task, by source and setting, has an outcome."""
        self.incomplete: NDArray[np.bool_] = np.zeros((sources, settings), dtype=np.bool_)
        """Whether the store had a measurement of a task that lacks scores, or an encoded file to be kept."""
        self.unstored: dict[tuple[int, int], Outcome] = {}
        """Outcomes that are not in the store: failures, and those of sources without a hash."""

    def __len__(self) -> int:
        return int(self.done.sum())

    def add(self, source: int, setting: int, outcome: Outcome | None = None) -> None:
        """Add the outcome of a task; None: the store has it."""
        self.done[source, setting] = True
        if outcome is not None:
            self.unstored[source, setting] = outcome

    def left(self, source: int) -> list[int]:
        """The settings of a source without an outcome, in order."""
        return [int(t) for t in np.flatnonzero(~self.done[source])]

    def whole(self) -> list[int]:
        """The sources with an outcome for every setting, in order."""
        return [int(s) for s in np.flatnonzero(self.done.all(axis=1))]


@dataclass(frozen=True, slots=True)
class Plan:
    """Sources times settings, in the order in which results list them."""

    config: StudyConfig
    dataset: Dataset
    sources: tuple[Source, ...]
    copies: dict[int, int]
    """Index of each source whose content an earlier one has, to the index of that one. A copy has no tasks: it
    shares the outcomes of the other."""
    strata: dict[str, int]
    """Images of the whole dataset by folder, files with the same content counted once; see :class:`RunInfo`."""
    settings: tuple[Setting, ...]
    crops: CropPlan | None
    conditions: tuple[Conditions, ...]
    """For each setting, the conditions (besides the source) under which its measurements are stored."""
    metrics: tuple[MetricFacts, ...]
    artifact_root: Path
    """``data/encoded/<study_id>``: where encoded files are, or may be from an earlier run."""
    save_artifacts: bool
    artifact_names: dict[str, str]
    artifact_suffixes: tuple[str, ...]
    commands: tuple[CommandTemplate, ...]
    """Commands for other tools that correspond to the settings."""
    options: tuple[dict[str, Scalar], ...]
    """For each setting, the options that the encoder uses; see :meth:`codecstudy.codecs.base.Encoder.options`."""
    shard: Shard | None = None
    """Which part of the sample the sources are; None: all of it."""

    @property
    def metric_versions(self) -> dict[str, str]:
        """Version of each metric, by name."""
        return {facts.name: facts.version for facts in self.metrics}

    def tool_versions(self) -> dict[str, str]:
        """Version of all software that affects the numbers, by name."""
        encoders = {s.encoder: c.encoder for s, c in zip(self.settings, self.conditions, strict=True)}
        return {
            "codecstudy": installed("codecstudy"),
            "images": version(),
            **encoders,
            **self.metric_versions,
        }

    def known(self, store: Store) -> Outcomes:
        """Look up the tasks in the store.

        A measurement whose encoded file is wanted but is missing, or has another size than the measured one (a file
        of the same name that was left by another state of the study), is incomplete: the file must be made again.
        """
        found = self.nothing_known()
        places = {
            source.sha256: s
            for s, source in enumerate(self.sources)
            if source.sha256 is not None and s not in self.copies
        }
        for sha256, t, size, scores in store.survey(places, self.conditions, self.metric_versions):
            s = places[sha256]
            if size is None or self._is_complete(self.sources[s], t, size, scores):
                found.add(s, t)
            else:
                found.incomplete[s, t] = True
        return found

    def nothing_known(self) -> Outcomes:
        """No outcomes, as if the store were empty."""
        return Outcomes(len(self.sources), len(self.settings))

    def phashes(self, store: Store) -> dict[str, str]:
        """Perceptual hashes of the sources that the store knows, by SHA-256."""
        return store.phashes([s.sha256 for s in self.sources if s.sha256 is not None], phash.ALGORITHM)

    def _is_complete(self, source: Source, setting: int, size: int, scores: int) -> bool:
        if scores < len(self.metrics):
            return False
        return not self.save_artifacts or _has_size(self.artifact(source, setting), size)

    def stored(self, store: Store, source: int, setting: int) -> Measurement | None:
        """The measurement of one task in the store, with the scores that it has there."""
        sha256 = self.sources[source].sha256
        if sha256 is None:
            return None
        for _, _, outcome in store.known([sha256], (self.conditions[setting],), self.metric_versions):
            if isinstance(outcome, Measurement):
                return outcome
        return None

    def artifact(self, source: Source, setting: int) -> Path:
        """Path of a task's encoded file, whether or not it exists."""
        chosen = self.settings[setting]
        name, suffix = self.artifact_names[source.image], self.artifact_suffixes[setting]
        return self.artifact_root / artifacts.location(
            chosen, name, suffix, codecs.get(chosen.encoder).facts.extension
        )

    def request(self, source: int, setting: int, known: Measurement | None = None) -> MeasureRequest:
        """One task in the form that workers get; ``known`` is its measurement in the store, if any."""
        chosen = self.sources[source]
        path = str(self.artifact(chosen, setting))
        return MeasureRequest(
            image=chosen.image,
            setting=setting,
            artifact=path if self.save_artifacts else None,
            sha256=chosen.sha256,
            known=known,
            saved=None if known is None else path,
        )

    def complete(self, outcomes: Outcomes) -> list[int]:
        """The sources with an outcome for every setting, in order; a copy has those of the other file."""
        whole = set(outcomes.whole())
        return [s for s in range(len(self.sources)) if self.copies.get(s, s) in whole]

    def records(
        self, outcomes: Outcomes, store: Store, phashes: Mapping[str, str], root: Path
    ) -> Iterator[QualityRecord]:
        """The records of all complete images: those with an outcome for every setting.

        An image of which the store does not return everything that was added to it, also each metric's scores, is
        left out.

        Args:
            outcomes: Which tasks have an outcome.
            store: Where the outcomes are.
            phashes: Perceptual hashes by the sources' SHA-256, as far as they are known.
            root: Folder of the workspace, to which paths in records are relative.
        """
        for s in self.complete(outcomes):
            source, first = self.sources[s], self.copies.get(s, s)
            sources = [] if source.sha256 is None else [source.sha256]
            stored = store.known(sources, self.conditions, self.metric_versions)
            found: dict[int, Outcome] = {t: outcome for _, t, outcome in stored if self._has_scores(outcome)}
            for t in range(len(self.settings)):
                if (first, t) in outcomes.unstored:
                    found[t] = outcomes.unstored[first, t]
            if len(found) < len(self.settings):
                log.warning(
                    "%s: left out, because not all of it can be read from %s", source.image, store.path
                )
                continue
            for t in range(len(self.settings)):
                yield self._record(s, t, found[t], phashes, root)

    def _has_scores(self, outcome: Outcome) -> bool:
        """Whether each metric has scored, or does not apply."""
        return not isinstance(outcome, Measurement) or outcome.scores.keys() >= self.metric_versions.keys()

    def passed_over(self, outcomes: Outcomes) -> tuple[str, ...]:
        """The incomplete images that come before a complete one."""
        complete = set(self.complete(outcomes))
        return tuple(self.sources[s].image for s in range(max(complete, default=0)) if s not in complete)

    def _record(
        self, s: int, t: int, outcome: Outcome, phashes: Mapping[str, str], root: Path
    ) -> QualityRecord:
        source, setting = self.sources[s], self.settings[t]
        measured = outcome if isinstance(outcome, Measurement) else None
        scores = measured.columns if measured else {}
        notes = (*outcome.notes, *_unscored(measured)) if measured else outcome.notes
        encoded = self.sources[self.copies.get(s, s)]
        artifact = self.artifact(encoded, t) if measured and self.save_artifacts else None
        return QualityRecord(
            source_image=source.image,
            original_image=source.image,
            encoded_path=artifact.relative_to(root).as_posix() if artifact else None,
            format=setting.format,
            **{name: setting.get(name) for name in SHORT_NAMES},
            file_size=measured.file_size if measured else None,
            width=measured.width if measured else None,
            height=measured.height if measured else None,
            source_file_size=source.file_size,
            ssimulacra2=scores.pop("ssimulacra2", None),
            psnr=scores.pop("psnr", None),
            ssim=scores.pop("ssim", None),
            butteraugli=scores.pop("butteraugli", None),
            encoding_time=measured.encoding_time if measured else None,
            resolution=setting.resolution,
            extra_args=dict(setting.extra_args) or None,
            measurement_error=None if isinstance(outcome, Measurement) else outcome.reason,
            encoding_cpu_time=measured.encoding_cpu_time if measured else None,
            decoding_time=measured.decoding_time if measured else None,
            decoding_cpu_time=measured.decoding_cpu_time if measured else None,
            metrics_cpu_time=measured.metrics_cpu_time if measured else None,
            butteraugli_3norm=scores.pop("butteraugli_3norm", None),
            crop=setting.crop,
            status="measured" if measured else "skipped" if isinstance(outcome, Skip) else "failed",
            failure=outcome.kind if isinstance(outcome, Failure) else None,
            source_sha256=source.sha256,
            source_notes="; ".join(notes) or None,
            source_phash=phashes.get(source.sha256) if source.sha256 is not None else None,
            encoder=setting.encoder,
            parameters={name: value for name, value in setting.parameters if name not in SHORT_NAMES},
            scores=scores,
            encoder_options=self.options[t],
            encoding_peak_memory=measured.encoding_peak_memory if measured else None,
        )


def _unscored(measured: Measurement) -> Iterator[str]:
    """Notes about metrics that do not apply to a measured image."""
    for name, scores in measured.scores.items():
        if not scores.values:
            metric = metrics.get(name)
            yield f"no {metric.facts.title}: it needs {metric.smallest_side} pixels per side"


def make_plan(
    config: StudyConfig,
    dataset: Dataset,
    store: Store,
    host: str,
    *,
    artifact_root: Path,
    save_artifacts: bool = False,
    in_this_process: bool = False,
    only_images: frozenset[str] | None = None,
    shard: tuple[int, int] | None = None,
) -> Plan:
    """Plan the work of a study on a dataset, without decoding any image.

    Files with the same content are one image of the sample, in the place of the first one by name; the others
    follow it in the plan.

    Args:
        config: The study.
        dataset: Its images; the study's sample of them is taken, in the study's order.
        store: Measurement store, for the hashes of files.
        host: Text that is equal on machines with comparable timings.
        artifact_root: Folder of the study's encoded files.
        save_artifacts: Whether encoded files are kept.
        in_this_process: Read the headers of the images in this process instead of a separate one.
        only_images: Leave out all other images of the sample.
        shard: Take only this part of the sample, given by its number and the number of parts.
    """
    contents = {names[0]: names for names in _contents(dataset, store)}
    firsts = order_images(contents, config.dataset.order, config.dataset.seed)[: config.dataset.max_images]
    part = None
    if shard is not None:
        sample_images = sum(len(contents[first]) for first in firsts)
        part = Shard(shard[:1], shard[1], sample_images, sample_hash(firsts))
        firsts = list(shard_of(firsts, *shard))
    if only_images is not None:
        firsts = [first for first in firsts if first in only_images]
    names = [name for first in firsts for name in contents[first]]
    place = {name: s for s, name in enumerate(names)}
    settings = tuple(config.settings())
    crops = _crops(config, settings)
    return Plan(
        config=config,
        dataset=dataset,
        sources=tuple(_sources(dataset.folder, names, store, in_this_process)),
        copies={place[name]: place[first] for first in firsts for name in contents[first][1:]},
        strata=dict(sorted(Counter(map(folder_of, contents)).items())),
        settings=settings,
        crops=crops,
        conditions=_conditions(settings, crops, host),
        metrics=metrics.facts(config.metric_names),
        artifact_root=artifact_root,
        save_artifacts=save_artifacts,
        artifact_names=artifacts.stems(dataset.images),
        artifact_suffixes=tuple(artifacts.suffixes(settings)),
        commands=codecs.commands_of(settings),
        options=tuple(codecs.get(s.encoder).options(s) for s in settings),
        shard=part,
    )


def _contents(dataset: Dataset, store: Store) -> Iterator[list[str]]:
    """The images of a dataset, those with the same content together, each group sorted by name."""
    by_size: dict[int, list[str]] = {}
    for name in dataset.images:
        try:
            by_size.setdefault(dataset.path(name).stat().st_size, []).append(name)
        except OSError:
            yield [name]
    for names in by_size.values():
        if len(names) == 1:
            # No other file has its size, so none has its content, and it need not be read.
            yield names
            continue
        groups: dict[str, list[str]] = {}
        for name in sorted(names):
            _, sha256 = _size_and_hash(dataset.path(name), store)
            groups.setdefault(sha256 or f"unreadable: {name}", []).append(name)
        yield from groups.values()


def _sources(folder: Path, names: Sequence[str], store: Store, in_this_process: bool) -> Iterator[Source]:
    hashes = {name: _size_and_hash(folder / name, store) for name in names}
    readable = [name for name, (_, sha256) in hashes.items() if sha256 is not None]
    found = read_headers([folder / name for name in readable], in_this_process=in_this_process)
    headers = dict(zip(readable, found, strict=True))
    for name, (file_size, sha256) in hashes.items():
        header = headers.get(name)
        if header is None:
            yield Source(name, file_size, sha256, 0, 0)
        else:
            yield Source(name, file_size, sha256, header.width, header.height, header.decoding_bytes)


def _size_and_hash(path: Path, store: Store) -> tuple[int, str | None]:
    """Size of a file in bytes and the hash of its content; (0, None) if it cannot be read."""
    try:
        return path.stat().st_size, store.content_hash(path)
    except OSError:
        return 0, None


def _has_size(path: Path, size: int) -> bool:
    try:
        return path.stat().st_size == size
    except OSError:
        return False


def _crops(config: StudyConfig, settings: Sequence[Setting]) -> CropPlan | None:
    levels = tuple(sorted({s.crop for s in settings if s.crop is not None}))
    if not levels:
        return None
    fragment = config.analysis_fragment_size or DEFAULT_FRAGMENT
    return CropPlan(levels, fragment, config.crop_too_small_strategy or "skip_image")


def _conditions(settings: Sequence[Setting], crops: CropPlan | None, host: str) -> tuple[Conditions, ...]:
    encoders = {name: codecs.get(name).version() for name in dict.fromkeys(s.encoder for s in settings)}
    images, cut = version(), "" if crops is None else canonical(dataclasses.asdict(crops))
    return tuple(
        Conditions(s.canonical(), encoders[s.encoder], images, "" if s.crop is None else cut, host)
        for s in settings
    )
