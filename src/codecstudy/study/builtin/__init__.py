"""Built-in studies: one file each beside this one, to run as they are or to copy and change."""

from __future__ import annotations

from pathlib import Path

from codecstudy.errors import StudyError
from codecstudy.study import StudyConfig

_IDS = (
    "demo",
    "format-comparison",
    "avif-quality-sweep",
    "avif-speed-sweep",
    "avif-chroma-subsampling",
    "jxl-effort-sweep",
    "webp-method-sweep",
    "resolution-impact",
    "speed-effort-comparison",
)


def builtin_ids() -> tuple[str, ...]:
    """Ids of the built-in studies, the ones for newcomers first."""
    return _IDS


def builtin_path(id: str) -> Path:
    """The file of a built-in study; StudyError, naming the known ones, where there is none of that id."""
    if id not in _IDS:
        raise StudyError(f"no built-in study is named {id!r}. Built-in ones: {', '.join(_IDS)}")
    return Path(__file__).with_name(f"{id}.toml")


def load_builtin(id: str) -> StudyConfig:
    """A built-in study; StudyError, naming the known ones, where there is none of that id."""
    return StudyConfig.load(builtin_path(id))
