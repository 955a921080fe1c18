"""Which image format and which settings? Evidence from your own images.

``PipelineRunner`` runs a ``StudyConfig`` and gives ``QualityResults``; ``measure`` and ``Reference`` are for
people who want nothing but the metrics. Names are imported when they are first used, so that importing the
package costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from codecstudy.errors import CodecstudyError
    from codecstudy.metrics.scoring import Reference, measure
    from codecstudy.pipeline import PipelineRunner, parse_time_budget
    from codecstudy.results import QualityRecord, QualityResults
    from codecstudy.study import EncoderConfig, StudyConfig

__version__ = "0.1.0"

__all__ = [
    "CodecstudyError",
    "EncoderConfig",
    "PipelineRunner",
    "QualityRecord",
    "QualityResults",
    "Reference",
    "StudyConfig",
    "__version__",
    "measure",
    "parse_time_budget",
]

_HOMES = {
    "CodecstudyError": "errors",
    "EncoderConfig": "study",
    "PipelineRunner": "pipeline",
    "QualityRecord": "results",
    "QualityResults": "results",
    "Reference": "metrics.scoring",
    "StudyConfig": "study",
    "measure": "metrics.scoring",
    "parse_time_budget": "study.time_budget",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'codecstudy' has no attribute {name!r}")
    return getattr(importlib.import_module(f"codecstudy.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
