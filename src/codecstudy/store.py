"""The measurement store: no measurement is lost or made twice.

One SQLite file per workspace, with a write-ahead log and full synchronous commits. Additions become durable with
the next :meth:`Store.commit`; a run calls it several times a second, so that a crash or a power failure loses
no more than what arrived in that fraction of a second, and tasks do not each wait for a disk flush.

An *encode* is one source under certain :class:`Conditions` (setting, versions, machine): its size and times, and
the hash of its bytes. *Scores* belong to an encode: one row per metric and version of the metric. So a new or
corrected metric adds rows and changes none.
"""

from __future__ import annotations

import ast
import contextlib
import itertools
import json
import logging
import os
import re
import shutil
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from codecstudy.errors import StoreError
from codecstudy.files import sha256_of
from codecstudy.types import Failure, Measurement, Outcome, Scores, Skip

log = logging.getLogger(__name__)

SCHEMA_VERSION = 2
# History:
# 1  (0.1) Table measurement: one row per task with all scores, under the hash of everything they depended on,
#    including the versions of all metrics. Table file as today.
# 2  Encodes, scores and skips are separate rows; conditions are shared by all sources; an encode has the
#    SHA-256 of its bytes. Crops are JSON instead of Python's repr.

APPLICATION_ID = 0x43535459
"""``CSTY``: distinguishes our SQLite files from others."""

IN_MEMORY = Path(":memory:")
"""A store that disappears when it is closed, for previews that leave no file."""

LOCK_SECONDS = 5.0
"""Seconds that opening waits for another run to release the store."""

_COPY_ATTEMPTS = 20
"""How often a copy is tried while another run writes to the store."""

_TABLES = """
-- Everything that an encode depends on apart from its source. Text is shared by all sources of a study.
CREATE TABLE conditions (
    id INTEGER PRIMARY KEY,
    setting TEXT NOT NULL,             -- canonical JSON
    encoder TEXT NOT NULL,             -- library and version
    images TEXT NOT NULL,              -- versions of the conversion to 8-bit sRGB
    crops TEXT NOT NULL,               -- canonical JSON; empty without a crop
    host TEXT NOT NULL,                -- machines whose timings may be compared
    UNIQUE (setting, encoder, images, crops, host)
);
CREATE TABLE encode (
    id INTEGER PRIMARY KEY,
    source TEXT NOT NULL,              -- SHA-256 of the source file
    conditions INTEGER NOT NULL REFERENCES conditions (id),
    file_size INTEGER NOT NULL,        -- bytes
    width INTEGER NOT NULL,            -- pixels
    height INTEGER NOT NULL,
    encoding_time REAL NOT NULL,       -- wall seconds
    encoding_cpu_time REAL NOT NULL,
    decoding_time REAL NOT NULL,
    decoding_cpu_time REAL NOT NULL,
    sha256 TEXT,                       -- of the encoded bytes; NULL: unknown (schema 1 did not keep it)
    notes TEXT NOT NULL,               -- JSON list
    measured_at TEXT NOT NULL,         -- ISO 8601, UTC
    UNIQUE (source, conditions)
);
CREATE TABLE score (
    encode INTEGER NOT NULL REFERENCES encode (id),
    metric TEXT NOT NULL,
    version TEXT NOT NULL,
    scores TEXT NOT NULL,              -- JSON object, by column; Infinity for a PSNR of identical images
    cpu_time REAL NOT NULL,            -- seconds; rows from schema 1: an equal share of the task's metrics
    scored_at TEXT NOT NULL,
    PRIMARY KEY (encode, metric, version)
) WITHOUT ROWID;
CREATE TABLE skip (
    source TEXT NOT NULL,
    conditions INTEGER NOT NULL REFERENCES conditions (id),
    reason TEXT NOT NULL,
    notes TEXT NOT NULL,
    measured_at TEXT NOT NULL,
    PRIMARY KEY (source, conditions)
) WITHOUT ROWID;
"""

_FILES = """
CREATE TABLE file (
    path BLOB PRIMARY KEY,
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    sha256 TEXT NOT NULL
) WITHOUT ROWID;
"""

_ENCODED = (
    "file_size",
    "width",
    "height",
    "encoding_time",
    "encoding_cpu_time",
    "decoding_time",
    "decoding_cpu_time",
)
"""Columns of table encode that are fields of Measurement."""

