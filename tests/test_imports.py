"""The house's rule: imports go downwards only, and the two wings never meet below the command line."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "codecstudy"

LAYERS = (
    ("cli",),
    ("pipeline",),
    ("measurement", "report"),
    ("study", "analysis", "schedule", "execution", "store", "datasets"),
    ("metrics", "codecs"),
    ("images",),
    ("results", "host", "sampling"),
    ("types", "files", "errors"),
)
"""From the roof to the ground: a room may import from the rows below its own, and from its own row's left."""

READING_WING = {"report", "analysis"}
MEASURING_WING = {
    "pipeline", "measurement", "store", "study", "schedule", "execution", "datasets", "images", "metrics", "codecs",
    "sampling",
}  # fmt: skip


def room(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def imported_rooms(path: Path) -> set[str]:
    """Rooms that a module imports, at any depth of its code, but for type checking."""
    found: set[str] = set()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "codecstudy":
            parts = node.module.split(".")
            found |= {parts[1]} if len(parts) > 1 else {alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {a.name.split(".")[1] for a in node.names if a.name.startswith("codecstudy.")}
    return found - {"__version__"}


MODULES = sorted(p for p in SOURCE.rglob("*.py") if room(p) not in {"__init__", "__main__"})


def rank(name: str) -> int:
    for level, row in enumerate(LAYERS):
        if name in row:
            return level
    pytest.fail(f"the room {name!r} has no place in the layers: give it one in tests/test_imports.py")


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_imports_go_downwards(path: Path) -> None:
    here = room(path)
    for other in imported_rooms(path) - {here}:
        assert rank(here) <= rank(other), f"{here} must not import {other}, which stands above it"


def test_rows_hold_no_cycle() -> None:
    edges = {(room(p), other) for p in MODULES for other in imported_rooms(p) if other != room(p)}
    meet = {(a, b) for a, b in edges if (b, a) in edges}
    assert not meet


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_the_wings_never_meet(path: Path) -> None:
    here, others = room(path), imported_rooms(path)
    if here in READING_WING:
        assert not others & MEASURING_WING
    if here in MEASURING_WING:
        assert not others & READING_WING


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_only_the_command_line_prints_or_exits(path: Path) -> None:
    if room(path) == "cli":
        return
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in {"print", "exit", "quit"}, f"line {node.lineno} prints or exits"
