"""Where compiled kernels are kept, and that they are compiled once: in copies of the package of their own."""

from __future__ import annotations

import os
from pathlib import Path

import numba
import pytest
from numba.core.errors import NumbaError

from codecstudy.metrics import kernels
from support.package_copies import COMPILE, make_unwritable, output, start


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


def test_a_kernel_that_cannot_be_compiled_says_so() -> None:
    def nonsense(x: int) -> int:
        return x.no_such_attribute  # type: ignore[attr-defined,no-any-return]

    with pytest.raises(NumbaError, match="no_such_attribute"):
        kernels.Kernel(nonsense, numba.types.int64(numba.types.int64)).compile()


# --- damaged files ---------------------------------------------------------------------------------------

SCORE = """
import numpy as np
from codecstudy import metrics
black, white = np.zeros((8, 8, 3), np.uint8), np.full((8, 8, 3), 255, np.uint8)
print(metrics.get("psnr").prepare(black).scores(white))
"""
SCORED = "{'psnr': 0.0}\n"


def cached(package: Path, suffix: str) -> Path:
    """The one file of this kind that the kernels of PSNR have."""
    [file] = (package / "metrics" / "__pycache__" / "kernels").rglob(f"*{suffix}")
    return file


DAMAGE = """
import pickle
from codecstudy.metrics import psnr
path = "FILE"
kernel = psnr.sum_of_squared_differences
whole = open(path, "rb").read()
for damaged in (b"", whole[: len(whole) // 2], bytes(len(whole)), b"garbage", pickle.dumps(7)):
    open(path, "wb").write(damaged)
    kernel.__dict__.pop("_compiled", None)
    kernel.compile()
    print(open(path, "rb").read() not in (b"", damaged))
"""


@pytest.mark.parametrize("suffix", [".nbi", ".nbc"])
def test_a_damaged_file_is_compiled_again_and_replaced(package: Path, suffix: str) -> None:
    output(start(package, COMPILE))
    file = cached(package, suffix)
    assert output(start(package, DAMAGE.replace("FILE", str(file)))) == "True\n" * 5
    healed = file.stat().st_mtime_ns
    assert output(start(package, SCORE)) == SCORED
    assert file.stat().st_mtime_ns == healed


def test_processes_that_find_a_damaged_file_at_once_all_score(package: Path) -> None:
    output(start(package, COMPILE))
    for suffix in (".nbi", ".nbc"):
        cached(package, suffix).write_bytes(b"garbage")
    processes = [start(package, SCORE) for _ in range(3)]
    assert [output(process) for process in processes] == [SCORED] * 3
    assert output(start(package, SCORE)) == SCORED


def test_a_damaged_marker_does_no_harm(package: Path) -> None:
    output(start(package, COMPILE))
    cached(package, ".compiled").write_bytes(b"garbage")
    assert output(start(package, SCORE)) == SCORED
    cached(package, ".compiled").unlink()
    assert "compiled psnr" in output(start(package, COMPILE))
