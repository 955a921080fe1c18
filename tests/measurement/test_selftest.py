"""The chain's self-test passes where all is well, and stops a study where a library lies."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from codecstudy import codecs, images
from codecstudy.errors import CodecstudyError
from codecstudy.measurement import selftest
from codecstudy.pipeline.runner import PipelineRunner
from codecstudy.study import StudyConfig
from codecstudy.types import Pixels


def test_all_is_well() -> None:
    selftest.check_chain(codecs.names())


@pytest.mark.parametrize("fmt", ["jpeg", "webp", "avif", "jxl"])
def test_swapped_channels_stop_a_study(
    root: Path, photos: Path, monkeypatch: pytest.MonkeyPatch, fmt: str
) -> None:
    codec = codecs.get(fmt)

    def swapped(data: bytes) -> Pixels:
        return codec.decode(data)[:, :, ::-1]

    monkeypatch.setitem(codecs._loaded, fmt, dataclasses.replace(codec, decode=swapped))
    config = StudyConfig.model_validate(
        {"id": "x", "dataset": {"id": "sample"}, "encoders": [{"format": fmt, "quality": 50}]}
    )
    with pytest.raises(CodecstudyError, match=f"self-test failed: {fmt}: colours come back"):
        PipelineRunner(root).run(config, images=photos)
    assert not root.exists()


def test_truncated_16_bits_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    load = images.load

    def truncating(path: Path, max_pixels: int = images.MAX_PIXELS) -> images.Source:
        source = load(path, max_pixels)
        return dataclasses.replace(source, pixels=source.pixels // 2)

    monkeypatch.setattr(images, "load", truncating)
    with pytest.raises(CodecstudyError, match="16 bits are rounded wrongly; alpha is flattened wrongly"):
        selftest.check_chain(())
