"""The page's scripts have no type errors, and the data in the page has the types that they expect."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from codecstudy.report import Options
from codecstudy.report.build import build
from support.report_cases import PictureInspector, four_formats, with_files

ROOT = Path(__file__).parents[2]
TSC = ROOT / "node_modules" / ".bin" / "tsc"
TYPES = ROOT / "src" / "codecstudy" / "report" / "static" / "js" / "types.d.ts"

pytestmark = pytest.mark.skipif(
    not TSC.is_file(), reason="no TypeScript: needs Node.js and npm install --no-package-lock"
)


def type_errors(*arguments: str) -> str:
    done = subprocess.run([str(TSC), *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def test_the_scripts_have_no_type_errors() -> None:
    assert type_errors("--project", "tsconfig.json") == ""


def test_the_data_in_the_page_has_the_expected_types(tmp_path: Path) -> None:
    results = with_files(
        tmp_path, four_formats(images=2, study={"analysis": {"x_axis": "speed", "group_by": "quality"}})
    )
    document = build(results, tmp_path, Options(resamples=50), PictureInspector()).chart_data
    assert document["gallery"]["entries"]
    source = tmp_path / "data.ts"
    # TypeScript checks only literals for excess properties.
    source.write_text(f"export const data: ChartData = {json.dumps(document)};\n", encoding="utf-8")
    options = ("--noEmit", "--strict", "--target", "es2022")
    assert type_errors(*options, str(TYPES), str(source)) == ""
