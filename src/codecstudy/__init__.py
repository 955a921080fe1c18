"""Which image format and which settings? Evidence from your own images.

:class:`PipelineRunner` runs a :class:`StudyConfig` and returns :class:`QualityResults`. :func:`recommend`,
:func:`diff`, :func:`export` and :func:`write_report` turn results into answers; :func:`load_results` reads saved
ones. :func:`measure` and :class:`Reference` are for users who want nothing but the metrics.

Names are imported when they are first used, so that importing the package costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from codecstudy.analysis.diff import diff
    from codecstudy.analysis.export import export
    from codecstudy.analysis.merge import merge
    from codecstudy.analysis.recommend import recommend
    from codecstudy.api import load_results, write_report
    from codecstudy.datasets.fetch import fetch as fetch_dataset
    from codecstudy.errors import CodecstudyError
    from codecstudy.metrics.scoring import Reference, measure
    from codecstudy.pipeline import PipelineRunner, RunOptions, parse_time_budget
    from codecstudy.report import Options as ReportOptions
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
    "ReportOptions",
    "RunOptions",
    "StudyConfig",
    "__version__",
    "diff",
    "export",
    "fetch_dataset",
    "load_results",
    "measure",
    "merge",
    "parse_time_budget",
    "recommend",
    "write_report",
]

_LOCATIONS = {
    "CodecstudyError": "errors:CodecstudyError",
    "EncoderConfig": "study:EncoderConfig",
    "PipelineRunner": "pipeline:PipelineRunner",
    "QualityRecord": "results:QualityRecord",
    "QualityResults": "results:QualityResults",
    "Reference": "metrics.scoring:Reference",
    "ReportOptions": "report:Options",
    "RunOptions": "pipeline:RunOptions",
    "StudyConfig": "study:StudyConfig",
    "diff": "analysis.diff:diff",
    "export": "analysis.export:export",
    "fetch_dataset": "datasets:fetch",
    "load_results": "api:load_results",
    "measure": "metrics.scoring:measure",
    "merge": "analysis.merge:merge",
    "parse_time_budget": "study.time_budget:parse_time_budget",
    "recommend": "analysis.recommend:recommend",
    "write_report": "api:write_report",
}
"""Module and name of each public name."""


def __getattr__(name: str) -> object:
    if name not in _LOCATIONS:
        raise AttributeError(f"module 'codecstudy' has no attribute {name!r}")
    module, _, attribute = _LOCATIONS[name].partition(":")
    return getattr(importlib.import_module(f"codecstudy.{module}"), attribute)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
