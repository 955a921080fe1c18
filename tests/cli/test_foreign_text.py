"""Text of others in every command: no control characters, no invisible ones, no markup."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest

from codecstudy.results import DatasetInfo, QualityResults
from codecstudy.visible import visible
from support.report_cases import with_files
from support.synthetic import Formula, failed, records_of, results_of

EVIL = (
    "a\x1b]0;title\x07\x1b[2J\u202egnp.exe\u2066 [red]b[/red] [link=file:///x]c[/link]\r\nerror: forged\u2028"
)


def run(*arguments: object, cwd: Path, colours: bool = False) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "codecstudy", *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={**os.environ, "COLUMNS": "400", "NO_COLOR": "1"},
    )


def assert_plain(text: str) -> None:
    hidden = {c for c in text if c != "\n" and unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl", "Zp"}}
    assert not hidden, text
    assert not any(line.startswith("error: forged") for line in text.splitlines())


def evil_results(folder: Path) -> QualityResults:
    """Results in which everything that is text contains :data:`EVIL`."""
    jpeg = Formula("jpeg", (30, 50, 70, 90))
    other = dataclasses.replace(jpeg.scaled(0.8), format="webp", setting={"method": 6})
    records = [*records_of([jpeg, other], 3), failed(jpeg, 3, 50)]
    records = [
        dataclasses.replace(
            r,
            source_image=f"{EVIL}{r.source_image}".replace("/", "_"),
            original_image=EVIL,
            measurement_error=r.measurement_error and EVIL,
            extra_args={"x": EVIL},
            source_notes=EVIL,
        )
        for r in records
    ]
    results = results_of(
        records, study_name=EVIL, dataset=DatasetInfo(EVIL, "data/datasets/evil", 3), incomplete_reason=EVIL
    )
    encoders = tuple(dataclasses.replace(e, title=EVIL) for e in results.encoders)
    metrics = tuple(
        dataclasses.replace(m, columns=tuple(dataclasses.replace(c, title=EVIL) for c in m.columns))
        for m in results.metrics
    )
    run_info = dataclasses.replace(results.run, command=EVIL, cpu=EVIL, os=EVIL, study_file=EVIL)
    return dataclasses.replace(
        results,
        encoders=encoders,
        metrics=metrics,
        run=run_info,
        complete=False,
        tool_versions={EVIL: EVIL, "jpeg": EVIL},
    )


def test_answers_about_results_of_others_are_plain_text(tmp_path: Path) -> None:
    evil_results(tmp_path).save(tmp_path / "evil" / "quality.json")
    dataclasses.replace(evil_results(tmp_path), tool_versions={"jpeg": "3"}).save(tmp_path / "quality.json")
    for command in (
        ("recommend", "evil", "--target", 60),
        ("recommend", "evil", "--target", 600),
        ("diff", "evil", "quality.json", "--target", 60),
        ("report", "evil", "-o", "report.html"),
        ("export", "evil", "--format", "csv"),
        ("recommend", "evil", "--metric", EVIL),
        ("recommend", "evil", "--baseline", EVIL),
    ):
        done = run(*command, cwd=tmp_path)
        assert done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        assert_plain(done.stdout)
        assert_plain(done.stderr)
        assert "\x1b" not in done.stdout + done.stderr


def test_a_report_on_results_of_others_has_no_invisible_characters(tmp_path: Path) -> None:
    with_files(tmp_path, evil_results(tmp_path)).save(tmp_path / "quality.json")
    done = run("report", "quality.json", "-o", "report.html", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "report.html").read_text()
    hidden = {c for c in page if c not in "\n\t" and unicodedata.category(c) in {"Cc", "Cf", "Zl", "Zp"}}
    assert not hidden
    assert "\\u202egnp.exe" in page, "the template shows it"
    start = page.index("{", page.index('type="application/json"'))
    data = json.JSONDecoder().raw_decode(page[start:])[0]
    assert not any(unicodedata.category(c) == "Cf" for c in json.dumps(data, ensure_ascii=False))


def test_lists_and_studies_of_others_are_plain_text(tmp_path: Path) -> None:
    config = tmp_path / "config"
    (config / "studies").mkdir(parents=True)
    dataset = {"id": "evil", "name": EVIL, "type": "folder", "license": EVIL, "source": EVIL, "path": "x"}
    (config / "datasets.json").write_text(json.dumps({"datasets": [dataset]}))
    study = {"id": "s", "dataset": {"id": "sample"}, "encoders": [{"format": "jpeg", "quality": 50}]}
    (config / "studies" / "good.json").write_text(json.dumps(study | {"description": EVIL, "name": EVIL}))
    (config / "studies" / "bad\x1b[31m\u202e.json").write_text(json.dumps(study | {EVIL: EVIL}))
    for command in (
        ("datasets", "list"),
        ("datasets", "list", "--json"),
        ("datasets", "fetch", "evil"),
        ("studies", "list"),
        ("run", config / "studies" / "bad\x1b[31m\u202e.json"),
        ("run", EVIL),
        ("measure", f"{EVIL}.png", "x.png"),
        ("run", "good", "--dry-run", "--images", EVIL),
    ):
        done = run(*command, cwd=tmp_path)
        assert "Traceback" not in done.stderr
        assert_plain(done.stdout)
        assert_plain(done.stderr)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("höhe 写真 🎉", "höhe 写真 🎉"),
        ("a\x1bb", "a\\x1bb"),
        ("a\u202eb", "a\\u202eb"),
        ("zero\u200bwidth", "zero\\u200bwidth"),
        ("\ud800", "\\ud800"),
        ("tag\U000e0041", "tag\\U000e0041"),
    ],
)
def test_visible(text: str, shown: str) -> None:
    assert visible(text) == shown
