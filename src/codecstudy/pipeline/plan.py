"""A study's whole work as data: sources times settings, what of it is known, and what becomes of the outcomes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

from codecstudy import codecs, metrics
from codecstudy.datasets import Dataset
from codecstudy.images.header import version
from codecstudy.measurement import artifacts
from codecstudy.measurement.crops import DEFAULT_FRAGMENT, CropPlan
from codecstudy.measurement.measurer import MeasureRequest
from codecstudy.pipeline.headers import read_sizes
from codecstudy.results import QualityRecord
from codecstudy.sampling import order_images
from codecstudy.store import Store, task_key
from codecstudy.study import StudyConfig
from codecstudy.types import Failure, Measurement, Outcome, Setting, Skip


@dataclass(frozen=True, slots=True)
class Source:
    """One image of the dataset, as the plan knows it without decoding it."""

    image: str
    """Path relative to the dataset's folder."""
    file_size: int
    sha256: str | None
    """None where the file cannot be read."""
    width: int
    height: int
    """Zero where the file's header does not tell; opening it will say why."""

    def megapixels(self, setting: Setting) -> float:
        """Size at which a setting encodes this image, in megapixels; 1 where it is not known."""
        if not self.width:
            return 1.0
        longest = max(self.width, self.height)
        edge = setting.resolution or setting.crop
        scale = min(1.0, edge / longest) if edge else 1.0
        return max(self.width * self.height * scale * scale / 1e6, 1e-4)


@dataclass(frozen=True, slots=True)
class Plan:
    """Sources times settings, in the order in which results list them."""

    config: StudyConfig
    dataset: Dataset
    sources: tuple[Source, ...]
    settings: tuple[Setting, ...]
    crops: CropPlan | None
    host: str
    artifact_root: Path | None
    """``data/encoded/<study_id>`` where encoded files are kept, else None."""
    artifact_names: dict[str, str] = field(default_factory=dict)
    artifact_suffixes: tuple[str, ...] = ()
    _versions: dict[str, str] = field(default_factory=dict)

    def tool_versions(self) -> dict[str, str]:
        """Version of everything that the numbers depend on, by name."""
        return dict(self._versions)

    def identity(self, source: Source, setting: Setting) -> dict[str, Any]:
        """All that a task's measurement depends on: what the store knows it by."""
        return {
            "source": source.sha256,
            "setting": setting.canonical(),
            "codec": self._versions[setting.format],
            "metrics": {name: self._versions[name] for name in metrics.names()},
            "images": self._versions["images"],
            "crops": repr(self.crops) if setting.crop is not None else None,
            "host": self.host,
        }

    def known(self, store: Store) -> dict[tuple[int, int], Measurement | Skip]:
        """Outcomes that the store has, by (source, setting) index.

        A measurement whose encoded file is wanted but is not there, or not of the size that was measured (a file
        of the same name that another state of the study has left), is not among them: it has to be made again.
        """
        found: dict[tuple[int, int], Measurement | Skip] = {}
        for s, source in enumerate(self.sources):
            if source.sha256 is None:
                continue
            keys = {task_key(self.identity(source, setting)): t for t, setting in enumerate(self.settings)}
            for key, outcome in store.known(keys).items():
                artifact = self.artifact(source, keys[key])
                if artifact is None or isinstance(outcome, Skip) or _has_size(artifact, outcome.file_size):
                    found[s, keys[key]] = outcome
        return found

    def artifact(self, source: Source, setting: int) -> Path | None:
        """Where a task's encoded file is kept, or None."""
        if self.artifact_root is None:
            return None
        chosen = self.settings[setting]
        name, suffix = self.artifact_names[source.image], self.artifact_suffixes[setting]
        return self.artifact_root / artifacts.location(
            chosen, name, suffix, codecs.get(chosen.format).extension
        )

    def request(self, source: int, setting: int) -> MeasureRequest:
        """One task as a worker gets it."""
        chosen = self.sources[source]
        artifact = self.artifact(chosen, setting)
        return MeasureRequest(
            chosen.image, setting, None if artifact is None else str(artifact), chosen.sha256
        )

    def records(self, outcomes: Mapping[tuple[int, int], Outcome], root: Path) -> list[QualityRecord]:
        """The records of all whole images: those with an outcome for every setting."""
        return [
            self._record(source, t, outcomes[s, t], root)
            for s, source in enumerate(self.sources)
            if all((s, t) in outcomes for t in range(len(self.settings)))
            for t in range(len(self.settings))
        ]

    def _record(self, source: Source, t: int, outcome: Outcome, root: Path) -> QualityRecord:
        setting = self.settings[t]
        measured = outcome if isinstance(outcome, Measurement) else None
        scores = measured.scores if measured else {}
        artifact = self.artifact(source, t) if measured else None
        return QualityRecord(
            source_image=source.image,
            original_image=source.image,
            encoded_path=artifact.relative_to(root).as_posix() if artifact else None,
            format=setting.format,
            quality=setting.quality,
            file_size=measured.file_size if measured else None,
            width=measured.width if measured else None,
            height=measured.height if measured else None,
            source_file_size=source.file_size,
            ssimulacra2=scores.get("ssimulacra2"),
            psnr=scores.get("psnr"),
            ssim=scores.get("ssim"),
            butteraugli=scores.get("butteraugli"),
            encoding_time=measured.encoding_time if measured else None,
            chroma_subsampling=setting.chroma_subsampling,
            speed=setting.speed,
            effort=setting.effort,
            method=setting.method,
            resolution=setting.resolution,
            extra_args=dict(setting.extra_args) or None,
            measurement_error=None if isinstance(outcome, Measurement) else outcome.reason,
            encoding_cpu_time=measured.encoding_cpu_time if measured else None,
            decoding_time=measured.decoding_time if measured else None,
            decoding_cpu_time=measured.decoding_cpu_time if measured else None,
            metrics_cpu_time=measured.metrics_cpu_time if measured else None,
            butteraugli_3norm=scores.get("butteraugli_3norm"),
            crop=setting.crop,
            status="measured" if measured else "skipped" if isinstance(outcome, Skip) else "failed",
            failure=outcome.kind if isinstance(outcome, Failure) else None,
            source_sha256=source.sha256,
            source_notes="; ".join(outcome.notes) or None,
        )


