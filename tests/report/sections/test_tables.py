"""The tables: the text of their cells, and the reasons for missing numbers."""

from __future__ import annotations

import dataclasses
from types import ModuleType

import pytest

from codecstudy.report.sections import bd_rate, quality_numbers, single_images, size
from codecstudy.report.tables import Cell, TableData
from codecstudy.report.text import NARROW
from codecstudy.results import QualityResults
from support.report_cases import BASE, context_of, four_formats
from support.synthetic import study


def shown(section: ModuleType, results: QualityResults) -> TableData:
    return next(table for table in section.build(context_of(results)).tables if table.shown)


def cell(table: TableData, row: str, column: str) -> Cell:
    k = next(k for k, c in enumerate(table.columns) if c.text == column)
    return next(r for r in table.rows if f"{r.title} {r.details}".strip() == row).cells[k]


@pytest.mark.parametrize("section", [size, bd_rate])
def test_there_is_a_table_for_each_metric_and_one_is_shown(section: ModuleType) -> None:
    tables = section.build(context_of(four_formats(images=2))).tables
    assert [t.metric for t in tables] == ["ssimulacra2", "butteraugli", "butteraugli_3norm", "psnr", "ssim"]
    assert [t.shown for t in tables] == [True, False, False, False, False]


def test_sizes_are_given_at_each_usual_score() -> None:
    table = shown(size, four_formats(images=5))
    assert [column.text for column in table.columns] == ["50", "60", "70", "80", "85", "90"]
    smaller = cell(table, "AVIF 4:2:0, speed 6", "80")
    assert smaller.text.replace(NARROW, " ") == "\N{MINUS SIGN}40 %"
    assert smaller.tone == -3
    assert cell(table, "JPEG", "80").text == "baseline"


def test_bd_rates_compare_rows_with_columns() -> None:
    table = shown(bd_rate, four_formats(images=5))
    assert cell(table, "WebP method 6", "JPEG").text.startswith("\N{MINUS SIGN}15")
    assert cell(table, "JPEG", "WebP").text.startswith("+18")  # 1 / 0.85


def test_without_curves_the_cells_give_the_reason() -> None:
    one = dataclasses.replace(BASE, qualities=(80,))
    table = shown(bd_rate, study([one, dataclasses.replace(one.scaled(0.5), format="avif")], 3))
    cells = [c for row in table.rows for c in row.cells]
    assert all(c.empty for c in cells)
    assert any("fewer than 4 points" in c.title for c in cells)


def test_equivalent_numbers_are_those_with_the_same_score() -> None:
    table = shown(quality_numbers, four_formats(images=5))
    # The scores of all synthetic codecs equal their quality numbers.
    avif = cell(table, "AVIF 4:2:0, speed 6", "80")
    assert avif.text == "80"
    assert avif.sub.replace(NARROW, " ") == "\N{MINUS SIGN}40 %"


def test_groups_of_images_are_compared_by_folder() -> None:
    tables = single_images.build(context_of(four_formats(images=6))).tables
    folders = next(table for table in tables if table.note == "folder")
    assert {column.text for column in folders.columns} == {"class0", "class1", "class2"}
    assert all(not c.empty for row in folders.rows for c in row.cells)
