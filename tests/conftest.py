"""What many tests share: small pictures, a workspace, and the folder of real photographs where it is there."""

from __future__ import annotations

import signal
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

# Ignored in a script's background job, and under nohup; the tests that send these signals would wait in vain.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder of reference photographs and hostile files beside the checkout."""
    if not SHARED.is_dir():
        pytest.skip("no folder ../shared beside the checkout")
    return SHARED


def picture(width: int = 48, height: int = 40, seed: int = 0) -> NDArray[np.uint8]:
    """A small colourful picture with edges, gradients and texture; another one for every seed."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    base = np.stack([x * 255 / width, y * 255 / height, 127 + 120 * np.sin((x + y) / (3 + seed % 5))], axis=2)
    base[height // 4 : height // 2, width // 3 : width // 2] = (200, 30 + 20 * (seed % 8), 60)
    return np.clip(base + random.normal(0, 6, base.shape), 0, 255).astype(np.uint8)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder with four small pictures, one in a folder of its own."""
    folder = tmp_path / "photos"
    (folder / "inner").mkdir(parents=True)
    for seed, name in enumerate(("a.png", "b.png", "c.png", "inner/d.png")):
        Image.fromarray(picture(48 + seed, 40, seed)).save(folder / name)
    return folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An empty workspace."""
    return tmp_path / "workspace"
