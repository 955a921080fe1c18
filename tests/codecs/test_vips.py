"""mozjpeg and WebP through libvips: the options reach the libraries, on one thread."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import PIL
import pytest
from PIL import features

from codecstudy import codecs
from codecstudy.errors import CodecError
from codecstudy.types import Pixels, Scalar, Setting
from conftest import picture
from support.optional import needs

pytestmark = [needs("mozjpeg"), needs("webp-vips")]

SOURCE = picture(96, 80)


def mozjpeg(quality: int = 75, chroma_subsampling: str | None = None, **extra: Scalar) -> Setting:
    return Setting.of(
        "jpeg", encoder="mozjpeg", quality=quality, chroma_subsampling=chroma_subsampling, extra_args=extra
    )


def webp(quality: int | None = 75, method: int | None = None, **extra: Scalar) -> Setting:
    return Setting.of("webp", encoder="webp-vips", quality=quality, method=method, extra_args=extra)


def encode(setting: Setting, pixels: Pixels = SOURCE) -> bytes:
    encoder = codecs.get(setting.encoder)
    assert encoder.check(setting) is None
    return encoder.encoded(pixels, setting).data


def test_every_option_of_mozjpeg_changes_the_file() -> None:
    files = {
        "default": encode(mozjpeg()),
        "progressive": encode(mozjpeg(progressive=False)),
        "trellis_quant": encode(mozjpeg(trellis_quant=False)),
        "optimize_scans": encode(mozjpeg(optimize_scans=False)),
        "quant_table": encode(mozjpeg(quant_table=0)),
        "444": encode(mozjpeg(chroma_subsampling="444")),
    }
    assert len(set(files.values())) == len(files)
    text = np.where(picture(96, 80) > 127, np.uint8(255), np.uint8(0))
    assert encode(mozjpeg(), text) != encode(mozjpeg(overshoot_deringing=False), text)


def test_the_defaults_of_mozjpeg_are_those_of_its_own_program() -> None:
    assert encode(mozjpeg()) == encode(
        mozjpeg(
            chroma_subsampling="420",
            progressive=True,
            trellis_quant=True,
            overshoot_deringing=True,
            optimize_scans=True,
            quant_table=3,
        )
    )
    # Bytes 2 to 6: a quantization table follows at once, without a JFIF header.
    assert encode(mozjpeg())[:4] == b"\xff\xd8\xff\xdb"
    assert b"\xff\xc2" in encode(mozjpeg())  # progressive
    assert len(encode(mozjpeg())) < len(
        codecs.get("jpeg").encoded(SOURCE, Setting.of("jpeg", quality=75)).data
    )


def test_scans_are_not_optimized_in_a_sequential_file() -> None:
    encoder = codecs.get("mozjpeg")
    assert encoder.options(mozjpeg(progressive=False))["optimize_scans"] is False
    assert "no effect without progressive" in str(
        encoder.check(mozjpeg(progressive=False, optimize_scans=True))
    )


@pytest.mark.parametrize("method", [0, 4, 6])
@pytest.mark.parametrize("lossless", [False, True])
def test_without_further_options_the_bytes_are_those_of_encoder_webp(method: int, lossless: bool) -> None:
    if features.version("webp") != "1.6.0":
        pytest.skip("Pillow has another libwebp than the one in pyvips-binary")
    setting = Setting.of("webp", quality=60, method=method, extra_args={"lossless": lossless})
    assert encode(webp(60, method, lossless=lossless)) == codecs.get("webp").encoded(SOURCE, setting).data


@pytest.mark.parametrize(
    "extra",
    [
        {"sharp_yuv": True},
        {"autofilter": True},
        {"passes": 10},
        {"preset": "text"},
        {"sharp_yuv": True, "autofilter": True, "passes": 3, "preset": "photo"},
    ],
)
def test_lossy_options_give_the_bytes_of_libwebp_itself(extra: dict[str, Any]) -> None:
    assert encode(webp(**extra)) == Libwebp().encode(SOURCE, 75, 4, **extra)


def test_sharp_yuv_changes_the_file() -> None:
    assert encode(webp(sharp_yuv=True)) != encode(webp())


@pytest.mark.parametrize("level", [0, 20, 40, 60, 80])
def test_near_lossless_gives_the_bytes_of_libwebp_itself(level: int) -> None:
    file = encode(webp(None, near_lossless=level))
    assert file == Libwebp().encode(SOURCE, 75, 4, near_lossless=level)
    error = np.abs(codecs.get("webp-vips").decoded(file).pixels.astype(int) - SOURCE).max()
    assert 0 < error <= 2 ** (5 - level // 20)


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        (webp(None), "needs quality"),
        (webp(50, near_lossless=40), "accepts no quality"),
        (webp(None, near_lossless=40, lossless=True), "leave lossless out"),
        (webp(None, near_lossless=40, sharp_yuv=True), "sharp_yuv has no effect on lossless"),
        (webp(50, lossless=True, passes=2), "passes has no effect on lossless"),
    ],
)
def test_options_without_effect_are_refused(setting: Setting, words: str) -> None:
    assert words in str(codecs.get("webp-vips").check(setting))


def test_an_image_that_libvips_refuses_is_an_error_that_says_why() -> None:
    with pytest.raises(CodecError, match=r"WebP could not encode 16384x1 pixels: .*image too large"):
        encode(webp(), np.zeros((1, 16384, 3), np.uint8))


def test_libvips_uses_one_thread_and_no_environment_variable() -> None:
    encode(mozjpeg())
    import pyvips

    assert pyvips.concurrency_get() == 1
    assert "VIPS_CONCURRENCY" not in os.environ


class Libwebp:
    """libwebp as Pillow has it, called directly: what libvips passes on can be compared with what it should."""

    CDEF = """
        typedef struct {
            int lossless; float quality; int method; int image_hint; int target_size; float target_psnr;
            int segments, sns_strength, filter_strength, filter_sharpness, filter_type, autofilter;
            int alpha_compression, alpha_filtering, alpha_quality, pass, show_compressed, preprocessing;
            int partitions, partition_limit, emulate_jpeg_size, thread_level, low_memory, near_lossless;
            int exact, use_delta_palette, use_sharp_yuv, qmin, qmax;
        } WebPConfig;
        typedef struct { uint8_t* mem; size_t size; size_t max_size; uint32_t pad[1]; } WebPMemoryWriter;
        typedef struct {
            int use_argb, colorspace, width, height;
            uint8_t *y, *u, *v; int y_stride, uv_stride; uint8_t* a; int a_stride; uint32_t pad1[2];
            uint32_t* argb; int argb_stride; uint32_t pad2[3];
            void* writer; void* custom_ptr;
            int extra_info_type; uint8_t* extra_info; void* stats; int error_code;
            void* progress_hook; void* user_data; uint32_t pad3[3]; uint8_t *pad4, *pad5; uint32_t pad6[8];
            void *memory_, *memory_argb_; void* pad7[2];
        } WebPPicture;
        int WebPConfigInitInternal(WebPConfig*, int preset, float quality, int version);
        int WebPPictureInitInternal(WebPPicture*, int version);
        int WebPPictureImportRGB(WebPPicture*, const uint8_t*, int stride);
        int WebPEncode(const WebPConfig*, WebPPicture*);
        void WebPMemoryWriterInit(WebPMemoryWriter*);
        extern int WebPMemoryWrite(const uint8_t*, size_t, const WebPPicture*);
        void WebPMemoryWriterClear(WebPMemoryWriter*);
        void WebPPictureFree(WebPPicture*);
    """
    ABI = 0x0210
    PRESETS = ("default", "picture", "photo", "drawing", "icon", "text")

    def __init__(self) -> None:
        if features.version("webp") != "1.6.0":
            pytest.skip("Pillow has another libwebp than the one in pyvips-binary")
        found = list(Path(PIL.__file__).parents[1].glob("pillow.libs/libwebp-*"))
        if not found:
            pytest.skip("Pillow's wheel has no libwebp of its own here")
        import cffi

        self.ffi = cffi.FFI()
        self.ffi.cdef(self.CDEF)
        self.lib = self.ffi.dlopen(str(found[0]))

    def encode(self, pixels: Pixels, quality: int, method: int, **extra: Any) -> bytes:
        ffi, lib = self.ffi, self.lib
        config, picture = ffi.new("WebPConfig*"), ffi.new("WebPPicture*")
        writer = ffi.new("WebPMemoryWriter*")
        preset = self.PRESETS.index(extra.get("preset", "default"))
        assert lib.WebPConfigInitInternal(config, preset, quality, self.ABI)
        assert lib.WebPPictureInitInternal(picture, self.ABI)
        config.method = method
        config.use_sharp_yuv = extra.get("sharp_yuv", False)
        config.autofilter = extra.get("autofilter", False)
        setattr(config, "pass", extra.get("passes", 1))
        if "near_lossless" in extra:
            config.lossless, config.near_lossless = 1, extra["near_lossless"]
        picture.width, picture.height, picture.use_argb = pixels.shape[1], pixels.shape[0], 1
        lib.WebPMemoryWriterInit(writer)
        picture.writer = ffi.cast("void*", ffi.addressof(lib, "WebPMemoryWrite"))
        picture.custom_ptr = ffi.cast("void*", writer)
        flat = np.ascontiguousarray(pixels)
        assert lib.WebPPictureImportRGB(
            picture, ffi.from_buffer("uint8_t[]", flat.data.cast("B")), 3 * pixels.shape[1]
        )
        assert lib.WebPEncode(config, picture), picture.error_code
        content = bytes(ffi.buffer(writer.mem, writer.size))
        lib.WebPMemoryWriterClear(writer)
        lib.WebPPictureFree(picture)
        return content