_INSERT_CONDITIONS = "INSERT INTO conditions (setting, encoder, images, crops, host) VALUES (?, ?, ?, ?, ?)"

_ADVICE = {
    sqlite3.SQLITE_BUSY: "Another codecstudy run may be using this workspace: wait for it, or use another folder "
    "with --root.",
    sqlite3.SQLITE_NOTADB: "That is not a measurement store. Move it away; codecstudy will create a new one.",
    sqlite3.SQLITE_CORRUPT: "The measurement store is damaged. Move it away to measure again, or recover it "
    "with sqlite3's .recover command.",
    sqlite3.SQLITE_FULL: "Free some disk space and run again; what was committed is kept.",
}
_ADVICE_OTHERWISE = "Make sure that its folder is writable, and run again; what was committed is kept."
"""Advice by SQLite's kind of error."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """Everything, apart from the source, that an encode (or the decision to skip it) depends on."""

    setting: str
    """:meth:`codecstudy.types.Setting.canonical`."""
    encoder: str
    """Library and version."""
    images: str
    """Versions of the software that turns a file into 8-bit sRGB."""
    crops: str
    """Where crops are cut, as canonical JSON; empty for a setting without a crop."""
    host: str
    """:func:`codecstudy.host.fingerprint`."""


def canonical(value: Any) -> str:
    """JSON text that is equal for equal values."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


