"""The trials of ``make trials`` at a tiny scale, so that they keep working, and what they must not overlook."""

from __future__ import annotations

import hashlib
import random
import signal
from pathlib import Path

import pytest

from trials import __main__ as trials
from trials import commands, image_mutants, trial_downloads, trial_studies
from trials.commands import Ended
from trials.documents import damaged
from trials.tally import Tally, controls, examine

GOOD = Ended(0, "done", "", hung=False, peak=1)


def test_a_seed_always_gives_the_same_files() -> None:
    def digest(seed: int) -> str:
        files = [image_mutants.mutant(seed, number) for number in range(24)]
        return hashlib.sha256(b"".join(file.name.encode() + file.data for file in files)).hexdigest()

    assert digest(1) == digest(1) != digest(2)
    image_mutants.good_files.cache_clear()  # the undamaged files, too, must come out the same
    assert digest(1) == digest(1)


@pytest.mark.filterwarnings("ignore:.*(EXIF|Tag data).*:UserWarning")
def test_every_kind_of_damage_to_images_can_be_made() -> None:
    for format, kinds in image_mutants.SPECIAL.items():
        for kind, make in kinds.items():
            assert isinstance(make(random.Random(f"{format} {kind}")), bytes)
    for make_general in image_mutants.GENERAL.values():
        for files in image_mutants.good_files().values():
            for data in files:
                assert isinstance(make_general(random.Random(1), data), bytes)


def test_documents_are_damaged_the_same_way_for_the_same_random_numbers() -> None:
    document = {"a": [1, {"b": "c"}], "d": 2.5, "e": None}
    made = [damaged(document, random.Random(number)) for number in range(200)]
    assert made == [damaged(document, random.Random(number)) for number in range(200)]
    assert len(set(made)) > 100
    assert document == {"a": [1, {"b": "c"}], "d": 2.5, "e": None}
    assert trial_studies.make(3, 4) == trial_studies.make(3, 4)


def test_the_number_of_downloads_does_not_depend_on_the_seed() -> None:
    names = [
        [case.name for case in trial_downloads.all_cases(seed, 1, "http://127.0.0.1/x", Path("/nowhere"))]
        for seed in (0, 1)
    ]
    assert names[0] == names[1]


@pytest.mark.parametrize(
    ("ended", "kind"),
    [
        (GOOD, None),
        (Ended(2, "", "error: this file is damaged: /x/quality.json", False, 1), None),
        (Ended(1, "", "worse", False, 1), "other faults"),
        (Ended(2, "", "", False, 1), "other faults"),
        (Ended(-signal.SIGSEGV, "", "", False, 1), "other faults"),
        (Ended(-signal.SIGKILL, "", "", True, 1), "hangs"),
        (Ended(1, "", "Traceback (most recent call last):\n  x\nValueError: y", False, 1), "tracebacks"),
        (Ended(0, "title \x1b]0;owned\x07", "", False, 1), "other faults"),
        (Ended(2, "", "error: a name from right \u202e to left", False, 1), "other faults"),
    ],
)
def test_what_is_a_fault(ended: Ended, kind: str | None) -> None:
    _, found = examine(ended, (0,))
    assert (found and found[0]) == kind
    tally = Tally("x", "x")
    tally.judge(7, "command", ended)
    assert [(fault.case, fault.kind) for fault in tally.faults] == ([(7, kind)] if kind else [])
    assert tally.tried == tally.measured + tally.refused + len(tally.faults) == 1


def test_control_characters_are_found() -> None:
    assert controls("plain text\nof two lines") == ""
    assert controls("\x1b[31m\u202e") == "\\u202e, \\x1b"


def test_a_command_that_hangs_is_ended(tmp_path: Path) -> None:
    server = commands.Server(tmp_path)
    try:
        ended = server.start(["doctor"], tmp_path).wait(0.0)
        assert (ended.hung, ended.code) == (True, -signal.SIGKILL)
        assert server.run(["--version"], tmp_path, 60).out.startswith("codecstudy ")
        assert server.run(["measure"], tmp_path, 60).code == 2
    finally:
        server.close()


def test_the_table_says_what_is_wrong() -> None:
    tally = Tally("kills", "kills", tried=3, measured=2, memory=1_500_000_000)
    tally.fault(1, "lost", "a record")
    lines = trials.table([tally]).splitlines()
    assert lines[-1] == "| kills | 3 | 2 | 0 | 0 | 0 | 1 | 0 | 1.5 GB | 0 s |"
    assert len({line.count("|") for line in lines}) == 1


def test_every_trial_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trials.main(["--case", "0", "--keep", str(tmp_path), "--lanes", "1"])
    rows = [line.split("|") for line in capsys.readouterr().out.splitlines()[2:8]]
    assert [row[1].strip() for row in rows] == [trial.what for trial in trials.TRIALS]
    tried = [int(row[2]) for row in rows]
    assert tried == [1, 1, 4, 1, 1, 1]
    for row, number in zip(rows, tried, strict=True):
        measured, refused, *faults = (int(cell) for cell in row[3:9])
        assert measured + refused + sum(faults) >= number
