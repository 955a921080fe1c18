"""AVIF through Pillow: every option reaches libaom or is refused."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import AvifImagePlugin

from codecstudy import codecs
from codecstudy.types import Scalar, Setting

rng = np.random.default_rng(11)
PICTURE = np.clip(np.mgrid[0:64, 0:72][0][:, :, None] * 3 + rng.normal(0, 20, (64, 72, 3)), 0, 255).astype(
    np.uint8
)


def setting(
    quality: int | None = 60, sampling: str | None = None, speed: int | None = 9, **extra: Scalar
) -> Setting:
    named = {name.replace("_AOM_", "-"): value for name, value in extra.items()}
    return Setting.of(
        "avif",
        encoder="avif-pillow",
        quality=quality,
        chroma_subsampling=sampling,
        speed=speed,
        extra_args=tuple(sorted(named.items())),
    )


def encode(given: Setting) -> bytes:
    codec = codecs.get("avif-pillow")
    assert codec.check(given) is None
    return codec.encode(PICTURE, given)


@pytest.mark.parametrize(
    "extra",
    [
        {"range": "limited"},
        {"tune": "ssim"},
        {"tune": "psnr"},
        {"sharpness": 5},
        {"end_AOM_usage": "cbr"},
        {"denoise_AOM_noise_AOM_level": 40},
        {"enable_AOM_palette": 0, "deltaq_AOM_mode": 0},
        {"film_AOM_grain_AOM_test": 1},
    ],
    ids=str,
)
def test_an_option_changes_the_file(extra: dict[str, Scalar]) -> None:
    assert encode(setting(**extra)) != encode(setting())


def test_tiles_are_what_was_asked_for() -> None:
    wide = np.tile(PICTURE, (2, 8, 1))
    codec = codecs.get("avif-pillow")
    plain = codec.encode(wide, setting(tile_cols=0, tile_rows=0))
    tiled = codec.encode(wide, setting(tile_cols=2))
    assert plain != tiled
    assert codec.encode(wide, setting(autotiling=False)) == codec.encode(wide, setting()) == plain


def test_cq_level_is_a_rate_control_of_its_own() -> None:
    fine, coarse = (encode(setting(None, cq_AOM_level=level)) for level in (10, 60))
    assert len(fine) > len(coarse)
    assert encode(setting(None, cq_AOM_level=10, end_AOM_usage="q")) == fine


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (setting(bogus=1), "bogus = 1: libaom"),
        (setting(tune="bogus"), "tune = bogus: libaom"),
        (setting(tune="ssim", bogus=1), "extra_args: bogus = 1: libaom"),
        (setting(sharpness=99), "sharpness = 99"),
        (setting(sharpness="2.5"), "sharpness = 2.5"),
        (setting(sharpness=""), "sharpness = "),
        (setting(end_AOM_usage="best"), "end-usage = best"),
        (setting(tile_AOM_columns=1), "use tile_cols instead"),
        (setting(cpu_AOM_used=3), "use the key speed instead"),
        (setting(None), "needs quality, 0 to 100, or cq-level"),
        (setting(60, cq_AOM_level=20), "quality would be ignored"),
        (setting(60, lossless=1), "quality would be ignored"),
        (setting(None, lossless=1, cq_AOM_level=20), "one of cq-level and lossless"),
        (setting(None, cq_AOM_level=64), "cq-level = 64"),
        (setting(None, cq_AOM_level=20, end_AOM_usage="vbr"), "cq-level needs end-usage"),
        (setting(autotiling=True, tile_cols=1), "autotiling = true chooses the tiles itself"),
        (
            Setting.of("avif", encoder="avif-pillow", quality=60, extra_args=(("alpha:cq-level", 20),)),
            "without a prefix",
        ),
        (
            Setting.of("avif", encoder="avif-pillow", quality=60, extra_args=(("a:bogus", 20),)),
            "without a prefix",
        ),
    ],
    ids=lambda value: value.label() if isinstance(value, Setting) else "",
)
def test_what_would_be_ignored_or_is_unknown_is_refused(given: Setting, says: str) -> None:
    assert says in str(codecs.get("avif-pillow").check(given))


def test_flags_become_numbers_for_libaom() -> None:
    assert encode(setting(enable_AOM_qm=True)) == encode(setting(enable_AOM_qm=1))


def test_the_refusal_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    codecs.get("avif-pillow").check(setting(bogus=2))
    assert capfd.readouterr() == ("", "")


def test_decoding_leaves_pillows_thread_count_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AvifImagePlugin, "DEFAULT_MAX_THREADS", 3)
    codecs.get("avif-pillow").decode(encode(setting()))
    assert AvifImagePlugin.DEFAULT_MAX_THREADS == 3
