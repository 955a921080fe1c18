"""Results of codecs that are formulas: what the analysis must find in them is known in closed form."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from codecstudy import codecs, metrics
from codecstudy.results import DatasetInfo, QualityRecord, QualityResults, RunInfo

QUALITIES = (10, 30, 50, 70, 90)


def linear_score(quality: float, image: int) -> float:
    """SSIMULACRA2 that is the quality number itself."""
    return quality


def exponential_size(score: float, image: int) -> float:
    """A file that grows by e with every 25 points; every image has another scale.

    Log size is linear in the score, so that PCHIP is exact between the points. Sizes are large because
    records hold whole bytes.
    """
    return 1e8 * (1 + image) * math.exp(score / 25)


@dataclass(frozen=True)
class Formula:
    """One codec variant: score of a quality number, size of a score, both for image 0, 1, ..."""

    format: str
    qualities: Sequence[int] = QUALITIES
    score: Callable[[float, int], float] = linear_score
    size: Callable[[float, int], float] = exponential_size
    cpu: Callable[[float, int], float] = lambda quality, image: 0.5
    setting: dict[str, Any] = field(default_factory=dict)
    butteraugli: Callable[[float, int], float] = lambda score, image: (100 - score) / 10

    def scaled(self, factor: float) -> Formula:
        """The same codec with every file ``factor`` times as large."""
        return Formula(
            self.format,
            self.qualities,
            self.score,
            lambda score, image: factor * self.size(score, image),
            self.cpu,
            self.setting,
            self.butteraugli,
        )


def name_of(image: int) -> str:
    """``class0/img003.png``: three content classes in turn."""
    return f"class{image % 3}/img{image:03d}.png"


def measured(codec: Formula, image: int, quality: int, /, **changes: Any) -> QualityRecord:
    """The record of one task; a million pixels."""
    score = codec.score(quality, image)
    values: dict[str, Any] = {
        "source_image": name_of(image),
        "original_image": name_of(image),
        "encoded_path": None,
        "format": codec.format,
        "quality": quality,
        "file_size": round(codec.size(score, image)),
        "width": 1000,
        "height": 1000,
        "source_file_size": 2_000_000,
        "ssimulacra2": float(score),
        "psnr": 30.0 + score / 10,
        "ssim": 0.5 + score / 250,
        "butteraugli": codec.butteraugli(score, image),
        "encoding_time": 2 * codec.cpu(quality, image),
        "chroma_subsampling": None,
        "speed": None,
        "effort": None,
        "method": None,
        "resolution": None,
        "extra_args": None,
        "measurement_error": None,
        "encoding_cpu_time": codec.cpu(quality, image),
        "decoding_time": 0.02,
        "decoding_cpu_time": 0.01,
        "metrics_cpu_time": 0.1,
        "butteraugli_3norm": codec.butteraugli(score, image) / 2,
        "source_sha256": f"{image:064x}",
    }
    return QualityRecord(**(values | codec.setting | changes))


def failed(codec: Formula, image: int, quality: int, failure: str = "encode") -> QualityRecord:
    """The record of a task that came to nothing."""
    nothing = dict.fromkeys(
        ("file_size", "width", "height", "ssimulacra2", "psnr", "ssim", "butteraugli", "butteraugli_3norm",
         "encoding_time", "encoding_cpu_time", "decoding_time", "decoding_cpu_time")
    )  # fmt: skip
    return measured(
        codec,
        image,
        quality,
        **nothing,
        status="failed",
        failure=failure,
        measurement_error=f"{failure} broke",
    )


def records_of(formulas: Sequence[Formula], images: int) -> list[QualityRecord]:
    """Every codec at every quality on every image."""
    return [measured(c, i, q) for i in range(images) for c in formulas for q in c.qualities]


def results_of(records: Sequence[QualityRecord], **changes: Any) -> QualityResults:
    """Results that hold ``records``, with what is known here of their encoders."""
    values: dict[str, Any] = {
        "study_id": "synthetic",
        "study_name": "Synthetic",
        "dataset": DatasetInfo("formulas", "data/datasets/formulas", 3),
        "timestamp": "2025-01-02T03:04:05+00:00",
        "tool_versions": {"jpeg": "libjpeg-turbo 3.1", "avif": "libaom 3.13"},
        "measurements": list(records),
        "run": RunInfo(1, None, 1.0, 3, 3, "name", 0, "a CPU", "an OS"),
        "metrics": metrics.facts(metrics.DEFAULT),
    }
    return codecs.describe(QualityResults(**(values | changes)))


def study(formulas: Sequence[Formula], images: int) -> QualityResults:
    """A complete study of ``formulas`` over ``images`` images."""
    return results_of(records_of(formulas, images))
