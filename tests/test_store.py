"""The measurement store: what was committed is there, whatever happens to the process."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codecstudy.errors import StoreError
from codecstudy.store import SCHEMA_VERSION, Conditions, Store, recover
from codecstudy.types import Failure, Measurement, Scores, Skip

SOURCE = "5" * 64
VERSIONS = {"psnr": "1"}


def measurement(size: int = 100, psnr: float = 40.0, sha256: str | None = None) -> Measurement:
    scores = {"psnr": Scores({"psnr": psnr}, 0.02)}
    sha256 = f"{size:064x}" if sha256 is None else sha256
    return Measurement(size, 8, 8, 0.1, 0.1, 0.01, 0.01, sha256, scores, ("grey expanded",))


def conditions(number: int) -> Conditions:
    return Conditions(f'{{"format":"jpeg","quality":{number}}}', "libjpeg 3", "Pillow 12", "", "a machine")


def known(
    store: Store, numbers: Iterable[int], versions: dict[str, str] = VERSIONS
) -> dict[int, Measurement | Skip]:
    wanted = list(numbers)
    surveyed = list(store.survey([SOURCE], [conditions(n) for n in wanted], versions))
    found = list(store.known([SOURCE], [conditions(n) for n in wanted], versions))
    brief = {
        (source, index, outcome.file_size, len(outcome.scores))
        if isinstance(outcome, Measurement)
        else (source, index, None, 0)
        for source, index, outcome in found
    }
    assert set(surveyed) == brief
    return {wanted[index]: outcome for _, index, outcome in found}


def add(store: Store, number: int, outcome: Measurement | Skip | Failure, **versions: str) -> None:
    store.add(SOURCE, conditions(number), outcome, versions or VERSIONS)


def test_what_was_added_is_known(tmp_path: Path) -> None:
    with Store(tmp_path / "store.sqlite") as store:
        add(store, 1, measurement(psnr=math.inf))
        add(store, 2, Skip("too small", ("a note",)))
    with Store(tmp_path / "store.sqlite") as store:
        assert known(store, range(3)) == {1: measurement(psnr=math.inf), 2: Skip("too small", ("a note",))}
        assert store.count() == 2
        assert not list(store.known(["another source"], [conditions(1)], VERSIONS))


@pytest.mark.parametrize("field", ["setting", "encoder", "images", "crops", "host"])
def test_an_outcome_is_known_under_its_own_conditions_alone(tmp_path: Path, field: str) -> None:
    other = dataclasses.replace(conditions(1), **{field: "other"})
    with Store(tmp_path / "store.sqlite") as store:
        add(store, 1, measurement())
        assert not list(store.known([SOURCE], [other], VERSIONS))
        store.add(SOURCE, other, measurement(7), VERSIONS)
        found = {
            index: outcome for _, index, outcome in store.known([SOURCE], [other, conditions(1)], VERSIONS)
        }
        assert found == {0: measurement(7), 1: measurement()}


def test_a_failure_is_tried_again(tmp_path: Path) -> None:
    with Store(tmp_path / "store.sqlite") as store:
        add(store, 1, Failure("crash", "killed by SIGKILL"))
        assert known(store, [1]) == {}


def test_many_at_once(tmp_path: Path) -> None:
    with Store(tmp_path / "store.sqlite") as store:
        for n in range(1200):
            add(store, n, measurement(n + 1))
        assert known(store, range(1300)) == {n: measurement(n + 1) for n in range(1200)}


def test_another_metric_or_version_adds_scores_and_loses_nothing(tmp_path: Path) -> None:
    with Store(tmp_path / "store.sqlite") as store:
        add(store, 1, measurement())
    with Store(tmp_path / "store.sqlite") as store:
        (first,) = known(store, [1]).values()
        assert isinstance(first, Measurement)
        unscored = dataclasses.replace(first, scores={})
        assert known(store, [1], {"ssim": "1"}) == {1: unscored}
        assert known(store, [1], {"psnr": "2"}) == {1: unscored}
        corrected = dataclasses.replace(first, scores={"psnr": Scores({"psnr": 41.0}, 0.5)})
        add(store, 1, corrected, psnr="2")
        assert known(store, [1], {"psnr": "1"}) == {1: first}
        assert known(store, [1], {"psnr": "2"}) == {1: corrected}
        more = dataclasses.replace(first, scores=first.scores | {"ssim": Scores({"ssim": 0.9}, 0.1)})
        add(store, 1, more, psnr="1", ssim="1")
        assert known(store, [1], {"psnr": "1", "ssim": "1"}) == {1: more}
        assert store.count() == 1


def test_other_bytes_replace_an_encode_and_that_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ssim = {"ssim": Scores({"ssim": 0.9}, 0.1)}
    with Store(tmp_path / "store.sqlite") as store:
        add(store, 1, dataclasses.replace(measurement(), scores=ssim), ssim="1")
        add(store, 1, dataclasses.replace(measurement(), encoding_time=7.0))
        (again,) = known(store, [1], VERSIONS | {"ssim": "1"}).values()
        assert isinstance(again, Measurement)
        assert (again.encoding_time, again.scores.keys()) == (7.0, {"psnr", "ssim"})
        assert not caplog.records
        add(store, 1, measurement(sha256="a" * 64))
        (replaced,) = known(store, [1], VERSIONS | {"ssim": "1"}).values()
        assert isinstance(replaced, Measurement)
        assert (replaced.sha256, replaced.scores.keys()) == ("a" * 64, {"psnr"})
    (record,) = caplog.records
    assert "the earlier measurement is replaced" in record.getMessage()


def test_the_date_of_an_encode_is_that_of_its_times(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"

    def dates() -> tuple[str, str]:
        db = sqlite3.connect(path)
        found = db.execute("SELECT measured_at, scored_at FROM encode, score").fetchone()
        db.close()
        return found  # type: ignore[no-any-return]

    with Store(path) as store:
        add(store, 1, measurement())
    first = dates()
    with Store(path) as store:
        add(store, 1, measurement())
    assert dates() == first
    with Store(path) as store:
        add(store, 1, dataclasses.replace(measurement(), encoding_time=7.0))
    assert dates()[0] > first[0]


def test_another_schema_version_is_refused_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    Store(path).close()
    db = sqlite3.connect(path)
    db.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    db.close()
    with pytest.raises(
        StoreError, match=rf"schema version {SCHEMA_VERSION + 1}.*Use the codecstudy that wrote it"
    ):
        Store(path)


@pytest.mark.parametrize(
    "content", [b"not a database at all, but long enough to have a header" * 40, b"hello"]
)
def test_a_file_that_is_no_store_is_refused_and_kept(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "store.sqlite"
    path.write_bytes(content)
    with pytest.raises(StoreError, match="not a measurement store"):
        Store(path)
    assert path.read_bytes() == content


def test_another_programs_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE holiday (day)")
    db.commit()
    db.close()
    with pytest.raises(StoreError, match="not a measurement store"):
        Store(path)


def test_a_folder_in_its_place_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be opened"):
        Store(tmp_path)


def test_a_second_writer_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("codecstudy.store.LOCK_SECONDS", 0.1)
    with Store(tmp_path / "store.sqlite"), pytest.raises(StoreError, match="Another codecstudy run"):
        Store(tmp_path / "store.sqlite")


def test_what_was_committed_survives_sigkill_and_the_rest_is_not_torn(tmp_path: Path) -> None:
    script = textwrap.dedent(
        f"""
        import os, signal, sys
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        from pathlib import Path
        from test_store import add, measurement
        from codecstudy.store import Store
        store = Store(Path({str(tmp_path)!r}) / "store.sqlite")
        for n in range(50):
            add(store, n, measurement())
        store.commit()
        for n in range(50, 80):
            add(store, n, measurement())
        os.kill(os.getpid(), signal.SIGKILL)
        """
    )
    done = subprocess.run([sys.executable, "-c", script], check=False)
    assert done.returncode == -signal.SIGKILL
    with Store(tmp_path / "store.sqlite") as store:
        assert store.count() == 50


def test_a_torn_log_opens_with_what_was_whole(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    store = Store(path)
    for n in range(20):
        add(store, n, measurement())
        store.commit()
    # The state that a power cut leaves: the files as they are on disk, the end of the log missing.
    log = Path(f"{path}-wal").read_bytes()
    torn = tmp_path / "torn" / "store.sqlite"
    torn.parent.mkdir()
    torn.write_bytes(path.read_bytes())
    Path(f"{torn}-wal").write_bytes(log[: len(log) - 3000])
    store.close()
    with Store(torn) as opened:
        assert 0 < opened.count() < 20
        add(opened, 99, measurement())


def test_content_hash_follows_the_content(tmp_path: Path) -> None:
    image = tmp_path / "a.png"
    image.write_bytes(b"one")
    with Store(tmp_path / "store.sqlite") as store:
        first = store.content_hash(image)
        assert store.content_hash(image) == first
        image.write_bytes(b"other")
        assert store.content_hash(image) != first


def test_a_file_replaced_by_one_of_the_same_size_and_date_is_read_again(tmp_path: Path) -> None:
    image = tmp_path / "a.ppm"
    image.write_bytes(b"one")
    date = image.stat().st_mtime_ns
    with Store(tmp_path / "store.sqlite") as store:
        first = store.content_hash(image)
        image.write_bytes(b"two")
        os.utime(image, ns=(date, date))
        assert store.content_hash(image) != first


def test_another_programs_database_is_not_changed(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE holiday (day)")
    db.commit()
    db.close()
    before = path.read_bytes()
    with pytest.raises(StoreError):
        Store(path)
    assert path.read_bytes() == before
    assert [found.name for found in tmp_path.iterdir()] == ["store.sqlite"]


def test_a_full_disk_is_an_error_that_says_so_and_keeps_what_was_committed(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    store = Store(path)
    add(store, 0, measurement())
    store.commit()
    (pages,) = store._db.execute("PRAGMA page_count").fetchone()
    store._db.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StoreError, match=r"disk is full.*Free some disk space"):
        all(add(store, number, measurement()) is None for number in range(1, 1000))
    store.close()
    with Store(path) as again:
        assert again.count() >= 1


def test_a_store_that_cannot_be_written_is_not_blamed_on_another_run(tmp_path: Path) -> None:
    store = Store(tmp_path / "store.sqlite")
    store._db.execute("PRAGMA query_only = ON")
    with pytest.raises(StoreError, match="is writable") as refused:
        add(store, 0, measurement())
    assert "Another codecstudy run" not in str(refused.value)
    store.close()


def test_a_damaged_store_is_an_error_that_says_so(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    with Store(path) as store:
        for number in range(2000):
            add(store, number, measurement())
    whole = path.read_bytes()
    path.write_bytes(whole[:8192] + bytes(len(whole) - 8192))
    with Store(path) as store, pytest.raises(StoreError, match=r"is damaged.*codecstudy recover"):
        known(store, range(2000))


def test_pages_that_changed_places_are_an_error(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    with Store(path) as store:
        for number in range(200):
            add(store, number, measurement())
    data = path.read_bytes()
    pages = [data[at : at + 4096] for at in range(0, len(data), 4096)]
    leaf_of_an_index = 10
    one, other, *_ = (n for n, page in enumerate(pages) if page[0] == leaf_of_an_index and b'"psnr"' in page)
    pages[one], pages[other] = pages[other], pages[one]
    path.write_bytes(b"".join(pages))
    # Every row can be read and has the right checksum, but some are not found by their keys.
    with Store(path) as store, pytest.raises(StoreError, match=r"order.*is damaged.*codecstudy recover"):
        list(store.survey([SOURCE], [conditions(1)], VERSIONS))
    assert recover(path).rows["score"] == 200


def test_a_damaged_perceptual_hash_is_unknown(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    with Store(path) as store:
        for source in ("a", "b"):
            store.add_phash(source, "dct 1", "0123456789abcdef")
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("UPDATE phash SET phash = '0123456789abcdee' WHERE source = 'a'")
        db.commit()
    with Store(path) as store:
        assert store.phashes(["a", "b"], "dct 1") == {"b": "0123456789abcdef"}
        list(store.survey([], [], VERSIONS))
        assert store.damaged == 1


def damage_rows(path: Path) -> None:
    """Change one digit of one row of each table behind the store's back."""
    db = sqlite3.connect(path)
    db.execute("UPDATE encode SET encoding_time = encoding_time + 1e-16 WHERE file_size = 102")
    db.execute("UPDATE score SET scores = '{\"psnr\": 41.0}' WHERE encode = (SELECT id FROM encode LIMIT 1)")
    db.execute("UPDATE skip SET reason = 'too smalL'")
    db.execute("UPDATE conditions SET images = 'Pillow 13' WHERE setting LIKE '%:4}'")
    db.execute("UPDATE file SET sha256 = 'no hash'")
    db.commit()
    db.close()


