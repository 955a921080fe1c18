"""Trial: damaged measurement stores through a run, which must notice or measure again."""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

from codecstudy.errors import ResultsError
from trials.commands import Ended, Server
from trials.session import Session, Trial, differences, timeless
from trials.tally import Tally


def _flip_bits(path: Path, chance: random.Random) -> None:
    data = bytearray(path.read_bytes())
    for _ in range(chance.choice((1, 1, 5, 100))):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    path.write_bytes(data)


def _truncate(path: Path, chance: random.Random) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: chance.choice((0, 10, 100, 4096, chance.randrange(len(data))))])


def _wipe_a_page(path: Path, chance: random.Random) -> None:
    data = path.read_bytes()
    start = 4096 * chance.randrange(len(data) // 4096)
    path.write_bytes(data[:start] + bytes([chance.choice((0, 255))]) * 4096 + data[start + 4096 :])


def _swap_pages(path: Path, chance: random.Random) -> None:
    data = path.read_bytes()
    pages = [data[at : at + 4096] for at in range(0, len(data), 4096)]
    one, other = chance.sample(range(len(pages)), 2)
    pages[one], pages[other] = pages[other], pages[one]
    path.write_bytes(b"".join(pages))


def _flip_a_digit(path: Path, chance: random.Random) -> None:
    """One digit within the text of a row, so that everything else stays as it should be."""
    data = bytearray(path.read_bytes())
    start = data.find(b'"ssimulacra2":', chance.randrange(len(data) // 2))
    if start < 0:
        return _flip_bits(path, chance)
    digits = [at for at in range(start + 14, start + 24) if data[at : at + 1].isdigit()]
    data[chance.choice(digits)] ^= 1
    path.write_bytes(data)
    return None


def _change_values(path: Path, chance: random.Random) -> None:
    """Values of other types, or that no measurement has."""
    columns = {
        "encode": (
            "file_size",
            "width",
            "sha256",
            "notes",
            "encoding_time",
            "source",
            "measured_at",
            "conditions",
        ),
        "score": ("scores", "version", "metric", "cpu_time"),
        "conditions": ("setting", "encoder", "crops", "host"),
        "file": ("sha256", "size"),
    }
    values = (
        None,
        -1,
        0,
        1e308,
        "many",
        b"\xff\xfe",
        "{}",
        "[",
        '{"ssimulacra2": "x"}',
        '{"psnr": null}',
        "x" * 99999,
    )
    with closing(sqlite3.connect(path)) as db:
        for _ in range(chance.choice((1, 3))):
            table = chance.choice(sorted(columns))
            names = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
            if not (known := [name for name in columns[table] if name in names]):
                continue
            column = chance.choice(known)
            rows = (
                "" if chance.random() < 0.3 else f" WHERE {column} IN (SELECT {column} FROM {table} LIMIT 3)"
            )
            try:
                db.execute(f"UPDATE OR IGNORE {table} SET {column} = ?{rows}", (chance.choice(values),))
            except sqlite3.Error:  # NOT NULL, most often; a file that the schema allows is wanted
                continue
        db.commit()


def _change_the_schema(path: Path, chance: random.Random) -> None:
    statements = (
        "DROP TABLE score",
        "DROP TABLE file",
        "ALTER TABLE encode RENAME COLUMN file_size TO size",
        "PRAGMA user_version = 99",
        "PRAGMA user_version = 1",
        "PRAGMA user_version = 0",
        "PRAGMA application_id = 7",
        "DELETE FROM conditions",
        "DELETE FROM encode",
        "DELETE FROM score",
    )
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA foreign_keys = OFF")
        db.execute(chance.choice(statements))


def _odd_companions(path: Path, chance: random.Random) -> None:
    """What SQLite keeps beside the file, filled with noise."""
    for suffix in chance.choice((("-wal",), ("-journal",), ("-wal", "-shm"))):
        path.with_name(path.name + suffix).write_bytes(chance.randbytes(chance.choice((1, 32, 40_000))))


def _something_else(path: Path, chance: random.Random) -> None:
    path.unlink()
    match chance.randrange(4):
        case 0:
            path.mkdir()
        case 1:
            path.symlink_to(path.parent / "nowhere" / "store.sqlite")
        case 2:
            path.write_bytes(chance.randbytes(5000))
        case _:
            path.symlink_to(path)


DAMAGE: tuple[Callable[[Path, random.Random], None], ...] = (
    _flip_bits,
    _flip_a_digit,
    _change_values,
    _truncate,
    _wipe_a_page,
    _flip_a_digit,
    _change_values,
    _change_the_schema,
    _odd_companions,
    _swap_pages,
    _something_else,
)


def run(session: Session, cases: Sequence[int]) -> Tally:
    tally = Tally(TRIAL.name, TRIAL.what)
    measured, folder = session.measured, session.folder_for("stores")

    def run_again(server: Server, case: int) -> Ended:
        chance = random.Random(f"store {session.seed} {case}")
        root = folder / str(case)
        (root / "data").mkdir(parents=True)
        store = root / "data/store.sqlite"
        shutil.copy(measured.root / "data/store.sqlite", store)
        DAMAGE[case % len(DAMAGE)](store, chance)
        return server.run(measured.arguments(root, "--workers", "1"), root, seconds=90)

    for case, ended in zip(cases, session.servers.map(run_again, cases), strict=True):
        what = DAMAGE[case % len(DAMAGE)].__name__.strip("_").replace("_", " ")
        if not tally.judge(case, what, ended, answers=(0, 1)):
            continue
        try:
            wrong = differences(
                timeless(folder / str(case) / "data/metrics/trial/quality.json"), measured.records
            )
        except ResultsError as error:
            tally.fault(case, "lost", f"{what}: {error}")
        else:
            if wrong:
                tally.fault(case, "lost", f"{what}: {wrong} of {len(measured.records)} records are wrong")
    return tally


TRIAL = Trial("stores", "damaged measurement stores through a run", 50, run)
