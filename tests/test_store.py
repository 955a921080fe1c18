"""The measurement store: what was committed is there, whatever happens to the process."""

from __future__ import annotations

import math
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codecstudy.errors import StoreError
from codecstudy.store import SCHEMA_VERSION, Store, task_key
from codecstudy.types import Failure, Measurement, Skip


def measurement(size: int = 100, psnr: float = 40.0) -> Measurement:
    return Measurement(size, 8, 8, 0.1, 0.1, 0.01, 0.01, 0.02, {"psnr": psnr}, ("grey expanded",))


def identity(number: int) -> dict[str, object]:
    return {"source": "abc", "setting": f"q{number}", "metrics": {"psnr": "1"}}


def test_what_was_added_is_known_by_its_key_alone(tmp_path: Path) -> None:
    with Store(tmp_path / "store.sqlite") as store:
        store.add(identity(1), measurement(psnr=math.inf))
        store.add(identity(2), Skip("too small"))
    with Store(tmp_path / "store.sqlite") as store:
        keys = [task_key(identity(n)) for n in range(3)]
        assert store.known(keys) == {keys[1]: measurement(psnr=math.inf), keys[2]: Skip("too small")}
        assert store.count() == 2


def test_a_failure_is_tried_again(tmp_path: Path) -> None:
    with Store(tmp_path / "store.sqlite") as store:
        store.add(identity(1), Failure("crash", "killed by SIGKILL"))
        assert store.known([task_key(identity(1))]) == {}


@given(st.dictionaries(st.text(max_size=5), st.one_of(st.integers(), st.text(max_size=5)), min_size=1))
def test_a_key_does_not_depend_on_the_order_of_facts(facts: dict[str, object]) -> None:
    assert task_key(facts) == task_key(dict(reversed(facts.items())))
    assert task_key(facts) != task_key({**facts, "one more": 1})


def test_many_keys_at_once(tmp_path: Path) -> None:
    with Store(tmp_path / "store.sqlite") as store:
        for n in range(1200):
            store.add(identity(n), measurement(n + 1))
        assert len(store.known(task_key(identity(n)) for n in range(1300))) == 1200


def test_another_schema_version_is_refused_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    Store(path).close()
    db = sqlite3.connect(path)
    db.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    db.close()
    with pytest.raises(StoreError, match=r"schema version 2.*move the file away"):
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
        from test_store import identity, measurement
        from codecstudy.store import Store
        store = Store(Path({str(tmp_path)!r}) / "store.sqlite")
        for n in range(50):
            store.add(identity(n), measurement())
        store.commit()
        for n in range(50, 80):
            store.add(identity(n), measurement())
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
        store.add(identity(n), measurement())
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
        opened.add(identity(99), measurement())


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
    store.add(identity(0), measurement())
    store.commit()
    (pages,) = store._db.execute("PRAGMA page_count").fetchone()
    store._db.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StoreError, match=r"disk is full.*Free some disk space"):
        all(store.add(identity(number), measurement()) is None for number in range(1, 1000))
    store.close()
    with Store(path) as again:
        assert again.count() >= 1


def test_a_store_that_cannot_be_written_is_not_blamed_on_another_run(tmp_path: Path) -> None:
    store = Store(tmp_path / "store.sqlite")
    store._db.execute("PRAGMA query_only = ON")
    with pytest.raises(StoreError, match="can be written") as refused:
        store.add(identity(0), measurement())
    assert "Another codecstudy run" not in str(refused.value)
    store.close()


def test_a_damaged_store_is_an_error_that_says_so(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    with Store(path) as store:
        for number in range(2000):
            store.add(identity(number), measurement())
    whole = path.read_bytes()
    path.write_bytes(whole[:8192] + bytes(len(whole) - 8192))
    with Store(path) as store, pytest.raises(StoreError, match=r"damaged\. Move it away"):
        store.known([task_key(identity(number)) for number in range(2000)])
