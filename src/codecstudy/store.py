"""The measurement store: no measurement is lost or made twice.

One SQLite file per workspace, with a write-ahead log and full synchronous commits. Additions become durable with
the next :meth:`Store.commit`; a run calls it several times a second, so that a crash or a power failure loses
no more than what arrived in that fraction of a second, and tasks do not each wait for a disk flush.

An *encode* is one source under certain :class:`Conditions` (setting, versions, machine): its size and times, and
the hash of its bytes. *Scores* belong to an encode: one row per metric and version of the metric. So a new or
corrected metric adds rows and changes none.

Every row has a checksum. A row whose checksum does not match its values is treated as if it were not there, so it
is measured again, and is counted in :attr:`Store.damaged`. If SQLite cannot read the file, or rows are not where
they belong, that is an error that leaves the file as it is.
"""

from __future__ import annotations

import ast
import contextlib
import dataclasses
import functools
import itertools
import json
import logging
import math
import os
import re
import shlex
import shutil
import sqlite3
import struct
import tempfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from codecstudy.errors import StoreError
from codecstudy.files import sha256_of
from codecstudy.types import SCORE_TOLERANCE, Failure, Measurement, Outcome, Scores, Skip

log = logging.getLogger(__name__)

SCHEMA_VERSION = 4
# History:
# 1  (0.1) Table measurement: one row per task with all scores, under the hash of everything they depended on,
#    including the versions of all metrics. Table file as today.
# 2  Encodes, scores and skips are separate rows; conditions are shared by all sources; an encode has the
#    SHA-256 of its bytes. Crops are JSON instead of Python's repr.
# 3  Every row has a checksum.
# 4  Encodes have a column of figures that only some encoders have. Perceptual hashes have checksums.

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
    checksum INTEGER NOT NULL DEFAULT 0,
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
    checksum INTEGER NOT NULL DEFAULT 0,
    figures TEXT,                      -- JSON object of fields of Measurement that are not always there; or NULL
    UNIQUE (source, conditions)
);
CREATE TABLE score (
    encode INTEGER NOT NULL REFERENCES encode (id),
    metric TEXT NOT NULL,
    version TEXT NOT NULL,
    scores TEXT NOT NULL,              -- JSON object, by column; Infinity for a PSNR of identical images
    cpu_time REAL NOT NULL,            -- seconds; rows from schema 1: an equal share of the task's metrics
    scored_at TEXT NOT NULL,
    checksum INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (encode, metric, version)
) WITHOUT ROWID;
CREATE TABLE skip (
    source TEXT NOT NULL,
    conditions INTEGER NOT NULL REFERENCES conditions (id),
    reason TEXT NOT NULL,
    notes TEXT NOT NULL,
    measured_at TEXT NOT NULL,
    checksum INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (source, conditions)
) WITHOUT ROWID;
"""

_FILES = """
CREATE TABLE file (
    path BLOB PRIMARY KEY,
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    checksum INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
"""

_PHASHES = """
-- Perceptual hashes of sources. Created when it is missing: every schema version may have it. Files from before
-- version 4 have it without checksums.
CREATE TABLE IF NOT EXISTS phash (
    source TEXT NOT NULL,              -- SHA-256 of the source file
    algorithm TEXT NOT NULL,           -- hashes of different algorithms cannot be compared
    phash TEXT NOT NULL,               -- 16 hexadecimal digits
    checksum INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (source, algorithm)
) WITHOUT ROWID
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

_FIGURES = ("encoding_peak_memory",)
"""Members of column ``figures`` of table encode: optional fields of Measurement."""

_CHECKED: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "conditions": (("id", "setting", "encoder", "images", "crops", "host"), ()),
    "encode": (("id", "source", "conditions", *_ENCODED[:3], "sha256", "notes", "measured_at"), _ENCODED[3:]),
    "score": (("encode", "metric", "version", "scores", "scored_at"), ("cpu_time",)),
    "skip": (("source", "conditions", "reason", "notes", "measured_at"), ()),
    "file": (("path", "size", "mtime_ns", "sha256"), ()),
    "phash": (("source", "algorithm", "phash"), ()),
}
"""The columns of each table that its checksum covers: those of text and integers, and those of REAL."""

_OPTIONAL = {"encode": ("figures",)}
"""Further columns, which a checksum covers where they are not NULL: rows from before they existed keep theirs."""


def _checksum(table: str, form: str = "{table}.{name}") -> str:
    """SQL for the checksum of a row: CRC-32 of its integers and text, followed by the bytes of its numbers.

    ``form`` makes the SQL of a value from its ``name``: a column, or a parameter. SQLite has no checksum function
    of its own: :func:`_register` adds those that are used here, which are written in C.
    """
    texts, numbers = _CHECKED[table]
    values = [form.format(table=table, name=name) for name in texts]
    text = " || '|' || ".join(f"ifnull({value}, '')" for value in values)
    for name in _OPTIONAL.get(table, ()):
        text += f" || ifnull('|' || {form.format(table=table, name=name)}, '')"
    if numbers:
        # The exact 8 bytes: as text, SQLite rounds to 15 digits.
        values = [form.format(table=table, name=name) for name in numbers]
        packed = ", ".join(f"ifnull(CAST({value} AS REAL), 0.0)" for value in values)
        text = f"({text}) || doubles({packed})"
    return f"crc32(CAST({text} AS BLOB))"


