"""The names that the README promises, and what importing them costs."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import codecstudy
from conftest import picture


def test_every_promised_name_is_there() -> None:
    for name in codecstudy.__all__:
        assert getattr(codecstudy, name) is not None
        assert name in dir(codecstudy)
    with pytest.raises(AttributeError, match="no_such_name"):
        codecstudy.no_such_name  # noqa: B018


def test_importing_the_package_imports_nothing_heavy() -> None:
    script = (
        "import sys, codecstudy; heavy = {'numpy', 'numba', 'polars', 'PIL', 'scipy'} & set(sys.modules);"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_measure_takes_arrays_and_any_choice_of_metrics() -> None:
    original = picture()
    distorted = np.clip(original.astype(int) + 5, 0, 255).astype(np.uint8)
    everything = codecstudy.measure(original, distorted)
    assert list(everything) == ["ssimulacra2", "butteraugli", "butteraugli_3norm", "psnr", "ssim"]
    assert codecstudy.measure(original, distorted, metrics=("psnr",)) == {"psnr": everything["psnr"]}
    reference = codecstudy.Reference(original)
    assert reference.scores(distorted) == everything
    assert reference.scores(original)["ssimulacra2"] == 100


@pytest.mark.parametrize(
    ("reference", "distorted", "message"),
    [
        (picture(), picture(20, 20), r"\(40, 48, 3\).*\(20, 20, 3\)"),
        (picture().astype(float), picture(), "reference has dtype float64"),
        (picture(), picture()[:, :, 0], r"distorted has shape \(40, 48\)"),
        (picture()[:0], picture(), "reference is empty"),
    ],
)
def test_measure_names_what_does_not_fit(reference: object, distorted: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        codecstudy.measure(reference, distorted)  # type: ignore[arg-type]


def test_an_unknown_metric_is_named() -> None:
    with pytest.raises(ValueError, match="'vmaf'"):
        codecstudy.measure(picture(), picture(), metrics=("vmaf",))
