"""Derived columns against values calculated by hand."""

from __future__ import annotations

import dataclasses

import pytest

from codecstudy.analysis.frame import derive
from codecstudy.results import DERIVED_COLUMNS, QualityRecord
from support.synthetic import Formula, failed, measured, results_of

JPEG = Formula("jpeg")


def row(record: QualityRecord) -> dict[str, object]:
    return derive(results_of([record])).row(0, named=True)


def test_columns_of_one_record_follow_from_sizes_and_times() -> None:
    record = measured(JPEG, 0, 50, file_size=100_000, width=800, height=500, source_file_size=400_000)
    found = row(dataclasses.replace(record, encoding_cpu_time=0.2, encoding_time=0.4, decoding_cpu_time=0.1))
    assert found["megapixels"] == pytest.approx(0.4)
    assert found["bits_per_pixel"] == pytest.approx(2.0)
    assert found["bytes_per_pixel"] == pytest.approx(0.25)
    assert found["compression_to_source"] == pytest.approx(4.0)
    assert found["compression_to_raw"] == pytest.approx(12.0)
    assert found["encode_mpps_cpu"] == pytest.approx(2.0)
    assert found["encode_mpps_wall"] == pytest.approx(1.0)
    assert found["decode_mpps_cpu"] == pytest.approx(4.0)
    assert found["decode_mpps_wall"] == pytest.approx(0.4 / 0.02)
    assert found["encode_cpu_seconds_per_mp"] == pytest.approx(0.5)
    assert found["decode_cpu_seconds_per_mp"] == pytest.approx(0.25)


def test_a_resized_image_has_no_ratio_to_its_source_file() -> None:
    assert row(measured(JPEG, 0, 50, resolution=640))["compression_to_source"] is None
    assert row(measured(JPEG, 0, 50, crop=640))["compression_to_source"] is None


def test_a_failed_record_stays_a_row_without_numbers() -> None:
    found = row(failed(JPEG, 0, 50))
    assert found["variant"] == "jpeg"
    assert all(found[name] is None for name in DERIVED_COLUMNS[5:])


def test_a_time_of_zero_gives_no_speed() -> None:
    assert row(measured(JPEG, 0, 50, encoding_cpu_time=0.0))["encode_mpps_cpu"] is None


@pytest.mark.parametrize(
    ("source", "folder"),
    [
        ("a.png", ""),
        ("portraits/a.png", "portraits"),
        ("a/b/c.d.png", "a/b"),
        ("../../etc/x.png", "../../etc"),
    ],
)
def test_content_class_is_the_folder(source: str, folder: str) -> None:
    assert row(measured(JPEG, 0, 50, source_image=source))["content_class"] == folder


def test_rows_keep_the_order_of_the_records() -> None:
    records = [measured(JPEG, i, q) for q in (90, 10) for i in (2, 0, 1)]
    frame = derive(results_of(records))
    assert frame["source_image"].to_list() == [r.source_image for r in records]
    assert frame["level"].to_list() == [90, 90, 90, 10, 10, 10]


def test_a_frame_without_records_has_all_columns() -> None:
    frame = derive(results_of([]))
    assert frame.is_empty()
    assert set(DERIVED_COLUMNS) <= set(frame.columns)