def _register(db: sqlite3.Connection) -> None:
    """Add the SQL functions of :func:`_checksum` to a connection."""
    db.create_function("crc32", 1, zlib.crc32, deterministic=True)
    for count in {len(numbers) for _, numbers in _CHECKED.values()} - {0}:
        db.create_function("doubles", count, struct.Struct(f"<{count}d").pack, deterministic=True)


def _columns(table: str) -> list[str]:
    """All columns of a table but the checksum."""
    texts, numbers = _CHECKED[table]
    return [*texts, *numbers, *_OPTIONAL.get(table, ())]


def _insert(table: str, verb: str = "INSERT") -> str:
    """SQL that inserts a row with its checksum, from named parameters."""
    names = _columns(table)
    values = ", ".join(f":{name}" for name in names)
    return (
        f"{verb} INTO {table} ({', '.join(names)}, checksum) VALUES ({values}, {_checksum(table, ':{name}')})"
    )


_WANTED = "source IN (SELECT value FROM json_each(?)) AND conditions IN (SELECT value FROM json_each(?))"
"""SQL for encodes or skips of some sources under some conditions: two lists, as JSON."""

_IS_WHOLE = {table: f"{table}.checksum = {_checksum(table)}" for table in _CHECKED}
"""SQL for whether the checksum of a row matches its values, by table."""

_INSERT_CONDITIONS = _insert("conditions")
# The checksum of a row covers its id, which therefore must be known before the row is inserted.
_NEXT_CONDITIONS = (
    "SELECT ifnull(max(id), 0) + 1 FROM (SELECT id FROM conditions UNION ALL SELECT max(conditions) FROM encode "
    "UNION ALL SELECT max(conditions) FROM skip)"
)
_NEXT_ENCODE = "SELECT ifnull(max(id), 0) + 1 FROM encode"
_INSERT_ENCODE = _insert("encode")
# A row with the same content keeps its date.
_INSERT_SCORE = (
    _insert("score") + " ON CONFLICT DO UPDATE SET scores = excluded.scores, cpu_time = excluded.cpu_time, "
    "scored_at = excluded.scored_at, checksum = excluded.checksum WHERE scores != excluded.scores "
    f"OR cpu_time != excluded.cpu_time OR NOT {_IS_WHOLE['score']}"
)
_UPDATE_ENCODE = (
    "UPDATE encode SET sha256 = :sha256, notes = :notes, measured_at = :measured_at, figures = :figures, "
    f"{', '.join(f'{name} = :{name}' for name in _ENCODED)}, "
    f"checksum = {_checksum('encode', ':{name}')} WHERE id = :id"
)
_INSERT_SKIP = _insert("skip", "INSERT OR REPLACE")
_INSERT_FILE = _insert("file", "INSERT OR REPLACE")
_INSERT_PHASH = _insert("phash", "INSERT OR REPLACE")

