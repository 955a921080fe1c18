"""Loading images from bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from codecstudy.images import Source, load
from support.image_files import Load


@pytest.fixture
def load_bytes(tmp_path: Path) -> Load:
    """Load an image from bytes, through a file."""

    def loaded(data: bytes, name: str = "image.bin", **options: Any) -> Source:
        path = tmp_path / name
        path.write_bytes(data)
        return load(path, **options)

    return loaded
