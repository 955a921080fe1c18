"""The command line end to end, as a user's shell sees it."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from conftest import picture
from support.dataset_archives import ARCHIVE, left, register
from support.misbehaving_server import FileServer
from support.report_cases import four_formats, with_files

STUDY = {
    "id": "mine",
    "dataset": {"id": "sample"},
    "encoders": [
        {"format": "jpeg", "quality": [50, 90]},
        {"format": "jxl", "quality": 80, "effort": 3},
    ],
}


def codecstudy(*arguments: object, cwd: Path | None = None, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "codecstudy", *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={**os.environ, "COLUMNS": "200", "NO_COLOR": "1", **env},
    )


@pytest.fixture
def study_file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(STUDY))
    return path


def test_run_prints_a_table_and_the_path_of_the_results(study_file: Path, photos: Path, root: Path) -> None:
    done = codecstudy("run", study_file, "--images", photos, "--root", root, "--workers", 2)
    assert done.returncode == 0, done.stderr
    assert "mine: 4 images x 3 settings, 12 tasks on 2 workers" in done.stderr
    rows = [line for line in done.stdout.splitlines() if line.startswith(("jpeg", "jxl"))]
    assert [row.split("  ")[0] for row in rows] == ["jpeg q50", "jpeg q90", "jxl q80 e3"]
    assert str(root / "data" / "metrics" / "mine" / "quality.json") in done.stdout
    assert "\x1b" not in done.stdout + done.stderr, "no control characters where there is no terminal"


def test_a_run_without_worker_processes(study_file: Path, photos: Path, root: Path) -> None:
    run = ("run", study_file, "--images", photos, "--root", root, "--workers", 0, "--json")
    done = codecstudy(*run)
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert (summary["measured"], summary["stop_reason"]) == (12, "completed")
    refused = codecstudy(*run, "--task-timeout", 5)
    assert refused.returncode == 2
    assert "task_timeout cannot be enforced" in refused.stderr


def test_json_summary_and_second_run(study_file: Path, photos: Path, root: Path) -> None:
    arguments = ("run", study_file, "--images", photos, "--root", root, "--json", "--quiet")
    first, second = codecstudy(*arguments), codecstudy(*arguments)
    assert first.returncode == second.returncode == 0
    assert json.loads(first.stdout) == json.loads(second.stdout)
    summary = json.loads(first.stdout)
    assert (summary["measured"], summary["failed"], summary["complete"]) == (12, 0, True)
    assert {row["setting"] for row in summary["settings"]} == {"jpeg q50", "jpeg q90", "jxl q80 e3"}


def test_failures_are_listed_by_reason_with_exit_code_1(study_file: Path, photos: Path, root: Path) -> None:
    (photos / "one.png").write_text("no image")
    (photos / "two.png").write_text("no image, too")
    done = codecstudy("run", study_file, "--images", photos, "--root", root)
    assert done.returncode == 1
    assert "6 failed: source: " in done.stdout
    assert "one.png" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    quiet = codecstudy("run", study_file, "--images", photos, "--root", root, "--quiet")
    assert quiet.returncode == 1
    assert quiet.stdout == ""
    assert "6 tasks failed" in quiet.stderr


def test_dry_run_does_nothing(study_file: Path, photos: Path, root: Path) -> None:
    done = codecstudy("run", study_file, "--images", photos, "--root", root, "--dry-run")
    assert done.returncode == 0, done.stderr
    for fact in ("4 images", "3 settings", "12 tasks", "about"):
        assert fact in done.stdout
    assert not root.exists()


def test_copies_and_images_that_were_passed_over_are_told(photos: Path, root: Path, tmp_path: Path) -> None:
    document = STUDY | {"dataset": {"id": "sample", "order": "name"}, "metrics": ["psnr"]}
    study_file = tmp_path / "by-name.json"
    study_file.write_text(json.dumps(document))
    shutil.copy(photos / "b.png", photos / "inner" / "b.png")
    run = ("run", study_file, "--images", photos, "--root", root, "--workers", 0)
    planned = codecstudy(*run, "--dry-run")
    assert "5 images" in planned.stdout
    assert "1 of them is a copy of another one" in planned.stdout
    complete = codecstudy(*run, "--strict-order")
    assert complete.returncode == 0, complete.stderr
    assert "passed over" not in complete.stdout
    for name, seed in (("a.png", 10), ("c.png", 11)):
        Image.fromarray(picture(48, 40, seed)).save(photos / name)
    done = codecstudy(*run, "--time-budget", "0.001")
    assert "passed over: 1 of the images that come before the last measured one (c.png)" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("run", "no-such-study"), "no-such-study"),
        (("run", "demo", "--time-budget", "soon"), "'soon' is not a valid time budget"),
        (("run", "demo", "--max-memory", "much"), "'much' is not a valid memory size"),
        (("run", "demo", "--max-memory", "8"), "use a format such as 8G"),
        (("run", "demo", "--max-pixels", "100"), "use a format such as 100M"),
        (("run", "demmo"), "did you mean demo?"),
        (("run", "demo", "--workers", "-1"), "workers"),
        (("run", "demo", "--images", "no-such-folder"), "no-such-folder"),
        (("run", "broken.json"), "JSON"),
        (("run", "wrong.toml"), "encoders[0].speed: JPEG has no speed"),
        (("datasets", "fetch", "no-such-dataset"), "no-such-dataset"),
        (("datasets", "fetch", "gb82"), "codecstudy datasets fetch gb82 --unverified"),
        (("datasets", "add", "no-such-folder", "--id", "x"), "no-such-folder"),
        (("frobnicate",), "frobnicate"),
    ],
)
def test_a_users_mistake_gives_exit_code_2_and_no_traceback(
    tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    (tmp_path / "broken.json").write_text('{"id": ')
    (tmp_path / "wrong.toml").write_text(
        'id = "x"\ndataset = { id = "sample" }\nencoders = [{ format = "jpeg", quality = 50, speed = 3 }]\n'
    )
    done = codecstudy(*arguments, cwd=tmp_path)
    assert done.returncode == 2, done.stdout + done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "data").exists(), "a mistake must not create files"


def test_measure_prints_all_scores(tmp_path: Path) -> None:
    Image.fromarray(picture()).save(tmp_path / "a.png")
    Image.fromarray(picture()).save(tmp_path / "a.jpg", quality=60)
    done = codecstudy("measure", "a.png", "a.jpg", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    scores = json.loads(done.stdout)
    assert list(scores) == ["ssimulacra2", "butteraugli", "butteraugli_3norm", "psnr", "ssim"]
    same = json.loads(codecstudy("measure", "a.png", "a.png", "--json", cwd=tmp_path).stdout)
    assert (same["ssimulacra2"], same["butteraugli"], same["psnr"], same["ssim"]) == (100, 0, "inf", 1)


def test_measure_names_the_files_that_it_could_not_score(tmp_path: Path) -> None:
    Image.fromarray(picture()).save(tmp_path / "a.png")
    Image.fromarray(picture(20, 20)).save(tmp_path / "small.png")
    (tmp_path / "text.png").write_text("text")
    done = codecstudy("measure", "a.png", "a.png", "small.png", "text.png", cwd=tmp_path)
    assert done.returncode == 1
    assert "a.png" in done.stdout
    assert "(40, 48, 3)" in done.stderr
    assert "(20, 20, 3)" in done.stderr
    assert "text.png" in done.stderr
    assert codecstudy("measure", "text.png", "a.png", cwd=tmp_path).returncode == 2


CRASHING = """
import dataclasses, os, signal
from codecstudy.codecs import webp
from codecstudy.images import formats