class Store:
    """The open store of one workspace. One process can write at a time; another one gets an error.

    A store of an older schema is migrated when it is opened, in one transaction, after a copy of the old file has
    been made next to it (:attr:`backup`).

    Raises:
        StoreError: The file is not a store, was written by a newer codecstudy, or is in use by another run.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.backup: Path | None = None
        """Copy of the file from before a schema migration; None without a migration."""
        self._ids: dict[Conditions, int] = {}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, timeout=LOCK_SECONDS, isolation_level=None)
        except (OSError, sqlite3.Error) as error:
            raise StoreError(f"{path}: cannot be opened as a measurement store: {error}") from None
        try:
            with self._explained():
                self._open()
        except BaseException:
            self._db.close()
            raise

    def _open(self) -> None:
        # Checked before anything is changed: another program's file stays as it is.
        self._version()
        # The first write takes the lock and keeps it: a second writer would measure the same tasks.
        self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute("BEGIN IMMEDIATE")
        # Checked again under the lock: another run may have been faster.
        match self._version():
            case 0:
                self._create(_TABLES + _FILES)
                self._db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                self._db.execute("COMMIT")
            case 1:
                self._db.execute("COMMIT")  # a copy cannot be made within a transaction; the lock stays
                self.backup = _copy(self._db, self.path)
                log.warning(
                    "%s: migrating to schema version 2; the old file is kept as %s", self.path, self.backup
                )
                self._db.execute("BEGIN IMMEDIATE")
                self._create(_TABLES)
                _move_first_schema(self._db, self.path)
                self._db.execute("COMMIT")
            case _:
                self._db.execute("COMMIT")

    def _create(self, tables: str) -> None:
        for statement in tables.split(";\n"):
            self._db.execute(statement)
        self._db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    def _version(self) -> int:
        """Schema version of the file; 0 if it is empty; StoreError if it cannot be used."""
        (tables,) = self._db.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        (application,) = self._db.execute("PRAGMA application_id").fetchone()
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if tables == 0 and application == 0:
            return 0
        if application != APPLICATION_ID:
            raise StoreError(
                f"{self.path}: an SQLite file, but not a measurement store. Move it away; codecstudy will create "
                "a new one."
            )
        if not 1 <= version <= SCHEMA_VERSION:
            raise StoreError(
                f"{self.path}: a measurement store of schema version {version}; this version of codecstudy reads "
                f"versions up to {SCHEMA_VERSION}. Use the codecstudy that wrote it, or move the file away to "
                "measure again."
            )
        return int(version)

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn SQLite errors into StoreErrors with advice."""
        try:
            yield
        except sqlite3.Error as error:
            # SQLite may have rolled back the rows that these ids refer to.
            self._ids.clear()
            # The low byte is the kind of error, the rest its subtype (sqlite.org/rescode.html).
            kind = (getattr(error, "sqlite_errorcode", None) or sqlite3.SQLITE_ERROR) & 0xFF
            raise StoreError(f"{self.path}: {error}. {_ADVICE.get(kind, _ADVICE_OTHERWISE)}") from None

    def close(self) -> None:
        """Commit, fold the log into the file, and release it."""
        try:
            self.commit()
        finally:
            self._db.close()

    def commit(self) -> None:
        """Make all additions since the last commit durable."""
        if self._db.in_transaction:
            with self._explained():
                self._db.execute("COMMIT")

    def _write(self, statement: str, values: tuple[object, ...]) -> int:
        """Execute a statement; returns the id of the last inserted row."""
        with self._explained():
            if not self._db.in_transaction:
                self._db.execute("BEGIN")
            return self._db.execute(statement, values).lastrowid or 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def known(
        self, sources: Iterable[str], conditions: Sequence[Conditions], metrics: Mapping[str, str]
    ) -> Iterator[tuple[str, int, Measurement | Skip]]:
        """What the store contains for these sources under these conditions.

        Args:
            sources: SHA-256 of source files.
            conditions: Conditions, no two alike.
            metrics: The metrics that are wanted, and their versions.

        Yields:
            Source, index into ``conditions``, and outcome. A measurement contains those of the wanted scores that
            are known: all, some, or none.
        """
        place = {text: index for index, text in enumerate(conditions)}
        with self._explained():
            rows = self._db.execute("SELECT id, setting, encoder, images, crops, host FROM conditions")
            index_of = {row[0]: place[key] for row in rows if (key := Conditions(*row[1:])) in place}
            # Two lists in two parameters: a statement may not have more parameters than 32,766.
            wanted = json.dumps(list(dict.fromkeys(sources))), json.dumps(list(index_of))
            where = (
                "WHERE source IN (SELECT value FROM json_each(?)) "
                "AND conditions IN (SELECT value FROM json_each(?))"
            )
            query = (
                "SELECT source, conditions, metric, version, scores, cpu_time, notes, sha256, "
                f"{', '.join(_ENCODED)} FROM encode "
                f"LEFT JOIN score ON score.encode = encode.id {where} ORDER BY source, conditions"
            )
            for key, group in itertools.groupby(self._db.execute(query, wanted), key=lambda row: row[:2]):
                rows_of_encode = list(group)
                scores = {
                    metric: Scores(json.loads(values), cpu_time)
                    for _, _, metric, version, values, cpu_time, *_ in rows_of_encode
                    if metrics.get(metric) == version
                }
                notes, sha256, *numbers = rows_of_encode[0][6:]
                fields = dict(zip(_ENCODED, numbers, strict=True))
                measurement = Measurement(
                    **fields, sha256=sha256, scores=scores, notes=tuple(json.loads(notes))
                )
                yield key[0], index_of[key[1]], measurement
            query = f"SELECT source, conditions, reason, notes FROM skip {where}"
            for source, number, reason, notes in self._db.execute(query, wanted):
                yield source, index_of[number], Skip(reason, tuple(json.loads(notes)))

    def add(self, source: str, conditions: Conditions, outcome: Outcome, metrics: Mapping[str, str]) -> None:
        """Add one outcome. A failure is not stored: the next run tries that task again.

        Scores are added to the stored encode. If its bytes differ from those of ``outcome``, it is replaced,
        because its scores do not apply to the new bytes.

        Args:
            source: SHA-256 of the source file.
            conditions: Everything else that the outcome depends on.
            outcome: The outcome of the task.
            metrics: Version of each metric that the outcome has scores of.
        """
        if isinstance(outcome, Failure):
            return
        now = datetime.now(UTC).isoformat()
        key = source, self._id_of(conditions)
        if isinstance(outcome, Skip):
            self._write(
                "INSERT OR REPLACE INTO skip VALUES (?, ?, ?, ?, ?)",
                (*key, outcome.reason, json.dumps(outcome.notes), now),
            )
            return
        encode = self._put_encode(key, outcome, now)
        for metric, scores in outcome.scores.items():
            # A row with the same content keeps its date.
            self._write(
                "INSERT INTO score VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET scores = excluded.scores, "
                "cpu_time = excluded.cpu_time, scored_at = excluded.scored_at "
                "WHERE scores != excluded.scores OR cpu_time != excluded.cpu_time",
                (encode, metric, metrics[metric], json.dumps(scores.values), scores.cpu_time, now),
            )

    def _put_encode(self, key: tuple[str, int], outcome: Measurement, now: str) -> int:
        """Insert or update the row of an encode; returns its id."""
        size_and_times = tuple(getattr(outcome, name) for name in _ENCODED)
        columns = ", ".join((*_ENCODED, "measured_at", "sha256"))
        query = f"SELECT {columns}, id FROM encode WHERE source = ? AND conditions = ?"
        with self._explained():
            row = self._db.execute(query, key).fetchone()
        if row is None:
            values = (*size_and_times, now, outcome.sha256, json.dumps(outcome.notes), *key)
            marks = ", ".join("?" * len(values))
            return self._write(
                f"INSERT INTO encode ({columns}, notes, source, conditions) VALUES ({marks})", values
            )
        *before, measured_at, sha256, encode = row
        if not outcome.has_bytes(before[0], sha256):
            log.warning(
                "source %s, %s: encoded again, and the %d bytes are not the %d bytes of %s; "
                "the earlier measurement is replaced",
                *(key[0], self._setting_of(key[1]), outcome.file_size, before[0], measured_at),
            )
            self._write("DELETE FROM score WHERE encode = ?", (encode,))
        if tuple(before) != size_and_times:
            measured_at = now
        marks = ", ".join(f"{name} = ?" for name in columns.split(", "))
        changed = (*size_and_times, measured_at, outcome.sha256 or sha256, json.dumps(outcome.notes))
        self._write(f"UPDATE encode SET {marks}, notes = ? WHERE id = ?", (*changed, encode))
        return int(encode)

    def _id_of(self, conditions: Conditions) -> int:
        if conditions not in self._ids:
            values = astuple(conditions)
            query = (
                "SELECT id FROM conditions WHERE setting = ? AND encoder = ? AND images = ? AND crops = ? "
                "AND host = ?"
            )
            with self._explained():
                row = self._db.execute(query, values).fetchone()
            self._ids[conditions] = row[0] if row else self._write(_INSERT_CONDITIONS, values)
        return self._ids[conditions]

    def _setting_of(self, number: int) -> str:
        with self._explained():
            return str(
                self._db.execute("SELECT setting FROM conditions WHERE id = ?", (number,)).fetchone()[0]
            )

    def count(self) -> int:
        """Number of encodes and skips in the store."""
        query = "SELECT (SELECT count(*) FROM encode) + (SELECT count(*) FROM skip)"
        with self._explained():
            return int(self._db.execute(query).fetchone()[0])

    def content_hash(self, path: Path) -> str:
        """SHA-256 of a file's content; read again only if its size or change time differs."""
        status = path.stat()
        # A change time, unlike a modification time, cannot be set back: a file that was replaced with one of the
        # same size and the old file's date is read again.
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


