"""The whole work of a study as data: sources times settings, which of it is known, and the records of outcomes."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version as installed
from pathlib import Path

from codecstudy import codecs, metrics
from codecstudy.datasets import Dataset
from codecstudy.images import phash
from codecstudy.images.header import version
from codecstudy.measurement import artifacts
from codecstudy.measurement.crops import DEFAULT_FRAGMENT, CropPlan
from codecstudy.measurement.measurer import MeasureRequest
from codecstudy.pipeline.headers import read_sizes
from codecstudy.results import QualityRecord
from codecstudy.sampling import order_images
from codecstudy.store import Conditions, Store, canonical
from codecstudy.study import StudyConfig
from codecstudy.types import (
    SHORT_NAMES,
    CommandTemplate,
    Failure,
    Measurement,
    MetricFacts,
    Outcome,
    Setting,
    Skip,
    folder_of,
)


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

    def megapixels(self, setting: Setting) -> float:
        """Size at which a setting encodes this image, in megapixels; 1 if unknown."""
        if not self.width:
            return 1.0
        longest = max(self.width, self.height)
        edge = setting.resolution or setting.crop
        scale = min(1.0, edge / longest) if edge else 1.0
        return max(self.width * self.height * scale * scale / 1e6, 1e-4)


@dataclass(frozen=True, slots=True)
class Known:
    """The outcomes in the store that belong to a plan, by (source, setting) index."""

    outcomes: dict[tuple[int, int], Measurement | Skip] = field(default_factory=dict)
    """Outcomes of tasks that are complete."""
    parts: dict[tuple[int, int], Measurement] = field(default_factory=dict)
    """Measurements that lack scores, or an encoded file that is to be kept."""


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

    def known(self, store: Store) -> Known:
        """Look up the tasks in the store.

        A measurement whose encoded file is wanted but is missing, or has another size than the measured one (a file
        of the same name that was left by another state of the study), is incomplete: the file must be made again.
        """
        found = Known()
        places = {
            source.sha256: s
            for s, source in enumerate(self.sources)
            if source.sha256 is not None and s not in self.copies
        }
        for sha256, t, outcome in store.known(places, self.conditions, self.metric_versions):
            s = places[sha256]
            if isinstance(outcome, Skip) or self._is_complete(self.sources[s], t, outcome):
                found.outcomes[s, t] = outcome
            else:
                found.parts[s, t] = outcome
        return found

    def phashes(self, store: Store) -> dict[str, str]:
        """Perceptual hashes of the sources that the store knows, by SHA-256."""
        return store.phashes([s.sha256 for s in self.sources if s.sha256 is not None], phash.ALGORITHM)

    def _is_complete(self, source: Source, setting: int, measured: Measurement) -> bool:
        if len(measured.scores) < len(self.metrics):
            return False
        return not self.save_artifacts or _has_size(self.artifact(source, setting), measured.file_size)

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

    def is_complete(self, source: int, outcomes: Collection[tuple[int, int]]) -> bool:
        """Whether there is an outcome for every setting of a source, or of the one that it is a copy of."""
        first = self.copies.get(source, source)
        return all((first, t) in outcomes for t in range(len(self.settings)))

    def records(
        self, outcomes: Mapping[tuple[int, int], Outcome], phashes: Mapping[str, str], root: Path
    ) -> list[QualityRecord]:
        """The records of all complete images: those with an outcome for every setting.

        Args:
            outcomes: By (source, setting) index.
            phashes: Perceptual hashes by the sources' SHA-256, as far as they are known.
            root: Folder of the workspace, to which paths in records are relative.
        """
        return [
            self._record(s, t, outcomes[self.copies.get(s, s), t], phashes, root)
            for s in range(len(self.sources))
            if self.is_complete(s, outcomes)
            for t in range(len(self.settings))
        ]

    def passed_over(self, outcomes: Collection[tuple[int, int]]) -> tuple[str, ...]:
        """The incomplete images that come before a complete one."""
        missing = [s for s in range(len(self.sources)) if not self.is_complete(s, outcomes)]
        last = max(set(range(len(self.sources))) - set(missing), default=-1)
        return tuple(self.sources[s].image for s in missing if s < last)

    def _record(
        self, s: int, t: int, outcome: Outcome, phashes: Mapping[str, str], root: Path
    ) -> QualityRecord:
        source, setting = self.sources[s], self.settings[t]
        measured = outcome if isinstance(outcome, Measurement) else None
        scores = measured.columns if measured else {}
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
            source_notes="; ".join(outcome.notes) or None,
            source_phash=phashes.get(source.sha256) if source.sha256 is not None else None,
            encoder=setting.encoder,
            parameters={name: value for name, value in setting.parameters if name not in SHORT_NAMES},
            scores=scores,
        )


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
    """
    contents = {names[0]: names for names in _contents(dataset, store)}
    firsts = order_images(contents, config.dataset.order, config.dataset.seed)[: config.dataset.max_images]
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
    found = read_sizes([folder / name for name in readable], in_this_process=in_this_process)
    sizes = dict(zip(readable, found, strict=True))
    for name, (file_size, sha256) in hashes.items():
        width, height = sizes.get(name) or (0, 0)
        yield Source(name, file_size, sha256, width, height)


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
