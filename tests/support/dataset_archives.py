"""A project with one dataset to fetch, and the archive that it is fetched from."""

from __future__ import annotations

import io
import json
import random
import zipfile
from pathlib import Path
from typing import Any

from codecstudy.datasets import Dataset, fetch
from codecstudy.datasets.download import Progress
from support.misbehaving_server import FileServer

NOISE = random.Random(7).randbytes(300_000)


def zipped(**files: bytes) -> bytes:
    """A zip; a double underscore in a name stands for the slash, and ``.png`` is put at the end."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, body in files.items():
            archive.writestr(f"{name.replace('__', '/')}.png", body)
    return stream.getvalue()


ARCHIVE = zipped(photos__a=NOISE, photos__b=b"b", thumbs__a=b"t")


def register(root: Path, server: FileServer, **more: Any) -> None:
    """Make ``set`` the one dataset of the project, at ``set.zip`` on the server unless ``more`` says else."""
    entry = {"id": "set", "name": "Set", "type": "zip", "url": server.url("set.zip"), **more}
    (root / "config").mkdir(exist_ok=True)
    (root / "config/datasets.json").write_text(json.dumps({"datasets": [entry]}))


def fetch_set(root: Path, on_progress: Progress | None = None, **options: Any) -> Dataset:
    """Fetch ``set``, whose SHA-256 the registry has only where a test gives it."""
    return fetch(root, "set", on_progress, unverified=True, **options)


def left(root: Path) -> list[str]:
    """What is in data/datasets, hidden or not."""
    folder = root / "data/datasets"
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def partial(root: Path) -> list[str]:
    """What is kept of an unfinished download."""
    return sorted(path.name for path in (root / "data/datasets/.fetch-set").iterdir())
