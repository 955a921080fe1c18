"""The headers of the images of a plan, read outside this process.

A header may crash or hang its parser just as the rest of a file may crash its decoder. So one small process reads
all headers, in batches. If it does not survive a batch, each file of that batch is read separately, so that only
the header of the offending file stays unknown; opening it in a worker then reports why. If something outside kills
the process again and again, the headers stay unknown; each image is then taken for one megapixel.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from codecstudy.execution import Died
from codecstudy.images.header import make_reader
from codecstudy.images.memory import Header

if TYPE_CHECKING:
    from codecstudy.execution.local import Caller

_BATCH = 100
_BATCH_SECONDS = 30.0
_FILE_SECONDS = 5.0
_MEMORY = 1 << 30
"""Bytes that the process may use: many times what a header needs."""


def read_headers(paths: Sequence[Path], *, in_this_process: bool = False) -> list[Header | None]:
    """The header of each image file; see :func:`codecstudy.images.read_header`.

    Args:
        paths: The files.
        in_this_process: Read them without the protection of another process, like the tasks of the run.

    Returns:
        Headers in the order of ``paths``; None if unknown.
    """
    if not paths:
        return []
    if in_this_process:
        return make_reader(None)(paths)
    # Imported here because it works only on POSIX systems.
    from codecstudy.execution.local import Caller

    headers: list[Header | None] = []
    with Caller("codecstudy.images.header:make_reader", memory_limit=_MEMORY) as caller:
        for start in range(0, len(paths), _BATCH):
            found = _read_batch(caller, paths[start : start + _BATCH])
            if found is None:
                break
            headers += found
    return headers + [None] * (len(paths) - len(headers))


def _read_batch(caller: Caller, paths: Sequence[Path]) -> list[Header | None] | None:
    """The headers; None if the process is killed whenever it starts, which no file can be the cause of."""
    together = caller.call(paths, _BATCH_SECONDS)
    if isinstance(together, list):
        return together
    if isinstance(together, Died) and not together.was_ready:
        return None
    headers: list[Header | None] = []
    for path in paths:
        alone = caller.call([path], _FILE_SECONDS)
        if isinstance(alone, Died) and not alone.was_ready:
            return None
        headers.append(alone[0] if isinstance(alone, list) else None)
    return headers