_ADVICE = {
    sqlite3.SQLITE_BUSY: "Another codecstudy run may be using this workspace: wait for it, or use another folder "
    "with --root.",
    sqlite3.SQLITE_NOTADB: "That is not a measurement store, or its first bytes are damaged; it has been left as "
    "it is. Move it away; codecstudy will create a new one. If it was a store, keep the file: the command .recover "
    "of the program sqlite3 may still read it.",
    **dict.fromkeys(
        (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH),
        "The measurement store is damaged; it has been left as it is. 'codecstudy recover --root {root}' copies "
        "what can still be read into a new store. To measure everything again, move the file away.",
    ),
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


def _kind(error: Exception) -> int:
    """SQLite's kind of an error: the low byte of its code; the rest is a subtype (sqlite.org/rescode.html)."""
    return (getattr(error, "sqlite_errorcode", None) or sqlite3.SQLITE_ERROR) & 0xFF


class Store:
    """The open store of one workspace. One process can write at a time; another one gets an error.

    A store of an older schema is migrated when it is opened, in one transaction, after a copy of the old file has
    been made next to it (:attr:`backup`).

    Args:
        path: The file; it is created if there is none.
        named: What messages call it, if ``path`` is a temporary copy.

    Raises:
        StoreError: The file is not a store, is damaged, was written by a newer codecstudy, or is in use by another
            run. Every method raises it if the file turns out to be damaged.
    """

    def __init__(self, path: Path, *, named: Path | None = None) -> None:
        self.path = path
        self._named = named or path
        self.backup: Path | None = None
        """Copy of the file from before a schema migration; None without a migration."""
        self.damaged = 0
        """Rows found so far whose checksums do not match their values."""
        self._ids: dict[Conditions, int] = {}
        self._index: tuple[Sequence[Conditions], dict[int, int]] | None = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, timeout=LOCK_SECONDS, isolation_level=None)
            _register(self._db)
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
            case 1 | 2 | 3 as version:
                self._db.execute("COMMIT")  # a copy cannot be made within a transaction; the lock stays
                self.backup = _copy(self._db, self.path, version)
                log.warning(
                    "%s: migrating to schema version %d; the old file is kept as %s",
                    self.path,
                    SCHEMA_VERSION,
                    self.backup,
                )
                self._db.execute("BEGIN IMMEDIATE")
                if version == 1:
                    self._create(_TABLES)
                    _move_first_schema(self._db, self.path)
                    _add_checksums(self._db, ("file",))
                else:
                    self._db.execute("ALTER TABLE encode ADD COLUMN figures TEXT")
                    if version == 2:
                        _add_checksums(self._db, _CHECKED.keys() - {"phash"})
                self._db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
                self._db.execute("COMMIT")
            case _:
                self._db.execute("COMMIT")
        self._db.execute(_PHASHES)
        if "checksum" not in [name for _, name, *_ in self._db.execute("PRAGMA table_info(phash)")]:
            _add_checksums(self._db, ("phash",))

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
        if application != APPLICATION_ID and not self._has_our_tables():
            raise StoreError(
                f"{self._named}: an SQLite file, but not a measurement store. Move it away; codecstudy will create "
                "a new one."
            )
        if not 1 <= version <= SCHEMA_VERSION:
            raise StoreError(
                f"{self._named}: a measurement store of schema version {version}; this version of codecstudy reads "
                f"versions up to {SCHEMA_VERSION}. Use the codecstudy that wrote it, or move the file away to "
                "measure again."
            )
        return int(version)

    def _has_our_tables(self) -> bool:
        # The application id is in the file's header, which may be damaged like any other part.
        names = {name for (name,) in self._db.execute("SELECT name FROM sqlite_schema")}
        return _CHECKED.keys() - {"phash"} <= names

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn SQLite errors into StoreErrors with advice."""
        try:
            yield
        except (sqlite3.Error, UnicodeDecodeError) as error:  # the latter if a message quotes damaged text
            # SQLite may have rolled back the rows that these ids refer to.
            self._ids.clear()
            self._index = None
            raise StoreError(f"{self._named}: {error}. {self._advice(_kind(error))}") from None

    def _advice(self, kind: int) -> str:
        return _ADVICE.get(kind, _ADVICE_OTHERWISE).format(root=shlex.quote(str(self._named.parent.parent)))

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

    def _write(self, statement: str, values: Sequence[object] | Mapping[str, object]) -> None:
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
        with self._explained():
            index_of = self._index_of(conditions)
            # Two lists in two parameters: a statement may not have more parameters than 32,766.
            wanted = json.dumps(list(dict.fromkeys(sources))), json.dumps(list(index_of))
            where = f"WHERE {_WANTED}"
            query = (
                "SELECT source, conditions, metric, version, scores, cpu_time, notes, sha256, figures, "
                f"{', '.join(_ENCODED)} FROM encode "
                f"LEFT JOIN score ON score.encode = encode.id AND {_IS_WHOLE['score']} "
                f"{where} AND {_IS_WHOLE['encode']} ORDER BY source, conditions"
            )
            for key, group in itertools.groupby(self._db.execute(query, wanted), key=lambda row: row[:2]):
                measurement = _measurement(list(group), metrics)
                if measurement is None:
                    self._found_damaged("encode", 1)
                else:
                    yield key[0], index_of[key[1]], measurement
            query = f"SELECT source, conditions, reason, notes FROM skip {where} AND {_IS_WHOLE['skip']}"
            for source, number, reason, notes in self._db.execute(query, wanted):
                if (texts := _notes(notes)) is None or not isinstance(reason, str):
                    self._found_damaged("skip", 1)
                else:
                    yield source, index_of[number], Skip(reason, texts)

    def survey(
        self, sources: Iterable[str], conditions: Sequence[Conditions], metrics: Mapping[str, str]
    ) -> Iterator[tuple[str, int, int | None, int]]:
        """What :meth:`known` would yield, without the values: one query, which reads a million tasks in seconds.

        It checks the file's structure, and counts the damaged rows among those that it reads.

        Yields:
            Source, index into ``conditions``, size of the encoded file in bytes (None for a skip), and how many of
            the wanted metrics have scores.
        """
        with self._explained():
            self._check_structure()
            self._count_damaged("conditions")
            self._count_damaged("phash")
            index_of = self._index_of(conditions)
            wanted = json.dumps(list(dict.fromkeys(sources))), json.dumps(list(index_of))
            one_of = " OR ".join(["metric = ? AND version = ?"] * len(metrics)) or "false"
            versions = [text for pair in metrics.items() for text in pair]
            # Scores that are whole count 1, damaged ones a thousand.
            scored = (
                f"SELECT sum(CASE WHEN {_IS_WHOLE['score']} THEN 1 ELSE 1000 END) FROM score "
                f"WHERE score.encode = encode.id AND ({one_of})"
            )
            query = (
                f"SELECT {_IS_WHOLE['encode']}, ({scored}), source, conditions, file_size FROM encode "
                f"WHERE {_WANTED}"
            )
            damaged = {"encode": 0, "score": 0, "skip": 0}
            for whole, scores, source, number, size in self._db.execute(query, (*versions, *wanted)):
                scores_damaged, scores_whole = divmod(scores or 0, 1000)
                damaged["score"] += scores_damaged
                damaged["encode"] += not whole
                if whole:
                    yield source, index_of[number], size, scores_whole
            query = f"SELECT {_IS_WHOLE['skip']}, source, conditions FROM skip WHERE {_WANTED}"
            for whole, source, number in self._db.execute(query, wanted):
                damaged["skip"] += not whole
                if whole:
                    yield source, index_of[number], None, 0
            for table, count in damaged.items():
                self._found_damaged(table, count)

    def _index_of(self, conditions: Sequence[Conditions]) -> dict[int, int]:
        """Index into ``conditions`` by id in the store, for those that it has. Kept until a row is added."""
        if len(conditions) == 1:
            number = self._find(conditions[0])
            return {} if number is None else {number: 0}
        if self._index is None or self._index[0] is not conditions:
            place = {text: index for index, text in enumerate(conditions)}
            rows = self._db.execute(
                "SELECT id, setting, encoder, images, crops, host FROM conditions "
                f"WHERE {_IS_WHOLE['conditions']}"
            )
            found = {number: place[key] for number, *texts in rows if (key := Conditions(*texts)) in place}
            self._index = conditions, found
        return self._index[1]

    def _count_damaged(self, table: str) -> None:
        (count,) = self._db.execute(f"SELECT count(*) FROM {table} WHERE NOT {_IS_WHOLE[table]}").fetchone()
        self._found_damaged(table, count)

    def _check_structure(self) -> None:
        """Raise StoreError if rows are not where they belong: they may not be found, and additions may be lost.

        Such a file can be read without an error, and its rows have the right checksums. The check reads the whole
        file, about 700 MB a second if the system has it in memory.
        """
        (first,) = self._db.execute("PRAGMA integrity_check(1)").fetchone()
        if first != "ok":
            raise StoreError(f"{self._named}: {first}. {self._advice(sqlite3.SQLITE_CORRUPT)}")

    def _found_damaged(self, table: str, count: int) -> None:
        if not count:
            return
        self.damaged += count
        log.warning("%s: %d damaged rows in table %s are ignored", self._named, count, table)

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
        key = {"source": source, "conditions": self._id_of(conditions)}
        if isinstance(outcome, Skip):
            notes = json.dumps(outcome.notes)
            self._write(_INSERT_SKIP, {**key, "reason": outcome.reason, "notes": notes, "measured_at": now})
            return
        encode = self._put_encode(key, outcome, now)
        for metric, scores in outcome.scores.items():
            row = {
                "encode": encode,
                "metric": metric,
                "version": metrics[metric],
                "scores": json.dumps(scores.values),
                "cpu_time": scores.cpu_time,
                "scored_at": now,
            }
            self._write(_INSERT_SCORE, row)

    def _put_encode(self, key: dict[str, object], outcome: Measurement, now: str) -> int:
        """Insert or update the row of an encode; returns its id."""
        new = {
            **key,
            **{name: getattr(outcome, name) for name in _ENCODED},
            "sha256": outcome.sha256,
            "notes": json.dumps(outcome.notes),
            "measured_at": now,
            "figures": _figures_of(outcome),
        }
        where = "source = :source AND conditions = :conditions"
        query = f"SELECT id, measured_at, sha256, {', '.join(_ENCODED)} FROM encode WHERE {where}"
        with self._explained():
            row = self._db.execute(f"{query} AND {_IS_WHOLE['encode']}", key).fetchone()
        if row is None:
            # There may be a damaged row, and scores of the id of a row that was lost.
            with self._explained():
                (new["id"],) = self._db.execute(_NEXT_ENCODE).fetchone()
            scored = f"encode = :id OR encode IN (SELECT id FROM encode WHERE {where})"
            self._write(f"DELETE FROM score WHERE {scored}", new)
            self._write(f"DELETE FROM encode WHERE {where}", key)
            self._write(_INSERT_ENCODE, new)
            return int(new["id"])
        new["id"], measured_at, sha256, *before = row
        if not outcome.has_bytes(before[0], sha256):
            log.warning(
                "source %s, %s: encoded again, and the %d bytes are not the %d bytes of %s; "
                "the earlier measurement is replaced",
                *(key["source"], self._setting_of(key["conditions"])),
                *(outcome.file_size, before[0], measured_at),
            )
            self._write("DELETE FROM score WHERE encode = :id", new)
        if before == [new[name] for name in _ENCODED]:
            new["measured_at"] = measured_at
        new["sha256"] = outcome.sha256 or sha256
        self._write(_UPDATE_ENCODE, new)
        return int(new["id"])

    def _id_of(self, conditions: Conditions) -> int:
        if conditions not in self._ids:
            with self._explained():
                found = self._find(conditions)
                if found is None:
                    # What refers to a damaged row cannot be used any more, and must not refer to the new one.
                    (next_id,) = self._db.execute(_NEXT_CONDITIONS).fetchone()
                    self._write(f"DELETE FROM conditions WHERE NOT {_IS_WHOLE['conditions']}", ())
                    self._write(_INSERT_CONDITIONS, {"id": next_id, **dataclasses.asdict(conditions)})
                    found = int(next_id)
                    self._index = None
            self._ids[conditions] = found
        return self._ids[conditions]

    def _find(self, conditions: Conditions) -> int | None:
        """Id of conditions; None if the store does not have them."""
        texts = dataclasses.asdict(conditions)
        same = " AND ".join(f"{name} = :{name}" for name in texts)
        query = f"SELECT id FROM conditions WHERE {same} AND {_IS_WHOLE['conditions']}"
        row = self._db.execute(query, texts).fetchone()
        return None if row is None else int(row[0])

    def _setting_of(self, number: object) -> str:
        with self._explained():
            return str(
                self._db.execute("SELECT setting FROM conditions WHERE id = ?", (number,)).fetchone()[0]
            )

    def phashes(self, sources: Iterable[str], algorithm: str) -> dict[str, str]:
        """Perceptual hashes of these sources, by SHA-256, where they are known.

        Args:
            sources: SHA-256 of source files.
            algorithm: The algorithm that the hashes must come from.
        """
        query = (
            "SELECT source, phash FROM phash WHERE algorithm = ? AND source IN (SELECT value FROM json_each(?)) "
            f"AND {_IS_WHOLE['phash']}"
        )
        with self._explained():
            return dict(self._db.execute(query, (algorithm, json.dumps(list(dict.fromkeys(sources))))))

    def add_phash(self, source: str, algorithm: str, phash: str) -> None:
        """Remember the perceptual hash of a source, given by its SHA-256."""
        self._write(_INSERT_PHASH, {"source": source, "algorithm": algorithm, "phash": phash})

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
        key = {"path": os.fsencode(path), "size": status.st_size, "mtime_ns": changed}
        query = "SELECT sha256 FROM file WHERE path = :path AND size = :size AND mtime_ns = :mtime_ns"
        with self._explained():
            row = self._db.execute(f"{query} AND {_IS_WHOLE['file']}", key).fetchone()
        if row:
            return str(row[0])
        sha256 = sha256_of(path)
        self._write(_INSERT_FILE, {**key, "sha256": sha256})
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


def _measurement(rows: Sequence[tuple[Any, ...]], metrics: Mapping[str, str]) -> Measurement | None:
    """A measurement from its rows, one for each score; None if a value is not of its type.

    The checksums of these rows match, but those of rows from older schemas were computed when they were migrated.
    """
    scores = {}
    for _, _, metric, version, values, cpu_time, *_ in rows:
        if metrics.get(metric) == version:
            columns = _json(values)
            if (
                not isinstance(columns, dict)
                or not _are_numbers(columns.values())
                or not _are_times(cpu_time)
            ):
                continue
            scores[metric] = Scores(columns, cpu_time)
    text, sha256, figures, *numbers = rows[0][6:]
    notes, further = _notes(text), _figures(figures)
    sizes, times = numbers[:3], numbers[3:]
    if notes is None or further is None or not (sha256 is None or isinstance(sha256, str)):
        return None
    if not all(isinstance(size, int) and size > 0 for size in sizes) or not _are_times(*times):
        return None
    encoded = dict(zip(_ENCODED, numbers, strict=True))
    return Measurement(**encoded, sha256=sha256, scores=scores, notes=notes, **further)


def _figures_of(outcome: Measurement) -> str | None:
    """The content of column ``figures``."""
    given = {name: value for name in _FIGURES if (value := getattr(outcome, name)) is not None}
    return json.dumps(given) if given else None


@functools.lru_cache(maxsize=1000)
def _figures(text: object) -> dict[str, Any] | None:
    """The inverse of :func:`_figures_of`; None if the text is damaged."""
    if text is None:
        return {}
    figures = _json(text)
    if isinstance(figures, dict) and figures.keys() <= set(_FIGURES) and _are_numbers(figures.values()):
        return figures
    return None


def _json(text: object) -> object:
    """The value of JSON text; None if it is something else."""
    try:
        return json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        return None


@functools.lru_cache(maxsize=1000)
def _notes(text: object) -> tuple[str, ...] | None:
    notes = _json(text)
    if isinstance(notes, list) and all(isinstance(note, str) for note in notes):
        return tuple(notes)
    return None


def _are_numbers(values: Iterable[object]) -> bool:
    return all(type(value) in (int, float) and value == value for value in values)


def _are_times(*values: object) -> bool:
    return all(isinstance(value, float) and 0 <= value < math.inf for value in values)


# --- several stores --------------------------------------------------------------------------------------

_SHOWN = 3
"""Contradictions that a message names."""

_INCOMING = ("conditions", "encode", "score", "skip")

_SAME_TASK = "encode.source = new.source AND encode.conditions = new.conditions"
_SKIPPED = "skip.source = new.source AND skip.conditions = new.conditions"
# "new" are rows of the other store, whose conditions have been given the numbers that they have in this one.
_CONTRADICTIONS = (
    (
        "SELECT new.source, new.conditions, encode.file_size || ' bytes and ' || new.file_size || ' bytes', "
        f"new.id, NULL FROM new_encode new JOIN encode ON {_SAME_TASK} WHERE {_IS_WHOLE['encode']} AND "
        "((encode.file_size, encode.width, encode.height) != (new.file_size, new.width, new.height) "
        "OR encode.sha256 != new.sha256)"
    ),
    (
        "SELECT new.source, new.conditions, 'skipped and measured', new.id, NULL FROM new_encode new "
        f"JOIN skip ON {_SKIPPED} WHERE {_IS_WHOLE['skip']}"
    ),
    (
        "SELECT new.source, new.conditions, 'measured and skipped', NULL, new.rowid FROM new_skip new "
        f"JOIN encode ON {_SAME_TASK} WHERE {_IS_WHOLE['encode']}"
    ),
)
"""SQL for the tasks of which two stores say something else: source, conditions, what each of them says, and the row
of table new_encode or new_skip."""


@dataclass(frozen=True, slots=True)
class MergedStores:
    """What :func:`merge_stores` has done."""

    added: int
    """Encodes and skips that were added to the store."""
    duplicates: int
    """Encodes and skips that it already had; scores that it lacked have been added to them."""
    contradicting: int
    """Encodes, skips and scores of which the stores said something else, and one was chosen."""
    damaged: int
    """Rows that were left out because their checksums do not match."""


def merge_stores(
    paths: Sequence[Path], into: Path, *, prefer: Literal["first", "last"] | None = None
) -> MergedStores:
    """Add everything that other stores know to one store, which is created if there is none.

    Either all of it is added, or nothing. The other stores are not changed, and may be of an older schema. Which
    files have which content is not added: that is known of one machine only.

    Args:
        paths: The other stores.
        into: The store; what it already contains counts as the first.
        prefer: What to keep of two encodes of a task that differ in their bytes, or two scores of the same bytes
            that differ by more than :data:`SCORE_TOLERANCE`: the ``first`` or the ``last``. None: refuse them.

    Raises:
        StoreError: A store cannot be read, another run uses ``into``, or two of them contradict each other.
    """
    for path in paths:
        if not path.is_file():
            raise StoreError(f"{path}: there is no measurement store")
    is_new = not into.exists()
    try:
        with Store(into) as store, store._explained():
            store._db.execute("BEGIN IMMEDIATE")
            try:
                found = [_merge(store, path, prefer) for path in paths]
            except BaseException:
                store._db.execute("ROLLBACK")
                raise
            store.commit()
    except BaseException:
        if is_new:
            into.unlink(missing_ok=True)
        raise
    return MergedStores(*map(sum, zip(*found, strict=True))) if found else MergedStores(0, 0, 0, 0)


def _merge(store: Store, path: Path, prefer: str | None) -> tuple[int, int, int, int]:
    """Add another store to an open one, within its transaction; returns the members of :class:`MergedStores`."""
    db = store._db
    with private_copy(path) as copy, Store(copy, named=path) as other, other._explained():
        total, read = _read_incoming(db, other)
    for number, *texts in db.execute("SELECT id, setting, encoder, images, crops, host FROM new_conditions"):
        db.execute("INSERT INTO numbers VALUES (?, ?)", (number, store._id_of(Conditions(*texts))))
    for table in ("encode", "skip"):
        db.execute(
            f"UPDATE new_{table} SET conditions = (SELECT ours FROM numbers WHERE theirs = new_{table}.conditions)"
        )
        # Rows whose conditions are damaged cannot be used.
        db.execute(f"DELETE FROM new_{table} WHERE conditions IS NULL")
        db.execute(f"CREATE INDEX temp.task_of_{table} ON new_{table} (source, conditions)")
    # A damaged row counts as not there.
    same_encode = f"EXISTS (SELECT 1 FROM new_encode new WHERE {_SAME_TASK})"
    same_skip = f"EXISTS (SELECT 1 FROM new_skip new WHERE {_SKIPPED})"
    _delete_encodes(db, f"NOT {_IS_WHOLE['encode']} AND {same_encode}")
    db.execute(f"DELETE FROM skip WHERE NOT {_IS_WHOLE['skip']} AND {same_skip}")
    contradicting = _settle(store, path, prefer)
    (incoming,) = db.execute(
        "SELECT (SELECT count(*) FROM new_encode) + (SELECT count(*) FROM new_skip)"
    ).fetchone()
    added = _add_incoming(db)
    scores = _settle_scores(store, path, prefer)
    columns = _columns("score")
    named = ", ".join(f"new.{name}" for name in columns[1:])
    db.execute(
        f"INSERT OR IGNORE INTO score ({', '.join(columns)}, checksum) SELECT *, {_checksum('score')} FROM "
        f"(SELECT ids.ours AS encode, {named} FROM new_score new JOIN ids ON ids.theirs = new.encode) AS score"
    )
    return added, incoming - added, contradicting + scores, total - read


def _read_incoming(db: sqlite3.Connection, other: Store) -> tuple[int, int]:
    """Copy another store's whole rows to temporary tables; returns how many rows it has, and how many are whole."""
    total = read = 0
    for name in (*(f"new_{table}" for table in _INCOMING), "numbers", "ids"):
        db.execute(f"DROP TABLE IF EXISTS temp.{name}")
    for table in _INCOMING:
        columns = _columns(table)
        names, marks = ", ".join(columns), ", ".join("?" * len(columns))
        db.execute(f"CREATE TEMP TABLE new_{table} ({names})")
        rows = other._db.execute(f"SELECT {names} FROM {table} WHERE {_IS_WHOLE[table]}")
        db.executemany(f"INSERT INTO new_{table} VALUES ({marks})", rows)
        read += db.execute(f"SELECT count(*) FROM new_{table}").fetchone()[0]
        total += other._db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
    db.execute("CREATE TEMP TABLE numbers (theirs INTEGER PRIMARY KEY, ours INTEGER)")
    db.execute("CREATE TEMP TABLE ids (theirs INTEGER PRIMARY KEY, ours INTEGER)")
    db.executemany(
        "INSERT OR IGNORE INTO phash (source, algorithm, phash, checksum) VALUES (?, ?, ?, ?)",
        other._db.execute(f"SELECT source, algorithm, phash, checksum FROM phash WHERE {_IS_WHOLE['phash']}"),
    )
    return total, read