@contextlib.contextmanager
def private_copy(path: Path) -> Iterator[Path]:
    """A temporary copy of a store, to be read without its lock, without write access, and without converting it.

    Another run may be writing to the store; then the copy contains what was committed.

    Args:
        path: The store; it need not exist.

    Yields:
        Path of the copy, which :class:`Store` may open and change; :data:`IN_MEMORY` if there is no store.

    Raises:
        StoreError: The store cannot be read, or there is no space for the copy.
    """
    if not path.exists():
        yield IN_MEMORY
        return
    with tempfile.TemporaryDirectory(prefix="codecstudy-", ignore_cleanup_errors=True) as folder:
        copy = Path(folder, path.name)
        try:
            _copy_files(path, copy)
        except OSError as error:
            raise StoreError(f"{path}: cannot be copied to be read: {error}") from None
        yield copy


def _copy_files(path: Path, copy: Path) -> None:
    """Copy a store with its log, although another process may be writing to both."""
    log_of_copy = Path(f"{copy}-wal")
    for _ in range(_COPY_ATTEMPTS):
        before = path.stat()
        # The log first: if the store itself has not changed afterwards, they belong together.
        log_of_copy.unlink(missing_ok=True)
        with contextlib.suppress(FileNotFoundError):
            shutil.copyfile(f"{path}-wal", log_of_copy)
        shutil.copyfile(path, copy)
        after = path.stat()
        if (before.st_mtime_ns, before.st_size) == (after.st_mtime_ns, after.st_size):
            return
    raise StoreError(f"{path}: another run is writing to it; try again.")


# --- the first schema ------------------------------------------------------------------------------------


