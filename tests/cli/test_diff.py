"""``codecstudy diff``: its exit codes, and when each of its sentences is printed."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from codecstudy.cli import app
from codecstudy.cli.app import out
from codecstudy.results import QualityResults
from support.synthetic import Formula, exponential_size, failed, name_of, records_of, results_of, study

JPEG = Formula("jpeg")
MANY = Formula("jpeg", qualities=tuple(range(10, 95, 5)))


@pytest.fixture(autouse=True)
def wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(out, "width", 200)


def saved(folder: Path, results: QualityResults) -> Path:
    folder.mkdir(exist_ok=True)
    results.save(folder / "quality.json")
    return folder


def uneven(growth: float, deviation: float) -> Formula:
    """Files that grow differently on even and on odd images."""
    return Formula(
        "jpeg", size=lambda s, i: exponential_size(s, i) * growth * math.exp(deviation * (-1) ** i)
    )


def run(tmp_path: Path, base: QualityResults, head: QualityResults, *options: object) -> Result:
    folders = saved(tmp_path / "base", base), saved(tmp_path / "head", head)
    return CliRunner().invoke(app, ["diff", *map(str, folders), *map(str, options)])


def line_of(text: str, start: str) -> str:
    (found,) = [line for line in text.splitlines() if line.startswith(start)]
    return found


def test_results_pass_against_themselves(tmp_path: Path) -> None:
    done = run(tmp_path, study([JPEG], 3), study([JPEG], 3))
    assert done.exit_code == 0, done.output
    assert (
        "HEAD against BASE on 3 images; sizes may grow by 1 %, SSIMULACRA2 may get worse by 0.8."
        in done.stdout
    )
    assert "Gate corpus: these very images." in done.stdout
    assert "Size at the same SSIMULACRA2: 4 equivalent" in done.stdout
    assert "Size at the same settings: 5 equivalent" in done.stdout
    assert done.stdout.endswith("\npassed\n")
    assert "inconclusive" not in done.stdout


def test_growth_fails(tmp_path: Path) -> None:
    done = run(tmp_path, study([JPEG], 6), study([JPEG.scaled(1.03)], 6), "--target", 50)
    assert done.exit_code == 1
    assert re.search(r"^jpeg +50 +\+3\.0 % \(\+3\.0 to \+3\.0\) +\+3\.0 % +6/6 +worse ", done.stdout, re.M)
    assert done.stdout.endswith("\nfailed: 6 worse\n")
    assert run(tmp_path, study([JPEG], 6), study([JPEG.scaled(1.03)], 6), "--tolerance", "4%").exit_code == 0


def test_at_the_same_score_is_said_of_matched_comparisons_only(tmp_path: Path) -> None:
    fixed = run(tmp_path, study([JPEG], 3), study([JPEG], 3), "--at", "fixed").stdout
    assert "at the same SSIMULACRA2" not in fixed
    assert "SSIMULACRA2 at the same settings: 5 equivalent" in fixed
    matched = run(tmp_path, study([JPEG], 3), study([JPEG], 3), "--at", "matched").stdout
    assert "at the same settings" not in matched
    assert "may get worse" not in matched


def test_what_is_not_decided_is_said_with_what_it_takes(tmp_path: Path) -> None:
    base, head = study([JPEG], 12), study([uneven(1.0, 0.05)], 12)
    options = ("--at", "matched", "--target", 50)
    passed = run(tmp_path, base, head, *options, "--gate", "population")
    assert passed.exit_code == 0
    said = line_of(passed.stdout, "inconclusive: 1 of 1 comparison: too few images for their spread.")
    assert "They pass this gate undecided." in said
    assert re.search(r"If nothing changed, about \d+ images would show it for these\.", said)
    failed = run(tmp_path, base, head, *options, "--gate", "equivalence")
    assert failed.exit_code == 1
    assert "pass this gate" not in failed.stdout
    assert failed.stdout.endswith("\nfailed: 1 inconclusive\n")
    # On these very images, nothing is undecided.
    assert "inconclusive" not in run(tmp_path, base, head, *options).stdout


def test_too_few_images_for_any_verdict_on_others(tmp_path: Path) -> None:
    done = run(tmp_path, study([JPEG], 3), study([JPEG], 3), "--at", "matched", "--gate", "population")
    assert "a verdict on other images needs at least 6 images" in done.stdout
    assert re.search(r"^jpeg +50 .* inconclusive +\? ", done.stdout, re.M)


def test_what_interpolation_hides_needs_levels_and_not_images(tmp_path: Path) -> None:
    head = study([Formula("jpeg", qualities=(10, 32, 52, 72, 90))], 6)
    done = run(tmp_path, study([JPEG], 6), head, "--target", 55)
    said = line_of(done.stdout, "inconclusive: 1 of ")
    assert said.endswith("measure more levels. They pass this gate undecided.")
    assert done.exit_code == 0


def test_of_many_settings_the_worst_are_printed(tmp_path: Path) -> None:
    head = Formula("jpeg", MANY.qualities, size=lambda s, i: exponential_size(s, i) * (1.1 if s < 30 else 1))
    done = run(tmp_path, study([MANY], 6), study([head], 6), "--at", "fixed")
    assert "Size at the same settings: 4 worse, 13 equivalent" in done.stdout
    assert sorted(re.findall(r"^jpeg q(\d+) .* worse ", done.stdout, re.M)) == ["10", "15", "20", "25"]
    assert "jpeg q50 " not in done.stdout
    assert "13 more: 13 equivalent, largest change +0.0 %" in done.stdout
    assert "\nlargest change +0.00 (+0.00 to +0.00): jpeg q10 (--json shows all)" in done.stdout
    everything = json.loads(
        run(tmp_path, study([MANY], 6), study([head], 6), "--at", "fixed", "--json").stdout
    )
    assert len(everything["comparisons"]) == 34


def test_json_has_the_verdicts_and_the_exit_code(tmp_path: Path) -> None:
    for option in (("--json",), ("--format", "json")):
        done = run(tmp_path, study([JPEG], 6), study([JPEG.scaled(1.1)], 6), *option)
        found = json.loads(done.stdout)
        assert (found["exit_code"], found["failed"], found["gate"]) == (1, True, "corpus")
        assert {(c["quantity"], c["verdict"], c["fails"]) for c in found["comparisons"]} == {
            ("size", "worse", True),
            ("score", "equivalent", False),
        }
        assert found["comparisons"][0]["change"]["value"] == pytest.approx(1.1)


def test_markdown_for_a_pull_request(tmp_path: Path) -> None:
    odd = Formula("jpeg", setting={"extra_args": {"note": "a|b <img src=x> @all"}})
    done = run(tmp_path, study([odd, JPEG], 6), study([odd, JPEG.scaled(1.1)], 6), "--format", "markdown")
    assert done.exit_code == 1
    assert done.stdout.startswith("### codecstudy diff failed: 9 worse\n")
    tables = re.findall(r"(?:^\|.*\|\n)+", done.stdout, re.M)
    assert len(tables) == 3
    for table in tables:
        # Every row has as many cells as the header.
        assert len({len(re.findall(r"(?<!\\)\|", row)) for row in table.splitlines()}) == 1
    assert "| jpeg | 50 | +10.0 % (+10.0 to +10.0) | +10.0 % | 6/6 | **worse** |" in done.stdout
    assert r"a\|b \<img src=x\> \@all" in done.stdout
    assert "**Size at the same SSIMULACRA2**: 4 worse, 4 equivalent" in done.stdout


def test_problems_are_grouped(tmp_path: Path) -> None:
    records = records_of([JPEG], 40)
    broken = [
        *(failed(JPEG, i, q) for i in range(20) for q in JPEG.qualities),
        *(r for r in records if r.source_image >= name_of(0) and int(r.source_image[-7:-4]) >= 20),
    ]
    done = run(tmp_path, results_of(records), results_of(broken))
    assert done.exit_code == 1
    # Which images come first follows from their names.
    assert re.search(r"^failed \(head\): .*jpeg q10; .* and 97 more: encode broke$", done.stderr, re.M)
    assert len(done.stderr.splitlines()) < 8
    assert "100 problems" in done.stdout
    comment = run(tmp_path, results_of(records), results_of(broken), "--format", "markdown").stdout
    assert "- **failed** (head): " in comment


def test_without_a_common_image_there_is_no_comparison(tmp_path: Path) -> None:
    head = [r for r in records_of([JPEG], 6) if r.source_image != name_of(0)]
    base = [r for r in records_of([JPEG], 6) if r.source_image == name_of(0)]
    done = run(tmp_path, results_of(base), results_of(head))
    assert done.exit_code == 2
    assert done.stderr.count("\n") == 1
    assert "BASE and HEAD have no image in common" in done.stderr


def test_two_variants_of_one_results_file(tmp_path: Path) -> None:
    avif = [Formula("avif", setting={"speed": speed}) for speed in (7, 8)]
    done = run(
        tmp_path,
        study(avif, 6),
        study(avif, 6),
        "--base",
        "avif s7",
        "--head",
        "avif s8",
        "--max-time-growth",
        "10%",
    )
    assert done.exit_code == 0, done.output
    assert "avif s8 against avif s7" in done.stdout
    assert "CPU times may grow by 10 %" in done.stdout
    assert "Encode CPU time at the same SSIMULACRA2: 4 equivalent" in done.stdout


def test_changed_versions_and_other_levels_are_told(tmp_path: Path) -> None:
    head = results_of(records_of([MANY], 3), tool_versions={"jpeg": "mozjpeg 4", "avif": "libaom 3.13"})
    done = run(tmp_path, study([JPEG], 3), head)
    assert "jpeg: libjpeg-turbo 3.1 -> mozjpeg 4" in done.stdout
    assert "note: jpeg: only HEAD was measured at quality 15, 20, 25" in done.stdout


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--tolerance", "little"), "--tolerance: 'little' is not a share; use a format such as 2% or 0.02"),
        (("--max-time-growth", "-1%"), "--max-time-growth: '-1%' is not a share"),
        (("--tolerance", "150%"), "tolerance must be at least 0 and below 1"),
        (("--gate", "hard"), "unknown gate 'hard'"),
        (("--at", "once"), "unknown kind of comparison 'once'"),
        (("--format", "html"), "unknown format 'html'; formats are text, markdown, json"),
        (("--json", "--format", "markdown"), "contradict each other"),
        (("--base", "jpeg"), "give both --base and --head"),
        (("--base", "jpeg", "--head", "webp"), "HEAD has no variant 'webp'"),
    ],
)
def test_a_users_mistake_gives_exit_code_2(tmp_path: Path, options: tuple[str, ...], message: str) -> None:
    done = run(tmp_path, study([JPEG], 2), study([JPEG], 2), *options)
    assert done.exit_code == 2
    assert message in done.stderr
    assert not done.stdout