def _settle(store: Store, path: Path, prefer: str | None) -> int:
    """Delete what is not preferred of encodes and skips that contradict each other; returns their number."""
    db = store._db
    found = [row for query in _CONTRADICTIONS for row in db.execute(query)]
    if found and prefer is None:
        raise _contradiction(store, path, [row[:3] for row in found])
    for source, number, _, encode, skip in found:
        if prefer == "last":
            key = {"source": source, "conditions": number}
            where = "source = :source AND conditions = :conditions"
            _delete_encodes(db, where, key)
            db.execute(f"DELETE FROM skip WHERE {where}", key)
        else:
            db.execute("DELETE FROM new_encode WHERE id = ?", (encode,))
            db.execute("DELETE FROM new_skip WHERE rowid = ?", (skip,))
    return len(found)


def _delete_encodes(db: sqlite3.Connection, where: str, values: Mapping[str, object] | None = None) -> None:
    """Delete encodes with their scores."""
    db.execute(f"DELETE FROM score WHERE encode IN (SELECT id FROM encode WHERE {where})", values or {})
    db.execute(f"DELETE FROM encode WHERE {where}", values or {})


def _add_incoming(db: sqlite3.Connection) -> int:
    """Add the encodes and skips that are not there, and fill table ids; returns how many were added."""
    added = 0
    # There may be scores of encodes that were lost.
    (last,) = db.execute(
        "SELECT max(ifnull((SELECT max(id) FROM encode), 0), ifnull((SELECT max(encode) FROM score), 0))"
    ).fetchone()
    for table, same, number in (
        ("encode", _SAME_TASK, f"{last} + row_number() OVER (ORDER BY new.id) AS id"),
        ("skip", _SKIPPED, None),
    ):
        columns = _columns(table)
        values = [number if name == "id" and number else f"new.{name}" for name in columns]
        added += db.execute(
            f"INSERT INTO {table} ({', '.join(columns)}, checksum) SELECT *, {_checksum(table)} FROM "
            f"(SELECT {', '.join(values)} FROM new_{table} new "
            f"WHERE NOT EXISTS (SELECT 1 FROM {table} WHERE {same})) AS {table}"
        ).rowcount
    db.execute(f"INSERT INTO ids SELECT new.id, encode.id FROM new_encode new JOIN encode ON {_SAME_TASK}")
    return added


