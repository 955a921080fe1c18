"""Damaged JSON documents: the same ones for the same random numbers."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from typing import Any

ODD: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1,
    2**31,
    2**63,
    -(2**63) - 1,
    10**400,
    0.0,
    -0.0,
    1e-320,
    1e308,
    float("nan"),
    float("inf"),
    float("-inf"),
    "",
    " ",
    "\0",
    "\x1b[31mred\x1b[0m",
    "\x1b]0;title\x07",
    "a\rb\nc",
    "right \u202e to left",
    "\ud800",
    "\U0001f600" * 3,
    "x" * 100_000,
    "inf",
    "nan",
    "1e5",
    "../../../../etc/passwd",
    "/etc/passwd",
    "../canary.png",
    "<script>alert(1)</script>",
    "</script><img src=x>",
    "{{ 7*7 }}",
    "'; DROP TABLE encode; --",
    [],
    {},
    [[]],
    [None],
    {"": ""},
    {"a": {"b": {"c": []}}},
    {"start": 0, "stop": 10**9, "step": 1},
    {"start": 0, "stop": 1, "step": 1e-12},
    {"start": 0, "stop": 10, "step": 0},
)
"""Values to put where others are expected."""


def damaged(document: Any, chance: random.Random) -> bytes:
    """``document`` as JSON text, with one to three changes to its values, its keys or its bytes."""
    changed = copy.deepcopy(document)
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        if chance.random() < 0.85:
            changed = _change(changed, chance)
    text = json.dumps(changed, indent=chance.choice((None, 1)), ensure_ascii=chance.random() < 0.5)
    data = text.encode("utf-8", "surrogatepass")
    return data if chance.random() < 0.8 else damaged_text(data, chance)


def damaged_text(data: bytes, chance: random.Random) -> bytes:
    """Text with a change that knows nothing of its grammar."""
    at = chance.randrange(len(data))
    match chance.randrange(9):
        case 0:
            return data[:at]
        case 1:
            return data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :]
        case 2:
            return data[:at] + data[at + chance.randrange(1, 40) :]
        case 3:
            return b"\xef\xbb\xbf" + data
        case 4:
            return data.decode("utf-8", "replace").encode(chance.choice(("utf-16", "utf-32")))
        case 5:
            return data[:at] + bytes(chance.randrange(128, 256) for _ in range(4)) + data[at:]
        case 6:
            return data + data[chance.randrange(len(data)) :]
        case 7:
            return data[:at] + chance.choice((b"[", b'{"a":')) * 100_000 + data[at:]
        case _:
            return b"" if chance.random() < 0.2 else data[:at] + b"\0" * 10 + data[at:]


def _change(document: Any, chance: random.Random) -> Any:
    places = list(_places(document))
    if not places:
        return _odd(chance)
    holder, key = chance.choice(places)
    value = holder[key]
    match chance.randrange(8):
        case 0 | 1 | 2:
            holder[key] = _odd(chance)
        case 3:
            del holder[key]
        case 4 if isinstance(holder, dict):
            holder[chance.choice((key.upper(), f"{key}s", "", key[:-1], "\x1b[2J\u202e"))] = holder.pop(key)
        case 5:
            other, name = chance.choice(places)
            # A copy: the document must stay a tree.
            holder[key] = copy.deepcopy(other[name]) if name in _keys(other) else None
        case 6 if isinstance(value, int | float) and not isinstance(value, bool):
            holder[key] = chance.choice((-value, value + 1, value * 10**9, str(value), [value], value + 0.5))
        case 6 if isinstance(value, str):
            holder[key] = chance.choice(
                (value[::-1], value + "\x1b[8m\u202e", value.upper(), [value], value * 1000)
            )
        case 6 | 7 if isinstance(value, list):
            holder[key] = chance.choice(
                (value * 2, value[:1], value[::-1], {str(n): item for n, item in enumerate(value)})
            )
        case _:
            holder[key] = chance.choice(([value], {"value": value}, str(value), None))
    return document


def _odd(chance: random.Random) -> Any:
    return copy.deepcopy(chance.choice(ODD))  # later changes must not reach ODD itself


def _keys(holder: Any) -> Any:
    return holder if isinstance(holder, dict) else range(len(holder))


def _places(document: Any) -> Iterator[tuple[Any, Any]]:
    """Every value of a document, as its container and its key there."""
    if isinstance(document, dict | list):
        for key in list(_keys(document)):
            yield document, key
            yield from _places(document[key])
