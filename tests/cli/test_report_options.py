"""What the options of ``codecstudy report`` change in the page, and what their mistakes say."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from codecstudy.cli import app
from support.report_cases import four_formats


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("results")
    four_formats(images=6).save(folder / "quality.json")
    return folder


def report(results: Path, *options: str) -> Result:
    # The width of the terminal decides where a message is wrapped.
    arguments = ["report", str(results), "-o", str(results / "report.html"), "--no-encode", *options]
    return CliRunner().invoke(app, arguments, env={"COLUMNS": "200", "NO_COLOR": "1"})


def test_assurance_clusters_and_the_range_of_bd_rates(results: Path) -> None:
    done = report(results, "--assurance", "95%", "--cluster", "folder", "--bd-range", "60:80")
    assert done.exit_code == 0, done.output
    page = (results / "report.html").read_text(encoding="utf-8").replace("\N{NARROW NO-BREAK SPACE}", " ")
    assert "At least 59 images are needed to be 95 % certain that 95 % of images reach it." in page
    assert "3 folders, each of which counts as one for intervals" in page
    assert "Over SSIMULACRA2 60 to 80." in page


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--assurance", "certain"), "assurance must be"),
        (("--cluster", "files"), "--cluster 'files' is not one of: near-duplicates, folder"),
        (("--bd-range", "50"), "--bd-range '50' is not two different scores, such as 50:90"),
        (("--bd-range", "50:50"), "is not two different scores"),
        (("--bd-range", "50:inf"), "is not two different scores"),
    ],
)
def test_a_wrong_option_is_named(results: Path, options: tuple[str, ...], message: str) -> None:
    done = report(results, *options)
    assert done.exit_code == 2
    assert message in done.output
