"""``codecstudy recover``: a new measurement store from what can still be read of a damaged one."""

from __future__ import annotations

from pathlib import Path

from codecstudy.cli.app import app, out, print_line, user_errors
from codecstudy.cli.display import count
from codecstudy.cli.run import RootOption


@app.command()
@user_errors
def recover(root: RootOption = Path()) -> None:
    """Rebuild a damaged measurement store from the rows that can still be read; the old file is kept."""
    from codecstudy.store import recover as rebuild

    path = root / "data" / "store.sqlite"
    found = rebuild(path)
    tasks = found.rows["encode"] + found.rows["skip"]
    for line in (
        f"{path}: {count(tasks, 'task')} and {count(found.rows['score'], 'score')} recovered",
        f"the damaged file is kept as {found.damaged}",
    ):
        print_line(out, line)
