"""Damaged results load as they were or are refused by name; nothing else is raised."""

from __future__ import annotations

import copy
import dataclasses
import hashlib
import io
import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from codecstudy.analysis.diff import diff
from codecstudy.analysis.export import FORMATS, export
from codecstudy.analysis.recommend import recommend
from codecstudy.api import load_results
from codecstudy.cli import app
from codecstudy.errors import ResultsError, StoreError
from codecstudy.report import Options, write_report
from codecstudy.results import RECORD_COLUMNS, QualityRecord, QualityResults
from codecstudy.store import Conditions, Store
from codecstudy.types import Skip
from support.report_cases import four_formats

WHOLE = four_formats(images=3)

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=3)
    | st.sampled_from(["inf", "-inf", "measured", "avif", "444", "a\ud800\0", "#fff"]),
    lambda values: st.lists(values, max_size=2) | st.dictionaries(st.text(max_size=2), values, max_size=2),
    max_leaves=3,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("results")


@pytest.fixture(scope="module")
def written(folder: Path) -> bytes:
    WHOLE.save(folder / "quality.json")
    return (folder / "quality.json").read_bytes()


def changed(draw: st.DataObject, document: dict[str, Any]) -> dict[str, Any]:
    """A copy of ``document`` with one value, anywhere in it, replaced by any JSON value, or removed."""
    document = copy.deepcopy(document)
    at: Any = document
    while True:
        keys = list(at) if isinstance(at, dict) else range(len(at))
        key = draw.draw(st.sampled_from(keys))
        inner = at[key]
        if not inner or not isinstance(inner, dict | list) or draw.draw(st.integers(0, 9)) == 0:
            break
        at = inner
    if draw.draw(st.integers(0, 9)) == 0:
        del at[key]
    else:
        at[key] = draw.draw(json_values)
    return document


def load(folder: Path, text: bytes | str) -> QualityResults | None:
    """The results in the file, or None if they are refused with its path."""
    path = folder / "quality.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    try:
        return load_results(path)
    except ResultsError as error:
        if str(path) not in str(error):
            raise AssertionError("the message does not name the file") from error
        return None


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_changed_value_never_loads_as_another(folder: Path, written: bytes, data: st.DataObject) -> None:
    document = json.loads(written)
    loaded = load(folder, json.dumps(changed(data, document)))
    # The checksum itself may be removed: then nothing has been changed.
    assert loaded is None or loaded == WHOLE


@settings(max_examples=60, deadline=None)
@given(place=st.integers(0, 2**20), bits=st.integers(1, 255))
def test_a_flipped_byte_never_loads_as_another_value(
    folder: Path, written: bytes, place: int, bits: int
) -> None:
    content = bytearray(written)
    content[place % len(content)] ^= bits
    loaded = load(folder, bytes(content))
    assert loaded is None or loaded == WHOLE


def answers(results: QualityResults, folder: Path) -> list[Callable[[], object]]:
    """What the four commands do with results."""
    return [
        lambda: recommend(results),
        lambda: diff(WHOLE, results),
        lambda: diff(results, WHOLE),
        lambda: write_report(results, folder, folder / "report.html", Options(resamples=20), None),
        *(lambda format=format: export(results, format, folder / "exported" / format) for format in FORMATS),  # type: ignore[misc]
    ]


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_without_a_checksum_every_value_is_checked_so_that_no_command_crashes(
    folder: Path, written: bytes, data: st.DataObject
) -> None:
    document = json.loads(written)
    del document["checksum"]
    loaded = load(folder, json.dumps(changed(data, document)))
    if loaded is None:
        return
    for answer in answers(loaded, folder):
        try:
            answer()
        except ResultsError:
            continue