def _settle_scores(store: Store, path: Path, prefer: str | None) -> int:
    """The same as :func:`_settle` for scores of the same bytes."""
    db = store._db
    db.execute(f"DELETE FROM score WHERE encode IN (SELECT ours FROM ids) AND NOT {_IS_WHOLE['score']}")
    rows = db.execute(
        "SELECT encode.source, encode.conditions, score.scores, new.scores, score.encode, score.metric, "
        "score.version FROM new_score new JOIN ids ON ids.theirs = new.encode JOIN encode ON encode.id = ids.ours "
        "JOIN score ON score.encode = ids.ours AND score.metric = new.metric AND score.version = new.version "
        "WHERE score.scores != new.scores"
    )
    found = [row for row in rows if not _are_close(row[2], row[3])]
    if found and prefer is None:
        said = [(source, number, f"{ours} and {theirs}") for source, number, ours, theirs, *_ in found]
        raise _contradiction(store, path, said)
    if prefer == "last":
        for *_, encode, metric, version in found:
            db.execute(
                "DELETE FROM score WHERE encode = ? AND metric = ? AND version = ?", (encode, metric, version)
            )
    return len(found)


def _are_close(ours: str, theirs: str) -> bool:
    """Whether two rows contain the same scores, to within :data:`SCORE_TOLERANCE`."""
    a, b = _json(ours), _json(theirs)
    if not isinstance(a, dict) or not isinstance(b, dict) or a.keys() != b.keys():
        return False
    if not _are_numbers(a.values()) or not _are_numbers(b.values()):
        return False
    return all(value == b[name] or abs(value - b[name]) <= SCORE_TOLERANCE for name, value in a.items())


