"""Built-in studies: one file each in this folder, to run as they are or to copy and change."""

from __future__ import annotations

from pathlib import Path

from codecstudy.errors import StudyError
from codecstudy.study import StudyConfig

_IDS = (
    "demo",
    "format-comparison",
    "fair-comparison",
    "avif-quality-sweep",
    "avif-speed-sweep",
    "avif-chroma-subsampling",
    "jxl-effort-sweep",
    "webp-method-sweep",
    "resolution-impact",
    "speed-effort-comparison",
)


def builtin_ids() -> tuple[str, ...]:
    """Ids of the built-in studies, those for beginners first."""
    return _IDS


def builtin_path(id: str) -> Path:
    """The file of a built-in study.

    Raises:
        StudyError: No built-in study has this id; the message names those that exist.
    """
    if id not in _IDS:
        raise StudyError(f"no built-in study is named {id!r}. Built-in studies: {', '.join(_IDS)}")
    return Path(__file__).with_name(f"{id}.toml")


def load_builtin(id: str) -> StudyConfig:
    """Load a built-in study; raises as :func:`builtin_path` does."""
    return StudyConfig.load(builtin_path(id))