@pytest.mark.parametrize(
    ("member", "value", "message"),
    [
        ("file_size", "100", r"record 1 \(.*\): file_size is '100', not a whole number from 1"),
        ("file_size", 0, "file_size is 0"),
        ("file_size", None, "is measured, but has no file_size"),
        ("width", 2**60, "width is 1152921504606846976"),
        ("width", True, "width is True"),
        ("encoding_time", -0.5, "encoding_time is -0.5, not a time"),
        ("ssimulacra2", "high", "ssimulacra2 is 'high', not a score"),
        ("status", "done", "status is 'done', not measured, skipped or failed"),
        ("source_phash", "0123", "source_phash is '0123', not 16 hexadecimal digits"),
        ("encoding_peak_memory", 1.5, "encoding_peak_memory is 1.5, not a whole number"),
        ("failure", "crash", "has a failure"),
        ("source_image", None, "source_image is None, not text"),
        ("extra_args", {"tune": ["ssim"]}, "extra_args.tune"),
        ("own", {}, r"own is \{\}, not a value of a parameter"),
        ("variant", 1, "cannot be the name of a parameter"),
    ],
)
def test_the_message_names_the_record_and_the_value(
    folder: Path, written: bytes, member: str, value: object, message: str
) -> None:
    document = json.loads(written)
    document["measurements"][0][member] = value
    del document["checksum"]
    path = folder / "quality.json"
    path.write_text(json.dumps(document))
    with pytest.raises(ResultsError, match=message) as refused:
        QualityResults.load(path)
    assert str(path) in str(refused.value)


TEXT = [1, True, 0.5, ["x"], {"x": 1}]
WHOLE_NUMBER = ["1", True, 0.5, -(2**60), [1], {"x": 1}]
WRONG: dict[str, list[Any]] = {"str": TEXT, "Literal": [*TEXT, "x"], "int": WHOLE_NUMBER}
WRONG |= {"float": ["1", True, 2**60, [1], {"x": 1}], "dict": ["x", 1, True, [1], {"x": [1]}]}
"""Values that are not of a type, by the first word of its annotation."""


@pytest.mark.parametrize("column", RECORD_COLUMNS)
def test_a_value_of_another_type_is_refused_in_every_column(
    folder: Path, written: bytes, column: str
) -> None:
    annotation = str(QualityRecord.__annotations__[column])
    wrong = WRONG["Literal" if column == "status" else re.findall(r"\w+", annotation)[0]]
    document = json.loads(written)
    del document["checksum"]
    del document["measurements"][1:]
    for value in wrong:
        document["measurements"][0][column] = value
        assert load(folder, json.dumps(document)) is None, value


@pytest.mark.parametrize("column", RECORD_COLUMNS)
def test_a_column_of_another_type_is_refused_in_parquet(folder: Path, written: bytes, column: str) -> None:
    document = json.loads(written)
    del document["checksum"]
    whole = WHOLE.to_frame().head(2)
    kind = whole.schema[column]
    wrong: list[Any] = [True, ["x"], "x" if kind != pl.String else 1]
    if column in ("status", "failure", "source_phash", "extra_args", "encoder_options"):
        wrong.append("x")
    elif kind.is_numeric():
        wrong.append(pl.lit(2**60, kind) if kind == pl.Int64 else pl.lit(1e300))
    for value in wrong:
        content = io.BytesIO()
        whole.with_columns(
            (value if isinstance(value, pl.Expr) else pl.lit(value)).alias(column)
        ).write_parquet(content)
        (folder / "wrong.parquet").write_bytes(content.getvalue())
        digest = hashlib.sha256(content.getvalue()).hexdigest()
        document["measurements"] = {"file": "wrong.parquet", "rows": len(whole), "sha256": digest}
        assert load(folder, json.dumps(document)) is None, value


def test_a_file_that_another_program_has_indented_and_sorted_loads(folder: Path, written: bytes) -> None:
    assert load(folder, json.dumps(json.loads(written), indent=4, sort_keys=True)) == WHOLE


def test_who_edits_the_file_is_told_how_to_use_it(folder: Path, written: bytes) -> None:
    path = folder / "quality.json"
    document = json.loads(written) | {"study_name": "A better name"}
    path.write_text(json.dumps(document))
    with pytest.raises(ResultsError, match="remove its member 'checksum'"):
        QualityResults.load(path)
    del document["checksum"]
    path.write_text(json.dumps(document))
    assert QualityResults.load(path) == dataclasses.replace(WHOLE, study_name="A better name")


