"""The variant that the others are compared with."""

from __future__ import annotations

from codecstudy.analysis.points import Points
from codecstudy.analysis.variants import Scope, Variant
from codecstudy.errors import ResultsError


def baselines(points: Points, wanted: str | None = None) -> dict[Scope, int | None]:
    """For each scope, the index of the block that its variants are compared with.

    Sizes are comparable only if the same pixels were encoded. Therefore every resolution and crop has its own
    baseline: the same variant at that resolution and crop.

    Args:
        points: The measured points.
        wanted: An encoder or a format (its first variant is used), or the label of a variant. The default is the
            first variant, which is a JPEG one if there is any.

    Returns:
        Index of the baseline's block by scope; None if the baseline was not measured in that scope.

    Raises:
        ResultsError: If no variant matches ``wanted``. The message lists the variants.
    """
    family = _family(points, wanted)
    return {
        scope: next((i for i in points.in_scope(scope) if points.variants[i].family == family), None)
        for scope in points.scopes
    }


def _family(points: Points, wanted: str | None) -> str:
    variants = points.variants
    if wanted is None:
        return variants[0].family
    for matches in (_has_label, _has_encoder, _has_format):
        found = next((v for v in variants if matches(v, wanted)), None)
        if found is not None:
            return found.family
    known = ", ".join(v.label for v in variants)
    raise ResultsError(
        f"baseline {wanted!r} is not in these results. Give a format, an encoder or one of: {known}"
    )


def _has_label(variant: Variant, wanted: str) -> bool:
    return variant.label == wanted


def _has_encoder(variant: Variant, wanted: str) -> bool:
    return variant.encoder == wanted


def _has_format(variant: Variant, wanted: str) -> bool:
    return variant.format == wanted