def _contradiction(store: Store, path: Path, found: Sequence[tuple[str, int, str]]) -> StoreError:
    examples = "; ".join(
        f"source {source[:12]}, {store._setting_of(number)}: {said}"
        for source, number, said in found[:_SHOWN]
    )
    more = f" and {len(found) - _SHOWN:,} more" if len(found) > _SHOWN else ""
    return StoreError(
        f"{store._named} and {path} contradict each other: {examples}{more}. Nothing was merged. Give --prefer "
        "first or --prefer last (in Python, prefer=...) to choose"
    )


# --- damaged files ---------------------------------------------------------------------------------------

_RANGE = 256
"""Ids that are read at once."""
_MAX_UNREADABLE = 100_000
"""Consecutive ids that cannot be read after which the rest of a table is given up."""


@dataclass(frozen=True, slots=True)
class Recovered:
    """What :func:`recover` has found."""

    damaged: Path
    """Where the damaged file is kept."""
    rows: dict[str, int]
    """Rows that were copied, by table."""


def recover(path: Path) -> Recovered:
    """Copy every row that can be read, and whose checksum matches, into a new store that takes the old one's place.

    The damaged file is kept next to it. Nothing is replaced if nothing could be read.

    Raises:
        StoreError: There is no store, another run uses it, or it has no row that can be read and has a checksum.
    """
    if not path.is_file():
        raise StoreError(f"{path}: there is no measurement store")
    fresh = path.with_name(f"{path.name}.recovered")
    for leftover in (fresh, Path(f"{fresh}-wal"), Path(f"{fresh}-shm")):
        leftover.unlink(missing_ok=True)
    rows = dict.fromkeys(_CHECKED, 0)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as old, Store(fresh) as new:
        _register(old)
        try:
            old.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            if _kind(error) == sqlite3.SQLITE_BUSY:
                raise StoreError(f"{path}: {error}. {_ADVICE[sqlite3.SQLITE_BUSY]}") from None
        for table, names in _OPTIONAL.items():
            # A file of an older schema gets these columns until it is closed, which takes the change back.
            for name in names:
                with contextlib.suppress(sqlite3.Error):
                    old.execute(f"ALTER TABLE {table} ADD COLUMN {name} TEXT")
        with new._explained():
            new._db.execute("BEGIN")
            for table in _CHECKED:
                insert = _insert(table, "INSERT OR IGNORE")
                columns = _columns(table)
                for found in _readable(old, table, columns):
                    new._db.executemany(insert, [dict(zip(columns, row, strict=True)) for row in found])
                rows[table] = new._db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
    if not any(rows.values()):
        fresh.unlink()
        raise StoreError(
            f"{path}: nothing in it can be read; it has been left as it is. Move it away; codecstudy will create a "
            "new one."
        )
    number = next(n for n in itertools.count(1) if not path.with_name(f"{path.name}.damaged{n}").exists())
    kept = path.with_name(f"{path.name}.damaged{number}")
    # The log first: it must not be applied to the new file.
    for suffix in ("-wal", "-shm", ""):
        if (part := Path(f"{path}{suffix}")).exists():
            part.rename(f"{kept}{suffix}")
    fresh.rename(path)
    return Recovered(kept, rows)