DAMAGED_COLUMNS = """
import hashlib, json, random, sys
from pathlib import Path
from codecstudy.errors import ResultsError
from codecstudy.results import QualityResults

folder, start = Path(sys.argv[1]), int(sys.argv[2])
whole, document = (folder / "whole.parquet").read_bytes(), json.loads((folder / "whole.json").read_text())
for case in range(start, 60):
    print(case, flush=True)
    source = random.Random(case)
    content = bytearray(whole)
    for _ in range(source.randrange(1, 30)):
        content[source.randrange(len(content))] ^= source.randrange(1, 256)
    (folder / "damaged.parquet").write_bytes(content)
    document["measurements"] |= {"file": "damaged.parquet", "sha256": hashlib.sha256(content).hexdigest()}
    (folder / "columns.json").write_text(json.dumps(document))
    try:
        results = QualityResults.load(folder / "columns.json")
        results.saved()
        list(results.measurements)
    except ResultsError as error:
        assert str(folder) in str(error), error
"""


def test_columns_damaged_behind_the_checksum_are_an_error_with_the_path(
    tmp_path: Path, written: bytes
) -> None:
    document = json.loads(written)
    del document["checksum"]
    document["measurements"] = {"rows": len(WHOLE.measurements)}
    (tmp_path / "whole.json").write_text(json.dumps(document))
    (tmp_path / "whole.parquet").write_bytes(WHOLE.to_parquet())
    start = 0
    while start < 60:
        ran = subprocess.run(
            [sys.executable, "-c", DAMAGED_COLUMNS, str(tmp_path), str(start)], capture_output=True, text=True
        )
        # Of a length that damage has made huge, polars may end the process itself; Python cannot prevent it.
        assert ran.returncode in (0, -signal.SIGABRT), ran.stderr
        start = int(ran.stdout.split()[-1]) + 1


@pytest.mark.parametrize(
    "command",
    [
        ["recommend", "{bad}"],
        ["report", "{bad}"],
        ["export", "{bad}", "--format", "csv"],
        ["diff", "{bad}", "{good}"],
        ["diff", "{good}", "{bad}"],
    ],
)
def test_every_command_ends_with_2_and_the_path(folder: Path, written: bytes, command: list[str]) -> None:
    good, bad = folder / "good.json", folder / "bad.json"
    good.write_bytes(written)
    bad.write_bytes(written.replace(b'"file_size": 1', b'"file_size": 2', 1))
    assert bad.read_bytes() != written
    done = CliRunner().invoke(app, [part.format(good=good, bad=bad) for part in command])
    assert done.exit_code == 2
    assert str(bad) in done.stderr.replace("\n", "")
    assert "the checksum does not match" in done.stderr


def test_a_damaged_store_ends_a_run_with_2_and_recover_rebuilds_it(tmp_path: Path) -> None:
    path = tmp_path / "data" / "store.sqlite"
    conditions = Conditions("{}", "libjpeg 3", "Pillow 12", "", "a machine")
    with Store(path) as store:
        for number in range(500):
            store.add(f"{number:064}", conditions, Skip("too small"), {})
    content = bytearray(path.read_bytes())
    content[-4096 * 3 : -4096 * 2] = bytes(4096)
    path.write_bytes(content)
    with pytest.raises(StoreError, match="is damaged"), Store(path) as store:
        list(store.survey([f"{number:064}" for number in range(500)], [conditions], {}))
    done = CliRunner().invoke(app, ["recover", "--root", str(tmp_path)])
    assert done.exit_code == 0
    assert "tasks and 0 scores recovered" in done.stdout
    with Store(path) as store:
        assert 300 < store.count() < 500
    path.write_bytes(b"nothing" * 1000)
    done = CliRunner().invoke(app, ["recover", "--root", str(tmp_path)])
    assert done.exit_code == 2
    assert str(path) in done.stderr.replace("\n", "")
