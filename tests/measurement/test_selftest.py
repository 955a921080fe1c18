"""The chain's self-test passes where all is well, and stops a study where a library lies."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import pytest
from typer.testing import CliRunner

from codecstudy import codecs, images, metrics
from codecstudy.cli.app import app
from codecstudy.codecs.base import SelfTest
from codecstudy.errors import CodecstudyError
from codecstudy.measurement import selftest
from codecstudy.metrics.base import Metric
from codecstudy.pipeline import PipelineRunner
from codecstudy.study import StudyConfig
from codecstudy.types import Pixels, Setting
from support import fake_codecs


def test_all_is_well() -> None:
    selftest.check_chain(name for name in codecs.names() if codecs.get(name).missing() is None)
    selftest.check_metrics(metrics.names())


@pytest.mark.parametrize("fmt", ["jpeg", "webp", "avif", "jxl"])
def test_swapped_channels_stop_a_study(
    root: Path, photos: Path, monkeypatch: pytest.MonkeyPatch, fmt: str
) -> None:
    codec = codecs.get(fmt)

    def swapped(data: bytes) -> Pixels:
        return codec.decode(data)[:, :, ::-1]

    monkeypatch.setitem(codecs._registry._loaded, fmt, dataclasses.replace(codec, decode=swapped))
    config = StudyConfig.model_validate(
        {"id": "x", "dataset": {"id": "sample"}, "encoders": [{"format": fmt, "quality": 50}]}
    )
    with pytest.raises(CodecstudyError, match=f"self-test failed: {fmt}: colours are off by"):
        PipelineRunner(root).run(config, images=photos)
    assert not root.exists()


def test_an_encoder_of_somebody_else_is_tried_where_it_has_a_self_test(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    liar = dataclasses.replace(fake_codecs.LIAR, self_test=SelfTest(Setting.of("fakeliar", quality=100)))
    monkeypatch.setitem(codecs._registry._loaded, "fakeliar", liar)
    with pytest.raises(CodecstudyError, match=r"fakeliar: a .* image came back as uint8"):
        selftest.check_chain(["jpeg", "fakeliar"])
    monkeypatch.setitem(codecs._registry._loaded, "fakeliar", fake_codecs.LIAR)
    selftest.check_chain(["jpeg", "fakeliar"])


def test_truncated_16_bits_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    load = images.load

    def truncating(path: Path, max_pixels: int = images.MAX_PIXELS) -> images.Source:
        source = load(path, max_pixels)
        return dataclasses.replace(source, pixels=source.pixels // 2)

    monkeypatch.setattr(images, "load", truncating)
    with pytest.raises(CodecstudyError, match="16 bits are rounded wrongly; alpha is flattened wrongly"):
        selftest.check_chain(())


class Indifferent:
    """Gives every image the same score."""

    def __init__(self, score: float) -> None:
        self._score = score

    def scores(self, distorted: object) -> dict[str, float]:
        return {"psnr": self._score}


def broken_psnr(monkeypatch: pytest.MonkeyPatch, **changes: object) -> None:
    """Put a broken metric in the place of PSNR."""
    get = metrics.get
    broken = dataclasses.replace(get("psnr"), **changes)

    def found(name: str) -> Metric:
        return broken if name == "psnr" else get(name)

    monkeypatch.setattr(metrics, "get", found)


@pytest.mark.parametrize("score", [40.0, math.nan, math.inf])
def test_a_metric_that_cannot_tell_images_apart_is_found(
    monkeypatch: pytest.MonkeyPatch, score: float
) -> None:
    broken_psnr(monkeypatch, prepare=lambda reference: Indifferent(score))
    with pytest.raises(CodecstudyError, match=f"psnr: {score:g} for identical images and {score:g} for a"):
        selftest.check_metrics(["psnr"])


class Misnamed:
    def scores(self, distorted: object) -> dict[str, float]:
        return {"psnr_hvs": 30.0}


def test_a_metric_that_does_not_fill_its_columns_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    broken_psnr(monkeypatch, prepare=lambda reference: Misnamed())
    with pytest.raises(CodecstudyError, match="psnr: it declares the columns psnr and returns psnr_hvs"):
        selftest.check_metrics(["psnr"])


def fail() -> None:
    raise EOFError("Ran out of input")


def test_a_metric_whose_machine_code_cannot_be_loaded_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    broken_psnr(monkeypatch, compile=fail)
    with pytest.raises(CodecstudyError, match="self-test failed: psnr: EOFError: Ran out of input"):
        selftest.check_metrics(metrics.names())


def test_doctor_puts_every_metric_to_work(monkeypatch: pytest.MonkeyPatch) -> None:
    broken_psnr(monkeypatch, compile=fail)
    done = CliRunner().invoke(app, ["doctor"])
    assert done.exit_code == 1
    assert "psnr: EOFError: Ran out of input" in done.output