def crash(*arguments, **options):
    os.kill(os.getpid(), signal.SIGSEGV)

formats.FORMATS = tuple(
    dataclasses.replace(format, read=crash) if format.name == "BMP" else format
    for format in formats.FORMATS
)
webp.webp_decode = crash
"""
"""Decoders of BMP and WebP files that kill their process, as a crash in native code does."""


@pytest.fixture
def crashing(tmp_path: Path) -> str:
    """A folder that, as ``PYTHONPATH``, makes Python processes crash on BMP and WebP files."""
    (tmp_path / "crashing").mkdir()
    (tmp_path / "crashing" / "sitecustomize.py").write_text(CRASHING)
    before = os.environ.get("PYTHONPATH")
    return os.pathsep.join(filter(None, [str(tmp_path / "crashing"), before]))


def test_a_file_that_crashes_its_decoder_does_not_affect_the_other_files(
    tmp_path: Path, crashing: str
) -> None:
    for name in ("a.png", "bad.bmp", "b.jpg"):
        Image.fromarray(picture()).save(tmp_path / name)
    done = codecstudy("measure", "a.png", "bad.bmp", "b.jpg", "--json", cwd=tmp_path, PYTHONPATH=crashing)
    assert done.returncode == 1, done.stderr
    first, second = json.loads(done.stdout)
    assert first["distorted"] == "b.jpg"
    assert first["ssimulacra2"] > 0
    assert "killed by SIGSEGV while reading bad.bmp" in second["error"]
    assert "Traceback" not in done.stderr
    reference = codecstudy("measure", "bad.bmp", "a.png", cwd=tmp_path, PYTHONPATH=crashing)
    assert reference.returncode == 2
    assert "killed by SIGSEGV while reading bad.bmp" in reference.stderr
    assert "Traceback" not in reference.stderr


def test_a_file_that_crashes_its_decoder_does_not_affect_the_rest_of_a_report(
    tmp_path: Path, crashing: str
) -> None:
    results = with_files(tmp_path, four_formats(images=2))
    first = results.measurements[0].source_image
    wanted = ({"jpeg", "webp"}, {"jpeg", "avif"})
    kept = [r for r in results.measurements if r.format in wanted[r.source_image != first]]
    path = tmp_path / "data" / "metrics" / results.study_id / "quality.json"
    dataclasses.replace(results, measurements=kept).save(path)
    done = codecstudy("report", path, "-o", "report.html", cwd=tmp_path, PYTHONPATH=crashing)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    page = (tmp_path / "report.html").read_text()
    assert f"{first}: the worker process was killed by SIGSEGV while decoding an encoded file (webp)" in page
    assert "data:image/avif" in page


def test_lists(tmp_path: Path, photos: Path) -> None:
    listed = codecstudy("studies", "list", cwd=tmp_path).stdout
    for study in ("demo", "format-comparison", "jxl-effort-sweep", "speed-effort-comparison"):
        assert study in listed
    added = codecstudy("datasets", "add", photos, "--id", "holiday", cwd=tmp_path)
    assert added.returncode == 0, added.stderr
    rows = {
        row["id"]: row for row in json.loads(codecstudy("datasets", "list", "--json", cwd=tmp_path).stdout)
    }
    assert rows["holiday"]["downloaded"]
    assert rows["holiday"]["images"] == 4
    assert {"sample", "kodak", "div2k-valid"} <= set(rows)
    assert "holiday" in codecstudy("datasets", "list", cwd=tmp_path).stdout


def test_fetch(tmp_path: Path) -> None:
    server = FileServer()
    try:
        register(tmp_path, server)
        server.serve("set.zip", ARCHIVE)
        done = codecstudy("datasets", "fetch", "set", "--unverified", cwd=tmp_path, no_proxy="127.0.0.1")
    finally:
        server.close()
    assert done.returncode == 0, done.stderr
    assert "set: 3 images in " in done.stdout
    assert left(tmp_path) == ["set"]


def test_schema_and_doctor(tmp_path: Path) -> None:
    schema = json.loads(codecstudy("schema", cwd=tmp_path).stdout)
    assert "encoders" in schema["properties"]
    done = codecstudy("doctor", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    for fact in (
        "libjpeg-turbo",
        "libwebp",
        "libaom",
        "libjxl",
        "ssimulacra2",
        "kernel cache",
        "self-test",
        "built for size",
    ):
        assert fact in done.stdout
    assert not list(tmp_path.iterdir()), "neither may write anything"


def test_doctor_says_once_what_is_wrong_with_a_plugin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = tmp_path / "broken-1.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1\n")
    (facts / "entry_points.txt").write_text(
        "[codecstudy.codecs]\nbroken = no_such:E\n[codecstudy.metrics]\nbroken = no_such:M\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    done = codecstudy("doctor", cwd=tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stderr.count("cannot load") == 2
    assert done.stdout.count("passed") == 2, "what else is installed works"


def test_ctrl_c_saves_complete_images_and_exits_with_130(tmp_path: Path, root: Path) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for seed in range(40):
        Image.fromarray(picture(256, 256, seed)).save(folder / f"{seed}.png")
    study = {**STUDY, "encoders": [{"format": "avif", "quality": [40, 60, 80], "speed": 2}]}
    (tmp_path / "slow.json").write_text(json.dumps(study))
    run = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "codecstudy",
            "run",
            tmp_path / "slow.json",
            "--images",
            folder,
            "--root",
            root,
            "--save-artifacts",
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while run.poll() is None and not list((root / "data").glob("encoded/**/*.avif")):
        time.sleep(0.01)
    run.send_signal(signal.SIGINT)
    out, err = run.communicate(timeout=120)
    assert run.returncode == 130, out + err
    assert "interrupted" in err
    results = json.loads((root / "data" / "metrics" / "mine" / "quality.json").read_text())
    assert not results["complete"]
    assert results["stop_reason"] == "interrupted"
    assert "interrupted" in results["incomplete_reason"]
    assert 0 < len(results["measurements"]) < 120
    assert len(results["measurements"]) % 3 == 0


def test_json_has_no_colours_regardless_of_the_environment(
    study_file: Path, photos: Path, root: Path, tmp_path: Path
) -> None:
    run = ("run", study_file, "--images", photos, "--root", root, "--json")
    for arguments in (run, (*run, "--dry-run"), ("schema",), ("datasets", "list", "--json")):
        done = codecstudy(*arguments, cwd=tmp_path, FORCE_COLOR="1", NO_COLOR="")
        assert done.returncode == 0, done.stderr
        assert isinstance(json.loads(done.stdout), dict | list)


def test_a_run_continues_if_the_reader_of_its_progress_exits(
    study_file: Path, photos: Path, root: Path
) -> None:
    arguments = ("run", str(study_file), "--images", str(photos), "--root", str(root))
    reading, writing = os.pipe()
    os.close(reading)
    run = subprocess.run(
        [sys.executable, "-m", "codecstudy", *arguments], stdout=subprocess.PIPE, stderr=writing, check=True
    )
    os.close(writing)
    assert b"jpeg q50" in run.stdout
    assert json.loads((root / "data" / "metrics" / "mine" / "quality.json").read_text())["complete"]


def test_a_reader_that_exits_early_is_not_an_error() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    shown = subprocess.run(
        [sys.executable, "-m", "codecstudy", "schema"], stdout=writing, stderr=subprocess.PIPE, check=True
    )
    os.close(writing)
    assert shown.stderr == b""


def test_file_names_cannot_control_the_terminal(study_file: Path, photos: Path, root: Path) -> None:
    (photos / "bad\x1b[31m\nname [red] :fire:.png").write_text("no image")
    done = codecstudy("run", study_file, "--images", photos, "--root", root)
    assert done.returncode == 1
    for text in (done.stdout, done.stderr):
        assert "bad\\x1b[31m\\nname [red] :fire:.png" in text
        assert "\x1b" not in text


def test_dry_run_counts_the_measurements_that_save_artifacts_would_repeat(
    study_file: Path, photos: Path, root: Path
) -> None:
    run = ("run", study_file, "--images", photos, "--root", root)
    assert codecstudy(*run).returncode == 0
    assert "0 tasks" in codecstudy(*run, "--dry-run").stdout
    assert "12 tasks" in codecstudy(*run, "--dry-run", "--save-artifacts").stdout


def test_the_table_keeps_its_numbers_on_a_narrow_terminal(tmp_path: Path, photos: Path, root: Path) -> None:
    extra = {"enable-chroma-deltaq": 1, "sharpness": 3, "deltaq-mode": 2}
    encoder = {"format": "avif", "quality": 60, "speed": 10, "chroma_subsampling": "420", "extra_args": extra}
    (tmp_path / "long.json").write_text(json.dumps({**STUDY, "encoders": [encoder]}))
    run = ("run", tmp_path / "long.json", "--images", photos, "--root", root)
    label = "avif-pillow q60 420 s10 deltaq-mode=2 enable-chroma-deltaq=1 sharpness=3"
    narrow = codecstudy(*run, COLUMNS="70")
    assert narrow.returncode == 0, narrow.stderr
    for heading in ("bits/px", "SSIMULACRA2", "images"):
        assert heading in narrow.stdout
    assert "\u2026" not in narrow.stdout
    env = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    piped = subprocess.run(
        [sys.executable, "-m", "codecstudy", *map(str, run)],
        capture_output=True,
        text=True,
        env=env,
        check=True,
    )
    assert any(line.startswith(label) and line.endswith(" 4") for line in piped.stdout.splitlines())


def test_answers_on_the_command_line(tmp_path: Path, photos: Path) -> None:
    for path in photos.rglob("*.png"):
        with Image.open(path) as image:
            # Smooth enough for every format to reach the target.
            image.resize((12, 10)).resize((96, 80), Image.Resampling.BICUBIC).save(path)
    study = {**STUDY, "encoders": [{"format": f, "quality": [2, 15, 50, 95]} for f in ("jpeg", "webp")]}
    (tmp_path / "mine.json").write_text(json.dumps(study))
    done = codecstudy("run", "mine.json", "--images", photos, "--root", "base", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert f"codecstudy recommend {tmp_path}/base/data/metrics/mine" in done.stdout
    shutil.copytree(tmp_path / "base", tmp_path / "head")
    base, head = "base/data/metrics/mine", "head/data/metrics/mine"
    answer = codecstudy("recommend", base, "--target", 60, cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr
    for fact in (
        "SSIMULACRA2 60 or better",
        "baseline",
        "cwebp -q",
        "in effect, defaults included: chroma_subsampling 420",
        "At least 19 images are needed",
    ):
        assert fact in answer.stdout
    found = json.loads(codecstudy("recommend", base, "--target", 60, "--json", cwd=tmp_path).stdout)
    assert {item["format"] for item in found["items"]} == {"jpeg", "webp"}
    same = codecstudy("diff", base, head, "--target", 60, "--json", cwd=tmp_path)
    assert same.returncode == 0, same.stdout + same.stderr
    assert {row["verdict"] for row in json.loads(same.stdout)["comparisons"]} == {"equivalent"}
    report = codecstudy(
        "report", base, "-o", "report.html", "--plots", "plots", "--images", photos, cwd=tmp_path
    )
    assert report.returncode == 0, report.stderr
    page = (tmp_path / "report.html").read_text()
    assert "pictures were encoded for this report" in page
    assert list((tmp_path / "plots").glob("*.svg"))
    without = codecstudy("report", base, "-o", "report.html", "--no-encode", "--images", photos, cwd=tmp_path)
    assert without.returncode == 0, without.stderr
    page = (tmp_path / "report.html").read_text()
    assert "encoded for this report" not in page
    assert "The encoded files of this study were not saved" in page
    nowhere = codecstudy("report", base, "--plots-format", "pdf", cwd=tmp_path)
    assert nowhere.returncode == 2
    assert "give their folder with --plots" in nowhere.stderr
    for name in ("csv", "summary", "parquet", "codec-compare"):
        exported = codecstudy("export", base, "--format", name, cwd=tmp_path)
        assert exported.returncode == 0, exported.stderr
        assert all((tmp_path / line).is_file() for line in exported.stdout.split())
    for wrong in (
        ("recommend", "mine.json"),
        ("report", base, "-o", "base"),
        ("export", base, "--format", "x"),
    ):
        failed = codecstudy(*wrong, cwd=tmp_path)
        assert failed.returncode == 2
        assert "Traceback" not in failed.stderr


def test_a_run_warns_if_it_replaces_results_of_another_folder(
    study_file: Path, photos: Path, tmp_path: Path, root: Path
) -> None:
    codecstudy("run", study_file, "--images", photos, "--root", root)
    other = codecstudy("run", study_file, "--images", photos / "inner", "--root", root)
    assert "replaces the results of this study" in other.stderr
    again = codecstudy("run", study_file, "--images", photos / "inner", "--root", root)
    assert "replaces" not in again.stderr
