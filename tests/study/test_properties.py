"""Whatever a document holds, it loads, or is refused with messages whose places are in the document."""

from __future__ import annotations

import copy
import json
import re
from typing import Any

import jsonschema
from hypothesis import given
from hypothesis import strategies as st

from codecstudy.errors import StudyError
from codecstudy.study import StudyConfig, json_schema
from support.study_documents import FULL, OLDER

KEYS = [
    *(
        "id",
        "format",
        "encoder",
        "encoders",
        "quality",
        "speed",
        "start",
        "stop",
        "step",
        "extra_args",
        "crop",
    ),
    *("resolution", "resize", "tune", "distance", "progressive", "a list", "a range", "$schema", "zoom", ""),
]
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 120),
    st.sampled_from([0.5, 1e300, float("inf"), float("nan"), 10**400]),
    st.sampled_from(["", "avif", "jpeg", "jxl", "420", "full", "1h", "original", "\ud800", "É"]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=3),
    max_leaves=6,
)


def parts_of(document: Any) -> list[Any]:
    """All objects and lists in a document."""
    inner = (
        document.values() if isinstance(document, dict) else document if isinstance(document, list) else ()
    )
    here = [document] if isinstance(document, dict | list) else []
    return here + [part for value in inner for part in parts_of(value)]


@st.composite
def documents(draw: st.DrawFn) -> Any:
    """A good document with up to three changes: values and keys replaced, added or removed anywhere."""
    document = copy.deepcopy(draw(st.sampled_from([FULL, OLDER])))
    for _ in range(draw(st.integers(0, 3))):
        part = draw(st.sampled_from(parts_of(document)))
        if isinstance(part, list):
            at = draw(st.integers(0, len(part)))
            part[at : at + draw(st.integers(0, 1))] = draw(st.lists(VALUES, max_size=1))
        elif part and draw(st.booleans()):
            del part[draw(st.sampled_from(list(part)))]
        else:
            part[draw(st.sampled_from(KEYS + list(part)))] = draw(VALUES)
    return draw(st.sampled_from([document, document, document, draw(VALUES)]))


def place_of(line: str) -> list[str | int]:
    """The keys and positions that begin a message: ``encoders[1]."odd key"`` in front of ``: ``."""
    place: list[str | int] = []
    while match := re.match(r'\[(\d+)\]|\.?("(?:[^"\\]|\\.)*"|[\w$-]+)(?=[.:\[])', line):
        position, key = match.groups()
        place.append(int(position) if position else json.loads(key) if key.startswith('"') else key)
        line = line[match.end() :]
    return place if line.startswith(": ") else []


@given(documents())
def test_a_document_loads_or_is_refused_at_places_that_exist(document: Any) -> None:
    try:
        config = StudyConfig.model_validate(document)
    except StudyError as error:
        first, *others = str(error).split("\n  ")
        lines = [line for line in others or [first.removeprefix("study: ")] if not line.startswith(" ")]
        assert lines
        for line in lines:
            found, place = document, place_of(line)
            for i, part in enumerate(place):
                if i == len(place) - 1 and line.endswith("is missing"):
                    break
                assert isinstance(found, dict | list | tuple), line
                assert part in found if isinstance(found, dict) else part < len(found), line
                found = found[part]
    else:
        assert config.settings()
        assert VALIDATOR.is_valid(document)
        again = json.loads(json.dumps(config.to_dict(), allow_nan=False))
        assert StudyConfig.model_validate(again) == config


VALIDATOR = jsonschema.Draft202012Validator(json_schema())
