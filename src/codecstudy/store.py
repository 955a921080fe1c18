"""The measurement store: nothing that was measured is lost, nothing is measured twice.

One SQLite file per workspace, with a write-ahead log and full synchronous commits. What is added becomes durable
with the next :meth:`Store.commit`; a run calls it several times a second, so that a crash or a power cut loses
no more than what arrived in that fraction of a second, and no task pays for a disk's flush on its own.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from codecstudy.errors import StoreError
from codecstudy.files import sha256_of
from codecstudy.types import Measurement, Outcome, Skip

SCHEMA_VERSION = 1
APPLICATION_ID = 0x43535459
"""``CSTY``: how SQLite files of ours are told from others."""

IN_MEMORY = Path(":memory:")
"""A store that is gone when it is closed, for looking ahead without leaving a file."""

LOCK_SECONDS = 5.0
"""How long opening waits for another run to let go of the store."""

_TABLES = """
CREATE TABLE measurement (
    key TEXT PRIMARY KEY,
    identity TEXT NOT NULL,
    outcome TEXT NOT NULL,
    measured_at TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE file (
    path BLOB PRIMARY KEY,
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    sha256 TEXT NOT NULL
) WITHOUT ROWID;
"""


_ADVICE = {
    sqlite3.SQLITE_BUSY: "Another codecstudy run may be using this workspace: wait for it, or give another folder "
    "with --root.",
    sqlite3.SQLITE_NOTADB: "That is not a measurement store. Move it away; codecstudy makes a new one.",
    sqlite3.SQLITE_CORRUPT: "The measurement store is damaged. Move it away to measure again, or recover it "
    "with sqlite3's command .recover.",
    sqlite3.SQLITE_FULL: "Free some disk space and run again: what was committed is kept.",
}
_ADVICE_OTHERWISE = "See that its folder can be written, and run again: what was committed is kept."
"""What to do, by SQLite's kind of error."""


def task_key(identity: Mapping[str, Any]) -> str:
    """Key of a task: SHA-256 of what its measurement depends on, as canonical JSON."""
    return hashlib.sha256(_canonical(identity).encode()).hexdigest()


def _canonical(value: Mapping[str, Any]) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


class Store:
    """The open store of one workspace. One process writes at a time; a second one is told so.

    Raises :class:`codecstudy.errors.StoreError` where the file is no store, has another schema version, or is
    held by another run.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, timeout=LOCK_SECONDS, isolation_level=None)
        except (OSError, sqlite3.Error) as error:
            raise StoreError(f"{path}: cannot be opened as a measurement store: {error}") from None
        try:
            with self._explained():
                self._open()
        except StoreError:
            self._db.close()
            raise

    def _open(self) -> None:
        # Looked at before anything is changed: another program's file stays as it is.
        new = self._is_new()
        # The first write takes the lock and keeps it: a second writer would measure what this one measures.
        self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute("BEGIN IMMEDIATE")
        # Once more within the lock: another run may have been quicker.
        if new and self._is_new():
            for statement in _TABLES.split(";"):
                self._db.execute(statement)
            self._db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            self._db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        self._db.execute("COMMIT")

    def _is_new(self) -> bool:
        """Whether the file is empty; StoreError where it is not a store of this version either."""
        (tables,) = self._db.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        (application,) = self._db.execute("PRAGMA application_id").fetchone()
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if tables == 0 and application == 0:
            return True
        if application != APPLICATION_ID:
            raise StoreError(
                f"{self.path}: an SQLite file, but not a measurement store. Move it away; codecstudy makes "
                "a new one."
            )
        if version != SCHEMA_VERSION:
            raise StoreError(
                f"{self.path}: a measurement store of schema version {version}; this codecstudy uses "
                f"version {SCHEMA_VERSION}. Use the codecstudy that wrote it, or move the file away to "
                "measure again."
            )
        return False

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        """Whatever SQLite cannot do is a StoreError that says what to do about it."""
        try:
            yield
        except sqlite3.Error as error:
            # The low byte is the kind of error, the rest its variety (sqlite.org/rescode.html).
            kind = (getattr(error, "sqlite_errorcode", None) or sqlite3.SQLITE_ERROR) & 0xFF
            raise StoreError(f"{self.path}: {error}. {_ADVICE.get(kind, _ADVICE_OTHERWISE)}") from None

    def close(self) -> None:
        """Commit, fold the log into the file, and let go of it."""
        try:
            self.commit()
        finally:
            self._db.close()

    def commit(self) -> None:
        """Make durable what was added since the last commit."""
        if self._db.in_transaction:
            with self._explained():
                self._db.execute("COMMIT")

    def _write(self, statement: str, values: tuple[object, ...]) -> None:
        with self._explained():
            if not self._db.in_transaction:
                self._db.execute("BEGIN")
            self._db.execute(statement, values)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def known(self, keys: Iterable[str]) -> dict[str, Measurement | Skip]:
        """The outcomes that the store has for these keys."""
        found: dict[str, Measurement | Skip] = {}
        wanted = list(keys)
        for start in range(0, len(wanted), 500):
            part = wanted[start : start + 500]
            marks = ",".join("?" * len(part))
            query = f"SELECT key, outcome FROM measurement WHERE key IN ({marks})"
            with self._explained():
                found.update((key, _decode(text)) for key, text in self._db.execute(query, part))
        return found

    def add(self, identity: Mapping[str, Any], outcome: Outcome) -> None:
        """Add one outcome. A failure is not kept: the next run tries that task again."""
        if not isinstance(outcome, Measurement | Skip):
            return
        self._write(
            "INSERT OR REPLACE INTO measurement VALUES (?, ?, ?, ?)",
            (task_key(identity), _canonical(identity), _encode(outcome), datetime.now(UTC).isoformat()),
        )

    def count(self) -> int:
        """Number of measurements in the store."""
        return int(self._db.execute("SELECT count(*) FROM measurement").fetchone()[0])

    def content_hash(self, path: Path) -> str:
        """SHA-256 of a file's content; read again only where its size or time of change differs."""
        status = path.stat()
        # A change time, unlike a modification time, cannot be set back: a file that a tool has replaced with
        # one of the same size and the old file's date is read again.
        changed = max(status.st_mtime_ns, status.st_ctime_ns)
        query = "SELECT sha256 FROM file WHERE path = ? AND size = ? AND mtime_ns = ?"
        with self._explained():
            row = self._db.execute(query, (os.fsencode(path), status.st_size, changed)).fetchone()
        if row:
            return str(row[0])
        sha256 = sha256_of(path)
        self._write(
            "INSERT OR REPLACE INTO file VALUES (?, ?, ?, ?)",
            (os.fsencode(path), status.st_size, changed, sha256),
        )
        return sha256


def _encode(outcome: Measurement | Skip) -> str:
    # Python's JSON writes an infinite PSNR as Infinity and reads it back; only our own code reads the store.
    return json.dumps({"kind": type(outcome).__name__, **dataclasses.asdict(outcome)})


def _decode(text: str) -> Measurement | Skip:
    fields = json.loads(text)
    kind = fields.pop("kind")
    fields["notes"] = tuple(fields["notes"])
    return Measurement(**fields) if kind == "Measurement" else Skip(**fields)
