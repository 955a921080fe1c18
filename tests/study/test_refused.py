"""Studies that are refused: the message names place, value and what is allowed, for every problem at once."""

from __future__ import annotations

import copy
import errno
import json
from pathlib import Path
from typing import Any

import pytest

from codecstudy.errors import StudyError
from codecstudy.study import StudyConfig
from codecstudy.study.expansion import MAX_SETTINGS
from codecstudy.study.messages import show
from support.study_documents import (
    ENCODERS,
    ENCODERS_BEYOND_SCHEMA,
    GOOD,
    STUDIES,
    STUDIES_BEYOND_SCHEMA,
    with_encoder,
)


def refusal(document: object) -> str:
    """The message with which a study is refused."""
    with pytest.raises(StudyError) as caught:
        StudyConfig.model_validate(document)
    return str(caught.value)


@pytest.mark.parametrize(("encoder", "place", "parts"), ENCODERS + ENCODERS_BEYOND_SCHEMA, ids=show)
def test_an_encoder_is_refused(encoder: dict[str, Any], place: str, parts: list[str]) -> None:
    message = refusal(with_encoder(**encoder))
    assert message.startswith(f"study: encoders[1]{place}: "), message
    for part in parts:
        assert part in message


@pytest.mark.parametrize(("document", "place", "parts"), STUDIES + STUDIES_BEYOND_SCHEMA, ids=show)
def test_a_study_is_refused(document: object, place: str, parts: list[str]) -> None:
    message = refusal(document)
    assert message.startswith(f"study: {place}: "), message
    for part in parts:
        assert part in message


@pytest.mark.parametrize("document", [None, 5, "x", [GOOD]], ids=repr)
def test_what_is_no_object_is_no_study(document: object) -> None:
    assert "must be an object with keys" in refusal(document)


def test_all_problems_are_named_at_once_sorted_by_place() -> None:
    document: dict[str, Any] = copy.deepcopy(GOOD)
    document |= {"id": "X", "nmae": "y", "time_budget": "soon", "dataset": {}}
    document["encoders"] = [{"format": "webp", "quality": i} for i in range(11)]
    document["encoders"][10] |= {"quality": [5, 200], "speed": 3, "extra_args": {"a": 1, "b": 2}}
    document["encoders"][2]["format"] = "gif"
    document["encoders"][7]["quality"] = 8  # the same as encoders[8]
    lines = refusal(document).splitlines()
    assert lines[0] == "study: 10 problems"
    assert [line.split(":")[0].strip() for line in lines[1:]] == [
        "dataset.id",
        "encoders[2].format",
        "encoders[8]",
        "encoders[10].extra_args.a",
        "encoders[10].extra_args.b",
        "encoders[10].quality[1]",
        "encoders[10].speed",
        "id",
        "nmae",
        "time_budget",
    ]


def test_duplicates_across_encoders_are_counted() -> None:
    document = {**GOOD, "encoders": [{"format": "avif", "quality": [1, 2, 3, 4]}] * 2}
    assert "encoders[1]: repeats settings of encoders[0]: avif q1 and 3 more" in refusal(document)


def test_a_sweep_beyond_all_reason_is_refused_before_it_is_expanded() -> None:
    every = {"format": "avif", "quality": {"start": 0, "stop": 100, "step": 1}, "speed": list(range(11))}
    every |= {"chroma_subsampling": ["444", "422", "420", "400"], "resolution": list(range(1, 10**4))}
    message = refusal({**GOOD, "encoders": [every]})
    assert message.startswith(f"study: encoders: {101 * 11 * 4 * 9999} settings are too many")
    assert str(MAX_SETTINGS) in message


FILES = [
    ("a.json", b'{"id": "x",\n "name": }', ["line 2, column 10", "not valid JSON"]),
    ("a.json", b"", ["line 1, column 1", "not valid JSON"]),
    ("a.toml", b'id = "x"\nname = \n', ["not valid TOML", "line 2, column 8"]),
    ("a.toml", b'id = "x"\nid = "y"\n', ["not valid TOML", "line 2"]),
    ("a.json", b'{"id": "x", "id": "y"}', ['"id" occurs twice']),
    ("a.json", b'{"dataset": {"id": "a", "id": "b"}}', ['"id" occurs twice']),
    ("a.json", b'{"time_budget": NaN}', ["NaN"]),
    ("a.json", b'{"id": "\xff"}', ["not UTF-8", "byte 8"]),
    ("a.json", b"[" * 100_000, ["not valid JSON", "too deep"]),
    ("a.json", b'{"time_budget": ' + b"9" * 5000 + b"}", ["not valid JSON"]),
    ("a.yaml", b"id: x", [".json or .toml"]),
    ("a.json", b"[]", ["must be an object with keys"]),
    ("a.toml", b"analysis = { day = 2020-01-01 }", ["analysis.day"]),
]


@pytest.mark.parametrize(("name", "content", "parts"), FILES, ids=show)
def test_a_file_is_refused_by_name(tmp_path: Path, name: str, content: bytes, parts: list[str]) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(StudyError) as caught:
        StudyConfig.load(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    for part in parts:
        assert part in message


def test_problems_of_a_file_come_under_its_name(tmp_path: Path) -> None:
    path = tmp_path / "study.json"
    path.write_text(json.dumps({**GOOD, "id": "X", "dataset": {"id": "a", "seed": "b"}}))
    with pytest.raises(StudyError) as caught:
        StudyConfig.load(path)
    first, *others = str(caught.value).splitlines()
    assert first == f"{path}: 2 problems"
    assert [other.split(":")[0] for other in others] == ["  dataset.seed", "  id"]


def test_a_missing_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"none\.json: no such study file.*codecstudy studies list"):
        StudyConfig.load(tmp_path / "none.json")


def test_a_folder_is_no_study_file(tmp_path: Path) -> None:
    (tmp_path / "a.json").mkdir()
    with pytest.raises(StudyError, match=r"a\.json: cannot be read"):
        StudyConfig.load(tmp_path / "a.json")


def test_a_file_without_permission_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(path: Path) -> bytes:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", denied)
    with pytest.raises(StudyError, match=r"a\.json: cannot be read: Permission denied"):
        StudyConfig.load(tmp_path / "a.json")


def test_a_number_of_thousands_of_digits_is_refused() -> None:
    message = refusal(with_encoder(format="jpeg", quality=10**5000))
    assert "encoders[1].quality: " in message
    assert "too large to show" in message
    assert "Allowed: 0 to 100" in message