def test_a_row_with_a_wrong_checksum_is_unknown_and_can_be_measured_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path, image = tmp_path / "store.sqlite", tmp_path / "a.png"
    image.write_bytes(b"one")
    whole: dict[int, Measurement | Skip] = {n: measurement(100 + n) for n in range(5)}
    whole[5] = Skip("too small")
    with Store(path) as store:
        for number, outcome in whole.items():
            add(store, number, outcome)
        sha256 = store.content_hash(image)
    damage_rows(path)
    with Store(path) as store:
        unscored = dataclasses.replace(measurement(100), scores={})
        assert known(store, range(6)) == {0: unscored, 1: whole[1], 3: whole[3]}
        # One of each table but file, of which the store has not been asked.
        assert store.damaged == 4
        assert str(path) in caplog.text
        assert store.content_hash(image) == sha256
        for number, outcome in whole.items():
            add(store, number, outcome)
        assert known(store, range(6)) == whole
    with Store(path) as store:
        assert known(store, range(6)) == whole
        assert store.damaged == 0
        assert store.content_hash(image) == sha256


def test_garbage_in_a_store_of_the_second_schema_is_unknown(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    with Store(path) as store:
        for number in range(4):
            add(store, number, measurement(100 + number))
        add(store, 4, Skip("too small"))
    db = sqlite3.connect(path)
    db.execute("UPDATE encode SET notes = '[' WHERE file_size = 100")
    db.execute("UPDATE encode SET width = 'wide' WHERE file_size = 101")
    db.execute("UPDATE encode SET decoding_time = -1 WHERE file_size = 102")
    db.execute("UPDATE score SET scores = '[1]'")
    db.execute("UPDATE skip SET notes = '{}'")
    for table in ("encode", "score", "skip", "conditions", "file"):
        db.execute(f"ALTER TABLE {table} DROP COLUMN checksum")
    db.execute("ALTER TABLE encode DROP COLUMN figures")
    db.execute("PRAGMA user_version = 2")
    db.commit()
    db.close()
    with Store(path) as store:
        assert store.backup == tmp_path / "store.sqlite.v2-backup"
        assert known(store, range(5)) == {3: dataclasses.replace(measurement(103), scores={})}
        assert store.damaged == 3 + 4 + 1


def test_a_store_of_the_second_schema_gets_checksums_and_a_copy_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    outcomes: dict[int, Measurement | Skip] = {n: measurement(100 + n) for n in range(50)}
    outcomes[50] = Skip("too small")
    with Store(path) as store:
        for number, outcome in outcomes.items():
            add(store, number, outcome)
    db = sqlite3.connect(path)
    for table in ("encode", "score", "skip", "conditions", "file"):
        db.execute(f"ALTER TABLE {table} DROP COLUMN checksum")
    db.execute("ALTER TABLE encode DROP COLUMN figures")
    db.execute("PRAGMA user_version = 2")
    db.close()
    before = path.read_bytes()
    with Store(path) as store:
        assert store.backup == tmp_path / "store.sqlite.v2-backup"
        assert known(store, range(51)) == outcomes
        assert store.damaged == 0
    assert len(store.backup.read_bytes()) == len(before)
    with Store(path) as store:
        assert store.backup is None
        assert known(store, range(51)) == outcomes


def third_schema(path: Path) -> dict[int, Measurement | Skip]:
    """A store as version 3 of the schema had it; returns its content."""
    outcomes: dict[int, Measurement | Skip] = {n: measurement(100 + n) for n in range(600)}
    with Store(path) as store:
        for number, outcome in outcomes.items():
            add(store, number, outcome)
        store.add_phash(SOURCE, "dct 1", "0123456789abcdef")
    db = sqlite3.connect(path)
    db.execute("UPDATE encode SET file_size = 7 WHERE file_size = 100")
    db.execute("ALTER TABLE phash DROP COLUMN checksum")
    db.execute("ALTER TABLE encode DROP COLUMN figures")
    db.execute("PRAGMA user_version = 3")
    db.commit()
    db.close()
    del outcomes[0]
    return outcomes


def test_rows_of_the_third_schema_keep_their_checksums(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    outcomes = third_schema(path)
    with Store(path) as store:
        assert known(store, range(600)) == outcomes
        assert store.damaged == 1
        assert store.phashes([SOURCE], "dct 1") == {SOURCE: "0123456789abcdef"}


def test_a_damaged_store_of_the_third_schema_is_recovered(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    outcomes = third_schema(path)
    content = bytearray(path.read_bytes())
    page = len(content) // 2 // 4096 * 4096
    content[page : page + 4096] = bytes(4096)
    path.write_bytes(content)
    assert recover(path).rows["encode"] > 400
    with Store(path) as store:
        found = known(store, range(600))
        assert len(found) > 400
        assert found.keys() <= outcomes.keys()


def test_the_memory_of_a_program_is_known_where_it_was_measured(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    outcomes = {1: measurement(), 2: dataclasses.replace(measurement(), encoding_peak_memory=12345)}
    with Store(path) as store:
        for number, outcome in outcomes.items():
            add(store, number, outcome)
        assert known(store, (1, 2)) == outcomes
    db = sqlite3.connect(path)
    db.execute("UPDATE encode SET figures = replace(figures, '12345', '12346')")
    db.commit()
    db.close()
    with Store(path) as store:
        assert known(store, (1, 2)) == {1: measurement()}
        assert store.damaged == 1


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with what :data:`OUTCOMES` says."""
    path = tmp_path_factory.mktemp("healthy") / "store.sqlite"
    with Store(path) as store:
        for number, outcome in OUTCOMES.items():
            add(store, number, outcome)
    return path


OUTCOMES: dict[int, Measurement | Skip] = {n: measurement(100 + n) for n in range(8)} | {
    8: Skip("too small", ("a note",))
}


def use_all(path: Path) -> None:
    """Whatever happened to the file: what is known is true, and it can be added to; or a StoreError says why."""
    with contextlib.suppress(StoreError), Store(path) as store:
        for number, outcome in known(store, OUTCOMES).items():
            if isinstance(outcome, Measurement) and not outcome.scores:
                outcome = dataclasses.replace(outcome, scores=measurement().scores)
            assert outcome == OUTCOMES[number]
        store.content_hash(path.with_name("a.png"))
        for number, outcome in OUTCOMES.items():
            add(store, number, outcome)
        store.commit()
        assert known(store, OUTCOMES) == OUTCOMES
        assert store.count() >= len(OUTCOMES)


@settings(max_examples=60, deadline=None)
@given(flips=st.lists(st.tuples(st.integers(0, 2**20), st.integers(1, 255)), min_size=1, max_size=3))
def test_flipped_bytes_are_never_taken_for_measurements(
    healthy: Path, tmp_path_factory: pytest.TempPathFactory, flips: list[tuple[int, int]]
) -> None:
    content = bytearray(healthy.read_bytes())
    for place, bits in flips:
        content[place % len(content)] ^= bits
    path = tmp_path_factory.mktemp("flipped") / "store.sqlite"
    path.write_bytes(content)
    path.with_name("a.png").write_bytes(b"one")
    use_all(path)


@pytest.mark.parametrize("share", [0.001, 0.01, 0.3, 0.5, 0.9, 0.999])
def test_a_cut_file_is_never_taken_for_a_whole_one(tmp_path: Path, healthy: Path, share: float) -> None:
    path = tmp_path / "store.sqlite"
    content = healthy.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    path.with_name("a.png").write_bytes(b"one")
    use_all(path)


@pytest.mark.parametrize("pages", [[0.5], [0.2, 0.8], [0.99]])
def test_what_can_be_read_is_recovered_and_the_damaged_file_is_kept(
    tmp_path: Path, pages: list[float]
) -> None:
    path = tmp_path / "data" / "store.sqlite"
    outcomes: dict[int, Measurement | Skip] = {n: measurement(1000 + n) for n in range(600)}
    with Store(path) as store:
        for number, outcome in outcomes.items():
            add(store, number, outcome)
        add(store, 600, Skip("too small"))
    content = bytearray(path.read_bytes())
    for share in pages:
        page = int(share * len(content)) // 4096 * 4096
        content[page : page + 4096] = bytes(4096)
    path.write_bytes(content)
    with pytest.raises(StoreError, match="codecstudy recover") as refused, Store(path) as store:
        known(store, range(601))
    assert f"--root {tmp_path}" in str(refused.value)
    recovered = recover(path)
    assert recovered.damaged.read_bytes() == bytes(content)
    with Store(path) as store:
        found = known(store, range(600))
        assert len(found) > 500
        for number, outcome in found.items():
            assert isinstance(outcome, Measurement)
            assert outcome in (outcomes[number], dataclasses.replace(outcomes[number], scores={}))
        for number, outcome in outcomes.items():
            add(store, number, outcome)
        assert known(store, range(600)) == outcomes
    assert sorted(p.name for p in path.parent.iterdir()) == ["store.sqlite", "store.sqlite.damaged1"]


def test_where_nothing_can_be_read_nothing_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    path.write_bytes(b"no database" * 1000)
    with pytest.raises(StoreError, match="nothing in it can be read"):
        recover(path)
    assert [p.name for p in tmp_path.iterdir()] == ["store.sqlite"]


# -- the first schema

FIRST_SCHEMA = """
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
PRAGMA application_id = 1129534553;
PRAGMA user_version = 1;
"""

FIRST_METRICS = {"butteraugli": "1", "psnr": "1", "ssim": "1", "ssimulacra2": "1"}
FIRST_SCORES = {"ssimulacra2": 77.9, "psnr": 35.4, "ssim": 0.9, "butteraugli": 2.5, "butteraugli_3norm": 1.1}


def first_schema(path: Path, rows: Iterable[tuple[dict[str, object], dict[str, object], str]]) -> None:
    """A store as codecstudy 0.1 wrote it, from changes to the identity and the outcome of each row."""
    db = sqlite3.connect(path)
    db.executescript(FIRST_SCHEMA)
    db.execute("PRAGMA journal_mode = WAL")
    for number, (identity, outcome, date) in enumerate(rows):
        whole_identity = {
            "source": SOURCE,
            "setting": conditions(number).setting,
            "codec": "libjpeg 3",
            "metrics": FIRST_METRICS,
            "images": "Pillow 12",
            "crops": None,
            "host": "a machine",
        } | identity
        whole_outcome = {
            "kind": "Measurement",
            "file_size": 100 + number,
            "width": 8,
            "height": 9,
            "encoding_time": 0.1,
            "encoding_cpu_time": 0.2,
            "decoding_time": 0.3,
            "decoding_cpu_time": 0.4,
            "metrics_cpu_time": 0.123,
            "scores": FIRST_SCORES,
            "notes": ["grey expanded"],
        }
        if outcome.get("kind") == "Skip":
            whole_outcome = {"notes": []}
        db.execute(
            "INSERT INTO measurement VALUES (?, ?, ?, ?)",
            (str(number), json.dumps(whole_identity), json.dumps(whole_outcome | outcome), date),
        )
    db.commit()
    db.close()


DATE = "2026-01-02T03:04:05.678901+00:00"


def test_a_store_of_the_first_schema_is_brought_to_this_one_and_a_copy_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    infinite = {"scores": FIRST_SCORES | {"psnr": math.inf}}
    crops = {"crops": "CropPlan(levels=(200, 300), fragment=64, too_small='skip_image')"}
    one = {"crops": "CropPlan(levels=(200,), fragment=64, too_small='skip_image')"}
    skip = {"kind": "Skip", "reason": "too small"}
    first_schema(
        path, [({}, {}, DATE), ({}, infinite, DATE), (crops, {}, DATE), (one, {}, DATE), ({}, skip, DATE)]
    )
    image = tmp_path / "a.png"
    image.write_bytes(b"one")
    status = image.stat()
    db = sqlite3.connect(path)
    changed = max(status.st_mtime_ns, status.st_ctime_ns)
    db.execute("INSERT INTO file VALUES (?, 3, ?, 'as it was')", (os.fsencode(image), changed))
    db.commit()
    db.close()
    before = first_rows(path)

    with Store(path) as store:
        assert store.backup == tmp_path / "store.sqlite.v1-backup"
        assert store.count() == 5
        assert store.content_hash(image) == "as it was"
        levels = ('{"fragment":64,"levels":[200,300],"too_small":"skip_image"}',)
        levels += ('{"fragment":64,"levels":[200],"too_small":"skip_image"}',)
        wanted = [conditions(n) for n in range(5)]
        wanted[2], wanted[3] = (
            dataclasses.replace(wanted[n], crops=text) for n, text in zip((2, 3), levels, strict=True)
        )
        found = {index: outcome for _, index, outcome in store.known([SOURCE], wanted, FIRST_METRICS)}
        assert sorted(found) == list(range(5))
        assert found[4] == Skip("too small")
        plain, lossless = found[0], found[1]
        assert isinstance(plain, Measurement)
        assert isinstance(lossless, Measurement)
        assert plain.columns == FIRST_SCORES
        assert plain.scores["butteraugli"].values == {"butteraugli": 2.5, "butteraugli_3norm": 1.1}
        assert plain.metrics_cpu_time == pytest.approx(0.123)
        assert (plain.file_size, plain.height, plain.encoding_time, plain.decoding_cpu_time) == (
            100,
            9,
            0.1,
            0.4,
        )
        assert (plain.sha256, plain.notes) == (None, ("grey expanded",))
        assert lossless.columns["psnr"] == math.inf
    assert first_rows(tmp_path / "store.sqlite.v1-backup") == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.png", "store.sqlite", "store.sqlite.v1-backup"]
    with Store(path) as store:
        assert store.backup is None


def first_rows(path: Path) -> list[tuple[object, ...]]:
    db = sqlite3.connect(path)
    (version,) = db.execute("PRAGMA user_version").fetchone()
    assert version == 1
    rows = db.execute("SELECT * FROM measurement").fetchall() + db.execute("SELECT * FROM file").fetchall()
    db.close()
    return rows


def test_scores_of_several_versions_of_a_metric_are_brought_together(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    same = {"setting": conditions(0).setting}
    newer = {"metrics": FIRST_METRICS | {"psnr": "2"}}
    better = {"scores": FIRST_SCORES | {"psnr": 36.0}, "file_size": 100, "encoding_time": 7.0}
    first_schema(
        path,
        [
            (same, {"file_size": 100}, DATE),
            (same | newer, better, DATE.replace("2026", "2027")),
            (same | {"metrics": {"psnr": "0"}}, {"file_size": 99}, DATE.replace("2026", "2025")),
        ],
    )
    with Store(path) as store:
        found = {}
        for version in ("0", "1", "2"):
            (found[version],) = known(store, [0], {"psnr": version}).values()
        assert all(isinstance(m, Measurement) and m.encoding_time == 7.0 for m in found.values())
        assert {v: m.columns.get("psnr") for v, m in found.items() if isinstance(m, Measurement)} == {
            "0": None,  # a score of other bytes than those of the newest encode
            "1": 35.4,
            "2": 36.0,
        }


def test_a_row_of_the_first_schema_that_cannot_be_read_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    first_schema(path, [({}, {}, DATE), ({"crops": "something else"}, {}, DATE)])
    before = first_rows(path)
    with pytest.raises(StoreError, match=r"a row of schema version 1 cannot be read .*something else"):
        Store(path)
    assert first_rows(path) == before


@pytest.mark.parametrize("moment", ["copying", "first row", "last row", "committing"])
def test_a_kill_while_the_schema_changes_loses_nothing(tmp_path: Path, moment: str) -> None:
    path = tmp_path / "store.sqlite"
    first_schema(path, [({}, {}, DATE) for _ in range(300)])
    script = textwrap.dedent(
        f"""
        import os, signal
        from pathlib import Path
        from codecstudy import store

        def at(name, call):
            function, calls = getattr(store, name), []
            def killing(*arguments):
                calls.append(name)
                result = function(*arguments)
                if len(calls) == call:
                    os.kill(os.getpid(), signal.SIGKILL)
                return result
            setattr(store, name, killing)

        at(*{{
            "copying": ("_copy", 1),
            "first row": ("_read_first_schema", 1),
            "last row": ("_read_first_schema", 300),
            "committing": ("_move_first_schema", 1),
        }}[{moment!r}])
        store.Store(Path({str(path)!r}))
        """
    )
    done = subprocess.run([sys.executable, "-c", script], check=False)
    assert done.returncode == -signal.SIGKILL
    assert len(first_rows(path)) == 300, "another codecstudy would still find the old store"
    with Store(path) as store:
        assert store.count() == 300
        assert len(known(store, range(300), FIRST_METRICS)) == 300
    assert len(first_rows(tmp_path / "store.sqlite.v1-backup")) == 300
