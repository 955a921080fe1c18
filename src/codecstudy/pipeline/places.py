"""What a run writes: whether it can be written, and how much disk it takes, known before anything is measured."""

from __future__ import annotations

import os
from pathlib import Path

from codecstudy.errors import DatasetError, StudyError
from codecstudy.files import check_writable
from codecstudy.pipeline.plan import Plan

TASK_BYTES = 2500
"""Bytes of a task in the store and in the results: 2.2 kB for the records of the demo study."""
ARTIFACT_BYTES_PER_MEGAPIXEL = 250_000
"""Bytes of an encoded file, 2 bits per pixel: more than most, less than the highest qualities need."""
_PATH_MAX = 4096
"""Length of a path in bytes that no system in use exceeds."""


def check_places(plan: Plan, results: Path) -> None:
    """Check that the results, and the encoded files if they are kept, can be written.

    Args:
        plan: The run.
        results: The results file.

    Raises:
        DatasetError: The dataset has a name that cannot be stored.
        StudyError: The workspace has one.
        OSError: A folder cannot be written to, or a path is too long; the message names it.
    """
    if not _is_text(str(results)):
        raise StudyError(f"{results}: the path of the workspace is not valid UTF-8. Rename its folder.")
    if not _is_text(str(plan.dataset.folder)):
        raise DatasetError(f"{plan.dataset.folder}: the path is not valid UTF-8, and results are. Rename it.")
    names = [source.image for source in plan.sources if not _is_text(source.image)]
    if names:
        others = f" and {len(names) - 1:,} more" if len(names) > 1 else ""
        raise DatasetError(
            f"{plan.dataset.folder}: the name {names[0]!r}{others} is not valid UTF-8, and results are. "
            "Rename the image."
        )
    check_writable(results)
    check_writable(results.with_suffix(".parquet"))
    if plan.save_artifacts:
        _check_artifacts(plan)


def _check_artifacts(plan: Plan) -> None:
    # One folder per format and resolution; in each, the setting with the longest name.
    longest: dict[tuple[str, int | None], int] = {}
    for t, setting in enumerate(plan.settings):
        known = longest.setdefault((setting.format, setting.resolution), t)
        if len(plan.artifact_suffixes[t]) > len(plan.artifact_suffixes[known]):
            longest[setting.format, setting.resolution] = t
    for t in longest.values():
        folders = set()
        for source in plan.sources:
            path = plan.artifact(source, t)
            if path.parent not in folders:
                check_writable(path)
                folders.add(path.parent)
            if len(os.fsencode(path.name)) > _name_max(path) or len(os.fsencode(path)) >= _PATH_MAX:
                raise DatasetError(
                    f"{source.image}: the path of its encoded files would be too long for this system: "
                    f"{path}. Rename the image, or do not keep encoded files."
                )


def _name_max(path: Path) -> int:
    while not path.exists():
        path = path.parent
    return os.pathconf(path, "PC_NAME_MAX") if hasattr(os, "pathconf") else 255


def _is_text(name: str) -> bool:
    """Whether a file name can be stored as UTF-8; Python represents other bytes as lone surrogates."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def disk_bytes(plan: Plan, tasks: int) -> int:
    """Estimated bytes that a run adds to the workspace.

    Args:
        plan: The run.
        tasks: Number of tasks that are not known yet.
    """
    rows = TASK_BYTES * tasks
    if not plan.save_artifacts or not plan.sources:
        return rows
    every = len(plan.sources) * len(plan.settings)
    megapixels = sum(s.megapixels(t) for s in plan.sources for t in plan.settings)
    return rows + int(ARTIFACT_BYTES_PER_MEGAPIXEL * megapixels * min(1.0, tasks / every))
