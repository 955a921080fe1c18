"""Ratios of single images and groups of images: where a variant saves the least and the most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from codecstudy.analysis.baseline import baselines
from codecstudy.analysis.estimates import Estimate, mean_estimates
from codecstudy.analysis.matched import Matched, log_ratios
from codecstudy.analysis.points import Points
from codecstudy.analysis.variants import Variant

SIZE_BANDS = ((0.5, "under 0.5 MP"), (2.0, "0.5 to 2 MP"), (8.0, "2 to 8 MP"), (np.inf, "8 MP and more"))
"""Upper limits (exclusive) and names of the bands of encoded megapixels."""


@dataclass(frozen=True, slots=True)
class ImageRatio:
    """One image at matched quality."""

    image: str
    content_class: str
    megapixels: float
    ratio: float
    """Size / baseline's size."""
    level: float
    """The variant's swept parameter at the target, interpolated between measured levels."""
    baseline_level: float


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """How a variant's savings differ between images, at one score."""

    variant: Variant
    baseline: Variant | None
    metric: str
    target: float
    images: tuple[ImageRatio, ...]
    """Every image on which both reach the score, smallest saving first."""
    reason: str | None = None
    """Why there are no images."""

    @property
    def worst(self) -> ImageRatio | None:
        """The image with the smallest saving (or the largest loss)."""
        return self.images[0] if self.images else None

    @property
    def best(self) -> ImageRatio | None:
        """The image with the largest saving."""
        return self.images[-1] if self.images else None

    @property
    def median(self) -> ImageRatio | None:
        """The image in the middle (of an even number, the one with the smaller saving)."""
        return self.images[(len(self.images) - 1) // 2] if self.images else None


@dataclass(frozen=True, slots=True)
class GroupRatio:
    """A variant's ratio on one group of images, at one score."""

    variant: Variant
    baseline: Variant
    metric: str
    target: float
    group: str
    ratio: Estimate | None
    """Geometric mean of size / baseline's size over the group; None if no image of it has both."""
    images: int
    """Images of the group on which both reach the score."""
    left_out: int
    """Images of the group on which one or both do not reach it."""


def sensitivity(matched: Matched, target: float, baseline: str | None = None) -> tuple[Sensitivity, ...]:
    """Every variant except the baselines at ``target``, which must be one of the targets of ``matched``.

    Images with the same ratio are sorted by name.
    """
    t = matched.targets.index(target)
    points = matched.points
    of_scope = baselines(points, baseline)
    found = []
    for v, variant in enumerate(points.variants):
        base = of_scope[variant.scope]
        if v == base:
            continue
        images: tuple[ImageRatio, ...] = ()
        reason = f"the baseline was not measured at {variant.scope.label}"
        if base is not None:
            images = _images(matched, v, base, t)
            reason = f"no image reaches {matched.scale.title} {target:g} with both"
        found.append(
            Sensitivity(
                variant,
                None if base is None else points.variants[base],
                matched.scale.name,
                target,
                images,
                None if images else reason,
            )
        )
    return tuple(found)


def _images(matched: Matched, v: int, base: int, t: int) -> tuple[ImageRatio, ...]:
    points = matched.points
    logs = log_ratios(matched, v, base)[:, t]
    rows = sorted(np.flatnonzero(~np.isnan(logs)).tolist(), key=lambda i: (-logs[i], points.images[i]))
    return tuple(
        ImageRatio(
            points.images[i],
            points.content_classes[i],
            float(points.blocks[v].megapixels[i]),
            float(np.exp(logs[i])),
            float(matched.level[v, i, t]),
            float(matched.level[base, i, t]),
        )
        for i in rows
    )


def by_content_class(matched: Matched, target: float, baseline: str | None = None) -> tuple[GroupRatio, ...]:
    """Ratios for each folder of the dataset; empty if all images are in one folder."""
    names = sorted(set(matched.points.content_classes))
    classes = [matched.points.content_classes] * len(matched.points.blocks)
    return _by_group(matched, target, baseline, names, classes)


def by_image_size(matched: Matched, target: float, baseline: str | None = None) -> tuple[GroupRatio, ...]:
    """Ratios for each of :data:`SIZE_BANDS` of encoded megapixels; empty if all images are in one band."""
    bands = [[_band(m) for m in block.megapixels.tolist()] for block in matched.points.blocks]
    used = {name for row in bands for name in row}
    names = [name for _, name in SIZE_BANDS if name in used]
    return _by_group(matched, target, baseline, names, bands)


def _band(megapixels: float) -> str | None:
    return next((name for end, name in SIZE_BANDS if megapixels < end), None)


def _by_group(
    matched: Matched,
    target: float,
    baseline: str | None,
    names: list[str],
    groups: Sequence[Sequence[str | None]],
) -> tuple[GroupRatio, ...]:
    """``groups`` names the group of every image, for each block."""
    if len(names) < 2:
        return ()
    points: Points = matched.points
    t = matched.targets.index(target)
    of_scope = baselines(points, baseline)
    found: list[GroupRatio] = []
    for v, variant in enumerate(points.variants):
        base = of_scope[variant.scope]
        if base is None or base == v:
            continue
        logs = log_ratios(matched, v, base)[:, t]
        members = np.array([[group == name for name in names] for group in groups[v]])
        estimates = mean_estimates(np.where(members, logs[:, None], np.nan), points.sample, np.exp)
        for name, inside, ratio in zip(names, members.T, estimates, strict=True):
            images = 0 if ratio is None else ratio.images
            found.append(
                GroupRatio(
                    variant,
                    points.variants[base],
                    matched.scale.name,
                    target,
                    name,
                    ratio,
                    images,
                    int(inside.sum()) - images,
                )
            )
    return tuple(found)