def _readable(db: sqlite3.Connection, table: str, names: Sequence[str]) -> Iterator[list[tuple[Any, ...]]]:
    """The whole rows of a table, without those on damaged pages."""
    select = f"SELECT {', '.join(names)} FROM {table} WHERE {_IS_WHOLE[table]}"
    key = {"conditions": "id", "encode": "id", "score": "encode"}.get(table)
    if key is None:
        # The keys are text: read from both ends up to the damaged pages.
        order = {"skip": ("source", "conditions"), "file": ("path",), "phash": ("source", "algorithm")}[table]
        for direction in ("ASC", "DESC"):
            ordered = ", ".join(f"{name} {direction}" for name in order)
            with contextlib.suppress(sqlite3.Error, UnicodeDecodeError):
                for row in db.execute(f"{select} ORDER BY {ordered}"):
                    yield [row]
        return
    # Rows that are not where they belong are only found by reading all of them, up to a damaged page; the rows
    # after such a page only by their ids. The caller ignores what comes twice.
    with contextlib.suppress(sqlite3.Error, UnicodeDecodeError):
        rows = db.execute(select)
        while some := rows.fetchmany(_RANGE):
            yield some
    at, unreadable, count = 0, 0, _RANGE
    while unreadable < _MAX_UNREADABLE:
        try:
            (first,) = db.execute(f"SELECT min({key}) FROM {table} WHERE {key} >= ?", (at,)).fetchone()
            if first is None:
                return
            found = db.execute(f"{select} AND {key} BETWEEN ? AND ?", (first, first + count - 1)).fetchall()
        except (sqlite3.Error, UnicodeDecodeError, OverflowError):
            if count == 1:
                at, unreadable = at + 1, unreadable + 1
            count = 1
            continue
        yield found
        at, unreadable, count = first + count, 0, _RANGE