def make_plan(
    config: StudyConfig,
    dataset: Dataset,
    store: Store,
    host: str,
    *,
    artifact_root: Path | None = None,
    in_this_process: bool = False,
) -> Plan:
    """Lay out a study's work over a dataset: the sample in its order, without decoding any image.

    ``in_this_process``: read the headers of the images without a process for it.
    """
    names = order_images(dataset.images, config.dataset.order, config.dataset.seed)[
        : config.dataset.max_images
    ]
    settings = tuple(config.settings())
    return Plan(
        config=config,
        dataset=dataset,
        sources=tuple(_sources(dataset.folder, names, store, in_this_process)),
        settings=settings,
        crops=_crops(config, settings),
        host=host,
        artifact_root=artifact_root,
        artifact_names=artifacts.stems(dataset.images) if artifact_root else {},
        artifact_suffixes=tuple(artifacts.suffixes(settings)) if artifact_root else (),
        _versions=_versions(settings),
    )


def _sources(folder: Path, names: Sequence[str], store: Store, in_this_process: bool) -> Iterator[Source]:
    hashes = {name: _size_and_hash(folder / name, store) for name in names}
    readable = [name for name, (_, sha256) in hashes.items() if sha256 is not None]
    found = read_sizes([folder / name for name in readable], in_this_process=in_this_process)
    sizes = dict(zip(readable, found, strict=True))
    for name, (file_size, sha256) in hashes.items():
        width, height = sizes.get(name) or (0, 0)
        yield Source(name, file_size, sha256, width, height)


def _size_and_hash(path: Path, store: Store) -> tuple[int, str | None]:
    """Size of a file in bytes and the hash of its content; (0, None) where it cannot be read."""
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


def _versions(settings: Sequence[Setting]) -> dict[str, str]:
    return {
        "codecstudy": installed("codecstudy"),
        "images": version(),
        **{fmt: codecs.get(fmt).version() for fmt in dict.fromkeys(s.format for s in settings)},
        **{name: metrics.get(name).version for name in metrics.names()},
    }
