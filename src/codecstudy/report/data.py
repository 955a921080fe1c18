"""Everything that the report shows, as plain dataclasses: templates only lay them out.

Texts are unescaped; the templates escape them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
"""uint8, height x width x 3, sRGB."""


class Inspector(Protocol):
    """How the report looks into saved files: the only thing it needs of codecs, images and metrics."""

    def original(self, path: Path, resolution: int | None, crop: int | None) -> Pixels:
        """The source at ``path`` as it was encoded: resized and cropped as the setting says."""
        ...

    def decode(self, format: str, data: bytes) -> Pixels:
        """Decode an encoded file of ``format``."""
        ...

    def distance_map(self, reference: Pixels, distorted: Pixels) -> NDArray[np.float32]:
        """Butteraugli distance at each pixel, shape (height, width)."""
        ...


@dataclass(frozen=True, slots=True)
class Options:
    """What a report is about, and how large it may be."""

    metric: str | None = None
    """Column of the metric that the answer rests on; None for SSIMULACRA2, or the first that was measured."""
    target: float | None = None
    """Score that is good enough; None for the metric's usual one (80 for SSIMULACRA2)."""
    coverage: float = 0.95
    """Share of images that must reach the target, above 0 and at most 1."""
    max_encode_time: float | None = None
    """CPU seconds per megapixel."""
    baseline: str | None = None
    """Format or label of the variant that sizes are relative to; None for JPEG, else the first."""
    seed: int = 0
    resamples: int = 2000
    gallery_images: int = 8
    """Images to look at, at most."""
    gallery_bytes: int = 8_000_000
    """Size of the pictures in the report, at most, as they stand in the file."""
    results_path: str | None = None
    """Where the results lie, for the commands that the report shows."""


@dataclass(frozen=True, slots=True)
class Tool:
    """A command or a line of code to copy."""

    name: str
    text: str | None
    note: str | None


@dataclass(frozen=True, slots=True)
class Bar:
    """A size ratio to draw, in percent of the drawing's width."""

    value: float
    low: float | None
    high: float | None
    unit: float
    """Where the baseline's size (ratio 1) lies."""


@dataclass(frozen=True, slots=True)
class AnswerRow:
    """One format's line in the answer."""

    slot: str
    title: str
    number_name: str
    number: str
    details: str
    baseline: bool
    best: bool
    change: str
    """``30 % smaller``."""
    interval: str | None
    """``26 to 32 % smaller``."""
    bar: Bar | None
    size: str
    """Bytes per megapixel."""
    encode: str
    decode: str
    reached: str
    browsers: str
    everywhere: bool
    sentence: str
    note: str | None
    """What to know of the setting: that it lies between two measured ones, say."""
    tools: tuple[Tool, ...]
    reason: str | None = None
    """Why the format has no setting; the texts above are empty then."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer at one target in one scope."""

    key: str
    scope: int
    target: str
    word: str
    seen: str
    shown: bool
    best: AnswerRow | None
    lead: str
    """One sentence below the headline."""
    fallback: str | None
    """What to use where the best format cannot be shown."""
    rows: tuple[AnswerRow, ...]


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a table."""

    text: str
    title: str = ""
    """What a pointer and a screen reader are told besides."""
    tone: int = 0
    """-3 (much smaller) to 3 (much larger)."""
    empty: bool = False
    sub: str = ""
    """A second, quieter line."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table, of one variant."""

    slot: str
    title: str
    details: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class TableData:
    """A table that is shown for one choice of scope and metric."""

    scope: int
    metric: str
    shown: bool
    columns: tuple[Cell, ...]
    rows: tuple[Row, ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several that a reader may look at."""

    value: str
    text: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of the provenance."""

    name: str
    text: str
    code: bool = False


@dataclass(frozen=True, slots=True)
class Failures:
    """What could not be measured."""

    total: int
    failed: int
    skipped: int
    reasons: tuple[tuple[str, int], ...]
    without_points: tuple[str, ...]
    more_images: int


@dataclass(frozen=True, slots=True)
class GalleryNote:
    """Why there is no gallery, or what it leaves out."""

    text: str
    command: str | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """One report."""

    title: str
    description: str
    summary: str
    metric: str
    metric_title: str
    metric_rises: bool
    """Whether higher scores are better."""
    metric_identical: str
    """Score of an identical image; empty where it is infinite."""
    baseline_title: str
    baseline_name: str
    """Which of its variants, where there are several."""
    scopes: tuple[Choice, ...]
    metrics: tuple[Choice, ...]
    targets: tuple[Choice, ...]
    coverage: str
    resamples: int
    images: int
    answers: tuple[Answer, ...]
    ratios: tuple[TableData, ...]
    equivalence: tuple[TableData, ...]
    bd_rates: tuple[TableData, ...]
    groups: tuple[TableData, ...]
    notes: tuple[str, ...]
    """What limits this answer: few images, a run that was cut short, failures."""
    axes: tuple[str, str] | None
    """The study's own choice of x axis and grouping, in words."""
    timed: bool
    gallery: bool
    gallery_note: GalleryNote | None
    provenance: tuple[Fact, ...]
    versions: tuple[Fact, ...]
    failures: Failures
    irregular: tuple[str, ...]
    explanations: tuple[Fact, ...]
    """What each metric is."""
    payload: dict[str, Any] = field(default_factory=dict)
    """What the plots and the gallery are drawn from; compact, see :mod:`codecstudy.report.payload`."""
