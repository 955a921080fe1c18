"""Results with files to look at, for the report's tests: four formats, hostile names, tiny pictures."""

from __future__ import annotations

import dataclasses
import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from codecstudy.files import sha256_of
from codecstudy.report.context import Context
from codecstudy.report.options import Options
from codecstudy.results import QualityResults
from codecstudy.types import Box, Pixels, Setting
from support.synthetic import Formula, measured, name_of, results_of

HOSTILE = (
    "<script>alert(1)</script>.png",
    "../../etc/x.png",
    "</script><img src=x onerror=alert(2)>.png",
    "\" onmouseover='alert(3)' {{ 7*7 }} & co.png",
)

BASE = Formula("jpeg", (30, 50, 70, 80, 90), size=lambda s, i: 60_000 * (1 + i % 4) * 2.718 ** (s / 40))
CODECS = (
    BASE,
    dataclasses.replace(BASE.scaled(0.85), format="webp", cpu=lambda q, i: 0.3, setting={"method": 6}),
    dataclasses.replace(
        BASE.scaled(0.6),
        format="avif",
        cpu=lambda q, i: 1.0,
        setting={"speed": 6, "chroma_subsampling": "420"},
    ),
    dataclasses.replace(
        BASE.scaled(0.65),
        format="avif",
        cpu=lambda q, i: 1.1,
        setting={"speed": 6, "chroma_subsampling": "444"},
    ),
    dataclasses.replace(BASE.scaled(0.7), format="jxl", cpu=lambda q, i: 0.4, setting={"effort": 7}),
)


def four_formats(images: int = 6, names: tuple[str, ...] = (), **changes: Any) -> QualityResults:
    """Five variants of four formats; AVIF 4:2:0 is 40 % smaller than JPEG, on every image a little more or less."""
    records = []
    for image in range(images):
        name = names[image] if image < len(names) else name_of(image)
        for k, codec in enumerate(CODECS):
            wobble = 1 + 0.03 * ((image * 7 + k * 3) % 5 - 2)
            own = codec.scaled(wobble) if k else codec
            records += [
                measured(own, image, q, source_image=name, original_image=name) for q in own.qualities
            ]
    return results_of(records, study_name="Four formats", **changes)


def context_of(results: QualityResults, **options: Any) -> Context:
    """What the sections of a report on ``results`` share, with few resamples."""
    return Context.of(results, Options(**({"resamples": 60} | options)))


class PictureInspector:
    """Opens what :func:`with_files` wrote; the distance is the largest difference of a channel over 16.

    What it encodes is what :func:`with_files` would have written, with the scores of :func:`measured`.
    """

    def __init__(self) -> None:
        self.encoded: list[Setting] = []

    def original(self, path: Path, resolution: int | None, crop: int | None) -> tuple[Pixels, Box]:
        pixels = np.asarray(Image.open(path).convert("RGB"))
        return pixels, Box(0, 0, pixels.shape[1], pixels.shape[0])

    def encode(self, path: Path, setting: Setting, names: tuple[str, ...]) -> tuple[bytes, dict[str, float]]:
        self.encoded.append(setting)
        quality = setting.quality or 0
        scored = measured(BASE, 0, quality)
        return _encoded(self.original(path, None, None)[0], setting.format, quality), {
            name: float(getattr(scored, name)) for name in names
        }

    def measures(self, metric: str) -> bool:
        return True

    def version(self, encoder: str) -> str:
        return "1"

    def decodes(self, encoder: str, format: str) -> bool:
        return True

    def decode(self, encoder: str, format: str, data: bytes) -> Pixels:
        return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))

    def distance_map(self, reference: Pixels, distorted: Pixels) -> Any:
        difference = np.abs(reference.astype(np.float32) - distorted.astype(np.float32))
        return difference.max(axis=2) / 16


def with_files(root: Path, results: QualityResults, size: tuple[int, int] = (120, 90)) -> QualityResults:
    """``results`` with an original of each image below ``root`` and an encoded file for each record.

    The last format, which browsers don't show, is PNG inside. Every encoded file has a damaged square at
    (70, 40), 16 pixels wide.
    """
    folder = root / results.dataset.path
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    originals: dict[str, Pixels] = {}
    kept = []
    for n, record in enumerate(results.measurements):
        if record.source_image not in originals:
            coarse = np.asarray(rng.integers(60, 180, (4, 6, 3)), dtype=np.uint8)
            pixels = np.asarray(Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC))
            originals[record.source_image] = pixels
            path = folder / record.source_image
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(path)
        encoded = Path("data/encoded") / f"{n}.{record.format}"
        (root / encoded).parent.mkdir(parents=True, exist_ok=True)
        pixels = originals[record.source_image]
        (root / encoded).write_bytes(_encoded(pixels, record.format, record.quality or 0))
        kept.append(
            dataclasses.replace(
                record,
                encoded_path=encoded.as_posix(),
                width=size[0],
                height=size[1],
                source_sha256=sha256_of(folder / record.source_image),
            )
        )
    return dataclasses.replace(results, measurements=kept)


def _encoded(pixels: Pixels, format: str, quality: int) -> bytes:
    damaged = pixels.copy()
    damaged[40:56, 70:86] = 255 - quality
    kind = {"jpeg": "JPEG", "webp": "WEBP", "avif": "AVIF"}.get(format, "PNG")
    options: dict[str, dict[str, Any]] = {
        "JPEG": {"quality": 95},
        "AVIF": {"speed": 10},
        "PNG": {"compress_level": 1},
    }
    buffer = io.BytesIO()
    Image.fromarray(damaged).save(buffer, kind, **options.get(kind, {}))
    return buffer.getvalue()
