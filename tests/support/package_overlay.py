"""A copy of those packages that a change touches, which takes their place in processes of their own.

All else is imported from where it is, metrics' kernels above all: a copy of those would have to be compiled anew.
"""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from PIL import Image

import codecstudy
from conftest import picture

PACKAGE = Path(codecstudy.__file__).parent

_REDIRECT = """
import codecstudy
codecstudy.__path__.insert(0, {copy!r})
"""
"""A ``sitecustomize`` with which the copy takes the place of the package, in workers, too."""

_REDIRECT_METRICS = """
import sys
from importlib.util import module_from_spec, spec_from_file_location
places = [{copy!r} + "/metrics", {original!r} + "/metrics"]
spec = spec_from_file_location(
    "codecstudy.metrics", places[0] + "/__init__.py", submodule_search_locations=places
)
codecstudy.metrics = sys.modules[spec.name] = module_from_spec(spec)
spec.loader.exec_module(codecstudy.metrics)
"""
"""With which the metrics that the copy does not have are those of the package."""


def copy_packages(folder: Path, *names: str) -> Path:
    """Copy packages of codecstudy to where changes may be applied to them.

    Args:
        folder: What is to be on the module path, for the copies to be used.
        names: The packages; of ``metrics`` the registry alone is copied.

    Returns:
        The folder that holds the copies.
    """
    copy = folder / "src" / "codecstudy"
    for name in names:
        if name == "metrics":
            (copy / name).mkdir(parents=True)
            shutil.copy(PACKAGE / name / "__init__.py", copy / name)
        else:
            shutil.copytree(PACKAGE / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    redirect = _REDIRECT + (_REDIRECT_METRICS if "metrics" in names else "")
    (folder / "sitecustomize.py").write_text(redirect.format(copy=str(copy), original=str(PACKAGE)))
    return copy


def replace(path: Path, old: str, new: str) -> None:
    """Change a text that the file holds exactly once."""
    text = path.read_text()
    assert text.count(old) == 1, f"{path.name} does not hold exactly once:\n{old}"
    path.write_text(text.replace(old, new))


def run_command(*arguments: object, path: Path | None = None, exit_code: int = 0) -> str:
    """What ``codecstudy`` prints on standard output; with ``path`` on the module path."""
    return run_python("-m", "codecstudy", *arguments, path=path, exit_code=exit_code)


def run_python(*arguments: object, path: Path | None = None, exit_code: int = 0) -> str:
    """What a Python process prints on standard output; with ``path`` on the module path."""
    environment = os.environ | {"COLUMNS": "200", "NO_COLOR": "1"}
    if path is not None:
        environment["PYTHONPATH"] = os.pathsep.join([str(path), environment.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env=environment,
    )
    assert done.returncode == exit_code, done.stdout + done.stderr
    return done.stdout


class Study:
    """A study that was run with ``path`` on the module path, and is read without it."""

    def __init__(self, root: Path, encoders: list[dict[str, Any]], path: Path, **keys: Any) -> None:
        photos = root / "photos"
        photos.mkdir(parents=True)
        for seed in range(2):
            Image.fromarray(picture(72, 64, seed)).save(photos / f"{seed}.png")
        study = root / "study.json"
        study.write_text(json.dumps({"id": "added", "dataset": {"id": "own"}, "encoders": encoders, **keys}))
        options = ("--root", root, "--workers", 1, "--quiet", "--save-artifacts")
        run_command("run", study, "--images", photos, *options, path=path)
        self.folder = root / "data" / "metrics" / "added"
        self.encoded = root / "data" / "encoded" / "added"

    def records(self) -> list[dict[str, str]]:
        run_command("export", self.folder, "--format", "csv", "-o", self.folder / "records.csv")
        with (self.folder / "records.csv").open() as file:
            return list(csv.DictReader(file))

    def recommended(self) -> dict[str, Any]:
        # Any score will do: what is recommended for it is not the point.
        found = json.loads(run_command("recommend", self.folder, "--json", "--target", "-1000"))
        return {item["encoder"]: item for item in found["items"]}

    def report(self, *options: object) -> str:
        options = options or ("--target", "-1000")
        run_command("report", self.folder, "-o", self.folder / "report.html", *options)
        return (self.folder / "report.html").read_text()


def chart_data(report: str) -> Any:
    """What a report's charts are drawn from."""
    found = re.search(r'<script[^>]*id="data"[^>]*>(.*?)</script>', report, re.DOTALL)
    assert found is not None
    return json.loads(found[1])
