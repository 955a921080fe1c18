"""The axes that a study requests."""

from __future__ import annotations

import pytest

from codecstudy.report.sections import study_axes
from support.report_cases import context_of, four_formats


@pytest.mark.parametrize(
    ("block", "axes"),
    [
        ({"x_axis": "speed", "group_by": "quality"}, ("speed", "quality setting")),
        ({"x_axis": "quality"}, ("quality setting", "format")),
        ({"group_by": "chroma_subsampling"}, ("quality setting", "chroma subsampling")),
        ({"x_axis": "format"}, ("format", "encoder")),
        ({"x_axis": "distance"}, ("distance", "format")),  # JPEG XL has it, although no setting here gives it
        ({"x_axis": "phase of the moon"}, None),
        (None, None),
    ],
)
def test_the_studys_own_axes(block: object, axes: tuple[str, str] | None) -> None:
    values = study_axes.build(context_of(four_formats(images=2, study={"analysis": block})))
    assert (values and (values.x, values.group)) == axes
