"""Looking into files, in this process and in one of its own: the same answers, and a crash that costs one file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from codecstudy import codecs, images
from codecstudy.errors import ImageError
from codecstudy.measurement.inspection import InspectionProcess, Inspector
from codecstudy.pipeline import PipelineRunner
from codecstudy.types import Setting
from conftest import picture
from support.image_files import saved
from support.pipeline_runs import fake, study

ALL = ("ssimulacra2", "butteraugli", "psnr", "ssim")


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """An original and an encoded file of it."""
    original, encoded = tmp_path / "a.png", tmp_path / "a.jpg"
    Image.fromarray(picture(120, 80)).save(original)
    Image.fromarray(picture(120, 80)).save(encoded, quality=60)
    return original, encoded


def test_a_process_gives_what_an_inspector_gives_here(files: tuple[Path, Path]) -> None:
    original, encoded = files
    here = Inspector(20)
    with InspectionProcess(20) as there:
        for resolution, crop in ((None, None), (60, None), (None, 50), (60, 30)):
            expected, scored = here.original(original, resolution, crop)
            found = there.original(original, resolution, crop)
            assert np.array_equal(found[0], expected)
            assert found[1] == scored
        pixels = here.decode("jpeg", "jpeg", encoded.read_bytes())
        assert np.array_equal(there.decode("jpeg", "jpeg", encoded.read_bytes()), pixels)
        for reference in (images.load(original).pixels, pixels):
            expected = here.distance_map(reference, pixels)
            assert np.array_equal(there.distance_map(reference, pixels), expected)
        assert there.scores(original, encoded, ALL) == here.scores(original, encoded, ALL)
        assert there.scores(encoded, encoded, ALL)["ssimulacra2"] == 100


@pytest.mark.parametrize("size", [{}, {"resolution": 60}, {"crop": 50}])
def test_it_encodes_and_scores_as_a_run_does(
    files: tuple[Path, Path], tmp_path: Path, size: dict[str, int]
) -> None:
    encoder = {"format": "avif", "quality": [50, 80], "speed": 9, **size}
    config = study(encoder, analysis_fragment_size=20, metrics=["ssimulacra2", "psnr"])
    (tmp_path / "images").mkdir()
    files[0].rename(tmp_path / "images" / "a.png")
    results = PipelineRunner(tmp_path).run(config, num_workers=0, images=tmp_path / "images")
    with InspectionProcess(20) as there:
        for record in results.measurements:
            path = tmp_path / "images" / record.source_image
            data, scores = there.encode(path, record.setting, ("ssimulacra2", "psnr"))
            assert len(data) == record.file_size
            assert scores == {"ssimulacra2": record.ssimulacra2, "psnr": record.psnr}
        assert there.version("avif") == results.tool_versions["avif"]
        with pytest.raises(ImageError, match="AVIF could not encode"):
            there.encode(path, Setting.of("avif", quality=500), ("psnr",))


def test_what_cannot_be_read_says_so(files: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("text")
    Image.fromarray(picture(20, 20)).save(tmp_path / "small.png")
    with InspectionProcess() as there:
        with pytest.raises(ImageError, match=r"text\.png: contains text, not an image"):
            there.original(tmp_path / "text.png", None, None)
        with pytest.raises(ImageError, match=r"a\.png: smaller than resolution 999"):
            there.original(files[0], 999, None)
        with pytest.raises(ImageError, match=r"\(20, 20, 3\)"):
            there.scores(files[0], tmp_path / "small.png", ("psnr",))
        with pytest.raises(ImageError, match="could not be decoded"):
            there.decode("webp", "webp", b"no image")


def test_a_decoder_that_crashes_costs_one_file(files: tuple[Path, Path]) -> None:
    crashing = fake("CRASHING_DECODER")
    assert crashing in codecs.names()
    with InspectionProcess() as there:
        with pytest.raises(
            ImageError, match=rf"killed by SIGSEGV while decoding an encoded file \({crashing}\)"
        ):
            there.decode(crashing, crashing, b"anything")
        there.prepare(files[0], ("psnr",))
        assert there.decode("jpeg", "jpeg", saved(picture(), "JPEG")).shape == picture().shape


def test_a_lack_of_memory_is_the_files_error(files: tuple[Path, Path]) -> None:
    hungry = fake("HUNGRY_DECODER")
    with InspectionProcess() as there, pytest.raises(ImageError, match="out of memory while decoding"):
        there.decode(hungry, hungry, b"anything")


def test_files_of_an_encoder_that_is_not_here_are_decoded_by_that_of_their_format() -> None:
    pixels = picture(16, 16)
    data = codecs.get("webp").encoded(pixels, Setting.of("webp", extra_args={"lossless": True})).data
    inspector = Inspector()
    assert inspector.decodes("cwebp-nightly", "webp")
    assert np.array_equal(inspector.decode("cwebp-nightly", "webp", data), pixels)
    assert not inspector.decodes("newest", "a-format-of-tomorrow")
