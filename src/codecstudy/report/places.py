"""Which files a report may open: those of the workspace, and originals in a folder that the user names.

Results of others may contain any path, and links, and what is shown may be shared. So nothing outside the
workspace is opened, except below :attr:`Options.images`. The folder ``data`` of a workspace may be a link, to a
larger disk for instance. It is followed if the results themselves are in the folder that it leads to: then it is no
trap.
"""

from __future__ import annotations

from pathlib import Path, PurePath

from codecstudy.report.context import Context


def original(context: Context, image: str) -> Path | None:
    """The file of an original; None if there is none that may be opened."""
    if not _below(image):
        return None
    if context.options.images is not None:
        path = context.options.images / image
    else:
        path = originals(context) / image
        if not _may_open(context, path):
            return None
    return path if path.is_file() else None


def originals(context: Context) -> Path:
    """The folder that contains the originals, according to the results."""
    return context.root / context.results.dataset.path


def may_open_originals(context: Context) -> bool:
    """Whether the originals' folder may be opened, or the user has named one."""
    return context.options.images is not None or _may_open(context, originals(context))


def encoded(context: Context, path: str | None) -> Path | None:
    """The file of an encoded image; None if there is none that may be opened."""
    if path is None or not _below(path):
        return None
    found = context.root / path
    return found if _may_open(context, found) and found.is_file() else None


def _below(path: str) -> bool:
    """Whether ``path`` is relative and stays within its folder."""
    return not PurePath(path).is_absolute() and ".." not in PurePath(path).parts


def _may_open(context: Context, path: Path) -> bool:
    folders = [context.root.resolve()]
    data = context.root / "data"
    given = context.options.results_path
    if given is not None and Path(given).resolve().is_relative_to(data.resolve()):
        folders.append(data.resolve())
    found = path.resolve()
    return any(found.is_relative_to(folder) for folder in folders)
