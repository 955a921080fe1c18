"""Where compiled kernels are kept, and that they are compiled once: in copies of the package of their own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numba
import pytest

import codecstudy
from codecstudy.metrics import kernels

COMPILE = """
from codecstudy.metrics import kernels
print("was", kernels.is_compiled(["psnr"]))
kernels.compile_all(["psnr"], lambda p: p.metric and print("compiled", p.metric, p.done, "of", p.total))
print("is", kernels.is_compiled(["psnr"]))
print("in", kernels.cache_folder())
print("note", kernels.cache_note())
"""


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A copy of the package's sources, with nothing compiled."""
    copy = tmp_path / "lib" / "codecstudy"
    shutil.copytree(Path(codecstudy.__file__).parent, copy, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


def start(package: Path, code: str, **env: str) -> subprocess.Popen[str]:
    """A process that imports ``package`` and has its user cache and temporary files beside it."""
    root = package.parent.parent
    (root / "tmp").mkdir(exist_ok=True)
    places = {"HOME": str(root / "home"), "XDG_CACHE_HOME": str(root / "cache"), "TMPDIR": str(root / "tmp")}
    return subprocess.Popen(
        [sys.executable, "-P", "-c", code],
        env={**os.environ, "PYTHONPATH": str(package.parent), **places, **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def output(process: subprocess.Popen[str]) -> str:
    text, _ = process.communicate()
    assert process.returncode == 0, text
    return text


def make_unwritable(folder: Path) -> None:
    """A file in its place: permissions would not stop a test that runs as root."""
    folder.write_text("")


def test_kernels_are_kept_with_the_package_and_compiled_once(package: Path) -> None:
    first, second = output(start(package, COMPILE)), output(start(package, COMPILE))
    folder = package / "metrics" / "__pycache__" / "kernels"
    assert first == f"was False\ncompiled psnr 1 of 1\nis True\nin {folder}\nnote None\n"
    assert second == f"was True\nis True\nin {folder}\nnote None\n"


def test_two_runs_at_once_compile_once(package: Path) -> None:
    both = [start(package, COMPILE), start(package, COMPILE)]
    outputs = [output(process) for process in both]
    assert sum("compiled psnr" in text for text in outputs) == 1
    assert all("is True" in text for text in outputs)


def test_a_changed_source_is_compiled_again(package: Path) -> None:
    output(start(package, COMPILE))
    with (package / "metrics" / "srgb.py").open("a") as file:
        file.write("# changed\n")
    assert "was False\ncompiled psnr" in output(start(package, COMPILE))


def test_a_read_only_package_keeps_kernels_in_the_users_cache(package: Path) -> None:
    make_unwritable(package / "metrics" / "__pycache__")
    text = output(start(package, COMPILE))
    assert "is True" in text
    assert "note None" in text
    assert package.parent not in Path(text.partition("in ")[2].splitlines()[0]).parents


def test_a_read_only_package_and_home_fall_back_to_a_temporary_folder_and_say_so(package: Path) -> None:
    root = package.parent.parent
    make_unwritable(package / "metrics" / "__pycache__")
    make_unwritable(root / "home")
    make_unwritable(root / "cache")
    first, second = output(start(package, COMPILE)), output(start(package, COMPILE))
    folder = root / "tmp" / f"codecstudy-kernels-{os.getuid()}"
    assert f"in {folder}\n" in first
    assert f"note compiled metric kernels are kept in {folder} and may have to be compiled again" in first
    assert "was True" in second


def test_a_temporary_folder_that_others_could_write_to_is_not_trusted(package: Path) -> None:
    root = package.parent.parent
    make_unwritable(package / "metrics" / "__pycache__")
    make_unwritable(root / "home")
    make_unwritable(root / "cache")
    planted = root / "tmp" / f"codecstudy-kernels-{os.getuid()}"
    planted.mkdir(parents=True)
    planted.chmod(0o777)
    text = output(start(package, "from codecstudy.metrics import kernels; print(kernels.cache_folder())"))
    assert Path(text.strip()) != planted
    assert Path(text.strip()).parent == planted.parent


def test_a_failed_compilation_is_an_error_with_its_output(package: Path) -> None:
    with (package / "metrics" / "psnr" / "__init__.py").open("a") as file:
        file.write("raise RuntimeError('no such instruction')\n")
    process = start(package, COMPILE)
    text, _ = process.communicate()
    assert process.returncode != 0
    assert "KernelError: compiling the kernels of metric psnr ended with 1; its output:" in text
    assert "RuntimeError: no such instruction" in text


def test_progress_is_reported_at_once_and_ends_complete() -> None:
    reports: list[kernels.Progress] = []
    kernels.compile_all(["psnr", "ssim", "psnr"], reports.append)
    assert reports[0].elapsed < 1
    assert (reports[-1].done, reports[-1].total) == (2, 2)


def test_the_users_own_numba_settings_stay_as_they_are() -> None:
    before = numba.config.CACHE_DIR

    def increment(x: int) -> int:
        return x + 1

    compiled = kernels.Kernel(increment, numba.types.int64(numba.types.int64))
    assert compiled(1) == 2
    assert before == numba.config.CACHE_DIR
