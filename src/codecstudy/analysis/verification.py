"""Which settings have to be measured so that no recommendation rests on interpolation."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from codecstudy.analysis.answer import MUCH_INTERPOLATION
from codecstudy.analysis.levels import LevelCurves
from codecstudy.analysis.points import Points
from codecstudy.analysis.recommend import Recommendations
from codecstudy.types import Setting


def named(found: Recommendations) -> tuple[Setting, ...]:
    """The settings that an answer names: those that are recommended, and the baselines."""
    settings = [*(item.setting for item in found.items), *found.baselines.values()]
    return tuple(dict.fromkeys(setting for setting in settings if setting is not None))


def unmeasured(points: Points, found: Recommendations) -> tuple[Setting, ...]:
    """Those of :func:`named` that are interpolated on at least one image."""
    return tuple(setting for setting in named(found) if _is_interpolated(points, found.metric, setting))


def around_matches(found: Recommendations) -> tuple[Setting, ...]:
    """Levels next to those at which the images have the same score as the baseline.

    They are returned where interpolation adds more than :data:`codecstudy.analysis.answer.MUCH_INTERPOLATION` to a
    saving at the same score; see :attr:`codecstudy.analysis.matched.SizeRatio.levels_to_add`.
    """
    return tuple(dict.fromkeys(_around(found)))


def _around(found: Recommendations) -> Iterable[Setting]:
    for item in found.items:
        same = item.same_score
        if same is None or same.ratio is None or same.ratio.interpolation <= MUCH_INTERPOLATION:
            continue
        yield from (same.variant.at(level) for level in same.levels_to_add)
        if same.baseline is not None:
            yield from (same.baseline.at(level) for level in same.baseline_levels_to_add)


def _is_interpolated(points: Points, metric: str, setting: Setting) -> bool:
    variant, level = points.encoders.split(setting)
    if level is None:
        return False
    curves = LevelCurves.of(points.blocks[points.variants.index(variant)], points.columns[metric])
    here = ~np.isnan(curves.goodness_at(np.array([level]))[:, 0])
    return bool((points.counted(variant.scope) & here & ~curves.measured_at(level)).any())
