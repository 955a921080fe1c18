"""Lossless recompression of JPEG sources: the JPEG file comes back, and other sources are skipped by name."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageCms

from codecstudy import codecs
from codecstudy.errors import CodecError, StudyError
from codecstudy.measurement.inspection import Inspector
from codecstudy.measurement.measurer import Measurer, MeasurerConfig, MeasureRequest
from codecstudy.study import StudyConfig
from codecstudy.types import Failure, Measurement, Outcome, Scalar, Setting, Skip
from conftest import picture

RECOMPRESSED = Setting.of("jxl", extra_args={"jpeg_recompression": True})


def source(folder: Path, name: str, mode: str = "RGB", **options: Any) -> Path:
    path = folder / name
    Image.fromarray(picture(70, 50)).convert(mode).save(path, **options)
    return path


def measure(path: Path) -> Outcome:
    config = MeasurerConfig(str(path.parent), (RECOMPRESSED,), ("psnr", "ssimulacra2"))
    return Measurer(config)(MeasureRequest(path.name, 0)).outcome


def exif(orientation: int) -> Image.Exif:
    found = Image.Exif()
    found[274] = orientation
    return found


SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@pytest.mark.parametrize(
    ("mode", "options"),
    [
        ("RGB", {"quality": 90}),
        ("RGB", {"quality": 80, "subsampling": 0, "progressive": True}),
        ("RGB", {"quality": 90, "exif": exif(6)}),
        ("RGB", {"quality": 90, "icc_profile": SRGB}),
        ("L", {"quality": 90}),
    ],
    ids=["4:2:0", "progressive", "rotated", "profile", "grey"],
)
def test_a_jpeg_source_is_restored_bit_for_bit_and_scored_as_identical(
    tmp_path: Path, mode: str, options: dict[str, Any]
) -> None:
    path = source(tmp_path, "photo.jpg", mode, **options)
    outcome = measure(path)
    assert isinstance(outcome, Measurement)
    assert outcome.columns["psnr"] == math.inf
    assert outcome.columns["ssimulacra2"] == pytest.approx(100)
    encoder = codecs.get("jxl")
    made = encoder.recompressed(path.read_bytes(), RECOMPRESSED).data
    assert len(made) == outcome.file_size
    assert encoder.recompression is not None
    assert encoder.recompression.restore(made) == path.read_bytes()
    assert Inspector().encode(path, RECOMPRESSED, ())[0] == made


@pytest.mark.parametrize(
    ("name", "mode", "options", "words"),
    [
        ("photo.png", "RGB", {}, "the source is not a JPEG file"),
        ("photo.jpg", "CMYK", {}, "libjxl cannot recompress this JPEG file"),
    ],
)
def test_other_sources_are_skipped_by_name(
    tmp_path: Path, name: str, mode: str, options: dict[str, Any], words: str
) -> None:
    outcome = measure(source(tmp_path, name, mode, **options))
    assert isinstance(outcome, Skip)
    assert words in outcome.reason


def test_a_file_that_does_not_come_back_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = codecs.get("jxl")
    assert encoder.recompression is not None
    lossy = dataclasses.replace(encoder.recompression, restore=lambda data: b"another file")
    monkeypatch.setattr(codecs, "get", lambda name: dataclasses.replace(encoder, recompression=lossy))
    outcome = measure(source(tmp_path, "photo.jpg"))
    assert isinstance(outcome, Failure)
    assert outcome.kind == "encode"
    assert "does not give the source file back" in outcome.reason


def test_a_source_that_changed_is_not_measured_under_its_old_name(tmp_path: Path) -> None:
    path = source(tmp_path, "photo.jpg")
    work = Measurer(MeasurerConfig(str(tmp_path), (RECOMPRESSED,), ("psnr",)))
    request = MeasureRequest(path.name, 0)
    assert isinstance(work(request).outcome, Measurement)
    outcome = work(dataclasses.replace(request, sha256="0" * 64)).outcome
    assert isinstance(outcome, Failure)
    assert "changed during the run" in outcome.reason


def test_a_damaged_recompressed_file_is_an_error(tmp_path: Path) -> None:
    made = codecs.get("jxl").recompressed(source(tmp_path, "photo.jpg").read_bytes(), RECOMPRESSED).data
    with pytest.raises(CodecError, match="could not be"):
        codecs.get("jxl").decoded(made[: len(made) // 2])


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"quality": 80}, "it accepts no quality"),
        ({"effort": 9}, "it accepts no effort"),
        ({"resolution": 640}, "it accepts no resolution"),
        ({"crop": 640}, "it accepts no crop"),
    ],
)
def test_nothing_else_can_be_asked_of_it(entry: dict[str, Scalar], words: str) -> None:
    encoder = {"format": "jxl", "extra_args": {"jpeg_recompression": True}, **entry}
    with pytest.raises(StudyError, match=words):
        StudyConfig.model_validate({"id": "again", "dataset": {"id": "photos"}, "encoders": [encoder]})


def test_a_recompression_has_no_rate() -> None:
    assert RECOMPRESSED.split(codecs.get("jxl").facts.rates) == (RECOMPRESSED, None, None)