def _copy(db: sqlite3.Connection, path: Path) -> Path:
    """Keep a copy of a store of the first schema next to it: written to a temporary file, then renamed."""
    backup = path.with_name(f"{path.name}.v1-backup")
    temporary = path.with_name(f"{backup.name}.tmp")
    temporary.unlink(missing_ok=True)
    with contextlib.closing(sqlite3.connect(temporary)) as copy:
        db.backup(copy)
    with temporary.open("rb") as file:
        os.fsync(file.fileno())
    temporary.replace(backup)
    return backup


def _move_first_schema(db: sqlite3.Connection, path: Path) -> None:
    """Turn the rows of table ``measurement`` into encodes, scores and skips, and drop it."""
    ids: dict[Conditions, int] = {}
    # Newest first: if two rows are of one encode (with other versions of a metric), the newer size and times stay.
    rows = db.execute("SELECT identity, outcome, measured_at FROM measurement ORDER BY measured_at DESC")
    for identity_text, outcome_text, measured_at in rows:
        try:
            source, conditions, metrics, outcome = _read_first_schema(identity_text, outcome_text)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise StoreError(
                f"{path}: a row of schema version 1 cannot be read ({error!r}: {identity_text:.200}). "
                "Move the file away to measure again."
            ) from None
        if conditions not in ids:
            ids[conditions] = db.execute(_INSERT_CONDITIONS, astuple(conditions)).lastrowid or 0
        key = source, ids[conditions]
        if isinstance(outcome, Skip):
            db.execute(
                "INSERT OR IGNORE INTO skip VALUES (?, ?, ?, ?, ?)",
                (*key, outcome.reason, json.dumps(outcome.notes), measured_at),
            )
            continue
        db.execute(
            f"INSERT OR IGNORE INTO encode (source, conditions, notes, measured_at, {', '.join(_ENCODED)}) "
            f"VALUES ({', '.join('?' * (4 + len(_ENCODED)))})",
            (*key, json.dumps(outcome.notes), measured_at, *(getattr(outcome, name) for name in _ENCODED)),
        )
        encode, file_size = db.execute(
            "SELECT id, file_size FROM encode WHERE source = ? AND conditions = ?", key
        ).fetchone()
        if file_size != outcome.file_size:
            continue  # these scores are not of the newest encode's bytes
        db.executemany(
            "INSERT OR IGNORE INTO score VALUES (?, ?, ?, ?, ?, ?)",
            [
                (encode, name, metrics[name], json.dumps(scores.values), scores.cpu_time, measured_at)
                for name, scores in outcome.scores.items()
            ],
        )
    db.execute("DROP TABLE measurement")


def _read_first_schema(
    identity_text: str, outcome_text: str
) -> tuple[str, Conditions, dict[str, str], Measurement | Skip]:
    """Source, conditions, versions of the metrics, and outcome of one row of the first schema."""
    identity, fields = json.loads(identity_text), json.loads(outcome_text)
    crops = identity["crops"]
    conditions = Conditions(
        setting=identity["setting"],
        encoder=identity["codec"],
        images=identity["images"],
        crops="" if crops is None else _crops_of_repr(crops),
        host=identity["host"],
    )
    metrics: dict[str, str] = identity["metrics"]
    kind, notes = fields.pop("kind"), tuple(fields.pop("notes"))
    if kind == "Skip":
        return identity["source"], conditions, metrics, Skip(fields["reason"], notes)
    columns: dict[str, float] = fields.pop("scores")
    cpu_time = fields.pop("metrics_cpu_time") / max(len(metrics), 1)
    scores = {}
    for name in metrics:
        values = {c: v for c, v in columns.items() if c == name or c.startswith(f"{name}_")}
        scores[name] = Scores(values, cpu_time)
    return (
        identity["source"],
        conditions,
        metrics,
        Measurement(**fields, sha256=None, scores=scores, notes=notes),
    )


_CROPS_REPR = re.compile(r"CropPlan\(levels=(\([\d, ]*\)), fragment=(\d+), too_small='(\w+)'\)")


def _crops_of_repr(text: str) -> str:
    """Crops as canonical JSON, from the ``repr`` that the first schema stored."""
    match = _CROPS_REPR.fullmatch(text)
    if match is None:
        raise ValueError(f"crops {text!r}")
    levels, fragment, too_small = match.groups()
    return canonical(
        {"levels": list(ast.literal_eval(levels)), "fragment": int(fragment), "too_small": too_small}
    )
