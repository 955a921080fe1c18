"""The walks of CONTRIBUTING.md, each applied to a copy of the package, and the result run.

Of each walk the titled blocks count: a ``diff`` changes the file that its title names, any other block is the file.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support.markdown import Block, blocks, sections
from support.package_overlay import Study, chart_data, copy_packages, replace, run_command, run_python

ROOT = Path(__file__).resolve().parents[2]
WALKS = {
    heading: [block for block in blocks(text) if block.title]
    for heading, text in sections((ROOT / "CONTRIBUTING.md").read_text()).items()
    if heading.startswith("Add ")
}
JPEG = {"format": "jpeg", "quality": [30, 60, 90]}


def follow(walk: str, folder: Path) -> Path:
    """Apply a walk to copies of the packages that it touches; returns what to put on the module path."""
    steps = WALKS[walk]
    paths = [Path(str(step.title)) for step in steps]
    copy_packages(folder, *dict.fromkeys(path.parts[2] for path in paths if path.parts[0] == "src"))
    for path in paths:
        if path.parts[0] == "tests" and not (folder / path).exists():
            (folder / path).parent.mkdir(parents=True)
            shutil.copy(ROOT / path, folder / path)
    for step, path in zip(steps, paths, strict=True):
        if step.tag == "diff":
            change(folder / path, step.text)
        else:
            assert not (folder / path).exists(), f"{path} exists already"
            (folder / path).parent.mkdir(exist_ok=True)
            (folder / path).write_text(step.text)
    return folder


def change(path: Path, diff: str) -> None:
    lines = diff.splitlines(keepends=True)
    assert {line[0] for line in lines} <= {" ", "+", "-"}
    old, new = ("".join(line[1:] for line in lines if line[0] in signs) for signs in (" -", " +"))
    replace(path, old, new)


def test_there_is_a_walk_for_each_kind_of_addition() -> None:
    assert [*WALKS] == [
        "Add an encoder",
        "Add a metric",
        "Add a command",
        "Add a report section",
        "Add an executor",
    ]


@pytest.mark.parametrize(
    "step", [step for walk in WALKS.values() for step in walk], ids=lambda step: step.title
)
def test_the_text_before_a_block_names_its_file(step: Block) -> None:
    assert f"`{step.title}`" in step.before


FILES = [step for walk in WALKS.values() for step in walk if step.tag == "python"]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.title)
def test_the_files_pass_the_checks(file: Block) -> None:
    ruff = Path(sys.executable).with_name("ruff")
    for check in (["check"], ["format", "--check"]):
        command = [ruff, *check, "--no-cache", "--stdin-filename", str(file.title), "-"]
        done = subprocess.run(command, cwd=ROOT, input=file.text, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_an_encoder_is_added_with_one_file_and_one_line(tmp_path: Path) -> None:
    path = follow("Add an encoder", tmp_path)
    shown = run_command("doctor", path=path)
    assert re.search(r"JPEG 2000 +OpenJPEG \d", shown)
    assert re.search(r"self-test of codecs +passed", shown)
    study = Study(tmp_path / "root", [JPEG, {"format": "jp2", "ratio": [2, 8, 32]}], path, metrics=["psnr"])
    records = study.records()
    assert {record["status"] for record in records} == {"measured"}
    sizes = {(r["source_image"], r["ratio"]): int(r["file_size"]) for r in records if r["format"] == "jp2"}
    assert all(sizes[image, "2"] > sizes[image, "8"] > sizes[image, "32"] for image, _ in sizes)
    assert (study.encoded / "jp2" / "original" / "0_ratio-8.jp2").is_file()
    found = study.recommended()["jp2"]
    assert found["setting"]["ratio"] == 32
    tools = {command["tool"]: command["text"] for command in found["commands"]}
    assert tools["opj_compress"] == "opj_compress -i in.png -o out.jp2 -I -r 32"
    assert "quality_layers=[32]" in tools["Pillow"]
    report = study.report()
    assert "--f-jp2:#7a4fb5" in report
    data = chart_data(report)
    assert data["markers"]["jp2"] == "pentagon"
    (variant,) = [v for v in data["variants"] if v["encoder"] == "jp2"]
    assert (variant["title"], variant["axis"], variant["levels"]) == ("JPEG 2000", "ratio", [32, 8, 2])


def test_a_metric_is_added_with_one_package_and_one_line(tmp_path: Path) -> None:
    path = follow("Add a metric", tmp_path)
    shown = run_command("doctor", path=path)
    assert re.search(r"Mean absolute error +version 1: mae", shown)
    assert re.search(r"self-test of metrics +passed", shown)
    assert '"mae"' in run_command("schema", path=path)
    study = Study(tmp_path / "root", [JPEG], path, metrics=["psnr", "mae"])
    photo = tmp_path / "root" / "photos" / "0.png"
    encoded = study.encoded / "jpeg" / "original" / "0_q60.jpg"
    measured = json.loads(run_command("measure", photo, encoded, "--metric", "mae", "--json", path=path))
    (record,) = [r for r in study.records() if (r["source_image"], r["quality"]) == ("0.png", "60")]
    assert 0 < float(record["mae"]) < 30
    assert measured["mae"] == pytest.approx(float(record["mae"]))
    found = json.loads(run_command("recommend", study.folder, "--metric", "mae", "--target", "30", "--json"))
    assert found["items"][0]["setting"]["quality"] == 30
    assert "MAE 30 or better" in run_command("recommend", study.folder, "--metric", "mae", "--target", "30")
    report = study.report("--metric", "mae", "--target", "30")
    assert "says how far samples are apart on average" in report
    assert chart_data(report)["metrics"]["mae"] == {"title": "MAE", "up": False, "digits": 2}


def test_a_command_is_added_with_one_module_and_its_name(tmp_path: Path) -> None:
    path = follow("Add a command", tmp_path)
    shown = run_command("--help", path=path)
    assert re.search(r"failures +List the tasks that failed", shown)
    assert shown.index("recommend ") < shown.index("failures ") < shown.index("export ")
    (tmp_path / "root").mkdir()
    study = Study(tmp_path / "root", [{"format": "jpeg", "quality": 60}], path, metrics=["psnr"])
    assert run_command("failures", study.folder, path=path) == ""
    results = json.loads((study.folder / "quality.json").read_text())
    del results["checksum"]
    results["measurements"][0] |= {"status": "failed", "measurement_error": "the \x1b[31mdecoder failed"}
    (study.folder / "quality.json").write_text(json.dumps(results))
    image = results["measurements"][0]["source_image"]
    shown = run_command("failures", study.folder, path=path, exit_code=1)
    assert shown == f"{image}  jpeg q60  the \\x1b[31mdecoder failed\n"
    assert run_command("failures", tmp_path / "nothing", path=path, exit_code=2) == ""


def test_a_report_section_is_added_with_a_module_and_a_template(tmp_path: Path) -> None:
    path = follow("Add a report section", tmp_path)
    study = Study(tmp_path / "root", [JPEG, {"format": "webp", "quality": 60}], path, metrics=["psnr"])
    page = tmp_path / "report.html"
    run_command("report", study.folder, "-o", page, "--target", "20", path=path)
    text = page.read_text()
    assert '<a href="#decoding">Decoding</a>' in text
    assert text.index('<section id="time">') < text.index('<section id="decoding">')
    section = text.partition('<section id="decoding">')[2].partition("</section>")[0]
    assert re.findall(r'<td>(.+?)</td><td class="n">\d+\.\d ms</td>', section) == ["JPEG", "WebP"]


def test_an_executor_is_added_with_one_file(tmp_path: Path) -> None:
    path = follow("Add an executor", tmp_path)
    shutil.copytree(ROOT / "tests" / "support", tmp_path / "tests" / "support")
    options = ("-q", "-k", "thread", "-p", "no:cacheprovider", "-W", "error", "--import-mode=importlib")
    # A configuration of its own, so that the repository's tests are not on the module path, but their copies.
    (tmp_path / "pytest.ini").write_text("[pytest]\npythonpath = tests\n")
    shown = run_python(
        "-m", "pytest", *options, "-c", tmp_path / "pytest.ini", tmp_path / "tests" / "execution", path=path
    )
    passed = re.search(r"(\d+) passed", shown)
    assert passed is not None
    assert int(passed[1]) >= 14
    code = f"""
from codecstudy import PipelineRunner, StudyConfig
from codecstudy.execution.thread import ThreadExecutor
config = StudyConfig.load({str(tmp_path / "root" / "study.json")!r})
results = PipelineRunner({str(tmp_path / "other")!r}, executor=ThreadExecutor()).run(
    config, images={str(tmp_path / "root" / "photos")!r}
)
print(results.complete, [record.file_size for record in results.measurements])
"""
    study = Study(tmp_path / "root", [JPEG], path, metrics=["psnr"])
    sizes = [int(record["file_size"]) for record in study.records()]
    assert run_python("-c", code, path=path) == f"True {sizes}\n"
