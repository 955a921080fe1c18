"""Peak memory per pixel of every reader, encoder, decoder and metric, each in a fresh process.

    python benchmarks/memory.py                     everything at 4 megapixels: a table of bytes per pixel
    python benchmarks/memory.py --megapixels 24     at another size
    python benchmarks/memory.py readers metrics     only some kinds; also: encoders
    python benchmarks/memory.py --only avif         only cases whose name contains this
    python benchmarks/memory.py --slow              also AVIF speed 0 to 2 and JPEG XL effort 9 and 10 (minutes)

``resident`` is the growth of the peak resident memory during the operation. ``reserved`` is the growth of the
address space, part of which may never be touched; the hard limit of a worker counts it. ``declared`` is the
estimate that admission uses, without what does not depend on the size of the image. Linux only.
"""

from __future__ import annotations

import argparse
import io
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from codecstudy.metrics import BUILT_IN
from metrics import pair

Pixels = NDArray[np.uint8]
METRICS = tuple(name + way for name in BUILT_IN for way in ("", ", streamed"))


def _pillow(image: Any, format: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def _rgb(pixels: Pixels) -> Image.Image:
    return Image.fromarray(pixels)


def _rgba(pixels: Pixels) -> Pixels:
    return np.dstack([pixels, pixels[:, :, 0]])


def _wide(pixels: Pixels) -> NDArray[np.uint16]:
    return pixels.astype(np.uint16) * 257


def _frames(pixels: Pixels) -> dict[str, Any]:
    others = [_rgb(np.roll(pixels, shift, axis=1)) for shift in (5, 10)]
    return {"save_all": True, "append_images": others, "duration": 100}


def _p3() -> bytes:
    return bytes(
        imagecodecs.cms_profile(
            "rgb",
            whitepoint=(0.3127, 0.3290),
            primaries=(0.68, 0.32, 0.265, 0.69, 0.15, 0.06),
            transferfunction=np.linspace(0, 1, 4096, dtype=np.float32) ** 2.2,
        )
    )


def _exif(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[274] = orientation
    return exif


FILES: dict[str, Callable[[Pixels], bytes]] = {
    "PNG": lambda p: imagecodecs.png_encode(p, level=1),
    "PNG palette": lambda p: _pillow(_rgb(p).quantize(64), "PNG", compress_level=1),
    "PNG grey": lambda p: imagecodecs.png_encode(p[:, :, 0].copy(), level=1),
    "PNG alpha": lambda p: imagecodecs.png_encode(_rgba(p), level=1),
    "PNG 16 bit": lambda p: imagecodecs.png_encode(_wide(p), level=1),
    "PNG 16 bit alpha": lambda p: imagecodecs.png_encode(_wide(_rgba(p)), level=1),
    "PNG animated": lambda p: _pillow(_rgb(p), "PNG", compress_level=1, **_frames(p)),
    "PNG profile": lambda p: _pillow(_rgb(p), "PNG", compress_level=1, icc_profile=_p3()),
    "JPEG": lambda p: _pillow(_rgb(p), "JPEG", quality=90),
    "JPEG 4:4:4": lambda p: _pillow(_rgb(p), "JPEG", quality=90, subsampling="4:4:4"),
    "JPEG progressive": lambda p: _pillow(_rgb(p), "JPEG", quality=90, progressive=True),
    "JPEG progressive 4:4:4": lambda p: _pillow(
        _rgb(p), "JPEG", quality=90, progressive=True, subsampling="4:4:4"
    ),
    "JPEG grey": lambda p: _pillow(_rgb(p).convert("L"), "JPEG", quality=90),
    "JPEG CMYK": lambda p: _pillow(_rgb(p).convert("CMYK"), "JPEG", quality=90),
    "JPEG CMYK progressive": lambda p: _pillow(_rgb(p).convert("CMYK"), "JPEG", quality=90, progressive=True),
    "JPEG rotated": lambda p: _pillow(_rgb(p), "JPEG", quality=90, exif=_exif(6)),
    "JPEG profile": lambda p: _pillow(_rgb(p), "JPEG", quality=90, icc_profile=_p3()),
    "TIFF": lambda p: _pillow(_rgb(p), "TIFF"),
    "TIFF deflate": lambda p: _pillow(_rgb(p), "TIFF", compression="tiff_deflate"),
    "TIFF CMYK": lambda p: _pillow(_rgb(p).convert("CMYK"), "TIFF"),
    "TIFF palette": lambda p: _pillow(_rgb(p).quantize(64), "TIFF"),
    "TIFF 3 pages": lambda p: _pillow(
        _rgb(p), "TIFF", save_all=True, append_images=[_rgb(p), _rgb(p)], compression="tiff_deflate"
    ),
    "TIFF alpha": lambda p: _pillow(Image.fromarray(_rgba(p)), "TIFF"),
    "WebP": lambda p: _pillow(_rgb(p), "WEBP", quality=80, method=0),
    "WebP alpha": lambda p: _pillow(Image.fromarray(_rgba(p)), "WEBP", quality=80, method=0),
    "WebP lossless": lambda p: _pillow(_rgb(p), "WEBP", lossless=True, quality=0, method=0),
    "WebP animated": lambda p: _pillow(_rgb(p), "WEBP", quality=80, method=0, **_frames(p)),
    "BMP": lambda p: _pillow(_rgb(p), "BMP"),
    "BMP palette": lambda p: _pillow(_rgb(p).quantize(64), "BMP"),
    "PNM": lambda p: _pillow(_rgb(p), "PPM"),
    "PNM 16 bit": lambda p: b"P6 %d %d 65535\n" % p.shape[1::-1] + _wide(p).astype(">u2").tobytes(),
    "PNM plain": lambda p: (
        b"P3 %d %d 255\n" % p.shape[1::-1]
        + b"\n".join(b" ".join(b"%d" % v for v in row) for row in p.reshape(len(p), -1).tolist())
    ),
    "PNM plain bits": lambda p: b"P1 %d %d\n" % p.shape[1::-1] + ((p[:, :, 0] & 1) + 48).tobytes(),
    "AVIF": lambda p: _pillow(_rgb(p), "AVIF", quality=80, speed=10),
    "AVIF 4:4:4": lambda p: _pillow(_rgb(p), "AVIF", quality=80, speed=10, subsampling="4:4:4"),
    "AVIF alpha": lambda p: _pillow(Image.fromarray(_rgba(p)), "AVIF", quality=80, speed=10),
    "AVIF 10 bit": lambda p: imagecodecs.avif_encode(
        (p.astype(np.uint16) * 1023 // 255).astype(np.uint16),
        level=80,
        speed=10,
        bitspersample=10,
        numthreads=2,
    ),
    "AVIF animated": lambda p: _pillow(_rgb(p), "AVIF", quality=80, speed=10, **_frames(p)),
    "JXL": lambda p: imagecodecs.jpegxl_encode(p, distance=1.0, effort=3, numthreads=2),
    "JXL lossless": lambda p: imagecodecs.jpegxl_encode(p, lossless=True, effort=2, numthreads=2),
    "JXL alpha": lambda p: imagecodecs.jpegxl_encode(_rgba(p), distance=1.0, effort=3, numthreads=2),
    "JXL 16 bit": lambda p: imagecodecs.jpegxl_encode(_wide(p), distance=1.0, effort=3, numthreads=2),
    "JXL 16 bit alpha lossless": lambda p: imagecodecs.jpegxl_encode(
        _wide(_rgba(p)), lossless=True, effort=2, numthreads=2
    ),
    "JXL animated": lambda p: imagecodecs.jpegxl_encode(
        np.stack([p, p[:, ::-1], p[::-1]]), distance=1.0, effort=3, photometric="rgb", numthreads=2
    ),
}


def _settings(slow: bool) -> dict[str, Any]:
    from codecstudy.types import Setting

    found: dict[str, Any] = {
        "jpeg 95": Setting.of("jpeg", quality=95),
        "jpeg 95 4:4:4": Setting.of("jpeg", quality=95, chroma_subsampling="444"),
        "jpeg 95 4:4:4 progressive": Setting.of(
            "jpeg", quality=95, chroma_subsampling="444", extra_args={"progressive": True}
        ),
        "jpeg 80 optimize": Setting.of("jpeg", quality=80, extra_args={"optimize": True}),
        "webp 80 method 0": Setting.of("webp", quality=80, method=0),
        "webp 80 method 4": Setting.of("webp", quality=80, method=4),
        "webp 95 method 6": Setting.of("webp", quality=95, method=6),
        "webp lossless method 0": Setting.of("webp", method=0, extra_args={"lossless": True}),
        "webp lossless method 4": Setting.of("webp", method=4, extra_args={"lossless": True}),
        "webp lossless 100 method 6": Setting.of(
            "webp", quality=100, method=6, extra_args={"lossless": True}
        ),
        "mozjpeg 80": Setting.of("jpeg", encoder="mozjpeg", quality=80),
        "mozjpeg 95 4:4:4": Setting.of("jpeg", encoder="mozjpeg", quality=95, chroma_subsampling="444"),
        "mozjpeg 95 4:4:4 sequential": Setting.of(
            "jpeg",
            encoder="mozjpeg",
            quality=95,
            chroma_subsampling="444",
            extra_args={"progressive": False, "trellis_quant": False},
        ),
        "jpegli 80": Setting.of("jpeg", encoder="jpegli", quality=80),
        "jpegli 100": Setting.of("jpeg", encoder="jpegli", quality=100),
        "webp-vips 80": Setting.of("webp", encoder="webp-vips", quality=80),
        "webp-vips 95 sharp YUV method 6": Setting.of(
            "webp", encoder="webp-vips", quality=95, method=6, extra_args={"sharp_yuv": True}
        ),
        "webp-vips 95 filter, passes": Setting.of(
            "webp", encoder="webp-vips", quality=95, extra_args={"autofilter": True, "passes": 3}
        ),
        "webp-vips near-lossless method 0": Setting.of(
            "webp", encoder="webp-vips", method=0, extra_args={"near_lossless": 60}
        ),
        "webp-vips near-lossless method 4": Setting.of(
            "webp", encoder="webp-vips", method=4, extra_args={"near_lossless": 60}
        ),
        "webp-vips lossless 100 method 6": Setting.of(
            "webp", encoder="webp-vips", quality=100, method=6, extra_args={"lossless": True}
        ),
    }
    for speed in range(0 if slow else 3, 11):
        found[f"avif 80 speed {speed}"] = Setting.of("avif", quality=80, speed=speed)
    for speed in (0, 4, 6, 8) if slow else (4, 6, 8):
        found[f"avif 80 speed {speed} 4:4:4"] = Setting.of(
            "avif", quality=80, speed=speed, chroma_subsampling="444"
        )
    for depth in (10, 12):
        for speed in (4, 6, 8):
            found[f"avif 80 speed {speed} {depth} bit"] = Setting.of(
                "avif", quality=80, speed=speed, depth=depth
            )
    found["avif 80 speed 6 4:4:4 10 bit"] = Setting.of(
        "avif", quality=80, speed=6, depth=10, chroma_subsampling="444"
    )
    for name in ("avif-pillow", "avif-svt", "avif-rav1e"):
        for speed in (6, 8):
            found[f"{name} 80 speed {speed}"] = Setting.of("avif", encoder=name, quality=80, speed=speed)
    for effort in range(1, 11 if slow else 9):
        found[f"jxl 85 effort {effort}"] = Setting.of("jxl", quality=85, effort=effort)
    for effort in range(1, 11 if slow else 8):
        found[f"jxl lossless effort {effort}"] = Setting.of("jxl", effort=effort, extra_args={"distance": 0})
    return found


def _status(name: str) -> int:
    text = Path("/proc/self/status").read_text(encoding="ascii")
    return int(text.partition(f"{name}:")[2].split()[0]) * 1024


def _growth(action: Callable[[], object]) -> dict[str, int]:
    """Growth of the peaks in bytes while ``action`` runs."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    resident, reserved = _status("VmRSS"), _status("VmSize")
    action()
    return {"resident": _status("VmHWM") - resident, "reserved": max(0, _status("VmPeak") - reserved)}


def _read(name: str, folder: Path) -> dict[str, int]:
    from codecstudy import images

    images.load(folder / "small")
    header = images.read_header(folder / "large")
    assert header is not None
    return _growth(lambda: images.load(folder / "large")) | {"declared": header.decoding_bytes}


def _encode(name: str, folder: Path) -> dict[str, int]:
    from codecstudy import codecs

    setting = _settings(slow=True)[name]
    encoder = codecs.get(setting.encoder)
    small, pixels = pair(0.01)[1], np.load(folder / "distorted.npy")
    encoder.decode(encoder.encode(small, setting))
    declared = int(encoder.peak_bytes(setting, pixels.shape[0] * pixels.shape[1]))
    return _growth(lambda: encoder.decode(encoder.encode(pixels, setting))) | {"declared": declared}


def _score(name: str, folder: Path) -> dict[str, int]:
    from codecstudy import metrics

    metric = metrics.get(name.removesuffix(", streamed"))
    assert metric.stream is not None
    prepare, memory = metric.prepare, metric.memory
    if name.endswith("streamed"):
        prepare, memory = metric.stream, metric.streamed_memory
    small = pair(0.05)
    prepare(small[0]).scores(small[1])
    reference, distorted = np.load(folder / "reference.npy"), np.load(folder / "distorted.npy")
    height, width = reference.shape[:2]
    return _growth(lambda: prepare(reference).scores(distorted)) | {"declared": memory.of(width, height)}


KINDS = {"readers": _read, "metrics": _score, "encoders": _encode}


def _in_child(kind: str, name: str, folder: Path) -> dict[str, int] | str:
    """The figures of one case in bytes, or why there are none."""
    done = subprocess.run(
        [sys.executable, __file__, "--child", kind, name, str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        return f"ended with {done.returncode}: {last}"
    figures: dict[str, int] = json.loads(done.stdout)
    return figures


def main() -> None:
    if sys.argv[1:2] == ["--child"]:
        kind, name, folder = sys.argv[2:]
        print(json.dumps(KINDS[kind](name, Path(folder))))
        return
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("kinds", nargs="*", help="readers, metrics, encoders; default: all")
    parser.add_argument("--megapixels", type=float, default=4)
    parser.add_argument("--only", default="", help="only cases whose name contains this")
    parser.add_argument("--slow", action="store_true")
    options = parser.parse_args()
    reference, distorted = pair(options.megapixels)
    pixels = reference.shape[0] * reference.shape[1]
    names = {"readers": FILES, "metrics": METRICS, "encoders": _settings(options.slow)}
    print(f"{f'bytes per pixel at {pixels / 1e6:.1f} MP':32}  resident  reserved  declared")
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        # The pictures are made here: what making them leaves behind in a child would hide a part of its growth.
        np.save(folder / "reference.npy", reference)
        np.save(folder / "distorted.npy", distorted)
        for kind in options.kinds or names:
            for name in names[kind]:
                if options.only.lower() not in name.lower():
                    continue
                if kind == "readers":
                    (folder / "large").write_bytes(FILES[name](distorted))
                    (folder / "small").write_bytes(FILES[name](pair(0.01)[1]))
                figures = _in_child(kind, name, folder)
                if isinstance(figures, str):
                    print(f"{name:32}  {figures}", flush=True)
                else:
                    columns = (figures[column] / pixels for column in ("resident", "reserved", "declared"))
                    print(f"{name:32}" + "".join(f"{value:10.1f}" for value in columns), flush=True)


if __name__ == "__main__":
    main()
