"""Image metrics: one module per metric, kernels beside the metric that owns them, and their registry.

``METRICS`` maps every metric's name to its :class:`~codecstudy.metrics.base.Metric`, in the order of the
columns of a record. A metric's module, and with it numba, is imported when the metric is first asked for:
importing this package costs nothing.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping

from codecstudy.metrics.base import Metric

_MODULES = ("ssimulacra2", "psnr", "ssim", "butteraugli")
"""The metrics in the order of their columns; each name is that of its module, too."""


class _Registry(Mapping[str, Metric]):
    """Names to metrics, in column order, each imported at its first use."""

    def __getitem__(self, name: str) -> Metric:
        if name not in _MODULES:
            raise KeyError(name)
        metric: Metric = importlib.import_module(f"{__name__}.{name}").METRIC
        return metric

    def __contains__(self, name: object) -> bool:
        return name in _MODULES

    def __iter__(self) -> Iterator[str]:
        return iter(_MODULES)

    def __len__(self) -> int:
        return len(_MODULES)


METRICS: Mapping[str, Metric] = _Registry()


def names() -> tuple[str, ...]:
    """The names of all metrics, in column order; imports none of them."""
    return _MODULES


def get(name: str) -> Metric:
    """The metric called ``name``; ``ValueError`` that lists the known ones where there is none."""
    if name not in METRICS:
        raise ValueError(f"unknown metric {name!r}; known metrics: {', '.join(_MODULES)}")
    return METRICS[name]
