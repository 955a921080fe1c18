"""Single images and groups."""

from __future__ import annotations

import dataclasses
import math

import pytest

from codecstudy.analysis.curves import fit
from codecstudy.analysis.matched import Matched, match
from codecstudy.analysis.points import collect
from codecstudy.analysis.sensitivity import by_content_class, by_image_size, sensitivity
from codecstudy.results import QualityResults
from support.synthetic import Formula, exponential_size, measured, name_of, records_of, results_of, study

JPEG = Formula("jpeg")
GROWING = Formula("avif", score=lambda q, i: q + 5, size=lambda s, i: exponential_size(s, i) * 0.5 * 1.1**i)


def matched(results: QualityResults) -> Matched:
    return match(fit(collect(results), "ssimulacra2"), [50, 92])


def test_images_are_sorted_by_saving_smallest_first() -> None:
    (found,) = sensitivity(matched(study([JPEG, GROWING], 6)), 50)
    assert [i.image for i in found.images] == [name_of(i) for i in (5, 4, 3, 2, 1, 0)]
    assert found.worst is not None
    assert found.best is not None
    assert found.median is not None
    assert found.worst.ratio == pytest.approx(0.5 * 1.1**5, rel=1e-6)
    assert found.best.ratio == pytest.approx(0.5, rel=1e-6)
    assert found.median.image == name_of(3)
    assert (found.worst.level, found.worst.baseline_level) == pytest.approx((45, 50))
    assert (found.worst.content_class, found.worst.megapixels) == ("class2", 1.0)


def test_equal_images_are_ordered_by_name() -> None:
    (found,) = sensitivity(matched(study([JPEG, Formula("avif")], 4)), 50)
    assert [i.image for i in found.images] == sorted(i.image for i in found.images)


def test_without_a_common_image_there_is_a_reason() -> None:
    (found,) = sensitivity(matched(study([JPEG, GROWING], 3)), 92)
    assert found.images == ()
    assert found.worst is None
    assert found.reason == "no image reaches SSIMULACRA2 92 with both"


def test_content_classes_have_their_own_ratios() -> None:
    by_class = Formula("avif", size=lambda s, i: exponential_size(s, i) * (0.5, 0.8, 1.2)[i % 3])
    found = by_content_class(matched(study([JPEG, by_class], 7)), 50)
    assert [(g.group, g.images, g.left_out) for g in found] == [
        ("class0", 3, 0),
        ("class1", 2, 0),
        ("class2", 2, 0),
    ]
    values = [g.ratio.value for g in found if g.ratio is not None]
    assert values == pytest.approx([0.5, 0.8, 1.2], rel=1e-6)


def test_a_single_folder_gives_no_breakdown() -> None:
    records = [
        measured(c, 0, q, source_image=f"{i}.png")
        for i in range(3)
        for c in (JPEG, GROWING)
        for q in (10, 90)
    ]
    assert by_content_class(matched(results_of(records)), 50) == ()


def test_image_sizes_have_their_own_ratios() -> None:
    records = [
        measured(c, i, q, width=edge, height=1000, file_size=round(math.exp(q / 25) * 1e8 * factor))
        for i, edge in enumerate((400, 499, 3000, 9000, 8000))
        for c, factor in ((JPEG, 1.0), (GROWING, 0.5 if edge < 500 else 0.9))
        for q in (10, 50, 90)
    ]
    # The same scores for both, so that only sizes differ.
    records = [dataclasses.replace(r, ssimulacra2=float(r.quality or 0)) for r in records]
    found = by_image_size(matched(results_of(records)), 50)
    assert [(g.group, g.images) for g in found] == [
        ("under 0.5 MP", 2),
        ("2 to 8 MP", 1),
        ("8 MP and more", 2),
    ]
    assert [g.ratio.value for g in found if g.ratio is not None] == pytest.approx([0.5, 0.9, 0.9], rel=1e-6)


def test_groups_count_the_excluded_images() -> None:
    records = [
        r
        for r in records_of([JPEG, Formula("avif")], 6)
        if not (r.format == "avif" and r.source_image == name_of(4))
    ]
    found = by_content_class(matched(results_of(records)), 50)
    assert [(g.images, g.left_out) for g in found] == [(2, 0), (1, 1), (2, 0)]
