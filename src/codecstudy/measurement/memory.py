"""How much memory a task takes, from the size of its image and what encoders and metrics declare.

The estimates are upper bounds: a run opens images by them, and refuses what cannot fit before anything is read.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from codecstudy.codecs.base import Encoder
from codecstudy.images.geometry import fitted_size
from codecstudy.metrics.base import STREAMED_ABOVE, Metric
from codecstudy.schedule import WORKER_BYTES
from codecstudy.types import Setting

_CANONICAL = 3
"""Bytes per pixel of an image as encoders and metrics get it."""
_RESIZING = 8
"""Bytes per pixel of a source while it is scaled down: Pillow's copy, and the rows that are scaled along x only."""
_SMALLEST_STREAMED = 1_000_000
"""Smaller images are not worth streaming."""


def held_bytes(width: int, height: int) -> int:
    """Bytes of the decoded source, which stays in memory as long as it is measured."""
    return _CANONICAL * width * height


def opening_bytes(width: int, height: int, decoding_bytes: int, settings: Iterable[Setting]) -> int:
    """Peak bytes of a worker while it decodes a source and scales it down.

    Args:
        width: Width of the source in pixels.
        height: Height of the source in pixels.
        decoding_bytes: :attr:`codecstudy.images.Header.decoding_bytes` of its file.
        settings: The settings that it is measured at.
    """
    scaled = any(s.resolution is not None and s.resolution < max(width, height) for s in settings)
    resizing = (_CANONICAL + _RESIZING) * width * height if scaled else 0
    return WORKER_BYTES + max(decoding_bytes, resizing)


def encoded_size(width: int, height: int, setting: Setting) -> tuple[int, int]:
    """Width and height in pixels of what is encoded of a source at one setting, for estimates."""
    edge = setting.resolution or setting.crop
    return (fitted_size(width, height, edge) if edge else None) or (width, height)


def task_bytes(
    encoder: Encoder,
    metrics: Sequence[Metric],
    setting: Setting,
    encoded: tuple[int, int],
    fragment: int | None = None,
    streamed_above: float = STREAMED_ABOVE,
) -> int:
    """Peak bytes that one task takes, without those of an idle worker and the decoded source.

    Args:
        encoder: The encoder of ``setting``.
        metrics: The metrics that are scored.
        setting: What is measured.
        encoded: Width and height in pixels of what is encoded.
        fragment: Side of the square that all crops are scored on.
        streamed_above: Metrics stream images of more pixels.
    """
    width, height = encoded
    scored = encoded
    if setting.crop is not None and fragment is not None:
        scored = min(fragment, width), min(fragment, height)
    own = 0 if setting.resolution is None and setting.crop is None else _CANONICAL * width * height
    prepared = sum(metric.bytes_for(*scored, streamed_above) for metric in metrics)
    return int(own + prepared + encoder.peak_bytes(setting, width * height))


def streaming_limit(metrics: Sequence[Metric], share: int) -> float:
    """Number of pixels above which metrics should stream an image, so that it fits into a worker's share of memory.

    Streaming takes more time and much less memory. It is better than letting other workers wait for memory.

    Args:
        metrics: The metrics of a study.
        share: Bytes of memory for each worker.
    """
    # The source, the decoded image, and an encoder.
    others = 2 * _CANONICAL + 60.0
    each = others + sum(metric.memory.per_pixel for metric in metrics)
    fitting = (share - WORKER_BYTES) / each
    return min(float(STREAMED_ABOVE), max(float(_SMALLEST_STREAMED), fitting))


def usual_size(megapixels: float) -> tuple[int, int]:
    """Width and height in pixels of a 3:2 image, for estimates where only the area is known."""
    width = max(1, round(math.sqrt(1.5e6 * megapixels)))
    return width, max(1, math.ceil(1e6 * megapixels / width))


def gigabytes(size: float) -> str:
    """``26 GB``, ``1.4 GB``, ``350 MB``."""
    if size < 1e9:
        return f"{size / 1e6:.0f} MB"
    return f"{size / 1e9:.1f} GB" if size < 1e10 else f"{size / 1e9:.0f} GB"
