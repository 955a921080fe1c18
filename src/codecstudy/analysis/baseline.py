"""The variant that the others are compared with."""

from __future__ import annotations

from codecstudy.analysis.points import Points
from codecstudy.analysis.variants import Scope
from codecstudy.errors import ResultsError


def baselines(points: Points, wanted: str | None = None) -> dict[Scope, int | None]:
    """For each scope, the index of the block that its variants are compared with.

    Sizes are comparable only if the same pixels were encoded. Therefore every resolution and crop has its own
    baseline: the same variant at that resolution and crop.

    Args:
        points: The measured points.
        wanted: The label of a variant, an encoder, or a format of which one encoder was measured (the first variant
            of either is used). By default: the format's own JPEG encoder, else the first encoder that makes JPEG,
            else the first encoder.

    Returns:
        Index of the baseline's block by scope; None if the baseline was not measured in that scope.

    Raises:
        ResultsError: If no variant matches ``wanted``, or if it is a format that several encoders make. The message
            lists what can be given.
    """
    family = _family(points, wanted)
    return {
        scope: next((i for i in points.in_scope(scope) if points.variants[i].family == family), None)
        for scope in points.scopes
    }


def _family(points: Points, wanted: str | None) -> str:
    variants = points.variants
    if wanted is None:
        jpeg = [v for v in variants if v.format == "jpeg"]
        own = [v for v in jpeg if v.encoder == "jpeg"]
        return next(iter([*own, *jpeg, *variants])).family
    for found in (
        [v for v in variants if v.label == wanted],
        [v for v in variants if v.encoder == wanted],
        [v for v in variants if v.format == wanted],
    ):
        encoders = dict.fromkeys(v.encoder for v in found)
        if len(encoders) > 1:
            raise ResultsError(
                f"baseline {wanted!r} is a format that several encoders make. Give one of: {', '.join(encoders)}"
            )
        if found:
            return found[0].family
    known = ", ".join(v.label for v in variants)
    raise ResultsError(
        f"baseline {wanted!r} is not in these results. Give a format, an encoder or one of: {known}"
    )