# --- older schemas -------------------------------------------------------------------------------------


def _copy(db: sqlite3.Connection, path: Path, version: int) -> Path:
    """Keep a copy of a store of an older schema next to it: written to a temporary file, then renamed."""
    backup = path.with_name(f"{path.name}.v{version}-backup")
    temporary = path.with_name(f"{backup.name}.tmp")
    temporary.unlink(missing_ok=True)
    with contextlib.closing(sqlite3.connect(temporary)) as copy:
        db.backup(copy)
    with temporary.open("rb") as file:
        os.fsync(file.fileno())
    temporary.replace(backup)
    return backup


def _add_checksums(db: sqlite3.Connection, tables: Iterable[str]) -> None:
    """Add the column of checksums to tables of an older schema."""
    for table in tables:
        db.execute(f"ALTER TABLE {table} ADD COLUMN checksum INTEGER NOT NULL DEFAULT 0")
        _fill_checksums(db, table)


_PLAUSIBLE = {
    "encode": " AND ".join(
        [
            *(f"typeof({name}) = 'integer' AND {name} > 0" for name in _ENCODED[:3]),
            *(f"typeof({name}) = 'real' AND {name} >= 0" for name in _ENCODED[3:]),
            "json_valid(notes) AND json_type(notes) = 'array'",
        ]
    ),
    # An infinite PSNR is the only thing that Python writes and SQLite does not read.
    "score": "typeof(cpu_time) = 'real' AND cpu_time >= 0 AND json_valid(replace(scores, 'Infinity', '0')) "
    "AND json_type(replace(scores, 'Infinity', '0')) = 'object'",
    "skip": "typeof(reason) = 'text' AND json_valid(notes) AND json_type(notes) = 'array'",
}
"""SQL for rows of older schemas that get a checksum: others are damaged."""


def _fill_checksums(db: sqlite3.Connection, table: str) -> None:
    db.execute(f"UPDATE {table} SET checksum = {_checksum(table)} WHERE {_PLAUSIBLE.get(table, 'true')}")


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
            ids[conditions] = len(ids) + 1
            db.execute(_INSERT_CONDITIONS, {"id": ids[conditions], **dataclasses.asdict(conditions)})
        key = source, ids[conditions]
        if isinstance(outcome, Skip):
            db.execute(
                "INSERT OR IGNORE INTO skip VALUES (?, ?, ?, ?, ?, 0)",
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
            "INSERT OR IGNORE INTO score VALUES (?, ?, ?, ?, ?, ?, 0)",
            [
                (encode, name, metrics[name], json.dumps(scores.values), scores.cpu_time, measured_at)
                for name, scores in outcome.scores.items()
            ],
        )
    db.execute("DROP TABLE measurement")
    for table in ("encode", "score", "skip"):
        _fill_checksums(db, table)


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
