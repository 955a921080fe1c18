"""AVIF through pillow-avif-plugin: three codecs, and Pillow keeps its own plugin."""

from __future__ import annotations

import os
import sys

import numpy as np
import pytest
from PIL import AvifImagePlugin, Image

from codecstudy import codecs
from codecstudy.errors import CodecError
from codecstudy.types import Setting

IDS = ("avif-plugin", "avif-svt", "avif-rav1e")
PICTURE = np.random.default_rng(3).integers(0, 255, (48, 64, 3), np.uint8)

plugin_is_installed = codecs.get("avif-plugin").missing() is None
needs_plugin = pytest.mark.skipif(not plugin_is_installed, reason="pillow-avif-plugin is not installed")


def setting(id: str, quality: int | None = 60, **extra: str | int) -> Setting:
    return Setting.of("avif", encoder=id, quality=quality, speed=10, extra_args=extra)


@needs_plugin
@pytest.mark.parametrize(("id", "library"), [*zip(IDS, ("libaom", "SVT-AV1", "rav1e"), strict=True)])
def test_each_encodes_with_its_own_library(id: str, library: str, capfd: pytest.CaptureFixture[str]) -> None:
    encoder = codecs.get(id)
    assert encoder.version().startswith(f"{library} ")
    assert "pillow-avif-plugin" in encoder.version()
    fine, coarse = (encoder.encoded(PICTURE, setting(id, quality)).data for quality in (90, 20))
    assert len(fine) > len(coarse)
    assert encoder.decoded(fine).pixels.shape == PICTURE.shape
    assert encoder.options(setting(id))["tune"]
    assert capfd.readouterr() == ("", "")


@needs_plugin
def test_pillow_keeps_its_own_plugin() -> None:
    codecs.get("avif-svt").version()
    assert Image.OPEN["AVIF"][0] is AvifImagePlugin.AvifImageFile
    assert Image.SAVE["AVIF"] is AvifImagePlugin._save
    assert Image.SAVE_ALL["AVIF"] is AvifImagePlugin._save_all


@needs_plugin
@pytest.mark.parametrize("id", IDS)
def test_an_option_that_the_codec_does_not_know_is_refused(id: str) -> None:
    encoder = codecs.get(id)
    assert "does not accept this" in str(encoder.check(setting(id, bogus=1)))
    assert "needs quality" in str(encoder.check(setting(id, None)))
    assert encoder.check(setting(id)) is None


@needs_plugin
def test_an_option_reaches_svt() -> None:
    encoder = codecs.get("avif-svt")
    tuned = setting("avif-svt", tune=3)
    assert encoder.check(tuned) is None
    assert encoder.options(tuned)["tune"] == 3
    assert encoder.encoded(PICTURE, tuned).data != encoder.encoded(PICTURE, setting("avif-svt")).data


def test_without_the_package_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_avif", None)
    for id in IDS:
        with pytest.raises(
            CodecError, match=r"pillow-avif-plugin is not installed; install it: .*codecstudy\[avif\]"
        ):
            codecs.usable(id)


@needs_plugin
def test_a_log_level_of_svt_that_was_set_is_kept() -> None:
    codecs.get("avif-svt").version()
    assert os.environ["SVT_LOG"]
